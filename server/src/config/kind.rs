//! The kinds of values that directives take: how each is read, checked, printed, and written back to a file.
//!
//! A [`Kind`] is what the table says of a directive, a [`Value`] is what a directive has. Error texts are those of
//! redis-server 7.0, because clients and tools compare them.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::events::{EventFlags, INVALID_CLASS};
use super::line::push_quoted;
use super::units::{format_memory, parse_integer, parse_memory, parse_octal};
use super::values::{
    self, BindAddress, OutputLimits, Primary, SavePoint, format_percentiles, format_save, parse_bind,
    parse_oom_values, parse_percentiles, parse_replicaof, parse_save,
};

/// The words that an enumerated directive takes, each with its number.
pub type Words = &'static [(&'static str, u32)];

/// How an integer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// As decimal digits.
    Plain,
    /// As bytes, or with a unit such as `10mb`.
    Memory,
    /// As octal digits.
    Octal,
    /// As memory, or as a share of `maxmemory` such as `5%`, which is kept as a negative number.
    MemoryOrPercent,
}

/// What no signal can mean, in the numbers of [`ShutdownFlags`](super::ShutdownFlags), and Redis's text for it.
const SAVE_AND_NOSAVE: u32 = 1 | 2;
const BOTH_SAVE_AND_NOSAVE: &str = "shutdown options SAVE and NOSAVE can't be used simultaneously";

/// A further check of a text.
pub type Check = fn(&[u8]) -> Result<(), String>;

/// What kind of value a directive takes.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// `yes` or `no`.
    Bool,
    /// `no`; the text says why it cannot be `yes`.
    No(&'static str),
    /// An integer within bounds, both of them allowed.
    Int(i128, i128, Unit),
    /// One word of several.
    Enum(Words),
    /// Several words of several, which exclude what the check says.
    Flags(Words),
    /// A text. When it is empty, it is not set.
    Text(Check),
    /// A text. When it is empty, it is set, to the empty text.
    TextOrEmpty(Check),
    /// A directory that exists.
    Dir,
    /// `save`.
    Save,
    /// `client-output-buffer-limit`.
    OutputLimits,
    /// `oom-score-adj-values`.
    OomValues,
    /// `notify-keyspace-events`.
    Events,
    /// `bind`.
    Bind,
    /// `replicaof`.
    ReplicaOf,
    /// `latency-tracking-info-percentiles`.
    Percentiles,
}

/// The value of a directive.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Of [`Kind::Bool`] and [`Kind::No`].
    Bool(bool),
    /// Of [`Kind::Int`].
    Int(i128),
    /// Of [`Kind::Enum`], and the sum of the words of [`Kind::Flags`].
    Word(u32),
    /// Of [`Kind::Text`] and [`Kind::TextOrEmpty`].
    Text(Arc<[u8]>),
    /// Of [`Kind::Dir`]: an absolute path.
    Dir(Arc<Path>),
    /// Of [`Kind::Save`].
    Save(Arc<[SavePoint]>),
    /// Of [`Kind::OutputLimits`].
    OutputLimits(Arc<OutputLimits>),
    /// Of [`Kind::OomValues`].
    OomValues([i32; 3]),
    /// Of [`Kind::Events`].
    Events(EventFlags),
    /// Of [`Kind::Bind`].
    Bind(Arc<[BindAddress]>),
    /// Of [`Kind::ReplicaOf`].
    ReplicaOf(Option<Arc<Primary>>),
    /// Of [`Kind::Percentiles`].
    Percentiles(Arc<[f64]>),
}

impl Kind {
    /// Read a value from its words. `old` is the value before: relative paths and unnamed classes refer to it.
    pub(crate) fn parse(&self, words: &[Vec<u8>], old: &Value) -> Result<Value, String> {
        match self {
            Self::Flags(all) => match parse_words(words, all)? {
                Value::Word(sum) if sum & SAVE_AND_NOSAVE == SAVE_AND_NOSAVE => {
                    Err(BOTH_SAVE_AND_NOSAVE.into())
                }
                value => Ok(value),
            },
            Self::Save => Ok(Value::Save(parse_save(words)?.into())),
            Self::OutputLimits => match old {
                Value::OutputLimits(limits) => Ok(Value::OutputLimits(Arc::new(limits.updated(words)?))),
                _ => Ok(Value::OutputLimits(Arc::new(OutputLimits::default().updated(words)?))),
            },
            Self::OomValues => Ok(Value::OomValues(parse_oom_values(words)?)),
            Self::Bind => Ok(Value::Bind(parse_bind(words)?.into())),
            Self::ReplicaOf => Ok(Value::ReplicaOf(parse_replicaof(words)?.map(Arc::new))),
            Self::Percentiles => Ok(Value::Percentiles(parse_percentiles(words)?.into())),
            _ => match words {
                [word] => self.parse_word(word, old),
                _ => Err("wrong number of arguments".into()),
            },
        }
    }

