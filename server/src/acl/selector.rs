//! A selector: commands, keys and channels that are allowed together. A user has one of its own and any number in
//! parentheses beside it; a command runs if a single one of them allows all of it.

use crate::command::spec::{Access, Flags};
use crate::command::table::{Command, CommandTable};
use crate::config::{glob, split_args};
use crate::net::argv::Argv;

use super::commands::Commands;
use super::rule::{RuleError, has_blanks, is};
use super::{Denied, Grounds, Named, Reason};

/// What may be done to a key: bits.
const READ: u8 = 1;
const WRITE: u8 = 2;

#[derive(Clone, Debug, PartialEq, Eq)]
struct KeyPattern {
    pattern: Box<[u8]>,
    allows: u8,
}

/// See above.
#[derive(Clone, Debug, Default)]
pub struct Selector {
    commands: Commands,
    all_keys: bool,
    keys: Vec<KeyPattern>,
    all_channels: bool,
    channels: Vec<Box<[u8]>>,
}

impl Selector {
    /// One that allows nothing, except channels if that is the default.
    pub(super) fn new(grounds: &Grounds<'_>) -> Self {
        Self { all_channels: grounds.all_channels, ..Self::default() }
    }

    /// One that allows everything.
    pub(super) fn of_everything(table: &CommandTable) -> Self {
        let mut selector = Self { all_keys: true, all_channels: true, ..Self::default() };
        selector.commands.restart(true, table);
        selector
    }

    /// From the rules between parentheses.
    pub(super) fn parse(rules: &[u8], grounds: &Grounds<'_>) -> Result<Self, RuleError> {
        let mut selector = Self::new(grounds);
        for rule in split_args(rules).unwrap_or_default() {
            selector.apply(&rule, grounds)?;
        }
        Ok(selector)
    }

    /// Change it as a rule says. When the rule is wrong, nothing has changed.
    pub(super) fn apply(&mut self, rule: &[u8], grounds: &Grounds<'_>) -> Result<(), RuleError> {
        let table = grounds.table;
        if is(rule, "allkeys") || rule == b"~*" {
            self.all_keys = true;
            self.keys.clear();
        } else if is(rule, "resetkeys") {
            self.all_keys = false;
            self.keys.clear();
        } else if is(rule, "allchannels") || rule == b"&*" {
            self.all_channels = true;
            self.channels.clear();
        } else if is(rule, "resetchannels") {
            self.all_channels = false;
            self.channels.clear();
        } else if is(rule, "allcommands") || is(rule, "+@all") {
            self.commands.restart(true, table);
        } else if is(rule, "nocommands") || is(rule, "-@all") {
            self.commands.restart(false, table);
        } else {
            match rule {
                [b'~' | b'%', ..] => self.add_keys(rule)?,
                [b'&', pattern @ ..] => self.add_channel(pattern)?,
                [sign @ (b'+' | b'-'), what @ ..] => self.commands.apply(*sign == b'+', what, table)?,
                _ => return Err(RuleError::Syntax),
            }
        }
        Ok(())
    }

    /// `~pattern` or `%RW~pattern`.
    fn add_keys(&mut self, rule: &[u8]) -> Result<(), RuleError> {
        if self.all_keys {
            return Err(RuleError::KeysAfterAll);
        }
        let (allows, pattern) = match rule {
            [b'%', rest @ ..] => permissions(rest).ok_or(RuleError::Syntax)?,
            _ => (READ | WRITE, &rule[1..]),
        };
        if has_blanks(pattern) {
            return Err(RuleError::Syntax);
        }
        match self.keys.iter_mut().find(|known| *known.pattern == *pattern) {
            Some(known) => known.allows |= allows,
            None => self.keys.push(KeyPattern { pattern: pattern.into(), allows }),
        }
        Ok(())
    }

    fn add_channel(&mut self, pattern: &[u8]) -> Result<(), RuleError> {
        if self.all_channels {
            return Err(RuleError::ChannelsAfterAll);
        }
        if has_blanks(pattern) {
            return Err(RuleError::Syntax);
        }
        if !self.channels.iter().any(|known| **known == *pattern) {
            self.channels.push(pattern.into());
        }
        Ok(())
    }

    /// There are other commands now.
    pub(super) fn renew(&mut self, table: &CommandTable) {
        self.commands.renew(table);
    }

