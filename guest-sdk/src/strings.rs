//! Many byte strings in one piece: all their bytes, and where each ends. This is `types.argv` of the contract; it
//! crosses the boundary in two copies however many strings there are, and reading it allocates nothing.

/// A borrowed list of byte strings.
#[derive(Debug, Clone, Copy, Default)]
pub struct Argv<'a> {
    data: &'a [u8],
    ends: &'a [u32],
}

impl<'a> Argv<'a> {
    /// `ends` ascends and its last element is the length of `data`; the server has made sure of it.
    #[must_use]
    pub const fn new(data: &'a [u8], ends: &'a [u32]) -> Self {
        Self { data, ends }
    }

    /// How many.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// One of them.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&'a [u8]> {
        let end = *self.ends.get(index)? as usize;
        let start = if index == 0 { 0 } else { self.ends[index - 1] as usize };
        self.data.get(start..end)
    }

    /// All of them in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &'a [u8]> + use<'a> {
        self.iter_from(0)
    }

    pub(crate) fn iter_from(&self, first: usize) -> impl ExactSizeIterator<Item = &'a [u8]> + use<'a> {
        let argv = *self;
        (first..argv.len()).map(move |index| argv.get(index).unwrap_or_default())
    }
}

/// An owned list of byte strings: what scans and [`ReadHash::get_all`](crate::ReadHash::get_all) answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Strings {
    pub(crate) data: Vec<u8>,
    pub(crate) ends: Vec<u32>,
}

impl Strings {
    /// An empty list.
    #[must_use]
    pub const fn new() -> Self {
        Self { data: Vec::new(), ends: Vec::new() }
    }

    /// Add one at the end.
    pub fn push(&mut self, bytes: &[u8]) {
        self.data.extend_from_slice(bytes);
        let end = u32::try_from(self.data.len()).expect("32 bit memory holds no more");
        self.ends.push(end);
    }

    /// The same, borrowed.
    #[must_use]
    pub fn as_argv(&self) -> Argv<'_> {
        Argv::new(&self.data, &self.ends)
    }

    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// All of them in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.as_argv().iter()
    }

    /// Two by two: fields with their values.
    pub fn pairs(&self) -> impl ExactSizeIterator<Item = (&[u8], &[u8])> {
        let argv = self.as_argv();
        (0..argv.len() / 2).map(move |pair| {
            (argv.get(pair * 2).unwrap_or_default(), argv.get(pair * 2 + 1).unwrap_or_default())
        })
    }
}

impl<T: AsRef<[u8]>> FromIterator<T> for Strings {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let mut strings = Self::new();
        for item in items {
            strings.push(item.as_ref());
        }
        strings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_keep_their_ends() {
        let strings: Strings = ["SET", "", "v"].into_iter().collect();
        assert_eq!((strings.data.as_slice(), strings.ends.as_slice()), (&b"SETv"[..], &[3, 3, 4][..]));
        assert_eq!(strings.iter().collect::<Vec<_>>(), [&b"SET"[..], b"", b"v"]);
        assert_eq!(strings.pairs().collect::<Vec<_>>(), [(&b"SET"[..], &b""[..])]);
        assert_eq!(strings.as_argv().get(3), None);
    }

    #[test]
    fn ends_that_lie_give_nothing_instead_of_a_panic() {
        let argv = Argv::new(b"abc", &[2, 9]);
        assert_eq!(argv.get(0), Some(&b"ab"[..]));
        assert_eq!(argv.get(1), None);
        assert_eq!(argv.iter().count(), 2);
    }
}
