//! What the commands of the native collections cost, and what small collections take: one table of commands, each over keys
//! of its own, asked of both servers in turns, and a hundred thousand of each small collection.

use crate::experiments::{Finding, Goal, Programs};
use crate::load::{self, ANY_KEY, Load, Sample};
use crate::measure::Effort;
use crate::process::Server;
use crate::report;
use crate::stats::{cpu, ratio};
use anyhow::Result;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

/// Depths of the pipeline, and what of redis-server's time is to be enough.
const PIPELINES: [(u32, f64); 2] = [(16, 0.55), (1, 1.0)];
/// The depth at which collections are filled.
const PIPELINE_FILL: u32 = 64;
/// Of ten bytes.
const ELEMENT: &str = "0123456789";

/// A command and what it finds.
struct Row {
    name: &'static str,
    argv: &'static [&'static str],
    /// Different keys.
    keys: u64,
    /// What fills them before every sample, with so many requests for each request of the sample, or so many at least.
    fill: Option<(&'static [&'static str], f64, u64)>,
}

const ROWS: [Row; 10] = [
    Row { name: "LPUSH", argv: &["LPUSH", ANY_KEY, ELEMENT], keys: 10_000, fill: None },
    Row {
        name: "RPOP",
        argv: &["RPOP", ANY_KEY],
        keys: 10_000,
        fill: Some((&["LPUSH", ANY_KEY, ELEMENT], 1.5, 10_000)),
    },
    Row { name: "SADD", argv: &["SADD", ANY_KEY, "member:__rand_int__"], keys: 10_000, fill: None },
    Row { name: "HSET", argv: &["HSET", ANY_KEY, "field:__rand_int__", ELEMENT], keys: 10_000, fill: None },
    Row {
        name: "ZADD",
        argv: &["ZADD", ANY_KEY, "__rand_int__", "member:__rand_int__"],
        keys: 10_000,
        fill: None,
    },
    Row {
        name: "ZRANGE of 100",
        argv: &["ZRANGE", ANY_KEY, "0", "99"],
        keys: 1_000,
        fill: Some((&["ZADD", ANY_KEY, "__rand_int__", "member:__rand_int__"], 0.0, 200_000)),
    },
    Row {
        name: "LRANGE of 100",
        argv: &["LRANGE", ANY_KEY, "0", "99"],
        keys: 1_000,
        fill: Some((&["LPUSH", ANY_KEY, ELEMENT], 0.0, 200_000)),
    },
    Row { name: "XADD", argv: &["XADD", ANY_KEY, "*", "field", ELEMENT], keys: 10_000, fill: None },
    Row { name: "INCR", argv: &["INCR", ANY_KEY], keys: 1_000_000, fill: None },
    Row {
        name: "MSET of 10",
        argv: &[
            "MSET", ANY_KEY, ELEMENT, ANY_KEY, ELEMENT, ANY_KEY, ELEMENT, ANY_KEY, ELEMENT, ANY_KEY, ELEMENT,
            ANY_KEY, ELEMENT, ANY_KEY, ELEMENT, ANY_KEY, ELEMENT, ANY_KEY, ELEMENT, ANY_KEY, ELEMENT,
        ],
        keys: 1_000_000,
        fill: None,
    },
];

macro_rules! cost_goals {
    ($($name:literal),+) => {
        &[
            $(Goal { text: concat!("server CPU per request: ", $name, ", at P16, against redis-server"), at_most: PIPELINES[0].1 },)+
            $(Goal { text: concat!("server CPU per request: ", $name, ", at P1, against redis-server"), at_most: PIPELINES[1].1 },)+
        ]
    };
}

/// In the order of the rows, first for one depth, then for the other.
pub const COST_GOALS: &[Goal] = cost_goals![
    "LPUSH",
    "RPOP",
    "SADD",
    "HSET",
    "ZADD",
    "ZRANGE of 100",
    "LRANGE of 100",
    "XADD",
    "INCR",
    "MSET of 10"
];

/// All rows, in turns.
pub fn cost(programs: &Programs, effort: Effort) -> Result<Finding> {
    let servers = [Server::start(&programs.sandkey, &[])?, Server::start(&programs.redis, &[])?];
    let (mut today, mut text) = (Vec::new(), String::new());
    for (pipeline, _) in PIPELINES {
        for row in &ROWS {
            eprintln!("   {} at P{pipeline}", row.name);
            let samples = measure(&servers, row, pipeline, effort)?;
            let [ours, theirs] = samples.each_ref().map(|samples| cpu(samples));
            today.push(ratio(&ours, &theirs));
            let rows = ["Sandkey", "redis-server"].into_iter().zip(&samples);
            let rows = rows.map(|(who, samples)| (who, pipeline, samples.as_slice()));
            text += &format!("{}\n\n{}\n", row.name, report::table(rows));
        }
    }
    Ok(Finding { today, text })
}

