//! Which commands a selector allows: the ordered rules, which say it to people and to files, and what follows from them
//! for the commands that there are now, a bit for each. The bits are made anew when modules come or go.

use std::collections::BTreeMap;

use crate::command::table::{Command, CommandTable};
use crate::net::argv::Argv;

use super::category;
use super::rule::RuleError;

/// `+get`, `-@hash`, `+select|0`, without the sign.
#[derive(Clone, Debug, PartialEq, Eq)]
struct CommandRule {
    allow: bool,
    /// In small letters.
    what: String,
}

/// The commands of a selector.
#[derive(Clone, Debug, Default)]
pub(super) struct Commands {
    /// It begins with all commands, those that modules will bring among them, rather than with none.
    starts_with_all: bool,
    rules: Vec<CommandRule>,
    allowed: Allowed,
}

/// What follows from the rules.
#[derive(Clone, Debug, Default)]
struct Allowed {
    /// Nothing was taken away.
    all: bool,
    /// By the number of the command.
    bits: Vec<u64>,
    /// Commands that are allowed with one of these words behind them only.
    first_args: BTreeMap<u32, Vec<Box<[u8]>>>,
}

impl Commands {
    /// `+@all` or `-@all`.
    pub(super) fn restart(&mut self, all: bool, table: &CommandTable) {
        *self = Self { starts_with_all: all, rules: Vec::new(), allowed: Allowed::start(all, table) };
    }

    /// A rule that begins with `+` or `-`.
    pub(super) fn apply(&mut self, allow: bool, what: &[u8], table: &CommandTable) -> Result<(), RuleError> {
        let what = std::str::from_utf8(what).map_err(|_| RuleError::Unknown)?;
        let what = self.allowed.apply(allow, what, table)?;
        self.note(CommandRule { allow, what });
        Ok(())
    }

    /// Keep a rule, without those before it that it overrides: the same one, and those about its subcommands.
    fn note(&mut self, rule: CommandRule) {
        self.rules.retain(|old| {
            let rest = old.what.strip_prefix(rule.what.as_str());
            !rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('|'))
        });
        self.rules.push(rule);
    }

    /// Look at all rules again: there are other commands now. Rules about what is gone wait for it to come back.
    pub(super) fn renew(&mut self, table: &CommandTable) {
        self.allowed = Allowed::start(self.starts_with_all, table);
        for rule in &self.rules {
            let _ = self.allowed.apply(rule.allow, &rule.what, table);
        }
    }

    /// Whether every command is allowed, whatever it may be.
    #[inline]
    pub(super) fn are_all(&self) -> bool {
        self.allowed.all
    }

    /// Whether this command is allowed with these arguments.
    pub(super) fn permit(&self, command: &Command, argv: Argv<'_>) -> bool {
        let word = |words: &Vec<Box<[u8]>>| {
            argv.get(1).is_some_and(|arg| words.iter().any(|word| word.eq_ignore_ascii_case(arg)))
        };
        self.allowed.all
            || self.allowed.has(command.id)
            || self.allowed.first_args.get(&command.id).is_some_and(word)
    }

    /// The rules as ACL GETUSER shows them.
    pub(super) fn describe(&self) -> String {
        let mut text = if self.starts_with_all { "+@all" } else { "-@all" }.to_owned();
        for rule in &self.rules {
            text.push_str(if rule.allow { " +" } else { " -" });
            text.push_str(&rule.what);
        }
        text
    }
}

impl Allowed {
    fn start(all: bool, table: &CommandTable) -> Self {
        let mut allowed = Self { all, ..Self::default() };
        if all {
            table.originals().for_each(|command| allowed.set(command.id, true));
        }
        allowed
    }

    fn has(&self, id: u32) -> bool {
        self.bits.get(id as usize / 64).is_some_and(|word| word >> (id % 64) & 1 == 1)
    }

    fn set(&mut self, id: u32, allow: bool) {
        let word = id as usize / 64;
        if self.bits.len() <= word {
            self.bits.resize(word + 1, 0);
        }
        if allow {
            self.bits[word] |= 1 << (id % 64);
        } else {
            self.bits[word] &= !(1 << (id % 64));
            self.all = false;
        }
    }

    /// A command, and what is in it if it is a container.
    fn set_command(&mut self, command: &Command, allow: bool) {
        self.set(command.id, allow);
        self.first_args.remove(&command.id);
        command.subcommands.values().for_each(|sub| self.set(sub.id, allow));
    }

    /// Do what a rule says; under which name it is kept.
    fn apply(&mut self, allow: bool, what: &str, table: &CommandTable) -> Result<String, RuleError> {
        let lower = what.to_ascii_lowercase();
        if let Some(category) = lower.strip_prefix('@') {
            if !category::exists(table, category.as_bytes()) {
                return Err(RuleError::Unknown);
            }
            let members = table.originals().filter(|command| category::is_in(command, category.as_bytes()));
            members.for_each(|command| self.set_command(command, allow));
            return Ok(lower);
        }
        if let Some((name, argument)) = lower.rsplit_once('|').filter(|_| allow) {
            let command = table.find_original(name).ok_or(RuleError::Unknown)?;
            if name.contains('|') {
                return Err(RuleError::ArgumentOfSubcommand);
            }
            if argument.is_empty() {
                return Err(RuleError::Syntax);
            }
            if command.subcommands.is_empty() {
                let words = self.first_args.entry(command.id).or_default();
                if !words.iter().any(|word| **word == *argument.as_bytes()) {
                    words.push(argument.as_bytes().into());
                }
                return Ok(lower);
            }
        }
        let command = table.find_original(&lower).ok_or(RuleError::Unknown)?;
        self.set_command(command, allow);
        Ok(command.name.clone())
    }
}
