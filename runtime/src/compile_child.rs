//! The process that compiles: the server's own executable, started again with a hidden first argument.
//!
//! Compiling a hostile module may take any amount of time and memory and may find a mistake in the compiler, so it happens
//! where that costs nobody anything: in a process that has limited itself, has no environment, no files and no
//! connections, and gets the module on its standard input. What it made goes to its standard output.

use std::io::{Read, Write};
use std::process::ExitCode;

use wit_component::ComponentEncoder;

use crate::composed;
use crate::direct;
use crate::engine_config;
use crate::load_error::LoadError;
use crate::probe::{Kind, probe};
use crate::rlimit;
use crate::text::one_line;

/// The hidden argument. Address space in bytes and CPU time in seconds follow it.
pub const ARGUMENT: &str = "--sandkey-compile";

/// To be raised when the child makes something else of the same module, so that what is in a cache is made anew.
pub(crate) const REVISION: u32 = 1;

/// The first byte of what the child writes, before the artifact or the sentence.
pub(crate) const COMPILED: u8 = b'A';
pub(crate) const INVALID: u8 = b'I';
pub(crate) const COMPOSED: u8 = b'P';

/// Do the child's work and end the process if its arguments ask for that; otherwise return at once. An executable that an
/// [`Engine`](crate::Engine) may start calls this first of all.
pub fn main_if_asked() {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_some_and(|first| first == ARGUMENT) {
        std::process::exit(if main() == ExitCode::SUCCESS { 0 } else { 1 });
    }
}

/// The child's work: a module from standard input, compiled, to standard output.
pub fn main() -> ExitCode {
    match work() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The parent reads this as the reason.
            let _ = writeln!(std::io::stderr(), "{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn work() -> anyhow::Result<()> {
    let mut limits = std::env::args().skip(2).map(|number| number.parse::<u64>());
    let mut limit = || limits.next().ok_or_else(|| anyhow::anyhow!("{ARGUMENT} needs two limits"));
    let (address_space, cpu_seconds) = (limit()??, limit()??);
    rlimit::confine(address_space, cpu_seconds)?;
    let mut wasm = Vec::new();
    std::io::stdin().lock().read_to_end(&mut wasm)?;
    let (kind, bytes) = match compile(&engine_config::engine()?, &wasm) {
        Ok(artifact) => (COMPILED, artifact),
        Err(LoadError::Composed) => (COMPOSED, Vec::new()),
        Err(LoadError::Invalid(sentence)) => (INVALID, sentence.into_bytes()),
        Err(other) => return Err(other.into()),
    };
    let mut out = std::io::stdout().lock();
    out.write_all(&[kind])?;
    out.write_all(&bytes)?;
    out.flush()?;
    Ok(())
}

/// Compile a component, or a core module that carries its WIT, to the bytes of an artifact.
pub(crate) fn compile(engine: &wasmtime::Engine, wasm: &[u8]) -> Result<Vec<u8>, LoadError> {
    let component = match probe(wasm)? {
        Kind::Component => None,
        Kind::CoreWithWit => Some(componentise(wasm)?),
    };
    let component = component.as_deref().unwrap_or(wasm);
    if composed::calls_between_parts(component).map_err(|error| invalid(&error.to_string()))? {
        return Err(LoadError::Composed);
    }
    let with_export = direct::export_core_module(component)?;
    let component = with_export.as_deref().unwrap_or(component);
    engine.precompile_component(component).map_err(|error| invalid(&format!("{error:#}")))
}

/// Make a component of what a Rust or C compiler made for `wasm32-unknown-unknown`.
fn componentise(wasm: &[u8]) -> Result<Vec<u8>, LoadError> {
    ComponentEncoder::default()
        .module(wasm)
        .and_then(|encoder| encoder.validate(false).encode())
        .map_err(|error| invalid(&format!("{error:#}")))
}

fn invalid(sentence: &str) -> LoadError {
    LoadError::Invalid(one_line(sentence, 500))
}
