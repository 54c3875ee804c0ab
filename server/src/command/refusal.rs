//! Stop 4 of a command's way: why it is refused, or has to wait, before it has any lock. What only the command itself can know, the
//! command finds out.

use std::time::Duration;

use crate::acl::log::Context;
use crate::limits;
use crate::net::argv::Argv;
use crate::net::client::flag;
use crate::net::reply::ReplyWriter;

use super::dispatch::{Executor, Told};
use super::error::CommandError;
use super::permission::Question;
use super::session::Session;
use super::spec::Flags;
use super::table::Command;

impl Executor {
    /// Stop 4. `Ok(Some(_))` means not yet.
    pub(super) fn reasons_to_refuse(
        &mut self,
        session: &mut Session,
        command: &Command,
        argv: Argv<'_>,
    ) -> Result<Option<Duration>, CommandError> {
        if !command.takes(argv.len()) {
            return Err(CommandError::WrongArity(command.name.clone()));
        }
        if !session.is_free() && session.must_authenticate() && !command.flags.has(Flags::NO_AUTH) {
            return Err(CommandError::NoAuth);
        }
        if session.transaction.is_some() && command.flags.has(Flags::NO_MULTI) {
            return Err(CommandError::line("ERR Command not allowed inside a transaction"));
        }
        if !session.is_free() {
            let context = if session.transaction.is_some() { Context::Multi } else { Context::Toplevel };
            let now_ms = self.now_us / 1000;
            let question = Question { server: self.server, config: &self.config, session, now_ms };
            question.ask(command, argv, context)?;
        }
        if session.in_pubsub_mode() && !allowed_while_subscribed(&command.name) {
            return Err(CommandError::err(format_args!(
                "Can't execute '{}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context",
                command.name
            )));
        }
        if (self.server.persistence.is_troubled() || self.server.aof.is_troubled())
            && let Some(wait) = self.file_trouble(session, command)?
        {
            return Ok(Some(wait));
        }
        if self.config.maxmemory != 0 {
            self.make_room(session, command)?;
        }
        if self.server.tenant.tracking.is_active() {
            self.server.limit_tracked(&self.config, &mut self.effects);
            self.deliver(session, Told::Before);
        }
        if self.server.tenant.migrations.held.holds_back(command, session, argv) {
            return Ok(Some(limits::MIGRATE_STEP));
        }
        Ok(self.server.paused_for(command, session, self.now_us).inspect(|_| {
            session.postponed = true;
            session.client.set_flag(flag::BLOCKED, true);
        }))
    }

    /// Data is being loaded, or was not saved, or the append-only file cannot take what is written: most commands are refused in the first
    /// case, those that write in the others, and they wait while the disk has to catch up.
    #[cold]
    fn file_trouble(&self, session: &Session, command: &Command) -> Result<Option<Duration>, CommandError> {
        let queue = session.transaction.iter().flat_map(|transaction| &transaction.queue);
        let runs = queue.filter(|_| command.flags.has(Flags::RUNS_QUEUE)).map(|(queued, _)| queued.flags);
        let flags = || std::iter::once(command.flags).chain(runs.clone());
        if self.server.persistence.is_loading() && !flags().all(|flags| flags.has(Flags::LOADING)) {
            return Err(CommandError::line("LOADING Redis is loading the dataset in memory"));
        }
        let writes = flags().any(|flags| flags.has(Flags::WRITE));
        // Those who watch the server ask with PING whether it can do its work.
        if (writes || command.name == "ping")
            && let Some(reason) = self.server.aof.write_error()
        {
            let text = format!("MISCONF Errors writing to the AOF file: {reason}");
            return Err(CommandError::Other(text.into()));
        }
        if writes && self.server.aof.is_full() {
            return Ok(Some(limits::AOF_FULL_STEP));
        }
        if (writes || command.name == "ping") && self.server.persistence.denies_writes(&self.config) {
            return Err(CommandError::line(
                "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. \
                 Commands that may modify the data set are disabled, because this instance is configured to report errors \
                 during writes if RDB snapshotting fails (stop-writes-on-bgsave-error option). Please check the Redis logs \
                 for details about the RDB error.",
            ));
        }
        Ok(None)
    }

    /// Evict until the server is below `maxmemory`; a command that may grow is refused when that does not do.
    fn make_room(&mut self, session: &Session, command: &Command) -> Result<(), CommandError> {
        // Paused clients are to find the data as it was.
        let enough = self.server.is_paused(self.now_us)
            || self.server.evict(&self.config, Some(self.worker), self.now_us / 1000, &mut self.effects);
        self.deliver(session, Told::Before);
        let grows = match &session.transaction {
            Some(transaction) if command.flags.has(Flags::RUNS_QUEUE) => {
                transaction.queue.iter().any(|(queued, _)| queued.flags.has(Flags::OOM))
            }
            // A transaction is not begun that could not be ended: whatever would be queued is refused.
            Some(_) if !command.flags.has(Flags::NOT_QUEUED) => true,
            _ => command.flags.has(Flags::OOM),
        };
        if !enough && grows { Err(CommandError::OutOfMemory) } else { Ok(()) }
    }

    /// Answer a command that does not run.
    pub(super) fn refuse(
        &mut self,
        session: &mut Session,
        command: Option<&Command>,
        error: &CommandError,
        reply: &mut ReplyWriter,
    ) {
        self.held.release();
        if let Some(command) = command {
            command.counters.of(self.worker).rejected.add(1);
        }
        // EXEC itself, when refused, ends the transaction.
        if command.is_some_and(|command| command.flags.has(Flags::RUNS_QUEUE)) {
            let text = error.to_string();
            let text = text.strip_prefix("ERR ").unwrap_or(&text);
            session.discard_transaction();
            self.server.unwatch_all(session);
            self.server.count_error(self.worker, "EXECABORT");
            reply.error(format!("EXECABORT Transaction discarded because of: {text}"));
            return;
        }
        if let Some(transaction) = &mut session.transaction {
            transaction.refused = true;
        }
        self.server.count_error(self.worker, &error.code());
        reply.error(error.wire());
    }
}

fn allowed_while_subscribed(name: &str) -> bool {
    matches!(
        name,
        "subscribe"
            | "unsubscribe"
            | "psubscribe"
            | "punsubscribe"
            | "ssubscribe"
            | "sunsubscribe"
            | "ping"
            | "quit"
            | "reset"
    )
}
