//! What a module declares about itself, after it has been checked.
//!
//! The words are those of `wit/manifest.wit`, which says what each means to the author of a module. Two manifests
//! compare equal when a server may exchange one instance for another.

/// A module's declaration of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The module's name: 1 to 64 characters of `a-z A-Z 0-9 _ - .`
    pub name: String,
    /// Its own version.
    pub version: u32,
    /// One sentence for people.
    pub summary: String,
    /// What it keeps in its own memory between commands.
    pub state: State,
    /// Its commands, at least one; their positions are the numbers that [`Instance::call`](crate::Instance::call) takes.
    pub commands: Vec<Command>,
    /// Its configuration parameters.
    pub configs: Vec<Config>,
    /// Its types of values; their positions are the numbers that it is asked by, and asks by.
    pub data_types: Vec<DataType>,
    /// The commands that it may run, in lower case; `config|get` names a subcommand.
    pub calls: Vec<String>,
}

/// What survives in a module's own memory from one command to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing that matters: as many instances as there are workers.
    None,
    /// Something that all commands share: one instance, one command at a time.
    Global,
    /// Objects of its data types: one instance, too, and what it has lost the server gives back.
    Values,
}

/// One command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// 1 to 64 characters of `a-z A-Z 0-9 _ - . :`, as the module spells it.
    pub name: String,
    /// The number of arguments with the name among them; `-n` means n or more. Never 0.
    pub arity: i32,
    /// What it does.
    pub flags: CommandFlags,
    /// Where its keys are.
    pub key_specs: Vec<KeySpec>,
    /// ACL categories beside those that follow from the flags, in lower case and without the `@`.
    pub acl_categories: Vec<String>,
    /// What COMMAND DOCS says of it.
    pub docs: CommandDocs,
}

/// Redis's command flags, as far as a module may set them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is Redis's flag of that name, and wit/manifest.wit explains it")]
pub struct CommandFlags {
    pub write: bool,
    pub readonly: bool,
    pub denyoom: bool,
    pub admin: bool,
    pub fast: bool,
    pub loading: bool,
    pub stale: bool,
    pub noscript: bool,
    pub no_multi: bool,
    pub skip_monitor: bool,
    pub skip_slowlog: bool,
    pub all_keys: bool,
    pub finds_keys: bool,
}

/// Where keys are among the arguments of a command. Position 0 is its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeySpec {
    /// What is done to these keys.
    pub access: KeyAccess,
    /// How they are found.
    pub find: FindKeys,
}

/// What a command does to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyAccess {
    /// Reads the value.
    Read,
    /// Reads and changes it.
    Update,
    /// Replaces or creates it without reading it.
    Overwrite,
    /// Deletes the key.
    Remove,
}

/// How keys are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FindKeys {
    /// From the first position to the last in steps.
    Range {
        /// 1 or more.
        first: u32,
        /// A position, or from the end when negative: -1 is the last argument.
        last: i32,
        /// 1 or more.
        step: u32,
    },
    /// As many as an argument says.
    Count {
        /// The position of the argument that says how many.
        count: u32,
        /// The position of the first key.
        first: u32,
        /// 1 or more.
        step: u32,
    },
}

/// What COMMAND DOCS says of a command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommandDocs {
    /// One sentence, or empty.
    pub summary: String,
    /// For instance `O(1)`, or empty.
    pub complexity: String,
    /// The module version that first had it, or empty.
    pub since: String,
    /// Its arguments in order, without the name.
    pub arguments: Vec<CommandArgument>,
}

/// One argument, for help and completion only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandArgument {
    /// As it is shown to people.
    pub name: String,
    /// What it is.
    pub kind: ArgumentKind,
    /// A literal word in front of it, or, for [`ArgumentKind::Token`], the word itself.
    pub token: Option<String>,
    /// It may be left out.
    pub optional: bool,
    /// It may be repeated.
    pub multiple: bool,
}

/// Redis's argument types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is Redis's argument type of that name")]
pub enum ArgumentKind {
    String,
    Integer,
    Double,
    Key,
    Pattern,
    UnixTime,
    Token,
}

impl ArgumentKind {
    /// The word for it in COMMAND DOCS.
    pub fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Integer => "integer",
            Self::Double => "double",
            Self::Key => "key",
            Self::Pattern => "pattern",
            Self::UnixTime => "unix-time",
            Self::Token => "pure-token",
        }
    }
}

/// A type of values that the module owns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataType {
    /// 9 characters of `A-Z a-z 0-9 - _`: what TYPE answers, and what names the type in files.
    pub name: String,
    /// The version of the saved form, at most [`ENCVER`](crate::limits::ENCVER).
    pub encver: u32,
}

/// A configuration parameter. Clients know it as `<module>.<name>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// 1 to 64 characters of `a-z A-Z 0-9 _ -`
    pub name: String,
    /// Its type and default.
    pub kind: ConfigKind,
    /// It can only be given when the module is loaded.
    pub immutable: bool,
    /// Its value is kept out of logs and answers.
    pub sensitive: bool,
}

/// The type of a parameter, with its default, which is within its bounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigKind {
    /// yes or no.
    Boolean(bool),
    /// An integer within bounds.
    Integer {
        /// Its default.
        default: i64,
        /// The smallest value.
        min: i64,
        /// The largest value.
        max: i64,
        /// Units such as `10mb` are understood.
        memory: bool,
    },
    /// One of several words.
    Enum {
        /// Its default, one of the words.
        default: String,
        /// The words, in the module's order.
        values: Vec<String>,
    },
    /// Any text.
    String(String),
}

impl ConfigKind {
    /// The value that the parameter has unless somebody says otherwise.
    pub fn default_value(&self) -> ConfigValue {
        match self {
            Self::Boolean(default) => ConfigValue::Boolean(*default),
            Self::Integer { default, .. } => ConfigValue::Integer(*default),
            Self::Enum { default, .. } | Self::String(default) => ConfigValue::String(default.clone()),
        }
    }
}

/// A value for [`Instance::set_config`](crate::Instance::set_config), of the declared type and within its bounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigValue {
    /// For [`ConfigKind::Boolean`].
    Boolean(bool),
    /// For [`ConfigKind::Integer`].
    Integer(i64),
    /// For [`ConfigKind::Enum`], the word, and [`ConfigKind::String`].
    String(String),
}