    /// Whether nothing is forbidden.
    pub(super) fn is_unlimited(&self) -> bool {
        self.commands.are_all() && self.all_keys && self.all_channels
    }

    /// Whether a command with these arguments is allowed; `named` are its keys and channels.
    pub(super) fn check(&self, command: &Command, argv: Argv<'_>, named: &Named<'_>) -> Result<(), Denied> {
        if !command.flags.has(Flags::NO_AUTH) && !self.commands.permit(command, argv) {
            return Err(Denied { reason: Reason::Command, position: 0 });
        }
        let keys = named.keys.iter().filter(|_| !self.all_keys);
        for (position, key, access) in keys {
            if !self.permits_key(key, *access) {
                return Err(Denied { reason: Reason::Key, position: *position });
            }
        }
        for position in named.channel_positions().filter(|_| !self.all_channels) {
            if !self.permits_channel(argv.at(position), named.patterns) {
                return Err(Denied { reason: Reason::Channel, position });
            }
        }
        Ok(())
    }

    /// Whether a key may be used like that.
    pub(super) fn permits_key(&self, key: &[u8], access: Access) -> bool {
        let needed = needed(access);
        self.all_keys
            || self
                .keys
                .iter()
                .any(|known| known.allows & needed == needed && glob::matches(&known.pattern, key, false))
    }

    /// Whether every key may be used like that.
    pub(super) fn permits_all_keys(&self, access: Access) -> bool {
        let needed = needed(access);
        self.all_keys
            || self.keys.iter().any(|known| known.allows & needed == needed && *known.pattern == *b"*")
    }

    /// Whether a channel may be used. A pattern must be among the allowed ones as it is: it may match more than one of them.
    pub(super) fn permits_channel(&self, name: &[u8], is_pattern: bool) -> bool {
        let fits = |known: &[u8]| if is_pattern { known == name } else { glob::matches(known, name, false) };
        self.all_channels || self.channels.iter().any(|known| fits(known))
    }

    /// Whether all channels are allowed, and if not, which patterns are.
    pub(super) fn channels(&self) -> (bool, &[Box<[u8]>]) {
        (self.all_channels, &self.channels)
    }

    /// The rules about commands.
    pub fn commands_text(&self) -> String {
        self.commands.describe()
    }

    /// The patterns of keys.
    pub fn keys_text(&self) -> Vec<u8> {
        if self.all_keys {
            return b"~*".to_vec();
        }
        let rules = self.keys.iter().map(|known| {
            let sign: &[u8] = match known.allows {
                READ => b"%R~",
                WRITE => b"%W~",
                _ => b"~",
            };
            [sign, &known.pattern].concat()
        });
        rules.collect::<Vec<_>>().join(&b' ')
    }

    /// The patterns of channels.
    pub fn channels_text(&self) -> Vec<u8> {
        if self.all_channels {
            return b"&*".to_vec();
        }
        let rules = self.channels.iter().map(|known| [b"&", &known[..]].concat());
        rules.collect::<Vec<_>>().join(&b' ')
    }

    /// The rules that make it.
    pub(super) fn describe(&self) -> Vec<u8> {
        let mut parts = Vec::new();
        let (keys, channels) = (self.keys_text(), self.channels_text());
        if !keys.is_empty() {
            parts.push(keys);
        }
        if !self.all_channels {
            parts.push(b"resetchannels".to_vec());
        }
        if !channels.is_empty() {
            parts.push(channels);
        }
        parts.push(self.commands_text().into_bytes());
        parts.join(&b' ')
    }
}

/// `RW~pattern`: what is allowed, and the pattern.
fn permissions(rule: &[u8]) -> Option<(u8, &[u8])> {
    let mut allows = 0;
    for (at, byte) in rule.iter().enumerate() {
        let more = match byte.to_ascii_uppercase() {
            b'R' => READ,
            b'W' => WRITE,
            b'~' if allows != 0 => return Some((allows, &rule[at + 1..])),
            _ => return None,
        };
        if allows & more != 0 {
            return None;
        }
        allows |= more;
    }
    None
}

/// What must be allowed for an access. Whoever only learns that a key exists, or its type, needs a pattern that matches, of any
/// kind.
fn needed(access: Access) -> u8 {
    let writes = Access::INSERT.with(Access::DELETE).with(Access::UPDATE);
    let read = if access.has(Access::ACCESS) { READ } else { 0 };
    read | if access.has(writes) { WRITE } else { 0 }
}
