//! The one place where a session is asked whether it may do what it asks for, and where refusals are remembered. Commands of
//! clients come here before they take a lock, queued ones again when EXEC runs them, and those that a module calls.
//! What a user may do is decided in `acl`.

use std::sync::Arc;

use crate::acl::log::{Context, Refusal};
use crate::acl::{Denied, Reason};
use crate::config::Config;
use crate::net::argv::Argv;
use crate::server::Server;

use super::client_list;
use super::context::CommandContext;
use super::dispatch::resolve;
use super::error::{CommandError, CommandResult};
use super::session::Session;
use super::spec::Access;
use super::table::Command;

/// What decides, and what is told.
pub(super) struct Question<'q> {
    pub server: &'q Server,
    pub config: &'q Config,
    pub session: &'q Session,
    pub now_ms: u64,
}

impl Question<'_> {
    /// Whether the session's user may run a command with these arguments.
    #[cold]
    pub(super) fn ask(&self, command: &Command, argv: Argv<'_>, context: Context) -> CommandResult {
        let Err(denied) = self.session.user().check(command, argv) else { return Ok(()) };
        self.remember(command, argv, denied, context);
        let line = denied.line(self.session.user(), command);
        Err(CommandError::Bytes([b"NOPERM ", &line[..]].concat()))
    }

    fn remember(&self, command: &Command, argv: Argv<'_>, denied: Denied, context: Context) {
        let object = match denied.reason {
            Reason::Command => command.name.as_bytes(),
            _ => argv.get(denied.position).unwrap_or_default(),
        };
        self.log(denied.reason, context, object, self.session.user().name());
    }

    fn log(&self, reason: Reason, context: Context, object: &[u8], username: &Arc<[u8]>) {
        let max = usize::try_from(self.config.acllog_max_len).unwrap_or(usize::MAX);
        let client = client_list::describe(self.server, &self.session.client, self.now_ms);
        let refusal = Refusal {
            reason,
            context,
            object: object.to_vec(),
            username: Arc::clone(username),
            client,
            now_ms: self.now_ms,
        };
        self.server.tenant.acl.log.add(refusal, max);
    }
}

impl CommandContext<'_> {
    fn question(&self) -> Question<'_> {
        let now_ms = self.now_us / 1000;
        Question { server: self.server, config: self.config, session: self.session, now_ms }
    }

    /// Whether a queued command may still run, now that EXEC is there: the error tells that it might when it was queued.
    pub(super) fn may_still_run(&mut self, command: &Command, argv: Argv<'_>) -> CommandResult {
        self.session.renew_user(self.tenant);
        if self.session.is_free() {
            return Ok(());
        }
        let Err(denied) = self.session.user().check(command, argv) else { return Ok(()) };
        self.question().remember(command, argv, denied, Context::Multi);
        let reason = match denied.reason {
            Reason::Command => "no permission to execute the command or subcommand",
            Reason::Channel => "no permission to access one of the channels used as arguments",
            Reason::Key | Reason::Auth => "no permission to touch the specified keys",
        };
        let text = format!(
            "NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. This command is \
             no longer allowed for the following reason: {reason}"
        );
        Err(CommandError::Other(text.into()))
    }

    /// Whether a command that a module calls may run: it acts for the client.
    pub fn may_call(&self, command: &Command, argv: Argv<'_>) -> CommandResult {
        if self.session.is_free() {
            return Ok(());
        }
        self.question().ask(command, argv, Context::Module)
    }

    /// Whether a module may use a key for the client that is not among the arguments, so that nobody has been asked yet.
    pub fn may_open(&self, key: &[u8], access: Access) -> CommandResult {
        if self.session.is_free() || self.session.user().permits_key(key, access) {
            return Ok(());
        }
        self.question().log(Reason::Key, Context::Module, key, self.session.user().name());
        Err(CommandError::line("NOPERM No permissions to access a key"))
    }

    /// Whether the command that runs may use every key like that: patterns of SORT may name any.
    pub fn may_use_all_keys(&self, argv: Argv<'_>, access: Access) -> bool {
        let table = self.tenant.commands();
        let user = self.session.user();
        self.session.is_free()
            || resolve(&table, argv).is_ok_and(|command| user.permits_with_all_keys(command, argv, access))
    }

    /// Log the client in as this user. `argv` is the command that asks for it.
    pub(super) fn log_in(&mut self, user: &[u8], password: &[u8], argv: Argv<'_>) -> CommandResult {
        if let Some(user) = self.tenant.acl.log_in(user, password) {
            self.session.log_in(user);
            return Ok(());
        }
        let context = if self.in_transaction { Context::Multi } else { Context::Toplevel };
        self.question().log(Reason::Auth, context, argv.name(), &user.into());
        Err(CommandError::line("WRONGPASS invalid username-password pair or user is disabled."))
    }
}
