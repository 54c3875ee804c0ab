//! The data of the fake server: databases of strings, hashes, sets, lists, sorted sets, streams and values of modules (`values`), and who is asking. Small and slow on purpose: maps that are
//! ordered, so that tests see the same thing every time, and copied whole before a command, so that undoing is certain.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;

use super::streams::Log;
use super::values::{Value, Values};
use crate::context::{Circumstances, Client};
use crate::error::{Error, Result};
use crate::reply::Reply;
use crate::spec::{FindKeys, KeySpec};
use crate::strings::Strings;

/// Redis's default for `proto-max-bulk-len`.
pub(super) const STRING_LEN_MAX: usize = 512 * 1024 * 1024;

/// How many keys one command may have open, as in the contract.
pub(super) const OPEN_KEYS_MAX: usize = 65_536;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Data {
    Text(Vec<u8>),
    Fields(BTreeMap<Vec<u8>, Vec<u8>>),
    Members(BTreeSet<Vec<u8>>),
    Elements(VecDeque<Vec<u8>>),
    Scores(BTreeMap<Vec<u8>, f64>),
    Log(Log),
    Value(Value),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub(super) data: Data,
    pub(super) expires_at_ms: Option<u64>,
}

pub(super) type Database = BTreeMap<Vec<u8>, Entry>;

/// What a test wants a called command to answer.
pub(crate) type CallAnswer = Rc<dyn Fn(&[&[u8]]) -> Result<Reply>>;

/// What the running command may do.
#[derive(Debug, Clone)]
pub(crate) struct Rights {
    /// Change keys.
    pub(crate) write: bool,
    /// Open any key.
    pub(crate) all_keys: bool,
    /// Run again with the keys that it found.
    pub(crate) finds_keys: bool,
    /// Or only these; `None` outside of a command, where a test looks around.
    pub(crate) declared: Option<BTreeSet<Vec<u8>>>,
}

/// Everything that a test can set and see.
pub(crate) struct World {
    pub(crate) now_us: u64,
    pub(crate) seed: u64,
    pub(crate) client: Client,
    pub(crate) user: String,
    pub(crate) db: u32,
    pub(crate) flags: Circumstances,
    pub(crate) rights: Rights,
    pub(crate) answers: BTreeMap<String, CallAnswer>,
    pub(super) values: Values,
    pub(super) databases: BTreeMap<u32, Database>,
    pub(super) open: Vec<(Vec<u8>, bool)>,
    pub(super) cursors: Vec<Vec<u8>>,
}

impl Default for World {
    fn default() -> Self {
        Self {
            // Some afternoon: a test that forgets to set the time still sees a plausible one.
            now_us: 1_750_000_000_000_000,
            seed: 0,
            client: Client { id: 1, name: String::new(), address: "127.0.0.1:50000".to_owned(), resp: 3 },
            user: "default".to_owned(),
            db: 0,
            flags: Circumstances::default(),
            rights: Rights { write: true, all_keys: true, finds_keys: false, declared: None },
            answers: BTreeMap::new(),
            values: Values::default(),
            databases: BTreeMap::new(),
            open: Vec::new(),
            cursors: Vec::new(),
        }
    }
}

impl World {
    /// A command begins. What comes back ends it: its handles go, and its writes too if it failed.
    pub(crate) fn begin(&mut self) -> impl FnOnce(&mut Self, bool) + use<> {
        // What a test changed in between is kept whatever happens now.
        self.keep_values();
        let (databases, open, seed) = (self.databases.clone(), self.open.len(), self.seed);
        move |world, failed| {
            world.open.truncate(open);
            if failed {
                world.databases = databases;
                world.drop_changed_values();
            } else {
                world.keep_values();
                world.check_notes(&databases, seed);
            }
        }
    }

