//! Reading an entry, and the form of its block; `entry` has the picture of it and everything that writes.

use std::borrow::Cow;
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::{fmt, slice};

use super::block::BlockRef;
use super::entry::{Entry, Payload};
use super::hash::Hash;
use super::key;
use super::list::List;
use super::module_value::ModuleValue;
use super::prefetch::{Aim, LINE, prefetch};
use super::set::Set;
use super::stream::Stream;
use super::value::{Encoding, StringRef, Value, ValueType};
use super::zset::Zset;
use crate::limits::EMBSTR_BYTES_MAX;

/// The part that every block has.
#[repr(C)]
pub(super) struct Header {
    pub(super) meta: AtomicU32,
    pub(super) key_len: u32,
    pub(super) object: u64,
}

const HEADER_BYTES: usize = size_of::<Header>();
/// Low bits of `meta`: what the object word is.
pub(super) const KIND_MASK: u32 = 0x0F;
pub(super) const KIND_INLINE: u32 = 0;
pub(super) const KIND_INT: u32 = 1;
pub(super) const KIND_RAW: u32 = 2;
pub(super) const KIND_HASH: u32 = 3;
pub(super) const KIND_MODULE: u32 = 4;
pub(super) const KIND_STREAM: u32 = 5;
pub(super) const KIND_LIST: u32 = 6;
pub(super) const KIND_SET: u32 = 7;
pub(super) const KIND_ZSET: u32 = 8;
/// Bit of `meta`: an expiry follows the header.
pub(super) const HAS_EXPIRE: u32 = 0x10;
/// Bit of `meta` that means what `snapshot` makes of it. Only a database sets it; an entry of its own has none.
pub(super) const SNAPSHOT_MARK: u32 = 0x20;
pub(super) const CLOCK_SHIFT: u32 = 8;

/// Where the key begins in a block with these low bits of `meta`.
#[inline]
pub(super) fn key_offset(meta: u32) -> usize {
    let expire = if meta & HAS_EXPIRE != 0 { 8 } else { 0 };
    let vec = if meta & KIND_MASK == KIND_RAW { 16 } else { 0 };
    HEADER_BYTES + expire + vec
}

/// The allocator's size class for `bytes`: jemalloc has steps of 16 up to 128, then four to a doubling. Asking
/// for all of it costs nothing and leaves room for the next value.
#[inline]
pub(super) fn size_class(bytes: usize) -> usize {
    let step = 1usize << (bytes - 1).ilog2().saturating_sub(2).max(4);
    (bytes + step - 1) & !(step - 1)
}

/// The size of a block.
#[inline]
pub(super) fn block_bytes(meta: u32, key_len: usize, inline_len: usize) -> usize {
    size_class(key_offset(meta) + key_len + inline_len)
}

/// An entry that is read. Its methods give slices that live as long as the table is borrowed.
#[derive(Clone, Copy)]
pub struct EntryRef<'a>(pub(super) NonNull<Header>, pub(super) PhantomData<&'a Entry>);

