//! How replies of two servers are compared: what may differ though both are right is said with each request,
//! and nothing more is forgiven. What differs since one of them is older is in `known`.

use crate::value::Value;

/// The tolerance for times, in milliseconds: two servers never do the same thing at the same moment.
pub(crate) const TOLERANCE_MS: i64 = 20_000;

/// From here on an integer is a time in milliseconds, of this century.
const TIMES_FROM: i64 = 1_000_000_000_000;

/// How replies of two servers are compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compare {
    /// They are the same.
    Exact,
    /// They hold the same elements in any order, so many of them taken together.
    Sorted(usize),
    /// At every depth they hold the same elements in any order.
    DeepSorted,
    /// Integers that are not negative may differ by that much.
    Within(i64),
    /// They are the same, or the name of a form that redis-server 7.0 lacks and 7.2 has.
    Encoding,
    /// They are the same, unless the peer has met no numbers: redis-server 7.0 minds that an earlier text was out of range for one.
    Numbers,
    /// They are of the same kind; errors are the same.
    Kind,
    /// They are of the same kind, arrays of the same length.
    Shape,
    /// Rows with a time that has passed, in milliseconds, in that column.
    Column(usize),
    /// What tells of streams: moments and idle times differ a little, 7.2 tells more of consumers, and the nodes of the tree are
    /// those of ours.
    Clock,
}

/// Whether two replies are the same as far as they have to be.
pub fn same(how: &Compare, ours: &Value, theirs: &Value) -> bool {
    match how {
        Compare::Exact => ours == theirs,
        Compare::Sorted(step) => ours.clone().sorted(*step) == theirs.clone().sorted(*step),
        Compare::DeepSorted => deep_sorted(ours) == deep_sorted(theirs),
        Compare::Within(tolerance) => match (ours, theirs) {
            (Value::Int(a), Value::Int(b)) if *a >= 0 && *b >= 0 => {
                a.abs_diff(*b) <= tolerance.unsigned_abs()
            }
            _ => ours == theirs,
        },
        Compare::Encoding => {
            let new = |old: &str| ours.text() == "listpack" && theirs.text() == old;
            ours == theirs || new("hashtable") || new("quicklist")
        }
        Compare::Numbers => {
            let refused = "ERR One or more scores can't be converted into double";
            ours == theirs || theirs.error().is_some_and(|error| error == refused)
        }
        Compare::Kind => match (ours, theirs) {
            (Value::Error(a), Value::Error(b)) => a == b,
            (a, b) => std::mem::discriminant(a) == std::mem::discriminant(b),
        },
        Compare::Shape => same_shape(ours, theirs),
        Compare::Column(column) => match (ours, theirs) {
            (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
                a.iter().zip(b).all(|(a, b)| same_row(*column, a, b))
            }
            _ => ours == theirs,
        },
        Compare::Clock => same_told(ours, theirs),
    }
}

fn deep_sorted(value: &Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.iter().map(deep_sorted).collect()).sorted(1),
        Value::Set(items) => Value::Set(items.iter().map(deep_sorted).collect()).sorted(1),
        Value::Map(pairs) => {
            Value::Map(pairs.iter().map(|(k, v)| (deep_sorted(k), deep_sorted(v))).collect()).sorted(1)
        }
        other => other.clone(),
    }
}

fn same_shape(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Array(a), Value::Array(b)) | (Value::Set(a), Value::Set(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_shape(a, b))
        }
        (Value::Map(a), Value::Map(b)) => a.len() == b.len(),
        (Value::Error(a), Value::Error(b)) => a == b,
        (a, b) => std::mem::discriminant(a) == std::mem::discriminant(b),
    }
}

fn same_row(column: usize, ours: &Value, theirs: &Value) -> bool {
    let (a, b) = (ours.items(), theirs.items());
    let same_cell = |(at, (a, b)): (usize, (&Value, &Value))| {
        let how = if at == column { Compare::Within(TOLERANCE_MS) } else { Compare::Exact };
        same(&how, a, b)
    };
    a.len() == b.len() && a.iter().zip(&b).enumerate().all(same_cell)
}

/// The replies of XINFO, in which `active-time` and `inactive` are of 7.2.
fn same_told(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Int(a), Value::Int(b)) if *a >= TIMES_FROM && *b >= TIMES_FROM => {
            a.abs_diff(*b) <= TOLERANCE_MS.unsigned_abs()
        }
        (Value::Map(_), Value::Map(_)) | (Value::Array(_), Value::Array(_)) => {
            let (ours, theirs) = (fields_of_old(ours), theirs.items());
            let same_item =
                |(at, (a, b)): (usize, (&Value, &Value))| match theirs[at.saturating_sub(1)].bytes() {
                    Some(b"idle") if at > 0 => same(&Compare::Within(TOLERANCE_MS), a, b),
                    Some(b"radix-tree-nodes") if at > 0 => same(&Compare::Kind, a, b),
                    _ => same_told(a, b),
                };
            ours.len() == theirs.len() && ours.iter().zip(&theirs).enumerate().all(same_item)
        }
        _ => ours == theirs,
    }
}

fn fields_of_old(value: &Value) -> Vec<Value> {
    let mut items = value.items();
    for name in [&b"active-time"[..], b"inactive"] {
        if let Some(at) = items.iter().position(|item| item.bytes() == Some(name)) {
            items.drain(at..(at + 2).min(items.len()));
        }
    }
    items
}
