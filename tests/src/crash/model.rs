//! The keys of one client, as they must be. It knows as much of every type as the commands of `commands` need.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Bytes.
pub(crate) type Bytes = Vec<u8>;

/// When and with which random number an entry of an account was made.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Stamp {
    /// Its command asked for neither.
    None,
    /// The server has said it: `time:random`.
    Known(String),
    /// The server has decided it and never said.
    Unknown,
}

/// An entry of an account.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) amount: i64,
    pub(crate) stamp: Stamp,
    pub(crate) text: Bytes,
}

/// A value of the module `ledger`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Account {
    pub(crate) entries: Vec<Entry>,
    /// The length and the hash of its bytes.
    pub(crate) blob: (usize, u64),
    pub(crate) link: Bytes,
}

impl Account {
    /// Without any bytes.
    pub(crate) fn new() -> Account {
        Account { blob: (0, fnv([].iter())), ..Account::default() }
    }

    /// Append an entry without time and random number.
    pub(crate) fn enter(&mut self, amount: i64, text: &[u8]) -> usize {
        self.entries.push(Entry { amount, stamp: Stamp::None, text: text.to_vec() });
        self.entries.len()
    }
}

/// A stream: entries of one field by the first part of their ids.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Stream {
    pub(crate) entries: BTreeMap<u64, Bytes>,
    pub(crate) last_id: u64,
}

/// What is under a key.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Data {
    Str(Bytes),
    Hash(BTreeMap<Bytes, Bytes>),
    List(VecDeque<Bytes>),
    Set(BTreeSet<Bytes>),
    /// Members with scores that are whole numbers.
    Zset(BTreeMap<Bytes, i64>),
    Stream(Stream),
    Account(Account),
    /// How much was taken from a limit of CL.THROTTLE. Its time to live is not known exactly.
    Taken(i64),
}

/// A key.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Item {
    pub(crate) data: Data,
    /// In milliseconds since 1970.
    pub(crate) expire_ms: Option<u64>,
}

/// The key holds something of another type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct WrongType;

/// All keys of a client.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Model {
    pub(crate) keys: BTreeMap<String, Item>,
}

macro_rules! typed {
    ($get:ident, $variant:ident, $type:ty, $new:expr) => {
        /// What is under a key, which is made if there is none.
        pub(crate) fn $get(&mut self, key: &str) -> Result<&mut $type, WrongType> {
            let new = || Item { data: Data::$variant($new), expire_ms: None };
            match &mut self.keys.entry(key.to_owned()).or_insert_with(new).data {
                Data::$variant(value) => Ok(value),
                _ => Err(WrongType),
            }
        }
    };
}

impl Model {
    typed!(string, Str, Bytes, Bytes::new());
    typed!(hash, Hash, BTreeMap<Bytes, Bytes>, BTreeMap::new());
    typed!(list, List, VecDeque<Bytes>, VecDeque::new());
    typed!(set, Set, BTreeSet<Bytes>, BTreeSet::new());
    typed!(zset, Zset, BTreeMap<Bytes, i64>, BTreeMap::new());
    typed!(stream, Stream, Stream, Stream::default());
    typed!(account, Account, Account, Account::new());
    typed!(taken, Taken, i64, 0);

    /// Put something under a key, whatever is there.
    pub(crate) fn put(&mut self, key: &str, data: Data, expire_ms: Option<u64>) {
        self.keys.insert(key.to_owned(), Item { data, expire_ms });
    }

    /// Check the types of keys that exist before anything is changed.
    pub(crate) fn check(&self, keys: &[&str], is: fn(&Data) -> bool) -> Result<(), WrongType> {
        let wrong = |key: &&str| self.keys.get(*key).is_some_and(|item| !is(&item.data));
        if keys.iter().any(wrong) { Err(WrongType) } else { Ok(()) }
    }

    /// Whether a key exists, which is of this type then.
    pub(crate) fn has(&self, key: &str, is: fn(&Data) -> bool) -> Result<bool, WrongType> {
        self.check(&[key], is)?;
        Ok(self.keys.contains_key(key))
    }

    /// Delete a collection that has become empty. Streams stay.
    pub(crate) fn tidy(&mut self, key: &str) {
        let is_empty = self.keys.get(key).is_some_and(|item| match &item.data {
            Data::Hash(hash) => hash.is_empty(),
            Data::List(list) => list.is_empty(),
            Data::Set(set) => set.is_empty(),
            Data::Zset(zset) => zset.is_empty(),
            Data::Str(_) | Data::Stream(_) | Data::Account(_) | Data::Taken(_) => false,
        });
        if is_empty {
            self.keys.remove(key);
        }
    }
}

/// FNV-1a, as the module `ledger` has it.
pub(crate) fn fnv<'b>(bytes: impl Iterator<Item = &'b u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// The bytes of LEDGER.FILL.
pub(crate) fn filling(len: usize, seed: u64) -> Bytes {
    let mut state = seed | 1;
    let mut bytes = Bytes::new();
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}