fn measure(servers: &[Server; 2], row: &Row, pipeline: u32, effort: Effort) -> Result<[Vec<Sample>; 2]> {
    let words = |argv: &[&str]| argv.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
    let mut load =
        Load { argv: words(row.argv), pipeline, requests: effort.of(100_000, 20_000), keys: row.keys };
    // Both get the same number of requests, so that their collections grow alike.
    let mut slowest = f64::INFINITY;
    for server in servers {
        slowest = slowest.min(sample(server, row, &load)?.per_second);
    }
    // There are many rows: each has half of the usual time.
    load.requests = effort.requests(slowest / 2.0);
    let mut samples: [Vec<Sample>; 2] = Default::default();
    for round in 0..effort.rounds {
        // Every other round backwards, so that nobody always runs after the same one.
        for at in if round % 2 == 0 { [0, 1] } else { [1, 0] } {
            samples[at].push(sample(&servers[at], row, &load)?);
        }
    }
    Ok(samples)
}

/// One run over what is made anew for it.
fn sample(server: &Server, row: &Row, load: &Load) -> Result<Sample> {
    redis::cmd("FLUSHALL").query::<()>(&mut server.connect()?)?;
    if let Some((argv, share, least)) = row.fill {
        let requests = ((load.requests as f64 * share) as u64).max(least);
        let argv = argv.iter().map(|&word| word.to_owned()).collect();
        load::run(server, &Load { argv, pipeline: PIPELINE_FILL, requests, keys: row.keys })?;
    }
    load::run(server, load)
}

/// How many small collections of one kind.
const COLLECTIONS: u64 = 100_000;
/// Elements of each.
const ELEMENTS: u64 = 10;
/// For buffers of the filling to go back to the system.
const SETTLE: Duration = Duration::from_secs(3);

/// The kinds: a name, and the command that makes one.
const KINDS: [(&str, &str); 4] =
    [("hash", "HSET"), ("list", "RPUSH"), ("set", "SADD"), ("sorted set", "ZADD")];

/// In the order of the kinds.
pub const MEMORY_GOALS: &[Goal] = &[
    Goal {
        text: "resident bytes per key, 100k hashes of 10 fields and values of 10 B, against redis-server",
        at_most: 1.0,
    },
    Goal {
        text: "resident bytes per key, 100k lists of 10 elements of 10 B, against redis-server",
        at_most: 1.0,
    },
    Goal {
        text: "resident bytes per key, 100k sets of 10 members of 10 B, against redis-server",
        at_most: 1.0,
    },
    Goal {
        text: "resident bytes per key, 100k sorted sets of 10 members of 10 B, against redis-server",
        at_most: 1.0,
    },
];

/// Both servers, just started for each kind.
pub fn memory(programs: &Programs, _effort: Effort) -> Result<Finding> {
    let (mut today, mut text) =
        (Vec::new(), String::from("Resident bytes per key, servers just started:\n\n"));
    for (name, command) in KINDS {
        let ours = bytes_per_key(&programs.sandkey, command)?;
        let theirs = bytes_per_key(&programs.redis, command)?;
        today.push(ours / theirs);
        text += &format!("- {name}: Sandkey {ours:.1}, redis-server {theirs:.1}\n");
    }
    Ok(Finding { today, text })
}

fn bytes_per_key(program: &Path, command: &str) -> Result<f64> {
    let server = Server::start(program, &[])?;
    sleep(SETTLE);
    let before = server.resident()?;
    let mut connection = server.connect()?;
    for batch in 0..COLLECTIONS / 1000 {
        let mut pipe = redis::pipe();
        for number in batch * 1000..(batch + 1) * 1000 {
            let mut one = redis::cmd(command);
            one.arg(load::key(number));
            for element in 0..ELEMENTS {
                // As long as they are to be, and no numbers, which take less in a list.
                let text = format!("element {:02}", element);
                match command {
                    "HSET" => one.arg(&text).arg(&text),
                    "ZADD" => one.arg(element).arg(&text),
                    _ => one.arg(&text),
                };
            }
            pipe.add_command(one).ignore();
        }
        pipe.query::<()>(&mut connection)?;
    }
    drop(connection);
    sleep(SETTLE);
    Ok(server.resident()?.saturating_sub(before) as f64 / COLLECTIONS as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_goal_for_every_figure() {
        assert_eq!(COST_GOALS.len(), ROWS.len() * PIPELINES.len());
        for (at, (pipeline, at_most)) in PIPELINES.into_iter().enumerate() {
            for (row, goal) in ROWS.iter().zip(&COST_GOALS[at * ROWS.len()..]) {
                assert!(
                    goal.text.contains(row.name) && goal.text.contains(&format!("P{pipeline},")),
                    "{}",
                    goal.text
                );
                assert!((goal.at_most - at_most).abs() < f64::EPSILON);
            }
        }
        assert_eq!(MEMORY_GOALS.len(), KINDS.len());
    }
}
