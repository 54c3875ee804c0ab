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
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &'a [u8]> + use<'a> {
        let (data, mut start) = (self.data, 0);
        self.ends.iter().map(move |&end| {
            let string = &data[start..end as usize];
            start = end as usize;
            string
        })
    }
}

/// A list of byte strings that can be filled, lent and cleared again without giving its memory back.
#[derive(Clone, Debug, Default)]
pub struct ArgvBuf {
    data: Vec<u8>,
    ends: Vec<u32>,
}

impl ArgvBuf {
    /// An empty list that has not allocated.
    pub const fn new() -> Self {
        Self { data: Vec::new(), ends: Vec::new() }
    }

    /// Forget the strings and keep the memory.
    #[inline]
    pub fn clear(&mut self) {
        self.data.clear();
        self.ends.clear();
    }

    /// Append a string.
    ///
    /// # Panics
    /// When the list would hold 4 GiB, which the limits of a request and of a guest's memory keep out of reach.
    #[inline]
    pub fn push(&mut self, string: &[u8]) {
        self.data.extend_from_slice(string);
        let end = u32::try_from(self.data.len()).expect("limits keep a list of arguments below 4 GiB");
        self.ends.push(end);
    }

    /// The list as it is now.
    #[inline]
    pub fn as_argv(&self) -> Argv<'_> {
        Argv { data: &self.data, ends: &self.ends }
    }

    /// How many bytes all strings have together.
    #[inline]
    pub fn bytes(&self) -> usize {
        self.data.len()
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

/// A list in which some strings are missing: what a lookup of several fields answers.
#[derive(Clone, Debug, Default)]
pub struct ValuesBuf {
    data: Vec<u8>,
    /// Where a string begins and ends in `data`.
    spans: Vec<Option<(usize, usize)>>,
}

impl ValuesBuf {
    /// An empty list that has not allocated.
    pub const fn new() -> Self {
        Self { data: Vec::new(), spans: Vec::new() }
    }

    /// Forget the values and keep the memory.
    #[inline]
    pub fn clear(&mut self) {
        self.data.clear();
        self.spans.clear();
    }

    /// Append a value, or that there is none.
    #[inline]
    pub fn push(&mut self, value: Option<&[u8]>) {
        let start = self.data.len();
        self.spans.push(value.map(|value| {
            self.data.extend_from_slice(value);
            (start, self.data.len())
        }));
    }

    /// The values in their order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Option<&[u8]>> {
        self.spans.iter().map(|span| span.map(|(start, end)| &self.data[start..end]))
    }

    /// How many bytes all values have together.
    #[inline]
    pub fn bytes(&self) -> usize {
        self.data.len()
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
