//! Commands of the cluster protocol: there is no cluster mode yet, and clients that ask are told so in the words that
//! they know.

use crate::command;
use crate::net::argv::Argv;

use super::context::CommandContext;
use super::error::{CommandError, CommandResult};
use super::spec::Family;

/// The rows.
pub const FAMILY: Family = Family {
    group: "cluster",
    commands: &[
        command!("ASKING", 1, FAST, [], disabled,
            "3.0.0", "O(1)", "Signals that a cluster client is following an -ASK redirect.", "",
            categories: &["connection"]),
        command!(
            "CLUSTER",
            -2,
            NONE,
            [],
            disabled,
            "3.0.0",
            "O(1)",
            "A container for cluster commands; this server is in no cluster.",
            "subcommand [arg [arg ...]]"
        ),
        command!("READONLY", 1, LOADING | STALE | FAST, [], disabled,
            "3.0.0", "O(1)", "Enables read-only queries for a connection to a cluster replica node.", "",
            categories: &["connection"]),
        command!("READWRITE", 1, LOADING | STALE | FAST, [], disabled,
            "3.0.0", "O(1)", "Enables read-write queries for a connection to a cluster replica node.", "",
            categories: &["connection"]),
    ],
};

/// `CLUSTER subcommand ...`, `READONLY` and their like -- O(1). An error.
fn disabled(_: &mut CommandContext<'_>, _argv: Argv<'_>) -> CommandResult {
    Err(CommandError::line("ERR This instance has cluster support disabled"))
}
