//! Categories of commands: those that Redis has, and those that modules bring along. A category is a name that commands
//! carry; one that no command of a module carries any more is gone.

use crate::command::table::{Command, CommandTable};

/// The categories of native commands, in the order in which Redis lists them.
pub const CATEGORIES: [&str; 21] = [
    "keyspace",
    "read",
    "write",
    "set",
    "sortedset",
    "list",
    "hash",
    "string",
    "bitmap",
    "hyperloglog",
    "geo",
    "stream",
    "pubsub",
    "admin",
    "fast",
    "slow",
    "blocking",
    "dangerous",
    "connection",
    "transaction",
    "scripting",
];

/// Whether a command is in a category, which may be written in any case of letters.
pub fn is_in(command: &Command, category: &[u8]) -> bool {
    command.categories.iter().any(|name| category.eq_ignore_ascii_case(name.as_bytes()))
}

/// Whether there is such a category.
pub fn exists(table: &CommandTable, category: &[u8]) -> bool {
    CATEGORIES.iter().any(|name| category.eq_ignore_ascii_case(name.as_bytes()))
        || table.originals().any(|command| is_in(command, category))
}

/// All categories: those of modules behind the others, by name.
pub fn list(table: &CommandTable) -> Vec<String> {
    let names = table.originals().flat_map(|command| &command.categories);
    let mut own: Vec<String> = names.filter(|name| !CATEGORIES.contains(&name.as_str())).cloned().collect();
    own.sort_unstable();
    own.dedup();
    CATEGORIES.iter().map(|name| (*name).to_owned()).chain(own).collect()
}
