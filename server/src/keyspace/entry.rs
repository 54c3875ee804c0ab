//! An entry: a key with its value and expiry in one heap block, so that a lookup that found the block has all of it.
//! The same block serves as a field of a large hash, there with a string value always.
//!
//! ```text
//! 0       4         8        16          24             40
//! | meta  | key len | object | expire at | len, cap     | key bytes | value bytes |
//! ```
//!
//! `meta` holds the access clock (24 bits, see `evict`), the kind, whether there is an expiry, and a mark for `snapshot`;
//! `expire at` (ms) stands there only if there is one. `object` depends on the kind: the length of an inline string, whose bytes
//! follow the key; an integer; the address of a raw string's buffer, whose length and capacity stand before the
//! key; the address of a collection or of a module's value. The size of a block follows from these alone: it is always the allocator's size
//! class for what is in it, and a string that is overwritten by one of the same class stays where it is.
//!
//! This file and `entry_ref` are about memory and have the `unsafe` in them; what an entry means is in `db`.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use super::block::Block;
use super::entry_ref::{
    CLOCK_SHIFT, EntryRef, HAS_EXPIRE, Header, KIND_HASH, KIND_INLINE, KIND_INT, KIND_LIST, KIND_MASK,
    KIND_MODULE, KIND_RAW, KIND_SET, KIND_STREAM, KIND_ZSET, block_bytes, key_offset,
};
use super::hash::Hash;
use super::list::List;
use super::module_value::ModuleValue;
use super::set::Set;
use super::stream::Stream;
use super::value::{StringRef, Value, canonical_int};
use super::zset::Zset;
use crate::limits::{INLINE_VALUE_BYTES_MAX, KEY_BYTES_MAX};

/// What an entry is filled with. An inline string is borrowed: its bytes go straight into the block.
pub(super) enum Payload<'a> {
    Inline(&'a [u8]),
    Int(i64),
    Raw(Vec<u8>),
    List(Box<List>),
    Set(Box<Set>),
    Zset(Box<Zset>),
    Hash(Box<Hash>),
    Module(Box<ModuleValue>),
    Stream(Box<Stream>),
}

impl<'a> Payload<'a> {
    fn of_bytes(bytes: &'a [u8]) -> Self {
        canonical_int(bytes).map_or_else(|| Self::of_text(bytes), Payload::Int)
    }

    fn of_text(bytes: &'a [u8]) -> Self {
        if bytes.len() <= INLINE_VALUE_BYTES_MAX {
            Payload::Inline(bytes)
        } else {
            Payload::Raw(bytes.to_vec())
        }
    }

    fn kind(&self) -> u32 {
        match self {
            Payload::Inline(_) => KIND_INLINE,
            Payload::Int(_) => KIND_INT,
            Payload::Raw(_) => KIND_RAW,
            Payload::List(_) => KIND_LIST,
            Payload::Set(_) => KIND_SET,
            Payload::Zset(_) => KIND_ZSET,
            Payload::Hash(_) => KIND_HASH,
            Payload::Module(_) => KIND_MODULE,
            Payload::Stream(_) => KIND_STREAM,
        }
    }

    fn inline_len(&self) -> usize {
        if let Payload::Inline(bytes) = self { bytes.len() } else { 0 }
    }
}

/// An owned entry.
pub struct Entry(NonNull<Header>);

// SAFETY: the block is owned by the handle alone, and what it can point to (bytes, a hash of entries) is Send.
unsafe impl Send for Entry {}

/// An entry whose value is edited in place.
pub struct EntryMut<'a>(NonNull<Header>, PhantomData<&'a mut Entry>);

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
        // SAFETY: this kind has a hash.
        unsafe { self.boxed(KIND_HASH) }
    }

    /// The value, if it is a list.
    #[inline]
    pub fn list(&mut self) -> Option<&mut List> {
        // SAFETY: this kind has a list.
        unsafe { self.boxed(KIND_LIST) }
    }

    /// The value, if it is a set.
    #[inline]
    pub fn set(&mut self) -> Option<&mut Set> {
        // SAFETY: this kind has a set.
        unsafe { self.boxed(KIND_SET) }
    }

    /// The value, if it is a sorted set.
    #[inline]
    pub fn zset(&mut self) -> Option<&mut Zset> {
        // SAFETY: this kind has a sorted set.
        unsafe { self.boxed(KIND_ZSET) }
    }

    /// The value, if it is a stream.
    #[inline]
    pub fn stream(&mut self) -> Option<&mut Stream> {
        // SAFETY: this kind has a stream.
        unsafe { self.boxed(KIND_STREAM) }
    }

    /// The value, if it is of a module's type.
    #[inline]
    pub fn module(&mut self) -> Option<&mut ModuleValue> {
        // SAFETY: this kind has a module's value.
        unsafe { self.boxed(KIND_MODULE) }
    }

    /// What the entry has in a box of its own, if it is of this kind.
    ///
    /// # Safety
    ///
    /// Entries of this kind have a `T`.
    #[inline]
    unsafe fn boxed<T>(&mut self, kind: u32) -> Option<&mut T> {
        if self.as_ref().kind() != kind {
            return None;
        }
        // SAFETY: the kind says that `object` is the address of the T that this entry owns, and the entry is borrowed
        // exclusively.
        Some(unsafe {
            &mut *std::ptr::with_exposed_provenance_mut::<T>(self.as_ref().header().object as usize)
        })
    }
}

