//! All users of a tenant. Who changes them holds the lock; who asks for one gets it as it is now.
//! The lock is taken last and for a few microseconds; what follows from a change (a new generation, clients that must
//! go) is with those who make it.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::RwLock;

use crate::command::table::CommandTable;

use super::Grounds;
use super::log::AclLog;
use super::rule::{RuleError, merge_selectors};
use super::user::{DEFAULT, User};

/// Why ACL SETUSER changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SetError {
    /// A selector that begins with this is not closed.
    Unmatched(Vec<u8>),
    /// This rule is wrong.
    Rule(Vec<u8>, RuleError),
}

/// Users by name.
#[derive(Debug)]
pub struct Users {
    by_name: BTreeMap<Arc<[u8]>, Arc<User>>,
    last_id: u64,
}

impl Users {
    fn new(table: &CommandTable) -> Self {
        let mut users = Self { by_name: BTreeMap::new(), last_id: 0 };
        let id = users.next_id();
        users.put(User::unlimited(id, table));
        users
    }

    fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    fn put(&mut self, user: User) -> Arc<User> {
        let user = Arc::new(user);
        self.by_name.insert(Arc::clone(user.name()), Arc::clone(&user));
        user
    }

    /// One of them.
    pub fn get(&self, name: &[u8]) -> Option<&Arc<User>> {
        self.by_name.get(name)
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Arc<User>> {
        self.by_name.values()
    }

    /// Apply rules to a user, which is made if it is not there: all of them, or none. What it was before, and what it is now.
    pub fn set<'r>(
        &mut self,
        name: &[u8],
        rules: impl IntoIterator<Item = &'r [u8]>,
        grounds: &Grounds<'_>,
    ) -> Result<(Option<Arc<User>>, Arc<User>), SetError> {
        let rules = merge_selectors(rules).map_err(|first| SetError::Unmatched(first.to_vec()))?;
        let before = self.get(name).cloned();
        let mut user = match &before {
            Some(user) => User::clone(user),
            None => User::new(name, self.next_id(), grounds),
        };
        user.apply_all(&rules, grounds).map_err(|(rule, error)| SetError::Rule(rule, error))?;
        Ok((before, self.put(user)))
    }

    /// Take users out; how many there were. The default user stays.
    pub fn remove<'n>(&mut self, names: impl IntoIterator<Item = &'n [u8]>) -> usize {
        let known = names.into_iter().filter(|name| *name != DEFAULT && self.by_name.remove(*name).is_some());
        known.count()
    }

    /// Put other users in the place of all. Who keeps the name stays the same user; a default user there always is.
    pub fn replace(&mut self, users: Vec<User>, table: &CommandTable) {
        let before = std::mem::take(&mut self.by_name);
        for user in users {
            let id = before.get(user.name()).map(|known| known.id());
            let id = id.unwrap_or_else(|| self.next_id());
            self.put(user.with_id(id));
        }
        if self.get(DEFAULT).is_none() {
            let id = before.get(DEFAULT).map_or(0, |known| known.id());
            self.put(User::unlimited(id, table));
        }
    }

    /// There are other commands now.
    pub fn renew(&mut self, table: &CommandTable) {
        for user in self.by_name.values_mut() {
            let mut renewed = User::clone(user);
            renewed.renew(table);
            *user = Arc::new(renewed);
        }
    }

    /// `requirepass`: the only password of the default user; an empty one is none.
    pub fn set_default_password(&mut self, password: &[u8], grounds: &Grounds<'_>) {
        let rule = if password.is_empty() { b"nopass".to_vec() } else { [b">", password].concat() };
        // Neither rule can be wrong.
        let _ = self.set(DEFAULT, [&b"resetpass"[..], &rule], grounds);
    }
}

/// The users of a tenant, and what was refused to them.
#[derive(Debug)]
pub struct Acl {
    pub(crate) users: RwLock<Users>,
    /// What was refused.
    pub log: AclLog,
}

impl Acl {
    /// The default user only, who may do everything.
    pub fn new(table: &CommandTable) -> Self {
        Self { users: RwLock::new(Users::new(table)), log: AclLog::default() }
    }

    /// A user.
    pub fn user(&self, name: &[u8]) -> Option<Arc<User>> {
        self.users.read().get(name).cloned()
    }

    /// The user that everybody is who has not logged in.
    pub fn default_user(&self) -> Arc<User> {
        self.user(DEFAULT).expect("the default user cannot be removed")
    }

    /// All users, by name.
    pub fn list(&self) -> Vec<Arc<User>> {
        self.users.read().iter().cloned().collect()
    }

    /// The user of this name, if it may log in with this password.
    pub fn log_in(&self, name: &[u8], password: &[u8]) -> Option<Arc<User>> {
        self.user(name).filter(|user| user.takes(password))
    }
}