impl<'a> EntryRef<'a> {
    #[inline]
    pub(super) fn header(self) -> &'a Header {
        // SAFETY: the handle's maker guarantees a live block for 'a, and every block begins with a header. What
        // changes behind a shared handle is only `meta`, which is atomic.
        unsafe { self.0.as_ref() }
    }

    #[inline]
    pub(super) fn meta(self) -> u32 {
        self.header().meta.load(Relaxed)
    }

    #[inline]
    pub(super) fn kind(self) -> u32 {
        self.meta() & KIND_MASK
    }

    #[inline]
    fn inline_len(self) -> usize {
        if self.kind() == KIND_INLINE { self.header().object as usize } else { 0 }
    }

    /// `len` bytes of the block from `offset`.
    #[inline]
    fn bytes(self, offset: usize, len: usize) -> &'a [u8] {
        // SAFETY: both callers name a range inside the block that was written when the block was filled; nobody
        // writes to it during 'a.
        unsafe { slice::from_raw_parts(self.0.as_ptr().cast::<u8>().add(offset), len) }
    }

    /// The name, or the field's name inside a hash.
    #[inline]
    pub fn key(self) -> &'a [u8] {
        self.bytes(key_offset(self.meta()), self.header().key_len as usize)
    }

    /// When the entry expires, in ms since 1970; none if never.
    #[inline]
    pub fn expire_at(self) -> Option<u64> {
        if self.meta() & HAS_EXPIRE == 0 {
            return None;
        }
        // SAFETY: the flag says that an aligned u64 follows the header.
        Some(unsafe { self.0.add(1).cast::<u64>().read() })
    }

    /// Whether the entry is dead at `now_ms`.
    #[inline]
    pub fn is_expired(self, now_ms: u64) -> bool {
        self.expire_at().is_some_and(|at| at <= now_ms)
    }

    /// The value's type.
    #[inline]
    pub fn value_type(self) -> ValueType {
        match self.kind() {
            KIND_INLINE | KIND_INT | KIND_RAW => ValueType::String,
            KIND_MODULE => ValueType::Module,
            KIND_LIST => ValueType::List,
            KIND_SET => ValueType::Set,
            KIND_ZSET => ValueType::Zset,
            KIND_STREAM => ValueType::Stream,
            _ => ValueType::Hash,
        }
    }

    /// What TYPE replies with and SCAN's TYPE option takes: a module's type has a name of its own.
    pub fn type_name(self) -> Cow<'static, str> {
        match self.module() {
            Some(value) => value.id().name().into(),
            None => self.value_type().name().into(),
        }
    }

    /// How the value is stored.
    pub fn encoding(self) -> Encoding {
        match self.kind() {
            KIND_INT => Encoding::Int,
            KIND_INLINE if self.inline_len() <= EMBSTR_BYTES_MAX => Encoding::Embstr,
            KIND_INLINE | KIND_RAW => Encoding::Raw,
            KIND_MODULE => Encoding::Module,
            KIND_LIST => self.list().map_or(Encoding::Hashtable, List::encoding),
            KIND_SET => self.set().map_or(Encoding::Hashtable, Set::encoding),
            KIND_ZSET => self.zset().map_or(Encoding::Hashtable, Zset::encoding),
            KIND_STREAM => Encoding::Stream,
            _ => self.hash().map_or(Encoding::Hashtable, Hash::encoding),
        }
    }

    /// The value, if it is a string.
    #[inline]
    pub fn string(self) -> Option<StringRef<'a>> {
        match self.kind() {
            KIND_INLINE => {
                let offset = key_offset(self.meta()) + self.header().key_len as usize;
                Some(StringRef::Bytes(self.bytes(offset, self.inline_len())))
            }
            KIND_INT => Some(StringRef::Int(self.header().object as i64)),
            KIND_RAW => {
                let (address, len, _) = self.raw_parts();
                // SAFETY: these are the parts of the Vec that the entry owns, with `len` bytes in it.
                Some(StringRef::Bytes(unsafe { slice::from_raw_parts(address, len) }))
            }
            _ => None,
        }
    }

    /// The value, if it is a hash.
    #[inline]
    pub fn hash(self) -> Option<&'a Hash> {
        // SAFETY: this kind has a hash.
        unsafe { self.boxed(KIND_HASH) }
    }

    /// The value, if it is a list.
    #[inline]
    pub fn list(self) -> Option<&'a List> {
        // SAFETY: this kind has a list.
        unsafe { self.boxed(KIND_LIST) }
    }

    /// The value, if it is a set.
    #[inline]
    pub fn set(self) -> Option<&'a Set> {
        // SAFETY: this kind has a set.
        unsafe { self.boxed(KIND_SET) }
    }

    /// The value, if it is a sorted set.
    #[inline]
    pub fn zset(self) -> Option<&'a Zset> {
        // SAFETY: this kind has a sorted set.
        unsafe { self.boxed(KIND_ZSET) }
    }

    /// The value, if it is of a module's type.
    #[inline]
    pub fn module(self) -> Option<&'a ModuleValue> {
        // SAFETY: this kind has a module's value.
        unsafe { self.boxed(KIND_MODULE) }
    }

    /// The value, if it is a stream.
    #[inline]
    pub fn stream(self) -> Option<&'a Stream> {
        // SAFETY: this kind has a stream.
        unsafe { self.boxed(KIND_STREAM) }
    }

    /// What the entry has in a box of its own, if it is of this kind.
    ///
    /// # Safety
    ///
    /// Entries of this kind have a `T`.
    #[inline]
    unsafe fn boxed<T>(self, kind: u32) -> Option<&'a T> {
        if self.kind() != kind {
            return None;
        }
        // SAFETY: the kind says that `object` is the address of the T that this entry owns.
        Some(unsafe { &*std::ptr::with_exposed_provenance::<T>(self.header().object as usize) })
    }

    /// Address, length and capacity of a raw string.
    #[inline]
    pub(super) fn raw_parts(self) -> (*mut u8, usize, usize) {
        debug_assert_eq!(self.kind(), KIND_RAW);
        let at = key_offset(self.meta()) - 16;
        // SAFETY: a raw block has two aligned u64 right before its key.
        let (len, capacity) = unsafe {
            let at = self.0.cast::<u8>().add(at).cast::<u64>();
            (at.read(), at.add(1).read())
        };
        let address = std::ptr::with_exposed_provenance_mut(self.header().object as usize);
        (address, len as usize, capacity as usize)
    }

    /// The 24-bit access clock; `evict` knows what it means.
    #[inline]
    pub fn clock(self) -> u32 {
        self.meta() >> CLOCK_SHIFT
    }

    /// Sets the access clock. Reading an entry counts as an access, so this works on a shared handle; two readers
    /// under one lock do not exist, and a lost update would only blur an estimate.
    #[inline]
    pub fn set_clock(self, clock: u32) {
        let meta = self.meta();
        let fresh = (meta & ((1 << CLOCK_SHIFT) - 1)) | (clock << CLOCK_SHIFT);
        // Most accesses fall into the same second: leave the cache line clean then.
        if fresh != meta {
            self.header().meta.store(fresh, Relaxed);
        }
    }

    /// The bit that tells a snapshot under way whether it has the entry already.
    #[inline]
    pub(super) fn snapshot_mark(self) -> u32 {
        self.meta() & SNAPSHOT_MARK
    }

    /// Sets that bit, on a shared handle for the same reason as the clock.
    #[inline]
    pub(super) fn set_snapshot_mark(self, mark: u32) {
        let meta = self.meta();
        if meta & SNAPSHOT_MARK != mark {
            self.header().meta.store(meta ^ SNAPSHOT_MARK, Relaxed);
        }
    }

    #[inline]
    pub(super) fn block_bytes(self) -> usize {
        block_bytes(self.meta(), self.header().key_len as usize, self.inline_len())
    }

    /// Heap bytes of the entry, its value included.
    #[inline]
    pub fn memory(self) -> usize {
        self.block_bytes()
            + match self.kind() {
                KIND_RAW => self.raw_parts().2,
                KIND_HASH => self.hash().map_or(0, Hash::memory),
                KIND_LIST => self.list().map_or(0, List::memory),
                KIND_SET => self.set().map_or(0, Set::memory),
                KIND_ZSET => self.zset().map_or(0, Zset::memory),
                KIND_MODULE => self.module().map_or(0, ModuleValue::memory),
                KIND_STREAM => self.stream().map_or(0, Stream::memory),
                _ => 0,
            }
    }

    /// Asks for what leads to an element of a collection, or to the end of a module's value. False when nothing is left to ask for.
    #[inline]
    pub(super) fn prefetch_value(self, step: usize, aim: Aim) -> bool {
        let kind = self.kind();
        if step == 0 {
            let is_apart = !matches!(kind, KIND_INLINE | KIND_INT | KIND_RAW);
            if is_apart {
                let value = std::ptr::without_provenance(self.header().object as usize);
                prefetch(value);
                prefetch(value.wrapping_add(LINE));
            }
            return is_apart;
        }
        let step = step - 1;
        match kind {
            KIND_HASH => self.hash().is_some_and(|hash| hash.prefetch(step, aim.hash)),
            KIND_LIST => self.list().is_some_and(|list| list.prefetch(step)),
            KIND_SET => self.set().is_some_and(|set| set.prefetch(step, aim.hash)),
            KIND_ZSET => self.zset().is_some_and(|zset| zset.prefetch(step, aim)),
            KIND_STREAM => self.stream().is_some_and(Stream::prefetch),
            KIND_MODULE => self.module().is_some_and(ModuleValue::prefetch),
            _ => false,
        }
    }

    /// A deep copy of the value.
    pub fn to_value(self) -> Value {
        match self.payload() {
            Payload::Int(number) => Value::Int(number),
            Payload::Inline(bytes) => Value::String(bytes.to_vec()),
            Payload::Raw(bytes) => Value::String(bytes),
            Payload::List(list) => Value::List(list),
            Payload::Set(set) => Value::Set(set),
            Payload::Zset(zset) => Value::Zset(zset),
            Payload::Hash(hash) => Value::Hash(hash),
            Payload::Module(value) => Value::Module(value),
            Payload::Stream(stream) => Value::Stream(stream),
        }
    }

    /// A deep copy of the entry, with clock and expiry and in the same encoding.
    pub fn to_entry(self) -> Entry {
        Entry::build(self.key(), self.clock(), self.expire_at(), self.payload())
    }

    /// What a copy of the entry is filled with.
    fn payload(self) -> Payload<'a> {
        let owned = "the kind says what there is";
        match self.kind() {
            KIND_RAW => Payload::Raw(self.string().map(StringRef::to_vec).unwrap_or_default()),
            KIND_HASH => Payload::Hash(Box::new(self.hash().expect(owned).clone())),
            KIND_LIST => Payload::List(Box::new(self.list().expect(owned).clone())),
            KIND_SET => Payload::Set(Box::new(self.set().expect(owned).clone())),
            KIND_ZSET => Payload::Zset(Box::new(self.zset().expect(owned).clone())),
            KIND_MODULE => Payload::Module(Box::new(self.module().expect(owned).clone())),
            KIND_STREAM => Payload::Stream(Box::new(self.stream().expect(owned).clone())),
            _ => match self.string().expect(owned) {
                StringRef::Bytes(bytes) => Payload::Inline(bytes),
                StringRef::Int(number) => Payload::Int(number),
            },
        }
    }
}

impl fmt::Debug for EntryRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.key().escape_ascii(), self.value_type())
    }
}

impl<'a> BlockRef<'a> for EntryRef<'a> {
    #[inline]
    fn key(self) -> &'a [u8] {
        EntryRef::key(self)
    }

    #[inline]
    fn hash(self) -> u64 {
        key::hash(EntryRef::key(self))
    }

    #[inline]
    fn expire_at(self) -> Option<u64> {
        EntryRef::expire_at(self)
    }
}
