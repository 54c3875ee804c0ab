//! SCANDUMP and LOADCHUNK: a filter in chunks of a bounded size, which another server can put together again.
//!
//! The first chunk is a header: which kind of filter it is, and the numbers that are not bits. After it an iterator is the number of
//! bytes that came before it, plus 1, over the bits of all parts in a row; so a scan can go on anywhere. Every chunk ends with
//! a checksum of itself and its place, because any bytes would be bits.
//!
//! ```text
//! header   kind: 8 bytes | numbers: 8 bytes each | checksum: 8 bytes        iterator 1
//! chunk    bits: 1 byte to CHUNK_BYTES           | checksum: 8 bytes        iterator 1 + bytes up to and with these
//! ```

use sandkey::prelude::*;

use crate::limits::CHUNK_BYTES;
use crate::sketch::bloom::{Bloom, Filter};
use crate::sketch::cuckoo::{Cuckoo, Shape};
use crate::sketch::hash::checksum;
use crate::sketch::{Refusal, zeroed};

const WORD: usize = size_of::<u64>();

/// A filter that can be dumped.
pub trait Dump: Sized {
    /// What its header begins with.
    const KIND: &'static [u8; WORD];

    /// The numbers that make it, with the length of each part.
    fn numbers(&self) -> Vec<u64>;

    /// A filter of those numbers whose parts are all zeros.
    fn build(numbers: &mut Numbers<'_>) -> Result<Self, BadChunk>;

    /// Its parts.
    fn parts(&self) -> impl Iterator<Item = &[u8]>;

    /// The same, to be written.
    fn parts_mut(&mut self) -> impl Iterator<Item = &mut [u8]>;
}

/// Why a chunk is not loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadChunk {
    /// Nobody dumped this.
    Garbage,
    /// It is beyond the end of the filter.
    NoPlace,
    /// It begins inside of a part and ends outside.
    TooBig,
    /// There is not enough memory for the filter.
    NoMemory,
}

impl From<BadChunk> for Error {
    fn from(why: BadChunk) -> Self {
        match why {
            BadChunk::Garbage => "ERR received bad data".into(),
            BadChunk::NoPlace => "ERR invalid offset - no link found".into(),
            BadChunk::TooBig => "ERR invalid chunk - Too big for current filter".into(),
            BadChunk::NoMemory => "ERR could not create filter".into(),
        }
    }
}

/// The numbers of a header, as they are read.
#[derive(Debug)]
pub struct Numbers<'a> {
    words: std::slice::Iter<'a, [u8; WORD]>,
    bytes: usize,
}

impl Numbers<'_> {
    /// The next number.
    pub fn next<T: TryFrom<u64>>(&mut self) -> Result<T, BadChunk> {
        let word = self.words.next().ok_or(BadChunk::Garbage)?;
        T::try_from(u64::from_le_bytes(*word)).map_err(|_| BadChunk::Garbage)
    }

    /// Whether there are no more.
    pub fn is_empty(&self) -> bool {
        self.words.len() == 0
    }

    /// A part of zeros whose length is the next number.
    pub fn part(&mut self) -> Result<Vec<u8>, BadChunk> {
        let len: usize = self.next()?;
        self.bytes = self.bytes.saturating_add(len);
        zeroed(len, self.bytes).map_err(|_: Refusal| BadChunk::NoMemory)
    }
}

/// The chunk that an iterator stands for, and the iterator of the next one; 0 with an empty chunk at the end.
pub fn scan<D: Dump>(filter: &D, iterator: u64) -> (u64, Vec<u8>) {
    let Some(mut offset) = iterator.checked_sub(1) else {
        let mut header = D::KIND.to_vec();
        filter.numbers().iter().for_each(|number| header.extend_from_slice(&number.to_le_bytes()));
        return (1, signed(header, 1));
    };
    for part in filter.parts() {
        if offset < part.len() as u64 {
            let rest = &part[offset as usize..];
            let len = rest.len().min(CHUNK_BYTES);
            let mut chunk = Vec::with_capacity(len + WORD);
            chunk.extend_from_slice(&rest[..len]);
            let next = iterator + len as u64;
            return (next, signed(chunk, next));
        }
        offset -= part.len() as u64;
    }
    (0, Vec::new())
}

/// The filter that a header announces.
pub fn load_header<D: Dump>(chunk: &[u8]) -> Result<D, BadChunk> {
    let (kind, words) = checked(chunk, 1)?.split_first_chunk().ok_or(BadChunk::Garbage)?;
    let (words, rest) = words.as_chunks();
    if kind != D::KIND || !rest.is_empty() {
        return Err(BadChunk::Garbage);
    }
    let mut numbers = Numbers { words: words.iter(), bytes: 0 };
    let filter = D::build(&mut numbers)?;
    if numbers.is_empty() { Ok(filter) } else { Err(BadChunk::Garbage) }
}

