//! The arguments of one command. [`Argv`] is a view that is copied around while the command runs; it borrows either the
//! connection's input buffer, where headers stand between the arguments, or an [`OwnedArgv`], where nothing does.
//! [`OwnedArgv`] is for arguments that outlive the buffer (a MULTI queue, replay, a module's `call`), in the shape in which they
//! cross into a guest: all bytes in one piece, and where each argument ends.
//! Nothing here knows what an argument means.

use std::fmt;
use std::ops::Index;

/// Where an argument lies in its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArgRange {
    /// Offset of the first byte.
    pub start: u32,
    /// Offset behind the last byte.
    pub end: u32,
}

/// The arguments of a command, its name first. A view: copying it copies no argument.
#[derive(Clone, Copy)]
pub struct Argv<'a> {
    data: &'a [u8],
    bounds: Bounds<'a>,
}

/// Where the arguments are in `data`.
#[derive(Clone, Copy)]
enum Bounds<'a> {
    /// Anywhere, as in a request.
    Ranges(&'a [ArgRange]),
    /// One behind the other, as in an `OwnedArgv`; `first` is where the first one starts.
    Ends { first: u32, ends: &'a [u32] },
}

impl<'a> Argv<'a> {
    /// A view over arguments that lie at `ranges` in `data`.
    ///
    /// Every range must lie inside `data`; reading one that does not panics.
    #[inline]
    #[must_use]
    pub fn from_ranges(data: &'a [u8], ranges: &'a [ArgRange]) -> Self {
        Self { data, bounds: Bounds::Ranges(ranges) }
    }

    /// A view over arguments that stand in `data` without gaps, each ending where `ends` says.
    ///
    /// `ends` must ascend and not pass the end of `data`; reading an argument for which that is false panics.
    #[inline]
    #[must_use]
    pub fn from_packed(data: &'a [u8], ends: &'a [u32]) -> Self {
        Self { data, bounds: Bounds::Ends { first: 0, ends } }
    }

    /// How many arguments there are, the name included: Redis's `argc`.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        match self.bounds {
            Bounds::Ranges(ranges) => ranges.len(),
            Bounds::Ends { ends, .. } => ends.len(),
        }
    }

    /// Whether there is not even a name. A parsed request always has one.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The argument at `index`, if there is one.
    #[inline]
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&'a [u8]> {
        let (start, end) = match self.bounds {
            Bounds::Ranges(ranges) => {
                let range = ranges.get(index)?;
                (range.start, range.end)
            }
            Bounds::Ends { first, ends } => {
                let end = *ends.get(index)?;
                (if index == 0 { first } else { ends[index - 1] }, end)
            }
        };
        Some(&self.data[start as usize..end as usize])
    }

    /// The argument at `index`, with the lifetime of the data; `argv[index]` has only that of the view.
    ///
    /// # Panics
    /// When there is no such argument: check the arity first.
    #[inline]
    #[must_use]
    #[track_caller]
    pub fn at(&self, index: usize) -> &'a [u8] {
        let argc = self.len();
        self.get(index).unwrap_or_else(|| panic!("argument {index} of {argc}"))
    }

    /// The command's name as the client spelled it; empty if there are no arguments at all.
    #[inline]
    #[must_use]
    pub fn name(&self) -> &'a [u8] {
        self.get(0).unwrap_or_default()
    }

    /// The arguments in order.
    #[inline]
    #[must_use]
    pub fn iter(&self) -> Iter<'a> {
        Iter { argv: *self, front: 0, back: self.len() }
    }

    /// The arguments from `first` on; none if there are fewer.
    #[inline]
    #[must_use]
    pub fn tail(&self, first: usize) -> Self {
        let first = first.min(self.len());
        let bounds = match self.bounds {
            Bounds::Ranges(ranges) => Bounds::Ranges(&ranges[first..]),
            Bounds::Ends { first: start, ends } => {
                let start = if first == 0 { start } else { ends[first - 1] };
                Bounds::Ends { first: start, ends: &ends[first..] }
            }
        };
        Self { data: self.data, bounds }
    }

    /// The first `len` arguments; all if there are fewer.
    #[inline]
    #[must_use]
    pub fn head(&self, len: usize) -> Self {
        let len = len.min(self.len());
        let bounds = match self.bounds {
            Bounds::Ranges(ranges) => Bounds::Ranges(&ranges[..len]),
            Bounds::Ends { first, ends } => Bounds::Ends { first, ends: &ends[..len] },
        };
        Self { data: self.data, bounds }
    }

    /// The bytes of all arguments together, without anything between them.
    #[must_use]
    pub fn total_len(&self) -> usize {
        match self.bounds {
            Bounds::Ranges(ranges) => ranges.iter().map(|range| (range.end - range.start) as usize).sum(),
            Bounds::Ends { first, ends } => ends.last().map_or(0, |&end| (end - first) as usize),
        }
    }

    /// The arguments in the shape in which they cross into a guest, if they are in that shape already, that is, if this is
    /// a view of a whole [`OwnedArgv`]. For others there is [`OwnedArgv::assign`].
    #[inline]
    #[must_use]
    pub fn as_packed(&self) -> Option<(&'a [u8], &'a [u32])> {
        match self.bounds {
            Bounds::Ends { first: 0, ends } => {
                let len = ends.last().copied().unwrap_or(0) as usize;
                Some((&self.data[..len], ends))
            }
            _ => None,
        }
    }

    /// A copy that outlives the buffer.
    #[must_use]
    pub fn to_owned(&self) -> OwnedArgv {
        OwnedArgv::from(*self)
    }
}

