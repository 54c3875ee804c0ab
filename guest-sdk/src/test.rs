//! `Context::test()`: what a module's unit tests run against. `cargo test` compiles the module for this machine, and the context
//! is a small server in memory: time stands still until a test moves it, random numbers follow from a seed, and a command that
//! returns an error leaves no trace. What the sandbox does about traps, fuel and memory is the server's, not here.

use std::rc::Rc;
use std::time::Duration;

use crate::config::{ConfigKind, ConfigValue};
use crate::context::{Circumstances, Client, Context};
use crate::error::{Error, Result};
use crate::host::{Host, Rights, Wanted, keys_of, take_logs};
use crate::key::Key;
use crate::log::Level;
use crate::module::{Command, CommandEntry, Module};
use crate::reply::Reply;
use crate::spec::Flags;
use crate::strings::Strings;
use crate::value::Value;

/// How often a command may run in all before its test fails.
const RUNS_MAX: usize = 100;

/// Only in tests, which run natively.
impl Context {
    /// A context of an empty server.
    ///
    /// ```
    /// use sandkey::prelude::*;
    ///
    /// /// Add to a counter.
    /// #[command("count.up", write)]
    /// fn up(_ctx: &Context, key: Key, by: Option<i64>) -> Result<i64> {
    ///     key.incr_by(by.unwrap_or(1))
    /// }
    ///
    /// let ctx = Context::test();
    /// // As the server runs it: arity, keys, undo.
    /// assert_eq!(ctx.run::<up>(["visits", "5"]).unwrap(), 5);
    /// assert_eq!(ctx.run::<up>(["visits", "many"]), Err(Error::NotAnInteger));
    /// // Or as the function that it is.
    /// assert_eq!(up(&ctx, ctx.key("visits"), None), Ok(6));
    /// ```
    #[must_use]
    pub fn test() -> Self {
        take_logs();
        Self::new(Host::default(), true)
    }

    /// Run a command as the server would: check its arity, find its keys, read its arguments, undo what it wrote if it
    /// returns an error, and run it again if it found keys. The arguments are those after its name.
    pub fn run<C: Command>(&self, args: impl IntoIterator<Item: AsRef<[u8]>>) -> Result<Value> {
        let mut argv = Strings::from_iter([C::SPEC.name]);
        args.into_iter().for_each(|arg| argv.push(arg.as_ref()));
        let arity = C::SPEC.arity;
        let len = i32::try_from(argv.len()).unwrap_or(i32::MAX);
        if (arity > 0 && len != arity) || len < arity.abs() {
            return Err(Error::WrongArity);
        }
        let mut needs = Wanted { keys: keys_of(C::SPEC.keys.as_slice(), &argv), ..Wanted::default() };
        let seed = self.host.world().seed;
        for _ in 0..RUNS_MAX {
            let result = self.run_once::<C>(&argv, &needs)?;
            let Wanted { keys, objects } = self.host.world().take_wanted();
            if keys.is_empty() && objects.is_empty() {
                return result;
            }
            // Whatever it answered without what it asked for is never seen.
            needs.keys.extend(keys);
            needs.objects.extend(objects);
            self.host.world().seed = seed;
        }
        panic!("{} ran {RUNS_MAX} times and still asks for more keys and values", C::SPEC.name);
    }

    /// The inner result is the command's. It is undone if it failed, and if it asked for more.
    fn run_once<C: Command>(&self, argv: &Strings, needs: &Wanted) -> Result<Result<Value>> {
        let flags = C::SPEC.flags;
        let rights = Rights {
            write: flags.has(Flags::WRITE),
            all_keys: flags.has(Flags::ALL_KEYS),
            finds_keys: flags.has(Flags::FINDS_KEYS),
            declared: Some(needs.keys.clone()),
        };
        let undo = self.host.world().begin();
        self.host.world().load_values(needs)?;
        let before = std::mem::replace(&mut self.host.world().rights, rights);
        let result = CommandEntry::of::<C>().enter(&self.host, argv.as_argv()).and_then(Value::from_reply);
        let mut world = self.host.world();
        world.rights = before;
        let undone = result.is_err() || world.wants_more();
        undo(&mut world, undone);
        Ok(result)
    }

    /// Save every value of the module's own types and load it again, as a restart does. A value that cannot be loaded, or that
    /// saves other bytes than it was loaded from, is an error.
    pub fn reload(&self) -> Result<(), String> {
        let mut world = self.host.world();
        world.drop_all_values();
        world.load_all_values()
    }

