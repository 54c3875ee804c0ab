//! HyperLogLog: how many different elements a set has, about, in 12 KB at the most whatever there are (Flajolet, Fusy, Gandouet, Meunier,
//! 2007). An element's hash chooses one of 16,384 registers, which keeps the highest rank seen: the position of the first one bit in
//! the rest of the hash. `estimate` makes a number of the registers.
//!
//! A sketch is a string, in Redis's form, so that any redis-server can go on with it:
//!
//! ```text
//! 0      4          5         8                      16
//! | HYLL | encoding | not used | count, little-endian | registers |
//! ```
//!
//! The encoding is 0 for 6 bits a register (`dense`), 1 for runs of registers (`sparse`), which is shorter while few are set. The count is
//! that of the last time somebody asked; its highest bit says that registers have changed since.
//!
//! Clients can store any string, so what is not a sketch and what has malformed runs is found here, by `header` and `is_sound`, before
//! anything else is done; what runs after them cannot fail. Keys, events and errors are in `command::hyperloglog`.

mod dense;
mod estimate;
mod hash;
mod self_test;
mod sparse;
#[cfg(test)]
mod tests;

pub use self_test::self_test;

/// Bits of a hash that choose the register.
const INDEX_BITS: u32 = 14;
/// How many registers there are.
pub const REGISTERS: usize = 1 << INDEX_BITS;
/// The other bits: ranks go from 1 to one more than this.
const RANK_BITS: u32 = 64 - INDEX_BITS;

const MAGIC: &[u8; 4] = b"HYLL";
const ENCODING_AT: usize = 4;
const COUNT_AT: usize = 8;
/// Where the registers begin.
const HEADER: usize = 16;
/// The bit of the count's last byte that says that it is outdated.
const OUTDATED: u8 = 0x80;

/// How the registers of a sketch are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Six bits each.
    Dense,
    /// As runs.
    Sparse,
}

impl Form {
    /// The name in the protocol.
    pub fn name(self) -> &'static str {
        match self {
            Form::Dense => "dense",
            Form::Sparse => "sparse",
        }
    }
}

/// A sketch of nothing.
pub fn empty() -> Vec<u8> {
    let mut bytes = vec![0; HEADER];
    bytes[..MAGIC.len()].copy_from_slice(MAGIC);
    bytes[ENCODING_AT] = 1;
    sparse::push_zeros(&mut bytes, REGISTERS);
    bytes
}

/// The form of a sketch; none if the string is no sketch.
pub fn header(bytes: &[u8]) -> Option<Form> {
    if bytes.len() < HEADER || !bytes.starts_with(MAGIC) {
        return None;
    }
    match bytes[ENCODING_AT] {
        0 if bytes.len() == HEADER + dense::BYTES => Some(Form::Dense),
        1 => Some(Form::Sparse),
        _ => None,
    }
}

/// The form of a string that `header` has found to be a sketch.
fn form(bytes: &[u8]) -> Form {
    if bytes[ENCODING_AT] == 0 { Form::Dense } else { Form::Sparse }
}

/// Whether the runs of a sketch are well formed and cover all registers once. All that follows asks for such a sketch.
pub fn is_sound(bytes: &[u8]) -> bool {
    form(bytes) == Form::Dense || sparse::is_sound(&bytes[HEADER..])
}

/// Adds an element. A sparse sketch that would outgrow `sparse_max` bytes becomes dense. True if a register has changed: then
/// `outdate` must follow.
pub fn add(bytes: &mut Vec<u8>, element: &[u8], sparse_max: usize) -> bool {
    let hash = hash::of(element);
    // A one bit behind the last ends the search.
    let rest = (hash >> INDEX_BITS) | (1 << RANK_BITS);
    let rank = rest.trailing_zeros() as u8 + 1;
    raise(bytes, hash as usize % REGISTERS, rank, sparse_max, &mut sparse::Cursor::default())
}