impl Entry {
    /// An entry with a string value.
    #[inline]
    pub fn string(key: &[u8], bytes: &[u8], expire_at: Option<u64>, clock: u32) -> Entry {
        Entry::build(key, clock, expire_at, Payload::of_bytes(bytes))
    }

    /// An entry with a string value that is not stored as an integer even if it reads as one.
    pub fn text(key: &[u8], bytes: &[u8], expire_at: Option<u64>, clock: u32) -> Entry {
        Entry::build(key, clock, expire_at, Payload::of_text(bytes))
    }

    /// An entry with a string value in a buffer of its own.
    pub fn raw(key: &[u8], bytes: Vec<u8>, expire_at: Option<u64>, clock: u32) -> Entry {
        Entry::build(key, clock, expire_at, Payload::Raw(bytes))
    }

    /// An entry with any value.
    pub fn new(key: &[u8], value: Value, expire_at: Option<u64>, clock: u32) -> Entry {
        let payload = match value {
            Value::String(bytes) => return Entry::build(key, clock, expire_at, Payload::of_bytes(&bytes)),
            Value::Int(number) => Payload::Int(number),
            Value::List(list) => Payload::List(list),
            Value::Set(set) => Payload::Set(set),
            Value::Zset(zset) => Payload::Zset(zset),
            Value::Hash(hash) => Payload::Hash(hash),
            Value::Module(value) => Payload::Module(value),
            Value::Stream(value) => Payload::Stream(value),
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

    /// Makes the value a string that is not stored as an integer, and sets the expiry.
    pub fn set_text(&mut self, bytes: &[u8], expire_at: Option<u64>) {
        self.assign(Payload::of_text(bytes), expire_at);
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
            kind if has_object(kind) => Entry::build(key, clock, expire_at, self.take_object()),
            _ => match old.string().expect("what is no hash is a string") {
                StringRef::Bytes(bytes) => Entry::build(key, clock, expire_at, Payload::Inline(bytes)),
                StringRef::Int(number) => Entry::build(key, clock, expire_at, Payload::Int(number)),
            },
        }
    }

    /// The value, out of its entry and without a copy where that is possible.
    pub fn into_value(mut self) -> Value {
        match self.as_ref().kind() {
            kind if has_object(kind) => match self.take_object() {
                Payload::Raw(bytes) => Value::String(bytes),
                Payload::List(list) => Value::List(list),
                Payload::Set(set) => Value::Set(set),
                Payload::Zset(zset) => Value::Zset(zset),
                Payload::Hash(hash) => Value::Hash(hash),
                Payload::Module(value) => Value::Module(value),
                Payload::Stream(value) => Value::Stream(value),
                Payload::Inline(_) | Payload::Int(_) => unreachable!("these kinds have an object"),
            },
            _ => self.as_ref().to_value(),
        }
    }

    /// Fills a new block.
    pub(super) fn build(key: &[u8], clock: u32, expire_at: Option<u64>, payload: Payload<'_>) -> Entry {
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
            Payload::List(list) => Box::into_raw(list).expose_provenance() as u64,
            Payload::Set(set) => Box::into_raw(set).expose_provenance() as u64,
            Payload::Zset(zset) => Box::into_raw(zset).expose_provenance() as u64,
            Payload::Hash(hash) => Box::into_raw(hash).expose_provenance() as u64,
            Payload::Module(value) => Box::into_raw(value).expose_provenance() as u64,
            Payload::Stream(value) => Box::into_raw(value).expose_provenance() as u64,
        };
        // SAFETY: the header is live and ours alone; the field is written through a raw pointer.
        unsafe { (&raw mut (*self.0.as_ptr()).object).write(object) };
    }

    /// Takes out what the block points to. The entry is the integer 0 afterwards, or an empty raw string.
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
            // SAFETY: this kind has a list.
            KIND_LIST => Payload::List(unsafe { self.take_box() }),
            // SAFETY: this kind has a set.
            KIND_SET => Payload::Set(unsafe { self.take_box() }),
            // SAFETY: this kind has a sorted set.
            KIND_ZSET => Payload::Zset(unsafe { self.take_box() }),
            // SAFETY: this kind has a hash.
            KIND_HASH => Payload::Hash(unsafe { self.take_box() }),
            // SAFETY: this kind has a module's value.
            KIND_MODULE => Payload::Module(unsafe { self.take_box() }),
            // SAFETY: this kind has a stream.
            KIND_STREAM => Payload::Stream(unsafe { self.take_box() }),
            _ => unreachable!("inline strings and integers have no object of their own"),
        }
    }

    /// Takes out what has a box of its own. The entry is the integer 0 afterwards.
    ///
    /// # Safety
    ///
    /// Entries of this kind have a `T`.
    unsafe fn take_box<T>(&mut self) -> Box<T> {
        let old = self.as_ref();
        let address = std::ptr::with_exposed_provenance_mut::<T>(old.header().object as usize);
        // An integer's block has the form and size of a box's.
        let meta = (old.meta() & !KIND_MASK) | KIND_INT;
        old.header().meta.store(meta, Relaxed);
        self.write_payload(Payload::Int(0));
        // SAFETY: `write_payload` made the address from a Box; the entry has just become an integer, so it is used once.
        unsafe { Box::from_raw(address) }
    }

    /// Frees what the block points to.
    #[inline]
    fn drop_object(&mut self) {
        if has_object(self.as_ref().kind()) {
            drop(self.take_object());
        }
    }
}

/// Whether entries of this kind point to something that they own.
#[inline]
fn has_object(kind: u32) -> bool {
    !matches!(kind, KIND_INLINE | KIND_INT)
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
