//! A user: whether and how it may log in, and the selectors that say what it may do. Users never change: a rule makes
//! another one, which takes the place of the old one when all rules were right.

use std::sync::Arc;

use crate::command::spec::Access;
use crate::command::table::{Command, CommandTable};
use crate::net::argv::Argv;

use super::password::PasswordHash;
use super::rule::{RuleError, is};
use super::selector::Selector;
use super::{Denied, Grounds, Named, Reason};

/// The name of the user that everybody is who has not logged in.
pub const DEFAULT: &[u8] = b"default";

/// See above.
#[derive(Clone, Debug)]
pub struct User {
    name: Arc<[u8]>,
    /// Never given twice: a user that was deleted is not the one that gets its name later.
    id: u64,
    enabled: bool,
    /// Any password does.
    nopass: bool,
    skips_sanitizing: bool,
    passwords: Vec<PasswordHash>,
    /// Its own permissions.
    root: Selector,
    /// What else it may do.
    selectors: Vec<Selector>,
    unlimited: bool,
}

impl User {
    /// One that can neither log in nor do anything.
    pub(super) fn new(name: &[u8], id: u64, grounds: &Grounds<'_>) -> Self {
        Self {
            name: name.into(),
            id,
            enabled: false,
            nopass: false,
            skips_sanitizing: false,
            passwords: Vec::new(),
            root: Selector::new(grounds),
            selectors: Vec::new(),
            unlimited: false,
        }
    }

    /// One that may do everything: the default user, unless somebody changes it, and whoever is no client.
    pub fn unlimited(id: u64, table: &CommandTable) -> Self {
        Self {
            name: DEFAULT.into(),
            id,
            enabled: true,
            nopass: true,
            skips_sanitizing: false,
            passwords: Vec::new(),
            root: Selector::of_everything(table),
            selectors: Vec::new(),
            unlimited: true,
        }
    }

    /// Apply all of these rules, or say which one is wrong, and why: then this user is of no use any more.
    pub(super) fn apply_all<R: AsRef<[u8]>>(
        &mut self,
        rules: &[R],
        grounds: &Grounds<'_>,
    ) -> Result<(), (Vec<u8>, RuleError)> {
        for rule in rules {
            let rule = rule.as_ref();
            self.apply(rule, grounds).map_err(|error| (rule.to_vec(), error))?;
        }
        Ok(())
    }

    /// Apply one rule. When it is wrong, nothing has changed.
    pub(super) fn apply(&mut self, rule: &[u8], grounds: &Grounds<'_>) -> Result<(), RuleError> {
        match rule {
            [] => {}
            [b'>', password @ ..] => self.add_password(PasswordHash::of(password)),
            [b'#', hash @ ..] => self.add_password(PasswordHash::parse(hash)?),
            [b'<', password @ ..] => self.remove_password(&PasswordHash::of(password))?,
            [b'!', hash @ ..] => self.remove_password(&PasswordHash::parse(hash)?)?,
            [b'(', rules @ .., b')'] => self.selectors.push(Selector::parse(rules, grounds)?),
            word if is(word, "on") => self.enabled = true,
            word if is(word, "off") => self.enabled = false,
            word if is(word, "skip-sanitize-payload") => self.skips_sanitizing = true,
            word if is(word, "sanitize-payload") => self.skips_sanitizing = false,
            word if is(word, "nopass") => {
                self.nopass = true;
                self.passwords.clear();
            }
            word if is(word, "resetpass") => {
                self.nopass = false;
                self.passwords.clear();
            }
            word if is(word, "clearselectors") => self.selectors.clear(),
            word if is(word, "reset") => {
                *self = Self { name: Arc::clone(&self.name), ..Self::new(b"", self.id, grounds) }
            }
            other => self.root.apply(other, grounds)?,
        }
        self.look_at_limits();
        Ok(())
    }

    fn add_password(&mut self, hash: PasswordHash) {
        if !self.passwords.contains(&hash) {
            self.passwords.push(hash);
        }
        self.nopass = false;
    }

    fn remove_password(&mut self, hash: &PasswordHash) -> Result<(), RuleError> {
        let position = self.passwords.iter().position(|known| known == hash);
        self.passwords.remove(position.ok_or(RuleError::NoSuchPassword)?);
        Ok(())
    }

    /// There are other commands now.
    pub(super) fn renew(&mut self, table: &CommandTable) {
        self.root.renew(table);
        self.selectors.iter_mut().for_each(|selector| selector.renew(table));
        self.look_at_limits();
    }

    fn look_at_limits(&mut self) {
        let unlimited = self.all_selectors().any(Selector::is_unlimited);
        self.unlimited = unlimited;
    }

    /// The same rules under the identity of another user, whose place it takes.
    pub(super) fn with_id(self, id: u64) -> Self {
        Self { id, ..self }
    }

