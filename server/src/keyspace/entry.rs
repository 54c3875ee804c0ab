//! An entry: a key with its value and expiry in one heap block, so that a lookup that found the block has all of it.
//! The same block serves as a field of a large hash, there with a string value always.
//!
//! ```text
//! 0       4         8        16          24             40
//! | meta  | key len | object | expire at | len, cap     | key bytes | value bytes |
//! ```
//!
//! `meta` holds the access clock (24 bits, see `evict`), the kind and whether there is an expiry; `expire at` (ms)
//! stands there only if there is one. `object` depends on the kind: the length of an inline string, whose bytes
//! follow the key; an integer; the address of a raw string's buffer, whose length and capacity stand before the
//! key; the address of a hash. The size of a block follows from these alone: it is always the allocator's size
//! class for what is in it, and a string that is overwritten by one of the same class stays where it is.
//!
//! This file is about memory and is the one with `unsafe` in it; what an entry means is in `db`.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::{fmt, slice};

use super::block::{Block, BlockRef};
use super::hash::Hash;
use super::key;
use super::value::{Encoding, StringRef, Value, ValueType, canonical_int};
use crate::limits::{EMBSTR_BYTES_MAX, INLINE_VALUE_BYTES_MAX, KEY_BYTES_MAX};

/// The part that every block has.
#[repr(C)]
struct Header {
    meta: AtomicU32,
    key_len: u32,
    object: u64,
}

const HEADER_BYTES: usize = size_of::<Header>();
/// Low bits of `meta`: what the object word is.
const KIND_MASK: u32 = 0x0F;
const KIND_INLINE: u32 = 0;
const KIND_INT: u32 = 1;
const KIND_RAW: u32 = 2;
const KIND_HASH: u32 = 3;
/// Bit of `meta`: an expiry follows the header.
const HAS_EXPIRE: u32 = 0x10;
const CLOCK_SHIFT: u32 = 8;

/// What an entry is filled with. An inline string is borrowed: its bytes go straight into the block.
enum Payload<'a> {
    Inline(&'a [u8]),
    Int(i64),
    Raw(Vec<u8>),
    Hash(Box<Hash>),
}

impl<'a> Payload<'a> {
    fn of_bytes(bytes: &'a [u8]) -> Self {
        match canonical_int(bytes) {
            Some(number) => Payload::Int(number),
            None if bytes.len() <= INLINE_VALUE_BYTES_MAX => Payload::Inline(bytes),
            None => Payload::Raw(bytes.to_vec()),
        }
    }

    fn kind(&self) -> u32 {
        match self {
            Payload::Inline(_) => KIND_INLINE,
            Payload::Int(_) => KIND_INT,
            Payload::Raw(_) => KIND_RAW,
            Payload::Hash(_) => KIND_HASH,
        }
    }

    fn inline_len(&self) -> usize {
        if let Payload::Inline(bytes) = self { bytes.len() } else { 0 }
    }
}

/// Where the key begins in a block with these low bits of `meta`.
#[inline]
fn key_offset(meta: u32) -> usize {
    let expire = if meta & HAS_EXPIRE != 0 { 8 } else { 0 };
    let vec = if meta & KIND_MASK == KIND_RAW { 16 } else { 0 };
    HEADER_BYTES + expire + vec
}

/// The allocator's size class for `bytes`: jemalloc has steps of 16 up to 128, then four to a doubling. Asking
/// for all of it costs nothing and leaves room for the next value.
#[inline]
fn size_class(bytes: usize) -> usize {
    let step = 1usize << (bytes - 1).ilog2().saturating_sub(2).max(4);
    (bytes + step - 1) & !(step - 1)
}

/// The size of a block.
#[inline]
fn block_bytes(meta: u32, key_len: usize, inline_len: usize) -> usize {
    size_class(key_offset(meta) + key_len + inline_len)
}

/// An owned entry.
pub struct Entry(NonNull<Header>);

// SAFETY: the block is owned by the handle alone, and what it can point to (bytes, a hash of entries) is Send.
unsafe impl Send for Entry {}

