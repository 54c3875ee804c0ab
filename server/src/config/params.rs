//! The configuration parameters that modules declare. Clients know one as `module.name`; CONFIG GET, SET and REWRITE
//! treat it like a directive of the server.
//!
//! The server keeps the value; the module hears of every change through a [`Setter`] and may refuse it.

use std::sync::Arc;

use super::kind::{Unit, parse_bool, parse_number, quoted};
use super::units::format_memory;

/// What kind of value a parameter takes, with its default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParamKind {
    /// `yes` or `no`.
    Bool {
        /// The default.
        default: bool,
    },
    /// An integer within bounds, both of them allowed.
    Integer {
        /// The default.
        default: i64,
        /// The least.
        min: i64,
        /// The most.
        max: i64,
        /// Units such as `10mb` are understood.
        memory: bool,
    },
    /// One of several words.
    Enum {
        /// The default.
        default: String,
        /// All words.
        words: Vec<String>,
    },
    /// Any text.
    Text {
        /// The default.
        default: Vec<u8>,
    },
}

/// The value of a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParamValue {
    /// `yes` or `no`.
    Bool(bool),
    /// An integer.
    Integer(i64),
    /// A text, or one of the declared words as it was declared.
    Text(Vec<u8>),
}

/// A parameter as a module declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParamSpec {
    /// Its name, without the module's.
    pub name: String,
    /// What it takes.
    pub kind: ParamKind,
    /// Only the load sets it.
    pub immutable: bool,
    /// It stays out of logs, and CONFIG GET shows it only as `enable-protected-configs` allows.
    pub sensitive: bool,
}

/// What tells the module: called with the parameter's name (without the module's) and value. The text of an error
/// refuses the change. It runs while the configuration is being changed, so it must not change it itself.
pub type Setter = Arc<dyn Fn(&str, &ParamValue) -> Result<(), String> + Send + Sync>;

/// A registered parameter with its value.
#[derive(Clone)]
pub(crate) struct Param {
    pub(crate) module: Arc<str>,
    pub(crate) spec: Arc<ParamSpec>,
    pub(crate) value: ParamValue,
    pub(crate) setter: Setter,
}

impl std::fmt::Debug for Param {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Param")
            .field("module", &self.module)
            .field("name", &self.spec.name)
            .finish_non_exhaustive()
    }
}

impl ParamSpec {
    /// The value when nobody gives one.
    pub(crate) fn default_value(&self) -> ParamValue {
        match &self.kind {
            ParamKind::Bool { default } => ParamValue::Bool(*default),
            ParamKind::Integer { default, .. } => ParamValue::Integer(*default),
            ParamKind::Enum { default, .. } => ParamValue::Text(default.clone().into()),
            ParamKind::Text { default } => ParamValue::Text(default.clone()),
        }
    }

    /// Read a value.
    pub(crate) fn parse(&self, word: &[u8]) -> Result<ParamValue, String> {
        match &self.kind {
            ParamKind::Bool { .. } => parse_bool(word).map(ParamValue::Bool),
            ParamKind::Integer { min, max, memory, .. } => {
                let unit = if *memory { Unit::Memory } else { Unit::Plain };
                let number = parse_number(word, (*min).into(), (*max).into(), unit)?;
                let number =
                    i64::try_from(number).map_err(|_| "argument couldn't be parsed into an integer")?;
                Ok(ParamValue::Integer(number))
            }
            ParamKind::Enum { words, .. } => {
                let known = words.iter().find(|known| known.as_bytes().eq_ignore_ascii_case(word));
                known
                    .map(|known| ParamValue::Text(known.clone().into()))
                    .ok_or_else(|| format!("argument(s) must be one of the following: {}", words.join(", ")))
            }
            ParamKind::Text { .. } => Ok(ParamValue::Text(word.to_vec())),
        }
    }
}

impl Param {
    /// The value as CONFIG GET prints it.
    pub(crate) fn format(&self) -> Vec<u8> {
        match &self.value {
            ParamValue::Bool(yes) => if *yes { "yes" } else { "no" }.into(),
            ParamValue::Integer(number) => number.to_string().into(),
            ParamValue::Text(text) => text.clone(),
        }
    }

    /// The value as CONFIG REWRITE writes it, and whether a file that has no such line needs it.
    pub(crate) fn rewritten(&self) -> (Vec<u8>, bool) {
        let line = match (&self.spec.kind, &self.value) {
            (ParamKind::Integer { memory: true, .. }, ParamValue::Integer(bytes)) => {
                format_memory((*bytes).into()).into()
            }
            (ParamKind::Text { .. }, ParamValue::Text(text)) => quoted(text),
            _ => self.format(),
        };
        (line, self.value != self.spec.default_value())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(kind: ParamKind) -> ParamSpec {
        ParamSpec { name: "p".into(), kind, immutable: false, sensitive: false }
    }

    #[test]
    fn integers_have_bounds_and_units() {
        let plain = spec(ParamKind::Integer { default: 1, min: -1, max: 10, memory: false });
        assert_eq!(plain.parse(b"-1"), Ok(ParamValue::Integer(-1)));
        assert_eq!(plain.parse(b"10"), Ok(ParamValue::Integer(10)));
        for out in [&b"-2"[..], b"11"] {
            assert_eq!(plain.parse(out), Err("argument must be between -1 and 10 inclusive".into()));
        }
        let memory = spec(ParamKind::Integer { default: 0, min: 0, max: 2048, memory: true });
        assert_eq!(memory.parse(b"2kb"), Ok(ParamValue::Integer(2048)));
        assert!(memory.parse(b"3kb").is_err() && memory.parse(b"x").is_err());
    }

    #[test]
    fn words_are_kept_as_they_were_declared() {
        let words = spec(ParamKind::Enum { default: "One".into(), words: vec!["One".into(), "Two".into()] });
        assert_eq!(words.parse(b"tWO"), Ok(ParamValue::Text(b"Two".to_vec())));
        assert_eq!(words.parse(b"x"), Err("argument(s) must be one of the following: One, Two".into()));
    }

    #[test]
    fn booleans_and_texts() {
        let bool = spec(ParamKind::Bool { default: true });
        assert_eq!(bool.parse(b"NO"), Ok(ParamValue::Bool(false)));
        assert_eq!(bool.parse(b"1"), Err("argument must be 'yes' or 'no'".into()));
        let text = spec(ParamKind::Text { default: b"a".to_vec() });
        assert_eq!(text.parse(b"\xff"), Ok(ParamValue::Text(vec![0xff])));
        assert_eq!(text.default_value(), ParamValue::Text(b"a".to_vec()));
    }
}
