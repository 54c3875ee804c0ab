//! What a command declares about itself: name, arity, flags, keys, function and documentation.
//! Every family's file has a table of these rows; refusals, COMMAND INFO, COMMAND DOCS, ACL categories and completion
//! derive from the row and from nothing else. How a row runs is in `table` and `dispatch`.

use crate::net::argv::Argv;

use super::context::CommandContext;
use super::error::CommandResult;

/// A native command: arguments in, reply into the context's writer.
pub type Native = fn(&mut CommandContext<'_>, Argv<'_>) -> CommandResult;

/// Command flags, a set of bits. The names are Redis's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flags(pub u32);

macro_rules! flags {
    ($($(#[$doc:meta])* $name:ident = $bit:literal $text:literal;)*) => {
        impl Flags {
            $($(#[$doc])* pub const $name: Flags = Flags(1 << $bit);)*
            /// Every flag with the word that COMMAND INFO shows for it, in Redis's order.
            pub const NAMES: &'static [(Flags, &'static str)] = &[$((Flags::$name, $text)),*];
        }
        $($(#[$doc])* pub const $name: Flags = Flags::$name;)*
    };
}

flags! {
    /// It may change keys.
    WRITE = 0 "write";
    /// It reads keys and changes none.
    READ = 1 "readonly";
    /// It may use more memory: refused at `maxmemory`.
    OOM = 2 "denyoom";
    /// It belongs to a module.
    MODULE = 3 "module";
    /// For administrators.
    ADMIN = 4 "admin";
    /// About publish and subscribe.
    PUBSUB = 5 "pubsub";
    /// Modules and scripts may not run it.
    NOSCRIPT = 6 "noscript";
    /// It may block the client.
    BLOCKING = 7 "blocking";
    /// Allowed while data is being loaded.
    LOADING = 8 "loading";
    /// Allowed on a replica that has lost its primary.
    STALE = 9 "stale";
    /// Not shown in MONITOR.
    SKIP_MONITOR = 10 "skip_monitor";
    /// Not kept in SLOWLOG.
    SKIP_SLOWLOG = 11 "skip_slowlog";
    /// Constant or logarithmic time.
    FAST = 12 "fast";
    /// Allowed before AUTH.
    NO_AUTH = 13 "no_auth";
    /// Its keys cannot all be told from its arguments by position.
    MOVABLE_KEYS = 14 "movablekeys";
    /// It cannot be queued by MULTI.
    NO_MULTI = 15 "no_multi";
    /// It may replicate although it is a read.
    MAY_REPLICATE = 16 "";
    /// It cannot be run as asynchronous job.
    NO_ASYNC_LOADING = 17 "no_async_loading";
    /// Allowed while a script runs for too long. Here nothing holds up other clients like that; proxies read it.
    ALLOW_BUSY = 18 "allow_busy";
    /// It may be called without any key, although its key specs tell of some.
    NO_MANDATORY_KEYS = 19 "no_mandatory_keys";
    /// It runs at once inside MULTI instead of being queued (EXEC, DISCARD, WATCH, ...).
    NOT_QUEUED = 24 "";
    /// It touches keys that it does not name: it runs with the whole keyspace locked.
    ALL_KEYS = 25 "";
    /// It runs what MULTI has queued, under the locks of all of it.
    RUNS_QUEUE = 26 "";
    /// It looks at every shard, and locks one after the other for itself: it must find either none or all of them locked, so
    /// that inside EXEC the whole keyspace is locked.
    WALKS_KEYS = 27 "";
    /// It may turn out to need more keys than its arguments name, and then runs again with them locked. Inside EXEC, where it cannot run again,
    /// the whole keyspace is locked.
    FINDS_KEYS = 28 "";
}

impl std::ops::BitOr for Flags {
    type Output = Flags;
    fn bitor(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }
}

impl Flags {
    /// No flag.
    pub const NONE: Flags = Flags(0);

    /// The union, where a constant is needed.
    pub const fn with(self, other: Flags) -> Flags {
        Flags(self.0 | other.0)
    }

    /// Whether any of these is set.
    #[inline]
    pub const fn has(self, other: Flags) -> bool {
        self.0 & other.0 != 0
    }

    /// The words of COMMAND INFO.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES
            .iter()
            .filter(move |(flag, name)| self.has(*flag) && !name.is_empty())
            .map(|(_, name)| *name)
    }
}

/// What a command does to the keys of one key spec: the flags that COMMAND INFO shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access(pub u16);

impl Access {
    /// Read only.
    pub const RO: Access = Access(1);
    /// Read and write.
    pub const RW: Access = Access(1 << 1);
    /// Overwrite.
    pub const OW: Access = Access(1 << 2);
    /// Remove.
    pub const RM: Access = Access(1 << 3);
    /// The value is returned, or decides what is returned.
    pub const ACCESS: Access = Access(1 << 4);
    /// The value is changed.
    pub const UPDATE: Access = Access(1 << 5);
    /// Data is added to the value.
    pub const INSERT: Access = Access(1 << 6);
    /// The value, or a part of it, is deleted.
    pub const DELETE: Access = Access(1 << 7);
    /// It is named like a key and is none (a shard channel).
    pub const NOT_KEY: Access = Access(1 << 8);
    /// There may be keys that it does not find.
    pub const INCOMPLETE: Access = Access(1 << 9);
    /// Some uses of the command have other flags.
    pub const VARIABLE: Access = Access(1 << 10);

    /// The words of COMMAND INFO, in Redis's order.
    pub const NAMES: &'static [(Access, &'static str)] = &[
        (Access::RO, "RO"),
        (Access::RW, "RW"),
        (Access::OW, "OW"),
        (Access::RM, "RM"),
        (Access::ACCESS, "access"),
        (Access::UPDATE, "update"),
        (Access::INSERT, "insert"),
        (Access::DELETE, "delete"),
        (Access::NOT_KEY, "not_key"),
        (Access::INCOMPLETE, "incomplete"),
        (Access::VARIABLE, "variable_flags"),
    ];

    /// The union, where a constant is needed.
    pub const fn with(self, other: Access) -> Access {
        Access(self.0 | other.0)
    }

    /// Whether any of these is set.
    pub const fn has(self, other: Access) -> bool {
        self.0 & other.0 != 0
    }
}

/// How keys are found in the arguments; position 0 is the command's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Find {
    /// From `first` to `last` (negative: from the end) in steps.
    Range {
        /// The first position.
        first: usize,
        /// The last; -1 is the last argument.
        last: isize,
        /// 2 takes every second argument.
        step: usize,
    },
    /// `argv[count]` says how many keys there are from `first` on.
    Count {
        /// The position of the number.
        count: usize,
        /// The first position.
        first: usize,
        /// 2 takes every second argument.
        step: usize,
    },
    /// The argument after this word, looked for from position `from` on.
    Keyword {
        /// In capitals; clients may write it in any case of letters.
        word: &'static str,
        /// Where to begin to look.
        from: usize,
    },
    /// The first half of the arguments after STREAMS, which options stand before: XREAD's and XREADGROUP's own.
    Streams {
        /// Where clients that do not know the options should begin to look for the word.
        from: usize,
    },
    /// All arguments after this word, likewise.
    Trailing {
        /// In capitals.
        word: &'static str,
        /// Where to begin to look.
        from: usize,
    },
    /// Nowhere among the arguments: they are made of patterns, which have a `*`, and of what is stored. Clients are told that they are
    /// unknown.
    Derived,
    /// Behind the last STORE that is no argument of another option of SORT. Clients are told that it is unknown, as by Redis.
    SortStore,
}