/// An entry that is read. Its methods give slices that live as long as the table is borrowed.
#[derive(Clone, Copy)]
pub struct EntryRef<'a>(NonNull<Header>, PhantomData<&'a Entry>);

/// An entry whose value is edited in place.
pub struct EntryMut<'a>(NonNull<Header>, PhantomData<&'a mut Entry>);

impl<'a> EntryRef<'a> {
    #[inline]
    fn header(self) -> &'a Header {
        // SAFETY: the handle's maker guarantees a live block for 'a, and every block begins with a header. What
        // changes behind a shared handle is only `meta`, which is atomic.
        unsafe { self.0.as_ref() }
    }

    #[inline]
    fn meta(self) -> u32 {
        self.header().meta.load(Relaxed)
    }

    #[inline]
    fn kind(self) -> u32 {
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
            _ => ValueType::Hash,
        }
    }

    /// How the value is stored.
    pub fn encoding(self) -> Encoding {
        match self.kind() {
            KIND_INT => Encoding::Int,
            KIND_INLINE if self.inline_len() <= EMBSTR_BYTES_MAX => Encoding::Embstr,
            KIND_INLINE | KIND_RAW => Encoding::Raw,
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
        if self.kind() != KIND_HASH {
            return None;
        }
        // SAFETY: the kind says that `object` is the address of the hash that this entry owns.
        Some(unsafe { &*std::ptr::with_exposed_provenance::<Hash>(self.header().object as usize) })
    }

    /// Address, length and capacity of a raw string.
    #[inline]
    fn raw_parts(self) -> (*mut u8, usize, usize) {
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

    #[inline]
    fn block_bytes(self) -> usize {
        block_bytes(self.meta(), self.header().key_len as usize, self.inline_len())
    }

    /// Heap bytes of the entry, its value included.
    #[inline]
    pub fn memory(self) -> usize {
        self.block_bytes()
            + match self.kind() {
                KIND_RAW => self.raw_parts().2,
                KIND_HASH => self.hash().map_or(0, Hash::memory),
                _ => 0,
            }
    }

    /// A deep copy of the value.
    pub fn to_value(self) -> Value {
        match self.string() {
            Some(StringRef::Int(number)) => Value::Int(number),
            Some(StringRef::Bytes(bytes)) => Value::String(bytes.to_vec()),
            None => Value::Hash(Box::new(self.hash().expect("what is no string is a hash").clone())),
        }
    }

    /// A deep copy of the entry, with clock and expiry and in the same encoding.
    pub fn to_entry(self) -> Entry {
        let payload = match self.kind() {
            KIND_RAW => Payload::Raw(self.string().map(StringRef::to_vec).unwrap_or_default()),
            KIND_HASH => Payload::Hash(Box::new(self.hash().expect("the kind is hash").clone())),
            _ => match self.string().expect("what is no hash is a string") {
                StringRef::Bytes(bytes) => Payload::Inline(bytes),
                StringRef::Int(number) => Payload::Int(number),
            },
        };
        Entry::build(self.key(), self.clock(), self.expire_at(), payload)
    }
}

impl fmt::Debug for EntryRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.key().escape_ascii(), self.value_type())
    }
}

impl<'a> EntryMut<'a> {
    /// Overwrites a string by another, if block and expiry can stay as they are: the short way of the most frequent
    /// write. False if nothing was done.
    #[inline]
    pub fn overwrite(&mut self, bytes: &[u8]) -> bool {
        let old = self.as_ref();
        if !matches!(old.kind(), KIND_INLINE | KIND_INT) || bytes.len() > INLINE_VALUE_BYTES_MAX {
            return false;
        }
        let payload = Payload::of_bytes(bytes);
        let key_len = old.header().key_len as usize;
        if block_bytes(old.meta(), key_len, payload.inline_len()) != old.block_bytes() {
            return false;
        }
        old.header().meta.store((old.meta() & !KIND_MASK) | payload.kind(), Relaxed);
        // The handle is a second one to the same block, used while this one is borrowed and never dropped.
        let mut entry = ManuallyDrop::new(Entry(self.0));
        entry.write_payload(payload);
        true
    }

