//! INFO: what the server knows of itself, in the sections and under the names that tools read.
//! A section is a row of the table below and a function in one of the files beside it. Numbers that have no meaning here
//! (a fork, a Lua interpreter) are there as zeros where a tool would miss them.

mod counts;
mod data;
mod persistence;
mod process;

use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};

use crate::command;
use crate::figures::{self, DbFigures, MemoryFigures};
use crate::net::argv::Argv;

use super::args;
use super::context::CommandContext;
use super::error::{CommandError, CommandResult};
use super::spec::Family;

/// The row.
pub const FAMILY: Family = Family {
    group: "server",
    commands: &[command!(
        "INFO",
        -1,
        LOADING | STALE | WALKS_KEYS,
        [],
        info,
        "1.0.0",
        "O(1)",
        "Returns information and statistics about the server.",
        "[section [section ...]]",
        categories: &["dangerous"],
        tips: &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"]
    )],
};

/// One section.
struct Section {
    /// As clients ask for it.
    name: &'static str,
    /// As its headline says.
    title: &'static str,
    /// Whether plain INFO has it.
    default: bool,
    write: fn(&mut Lines, &Facts<'_, '_>),
}

const fn section(
    name: &'static str,
    title: &'static str,
    default: bool,
    write: fn(&mut Lines, &Facts<'_, '_>),
) -> Section {
    Section { name, title, default, write }
}

/// All sections, in the order in which they are shown.
const SECTIONS: [Section; 14] = [
    section("server", "Server", true, process::server),
    section("clients", "Clients", true, process::clients),
    section("memory", "Memory", true, data::memory),
    section("persistence", "Persistence", true, persistence::persistence),
    section("stats", "Stats", true, counts::stats),
    section("replication", "Replication", true, data::replication),
    section("cpu", "CPU", true, process::cpu),
    section("modules", "Modules", true, counts::modules),
    section("commandstats", "Commandstats", false, counts::commandstats),
    section("errorstats", "Errorstats", true, counts::errorstats),
    section("latencystats", "Latencystats", false, counts::latencystats),
    section("cluster", "Cluster", true, process::cluster),
    section("keyspace", "Keyspace", true, data::keyspace),
    section("debug", "Debug", false, counts::debug),
];

/// What several sections need.
struct Facts<'f, 'a> {
    ctx: &'f CommandContext<'a>,
    databases: BTreeMap<usize, DbFigures>,
    /// Left out when no section that was asked for shows it.
    memory: Option<MemoryFigures>,
}

/// The text that grows.
struct Lines(String);

impl Lines {
    fn put(&mut self, name: &str, value: impl Display) {
        write!(self.0, "{name}:{value}\r\n").expect("writing to a string cannot fail");
    }

    /// Names that all have the same value.
    fn put_all(&mut self, names: &[&str], value: impl Display) {
        names.iter().for_each(|name| self.put(name, &value));
    }

    /// Bytes, and the same for people under a second name.
    fn put_bytes(&mut self, name: &str, bytes: u64) {
        self.put(name, bytes);
        self.put(&format!("{name}_human"), figures::human(bytes));
    }
}

/// `INFO [section ...]` -- O(1), a walk over the shards included. The sections that were named, or the usual ones.
fn info(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let wanted = wanted(argv.tail(1));
    let any = |names: [&str; 2]| SECTIONS.iter().zip(wanted).any(|(row, on)| on && names.contains(&row.name));
    let databases = if any(["memory", "keyspace"]) {
        let now_ms = ctx.now_ms();
        figures::databases(ctx.keys.locked, now_ms).ok_or(CommandError::UndeclaredKey)?
    } else {
        BTreeMap::new()
    };
    let memory = any(["memory", "memory"]).then(|| MemoryFigures::of(ctx.server, &databases));
    let facts = Facts { ctx, databases, memory };
    let mut lines = Lines(String::with_capacity(8192));
    for (row, _) in SECTIONS.iter().zip(wanted).filter(|(_, on)| *on) {
        if !lines.0.is_empty() {
            lines.0.push_str("\r\n");
        }
        lines.0.push_str(&format!("# {}\r\n", row.title));
        (row.write)(&mut lines, &facts);
    }
    ctx.reply.verbatim(lines.0);
    Ok(())
}

/// Which sections the arguments ask for. Names that there are not ask for nothing.
fn wanted(names: Argv<'_>) -> [bool; SECTIONS.len()] {
    let asks = |row: &Section| {
        if names.is_empty() {
            return row.default;
        }
        names.iter().any(|name| {
            args::is(name, row.name)
                || (args::is(name, "all") || args::is(name, "everything")) && row.name != "debug"
                || args::is(name, "default") && row.default
        })
    };
    std::array::from_fn(|i| asks(&SECTIONS[i]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::argv::OwnedArgv;

    fn names(words: &str) -> Vec<&'static str> {
        let argv: OwnedArgv = words.split_whitespace().collect();
        let on = wanted(argv.as_argv());
        SECTIONS.iter().zip(on).filter(|(_, on)| *on).map(|(row, _)| row.name).collect()
    }

    #[test]
    fn sections_are_chosen_by_name_in_any_case_and_shown_once() {
        assert_eq!(names("keyspace SERVER server"), ["server", "keyspace"]);
        assert_eq!(names("nothing"), [""; 0]);
        assert_eq!(names(""), names("default"));
        assert_eq!(names("all").len(), SECTIONS.len() - 1);
        assert_eq!(names("all debug").last(), Some(&"debug"), "only who asks for it is shown it");
        assert_eq!(names("EVERYTHING"), names("all"));
        assert!(
            !names("").contains(&"commandstats") && names("default commandstats").contains(&"commandstats")
        );
    }
}
