//! Who may do what: the users of a tenant, the rules that make them, and the log of what was refused.
//!
//! A session holds its user as an [`Arc`] and finds another one when the tenant's generation has grown, as it does when
//! commands or users change. A user that may do everything costs a command one comparison. Permissions are asked for in
//! `command::permission` and nowhere else; nothing here knows a client or a reply.

pub mod category;
mod commands;
pub mod file;
pub mod log;
mod password;
pub mod rule;
mod selector;
#[cfg(test)]
mod tests;
mod user;
mod users;

use smallvec::SmallVec;

use crate::command::key_access;
use crate::command::spec::Access;
use crate::command::table::{Command, CommandTable};
use crate::net::argv::Argv;

pub use log::AclLog;
pub use selector::Selector;
pub use user::{DEFAULT, User};
pub use users::{Acl, SetError, Users};

/// What a rule is understood by.
#[derive(Clone, Copy)]
pub struct Grounds<'g> {
    /// The commands that there are.
    pub table: &'g CommandTable,
    /// Whether a new user may use all channels: `acl-pubsub-default`.
    pub all_channels: bool,
}

/// What is refused. In the order of how far a command came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// The command.
    Command,
    /// One of its keys.
    Key,
    /// A login.
    Auth,
    /// A channel.
    Channel,
}

impl Reason {
    /// All of them.
    pub const ALL: [Reason; 4] = [Reason::Command, Reason::Key, Reason::Auth, Reason::Channel];

    /// As ACL LOG and INFO call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Command => "command",
            Self::Key => "key",
            Self::Auth => "auth",
            Self::Channel => "channel",
        }
    }
}

/// Why a command may not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Denied {
    /// What is refused.
    pub reason: Reason,
    /// Which argument it is.
    pub position: usize,
}

impl Denied {
    /// What the client is told, who may not learn which of its arguments it was.
    pub fn line(&self, user: &User, command: &Command) -> Vec<u8> {
        match self.reason {
            Reason::Command => {
                let rest = format!(" has no permissions to run the '{}' command", command.name);
                [b"User ", &user.name()[..], rest.as_bytes()].concat()
            }
            Reason::Channel => b"No permissions to access a channel".to_vec(),
            Reason::Key | Reason::Auth => b"No permissions to access a key".to_vec(),
        }
    }

    /// The same for who asks on behalf of the user, with the argument.
    pub fn line_with_argument(&self, user: &User, command: &Command, argv: Argv<'_>) -> Vec<u8> {
        let kind = match self.reason {
            Reason::Command => return self.line(user, command),
            Reason::Channel => "channel",
            Reason::Key | Reason::Auth => "key",
        };
        let argument = argv.get(self.position).unwrap_or_default();
        let end = format!("' {kind}");
        [b"User ", &user.name()[..], b" has no permissions to access the '", argument, end.as_bytes()]
            .concat()
    }
}

/// Keys and channels among the arguments of a command: found once, for all selectors.
pub(crate) struct Named<'a> {
    keys: SmallVec<[(usize, &'a [u8], Access); 4]>,
    channels: Option<std::ops::Range<usize>>,
    /// The channels are patterns.
    patterns: bool,
}

impl<'a> Named<'a> {
    fn of(command: &Command, argv: Argv<'a>) -> Self {
        let mut keys = SmallVec::new();
        key_access::for_each_key(command, argv, |position, key, access| keys.push((position, key, access)));
        let channels = key_access::channels(command, argv);
        Self { keys, patterns: command.name == "psubscribe", channels }
    }

    fn channel_positions(&self) -> std::ops::Range<usize> {
        self.channels.clone().unwrap_or_default()
    }
}