    /// The same when it is gone, for who still acts for it: nobody can log in as it.
    pub fn disabled(&self) -> Self {
        Self { enabled: false, nopass: false, unlimited: false, passwords: Vec::new(), ..self.clone() }
    }

    /// Its name.
    pub fn name(&self) -> &Arc<[u8]> {
        &self.name
    }

    /// The number that no other user ever has.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Whether nothing is forbidden to it.
    #[inline]
    pub fn is_unlimited(&self) -> bool {
        self.unlimited
    }

    /// Whether it may log in.
    pub fn is_enabled(&self) -> bool {
        self.enabled
    }

    /// Whether any password does.
    pub fn needs_no_password(&self) -> bool {
        self.nopass
    }

    /// Whether who connects as the default user needs no login.
    #[inline]
    pub fn is_open(&self) -> bool {
        self.nopass && self.enabled
    }

    /// Whether it may log in with this password. All of its passwords are compared, whichever fits.
    pub fn takes(&self, password: &[u8]) -> bool {
        let hash = PasswordHash::of(password);
        let fits = self.passwords.iter().fold(false, |fits, known| known.is_same(&hash) | fits);
        self.enabled && (self.nopass || fits)
    }

    fn all_selectors(&self) -> impl Iterator<Item = &Selector> {
        std::iter::once(&self.root).chain(&self.selectors)
    }

    /// Its own permissions.
    pub fn root(&self) -> &Selector {
        &self.root
    }

    /// Those in parentheses.
    pub fn selectors(&self) -> &[Selector] {
        &self.selectors
    }

    /// Whether it may run a command with these arguments. If not, what is told is what the selector that came furthest found
    /// wrong: a key rather than the command, a channel rather than a key, and the last of several.
    pub fn check(&self, command: &Command, argv: Argv<'_>) -> Result<(), Denied> {
        if self.unlimited {
            return Ok(());
        }
        let named = Named::of(command, argv);
        let mut worst = Denied { reason: Reason::Command, position: 0 };
        for selector in self.all_selectors() {
            match selector.check(command, argv, &named) {
                Ok(()) => return Ok(()),
                Err(denied) => worst = worst.max(denied),
            }
        }
        Err(worst)
    }

    /// Whether it may use a key like that, with whatever command.
    pub fn permits_key(&self, key: &[u8], access: Access) -> bool {
        self.unlimited || self.all_selectors().any(|selector| selector.permits_key(key, access))
    }

    /// Whether it may run a command with these arguments, and use every key like that: SORT's patterns may name any.
    pub fn permits_with_all_keys(&self, command: &Command, argv: Argv<'_>, access: Access) -> bool {
        let named = Named::of(command, argv);
        self.unlimited
            || self.all_selectors().any(|selector| {
                selector.permits_all_keys(access) && selector.check(command, argv, &named).is_ok()
            })
    }

    /// Whether it may be subscribed to this.
    pub fn permits_channel(&self, name: &[u8], is_pattern: bool) -> bool {
        self.unlimited || self.all_selectors().any(|selector| selector.permits_channel(name, is_pattern))
    }

    /// Whether it may use all the channels that `before` might: then no subscription need be looked at.
    pub fn keeps_channels_of(&self, before: &Self) -> bool {
        let has = |pattern: &[u8]| {
            self.all_selectors().any(|now| now.channels().1.iter().any(|known| **known == *pattern))
        };
        self.all_selectors().any(|now| now.channels().0)
            || before
                .all_selectors()
                .all(|old| !old.channels().0 && old.channels().1.iter().all(|pattern| has(pattern)))
    }

    /// What ACL GETUSER calls its flags.
    pub fn flags(&self) -> impl Iterator<Item = &'static str> {
        let state = if self.enabled { "on" } else { "off" };
        let sanitizing = if self.skips_sanitizing { "skip-sanitize-payload" } else { "sanitize-payload" };
        [Some(state), self.nopass.then_some("nopass"), Some(sanitizing)].into_iter().flatten()
    }

    /// The hashes of its passwords.
    pub fn passwords(&self) -> impl ExactSizeIterator<Item = String> {
        self.passwords.iter().map(PasswordHash::hex)
    }

    /// The line that makes it: `user name rules...`.
    pub fn line(&self) -> Vec<u8> {
        let mut line = [b"user ", &self.name[..]].concat();
        for flag in self.flags() {
            line.push(b' ');
            line.extend_from_slice(flag.as_bytes());
        }
        for hash in self.passwords() {
            line.extend_from_slice(b" #");
            line.extend_from_slice(hash.as_bytes());
        }
        line.push(b' ');
        line.extend(self.root.describe());
        for selector in &self.selectors {
            line.extend_from_slice(b" (");
            line.extend(selector.describe());
            line.push(b')');
        }
        line
    }
}