/// Put a later chunk into its place; `iterator` is the one that came with it.
pub fn load_chunk(filter: &mut impl Dump, iterator: u64, chunk: &[u8]) -> Result<(), BadChunk> {
    let bits = checked(chunk, iterator)?;
    let offset = iterator.checked_sub(1 + bits.len() as u64).ok_or(BadChunk::NoPlace)?;
    let mut offset = usize::try_from(offset).map_err(|_| BadChunk::NoPlace)?;
    for part in filter.parts_mut() {
        if offset < part.len() {
            let place = part[offset..].get_mut(..bits.len()).ok_or(BadChunk::TooBig)?;
            place.copy_from_slice(bits);
            return Ok(());
        }
        offset -= part.len();
    }
    Err(BadChunk::NoPlace)
}

fn signed(mut chunk: Vec<u8>, iterator: u64) -> Vec<u8> {
    let sum = checksum(&chunk, iterator);
    chunk.extend_from_slice(&sum.to_le_bytes());
    chunk
}

fn checked(chunk: &[u8], iterator: u64) -> Result<&[u8], BadChunk> {
    let (bytes, sum) = chunk.split_last_chunk().ok_or(BadChunk::Garbage)?;
    let fits = !bytes.is_empty() && checksum(bytes, iterator) == u64::from_le_bytes(*sum);
    if fits { Ok(bytes) } else { Err(BadChunk::Garbage) }
}

impl Dump for Bloom {
    const KIND: &'static [u8; WORD] = b"sandkeyB";

    fn numbers(&self) -> Vec<u64> {
        let expansion = u64::from(self.expansion().unwrap_or(0));
        let filter = |filter: &Filter| {
            let len = filter.bits.len() as u64;
            [filter.capacity, filter.items, u64::from(filter.hashes), filter.error.to_bits(), len]
        };
        std::iter::once(expansion).chain(self.filters().iter().flat_map(filter)).collect()
    }

    fn build(numbers: &mut Numbers<'_>) -> Result<Self, BadChunk> {
        let expansion: u32 = numbers.next()?;
        let mut filters = Vec::new();
        while !numbers.is_empty() {
            filters.push(Filter {
                capacity: numbers.next()?,
                items: numbers.next()?,
                hashes: numbers.next()?,
                error: f64::from_bits(numbers.next()?),
                bits: numbers.part()?,
            });
        }
        Self::restored(filters, (expansion > 0).then_some(expansion)).ok_or(BadChunk::Garbage)
    }

    fn parts(&self) -> impl Iterator<Item = &[u8]> {
        self.filters().iter().map(|filter| filter.bits.as_slice())
    }

    fn parts_mut(&mut self) -> impl Iterator<Item = &mut [u8]> {
        self.bits_mut()
    }
}

impl Dump for Cuckoo {
    const KIND: &'static [u8; WORD] = b"sandkeyC";

    fn numbers(&self) -> Vec<u64> {
        let Shape { bucket_size, iterations, expansion } = self.shape();
        let shape = [u64::from(bucket_size), u64::from(iterations), u64::from(expansion)];
        let parts = self.tables().iter().map(|table| table.len() as u64);
        shape.into_iter().chain([self.items(), self.deleted()]).chain(parts).collect()
    }

    fn build(numbers: &mut Numbers<'_>) -> Result<Self, BadChunk> {
        let shape =
            Shape { bucket_size: numbers.next()?, iterations: numbers.next()?, expansion: numbers.next()? };
        let (items, deleted) = (numbers.next()?, numbers.next()?);
        let mut tables = Vec::new();
        while !numbers.is_empty() {
            tables.push(numbers.part()?);
        }
        Self::restored(shape, items, deleted, tables).ok_or(BadChunk::Garbage)
    }

    fn parts(&self) -> impl Iterator<Item = &[u8]> {
        self.tables().iter().map(Vec::as_slice)
    }

    fn parts_mut(&mut self) -> impl Iterator<Item = &mut [u8]> {
        self.tables_mut()
    }
}

/// `BF.SCANDUMP` and `CF.SCANDUMP`: the iterator and the chunk.
pub fn scandump<D: Dump + DataType>(ctx: &Context, key: &Key, iterator: &[u8]) -> Result<(u64, Vec<u8>)> {
    let iterator = iterator_of(iterator)?;
    let filter = ctx.open_ref::<D>(key)?.ok_or("ERR not found")?;
    Ok(scan(&*filter, iterator))
}

/// `BF.LOADCHUNK` and `CF.LOADCHUNK`.
pub fn loadchunk<D: Dump + DataType>(ctx: &Context, key: &Key, iterator: &[u8], chunk: &[u8]) -> Result<()> {
    let iterator = iterator_of(iterator)?;
    let slot = ctx.open_mut::<D>(key)?;
    if iterator == 1 {
        slot.set(load_header(chunk)?)?;
        return Ok(());
    }
    let mut filter = slot.get().ok_or("ERR not found")?;
    Ok(load_chunk(&mut *filter, iterator, chunk)?)
}

fn iterator_of(argument: &[u8]) -> Result<u64> {
    <i64 as sandkey::FromBytes>::from_bytes(argument)
        .ok()
        .and_then(|iterator| u64::try_from(iterator).ok())
        .ok_or_else(|| error!("ERR Second argument must be numeric"))
}