    fn parse_word(&self, word: &[u8], old: &Value) -> Result<Value, String> {
        match self {
            Self::Bool => parse_bool(word).map(Value::Bool),
            Self::No(why) if parse_bool(word)? => Err((*why).into()),
            Self::No(_) => Ok(Value::Bool(false)),
            Self::Int(min, max, unit) => parse_number(word, *min, *max, *unit).map(Value::Int),
            Self::Enum(all) => parse_words(&[word.to_vec()], all),
            Self::Text(check) | Self::TextOrEmpty(check) => {
                check(word)?;
                Ok(Value::Text(word.into()))
            }
            Self::Dir => match old {
                Value::Dir(base) => Ok(Value::Dir(enter(base, word)?.into())),
                _ => Ok(Value::Dir(enter(Path::new("/"), word)?.into())),
            },
            Self::Events => EventFlags::parse(word).map(Value::Events).ok_or_else(|| INVALID_CLASS.into()),
            _ => Err("wrong number of arguments".into()),
        }
    }

    /// What a person would have to write, for error messages and documents.
    #[must_use]
    pub fn describe(&self) -> String {
        let words = |all: Words| all.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
        match self {
            Self::Bool => "yes or no".into(),
            Self::No(_) => "no".into(),
            Self::Int(min, max, unit) => describe_integer(*min, *max, *unit),
            Self::Enum(all) => format!("one of {}", words(all)),
            Self::Flags(all) => format!("one or several of {}", words(all)),
            Self::Text(_) => "a text; \"\" is none".into(),
            Self::TextOrEmpty(_) => "a text".into(),
            Self::Dir => "a directory that exists".into(),
            Self::Save => "pairs of seconds and changes, or \"\" for no snapshots".into(),
            Self::OutputLimits => {
                "groups of class (normal, replica, pubsub), hard limit, soft limit, seconds".into()
            }
            Self::OomValues => "three integers from -2000 to 2000".into(),
            Self::Events => "letters of g $ l s h z x e t d n m A K E, or \"\" for none".into(),
            Self::Bind => {
                let most = values::BIND_ADDRESSES_MAX;
                format!("up to {most} addresses, optional ones with a `-` in front; \"\" is none")
            }
            Self::ReplicaOf => "host and port, or `no one`".into(),
            Self::Percentiles => "numbers from 0 to 100, or \"\" for none".into(),
        }
    }

    /// The value as CONFIG GET prints it.
    #[must_use]
    pub fn format(&self, value: &Value) -> Vec<u8> {
        match value {
            Value::Bool(yes) => if *yes { "yes" } else { "no" }.into(),
            Value::Int(number) => match self {
                Self::Int(_, _, Unit::Octal) => format!("{number:o}").into(),
                Self::Int(_, _, Unit::MemoryOrPercent) if *number < 0 => format!("{}%", -number).into(),
                _ => number.to_string().into(),
            },
            Value::Word(number) => match self {
                Self::Enum(all) | Self::Flags(all) => format_words(*number, all).into(),
                _ => Vec::new(),
            },
            Value::Text(text) => text.to_vec(),
            Value::Dir(path) => path.as_os_str().as_bytes().to_vec(),
            Value::Save(points) => format_save(points).into(),
            Value::OutputLimits(limits) => limits.format().into(),
            Value::OomValues(values) => values.map(|value| value.to_string()).join(" ").into(),
            Value::Events(flags) => flags.format().into(),
            Value::Bind(addresses) => {
                addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ").into()
            }
            Value::ReplicaOf(Some(primary)) => format!("{} {}", primary.host, primary.port).into(),
            Value::ReplicaOf(None) => Vec::new(),
            Value::Percentiles(percentiles) => format_percentiles(percentiles).into(),
        }
    }