    /// The entry, to read.
    #[inline]
    pub fn as_ref(&self) -> EntryRef<'_> {
        EntryRef(self.0, PhantomData)
    }

    /// The value, if it is a hash.
    #[inline]
    pub fn hash(&mut self) -> Option<&mut Hash> {
        if self.as_ref().kind() != KIND_HASH {
            return None;
        }
        // SAFETY: the kind says that `object` is the address of the hash that this entry owns, and the entry is
        // borrowed exclusively.
        Some(unsafe {
            &mut *std::ptr::with_exposed_provenance_mut::<Hash>(self.as_ref().header().object as usize)
        })
    }
}

impl Entry {
    /// An entry with a string value.
    #[inline]
    pub fn string(key: &[u8], bytes: &[u8], expire_at: Option<u64>, clock: u32) -> Entry {
        Entry::build(key, clock, expire_at, Payload::of_bytes(bytes))
    }

    /// An entry with any value.
    pub fn new(key: &[u8], value: Value, expire_at: Option<u64>, clock: u32) -> Entry {
        let payload = match &value {
            Value::String(bytes) => Payload::of_bytes(bytes),
            Value::Int(number) => Payload::Int(*number),
            Value::Hash(_) => match value {
                Value::Hash(hash) => Payload::Hash(hash),
                _ => unreachable!("the arm is the hash's"),
            },
        };
        Entry::build(key, clock, expire_at, payload)
    }

