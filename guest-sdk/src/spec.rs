//! What the server is told of a command, computed from its signature while compiling: arity, key specs, documentation.
//! Only constants and `const fn`s; a signature that makes no sense is a compile error with the reason.
//! Not here: reading arguments at run time (`argument`).

/// A command as the manifest describes it. `#[command]` makes it.
#[derive(Debug, Clone, Copy)]
pub struct CommandSpec {
    /// As clients type it.
    pub name: &'static str,
    /// Arguments with the name among them; `-n` means n or more.
    pub arity: i32,
    /// What the command does.
    pub flags: Flags,
    /// Where its keys are.
    pub keys: KeySpecs,
    /// ACL categories beside those that follow from the flags.
    pub acl_categories: &'static [&'static str],
    /// The first line of the function's documentation.
    pub summary: &'static str,
    /// For instance `O(1)`.
    pub complexity: &'static str,
    /// The module version that first had it.
    pub since: &'static str,
    /// Its arguments.
    pub arguments: &'static [ArgumentDoc],
}

/// Redis's command flags. See `command-flags` in the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flags(pub u32);

impl Flags {
    /// None of them.
    pub const NONE: Self = Self(0);
    /// It may change keys.
    pub const WRITE: Self = Self(1);
    /// It reads keys and never changes one.
    pub const READONLY: Self = Self(1 << 1);
    /// It is refused when the server is at `maxmemory`.
    pub const DENYOOM: Self = Self(1 << 2);
    /// It is for administrators.
    pub const ADMIN: Self = Self(1 << 3);
    /// It takes constant or logarithmic time.
    pub const FAST: Self = Self(1 << 4);
    /// It is allowed while the server loads its data.
    pub const LOADING: Self = Self(1 << 5);
    /// It is allowed on a replica whose link is down.
    pub const STALE: Self = Self(1 << 6);
    /// Modules and scripts cannot call it.
    pub const NOSCRIPT: Self = Self(1 << 7);
    /// It cannot be queued in a transaction.
    pub const NO_MULTI: Self = Self(1 << 8);
    /// It does not appear in MONITOR.
    pub const SKIP_MONITOR: Self = Self(1 << 9);
    /// It does not appear in SLOWLOG.
    pub const SKIP_SLOWLOG: Self = Self(1 << 10);
    /// It may open and scan any key.
    pub const ALL_KEYS: Self = Self(1 << 11);
    /// It finds more keys in what it reads, and runs again when it asked for one.
    pub const FINDS_KEYS: Self = Self(1 << 12);

    /// Both.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `other` are among these.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// What a command does to a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Reads the value.
    Read,
    /// Reads and changes the value.
    Update,
    /// Replaces or creates the value without reading it.
    Overwrite,
    /// Deletes the key.
    Remove,
}

/// How keys are found among the arguments. Position 0 is the command's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FindKeys {
    /// From one position to another.
    Range {
        /// 1 or more.
        first: u32,
        /// A position, or from the end: -1 is the last argument.
        last: i32,
        /// 2 takes every second argument.
        step: u32,
    },
    /// As many as an argument says.
    Count {
        /// The position of the argument that says how many.
        count: u32,
        /// The position of the first key.
        first: u32,
        /// 2 takes every second argument.
        step: u32,
    },
}

/// Where some keys are, and what is done to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeySpec {
    /// What is done to them.
    pub access: Access,
    /// Where they are.
    pub find: FindKeys,
}

/// At most eight key specs: a list that constants can build.
#[derive(Debug, Clone, Copy)]
pub struct KeySpecs {
    list: [KeySpec; 8],
    len: usize,
}

impl KeySpecs {
    /// None.
    pub const EMPTY: Self = Self {
        list: [KeySpec { access: Access::Read, find: FindKeys::Range { first: 1, last: 1, step: 1 } }; 8],
        len: 0,
    };

    /// These and one more.
    #[must_use]
    pub const fn with(mut self, spec: KeySpec) -> Self {
        assert!(self.len < 8, "a command has at most eight key specs");
        self.list[self.len] = spec;
        self.len += 1;
        self
    }

    /// The specs.
    #[must_use]
    pub fn as_slice(&self) -> &[KeySpec] {
        &self.list[..self.len]
    }
}

/// Redis's argument types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArgumentKind {
    /// Text or bytes.
    String,
    /// An integer.
    Integer,
    /// A float.
    Double,
    /// A key.
    Key,
    /// A literal word.
    Token,
}

/// One argument in COMMAND DOCS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArgumentDoc {
    /// As it is shown to people.
    pub name: &'static str,
    /// What it is.
    pub kind: ArgumentKind,
    /// A literal word in front of it, or the word itself, or empty.
    pub token: &'static str,
    /// It may be left out.
    pub optional: bool,
    /// It may be repeated.
    pub multiple: bool,
}

