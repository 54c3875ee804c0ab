//! Configuration parameters: statics that the table lists, that the server sets, and that commands read.
//! The server knows each as `<module>.<name>` and has checked a value before it arrives here.

use std::fmt;

/// A parameter as the manifest describes it.
#[derive(Debug, Clone, Copy)]
pub struct ConfigSpec {
    /// The part after the module's name and a dot.
    pub name: &'static str,
    /// Its type and default.
    pub kind: ConfigKind,
    /// It can be given when the module is loaded, and not changed afterwards.
    pub immutable: bool,
    /// Its value is kept out of logs.
    pub sensitive: bool,
}

/// The type of a parameter, with its default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfigKind {
    /// yes or no.
    Boolean(bool),
    /// An integer within bounds.
    Integer {
        /// What it is when nobody says anything.
        default: i64,
        /// The least that is allowed.
        min: i64,
        /// The most that is allowed.
        max: i64,
        /// Units such as `10mb` are understood.
        memory: bool,
    },
    /// One of several words.
    Enum {
        /// What it is when nobody says anything.
        default: &'static str,
        /// What is allowed.
        values: &'static [&'static str],
    },
    /// Any text.
    String(&'static str),
}

/// A value on its way into a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfigValue {
    /// For `bool`.
    Boolean(bool),
    /// For `i64`.
    Integer(i64),
    /// For `String`, and the word of an enum.
    String(String),
}

/// A type that a parameter may have: `bool`, `i64`, `String`.
pub trait ConfigType: Sized + Clone + 'static {
    #[doc(hidden)]
    fn from_kind(kind: ConfigKind) -> Self;
    #[doc(hidden)]
    fn from_value(value: ConfigValue) -> Option<Self>;
}

impl ConfigType for bool {
    fn from_kind(kind: ConfigKind) -> Self {
        matches!(kind, ConfigKind::Boolean(true))
    }

    fn from_value(value: ConfigValue) -> Option<Self> {
        if let ConfigValue::Boolean(value) = value { Some(value) } else { None }
    }
}

impl ConfigType for i64 {
    fn from_kind(kind: ConfigKind) -> Self {
        if let ConfigKind::Integer { default, .. } = kind { default } else { 0 }
    }

    fn from_value(value: ConfigValue) -> Option<Self> {
        if let ConfigValue::Integer(value) = value { Some(value) } else { None }
    }
}

impl ConfigType for String {
    fn from_kind(kind: ConfigKind) -> Self {
        match kind {
            ConfigKind::Enum { default, .. } | ConfigKind::String(default) => default.to_owned(),
            _ => Self::new(),
        }
    }

    fn from_value(value: ConfigValue) -> Option<Self> {
        if let ConfigValue::String(value) = value { Some(value) } else { None }
    }
}

/// A configuration parameter.
///
/// ```
/// use sandkey::prelude::*;
///
/// static LIMIT: Config<i64> = Config::integer("limit", 100).between(1, 10_000);
/// static MODE: Config<String> = Config::choice("mode", "strict", &["strict", "lax"]);
///
/// /// Whether so many are allowed.
/// #[command("demo.allowed", readonly, fast)]
/// fn allowed(_ctx: &Context, many: i64) -> Result<bool> {
///     Ok(many <= LIMIT.get() || MODE.get() == "lax")
/// }
///
/// module! { name: "demo", version: 1, commands: [allowed], configs: [LIMIT, MODE] }
/// ```
pub struct Config<T> {
    spec: ConfigSpec,
    check: Option<Check<T>>,
    value: cell::Cell<T>,
}

/// Says against a value what the client will read.
type Check<T> = fn(&T) -> Result<(), String>;

impl<T> fmt::Debug for Config<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.spec.fmt(f)
    }
}

impl Config<bool> {
    /// A parameter that is yes or no.
    #[must_use]
    pub const fn boolean(name: &'static str, default: bool) -> Self {
        Self::new(name, ConfigKind::Boolean(default))
    }
}

impl Config<i64> {
    /// An integer.
    #[must_use]
    pub const fn integer(name: &'static str, default: i64) -> Self {
        Self::new(name, ConfigKind::Integer { default, min: i64::MIN, max: i64::MAX, memory: false })
    }

