//! The report: the table of what was to be reached first, then every series, then on what it was measured.

use crate::load::{CLIENTS, KEYS, Sample};
use crate::measure::{Effort, Samples};
use crate::plan::{Cell, MEMORY_AT_MOST, PHASES, PIPELINES, THROTTLE_AT_MOST, goals};
use crate::stats::{median, range, ratio};
use crate::throttle::{self, Answers, Outcome};
use std::fmt::Write as _;
use std::process::Command;

/// Everything that was measured.
#[derive(Debug)]
pub struct Results {
    /// How much.
    pub effort: Effort,
    /// Every series.
    pub samples: Samples,
    /// Resident bytes per key: Sandkey's, redis-server's.
    pub memory: (f64, f64),
    /// Beside a looping module, or why that was not measured.
    pub throttle: anyhow::Result<Outcome>,
    /// What the servers say of themselves.
    pub versions: Vec<String>,
}

/// benches/RESULTS.md.
pub fn markdown(results: &Results) -> String {
    [head(results), reached(results), series(results), memory(results), beside(results), machine(results)]
        .concat()
}

fn head(results: &Results) -> String {
    format!(
        "# Figures\n\n\
         Written by `cargo xtask bench` on {}: {} rounds of about {} s a sample, all peers in turns, {CLIENTS} connections, \
         {KEYS} random keys; redis-benchmark on the same machine is the load. CPU is what the server's threads used, user and \
         system, for each request. A ratio is the median of the rounds' ratios; less is better.\n",
        today(),
        results.effort.rounds,
        results.effort.seconds,
    )
}

fn reached(results: &Results) -> String {
    let mut text = "\n## What was to be reached\n\n| | today | at most | |\n|---|--:|--:|---|\n".to_owned();
    let mut row = |what: &str, today: f64, at_most: f64| {
        // NaN, for want of samples, is no success.
        let verdict = if today <= at_most { "pass" } else { "**miss**" };
        let _ = writeln!(text, "| {what} | {today:.2} | {at_most:.2} | {verdict} |");
    };
    for goal in goals() {
        let cpu = |cell: Cell| cpu(results.samples.get(&cell).map_or(&[][..], Vec::as_slice));
        let what = format!("server CPU per request: {}", goal.text());
        row(&what, ratio(&cpu(goal.ours()), &cpu(goal.theirs())), goal.at_most);
    }
    let (ours, theirs) = results.memory;
    row(
        "resident bytes per key, 1M keys with 16 B values, against redis-server",
        ours / theirs,
        MEMORY_AT_MOST,
    );
    let throttle =
        results.throttle.as_ref().map_or(f64::NAN, |outcome| ratio(&outcome.beside_ms, &outcome.alone_ms));
    row("p99 of GET beside a throttled, looping module, against without it", throttle, THROTTLE_AT_MOST);
    text
}

fn cpu(samples: &[Sample]) -> Vec<f64> {
    samples.iter().map(|sample| sample.cpu_us).collect()
}

fn series(results: &Results) -> String {
    let mut text = "\n## All series\n\nMedians, with the smallest and the largest CPU figure of the rounds. Latency is of a \
                    whole batch of the pipeline.\n"
        .to_owned();
    for phase in PHASES {
        for &question in phase.questions {
            let _ = write!(
                text,
                "\n### {}, {}\n\n| | pipeline | CPU µs per request | range | requests per s | p50 ms | p99 ms |\n\
                 |---|--:|--:|--:|--:|--:|--:|\n",
                question.name(),
                phase.values.name()
            );
            for pipeline in PIPELINES {
                for &peer in question.peers() {
                    let cell = Cell { values: phase.values, question, pipeline, peer };
                    text.push_str(&line(cell, results.samples.get(&cell).map_or(&[][..], Vec::as_slice)));
                }
            }
        }
    }
    text
}

fn line(cell: Cell, samples: &[Sample]) -> String {
    let of = |figure: fn(&Sample) -> f64| median(&samples.iter().map(figure).collect::<Vec<_>>());
    let (low, high) = range(&cpu(samples));
    format!(
        "| {} | {} | {:.3} | {low:.3} to {high:.3} | {:.0} | {:.3} | {:.3} |\n",
        cell.peer.name(),
        cell.pipeline,
        of(|sample| sample.cpu_us),
        of(|sample| sample.per_second),
        of(|sample| sample.p50_ms),
        of(|sample| sample.p99_ms),
    )
}