/// How often a parameter takes arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeat {
    /// Once.
    Once,
    /// Once or never: `Option`.
    Optional,
    /// Any number of times: `Vec`.
    Any,
    /// At least once: `Many`.
    Many,
    /// As often as an argument in front of it says: `Counted`.
    Counted,
    /// However the function likes: `Args`.
    Rest,
}

/// What a parameter's type says of the arguments that it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Arguments in one repetition.
    pub width: u32,
    /// How often.
    pub repeat: Repeat,
    /// Which argument of a repetition is a key, and whether it is only read.
    pub key: Option<(u32, KeyUse)>,
    /// What COMMAND DOCS calls it.
    pub kind: ArgumentKind,
}

/// What a key parameter's type says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyUse {
    /// `ReadKey`.
    Read,
    /// `Key`: as the command's flags have it.
    ByFlags,
    /// What an attribute on the parameter says.
    As(Access),
}

impl Shape {
    /// One argument that is no key.
    #[must_use]
    pub const fn one(kind: ArgumentKind) -> Self {
        Self { width: 1, repeat: Repeat::Once, key: None, kind }
    }

    /// One argument that is a key.
    #[must_use]
    pub const fn key(key: KeyUse) -> Self {
        Self { width: 1, repeat: Repeat::Once, key: Some((0, key)), kind: ArgumentKind::Key }
    }

    /// This one, repeated.
    #[must_use]
    pub const fn repeated(mut self, repeat: Repeat) -> Self {
        assert!(
            matches!(self.repeat, Repeat::Once),
            "an Option, Vec, Many or Counted cannot hold another, nor Args"
        );
        self.repeat = repeat;
        self
    }

    /// This one and then another, as one item: a tuple.
    #[must_use]
    pub const fn then(mut self, next: Self) -> Self {
        assert!(
            matches!((self.repeat, next.repeat), (Repeat::Once, Repeat::Once)),
            "a tuple holds only parameters that take a fixed number of arguments"
        );
        if let Some((offset, key)) = next.key {
            assert!(self.key.is_none(), "a tuple holds at most one key");
            self.key = Some((self.width + offset, key));
        }
        self.width += next.width;
        self.kind = ArgumentKind::String;
        self
    }

    /// The same with another access to its key: what `#[access(...)]` on a parameter does.
    #[must_use]
    pub const fn accessed(mut self, access: Access) -> Self {
        match self.key {
            Some((offset, _)) => self.key = Some((offset, KeyUse::As(access))),
            None => panic!("`#[access(...)]` belongs to a parameter that is a key"),
        }
        self
    }

    /// Its line in COMMAND DOCS.
    #[must_use]
    pub const fn document(self, name: &'static str) -> ArgumentDoc {
        ArgumentDoc {
            name,
            kind: self.kind,
            token: "",
            optional: matches!(self.repeat, Repeat::Optional | Repeat::Any),
            multiple: matches!(self.repeat, Repeat::Any | Repeat::Many | Repeat::Counted),
        }
    }
}

/// The arity that a signature comes to.
#[must_use]
pub const fn arity(shapes: &[Shape]) -> i32 {
    let mut least = 1;
    let mut open = false;
    let mut last_said = false;
    let mut i = 0;
    while i < shapes.len() {
        let shape = shapes[i];
        assert!(!last_said, "nothing can follow a Vec, Many or Args: it takes all arguments that are left");
        match shape.repeat {
            Repeat::Once | Repeat::Counted => {
                assert!(!after_optional(shapes, i), "what follows an Option must be optional too");
                least += if matches!(shape.repeat, Repeat::Counted) { 1 } else { shape.width.cast_signed() };
                open |= matches!(shape.repeat, Repeat::Counted);
            }
            Repeat::Optional => open = true,
            Repeat::Any | Repeat::Rest => (open, last_said) = (true, true),
            Repeat::Many => {
                assert!(!after_optional(shapes, i), "what follows an Option must be optional too");
                least += shape.width.cast_signed();
                (open, last_said) = (true, true);
            }
        }
        i += 1;
    }
    if open { -least } else { least }
}

const fn after_optional(shapes: &[Shape], until: usize) -> bool {
    let mut i = 0;
    while i < until {
        if matches!(shapes[i].repeat, Repeat::Optional) {
            return true;
        }
        i += 1;
    }
    false
}

