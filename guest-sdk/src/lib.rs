//! Write modules for the Sandkey server in Rust.
//!
//! A module is a few ordinary functions and one table:
//!
//! ```
//! //! COUNT.UP counts.
//! use sandkey::prelude::*;
//!
//! /// Add to a counter, and reply with what it comes to.
//! #[command("count.up", write, fast, denyoom)]
//! fn up(_ctx: &Context, key: Key, by: Option<i64>) -> Result<i64> {
//!     key.incr_by(by.unwrap_or(1))
//! }
//!
//! module! { name: "count", version: 1, commands: [up] }
//! ```
//!
//! `cargo build --release --target wasm32-unknown-unknown` makes a file that `MODULE LOAD` takes as it is.
//! docs/writing-a-module.md leads from an empty folder to there; wit/ is the contract underneath.
//!
//! The signature is the specification. [`Key`] parameters become key specs, [`Option`], `Vec`, [`Many`] and [`Counted`]
//! decide the arity, names and the first line of documentation go to COMMAND DOCS. What a command returns becomes a
//! [`Reply`]; an [`Error`] undoes everything that the command wrote. Data is in strings, hashes, sets, lists, sorted sets and streams, or in values of a
//! [`DataType`] of the module's own.

#[cfg(all(target_arch = "wasm32", not(target_feature = "atomics"), feature = "allocator"))]
mod allocator;
mod argument;
mod bytes;
pub mod collections;
mod config;
mod context;
pub mod data_type;
mod element;
#[cfg(target_arch = "wasm32")]
mod entry;
mod error;
#[cfg(target_arch = "wasm32")]
mod exports;
mod hash;
mod host;
mod key;
mod list;
pub mod log;
#[cfg_attr(not(target_arch = "wasm32"), allow(dead_code, reason = "only tests use it natively"))]
mod lower;
mod module;
mod reply;
mod set;
mod sorted_set;
mod spec;
mod stream;
mod strings;
#[cfg(not(target_arch = "wasm32"))]
mod test;
mod value;
mod views;

pub use argument::{Arg, Args, Argument, Counted, Many};
pub use bytes::{FromBytes, ToBytes};
pub use config::{AnyConfig, Config, ConfigKind, ConfigSpec, ConfigType, ConfigValue};
pub use context::{Call, Circumstances, Client, Context};
pub use data_type::{DataType, Slot, TypeEntry, ValueMut, ValueRef};
pub use element::{Element, Writer};
pub use error::{Error, Result};
pub use hash::{Hash, ReadHash};
pub use key::{Key, ReadKey, ValueType};
pub use list::{End, List, ReadList};
pub use module::{Command, CommandEntry, Module, State};
pub use reply::Reply;
pub use sandkey_macros::{DataType, command, module};
pub use set::{ReadSet, Set};
pub use sorted_set::{ReadSortedSet, Scored, SortedSet};
pub use spec::{
    Access, ArgumentDoc, ArgumentKind, CommandSpec, FindKeys, Flags, KeySpec, KeySpecs, KeyUse, Repeat, Shape,
};
pub use stream::{Entries, Entry, EntryId, ReadStream, Stream, StreamInfo, Trim};
pub use strings::{Argv, Strings};
pub use value::Value;

#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub use entry::{argument_space, call};
#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub use exports::HasModule;
#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub use host::bindings;

/// The code in the guide must compile.
#[cfg(doctest)]
#[doc = include_str!("../../docs/writing-a-module.md")]
mod guide {}

/// What expanded macros refer to. Not for people.
#[doc(hidden)]
pub mod expanded {
    pub use crate::lower::{ERROR_CASES, REPLY_CASES};
    pub use crate::module::{all_taken, finish};
    pub use crate::spec::{arity, is_name, key_specs};
}

/// Everything that most modules need: `use sandkey::prelude::*;`
pub mod prelude {
    pub use crate::{
        Args, Config, Context, Counted, DataType, End, EntryId, Error, Hash, Key, List, Many, ReadHash,
        ReadKey, ReadList, ReadSet, ReadSortedSet, ReadStream, Reply, Result, Scored, Set, Slot, SortedSet,
        Stream, Trim, Value, ValueMut, ValueRef, ValueType,
    };
    pub use crate::{bail, command, debug, error, module, notice, verbose, warning};
}
