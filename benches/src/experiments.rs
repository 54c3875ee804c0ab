//! Experiments: what is not one more row of requests over the same keys. Each starts servers of its own, and one that
//! fails does not cost the figures of the others. One table, from which the run and the report both follow.

use crate::measure::Effort;
use crate::{bgsave, collections, everysec, insert, loading, memory, recovery, throttle};
use anyhow::Result;
use std::path::PathBuf;

/// The programs and modules that are compared.
#[derive(Debug)]
pub struct Programs {
    /// The server to measure.
    pub sandkey: PathBuf,
    /// Its peer.
    pub redis: PathBuf,
    /// The module with commands.
    pub bench: String,
    /// The module with a type.
    pub values: String,
    /// The module that attacks.
    pub hostile: String,
    /// What the first two do, for redis-server.
    pub native: String,
}

/// A figure that is to be reached.
#[derive(Debug, Clone, Copy)]
pub struct Goal {
    /// What it is.
    pub text: &'static str,
    /// What is not to be exceeded.
    pub at_most: f64,
}

/// What came of an experiment.
#[derive(Debug)]
pub struct Finding {
    /// The figures for the goals, in their order.
    pub today: Vec<f64>,
    /// What else is to be said, for the report.
    pub text: String,
}

/// An experiment.
pub struct Experiment {
    /// How `--only` names it.
    pub name: &'static str,
    /// For the report.
    pub title: &'static str,
    /// What is to be reached.
    pub goals: &'static [Goal],
    /// What is done.
    pub run: fn(&Programs, Effort) -> Result<Finding>,
}

const fn goal(text: &'static str, at_most: f64) -> Goal {
    Goal { text, at_most }
}

/// All of them, in the order of the report.
pub const EXPERIMENTS: [Experiment; 9] = [
    Experiment {
        name: "memory",
        title: "Memory",
        goals: &[goal("resident bytes per key, 1M keys with 16 B values, against redis-server", 0.90)],
        run: memory::experiment,
    },
    Experiment {
        name: "small",
        title: "Small collections",
        goals: collections::MEMORY_GOALS,
        run: collections::memory,
    },
    Experiment {
        name: "collections",
        title: "Commands of the native types",
        goals: collections::COST_GOALS,
        run: collections::cost,
    },
    Experiment {
        name: "throttle",
        title: "Beside a looping module",
        goals: &[goal("p99 of GET beside a throttled, looping module, against without it", 1.5)],
        run: throttle::experiment,
    },
    Experiment {
        name: "insert",
        title: "Values of a module's own type",
        goals: &[
            goal(
                "server CPU per request: insert into a value of a module's own type, at P16, against redis-server, native .so",
                0.75,
            ),
            goal("the journal's share of such an insert", 0.15),
        ],
        run: insert::experiment,
    },
    Experiment {
        name: "recovery",
        title: "After a trap",
        goals: &[goal("after a trap, the next command on a module's value of 1 MB, ms", 20.0)],
        run: recovery::experiment,
    },
    Experiment {
        name: "bgsave",
        title: "Beside BGSAVE",
        goals: &[
            goal("BGSAVE of 5M keys: longest stop of a client, ms", 5.0),
            goal("BGSAVE with one module value of 200 MB: longest stop of a client, ms", 5.0),
        ],
        run: bgsave::experiment,
    },
    Experiment {
        name: "load",
        title: "Loading an RDB file",
        goals: &[
            goal("loading an RDB file of 1 GB, wall clock, against redis-server", 1.0),
            goal("loading an RDB file of 1 GB, CPU, against redis-server", 1.0),
        ],
        run: loading::experiment,
    },
    Experiment {
        name: "everysec",
        title: "With an append-only file",
        goals: &[goal(
            "server CPU per request: SET, 3 B, at P16, with appendfsync everysec, against redis-server with the same",
            0.5,
        )],
        run: everysec::experiment,
    },
];

/// The name of the series over keys, which are no experiment, for `--only`.
pub const SERIES: &str = "series";

/// Whether there is something of this name.
pub fn is_known(name: &str) -> bool {
    name == SERIES || EXPERIMENTS.iter().any(|experiment| experiment.name == name)
}
