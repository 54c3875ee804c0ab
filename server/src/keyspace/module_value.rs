//! A value of a module's own type: bytes that are the truth, and beside them what is known of the module's object.
//!
//! ```text
//! saved    what the module's `save` gave: fields as in an RDB file, without the end mark
//! journal  the commands that have changed the object since, each with its time and seed
//! live     where the module has the object, if it has it
//! ```
//!
//! The object can be lost at any moment and is made again: `saved` is loaded, and the commands of the journal run again. So a value
//! survives its module's traps, and is copied, written to files and moved between versions of its module without it.
//! Nothing here knows how a module is called; that is in `module`.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use parking_lot::Mutex;

use super::journal::Journal;
use super::prefetch::prefetch_lines;

/// The alphabet of a type's name, 6 bits a character.
const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
/// How many characters a type's name has.
const NAME_CHARS: usize = 9;
/// How many bits the version has, below the name.
const ENCVER_BITS: u32 = 10;

/// The type of a module's value, as RDB files have it: 9 characters of 6 bits, then 10 bits for the version of the saved form.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TypeId(u64);

impl TypeId {
    /// The type with this name and version; none if the name has not 9 characters of `A-Z a-z 0-9 - _`, or the version is over
    /// 1023.
    pub fn new(name: &str, encver: u32) -> Option<Self> {
        if name.len() != NAME_CHARS || encver >= 1 << ENCVER_BITS {
            return None;
        }
        let mut id = 0;
        for byte in name.bytes() {
            id = id << 6 | ALPHABET.iter().position(|&known| known == byte)? as u64;
        }
        Some(Self(id << ENCVER_BITS | u64::from(encver)))
    }

    /// The type that a file names.
    pub fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// As a file names it.
    pub fn bits(self) -> u64 {
        self.0
    }

    /// The name, which TYPE answers.
    pub fn name(self) -> String {
        let char_at = |at: usize| {
            let shift = ENCVER_BITS as usize + 6 * (NAME_CHARS - 1 - at);
            char::from(ALPHABET[(self.0 >> shift) as usize & 63])
        };
        (0..NAME_CHARS).map(char_at).collect()
    }

    /// The version of the saved form.
    pub fn encver(self) -> u32 {
        (self.0 & ((1 << ENCVER_BITS) - 1)) as u32
    }

    /// Whether both have the same name; the version says nothing.
    pub fn is_same_type(self, other: Self) -> bool {
        self.0 >> ENCVER_BITS == other.0 >> ENCVER_BITS
    }
}

impl fmt::Debug for TypeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.name(), self.encver())
    }
}

/// The objects of one instance of a module. When the instance goes, so does this, and a value that still names it is known to have no
/// object any more.
#[derive(Debug, Default)]
pub struct Home {
    /// Numbers that no value names any more: their objects can be freed.
    left: Mutex<Vec<u32>>,
    /// Whether there is one; asked before every command.
    some_left: AtomicBool,
}

impl Home {
    /// Whether a number was let go since the last call of `take_left`.
    #[inline]
    pub fn has_left(&self) -> bool {
        self.some_left.load(Relaxed)
    }

    /// The numbers that were let go since the last call.
    pub fn take_left(&self) -> Vec<u32> {
        self.some_left.store(false, Relaxed);
        std::mem::take(&mut self.left.lock())
    }
}

/// The place of a value's object. When it is dropped, the object's home is told.
#[derive(Debug)]
pub struct Live {
    home: Arc<Home>,
    number: u32,
}

impl Live {
    /// The object with this number. The home's owner gives a number out once until it was let go.
    pub fn new(home: &Arc<Home>, number: u32) -> Self {
        Self { home: Arc::clone(home), number }
    }

    /// The object's number, if this is its home.
    #[inline]
    pub fn number_in(&self, home: &Arc<Home>) -> Option<u32> {
        Arc::ptr_eq(&self.home, home).then_some(self.number)
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.home.left.lock().push(self.number);
        self.home.some_left.store(true, Relaxed);
    }
}

/// A value of a module's own type.
pub struct ModuleValue {
    id: TypeId,
    saved: Arc<Vec<u8>>,
    journal: Journal,
    live: Option<Live>,
    /// The module that is loaded here has saved it; it did not come from elsewhere.
    home_made: bool,
}

impl ModuleValue {
    /// A value that came from elsewhere, saved by the version of its type that `id` names.
    pub fn new(id: TypeId, saved: Vec<u8>) -> Self {
        Self { id, saved: Arc::new(saved), journal: Journal::default(), live: None, home_made: false }
    }

