//! Every directive that there is, in one table. Parsing, CONFIG GET, CONFIG SET, CONFIG REWRITE, hints in error
//! messages and docs/configuration.md all derive from it.
//!
//! Names, bounds and defaults are those of redis-server 7.0.15; a test compares them with the real one. A directive
//! that the server does not act upon is still read, checked, kept and printed, because tools set and read it; its
//! row says why nothing follows from it, and the server says so when one is set.

mod durability;
mod ours;
mod replication;
mod server;
mod storage;
mod texts;
mod words;

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use super::kind::{Kind, Value};
use super::line::split_args;

pub use words::*;

/// What holds of a directive, besides its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flags(u8);

impl Flags {
    /// CONFIG SET may change it.
    pub const MUTABLE: Self = Self(0);
    /// Only the start sets it.
    pub const IMMUTABLE: Self = Self(1);
    /// It may not appear in logs, the slow log or MONITOR.
    pub const SENSITIVE: Self = Self(1 << 1);
    /// CONFIG SET may change it only as `enable-protected-configs` allows.
    pub const PROTECTED: Self = Self(1 << 2);
    /// CONFIG GET shows it only under its full name.
    pub const HIDDEN: Self = Self(1 << 3);
    /// CONFIG SET may not change it while the server is loading its data.
    pub const DENY_LOADING: Self = Self(1 << 4);
    /// Setting it to the same value again takes effect: the file behind it may be a new one.
    pub const VOLATILE: Self = Self(1 << 5);
    /// Only the start sets it, but CONFIG SET takes the value that it has: tools write back all that they have read, and leave out
    /// only what they know to be immutable.
    pub const FIXED: Self = Self(1 << 6 | Self::IMMUTABLE.0);

    /// Both sets of flags.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all flags of `other` are set.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// What follows from a directive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The server acts upon it.
    Acts,
    /// The value is kept and printed, and nothing follows from it, for this reason.
    Stored(&'static str),
}

/// One row of the table.
#[derive(Debug)]
pub struct Directive {
    /// The name, in lower case.
    pub name: &'static str,
    /// The older or newer name of the same thing.
    pub alias: Option<&'static str>,
    /// What it takes.
    pub kind: Kind,
    /// The value when nobody gives one, as it would stand in a file.
    pub default: &'static str,
    /// What else holds.
    pub flags: Flags,
    /// What follows from it.
    pub effect: Effect,
    /// One sentence for people.
    pub summary: &'static str,
}

impl Directive {
    /// Whether it takes several words, so that one quoted word is split at its blanks.
    #[must_use]
    pub fn is_multi_arg(&self) -> bool {
        matches!(
            self.kind,
            Kind::Flags(_)
                | Kind::Save
                | Kind::OutputLimits
                | Kind::OomValues
                | Kind::Bind
                | Kind::ReplicaOf
                | Kind::Percentiles
        )
    }

