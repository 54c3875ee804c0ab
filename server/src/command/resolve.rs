//! Which command a request names. Names are looked up in the command table; a container's second word is its subcommand.

use std::sync::Arc;

use crate::limits;
use crate::net::argv::Argv;

use super::error::CommandError;
use super::table::{Command, CommandTable, unknown_command};

/// Which command the arguments name: a subcommand if the first word is a container.
pub fn resolve<'t>(table: &'t CommandTable, argv: Argv<'_>) -> Result<&'t Arc<Command>, CommandError> {
    let command = table.get(&argv[0]).ok_or_else(|| CommandError::Bytes(unknown_command(argv)))?;
    resolve_subcommand(command, argv)
}

/// The same by the names that commands had before `rename-command`: files are read under any configuration.
pub(super) fn resolve_original<'t>(
    table: &'t CommandTable,
    argv: Argv<'_>,
) -> Result<&'t Arc<Command>, CommandError> {
    match table.get_original(&argv[0]) {
        Some(command) => resolve_subcommand(command, argv),
        None => resolve(table, argv),
    }
}

/// The subcommand that the arguments name, or the command itself when it is no container.
pub fn resolve_subcommand<'t>(
    command: &'t Arc<Command>,
    argv: Argv<'_>,
) -> Result<&'t Arc<Command>, CommandError> {
    if command.subcommands.is_empty() || argv.len() < 2 {
        return Ok(command);
    }
    let name = String::from_utf8_lossy(&argv[1]).to_ascii_lowercase();
    command.subcommands.get(&name).ok_or_else(|| {
        let shown = String::from_utf8_lossy(argv[1].get(..limits::ERROR_NAME_BYTES).unwrap_or(&argv[1]));
        let container = command.name.to_ascii_uppercase();
        CommandError::err(format_args!("unknown subcommand '{shown}'. Try {container} HELP."))
    })
}