/// Raises a register to a rank. True if it was lower.
fn raise(
    bytes: &mut Vec<u8>,
    index: usize,
    rank: u8,
    sparse_max: usize,
    cursor: &mut sparse::Cursor,
) -> bool {
    if form(bytes) == Form::Sparse {
        match sparse::raise(bytes, index, rank, sparse_max, cursor) {
            sparse::Raised::Yes => return true,
            sparse::Raised::No => return false,
            sparse::Raised::NeedsDense => to_dense(bytes),
        }
    }
    dense::raise(&mut bytes[HEADER..], index, rank)
}

/// Gives a sketch the dense form. True if it had the other one.
pub fn make_dense(bytes: &mut Vec<u8>) -> bool {
    let was_sparse = form(bytes) == Form::Sparse;
    if was_sparse {
        to_dense(bytes);
    }
    was_sparse
}

fn to_dense(bytes: &mut Vec<u8>) {
    let mut dense = vec![0; HEADER + dense::BYTES];
    dense[..HEADER].copy_from_slice(&bytes[..HEADER]);
    dense[ENCODING_AT] = 0;
    sparse::for_each_value(&bytes[HEADER..], |index, rank| {
        dense::raise(&mut dense[HEADER..], index, rank);
    });
    *bytes = dense;
}

/// The count that was stored, if no register has changed since.
pub fn stored_count(bytes: &[u8]) -> Option<u64> {
    let count = bytes[COUNT_AT..HEADER].try_into().map(u64::from_le_bytes).ok()?;
    (bytes[HEADER - 1] & OUTDATED == 0).then_some(count)
}

/// Stores the count of these registers.
pub fn store_count(bytes: &mut [u8], count: u64) {
    bytes[COUNT_AT..HEADER].copy_from_slice(&count.to_le_bytes());
}

/// Notes that registers have changed.
pub fn outdate(bytes: &mut [u8]) {
    bytes[HEADER - 1] |= OUTDATED;
}

/// About how many different elements were added.
pub fn count(bytes: &[u8]) -> u64 {
    let mut histogram = estimate::Histogram::default();
    match form(bytes) {
        Form::Dense => dense::for_each(&bytes[HEADER..], |_, rank| histogram.add(rank, 1)),
        Form::Sparse => sparse::for_each_run(&bytes[HEADER..], |rank, len| histogram.add(rank, len)),
    }
    histogram.estimate()
}

/// The runs of a sparse sketch as PFDEBUG DECODE shows them.
pub fn describe_runs(bytes: &[u8]) -> String {
    sparse::describe(&bytes[HEADER..])
}

/// The registers of several sketches together: the highest of each.
pub struct Registers(Box<[u8; REGISTERS]>);

impl Default for Registers {
    fn default() -> Self {
        Self(Box::new([0; REGISTERS]))
    }
}

impl Registers {
    /// Takes those of a sketch in.
    pub fn merge(&mut self, bytes: &[u8]) {
        let mut raise = |index: usize, rank: u8| self.0[index] = self.0[index].max(rank);
        match form(bytes) {
            Form::Dense => dense::for_each(&bytes[HEADER..], raise),
            Form::Sparse => sparse::for_each_value(&bytes[HEADER..], &mut raise),
        }
    }

    /// Raises those of a sketch to these.
    pub fn write_to(&self, bytes: &mut Vec<u8>, sparse_max: usize) {
        let mut cursor = sparse::Cursor::default();
        for (index, &rank) in self.0.iter().enumerate() {
            if rank != 0 {
                raise(bytes, index, rank, sparse_max, &mut cursor);
            }
        }
    }

    /// About how many different elements were added to any of the sketches.
    pub fn count(&self) -> u64 {
        let mut histogram = estimate::Histogram::default();
        self.0.iter().for_each(|&rank| histogram.add(rank, 1));
        histogram.estimate()
    }

    /// One after the other.
    pub fn iter(&self) -> impl Iterator<Item = u8> {
        self.0.iter().copied()
    }
}
