//! HELP of a container command, made from its rows.

use crate::net::argv::Argv;
use crate::net::reply::ReplyWriter;

use super::args;
use super::error::CommandError;
use super::spec::Spec;

/// The lines of `<container> HELP`, in the form that redis-server gives them.
pub(super) fn reply(reply: &mut ReplyWriter, container: &str, subcommands: &[Spec]) {
    let mut lines = vec![format!("{container} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:")];
    for sub in subcommands {
        let syntax =
            if sub.syntax.is_empty() { sub.name.to_owned() } else { format!("{} {}", sub.name, sub.syntax) };
        lines.push(syntax);
        lines.push(format!("    {}", sub.summary));
    }
    reply.array_header(lines.len());
    lines.iter().for_each(|line| reply.simple(line));
}

/// The error of a container for a subcommand that it does not have, or that takes other arguments.
pub(super) fn unknown(container: &str, argv: Argv<'_>) -> CommandError {
    let name = args::printable(argv.get(1).unwrap_or_default());
    CommandError::err(format_args!(
        "unknown subcommand or wrong number of arguments for '{name}'. Try {container} HELP."
    ))
}