    /// Drop every object of the module's own types, as when its instance is lost. Each is made again when it is needed, and a
    /// command that needs one under a key that it did not declare runs again for it.
    pub fn lose_objects(&self) {
        self.host.world().drop_all_values();
    }

    /// Load the module: run its `init` with these arguments and give its parameters their defaults.
    pub fn load(&self, module: &Module, args: impl IntoIterator<Item: AsRef<[u8]>>) -> Result<(), String> {
        let argv: Strings = args.into_iter().collect();
        self.host.know(module);
        module.start(&self.host, argv.as_argv())?;
        for config in module.configs {
            let value = match config.spec().kind {
                ConfigKind::Boolean(default) => ConfigValue::Boolean(default),
                ConfigKind::Integer { default, .. } => ConfigValue::Integer(default),
                ConfigKind::Enum { default, .. } | ConfigKind::String(default) => {
                    ConfigValue::String(default.to_owned())
                }
            };
            config.set(value)?;
        }
        Ok(())
    }

    /// Change a parameter, as CONFIG SET would. A value belongs to the thread, so tests do not disturb each other.
    pub fn configure(&self, module: &Module, name: &str, value: &str) -> Result<(), String> {
        let config = module.configs.iter().find(|config| config.spec().name == name);
        let spec = config.ok_or_else(|| format!("no parameter {name}"))?.spec();
        let refuse = |why: &str| Err(format!("{name} {value}: {why}"));
        let value = match spec.kind {
            ConfigKind::Boolean(_) => match value {
                "yes" => ConfigValue::Boolean(true),
                "no" => ConfigValue::Boolean(false),
                _ => return refuse("argument must be 'yes' or 'no'"),
            },
            ConfigKind::Integer { min, max, .. } => match value.parse() {
                Ok(number) if (min..=max).contains(&number) => ConfigValue::Integer(number),
                Ok(_) => return refuse(&format!("argument must be between {min} and {max} inclusive")),
                Err(_) => return refuse("argument couldn't be parsed into an integer"),
            },
            ConfigKind::Enum { values, .. } if values.contains(&value) => {
                ConfigValue::String(value.to_owned())
            }
            ConfigKind::Enum { .. } => return refuse("argument(s) must be one of the following"),
            ConfigKind::String(_) => ConfigValue::String(value.to_owned()),
        };
        module.configure(name, value)
    }

    /// A key, to prepare what a command finds and to see what it left.
    ///
    /// # Panics
    ///
    /// Never, outside of a command.
    #[must_use]
    pub fn key<'a>(&self, name: &'a (impl AsRef<[u8]> + ?Sized)) -> Key<'a> {
        Key::open(&self.host, name.as_ref(), true).expect("outside of a command every key can be opened")
    }

    /// Set the time, in microseconds since 1970.
    pub fn set_now_us(&self, now_us: u64) {
        self.host.world().now_us = now_us;
    }

    /// Let time pass. Keys expire.
    pub fn advance(&self, by: Duration) {
        let by = u64::try_from(by.as_micros()).unwrap_or(u64::MAX);
        let mut world = self.host.world();
        world.now_us = world.now_us.saturating_add(by);
    }

    /// Begin the random sequence that belongs to this seed.
    pub fn set_seed(&self, seed: u64) {
        self.host.world().seed = seed;
    }

    /// Be another client.
    pub fn set_client(&self, client: Client) {
        self.host.world().client = client;
    }

    /// Be another user.
    pub fn set_user(&self, user: &str) {
        user.clone_into(&mut self.host.world().user);
    }

    /// Select a database. Keys that are open stay with their names.
    pub fn set_db(&self, db: u32) {
        self.host.world().db = db;
    }

    /// Set the circumstances.
    pub fn set_flags(&self, flags: Circumstances) {
        self.host.world().flags = flags;
    }

    /// Say what a command answers when the module calls it; the name comes first among the arguments.
    /// A command without an answer is not callable.
    pub fn on_call(&self, name: &str, answer: impl Fn(&[&[u8]]) -> Result<Reply> + 'static) {
        self.host.world().answers.insert(name.to_lowercase(), Rc::new(answer));
    }

    /// The lines that were logged since the last time, or since the context was made.
    #[must_use]
    pub fn logs(&self) -> Vec<(Level, String)> {
        take_logs()
    }
}
