//! Values that are read out of a guest's memory.

use wasmtime::{Result, bail};
use zerocopy::FromBytes;

use super::{LIST_ALIGN, LIST_SIZE, Layout, payload_offset};
use crate::bindings::sandkey::module::types::ArgvResult;
use crate::trap::TooLarge;

/// The memory of a guest while nothing runs in it, and how many bytes may still be copied out of it.
#[derive(Clone, Copy)]
pub(crate) struct Memory<'m> {
    bytes: &'m [u8],
    budget: usize,
}

impl<'m> Memory<'m> {
    pub(crate) fn new(bytes: &'m [u8], budget: usize) -> Self {
        Self { bytes, budget }
    }

    /// So many bytes at an address.
    #[inline]
    pub(crate) fn slice(&self, at: usize, len: usize) -> Result<&'m [u8]> {
        match at.checked_add(len).and_then(|end| self.bytes.get(at..end)) {
            Some(slice) => Ok(slice),
            None => bail!("pointer out of bounds of memory"),
        }
    }

    /// So many words at an address.
    #[inline]
    pub(crate) fn words(&self, at: usize, count: usize) -> Result<&'m [u32]> {
        if !at.is_multiple_of(4) {
            bail!("list pointer is not aligned");
        }
        // On a machine of 32 bits the product could overflow; it cannot be in bounds then.
        let bytes = self.slice(at, count.saturating_mul(4))?;
        match <[u32]>::ref_from_bytes(bytes) {
            Ok(words) => Ok(words),
            // wasmtime begins a memory at the begin of a page.
            Err(_) => bail!("list pointer is not aligned"),
        }
    }

    /// So many doubles at an address.
    #[inline]
    pub(crate) fn doubles(&self, at: usize, count: usize) -> Result<&'m [f64]> {
        if !at.is_multiple_of(8) {
            bail!("list pointer is not aligned");
        }
        let bytes = self.slice(at, count.saturating_mul(8))?;
        match <[f64]>::ref_from_bytes(bytes) {
            Ok(doubles) => Ok(doubles),
            // wasmtime begins a memory at the begin of a page.
            Err(_) => bail!("list pointer is not aligned"),
        }
    }

    #[inline]
    fn array<const N: usize>(&self, at: usize) -> Result<[u8; N]> {
        Ok(*self.slice(at, N)?.first_chunk().expect("the slice has this length"))
    }

    #[inline]
    pub(crate) fn byte(&self, at: usize) -> Result<u8> {
        Ok(u8::from_le_bytes(self.array(at)?))
    }

    /// Where the address and the length of a list lie, the bytes of that list.
    #[inline]
    pub(crate) fn list(&mut self, at: usize) -> Result<&'m [u8]> {
        let (at, len) = self.place(at)?;
        let bytes = self.slice(at, len)?;
        self.spend(len)?;
        Ok(bytes)
    }

    /// The same for a string.
    #[inline]
    pub(crate) fn text(&mut self, at: usize) -> Result<&'m str> {
        Ok(std::str::from_utf8(self.list(at)?)?)
    }

    #[inline]
    fn place(&self, at: usize) -> Result<(usize, usize)> {
        Ok((u32::load(&mut { *self }, at)? as usize, u32::load(&mut { *self }, at + 4)? as usize))
    }

    fn spend(&mut self, bytes: usize) -> Result<()> {
        match self.budget.checked_sub(bytes) {
            Some(left) => self.budget = left,
            None => return Err(TooLarge.into()),
        }
        Ok(())
    }
}

/// A value that is read whole, with everything that it points at.
pub(crate) trait Load: Layout + Sized {
    /// Read it from an address, which has been checked to be aligned.
    fn load(from: &mut Memory<'_>, at: usize) -> Result<Self>;

    /// Read so many that lie one behind the other, in bounds.
    fn load_list(from: &mut Memory<'_>, at: usize, count: usize) -> Result<Vec<Self>> {
        let mut elements = Vec::with_capacity(count);
        for index in 0..count {
            elements.push(Self::load(from, at + index * Self::SIZE)?);
        }
        Ok(elements)
    }

    /// Read what a function answered with: an address.
    fn load_answer(from: &mut Memory<'_>, at: u32) -> Result<Self> {
        Self::load(from, answer_at::<Self>(at)?)
    }
}

/// The address of an answer, checked to be aligned. Whether it is in the memory is seen when it is used.
#[inline]
pub(crate) fn answer_at<T: Layout>(at: u32) -> Result<usize> {
    let at = at as usize;
    if !at.is_multiple_of(T::ALIGN) {
        bail!("return pointer not aligned");
    }
    Ok(at)
}

#[cold]
pub(crate) fn unknown_case(case: u8) -> wasmtime::Error {
    wasmtime::format_err!("unexpected discriminant: {case}")
}

macro_rules! numbers {
    ($($ty:ty)*) => {
        $(impl Load for $ty {
            #[inline]
            fn load(from: &mut Memory<'_>, at: usize) -> Result<Self> {
                Ok(Self::from_le_bytes(from.array(at)?))
            }
        })*
    };
}

numbers! { u16 u32 i32 u64 i64 f64 }

impl Load for u8 {
    #[inline]
    fn load(from: &mut Memory<'_>, at: usize) -> Result<Self> {
        from.byte(at)
    }

    /// A saved value may have hundreds of megabytes, so bytes are copied in one piece.
    fn load_list(from: &mut Memory<'_>, at: usize, count: usize) -> Result<Vec<Self>> {
        Ok(from.slice(at, count)?.to_vec())
    }
}

impl Load for bool {
    fn load(from: &mut Memory<'_>, at: usize) -> Result<Self> {
        Ok(from.byte(at)? != 0)
    }
}

impl Load for () {
    fn load(_: &mut Memory<'_>, _: usize) -> Result<Self> {
        Ok(())
    }
}

impl Layout for String {
    const SIZE: usize = LIST_SIZE;
    const ALIGN: usize = LIST_ALIGN;
}

impl Load for String {
    fn load(from: &mut Memory<'_>, at: usize) -> Result<Self> {
        Ok(from.text(at)?.to_owned())
    }
}

impl<T> Layout for Vec<T> {
    const SIZE: usize = LIST_SIZE;
    const ALIGN: usize = LIST_ALIGN;
}

impl<T: Load> Load for Vec<T> {
    fn load(from: &mut Memory<'_>, at: usize) -> Result<Self> {
        let (at, count) = from.place(at)?;
        if !at.is_multiple_of(T::ALIGN) {
            bail!("list pointer is not aligned");
        }
        from.slice(at, count.saturating_mul(T::SIZE))?;
        // Several lists may lie in the same place, so what they become is counted, too.
        from.spend(count.saturating_mul(size_of::<T>()))?;
        T::load_list(from, at, count)
    }
}

impl Layout for ArgvResult {
    const SIZE: usize = 2 * LIST_SIZE;
    const ALIGN: usize = LIST_ALIGN;
}

impl Load for ArgvResult {
    fn load(from: &mut Memory<'_>, at: usize) -> Result<Self> {
        Ok(Self { data: Vec::load(from, at)?, ends: Vec::load(from, at + LIST_SIZE)? })
    }
}

impl<T: Load, E: Load> Load for Result<T, E> {
    fn load(from: &mut Memory<'_>, at: usize) -> Result<Self> {
        let payload = at + payload_offset(Self::ALIGN);
        match from.byte(at)? {
            0 => T::load(from, payload).map(Ok),
            1 => E::load(from, payload).map(Err),
            case => Err(unknown_case(case)),
        }
    }
}