    /// Whether its module saved it here. What came from elsewhere may have strings in forms that modules are not given.
    pub fn is_home_made(&self) -> bool {
        self.home_made
    }

    /// Its type, with the version of what is saved.
    pub fn id(&self) -> TypeId {
        self.id
    }

    /// What was saved, without what the journal adds.
    pub fn saved(&self) -> &Arc<Vec<u8>> {
        &self.saved
    }

    /// What has changed since.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// The same, to add to it.
    pub fn journal_mut(&mut self) -> &mut Journal {
        &mut self.journal
    }

    /// Whether the saved bytes are the whole value.
    pub fn is_folded(&self) -> bool {
        self.journal.is_empty()
    }

    /// Take over what the module has just saved: the journal is in it.
    pub fn fold(&mut self, id: TypeId, saved: Vec<u8>) {
        self.id = id;
        self.saved = Arc::new(saved);
        self.journal = Journal::default();
        self.home_made = true;
    }

    /// Where its object is, if it has one.
    #[inline]
    pub fn live(&self) -> Option<&Live> {
        self.live.as_ref()
    }

    /// Its object is here now, or nowhere.
    pub fn set_live(&mut self, live: Option<Live>) {
        self.live = live;
    }

    /// Asks for what is looked at when a command is appended. Nothing is left to ask for then.
    #[inline]
    pub(super) fn prefetch(&self) -> bool {
        prefetch_lines(&*self.saved);
        self.journal.prefetch_end();
        false
    }

    /// Heap bytes, without those of the object, which are the module's.
    pub fn memory(&self) -> usize {
        size_of::<Self>()
            + size_of::<Vec<u8>>()
            + 2 * size_of::<usize>()
            + self.saved.capacity()
            + self.journal.memory()
    }
}

impl Clone for ModuleValue {
    /// The same value, which has no object.
    fn clone(&self) -> Self {
        Self {
            id: self.id,
            saved: Arc::clone(&self.saved),
            journal: self.journal.clone(),
            live: None,
            home_made: self.home_made,
        }
    }
}

impl fmt::Debug for ModuleValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}, {} bytes and {} commands", self.id, self.saved.len(), self.journal.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyspace::Revision;

    #[test]
    fn a_type_has_the_number_that_redis_gives_it() {
        let id = TypeId::new("test___dt", 1).expect("the name is good");
        assert_eq!(id.bits(), 0xb5eb_2dff_ffdd_b401);
        assert_eq!((id.name().as_str(), id.encver()), ("test___dt", 1));
        let other = TypeId::new("test___dt", 1023).expect("the version is good");
        assert!(id.is_same_type(other) && id != other);
        assert!(!id.is_same_type(TypeId::new("test___du", 1).expect("the name is good")));
        for (name, encver) in [("short", 0), ("ten_chars_", 0), ("with blnk", 0), ("test___dt", 1024)] {
            assert!(TypeId::new(name, encver).is_none(), "{name} {encver}");
        }
    }

    #[test]
    fn a_copy_has_no_object_and_a_dropped_value_lets_its_object_go() {
        let (home, other) = (Arc::new(Home::default()), Arc::new(Home::default()));
        let id = TypeId::new("test___dt", 1).expect("the name is good");
        let mut value = ModuleValue::new(id, vec![2, 1]);
        value.set_live(Some(Live::new(&home, 7)));
        assert!(value.clone().live().is_none());
        assert!(home.take_left().is_empty());
        assert_eq!(value.live().and_then(|live| live.number_in(&home)), Some(7));
        assert_eq!(value.live().and_then(|live| live.number_in(&other)), None);
        drop(value);
        assert_eq!(home.take_left(), [7]);
        assert!(home.take_left().is_empty());
    }

    #[test]
    fn folding_takes_the_journal_in() {
        let id = TypeId::new("test___dt", 1).expect("the name is good");
        let mut value = ModuleValue::new(id, vec![2, 1]);
        let before = value.memory();
        value.journal_mut().push(Revision::default(), 5, 6, [b"t.add".as_slice(), b"key"].into_iter());
        assert!(!value.is_folded() && value.memory() > before);
        let next = TypeId::new("test___dt", 2).expect("the name is good");
        value.fold(next, vec![2, 2]);
        assert!(value.is_folded());
        assert_eq!((value.id(), value.saved().as_slice()), (next, [2, 2].as_slice()));
    }
}
