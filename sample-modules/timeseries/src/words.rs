//! Enumerations that people write as words, in any case of letters, and that files keep as numbers.

/// A type that is one of a few words. Its place in the list is its number in files: add at the end only.
pub trait Words: Copy + PartialEq + 'static {
    /// Every word, in lower case, and what it means.
    const ALL: &'static [(&'static str, Self)];

    /// What a word means.
    fn parse(word: &[u8]) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(word))
            .map(|(_, meaning)| *meaning)
    }

    /// The word.
    fn name(self) -> &'static str {
        Self::ALL[usize::try_from(self.number()).expect("a place in the list")].0
    }

    /// Its number in files.
    fn number(self) -> u64 {
        Self::ALL.iter().position(|(_, meaning)| *meaning == self).expect("every one is in the list") as u64
    }

    /// The one with this number.
    fn numbered(number: u64) -> Option<Self> {
        Self::ALL.get(usize::try_from(number).ok()?).map(|(_, meaning)| *meaning)
    }
}