/// Where keys are, and what is done to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeySpec {
    /// What is done to them.
    pub access: Access,
    /// Where they are.
    pub find: Find,
    /// Why it is so, where that surprises; empty if it does not.
    pub notes: &'static str,
}

impl KeySpec {
    /// The same with a word of explanation, which COMMAND INFO shows.
    pub const fn with_notes(self, notes: &'static str) -> KeySpec {
        KeySpec { notes, ..self }
    }
}

/// One key at a position.
pub const fn key(position: usize, access: Access) -> KeySpec {
    keys(position, position as isize, 1, access)
}

/// Keys from one position to another.
pub const fn keys(first: usize, last: isize, step: usize, access: Access) -> KeySpec {
    KeySpec { access, find: Find::Range { first, last, step }, notes: "" }
}

/// Accesses that many commands have.
pub mod access {
    use super::Access;

    /// GET and its like.
    pub const READ: Access = Access::RO.with(Access::ACCESS);
    /// The type, the length or the existence is read, not the value.
    pub const INSPECT: Access = Access::RO;
    /// INCR and its like.
    pub const MODIFY: Access = Access::RW.with(Access::ACCESS).with(Access::UPDATE);
    /// EXPIRE, APPEND and their like: changed without being returned.
    pub const UPDATE: Access = Access::RW.with(Access::UPDATE);
    /// HSETNX and its like.
    pub const INSERT: Access = Access::RW.with(Access::INSERT);
    /// SET and its like.
    pub const OVERWRITE: Access = Access::OW.with(Access::UPDATE);
    /// DEL and its like.
    pub const REMOVE: Access = Access::RM.with(Access::DELETE);
    /// HDEL and its like.
    pub const DELETE: Access = Access::RW.with(Access::DELETE);
}