impl Index<usize> for Argv<'_> {
    type Output = [u8];

    #[inline]
    #[track_caller]
    fn index(&self, index: usize) -> &[u8] {
        self.at(index)
    }
}

impl<'a> IntoIterator for Argv<'a> {
    type Item = &'a [u8];
    type IntoIter = Iter<'a>;

    #[inline]
    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl PartialEq for Argv<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl Eq for Argv<'_> {}

impl fmt::Debug for Argv<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(<[u8]>::escape_ascii).map(|arg| arg.to_string())).finish()
    }
}

/// Iterates over the arguments of an [`Argv`].
#[derive(Clone, Debug)]
pub struct Iter<'a> {
    argv: Argv<'a>,
    front: usize,
    back: usize,
}

impl<'a> Iterator for Iter<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        if self.front == self.back {
            return None;
        }
        let arg = self.argv.get(self.front);
        self.front += 1;
        arg
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.back - self.front;
        (left, Some(left))
    }
}

impl DoubleEndedIterator for Iter<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        if self.front == self.back {
            return None;
        }
        self.back -= 1;
        self.argv.get(self.back)
    }
}

impl ExactSizeIterator for Iter<'_> {}

/// Arguments that own their bytes: all of them in one piece, and where each ends.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct OwnedArgv {
    data: Vec<u8>,
    ends: Vec<u32>,
}

impl OwnedArgv {
    /// No arguments yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// No arguments yet, but room for `args` of them with `bytes` bytes together.
    #[must_use]
    pub fn with_capacity(args: usize, bytes: usize) -> Self {
        Self { data: Vec::with_capacity(bytes), ends: Vec::with_capacity(args) }
    }

    /// Append an argument.
    pub fn push(&mut self, arg: impl AsRef<[u8]>) {
        self.data.extend_from_slice(arg.as_ref());
        let end = u32::try_from(self.data.len());
        self.ends.push(end.expect("requests, guests and log records are all limited to below 4 GiB"));
    }

    /// Become a copy of `argv`, keeping the space.
    pub fn assign(&mut self, argv: Argv<'_>) {
        self.clear();
        self.data.reserve(argv.total_len());
        self.ends.reserve(argv.len());
        for arg in argv {
            self.push(arg);
        }
    }

    /// Forget the arguments, keeping the space.
    pub fn clear(&mut self) {
        self.data.clear();
        self.ends.clear();
    }

    /// The view that commands take.
    #[inline]
    #[must_use]
    pub fn as_argv(&self) -> Argv<'_> {
        Argv::from_packed(&self.data, &self.ends)
    }

    /// The bytes of all arguments, one behind the other.
    #[inline]
    #[must_use]
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// Where in [`data`](Self::data) each argument ends.
    #[inline]
    #[must_use]
    pub fn ends(&self) -> &[u32] {
        &self.ends
    }

    /// How many arguments there are.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }
}

impl From<Argv<'_>> for OwnedArgv {
    fn from(argv: Argv<'_>) -> Self {
        let mut owned = Self::new();
        owned.assign(argv);
        owned
    }
}

impl<A: AsRef<[u8]>> FromIterator<A> for OwnedArgv {
    fn from_iter<I: IntoIterator<Item = A>>(args: I) -> Self {
        let mut owned = Self::new();
        for arg in args {
            owned.push(arg);
        }
        owned
    }
}

impl fmt::Debug for OwnedArgv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_argv().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges() -> (&'static [u8], Vec<ArgRange>) {
        (b"*3|SET|key||", [(3, 6), (7, 10), (11, 11)].map(|(start, end)| ArgRange { start, end }).to_vec())
    }

    #[test]
    fn both_shapes_read_alike() {
        let (data, ranges) = ranges();
        let wire = Argv::from_ranges(data, &ranges);
        let owned = wire.to_owned();
        assert_eq!((owned.data(), owned.ends()), (&b"SETkey"[..], &[3, 6, 6][..]));
        for argv in [wire, owned.as_argv()] {
            assert_eq!((argv.len(), argv.total_len(), argv.name()), (3, 6, &b"SET"[..]));
            assert_eq!((&argv[1], &argv[2], argv.get(3)), (&b"key"[..], &b""[..], None));
            assert_eq!(argv.iter().rev().collect::<Vec<_>>(), [&b""[..], b"key", b"SET"]);
            let tail = argv.tail(1);
            assert_eq!((tail.len(), tail.name(), tail.total_len()), (2, &b"key"[..], 3));
            assert_eq!(tail.tail(1).iter().collect::<Vec<_>>(), [b""]);
            assert_eq!((argv.tail(9).len(), argv.tail(9).total_len()), (0, 0));
            assert_eq!(format!("{argv:?}"), r#"["SET", "key", ""]"#);
        }
        assert_eq!(wire, owned.as_argv());
        assert_ne!(wire, owned.as_argv().tail(1));
    }

    #[test]
    fn only_a_whole_owned_argv_is_packed() {
        let (data, ranges) = ranges();
        assert!(Argv::from_ranges(data, &ranges).as_packed().is_none());
        let owned: OwnedArgv = ["a", "bc"].into_iter().collect();
        assert_eq!(owned.as_argv().as_packed(), Some((&b"abc"[..], &[1, 3][..])));
        assert!(owned.as_argv().tail(1).as_packed().is_none());
        assert_eq!(OwnedArgv::new().as_argv().as_packed(), Some((&b""[..], &[][..])));
        assert_eq!(OwnedArgv::new().as_argv().name(), b"");
    }
}
