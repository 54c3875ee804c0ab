//! Values that are written into a guest's memory, and the memory that the guest is asked for.

use wasmtime::{AsContextMut, Result, TypedFunc, bail};
use zerocopy::IntoBytes;

use super::Layout;
use crate::guest::Guest;

/// What the ABI needs of a guest: the memory, and the function that makes room in it.
pub(crate) struct CoreParts {
    pub(crate) memory: wasmtime::Memory,
    pub(crate) realloc: TypedFunc<(u32, u32, u32, u32), u32>,
}

/// Writes into a guest. It may run the guest to get memory, which must not be able to call the host then.
pub(crate) struct Writer<'a, S> {
    store: S,
    parts: &'a CoreParts,
}

impl<'a, S: AsContextMut<Data = Guest>> Writer<'a, S> {
    pub(crate) fn new(store: S, parts: &'a CoreParts) -> Self {
        Self { store, parts }
    }

    /// The store, to enter its guest.
    pub(crate) fn store(&mut self) -> &mut S {
        &mut self.store
    }

    /// Write bytes at an address.
    #[inline]
    pub(crate) fn put(&mut self, at: usize, bytes: &[u8]) -> Result<()> {
        let memory = self.parts.memory.data_mut(&mut self.store);
        match memory.get_mut(at..).and_then(|rest| rest.get_mut(..bytes.len())) {
            Some(place) => {
                place.copy_from_slice(bytes);
                Ok(())
            }
            None => bail!("pointer out of bounds of memory"),
        }
    }

    #[inline]
    pub(crate) fn u64(&mut self, at: usize, number: u64) -> Result<()> {
        self.put(at, &number.to_le_bytes())
    }

    /// Copy a list into the guest; its address there and its length.
    #[inline]
    pub(crate) fn list(&mut self, bytes: &[u8]) -> Result<(u32, u32)> {
        let at = self.allocate(bytes.len(), 1)?;
        self.put(at as usize, bytes)?;
        Ok((at, length(bytes.len())?))
    }

    /// The same for words.
    #[inline]
    pub(crate) fn words(&mut self, words: &[u32]) -> Result<(u32, u32)> {
        let at = self.allocate(size_of_val(words), 4)?;
        self.put_words(at, words)?;
        Ok((at, length(words.len())?))
    }

    /// Write words at an address.
    #[inline]
    pub(crate) fn put_words(&mut self, at: u32, words: &[u32]) -> Result<()> {
        const { assert!(cfg!(target_endian = "little"), "a guest's words are little-endian") };
        if !at.is_multiple_of(4) {
            bail!("list pointer is not aligned");
        }
        self.put(at as usize, words.as_bytes())
    }

    /// Copy a list into the guest, and write its address and its length at an address.
    #[inline]
    pub(crate) fn put_list(&mut self, at: usize, bytes: &[u8]) -> Result<()> {
        let (address, len) = self.list(bytes)?;
        self.put_place(at, address, len)
    }

    /// The same for words.
    #[inline]
    pub(crate) fn put_word_list(&mut self, at: usize, words: &[u32]) -> Result<()> {
        let (address, len) = self.words(words)?;
        self.put_place(at, address, len)
    }

    /// The same for elements of this shape, which are these bytes.
    pub(crate) fn put_elements<E: Layout>(&mut self, at: usize, bytes: &[u8]) -> Result<()> {
        let align = u32::try_from(E::ALIGN).expect("an alignment is small");
        let address = self.allocate(bytes.len(), align)?;
        self.put(address as usize, bytes)?;
        self.put_place(at, address, length(bytes.len() / E::SIZE)?)
    }

    #[inline]
    pub(crate) fn put_place(&mut self, at: usize, address: u32, len: u32) -> Result<()> {
        self.u64(at, u64::from(address) | u64::from(len) << 32)
    }

    /// Ask the guest for memory.
    #[inline]
    pub(crate) fn allocate(&mut self, bytes: usize, align: u32) -> Result<u32> {
        let at = self.parts.realloc.call(&mut self.store, (0, 0, align, length(bytes)?))?;
        if !at.is_multiple_of(align) {
            bail!("realloc return: result not aligned");
        }
        // Whether it lies in the memory is seen when it is written.
        Ok(at)
    }
}

/// What an address of 32 bits can reach.
#[inline]
fn length(length: usize) -> Result<u32> {
    match u32::try_from(length) {
        Ok(length) => Ok(length),
        Err(_) => bail!("{length} bytes are more than a guest can have"),
    }
}
