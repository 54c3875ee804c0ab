//! The journal of a module's value: the commands that have changed the object since the value was saved, in one buffer.
//!
//! ```text
//! 0        8        16       20        24            24 + 4n
//! | time   | seed   | length | count n | n ends      | bytes of the arguments |
//! ```
//!
//! Time and seed are those of the command, so that running it again does what it did. Appending costs one growth of the buffer at
//! most; reading happens after the object was lost.

use super::prefetch::prefetch;

/// Which code ran a command, and under which parameters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Revision {
    /// The module, as the server numbers them: another version has another number.
    pub module: u64,
    /// The parameters that it had.
    pub parameters: u32,
}

/// Commands, with what makes them repeatable.
#[derive(Clone, Debug, Default)]
pub struct Journal {
    bytes: Vec<u8>,
    len: u32,
    /// What all of them ran under.
    revision: Revision,
}

/// A command of a journal.
#[derive(Clone, Copy, Debug)]
pub struct JournalEntry<'j> {
    /// Its time, in microseconds since 1970.
    pub now_us: u64,
    /// What its random numbers begin with.
    pub seed: u64,
    ends: &'j [u8],
    data: &'j [u8],
}

const HEADER: usize = 24;

impl Journal {
    /// Whether there is nothing in it.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many commands there are.
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// How many bytes they take.
    #[inline]
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Heap bytes.
    #[inline]
    pub fn memory(&self) -> usize {
        self.bytes.capacity()
    }

    /// Asks for the place where the next command goes.
    #[inline]
    pub(super) fn prefetch_end(&self) {
        prefetch(self.bytes.as_ptr().wrapping_add(self.bytes.len()));
    }

    /// What its commands ran under.
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// Whether a command of this revision can be appended: all of a journal are of one.
    #[inline]
    pub fn takes(&self, revision: Revision) -> bool {
        self.len == 0 || self.revision == revision
    }

    /// Append a command of this revision.
    pub fn push<'a>(
        &mut self,
        revision: Revision,
        now_us: u64,
        seed: u64,
        argv: impl Iterator<Item = &'a [u8]> + Clone,
    ) {
        debug_assert!(self.takes(revision), "the value must be saved first");
        self.revision = revision;
        let count = argv.clone().count();
        let data: usize = argv.clone().map(<[u8]>::len).sum();
        let length = HEADER + 4 * count + data;
        self.bytes.reserve(length);
        self.bytes.extend_from_slice(&now_us.to_le_bytes());
        self.bytes.extend_from_slice(&seed.to_le_bytes());
        self.bytes.extend_from_slice(&(length as u32).to_le_bytes());
        self.bytes.extend_from_slice(&(count as u32).to_le_bytes());
        let mut end = 0u32;
        for arg in argv.clone() {
            end += arg.len() as u32;
            self.bytes.extend_from_slice(&end.to_le_bytes());
        }
        argv.for_each(|arg| self.bytes.extend_from_slice(arg));
        self.len += 1;
    }

    /// All commands, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = JournalEntry<'_>> {
        let mut rest = self.bytes.as_slice();
        std::iter::from_fn(move || {
            let word = |at: usize| rest.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes);
            let long = |at: usize| rest.get(at..at + 8)?.try_into().ok().map(u64::from_le_bytes);
            let (now_us, seed) = (long(0)?, long(8)?);
            let (length, count) = (word(16)? as usize, word(20)? as usize);
            let (entry, after) = rest.split_at_checked(length)?;
            rest = after;
            let (ends, data) = entry.get(HEADER..)?.split_at_checked(4 * count)?;
            Some(JournalEntry { now_us, seed, ends, data })
        })
    }
}

impl<'j> JournalEntry<'j> {
    /// Its arguments, the command's name first.
    pub fn argv(self) -> impl Iterator<Item = &'j [u8]> {
        let mut start = 0;
        self.ends.as_chunks::<4>().0.iter().map(move |end| {
            let end = u32::from_le_bytes(*end) as usize;
            let arg = &self.data[start..end];
            start = end;
            arg
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THIS: Revision = Revision { module: 7, parameters: 3 };
    const NEXT: Revision = Revision { module: 7, parameters: 4 };

    #[test]
    fn what_went_in_comes_out_in_order() {
        let mut journal = Journal::default();
        assert!(journal.is_empty() && journal.iter().next().is_none());
        let commands: [&[&[u8]]; 4] = [&[b"t.add", b"key", b"1"], &[b"T.RESET", b""], &[], &[&[0; 70_000]]];
        for (i, argv) in commands.iter().enumerate() {
            journal.push(THIS, 1000 + i as u64, u64::MAX - i as u64, argv.iter().copied());
        }
        assert_eq!(journal.len(), 4);
        let read: Vec<_> = journal.iter().collect();
        assert_eq!(read.len(), 4);
        for (i, (entry, argv)) in read.iter().zip(commands).enumerate() {
            assert_eq!((entry.now_us, entry.seed), (1000 + i as u64, u64::MAX - i as u64));
            assert_eq!(entry.argv().collect::<Vec<_>>(), argv);
        }
        assert!(journal.memory() >= journal.bytes() && journal.bytes() > 70_000);
        assert!(journal.takes(THIS) && !journal.takes(NEXT) && Journal::default().takes(NEXT));
    }
}
