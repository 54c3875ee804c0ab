//! Why a module is not loaded: one line for the person who tried.

use std::time::Duration;

use crate::contract::Contradiction;
use crate::imports::VERSION;
use crate::trap::Trap;

/// A module that was refused. The text is the line.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LoadError {
    /// No bytes at all.
    #[error("the file is empty")]
    Empty,
    /// A native shared library or program.
    #[error(
        "the file is {0}: native code could do anything to this server, so only WebAssembly is loaded; \
         compile the module for wasm32 instead"
    )]
    Native(&'static str),
    /// Something else; the text says what it looks like.
    #[error("the file is not WebAssembly: it looks like {0}")]
    NotWasm(&'static str),
    /// The file ends in the middle of a section.
    #[error("the file is truncated: it ends in the middle of a section, after {0} bytes")]
    Truncated(usize),
    /// WebAssembly of a version that does not exist.
    #[error("the file is WebAssembly of the unknown version {0}")]
    UnknownVersion(u32),
    /// A core module that nobody could turn into a component.
    #[error(
        "the file is a core module without its WIT: it has no component-type section, so it was not built against \
         the contract sandkey:module"
    )]
    NoWit,
    /// More bytes than are taken.
    #[error("the file is too large: {bytes} bytes, of {most} allowed")]
    TooLarge {
        /// What it has.
        bytes: usize,
        /// What is taken.
        most: usize,
    },
    /// The compiler does not accept it.
    #[error("the module is invalid: {0}")]
    Invalid(String),
    /// Parts of it call each other through the component model.
    #[error(
        "the component is composed of parts that call each other, which this server cannot meter; link them into one module"
    )]
    Composed,
    /// Compiling took too long.
    #[error("the module takes too long to compile: more than {} seconds", .0.as_secs_f64())]
    CompileTime(Duration),
    /// Compiling took too much memory.
    #[error("the module takes too much memory to compile: more than {} MB", .0 >> 20)]
    CompileMemory(u64),
    /// The compiler could not be run, or died.
    #[error("the module could not be compiled: {0}")]
    Compiler(String),
    /// It was built against another version of the contract.
    #[error("the module wants {wants}, and this server has sandkey:module@{VERSION}")]
    WrongVersion {
        /// The package that it wants, with its version.
        wants: String,
    },
    /// It imports what is not there.
    #[error("the module imports {0}, which this server does not give")]
    UnknownImport(String),
    /// It imports something that is there with another type.
    #[error("the module imports {0}")]
    BadImport(String),
    /// It does not export what a module must.
    #[error("the module does not export {0}, so it is not a module for sandkey:module@{VERSION}")]
    MissingExport(String),
    /// It exports something under a right name with a wrong type.
    #[error("the module's export has a wrong type: {0}")]
    BadExport(String),
    /// It could not be brought to the point where `init` is called.
    #[error("the module could not be started: {0}")]
    Start(Trap),
    /// `init` trapped or used up its fuel.
    #[error("the module's init failed: {0}")]
    InitTrapped(Trap),
    /// `init` answered with an error.
    #[error("the module refuses to start: {0}")]
    InitRefused(String),
    /// The manifest contradicts itself.
    #[error("the module's manifest is wrong: {0}")]
    Manifest(#[from] Contradiction),
    /// A second instance declared something else than the first.
    #[error("the module's init declares something else than it did before, with the same arguments")]
    ManifestChanged,
}