fn memory(results: &Results) -> String {
    format!(
        "\n## Memory\n\nResident bytes per key, {KEYS} keys of 16 B with values of 16 B, servers just started: Sandkey {:.1}, \
         redis-server {:.1}.\n",
        results.memory.0, results.memory.1
    )
}

fn beside(results: &Results) -> String {
    const HEAD: &str = "\n## Beside a looping module\n\n";
    let outcome = match &results.throttle {
        Ok(outcome) => outcome,
        Err(error) => return format!("{HEAD}Not measured: {error:#}.\n"),
    };
    let answers = |answers: &Answers| {
        let Answers { finished, out_of_fuel, refused } = answers;
        format!("finished {finished} times, ran out of fuel {out_of_fuel} times, was refused {refused} times")
    };
    format!(
        "{HEAD}GET on {CLIENTS} connections without a pipeline, while two more connections call commands that loop, each \
         of a module that is limited to FUEL {} a call and RATE {} a second. p99: {:.3} ms without them, {:.3} ms with them \
         (medians). In {:.1} s the loop that ends within its fuel {}; the one that never ends {}.\n",
        throttle::FUEL,
        throttle::RATE,
        median(&outcome.alone_ms),
        median(&outcome.beside_ms),
        outcome.time.as_secs_f64(),
        answers(&outcome.spin),
        answers(&outcome.endless),
    )
}

fn machine(results: &Results) -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let mut text = format!(
        "\n## Machine\n\n- {}, {cores} cores, {} of memory, Linux {}\n",
        from_file("/proc/cpuinfo", "model name").unwrap_or_else(|| "a processor without a name".to_owned()),
        from_file("/proc/meminfo", "MemTotal").unwrap_or_default(),
        std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim(),
    );
    for version in &results.versions {
        let _ = writeln!(text, "- {version}");
    }
    text
}

/// The value behind a name in one of the kernel's files.
fn from_file(path: &str, name: &str) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.trim_start_matches([' ', '\t', ':']).trim().to_owned())
}

fn today() -> String {
    let output = Command::new("date").args(["-u", "+%Y-%m-%d"]).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Peer;

    fn sample(cpu_us: f64) -> Sample {
        Sample { cpu_us, per_second: 1e5, p50_ms: 0.2, p99_ms: 0.9 }
    }

    /// Ours costs 0.4 of theirs everywhere, and there is no native module.
    fn results() -> Results {
        let mut samples = Samples::new();
        for goal in goals().iter().filter(|goal| goal.against != Peer::RedisModule) {
            samples.insert(goal.ours(), vec![sample(0.4), sample(0.8), sample(0.4)]);
            samples.insert(goal.theirs(), vec![sample(1.0), sample(2.0), sample(1.0)]);
        }
        let throttle = Outcome { alone_ms: vec![1.0], beside_ms: vec![1.6], ..Outcome::default() };
        let effort = Effort { rounds: 3, seconds: 1.0 };
        Results {
            effort,
            samples,
            memory: (90.0, 100.0),
            throttle: Ok(throttle),
            versions: vec!["a server".to_owned()],
        }
    }

    #[test]
    fn a_miss_is_called_one() {
        let text = markdown(&results());
        let row = |start: &str| text.lines().find(|line| line.contains(start)).unwrap_or_default().to_owned();
        assert!(row("GET, 3 B, at P16").ends_with("| 0.40 | 0.45 | pass |"), "{text}");
        assert!(row("GET, 3 B, at P64").ends_with("| 0.40 | 0.30 | **miss** |"), "{text}");
        assert!(row("no-op").ends_with("| NaN | 1.00 | **miss** |"), "{text}");
        assert!(row("resident bytes per key, 1M").ends_with("| 0.90 | 0.90 | pass |"), "{text}");
        assert!(row("p99 of GET").ends_with("| 1.60 | 1.50 | **miss** |"), "{text}");
    }
}