    /// The entry, to read.
    #[inline]
    pub fn as_ref(&self) -> EntryRef<'_> {
        EntryRef(self.0, PhantomData)
    }

    /// The entry, to edit in place.
    #[inline]
    pub fn as_mut(&mut self) -> EntryMut<'_> {
        EntryMut(self.0, PhantomData)
    }

    /// Makes the value a string and sets the expiry, in the same block if its size class allows.
    #[inline]
    pub fn set_string(&mut self, bytes: &[u8], expire_at: Option<u64>) {
        self.assign(Payload::of_bytes(bytes), expire_at);
    }

    /// Makes the value an integer; the expiry stays.
    pub fn set_int(&mut self, number: i64) {
        self.assign(Payload::Int(number), self.as_ref().expire_at());
    }

    /// Sets or removes the expiry; the value stays.
    pub fn set_expire(&mut self, expire_at: Option<u64>) {
        let old = self.as_ref();
        match expire_at {
            Some(at) if old.meta() & HAS_EXPIRE != 0 => self.write_expire(at),
            None if old.meta() & HAS_EXPIRE == 0 => {}
            _ => {
                let fresh = match old.kind() {
                    KIND_INLINE | KIND_INT => {
                        let payload = match old.string() {
                            Some(StringRef::Bytes(bytes)) => Payload::Inline(bytes),
                            Some(StringRef::Int(number)) => Payload::Int(number),
                            None => unreachable!("an inline or integer entry is a string"),
                        };
                        Entry::build(old.key(), old.clock(), expire_at, payload)
                    }
                    _ => {
                        let object = self.take_object();
                        Entry::build(self.as_ref().key(), self.as_ref().clock(), expire_at, object)
                    }
                };
                *self = fresh;
            }
        }
    }

    /// Lets `edit` change the bytes of a string, which is a raw string from then on: what was edited once will be
    /// edited again, and then has room to grow. None if the value is no string.
    pub fn edit_string<R>(&mut self, edit: impl FnOnce(&mut Vec<u8>) -> R) -> Option<R> {
        let old = self.as_ref();
        let mut bytes = match old.kind() {
            KIND_RAW => match self.take_object() {
                Payload::Raw(bytes) => bytes,
                _ => unreachable!("the kind is raw"),
            },
            _ => old.string()?.to_vec(),
        };
        let result = edit(&mut bytes);
        self.assign(Payload::Raw(bytes), self.as_ref().expire_at());
        Some(result)
    }

    /// The same value, clock and expiry under another key.
    pub fn with_key(mut self, key: &[u8]) -> Entry {
        let old = self.as_ref();
        let (clock, expire_at) = (old.clock(), old.expire_at());
        match old.kind() {
            KIND_RAW | KIND_HASH => Entry::build(key, clock, expire_at, self.take_object()),
            _ => match old.string().expect("what is no hash is a string") {
                StringRef::Bytes(bytes) => Entry::build(key, clock, expire_at, Payload::Inline(bytes)),
                StringRef::Int(number) => Entry::build(key, clock, expire_at, Payload::Int(number)),
            },
        }
    }

    /// The value, out of its entry and without a copy where that is possible.
    pub fn into_value(mut self) -> Value {
        match self.as_ref().kind() {
            KIND_RAW | KIND_HASH => match self.take_object() {
                Payload::Raw(bytes) => Value::String(bytes),
                Payload::Hash(hash) => Value::Hash(hash),
                Payload::Inline(_) | Payload::Int(_) => unreachable!("these kinds have an object"),
            },
            _ => self.as_ref().to_value(),
        }
    }

    /// Fills a new block.
    fn build(key: &[u8], clock: u32, expire_at: Option<u64>, payload: Payload<'_>) -> Entry {
        assert!(key.len() <= KEY_BYTES_MAX, "a key longer than any that the parser lets through");
        let expire_flag = if expire_at.is_some() { HAS_EXPIRE } else { 0 };
        let meta = payload.kind() | expire_flag | (clock << CLOCK_SHIFT);
        let offset = key_offset(meta);
        let layout = layout(block_bytes(meta, key.len(), payload.inline_len()));
        // SAFETY: the layout is larger than a header, so not empty.
        let raw = unsafe { alloc(layout) };
        let Some(block) = NonNull::new(raw.cast::<Header>()) else { handle_alloc_error(layout) };
        let header = Header { meta: AtomicU32::new(meta), key_len: key.len() as u32, object: 0 };
        // SAFETY: the block is fresh, aligned for a header, and `block_bytes` made room for the header, everything
        // before `offset`, the key and, after it, an inline value.
        unsafe {
            block.write(header);
            raw.add(offset).copy_from_nonoverlapping(key.as_ptr(), key.len());
        }
        let mut entry = Entry(block);
        if let Some(at) = expire_at {
            entry.write_expire(at);
        }
        entry.write_payload(payload);
        entry
    }

    /// Replaces value and expiry, in place if the block has the right form and size class for them.
    #[inline]
    fn assign(&mut self, payload: Payload<'_>, expire_at: Option<u64>) {
        let old = self.as_ref();
        let expire_flag = if expire_at.is_some() { HAS_EXPIRE } else { 0 };
        let meta = (old.meta() & !(KIND_MASK | HAS_EXPIRE)) | payload.kind() | expire_flag;
        let key_len = old.header().key_len as usize;
        let fits = old.meta() & HAS_EXPIRE == expire_flag
            && (old.kind() == KIND_RAW) == (payload.kind() == KIND_RAW)
            && block_bytes(meta, key_len, payload.inline_len()) == old.block_bytes();
        if !fits {
            *self = Entry::build(old.key(), old.clock(), expire_at, payload);
            return;
        }
        self.drop_object();
        self.as_ref().header().meta.store(meta, Relaxed);
        if let Some(at) = expire_at {
            self.write_expire(at);
        }
        self.write_payload(payload);
    }

    #[inline]
    fn write_expire(&mut self, at: u64) {
        debug_assert_ne!(self.as_ref().meta() & HAS_EXPIRE, 0);
        // SAFETY: the flag says that there is an aligned u64 after the header, and the entry is ours alone.
        unsafe { self.0.add(1).cast::<u64>().write(at) };
    }

    /// Writes the object, and an inline value behind the key. What was the object before is overwritten, not
    /// dropped; kind and flags in `meta` are those of `payload` already.
    #[inline]
    fn write_payload(&mut self, payload: Payload<'_>) {
        debug_assert_eq!(self.as_ref().kind(), payload.kind());
        let object = match payload {
            Payload::Inline(bytes) => {
                let offset = key_offset(self.as_ref().meta()) + self.as_ref().header().key_len as usize;
                // SAFETY: the block's size class covers a value of this length from here on. The source is no
                // part of this block: whoever passes a block's own bytes builds another block from them.
                unsafe {
                    let value = self.0.as_ptr().cast::<u8>().add(offset);
                    value.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
                }
                bytes.len() as u64
            }
            Payload::Int(number) => number as u64,
            Payload::Raw(bytes) => {
                let mut bytes = ManuallyDrop::new(bytes);
                let at = key_offset(self.as_ref().meta()) - 16;
                // SAFETY: a raw block has two aligned u64 right before its key, and the entry is ours alone.
                unsafe {
                    let at = self.0.cast::<u8>().add(at).cast::<u64>();
                    at.write(bytes.len() as u64);
                    at.add(1).write(bytes.capacity() as u64);
                }
                bytes.as_mut_ptr().expose_provenance() as u64
            }
            Payload::Hash(hash) => Box::into_raw(hash).expose_provenance() as u64,
        };
        // SAFETY: the header is live and ours alone; the field is written through a raw pointer.
        unsafe { (&raw mut (*self.0.as_ptr()).object).write(object) };
    }

    /// Takes a raw string or hash out. The entry is the integer 0 afterwards, or an empty raw string.
    fn take_object(&mut self) -> Payload<'static> {
        let old = self.as_ref();
        match old.kind() {
            KIND_RAW => {
                let (address, len, capacity) = old.raw_parts();
                self.write_payload(Payload::Raw(Vec::new()));
                // SAFETY: these are the parts of the Vec that `write_payload` took apart; the entry has just been
                // given another one, so they are used once.
                Payload::Raw(unsafe { Vec::from_raw_parts(address, len, capacity) })
            }
            KIND_HASH => {
                let address = std::ptr::with_exposed_provenance_mut::<Hash>(old.header().object as usize);
                // An integer's block has the form and size of a hash's.
                let meta = (old.meta() & !KIND_MASK) | KIND_INT;
                old.header().meta.store(meta, Relaxed);
                self.write_payload(Payload::Int(0));
                // SAFETY: `write_payload` made the address from a Box; the entry has just become an integer, so it
                // is used once.
                Payload::Hash(unsafe { Box::from_raw(address) })
            }
            _ => unreachable!("only raw strings and hashes have an object of their own"),
        }
    }

    /// Frees what the block points to.
    #[inline]
    fn drop_object(&mut self) {
        if matches!(self.as_ref().kind(), KIND_RAW | KIND_HASH) {
            drop(self.take_object());
        }
    }
}