    /// The value when nobody gives one. Of `dir` it is `/`, which the start replaces by where it was started.
    #[must_use]
    pub fn default_value(&self) -> Value {
        let words = if self.is_multi_arg() {
            split_args(self.default.as_bytes()).unwrap_or_default()
        } else {
            vec![self.default.as_bytes().to_vec()]
        };
        let nothing = match self.kind {
            Kind::ReplicaOf => return Value::ReplicaOf(None),
            _ => Value::Bool(false),
        };
        // The table is constant, and a test reads all of its defaults.
        self.kind.parse(&words, &nothing).expect("a default in the table is within its own bounds")
    }
}

/// A row without an alias.
const fn row(
    name: &'static str,
    kind: Kind,
    default: &'static str,
    flags: Flags,
    effect: Effect,
    summary: &'static str,
) -> Directive {
    Directive { name, alias: None, kind, default, flags, effect, summary }
}

impl Directive {
    /// The row with another name for the same thing.
    const fn alias(mut self, alias: &'static str) -> Self {
        self.alias = Some(alias);
        self
    }
}

/// A part of the table under a heading.
#[derive(Debug)]
pub struct Group {
    /// The heading.
    pub title: &'static str,
    /// The rows, in the order in which they are documented and rewritten.
    pub rows: &'static [Directive],
}

/// The table.
pub static GROUPS: &[&Group] = &[
    &server::NETWORK,
    &server::TLS,
    &server::GENERAL,
    &server::CLIENTS,
    &server::OBSERVING,
    &ours::MODULES,
    &ours::METRICS,
    &storage::MEMORY,
    &storage::ENCODINGS,
    &durability::SNAPSHOTS,
    &durability::APPEND_ONLY_FILE,
    &replication::REPLICATION,
    &replication::CLUSTER,
    &server::DEBUGGING,
];

/// Directives that were once there: a file that has one still starts, and nothing follows.
pub(crate) const RETIRED: [&str; 3] =
    ["list-max-ziplist-entries", "list-max-ziplist-value", "lua-replicate-commands"];

/// Directives that stand in files and on command lines only: CONFIG GET and SET do not know them.
pub(crate) const FILE_ONLY: [(&str, &str); 4] = [
    ("include", "one file, or a pattern of files"),
    ("loadmodule", "a path, then the module's arguments"),
    ("rename-command", "a command, and its new name or \"\" to remove it"),
    ("user", "a user's name, then ACL rules"),
];

/// A row's place in the table; the index of its value.
pub(crate) type Place = usize;

/// Names and aliases in lower case, with their rows.
static PLACES: LazyLock<HashMap<&'static str, (Place, &'static Directive)>> = LazyLock::new(|| {
    let mut places = HashMap::new();
    for (place, directive) in directives().enumerate() {
        places.insert(directive.name, (place, directive));
        if let Some(alias) = directive.alias {
            places.insert(alias, (place, directive));
        }
    }
    places
});

/// All rows in order.
pub fn directives() -> impl Iterator<Item = &'static Directive> {
    GROUPS.iter().flat_map(|group| group.rows)
}

/// The row that has this name or alias, in any case of letters, and its place.
pub(crate) fn lookup(name: &[u8]) -> Option<(Place, &'static Directive)> {
    let name = std::str::from_utf8(name).ok()?.to_ascii_lowercase();
    PLACES.get(name.as_str()).copied()
}

/// The row of a directive, by name or alias in any case of letters.
#[must_use]
pub fn find(name: &[u8]) -> Option<&'static Directive> {
    lookup(name).map(|(_, directive)| directive)
}

/// Whether the argument after this name may not appear in logs, the slow log or MONITOR.
#[must_use]
pub fn is_sensitive(name: &[u8]) -> bool {
    find(name).is_some_and(|directive| directive.flags.has(Flags::SENSITIVE))
}

/// All defaults, in the order of the table.
pub(crate) fn default_values() -> Vec<Value> {
    directives().map(Directive::default_value).collect()
}

/// All defaults, shared.
pub(crate) static DEFAULTS: LazyLock<Arc<[Value]>> = LazyLock::new(|| default_values().into());

/// The name that is written most like `name`, when one is near enough to be what was meant.
#[must_use]
pub fn nearest(name: &[u8]) -> Option<&'static str> {
    let name = String::from_utf8_lossy(name).to_ascii_lowercase().replace('_', "-");
    let known = PLACES.keys().copied().chain(FILE_ONLY.iter().map(|(name, _)| *name));
    let scored = known.map(|known| (distance(name.as_bytes(), known.as_bytes()), known));
    // The name breaks ties, so that the answer is always the same.
    let (edits, known) = scored.min()?;
    (edits <= 1 + known.len().min(name.len()) / 4).then_some(known)
}

/// How many bytes to insert, remove, replace or swap to make `b` of `a`.
fn distance(a: &[u8], b: &[u8]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut this = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let mut cost = (last[j] + usize::from(x != y)).min(last[j + 1] + 1).min(this[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                cost = cost.min(before[j - 1] + 1);
            }
            this.push(cost);
        }
        before = std::mem::replace(&mut last, this);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests;
