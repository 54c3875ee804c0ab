//! A module as one constant: everything that `module!` says of it, and the one place where its commands are entered.
//! Nothing registers itself: what is not in the table does not exist.

use crate::argument::Args;
use crate::config::{AnyConfig, ConfigValue};
use crate::context::Context;
use crate::data_type::TypeEntry;
use crate::error::{Error, Result};
use crate::host::Host;
use crate::reply::Reply;
use crate::spec::{CommandSpec, Flags};
use crate::strings::Argv;

/// A command. `#[command]` implements it for a type that has the function's name.
pub trait Command {
    /// What the server is told.
    const SPEC: CommandSpec;

    /// Read the arguments and run the function.
    fn run(ctx: &Context, args: Args<'_>) -> Result<Reply>;
}

/// A line of the table of commands.
#[derive(Debug, Clone, Copy)]
pub struct CommandEntry {
    /// What the server is told.
    pub spec: CommandSpec,
    run: fn(&Context, Args<'_>) -> Result<Reply>,
}

impl CommandEntry {
    /// The line for a command.
    #[must_use]
    pub const fn of<C: Command>() -> Self {
        Self { spec: C::SPEC, run: C::run }
    }

    pub(crate) fn enter(&self, host: &Host, argv: Argv<'_>) -> Result<Reply> {
        let write = self.spec.flags.has(Flags::WRITE);
        // The command's name comes first.
        (self.run)(&Context::new(host.clone(), write), Args::new(argv, 1, host.clone(), write))
            .map_err(Error::in_one_line)
    }
}

/// What a module keeps in its own memory between commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Nothing that matters: the server runs as many instances as it has workers.
    None,
    /// Something that all commands must share: there is one instance, and its commands run one at a time.
    Global,
    /// Objects of its data types, and what can be made again from these: there is one instance, and its commands run one at a
    /// time.
    Values,
}

/// A module. `module!` makes the only one of a crate and calls it `MODULE`.
#[derive(Debug)]
pub struct Module {
    /// Its name in MODULE LIST and in front of its configuration parameters.
    pub name: &'static str,
    /// Its own version.
    pub version: u32,
    /// One sentence for people.
    pub summary: &'static str,
    /// What it keeps in its own memory.
    pub state: State,
    /// Its commands.
    pub commands: &'static [CommandEntry],
    /// The types of values that it owns.
    pub types: &'static [TypeEntry],
    /// Its configuration parameters.
    pub configs: &'static [&'static dyn AnyConfig],
    /// The commands that it may run through [`Context::call`].
    pub calls: &'static [&'static str],
    /// What it asks for beside that.
    pub capabilities: &'static [&'static str],
    /// What runs when an instance begins, with the arguments of MODULE LOAD.
    pub init: Option<fn(Args<'_>) -> Result<()>>,
}

impl Module {
    /// An instance begins.
    pub(crate) fn start(&self, host: &Host, argv: Argv<'_>) -> Result<(), String> {
        match self.init {
            Some(init) => init(Args::new(argv, 0, host.clone(), false)).map_err(|error| error.to_string()),
            None if argv.is_empty() => Ok(()),
            None => Err(format!("the module {} takes no arguments", self.name)),
        }
    }

    /// A command comes in.
    #[cfg(target_arch = "wasm32")]
    pub(crate) fn enter(&self, host: &Host, command: u32, argv: Argv<'_>) -> Result<Reply> {
        // The server passes positions of the manifest that it read from this very table.
        self.commands[command as usize].enter(host, argv)
    }

    /// A configuration parameter gets a value.
    pub(crate) fn configure(&self, name: &str, value: ConfigValue) -> Result<(), String> {
        match self.configs.iter().find(|config| config.spec().name == name) {
            Some(config) => config.set(value),
            None => Err(format!("the module {} has no parameter {name}", self.name)),
        }
    }
}

/// What `#[command]` puts around the function's result; separate so that the message for a type that cannot be a reply
/// points at the function.
#[doc(hidden)]
pub fn finish<T: Into<Reply>, E: Into<Error>>(result: std::result::Result<T, E>) -> Result<Reply> {
    match result {
        Ok(value) => Ok(value.into()),
        Err(error) => Err(error.into()),
    }
}

/// What `#[command]` calls when the parameters have taken what they want.
#[doc(hidden)]
pub fn all_taken(args: &Args<'_>) -> Result<()> {
    args.all_taken()
}