    /// SplitMix64: the next number of a sequence that only the seed decides.
    pub(super) fn random(&mut self) -> u64 {
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.seed;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// The selected database without what has expired.
    pub(super) fn database(&mut self) -> &mut Database {
        let now_ms = self.now_us / 1000;
        let database = self.databases.entry(self.db).or_default();
        database.retain(|_, entry| entry.expires_at_ms.is_none_or(|when| when > now_ms));
        database
    }

    pub(super) fn open(&mut self, name: &[u8], write: bool) -> Result<u32> {
        if write && !self.rights.write {
            return Err(Error::ReadOnly);
        }
        let declared = self.rights.declared.as_ref().is_none_or(|names| names.contains(name));
        if !declared && !self.rights.all_keys {
            self.want(name);
            return Err(Error::UndeclaredKey);
        }
        assert!(self.open.len() < OPEN_KEYS_MAX, "more than {OPEN_KEYS_MAX} keys are open: this traps");
        self.open.push((name.to_vec(), write));
        Ok(u32::try_from(self.open.len() - 1).expect("OPEN_KEYS_MAX fits"))
    }

    /// The name behind a handle.
    pub(super) fn name(&self, key: u32) -> Vec<u8> {
        self.open[key as usize].0.clone()
    }

    /// The name behind a handle that may be written.
    pub(super) fn name_to_write(&self, key: u32) -> Result<Vec<u8>> {
        let (name, write) = &self.open[key as usize];
        if *write { Ok(name.clone()) } else { Err(Error::ReadOnly) }
    }

    /// One step of a walk. A cursor stands for the last name that was given out, so a walk misses nothing that is there all the
    /// time, whatever is changed meanwhile.
    pub(super) fn page(
        &mut self,
        cursor: u64,
        names: &[Vec<u8>],
        count: u32,
        mut give: impl FnMut(&[u8]),
    ) -> u64 {
        let after = usize::try_from(cursor).ok().and_then(|at| self.cursors.get(at.checked_sub(1)?)).cloned();
        let mut left =
            names.iter().filter(|name| after.as_ref().is_none_or(|after| *name > after)).peekable();
        let mut last = None;
        for name in left.by_ref().take(count.clamp(1, 1000) as usize) {
            give(name);
            last = Some(name.clone());
        }
        match (left.peek(), last) {
            (Some(_), Some(last)) => {
                self.cursors.push(last);
                self.cursors.len() as u64
            }
            _ => 0,
        }
    }
}

/// The keys that the specs find, as the server finds them.
pub(crate) fn keys_of(specs: &[KeySpec], argv: &Strings) -> BTreeSet<Vec<u8>> {
    let len = i64::try_from(argv.len()).unwrap_or(i64::MAX);
    let mut keys = BTreeSet::new();
    for spec in specs {
        let (first, last, step) = match spec.find {
            FindKeys::Range { first, last, step } => {
                let last = i64::from(last);
                (i64::from(first), if last < 0 { len + last } else { last }, step)
            }
            FindKeys::Count { count, first, step } => {
                let text = argv.as_argv().get(count as usize).unwrap_or_default();
                let count: i64 =
                    std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).unwrap_or(0);
                // The count is whatever a client likes.
                let last = count.saturating_sub(1).saturating_mul(i64::from(step));
                (i64::from(first), last.saturating_add(i64::from(first)), step)
            }
        };
        let mut at = first;
        while at <= last && at < len {
            keys.extend(usize::try_from(at).ok().and_then(|at| argv.as_argv().get(at)).map(<[u8]>::to_vec));
            at += i64::from(step);
        }
    }
    keys
}

/// Redis's globs: `*`, `?`, `[a-c]`, `[^x]`, and `\` before any of them.
pub(super) fn glob(pattern: &[u8], text: &[u8]) -> bool {
    match pattern {
        [] => text.is_empty(),
        [b'*', rest @ ..] => (0..=text.len()).any(|from| glob(rest, &text[from..])),
        [b'?', rest @ ..] => !text.is_empty() && glob(rest, &text[1..]),
        [b'[', rest @ ..] => {
            let (Some(&first), Some(end)) =
                (text.first(), rest.iter().skip(1).position(|&byte| byte == b']'))
            else {
                return false;
            };
            let (mut class, rest) = (&rest[..=end], &rest[end + 2..]);
            let negated = class.first() == Some(&b'^');
            class = &class[usize::from(negated)..];
            let mut found = false;
            while let [low, tail @ ..] = class {
                class = match tail {
                    [b'-', high, tail @ ..] => {
                        found |= (low..=high).contains(&&first);
                        tail
                    }
                    _ => {
                        found |= *low == first;
                        tail
                    }
                };
            }
            found != negated && glob(rest, &text[1..])
        }
        [b'\\', literal, rest @ ..] | [literal, rest @ ..] => {
            text.first() == Some(literal) && glob(rest, &text[1..])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs() {
        for (pattern, text, matches) in [
            ("*", "", true),
            ("user:*", "user:1", true),
            ("user:*", "users", false),
            ("h?llo", "hello", true),
            ("h?llo", "hllo", false),
            ("h[ae]llo", "hallo", true),
            ("h[a-c]llo", "hello", false),
            ("h[^e]llo", "hello", false),
            ("h[^e]llo", "hallo", true),
            ("a\\*", "a*", true),
            ("a\\*", "ab", false),
            ("[", "a", false),
            ("*a*b", "xaxxb", true),
        ] {
            assert_eq!(glob(pattern.as_bytes(), text.as_bytes()), matches, "{pattern} {text}");
        }
    }
}
