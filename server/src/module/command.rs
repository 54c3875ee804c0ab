//! A command of a module, as the table sees it: an instance, fuel, the host behind the imports, and what happens
//! when it fails.
//!
//! A command may turn out to need what was not there when it began: an object that is not in the module's memory, or a key whose
//! shard is not locked. Then it is undone and runs again with that. What it needs is found by running it, as in
//! Thomson et al., "Calvin" (SIGMOD 2012, section 3.2.1), which calls it reconnaissance.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use sandkey_runtime::{ArgvBuf, Host, Instance, Reply, State, Trap, TrapCause};

use crate::command::args::printable;
use crate::command::context::{Called, CommandContext};
use crate::command::error::{CommandError, CommandResult};
use crate::command::lock_plan::for_each_key;
use crate::command::table::Run;
use crate::effects::Mark;
use crate::keyspace::{EntryRef, Key};
use crate::limits;
use crate::net::argv::Argv;
use crate::net::reply::ReplyWriter;
use crate::server::Server;

use super::commit::commit;
use super::host::ModuleHost;
use super::object_host::ObjectUse;
use super::objects::Objects;
use super::starting::Starting;
use super::values::Unusable;
use super::{LoadedModule, Slot};

/// One command of a module.
pub(super) struct ModuleCommand {
    /// The module.
    pub module: Arc<LoadedModule>,
    /// The command's position in the manifest.
    pub index: usize,
}

impl Run for ModuleCommand {
    fn run(&self, ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
        let module = &*self.module;
        if module.is_retired() {
            return Err(CommandError::err(format_args!("module '{}' was unloaded", module.name)));
        }
        let Some(mut slot) = ctx.instances.take(module.id) else {
            return Err(CommandError::err(format_args!(
                "module '{}' is already running below this command and cannot be entered again",
                module.name
            )));
        };
        let result = self.run_until_done(&mut slot, ctx, argv);
        ctx.instances.put_back(module.id, slot);
        result
    }

    fn module(&self) -> Option<&Arc<LoadedModule>> {
        Some(&self.module)
    }
}

/// Why a command did not do what was asked.
enum Failure {
    /// It failed, or was ended.
    Error(CommandError),
    /// Objects that it needs were not in memory: these keys.
    Missing(Vec<Box<[u8]>>),
    /// It needs keys that are not locked: these.
    Unlocked(Vec<Box<[u8]>>),
    /// The module's memory is full, and objects that the command may not need are in it.
    Full(CommandError),
}

impl From<CommandError> for Failure {
    fn from(error: CommandError) -> Self {
        Self::Error(error)
    }
}

impl ModuleCommand {
    /// Run the command, and again while that is only about what was not in memory. Every run that does not succeed is undone.
    fn run_until_done(&self, slot: &mut Slot, ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
        // How often the module's memory was full, with objects in it that may not be needed.
        let mut full = 0;
        // What an earlier run has fetched and changed was dropped when that was undone, so it is fetched with what is missing next.
        let mut wanted = Vec::new();
        if self.module.manifest.state == State::Global && !self.module.types.is_empty() {
            self.add_declared(&mut wanted, argv);
            full += self.fetch(slot, ctx, &wanted)?;
        }
        for _ in 0..limits::RERUNS {
            match self.run_once(slot, ctx, argv, full == 0 && self.may_lose_objects()) {
                Ok(()) => return Ok(()),
                Err(Failure::Error(error)) => return Err(error),
                Err(Failure::Full(error)) if full > 0 => return Err(error),
                // What is needed comes back.
                Err(Failure::Full(_)) => full += 1,
                Err(Failure::Missing(keys)) => {
                    if wanted.is_empty() {
                        // One is missing: then the others that it names are likely to be.
                        self.add_declared(&mut wanted, argv);
                    }
                    wanted.extend(keys);
                    wanted.sort_unstable();
                    wanted.dedup();
                    full += self.fetch(slot, ctx, &wanted)?;
                    if full > limits::FULL_RERUNS {
                        break;
                    }
                }
                Err(Failure::Unlocked(keys)) => {
                    ctx.more_keys = keys;
                    return Err(CommandError::UndeclaredKey);
                }
            }
        }
        Err(CommandError::err(format_args!(
            "module '{}' command '{}' needs more values than fit into its memory at once",
            self.module.name,
            self.spec().name
        )))
    }

