//! Which series a query is about: expressions about labels, all of which must hold.
//!
//! | | |
//! |---|---|
//! | `label=value` | the label has this value |
//! | `label=(one,two)` | the label has one of these values |
//! | `label!=` | there is such a label |
//! | `label=` | there is no such label |
//! | `label!=value` | the label does not have this value |
//! | `label!=(one,two)` | the label has none of these values |
//!
//! At least one of the first two kinds is required: the others alone would ask for nearly everything.

use sandkey::prelude::*;

use crate::series::{Bytes, Labels};

/// Expressions that must all hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter(Vec<Expression>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Expression {
    label: Bytes,
    values: Vec<Bytes>,
    /// Whether the label must have one of the values, or must not. Without values: whether there must be such a label.
    positive: bool,
}

const UNREADABLE: &str = "ERR TSDB: failed parsing labels";
const NO_MATCHER: &str = "ERR TSDB: please provide at least one matcher";

impl Filter {
    /// From the arguments of a command.
    pub fn parse<'a>(expressions: impl IntoIterator<Item = &'a [u8]>) -> Result<Self> {
        let expressions: Vec<Expression> =
            expressions.into_iter().map(Expression::parse).collect::<Option<_>>().ok_or(UNREADABLE)?;
        if !expressions.iter().any(|expression| expression.positive && !expression.values.is_empty()) {
            return Err(NO_MATCHER.into());
        }
        Ok(Self(expressions))
    }

    /// Whether a series with these labels is meant.
    pub fn matches(&self, labels: &Labels) -> bool {
        self.0.iter().all(|expression| expression.holds(labels))
    }
}

impl Expression {
    fn parse(text: &[u8]) -> Option<Self> {
        let equals = text.iter().position(|byte| *byte == b'=')?;
        let (label, value) = (&text[..equals], &text[equals + 1..]);
        let (label, equal) = match label.strip_suffix(b"!") {
            Some(label) => (label, false),
            None => (label, true),
        };
        let values: Vec<Bytes> = match value {
            [] => Vec::new(),
            [b'(', list @ .., b')'] => list.split(|byte| *byte == b',').map(Box::from).collect(),
            [b'(', ..] => return None,
            value => vec![value.into()],
        };
        let whole = !label.is_empty() && values.iter().all(|value| !value.is_empty());
        // `label!=` asks for a label, and `label=` for none.
        let positive = equal != values.is_empty();
        whole.then(|| Self { label: label.into(), values, positive })
    }

    fn holds(&self, labels: &Labels) -> bool {
        let found = labels.get(&self.label);
        let among = if self.values.is_empty() {
            found.is_some()
        } else {
            found.is_some_and(|found| self.values.iter().any(|value| **value == *found))
        };
        among == self.positive
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        let mut labels = Labels::default();
        pairs.iter().for_each(|(label, value)| labels.set(label.as_bytes(), value.as_bytes()));
        labels
    }

    fn matching(line: &str) -> String {
        let series = [
            ("a", labels(&[("room", "study"), ("type", "heat")])),
            ("b", labels(&[("room", "study"), ("type", "damp"), ("old", "yes")])),
            ("c", labels(&[("room", "hall"), ("type", "heat")])),
            ("d", labels(&[("type", "heat")])),
        ];
        let filter = Filter::parse(line.split(' ').map(str::as_bytes)).unwrap();
        series.iter().filter(|(_, labels)| filter.matches(labels)).map(|(name, _)| *name).collect()
    }

    #[test]
    fn every_kind_of_expression() {
        assert_eq!(matching("room=study"), "ab");
        assert_eq!(matching("type=heat room=study"), "a");
        assert_eq!(matching("room=(study,hall)"), "abc");
        assert_eq!(matching("type=heat room!=study"), "cd");
        assert_eq!(matching("type=heat room!=(study,hall)"), "d");
        assert_eq!(matching("type=heat room="), "d");
        assert_eq!(matching("type=(heat,damp) room!="), "abc");
        assert_eq!(matching("type=damp old!="), "b");
        assert_eq!(matching("room=nowhere"), "");
        assert_eq!(matching("room=(study)"), "ab");
    }

    #[test]
    fn what_cannot_be_read_or_asks_for_everything_is_refused() {
        let parse = |line: &str| Filter::parse(line.split(' ').map(str::as_bytes)).map(|_| ());
        for line in ["room", "=study", "!=study", "room=(study", "room=()", "room=(a,,b)", "a=b WITHLABELS"] {
            assert_eq!(parse(line), Err(UNREADABLE.into()), "{line}");
        }
        for line in ["room!=study", "room=", "room!=", "room!=(a,b) type!="] {
            assert_eq!(parse(line), Err(NO_MATCHER.into()), "{line}");
        }
        assert_eq!(Filter::parse([]), Err(NO_MATCHER.into()));
        // What stands after the first equals sign is the value.
        assert_eq!(parse("url=a=b"), Ok(()));
    }
}