    /// The lines that bring this value back, without the directive's name, and whether a file that has no such line
    /// needs it.
    pub(crate) fn rewritten(&self, value: &Value, default: &Value) -> Vec<(Vec<u8>, bool)> {
        let changed = value != default;
        match (self, value) {
            (Self::Int(_, _, Unit::Memory), Value::Int(bytes)) => {
                vec![(format_memory(*bytes).into(), changed)]
            }
            (Self::Int(_, _, Unit::MemoryOrPercent), Value::Int(bytes)) if *bytes >= 0 => {
                vec![(format_memory(*bytes).into(), changed)]
            }
            // A text that is not set has no spelling but its absence.
            (Self::Text(_), Value::Text(text)) if text.is_empty() => Vec::new(),
            (Self::Text(_) | Self::TextOrEmpty(_) | Self::Events, _) => {
                vec![(quoted(&self.format(value)), changed)]
            }
            (Self::Dir, _) => vec![(quoted(&self.format(value)), true)],
            (_, Value::Save(points)) if !points.is_empty() => {
                points.iter().map(|point| (format_save(&[*point]).into(), true)).collect()
            }
            (Self::Save, _) => vec![(b"\"\"".to_vec(), true)],
            (Self::Percentiles, Value::Percentiles(none)) if none.is_empty() => {
                vec![(b"\"\"".to_vec(), true)]
            }
            (Self::Percentiles, _) => vec![(self.format(value), true)],
            (_, Value::OutputLimits(limits)) => {
                let usual = match default {
                    Value::OutputLimits(usual) => **usual,
                    _ => OutputLimits::default(),
                };
                limits.rewritten(&usual).into_iter().map(|(line, changed)| (line.into(), changed)).collect()
            }
            (Self::Bind, _) if !changed => Vec::new(),
            (Self::Bind, Value::Bind(none)) if none.is_empty() => vec![(b"\"\"".to_vec(), true)],
            (_, Value::ReplicaOf(None)) => Vec::new(),
            _ => vec![(self.format(value), changed)],
        }
    }
}

/// A word in quotes.
pub(crate) fn quoted(word: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(word.len() + 2);
    push_quoted(&mut out, word);
    out
}

/// `yes` or `no`, in any case.
pub(crate) fn parse_bool(word: &[u8]) -> Result<bool, String> {
    if word.eq_ignore_ascii_case(b"yes") {
        Ok(true)
    } else if word.eq_ignore_ascii_case(b"no") {
        Ok(false)
    } else {
        Err("argument must be 'yes' or 'no'".into())
    }
}

/// An integer in a unit and within bounds.
pub(crate) fn parse_number(word: &[u8], min: i128, max: i128, unit: Unit) -> Result<i128, String> {
    let number = match unit {
        Unit::Plain => parse_wide(word, max).ok_or("argument couldn't be parsed into an integer")?,
        Unit::Octal => {
            parse_octal(word).map(i128::from).ok_or("argument couldn't be parsed as an octal number")?
        }
        Unit::Memory => parse_memory(word).map(i128::from).ok_or("argument must be a memory value")?,
        Unit::MemoryOrPercent => match word.strip_suffix(b"%") {
            Some(percent) => {
                let share = parse_integer(percent).filter(|share| *share >= 0).map(i128::from);
                let share = share.ok_or("argument must be a memory or percent value")?;
                if share > -min {
                    return Err(format!("percentage argument must be less or equal to {}", -min));
                }
                return Ok(-share);
            }
            None => parse_memory(word).map(i128::from).ok_or("argument must be a memory or percent value")?,
        },
    };
    if (min..=max).contains(&number) {
        return Ok(number);
    }
    Err(match unit {
        Unit::Octal => format!("argument must be between {min:o} and {max:o} inclusive"),
        _ => format!("argument must be between {min} and {max} inclusive"),
    })
}

/// A plain integer; where the bounds go beyond 63 bits, so does the reading.
fn parse_wide(word: &[u8], max: i128) -> Option<i128> {
    if let Some(number) = parse_integer(word) {
        return Some(number.into());
    }
    let number: u64 = std::str::from_utf8(word).ok()?.parse().ok()?;
    (max > i128::from(i64::MAX) && number.to_string().as_bytes() == word).then_some(number.into())
}

fn parse_words(given: &[Vec<u8>], all: Words) -> Result<Value, String> {
    let number = |word: &Vec<u8>| {
        all.iter().find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(word)).map(|(_, number)| *number)
    };
    let sum = given.iter().map(number).try_fold(0, |sum, number| Some(sum | number?));
    match sum {
        Some(sum) if !given.is_empty() => Ok(Value::Word(sum)),
        _ => {
            let names: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
            Err(format!("argument(s) must be one of the following: {}", names.join(", ")))
        }
    }
}

fn format_words(number: u32, all: Words) -> String {
    if let Some((name, _)) = all.iter().find(|(_, known)| *known == number) {
        return (*name).to_owned();
    }
    let names = all.iter().filter(|(_, flag)| *flag != 0 && flag & number == *flag).map(|(name, _)| *name);
    names.collect::<Vec<_>>().join(" ")
}