/// Tips that many commands have, in the words of Redis 7.0: for clients that spread commands over a cluster or compare
/// replies.
pub mod tips {
    /// The reply depends on time, chance, or what the server is doing.
    pub const VARIES: &[&str] = &["nondeterministic_output"];
    /// The same elements may come in another order.
    pub const UNORDERED: &[&str] = &["nondeterministic_output_order"];
    /// To be split by the shards of its keys; the numbers that come back are added up.
    pub const SPLIT_SUM: &[&str] = &["request_policy:multi_shard", "response_policy:agg_sum"];
    /// To be split by the shards of its keys; every part must succeed.
    pub const SPLIT_OK: &[&str] = &["request_policy:multi_shard", "response_policy:all_succeeded"];
    /// For each shard; the numbers that come back are added up.
    pub const SHARDS_SUM: &[&str] = &["request_policy:all_shards", "response_policy:agg_sum"];
    /// For each shard; the smallest of the numbers that come back counts.
    pub const SHARDS_MIN: &[&str] = &["request_policy:all_shards", "response_policy:agg_min"];
    /// For each shard; all must succeed.
    pub const SHARDS_OK: &[&str] = &["request_policy:all_shards", "response_policy:all_succeeded"];
    /// For each node, replicas among them; all must succeed.
    pub const NODES_OK: &[&str] = &["request_policy:all_nodes", "response_policy:all_succeeded"];
}

/// One row of a family's table.
#[derive(Clone, Copy)]
pub struct Spec {
    /// In capitals, as people write it. A subcommand has its own name only.
    pub name: &'static str,
    /// The number of arguments with the name among them (for a subcommand: with both names); `-n` is n or more.
    pub arity: i32,
    /// What it may do.
    pub flags: Flags,
    /// Where its keys are.
    pub keys: &'static [KeySpec],
    /// What runs. A container has a function too: it answers when no subcommand is given.
    pub run: Native,
    /// The version of Redis that first had it.
    pub since: &'static str,
    /// Its cost.
    pub complexity: &'static str,
    /// One sentence.
    pub summary: &'static str,
    /// Its arguments in the notation of `docs`: `key [EX seconds|PX milliseconds] [field value ...]`.
    pub syntax: &'static str,
    /// ACL categories beside those that follow from flags and family.
    pub categories: &'static [&'static str],
    /// What a client that routes commands should know: the tips of COMMAND INFO.
    pub tips: &'static [&'static str],
    /// For a container such as CONFIG.
    pub subcommands: &'static [Spec],
}

/// A family of commands: one file.
#[derive(Clone, Copy)]
pub struct Family {
    /// The group of COMMAND DOCS and the ACL category.
    pub group: &'static str,
    /// Its rows.
    pub commands: &'static [Spec],
}

/// One row: `command!("GET", 2, READ | FAST, [key(1, access::READ)], get, "1.0.0", "O(1)", "summary", "key")`, and
/// optionally, in this order, `, categories: &[..]`, `, tips: &[..]` and `, subcommands: &[..]`.
#[macro_export]
macro_rules! command {
    ($name:literal, $arity:literal, $($flag:ident)|+, [$($key:expr),*], $run:expr,
     $since:literal, $complexity:literal, $summary:literal, $syntax:literal
     $(, categories: $categories:expr)? $(, tips: $tips:expr)? $(, subcommands: $subcommands:expr)? $(,)?) => {
        $crate::command::spec::Spec {
            name: $name,
            arity: $arity,
            flags: $crate::command::spec::Flags::NONE$(.with($crate::command::spec::Flags::$flag))+,
            keys: &[$($key),*],
            run: $run,
            since: $since,
            complexity: $complexity,
            summary: $summary,
            syntax: $syntax,
            categories: { #[allow(unused_mut, unused_assignments)] { let mut c: &'static [&'static str] = &[]; $(c = $categories;)? c } },
            tips: { #[allow(unused_mut, unused_assignments)] { let mut t: &'static [&'static str] = &[]; $(t = $tips;)? t } },
            subcommands: { #[allow(unused_mut, unused_assignments)] { let mut s: &'static [$crate::command::spec::Spec] = &[]; $(s = $subcommands;)? s } },
        }
    };
}