    /// `may_clear` says that it may be ended to be run in an instance without objects.
    /// Whether the instance has nothing in its memory that does not come back: what is `global` stays until it traps.
    fn may_lose_objects(&self) -> bool {
        self.module.manifest.state != State::Global
    }

    fn run_once(
        &self,
        slot: &mut Slot,
        ctx: &mut CommandContext<'_>,
        argv: Argv<'_>,
        may_clear: bool,
    ) -> Result<(), Failure> {
        if ctx.keys.propagates() {
            // What a command before this one of the same transaction found expired is gone whatever becomes of this one.
            ctx.keys.collect_expired();
        }
        let effects = ctx.keys.effects.mark();
        let reply = ctx.reply.len();
        let outer_write = std::mem::replace(&mut ctx.keys.may_write, self.spec().flags.write);
        let mark = ctx.keys.scratch.undo.enter();
        if ctx.keys.scratch.undo.depth() == 1 {
            ctx.called = Called::default();
        }
        let result = self.run_in(slot, ctx, argv, effects, may_clear);
        let outermost = ctx.keys.scratch.undo.leave(mark);
        ctx.keys.may_write = outer_write;
        match &result {
            Ok(()) if outermost => ctx.keys.keep_changes(),
            Ok(()) => {}
            Err(_) => {
                ctx.keys.undo_to(mark);
                ctx.keys.forget(effects);
                ctx.reply.truncate(reply);
            }
        }
        result
    }

    fn spec(&self) -> &sandkey_runtime::Command {
        &self.module.manifest.commands[self.index]
    }

    fn run_in(
        &self,
        slot: &mut Slot,
        ctx: &mut CommandContext<'_>,
        argv: Argv<'_>,
        since: Mark,
        may_clear: bool,
    ) -> Result<(), Failure> {
        let module = &*self.module;
        let (server, worker, now_us) = (ctx.server, ctx.worker, ctx.now_us);
        let counters = module.counters.of(worker);
        self.make_ready(slot, server, worker, now_us)?;
        if !slot.unfreed.is_empty() || slot.objects.has_left() {
            module.free_left(slot);
            self.make_ready(slot, server, worker, now_us)?;
        }
        let Slot { instance: Some(instance), objects, args, .. } = slot else {
            return Err(CommandError::err("the module has no instance").into());
        };
        args.clear();
        argv.iter().for_each(|arg| args.push(arg));
        let fuel = match ctx.session.is_loader {
            true => module.replay_fuel(),
            false => module.fuel_per_command.load(Relaxed),
        };
        let mut host = ModuleHost::new(ctx, module, self.index, argv, objects);
        let outcome = instance.call(&mut host, self.index as u32, args.as_argv(), fuel);
        counters.calls.add(1);
        module.bill(worker, outcome.fuel_used, || server.clock.now_ns());
        if host.ctx.keys.scratch.undo.depth() > 1 {
            host.ctx.called.fuel = host.ctx.called.fuel.saturating_add(outcome.fuel_used);
        }
        let missing = !host.used.missing.is_empty() || !host.used.unlocked.is_empty();
        let result = match outcome.result {
            // Some modules ask whether there is room, and answer that there is none, while it is objects that fill the memory.
            Ok(Err(_))
                if may_clear && instance.is_crowded() && host.objects.len() > host.used.edits.len() =>
            {
                slot.lose_instance();
                return Err(Failure::Full(CommandError::OutOfMemory));
            }
            Ok(_) if missing => {
                let ObjectUse { missing, unlocked, .. } = host.used;
                return Err(if unlocked.is_empty() {
                    Failure::Missing(missing)
                } else {
                    Failure::Unlocked(unlocked)
                });
            }
            Ok(Ok(reply)) => match commit(&mut host, instance, argv, since) {
                Ok(()) => write_reply(host.ctx.reply, &reply).map_err(Failure::Error),
                Err(trap) => return Err(self.trapped(slot, server, worker, &trap)),
            },
            Ok(Err(error)) => {
                counters.errors.add(1);
                Err(CommandError::Other(error.line(&self.spec().name).into_owned().into()).into())
            }
            Err(trap) => return Err(self.trapped(slot, server, worker, &trap)),
        };
        slot.failures = 0;
        result
    }