fn describe_integer(min: i128, max: i128, unit: Unit) -> String {
    match unit {
        Unit::Plain => format!("an integer from {min} to {max}"),
        Unit::Octal => format!("an octal number from {min:o} to {max:o}"),
        Unit::MemoryOrPercent => format!("bytes with an optional unit (10mb), or 0% to {}%", -min),
        Unit::Memory if max >= i128::from(i64::MAX) => {
            format!("bytes with an optional unit (10mb), from {}", format_memory(min))
        }
        Unit::Memory => {
            format!(
                "bytes with an optional unit (10mb), from {} to {}",
                format_memory(min),
                format_memory(max)
            )
        }
    }
}

/// The directory that a process in `base` would be in after changing to `word`.
fn enter(base: &Path, word: &[u8]) -> Result<PathBuf, String> {
    let path = base.join(OsStr::from_bytes(word));
    if word.is_empty() {
        return Err("No such file or directory".into());
    }
    let path = path.canonicalize().map_err(|error| os_text(&error))?;
    if path.is_dir() { Ok(path) } else { Err("Not a directory".into()) }
}

/// The system's own text of an error, without the number that Rust adds.
pub(crate) fn os_text(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PORT: Kind = Kind::Int(0, 65535, Unit::Plain);
    const SHARE: Kind = Kind::Int(-100, i64::MAX as i128, Unit::MemoryOrPercent);
    const WORDS: Kind = Kind::Flags(&[("default", 0), ("save", 1), ("nosave", 2), ("now", 4)]);

    fn parse(kind: Kind, word: &str) -> Result<Value, String> {
        kind.parse(&[word.as_bytes().to_vec()], &Value::Bool(false))
    }

    #[test]
    fn integers_on_both_sides_of_their_bounds() {
        assert_eq!(parse(PORT, "0"), Ok(Value::Int(0)));
        assert_eq!(parse(PORT, "65535"), Ok(Value::Int(65535)));
        for word in ["-1", "65536"] {
            assert_eq!(parse(PORT, word), Err("argument must be between 0 and 65535 inclusive".into()));
        }
        assert_eq!(parse(PORT, "1x"), Err("argument couldn't be parsed into an integer".into()));
    }

    #[test]
    fn percentages_are_kept_below_zero() {
        assert_eq!(parse(SHARE, "100%"), Ok(Value::Int(-100)));
        assert_eq!(parse(SHARE, "101%"), Err("percentage argument must be less or equal to 100".into()));
        assert_eq!(parse(SHARE, "-5%"), Err("argument must be a memory or percent value".into()));
        assert_eq!(parse(SHARE, "1kb"), Ok(Value::Int(1024)));
        assert_eq!(SHARE.format(&Value::Int(-5)), b"5%");
        assert_eq!(SHARE.rewritten(&Value::Int(2048), &Value::Int(0)), [(b"2kb".to_vec(), true)]);
    }

    #[test]
    fn words_add_up() {
        let both = WORDS.parse(&[b"SAVE".to_vec(), b"now".to_vec()], &Value::Word(0)).expect("two words");
        assert_eq!(WORDS.format(&both), b"save now");
        assert_eq!(WORDS.format(&Value::Word(0)), b"default");
        let refused = WORDS.parse(&[b"save".to_vec(), b"x".to_vec()], &Value::Word(0));
        assert_eq!(
            refused,
            Err("argument(s) must be one of the following: default, save, nosave, now".into())
        );
    }

    #[test]
    fn directories_are_made_absolute() {
        let base = Value::Dir(Path::new("/usr").into());
        assert_eq!(Kind::Dir.parse(&[b"lib/..".to_vec()], &base), Ok(Value::Dir(Path::new("/usr").into())));
        assert_eq!(Kind::Dir.parse(&[b"/dev/null".to_vec()], &base), Err("Not a directory".into()));
        assert_eq!(Kind::Dir.parse(&[b"nowhere".to_vec()], &base), Err("No such file or directory".into()));
        assert!(Kind::Dir.parse(&[b"".to_vec()], &base).is_err());
    }

    #[test]
    fn texts_that_are_not_set_have_no_line() {
        let none = |_: &[u8]| Ok(());
        let empty = Value::Text(b"".as_slice().into());
        assert_eq!(Kind::Text(none).rewritten(&empty, &empty), []);
        assert_eq!(Kind::TextOrEmpty(none).rewritten(&empty, &empty), [(b"\"\"".to_vec(), false)]);
    }
}
