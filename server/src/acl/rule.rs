//! What all rules have in common: how they are cut out of a line or of arguments, and what can be wrong with one, in
//! Redis's words. What a rule does is in `user` (flags, passwords, selectors) and `selector` (commands, keys, channels).

use std::borrow::Cow;
use std::fmt;

/// Why a rule is refused. The text is the end of the line that the client gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleError {
    /// There is no such command or category.
    Unknown,
    /// It is no rule, or a name has a blank in it.
    Syntax,
    /// A key pattern where all keys are allowed.
    KeysAfterAll,
    /// A channel pattern where all channels are allowed.
    ChannelsAfterAll,
    /// A password that is to be removed is not there.
    NoSuchPassword,
    /// What should be the hash of a password is none.
    BadHash,
    /// `+command|subcommand|argument`.
    ArgumentOfSubcommand,
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "Unknown command or category name in ACL",
            Self::Syntax => "Syntax error",
            Self::KeysAfterAll => {
                "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not have any effect. \
                 Try 'resetkeys' to start with an empty list of patterns"
            }
            Self::ChannelsAfterAll => {
                "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and does not have any \
                 effect. Try 'resetchannels' to start with an empty list of channels"
            }
            Self::NoSuchPassword => "The password you are trying to remove from the user does not exist",
            Self::BadHash => {
                "The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters"
            }
            Self::ArgumentOfSubcommand => "Allowing first-arg of a subcommand is not supported",
        })
    }
}

impl std::error::Error for RuleError {}

/// Whether a rule is this word, in any case of letters.
pub(super) fn is(rule: &[u8], word: &str) -> bool {
    rule.eq_ignore_ascii_case(word.as_bytes())
}

/// Whether there is a blank or a zero byte in a name: such a one could not be read back from a line.
pub fn has_blanks(name: &[u8]) -> bool {
    name.iter().any(|byte| matches!(byte, b' ' | b'\t'..=b'\r' | 0))
}

/// Draw the arguments of a selector together that stand for themselves: `(+get`, `~a)` is one rule. The error is the
/// argument that opens a selector which nobody closes.
pub fn merge_selectors<'r>(
    rules: impl IntoIterator<Item = &'r [u8]>,
) -> Result<Vec<Cow<'r, [u8]>>, &'r [u8]> {
    let mut merged = Vec::new();
    let mut open: Option<(&[u8], Vec<u8>)> = None;
    for rule in rules {
        let closes = rule.ends_with(b")");
        match &mut open {
            Some((_, selector)) => {
                selector.push(b' ');
                selector.extend_from_slice(rule);
                if closes && let Some((_, selector)) = open.take() {
                    merged.push(Cow::Owned(selector));
                }
            }
            None if rule.starts_with(b"(") && !closes => open = Some((rule, rule.to_vec())),
            None => merged.push(Cow::Borrowed(rule)),
        }
    }
    match open {
        Some((first, _)) => Err(first),
        None => Ok(merged),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(line: &str) -> Result<Vec<String>, String> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let rules = merge_selectors(line.split(' ').map(str::as_bytes));
        rules.map(|rules| rules.iter().map(|rule| text(rule)).collect()).map_err(text)
    }

    #[test]
    fn selectors_may_be_spread_over_arguments() {
        let expected = ["on", "(+get ~a)", "()", "( x )", "off"].map(str::to_owned).to_vec();
        assert_eq!(merged("on (+get ~a) () ( x ) off"), Ok(expected));
        assert_eq!(merged("(a (b (c )"), Ok(vec!["(a (b (c )".to_owned()]), "they do not nest");
        assert_eq!(merged("on (a ( b"), Err("(a".to_owned()));
        assert_eq!(
            merged(") on"),
            Ok(vec![")".to_owned(), "on".to_owned()]),
            "whoever applies it finds it wrong"
        );
    }

    #[test]
    fn blanks_are_those_of_c() {
        assert!(!has_blanks(b"a-b\xff") && !has_blanks(b""));
        for byte in [b' ', b'\t', b'\n', 11, 12, b'\r', 0] {
            assert!(has_blanks(&[b'a', byte]), "{byte}");
        }
    }
}