    /// A number of bytes, with units such as `10mb`; not negative.
    #[must_use]
    pub const fn memory(name: &'static str, default: i64) -> Self {
        Self::new(name, ConfigKind::Integer { default, min: 0, max: i64::MAX, memory: true })
    }

    /// Only from `least` to `most`, both included.
    #[must_use]
    pub const fn between(mut self, least: i64, most: i64) -> Self {
        if let ConfigKind::Integer { default, memory, .. } = self.spec.kind {
            assert!(least <= default && default <= most, "a parameter's default must be within its bounds");
            self.spec.kind = ConfigKind::Integer { default, min: least, max: most, memory };
        }
        self
    }
}

impl Config<String> {
    /// Any text.
    #[must_use]
    pub const fn string(name: &'static str, default: &'static str) -> Self {
        Self::new(name, ConfigKind::String(default))
    }

    /// One of several words.
    #[must_use]
    pub const fn choice(name: &'static str, default: &'static str, values: &'static [&'static str]) -> Self {
        Self::new(name, ConfigKind::Enum { default, values })
    }
}

impl<T> Config<T> {
    const fn new(name: &'static str, kind: ConfigKind) -> Self {
        assert!(
            crate::spec::is_name(name, b"_-"),
            "a parameter's name is 1 to 64 characters of a-z A-Z 0-9 _ -"
        );
        let spec = ConfigSpec { name, kind, immutable: false, sensitive: false };
        Self { spec, check: None, value: cell::Cell::new() }
    }

    /// It can be given when the module is loaded, and not changed afterwards.
    #[must_use]
    pub const fn immutable(mut self) -> Self {
        self.spec.immutable = true;
        self
    }

    /// Its value is kept out of logs.
    #[must_use]
    pub const fn sensitive(mut self) -> Self {
        self.spec.sensitive = true;
        self
    }

    /// Ask this function before a value is taken; what it says against one is what the client reads.
    #[must_use]
    pub const fn check(mut self, check: fn(&T) -> Result<(), String>) -> Self {
        self.check = Some(check);
        self
    }
}

impl<T: ConfigType> Config<T> {
    /// The value.
    #[must_use]
    pub fn get(&self) -> T {
        self.value.get().unwrap_or_else(|| T::from_kind(self.spec.kind))
    }
}

/// A parameter of any type: what the table holds.
pub trait AnyConfig: fmt::Debug + Sync {
    /// What the server is told.
    fn spec(&self) -> &ConfigSpec;

    /// Take a value, or say why not.
    fn set(&self, value: ConfigValue) -> Result<(), String>;
}

impl<T: ConfigType> AnyConfig for Config<T>
where
    cell::Cell<T>: Sync,
{
    fn spec(&self) -> &ConfigSpec {
        &self.spec
    }

    fn set(&self, value: ConfigValue) -> Result<(), String> {
        let Some(value) = T::from_value(value) else {
            return Err(format!("{} has another type", self.spec.name));
        };
        if let Some(check) = self.check {
            check(&value)?;
        }
        self.value.set(value);
        Ok(())
    }
}

/// Where a value is kept. An instance has one thread, so the lock is free there.
#[cfg(target_arch = "wasm32")]
mod cell {
    use std::sync::{Mutex, PoisonError};

    pub struct Cell<T>(Mutex<Option<T>>);

    impl<T> Cell<T> {
        pub(super) const fn new() -> Self {
            Self(Mutex::new(None))
        }
    }

    impl<T: Clone> Cell<T> {
        pub(super) fn get(&self) -> Option<T> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
        }

        pub(super) fn set(&self, value: T) {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
        }
    }
}

/// Tests run in threads beside each other: each has its own values, as if it had its own instance.
#[cfg(not(target_arch = "wasm32"))]
mod cell {
    use std::collections::HashMap;
    use std::sync::{Mutex, PoisonError};
    use std::thread::{ThreadId, current};

    pub struct Cell<T>(Mutex<Option<HashMap<ThreadId, T>>>);

    impl<T> Cell<T> {
        pub(super) const fn new() -> Self {
            Self(Mutex::new(None))
        }
    }

    impl<T: Clone> Cell<T> {
        pub(super) fn get(&self) -> Option<T> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).as_ref()?.get(&current().id()).cloned()
        }

        pub(super) fn set(&self, value: T) {
            let mut values = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            values.get_or_insert_with(HashMap::new).insert(current().id(), value);
        }
    }
}
