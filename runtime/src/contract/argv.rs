//! Lists of byte strings in one piece, as they cross the boundary: all the bytes, and where each string ends.
//!
//! [`Argv`] borrows such a list, [`ArgvBuf`] collects one and is meant to be kept and cleared, so that a call of a module
//! allocates nothing. [`ValuesBuf`] is the same for answers in which some strings are missing.

/// A borrowed list of byte strings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Argv<'a> {
    data: &'a [u8],
    ends: &'a [u32],
}

impl<'a> Argv<'a> {
    /// The list without a string.
    pub const EMPTY: Argv<'static> = Argv { data: &[], ends: &[] };

    /// Take what came from elsewhere; none unless `ends` ascends and its last element is the length of `data`.
    pub fn new(data: &'a [u8], ends: &'a [u32]) -> Option<Self> {
        let mut start = 0;
        for &end in ends {
            if end < start {
                return None;
            }
            start = end;
        }
        (start as usize == data.len()).then_some(Self { data, ends })
    }

    /// All strings, one after the other.
    #[inline]
    pub fn data(&self) -> &'a [u8] {
        self.data
    }

    /// Where each string ends.
    #[inline]
    pub fn ends(&self) -> &'a [u32] {
        self.ends
    }

    /// How many strings there are.
    #[inline]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The string at a position.
    #[inline]
    pub fn get(&self, index: usize) -> Option<&'a [u8]> {
        let end = *self.ends.get(index)? as usize;
        let start = if index == 0 { 0 } else { self.ends[index - 1] as usize };
        Some(&self.data[start..end])
    }

    /// The strings in their order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &'a [u8]> + Clone + use<'a> {
        let (data, mut start) = (self.data, 0);
        self.ends.iter().map(move |&end| {
            let string = &data[start..end as usize];
            start = end as usize;
            string
        })
    }
}

/// A list of byte strings that can be filled, lent and cleared again without giving its memory back.
///
/// It has a limit of bytes, since what it collects may be as large as a key. A string past the limit is not taken, and
/// [`ArgvBuf::overflowed`] says so from then on.
#[derive(Clone, Debug)]
pub struct ArgvBuf {
    data: Vec<u8>,
    ends: Vec<u32>,
    limit: usize,
    overflowed: bool,
}

impl Default for ArgvBuf {
    fn default() -> Self {
        Self::new()
    }
}

impl ArgvBuf {
    /// An empty list that has not allocated, with the limit that offsets of 32 bits set.
    pub const fn new() -> Self {
        Self { data: Vec::new(), ends: Vec::new(), limit: usize::MAX, overflowed: false }
    }

    /// Take no more than so many bytes, with four for each string, or the 4 GiB that offsets can tell apart.
    pub fn set_limit(&mut self, bytes: usize) {
        self.limit = bytes;
    }

    /// Whether a string was not taken since the list was last cleared.
    #[inline]
    pub fn overflowed(&self) -> bool {
        self.overflowed
    }

    /// Forget the strings and keep the memory.
    #[inline]
    pub fn clear(&mut self) {
        self.data.clear();
        self.ends.clear();
        self.overflowed = false;
    }

    /// Append a string, unless it goes past the limit.
    #[inline]
    pub fn push(&mut self, string: &[u8]) {
        let ends = size_of::<u32>() * (self.ends.len() + 1);
        match u32::try_from(self.data.len() + string.len()) {
            Ok(end) if end as usize + ends <= self.limit && !self.overflowed => {
                self.data.extend_from_slice(string);
                self.ends.push(end);
            }
            _ => self.overflowed = true,
        }
    }

    /// The list as it is now.
    #[inline]
    pub fn as_argv(&self) -> Argv<'_> {
        Argv { data: &self.data, ends: &self.ends }
    }

    /// How many bytes it takes.
    #[inline]
    pub fn bytes(&self) -> usize {
        self.data.len() + size_of_val(self.ends.as_slice())
    }

    /// Give memory back when a rare large list has left more than `keep` bytes behind.
    pub fn shrink_to(&mut self, keep: usize) {
        if self.data.capacity() > keep {
            self.data.shrink_to(keep);
        }
        if self.ends.capacity() > keep / 4 {
            self.ends.shrink_to(keep / 4);
        }
    }
}

impl<'s> FromIterator<&'s [u8]> for ArgvBuf {
    fn from_iter<I: IntoIterator<Item = &'s [u8]>>(strings: I) -> Self {
        let mut list = Self::new();
        for string in strings {
            list.push(string);
        }
        list
    }
}

/// Where a string begins and ends, if it is there.
type Span = Option<(usize, usize)>;

/// A list in which some strings are missing: what a lookup of several fields answers. It has a limit as [`ArgvBuf`] has.
#[derive(Clone, Debug)]
pub struct ValuesBuf {
    data: Vec<u8>,
    spans: Vec<Span>,
    limit: usize,
    overflowed: bool,
}

