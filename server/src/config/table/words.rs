//! The words that enumerated directives take, each list with the type that the server reads it into.

use super::super::kind::{Value, Words};
use super::super::snapshot::FromValue;

/// An enumeration whose variants are the words of a directive.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$vdoc])* $variant,)+ }

        impl $name {
            /// The words in the order in which errors list them.
            pub const WORDS: Words = &[$(($word, Self::$variant as u32),)+];
        }

        impl FromValue for $name {
            fn from_value(value: &Value) -> Option<Self> {
                let Value::Word(number) = value else { return None };
                [$(Self::$variant,)+].into_iter().find(|variant| *variant as u32 == *number)
            }
        }
    };
}

words! {
    /// `loglevel`: the least important messages that are still logged.
    LogLevel {
        /// Everything.
        Debug = "debug",
        /// Much that is rarely needed.
        Verbose = "verbose",
        /// What one wants to know in production.
        Notice = "notice",
        /// Only what matters or worries.
        Warning = "warning",
        /// Nothing.
        Nothing = "nothing",
    }
}

words! {
    /// `maxmemory-policy`: which keys go when memory is full.
    MaxmemoryPolicy {
        /// Those with a time to live, not used for longest first.
        VolatileLru = "volatile-lru",
        /// Those with a time to live, least often used first.
        VolatileLfu = "volatile-lfu",
        /// Those with a time to live, at random.
        VolatileRandom = "volatile-random",
        /// Those with a time to live, the nearest to its end first.
        VolatileTtl = "volatile-ttl",
        /// Any, not used for longest first.
        AllkeysLru = "allkeys-lru",
        /// Any, least often used first.
        AllkeysLfu = "allkeys-lfu",
        /// Any, at random.
        AllkeysRandom = "allkeys-random",
        /// None: commands that need memory are refused.
        NoEviction = "noeviction",
    }
}

words! {
    /// Who may do something dangerous: `enable-debug-command` and its like.
    Protection {
        /// Nobody.
        No = "no",
        /// Everybody.
        Yes = "yes",
        /// Clients on this machine.
        Local = "local",
    }
}

impl Protection {
    /// Whether a client may, that is connected from this machine or not.
    #[must_use]
    pub fn allows(self, local: bool) -> bool {
        match self {
            Self::No => false,
            Self::Yes => true,
            Self::Local => local,
        }
    }
}

words! {
    /// `appendfsync`: when the append-only file is forced to disk.
    AppendFsync {
        /// Once a second.
        EverySec = "everysec",
        /// Before a write is acknowledged.
        Always = "always",
        /// When the system does.
        No = "no",
    }
}

words! {
    /// `tls-auth-clients`: whether a client must show a certificate.
    TlsAuthClients {
        /// It is not asked for one.
        No = "no",
        /// It must.
        Yes = "yes",
        /// It may, and then it must be a good one.
        Optional = "optional",
    }
}

words! {
    /// `supervised`: who watches the process.
    Supervised {
        /// upstart.
        Upstart = "upstart",
        /// systemd, which is told when the server is ready.
        Systemd = "systemd",
        /// Whichever the environment shows.
        Auto = "auto",
        /// Nobody.
        No = "no",
    }
}

words! {
    /// `acl-pubsub-default`: the channels of a new user.
    AclPubsubDefault {
        /// All.
        AllChannels = "allchannels",
        /// None.
        ResetChannels = "resetchannels",
    }
}

words! {
    /// `sanitize-dump-payload`: whose RESTORE payloads are checked in depth.
    SanitizeDumpPayload {
        /// Nobody's.
        No = "no",
        /// Everybody's.
        Yes = "yes",
        /// Those of clients.
        Clients = "clients",
    }
}

words! {
    /// `repl-diskless-load`: how a replica takes its primary's data.
    ReplDisklessLoad {
        /// Through a file.
        Disabled = "disabled",
        /// From the socket when it has no data.
        OnEmptyDb = "on-empty-db",
        /// From the socket, beside the data that it has.
        SwapDb = "swapdb",
    }
}

words! {
    /// `cluster-preferred-endpoint-type`: what redirections name.
    EndpointType {
        /// The address.
        Ip = "ip",
        /// The host name.
        Hostname = "hostname",
        /// Neither.
        UnknownEndpoint = "unknown-endpoint",
    }
}

words! {
    /// `propagation-error-behavior`: what a replica does when a command from its primary fails.
    PropagationErrorBehavior {
        /// Go on.
        Ignore = "ignore",
        /// Stop.
        Panic = "panic",
        /// Stop if it is a replica.
        PanicOnReplicas = "panic-on-replicas",
    }
}

words! {
    /// `syslog-facility`.
    SyslogFacility {
        /// user
        User = "user",
        /// local0
        Local0 = "local0",
        /// local1
        Local1 = "local1",
        /// local2
        Local2 = "local2",
        /// local3
        Local3 = "local3",
        /// local4
        Local4 = "local4",
        /// local5
        Local5 = "local5",
        /// local6
        Local6 = "local6",
        /// local7
        Local7 = "local7",
    }
}

/// `oom-score-adj`: `yes` is the older word for `relative`.
pub(super) const OOM_SCORE_ADJ: Words = &[("no", 0), ("yes", 1), ("relative", 1), ("absolute", 2)];

/// What a signal makes the server do: `shutdown-on-sigint` and `shutdown-on-sigterm`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShutdownFlags {
    /// Save a snapshot even without save points.
    pub save: bool,
    /// Save no snapshot.
    pub nosave: bool,
    /// Do not wait for replicas.
    pub now: bool,
    /// Go on when something fails.
    pub force: bool,
}

impl ShutdownFlags {
    /// The words.
    pub const WORDS: Words = &[("default", 0), ("save", 1), ("nosave", 2), ("now", 4), ("force", 8)];
}

impl FromValue for ShutdownFlags {
    fn from_value(value: &Value) -> Option<Self> {
        let Value::Word(bits) = *value else { return None };
        let has = |bit| bits & bit != 0;
        Some(Self { save: has(1), nosave: has(2), now: has(4), force: has(8) })
    }
}
