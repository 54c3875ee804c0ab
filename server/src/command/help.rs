//! HELP of a container command, made from its rows.

use crate::net::reply::ReplyWriter;

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
