//! A command of a module, as the table sees it: an instance, fuel, the host behind the imports, and what happens
//! when it fails.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use sandkey_runtime::{ArgvBuf, Host, Reply, Trap, TrapCause};

use crate::command::context::CommandContext;
use crate::command::error::{CommandError, CommandResult};
use crate::command::table::Run;
use crate::limits;
use crate::net::argv::Argv;
use crate::net::reply::ReplyWriter;

use super::host::ModuleHost;
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
        let Some(mut slot) = ctx.instances.take(module.id) else {
            return Err(CommandError::err(format_args!(
                "module '{}' is already running below this command and cannot be entered again",
                module.name
            )));
        };
        let effects = ctx.keys.effects.mark();
        let outer_write = std::mem::replace(&mut ctx.keys.may_write, self.spec().flags.write);
        let mark = ctx.keys.scratch.undo.enter();
        let result = self.run_in(&mut slot, ctx, argv);
        let outermost = ctx.keys.scratch.undo.leave(mark);
        ctx.keys.may_write = outer_write;
        ctx.instances.put_back(module.id, slot);
        match &result {
            Ok(()) if outermost => ctx.keys.keep_changes(),
            Ok(()) => {}
            Err(_) => {
                ctx.keys.undo_to(mark);
                ctx.keys.forget(effects);
            }
        }
        result
    }

    fn module(&self) -> Option<&Arc<LoadedModule>> {
        Some(&self.module)
    }
}

impl ModuleCommand {
    fn spec(&self) -> &sandkey_runtime::Command {
        &self.module.manifest.commands[self.index]
    }

    fn run_in(&self, slot: &mut Slot, ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
        let module = &*self.module;
        let (server, worker) = (ctx.server, ctx.worker);
        let counters = module.counters.of(worker);
        let mut host = ModuleHost::new(ctx, module, self.index, argv);
        module.make_ready(slot, worker, || server.clock.now_ns(), &mut host).map_err(|reason| {
            CommandError::err(format_args!(
                "module '{}' cannot run '{}': {reason}",
                module.name,
                self.spec().name
            ))
        })?;
        let Slot { instance: Some(instance), args, .. } = slot else {
            return Err(CommandError::err("the module has no instance"));
        };
        args.clear();
        argv.iter().for_each(|arg| args.push(arg));
        let fuel = module.fuel_per_command.load(Relaxed);
        let outcome = instance.call(&mut host, self.index as u32, args.as_argv(), fuel);
        counters.calls.add(1);
        module.bill(worker, outcome.fuel_used, || server.clock.now_ns());
        match outcome.result {
            Ok(Ok(reply)) => {
                slot.failures = 0;
                write_reply(ctx.reply, &reply)
            }
            Ok(Err(error)) => {
                slot.failures = 0;
                counters.errors.add(1);
                Err(CommandError::Other(error.line(&self.spec().name).into_owned().into()))
            }
            Err(trap) => {
                counters.traps.add(1);
                slot.fail(server.clock.now_ns());
                Err(self.report(&trap))
            }
        }
    }

    /// The client gets one line, the log the way through the module's own functions.
    fn report(&self, trap: &Trap) -> CommandError {
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
        tracing::warn!("module '{module}' command '{command}' failed: {cause}");
        for frame in &trap.backtrace {
            tracing::warn!("module '{module}'   at {frame}");
        }
        CommandError::err(format_args!("module '{module}' command '{command}' failed: {cause}"))
    }
}

impl Slot {
    /// Drop the instance after a trap. One that fails again and again is made anew less and less often.
    fn fail(&mut self, now_ns: u64) {
        self.instance = None;
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
                slot.instance = None;
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
