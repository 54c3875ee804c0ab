//! The contract in our own types: what a module declares, what it is given and what it answers.
//!
//! They are made once, from what crossed the boundary, and checked then; after that nothing doubts them. The types
//! that are generated from `wit/` are larger, borrow from the guest, and never leave this crate.

mod argv;
mod check;
mod manifest;
mod reply;
mod stream;

pub use check::Contradiction;
pub(crate) use check::{Declared, Exported, check};

pub use argv::{Argv, ArgvBuf, ValuesBuf};
pub use manifest::{
    ArgumentKind, Command, CommandArgument, CommandDocs, CommandFlags, Config, ConfigKind, ConfigValue,
    DataType, FindKeys, KeyAccess, KeySpec, Manifest, State,
};
pub use reply::{Error, Reply, Resp3};
pub use stream::{EntryHeads, EntryId, StreamInfo, Trimming};