    fn make_ready(&self, slot: &mut Slot, server: &Server, worker: usize, now_us: u64) -> CommandResult {
        let module = &*self.module;
        let mut host = Starting::at(&module.name, now_us);
        module.make_ready(slot, worker, || server.clock.now_ns(), &mut host).map_err(|reason| {
            CommandError::err(format_args!(
                "module '{}' cannot run '{}': {reason}",
                module.name,
                self.spec().name
            ))
        })
    }

    /// The instance is lost. If that is because its memory is full of objects, that is no failure of the command.
    fn trapped(&self, slot: &mut Slot, server: &Server, worker: usize, trap: &Trap) -> Failure {
        let crowded = matches!(trap.cause, TrapCause::Memory) && slot.objects.len() > 1;
        if crowded {
            slot.lose_instance();
            return Failure::Full(self.line(trap));
        }
        self.module.counters.of(worker).traps.add(1);
        slot.fail(server.clock.now_ns());
        Failure::Error(self.report(trap))
    }

    /// Add the keys that the command declares.
    fn add_declared(&self, wanted: &mut Vec<Box<[u8]>>, argv: Argv<'_>) {
        for_each_key(&self.module.key_specs[self.index], argv, |_, name| wanted.push(name.into()));
    }

    /// Have the objects of these keys in memory. The answer is how often others had to go for them.
    fn fetch(
        &self,
        slot: &mut Slot,
        ctx: &mut CommandContext<'_>,
        keys: &[Box<[u8]>],
    ) -> Result<u32, CommandError> {
        let module = &*self.module;
        let mut full = 0;
        for name in keys {
            self.make_ready(slot, ctx.server, ctx.worker, ctx.now_us)?;
            let key = Key::new(name);
            // A key that is declared may hold anything; and what is there stays there.
            let value = ctx.keys.peek(&key)?.and_then(EntryRef::module);
            let own = value.filter(|value| module.type_of(value.id()).is_some());
            let Some(value) = own.filter(|value| slot.objects.of(value).is_none()).cloned() else { continue };
            slot.instance.iter_mut().for_each(Instance::forget_refusals);
            let mut revived = module.revive_in(slot, &value, ctx.now_us);
            let is_full = match &revived {
                Err(Unusable::Trap(trap)) => matches!(trap.cause, TrapCause::Memory),
                Err(Unusable::Refused(_)) => {
                    self.may_lose_objects() && slot.instance.as_ref().is_some_and(Instance::is_crowded)
                }
                Ok(_) => false,
            };
            if is_full {
                // The objects that are there leave no room for it. What the command needs of them comes back.
                full += 1;
                slot.lose_instance();
                self.make_ready(slot, ctx.server, ctx.worker, ctx.now_us)?;
                revived = module.revive_in(slot, &value, ctx.now_us);
            }
            let object = revived.map_err(|unusable| {
                if matches!(unusable, Unusable::Trap(_)) {
                    module.counters.of(ctx.worker).traps.add(1);
                    slot.fail(ctx.server.clock.now_ns());
                }
                let line = format!(
                    "module '{}' cannot use the value of the key '{}': {}",
                    module.name,
                    printable(name),
                    unusable.reason()
                );
                tracing::warn!("{line}");
                CommandError::err(line)
            })?;
            let Some(live) = slot.objects.hold(object) else {
                slot.fail(ctx.server.clock.now_ns());
                return Err(CommandError::err(format_args!(
                    "module '{}' gave the number {} to two objects",
                    module.name, object.number
                )));
            };
            ctx.keys.db_of(&key)?.set_live(&key, Some(live));
        }
        Ok(full)
    }