impl Default for ValuesBuf {
    fn default() -> Self {
        Self::new()
    }
}

impl ValuesBuf {
    /// An empty list that has not allocated.
    pub const fn new() -> Self {
        Self { data: Vec::new(), spans: Vec::new(), limit: usize::MAX, overflowed: false }
    }

    /// Take no more than so many bytes, with those that say where each value lies.
    pub fn set_limit(&mut self, bytes: usize) {
        self.limit = bytes;
    }

    /// Whether a value was not taken since the list was last cleared.
    #[inline]
    pub fn overflowed(&self) -> bool {
        self.overflowed
    }

    /// Forget the values and keep the memory.
    #[inline]
    pub fn clear(&mut self) {
        self.data.clear();
        self.spans.clear();
        self.overflowed = false;
    }

    /// Append a value, or that there is none. One that goes past the limit is not taken.
    #[inline]
    pub fn push(&mut self, value: Option<&[u8]>) {
        let start = self.data.len();
        let end = start + value.map_or(0, <[u8]>::len);
        if end + size_of::<Span>() * (self.spans.len() + 1) > self.limit || self.overflowed {
            self.overflowed = true;
            return;
        }
        self.spans.push(value.map(|value| {
            self.data.extend_from_slice(value);
            (start, end)
        }));
    }

    /// Give memory back when a rare large list has left more than `keep` bytes behind.
    pub fn shrink_to(&mut self, keep: usize) {
        if self.data.capacity() > keep {
            self.data.shrink_to(keep);
        }
        let spans = keep / size_of::<Span>();
        if self.spans.capacity() > spans {
            self.spans.shrink_to(spans);
        }
    }

    /// The values in their order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Option<&[u8]>> {
        self.spans.iter().map(|span| span.map(|(start, end)| &self.data[start..end]))
    }

    /// How many bytes all values have together.
    #[inline]
    pub fn data_bytes(&self) -> usize {
        self.data.len()
    }

    /// How many bytes it takes.
    #[inline]
    pub fn bytes(&self) -> usize {
        self.data.len() + size_of_val(self.spans.as_slice())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_gives_back_what_was_put_in() {
        let list: ArgvBuf = [b"SET".as_slice(), b"", b"value"].into_iter().collect();
        let argv = list.as_argv();
        assert_eq!(argv.len(), 3);
        assert_eq!(argv.ends(), [3, 3, 8]);
        assert_eq!(argv.iter().collect::<Vec<_>>(), [b"SET".as_slice(), b"", b"value"]);
        assert_eq!(
            (argv.get(0), argv.get(1), argv.get(2)),
            (Some(&b"SET"[..]), Some(&b""[..]), Some(&b"value"[..]))
        );
        assert_eq!(argv.get(3), None);
    }

    #[test]
    fn ends_that_lie_are_refused() {
        assert!(Argv::new(b"ab", &[1, 2]).is_some());
        assert!(Argv::new(b"", &[]).is_some());
        assert!(Argv::new(b"", &[0, 0]).is_some());
        assert!(Argv::new(b"ab", &[]).is_none(), "bytes behind the last string");
        assert!(Argv::new(b"ab", &[1]).is_none(), "a byte behind the last string");
        assert!(Argv::new(b"ab", &[3]).is_none(), "a string beyond the bytes");
        assert!(Argv::new(b"ab", &[2, 1, 2]).is_none(), "ends that descend");
        assert!(Argv::new(b"ab", &[u32::MAX, 2]).is_none(), "an end far outside");
    }

    #[test]
    fn nothing_is_taken_past_the_limit() {
        let mut list = ArgvBuf::new();
        list.set_limit(4 + 2 * 4);
        list.push(b"abc");
        list.push(b"d");
        assert!(!list.overflowed());
        list.push(b"e");
        list.push(b"");
        assert!(list.overflowed());
        assert_eq!(list.as_argv(), Argv::new(b"abcd", &[3, 4]).expect("it is well-formed"));
        list.clear();
        list.push(b"abcdefgh");
        assert!(!list.overflowed());
        list.push(b"");
        assert!(list.overflowed(), "an empty string takes room, too");
        let mut values = ValuesBuf::new();
        values.set_limit(2 + 2 * size_of::<Span>());
        values.push(Some(b"ab"));
        values.push(None);
        assert!(!values.overflowed());
        values.push(Some(b"c"));
        assert!(values.overflowed());
        assert_eq!(values.iter().len(), 2);
    }

    #[test]
    fn values_may_be_missing_or_empty() {
        let mut values = ValuesBuf::new();
        values.push(Some(b"a"));
        values.push(None);
        values.push(Some(b""));
        assert_eq!(values.iter().collect::<Vec<_>>(), [Some(b"a".as_slice()), None, Some(b"")]);
        values.clear();
        assert_eq!(values.iter().len(), 0);
    }
}