/// The key specs that a signature comes to.
#[must_use]
pub const fn key_specs(shapes: &[Shape], flags: Flags) -> KeySpecs {
    let mut specs = KeySpecs::EMPTY;
    // None once the position depends on what a client sends.
    let mut position = Some(1);
    let mut i = 0;
    while i < shapes.len() {
        let shape = shapes[i];
        if let Some((offset, key)) = shape.key {
            let Some(position) = position else {
                panic!("the server cannot find a key that stands behind a Counted: put keys in front")
            };
            let first = position + offset;
            let back = offset.cast_signed() - shape.width.cast_signed();
            let find = match shape.repeat {
                Repeat::Once => FindKeys::Range { first, last: first.cast_signed(), step: 1 },
                // The last parameter: when it is left out, the range is empty.
                Repeat::Optional if i + 1 == shapes.len() => {
                    FindKeys::Range { first, last: back, step: shape.width }
                }
                Repeat::Optional => panic!("an optional key must be the last parameter"),
                Repeat::Any | Repeat::Many => FindKeys::Range { first, last: back, step: shape.width },
                Repeat::Counted => FindKeys::Count { count: position, first: first + 1, step: shape.width },
                Repeat::Rest => {
                    panic!("keys that a function reads from Args need `keys(...)` in the attribute")
                }
            };
            let access = match key {
                KeyUse::Read => Access::Read,
                KeyUse::ByFlags if flags.has(Flags::WRITE) => Access::Update,
                KeyUse::ByFlags => Access::Read,
                KeyUse::As(access) => access,
            };
            specs = specs.with(KeySpec { access, find });
        }
        position = match (position, shape.repeat) {
            (Some(position), Repeat::Once | Repeat::Optional) => Some(position + shape.width),
            _ => None,
        };
        i += 1;
    }
    specs
}

/// Whether a name is 1 to 64 characters that the contract allows; macros check names with it.
#[must_use]
pub const fn is_name(name: &str, extra: &[u8]) -> bool {
    let name = name.as_bytes();
    if name.is_empty() || name.len() > 64 {
        return false;
    }
    let mut i = 0;
    while i < name.len() {
        let mut known = name[i].is_ascii_alphanumeric();
        let mut j = 0;
        while j < extra.len() {
            known |= name[i] == extra[j];
            j += 1;
        }
        if !known {
            return false;
        }
        i += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Shape = Shape::key(KeyUse::ByFlags);
    const TEXT: Shape = Shape::one(ArgumentKind::String);

    #[test]
    fn arity_follows_from_the_parameters() {
        assert_eq!(arity(&[]), 1);
        assert_eq!(arity(&[KEY, TEXT]), 3);
        assert_eq!(arity(&[KEY, TEXT.repeated(Repeat::Optional)]), -2);
        assert_eq!(arity(&[KEY.repeated(Repeat::Many)]), -2);
        assert_eq!(arity(&[KEY.repeated(Repeat::Any)]), -1);
        assert_eq!(arity(&[TEXT, KEY.then(TEXT).repeated(Repeat::Many)]), -4);
        assert_eq!(arity(&[KEY.repeated(Repeat::Counted), TEXT]), -3);
        assert_eq!(arity(&[KEY, TEXT.repeated(Repeat::Rest)]), -2);
    }

    #[test]
    fn key_specs_follow_from_the_parameters() {
        let find = |shapes: &[Shape]| {
            key_specs(shapes, Flags::WRITE).as_slice().iter().map(|s| s.find).collect::<Vec<_>>()
        };
        let range = |first, last, step| FindKeys::Range { first, last, step };
        assert_eq!(find(&[TEXT]), []);
        assert_eq!(find(&[TEXT, KEY, KEY]), [range(2, 2, 1), range(3, 3, 1)]);
        assert_eq!(find(&[KEY.repeated(Repeat::Many)]), [range(1, -1, 1)]);
        assert_eq!(find(&[KEY.then(TEXT).repeated(Repeat::Many)]), [range(1, -2, 2)]);
        assert_eq!(find(&[TEXT.then(KEY).repeated(Repeat::Any)]), [range(2, -1, 2)]);
        assert_eq!(find(&[TEXT, KEY.repeated(Repeat::Optional)]), [range(2, -1, 1)]);
        assert_eq!(
            find(&[TEXT, KEY.repeated(Repeat::Counted)]),
            [FindKeys::Count { count: 2, first: 3, step: 1 }]
        );
    }

    #[test]
    fn access_follows_from_type_flags_and_attribute() {
        let access = |shape: Shape, flags| key_specs(&[shape], flags).as_slice()[0].access;
        assert_eq!(access(KEY, Flags::WRITE), Access::Update);
        assert_eq!(access(KEY, Flags::READONLY), Access::Read);
        assert_eq!(access(Shape::key(KeyUse::Read), Flags::WRITE), Access::Read);
        assert_eq!(access(KEY.accessed(Access::Overwrite), Flags::WRITE), Access::Overwrite);
    }
}