    /// The client gets one line, the log the way through the module's own functions.
    fn report(&self, trap: &Trap) -> CommandError {
        let (module, error) = (&self.module.name, self.line(trap));
        tracing::warn!("{}", error.to_string().trim_start_matches("ERR "));
        for frame in &trap.backtrace {
            tracing::warn!("module '{module}'   at {frame}");
        }
        error
    }

    fn line(&self, trap: &Trap) -> CommandError {
        let (module, command) = (&self.module.name, &self.spec().name);
        let cause = match trap.cause {
            TrapCause::Fuel => {
                format!("out of fuel, of which it has {}", self.module.limits().fuel_per_command)
            }
            TrapCause::Memory => {
                format!("out of memory, of which it has {} bytes", self.module.limits().memory_bytes)
            }
            _ => trap.to_string(),
        };
        CommandError::err(format_args!("module '{module}' command '{command}' failed: {cause}"))
    }
}

impl Slot {
    /// Drop the instance, with all objects in it.
    pub(super) fn lose_instance(&mut self) {
        self.instance = None;
        self.objects = Objects::default();
        self.unfreed.clear();
    }

    /// Drop the instance after a trap. One that fails again and again is made anew less and less often.
    fn fail(&mut self, now_ns: u64) {
        self.lose_instance();
        self.failures = self.failures.saturating_add(1);
        let doublings = self.failures.saturating_sub(limits::FREE_TRAPS).min(limits::BACK_OFF_DOUBLINGS);
        if self.failures > limits::FREE_TRAPS {
            self.retry_at_ns = now_ns + (limits::BACK_OFF_NS << doublings);
        }
    }
}

impl LoadedModule {
    /// Have an instance in the slot, with today's limits and configuration.
    pub(super) fn make_ready(
        &self,
        slot: &mut Slot,
        worker: usize,
        now_ns: impl Fn() -> u64,
        host: &mut dyn Host,
    ) -> Result<(), String> {
        let revision = self.revision.load(Relaxed);
        if slot.instance.is_some() && slot.revision == revision {
            return Ok(());
        }
        let limits = self.limits();
        if slot.instance.is_none() {
            let now_ns = now_ns();
            if slot.retry_at_ns > now_ns {
                let wait_ms = (slot.retry_at_ns - now_ns).div_ceil(1_000_000);
                return Err(format!(
                    "it has failed {} times in a row, next try in {wait_ms} ms",
                    slot.failures
                ));
            }
            let args: ArgvBuf = self.args.iter().map(Vec::as_slice).collect();
            let made = self.code.instantiate(&limits, args.as_argv(), host, Some(&self.manifest));
            let (instance, _) = made.map_err(|error| {
                slot.fail(now_ns);
                error.to_string()
            })?;
            self.counters.of(worker).instances.add(1);
            slot.instance = Some(instance);
        }
        let instance = slot.instance.as_mut().expect("it was there or has just been made");
        instance.set_memory_limit(limits.memory_bytes);
        for (name, value) in self.configs() {
            let refused = match instance.set_config(host, &name, &value) {
                Ok(accepted) => accepted.err(),
                Err(trap) => Some(trap.to_string()),
            };
            if let Some(reason) = refused {
                slot.lose_instance();
                return Err(format!("it refuses the value of its parameter '{name}': {reason}"));
            }
        }
        slot.revision = revision;
        Ok(())
    }
}

/// Write what a module answered, in the protocol of the client.
pub(super) fn write_reply(writer: &mut ReplyWriter, reply: &Reply) -> CommandResult {
    match reply {
        Reply::Ok => writer.ok(),
        Reply::Null => writer.null(),
        Reply::Integer(n) => writer.integer(*n),
        Reply::Double(x) => writer.double(*x),
        Reply::Boolean(b) => writer.boolean(*b),
        Reply::Simple(text) => writer.simple(text),
        Reply::Bulk(bytes) => writer.bulk(bytes),
        Reply::Resp3(value) => {
            let written = writer.resp3_to_client(value.as_bytes());
            return written.map_err(|_| CommandError::line("ERR the module's reply is no RESP3 value"));
        }
    }
    Ok(())
}