fn layout(bytes: usize) -> Layout {
    Layout::from_size_align(bytes, align_of::<Header>())
        .expect("a block is far smaller than the address space")
}

impl Drop for Entry {
    #[inline]
    fn drop(&mut self) {
        self.drop_object();
        let layout = layout(self.as_ref().block_bytes());
        // SAFETY: the block was allocated with this layout (its size follows from its content, and `assign` keeps
        // it so), and an owned handle is dropped once.
        unsafe { dealloc(self.0.as_ptr().cast(), layout) };
    }
}

impl Clone for Entry {
    fn clone(&self) -> Self {
        self.as_ref().to_entry()
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_ref().fmt(f)
    }
}

// SAFETY: `into_raw` gives the block's own address, which comes from the allocator with the alignment of a header
// (8) and lives until a handle made by `from_raw` is dropped. 48 bits are checked by the table when it packs it.
unsafe impl Block for Entry {
    type Ref<'a> = EntryRef<'a>;
    type Mut<'a> = EntryMut<'a>;

    #[inline]
    fn into_raw(self) -> NonNull<u8> {
        ManuallyDrop::new(self).0.cast()
    }

    #[inline]
    unsafe fn from_raw(raw: NonNull<u8>) -> Self {
        Entry(raw.cast())
    }

    #[inline]
    unsafe fn borrow<'a>(raw: NonNull<u8>) -> EntryRef<'a> {
        EntryRef(raw.cast(), PhantomData)
    }

    #[inline]
    unsafe fn borrow_mut<'a>(raw: NonNull<u8>) -> EntryMut<'a> {
        EntryMut(raw.cast(), PhantomData)
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
