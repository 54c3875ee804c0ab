//! The report: the table of what was to be reached first, then every series, then on what it was measured.

use crate::experiments::{Experiment, Finding};
use crate::load::{CLIENTS, KEYS, Sample};
use crate::measure::{Effort, Samples};
use crate::plan::{Cell, PHASES, PIPELINES, goals};
use crate::stats::{cpu, median, range, ratio};
use anyhow::Result;
use std::fmt::Write as _;
use std::process::Command;

/// Everything that was measured.
pub struct Results {
    /// How much.
    pub effort: Effort,
    /// Every series, if they were asked for.
    pub samples: Option<Samples>,
    /// The experiments that were asked for: what came of each, or why it was not measured.
    pub findings: Vec<(&'static Experiment, Result<Finding>)>,
    /// What the servers say of themselves.
    pub versions: Vec<String>,
}

/// benches/RESULTS.md.
pub fn markdown(results: &Results) -> String {
    let series = results.samples.as_ref().map(series).unwrap_or_default();
    let findings: String =
        results.findings.iter().map(|(experiment, found)| section(experiment, found)).collect();
    [head(results), reached(results), series, findings, machine(results)].concat()
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
    if let Some(samples) = &results.samples {
        for goal in goals() {
            let cpu = |cell: Cell| cpu(samples.get(&cell).map_or(&[][..], Vec::as_slice));
            let what = format!("server CPU per request: {}", goal.text());
            row(&what, ratio(&cpu(goal.ours()), &cpu(goal.theirs())), goal.at_most);
        }
    }
    for (experiment, found) in &results.findings {
        for (at, goal) in experiment.goals.iter().enumerate() {
            let today = found.as_ref().ok().and_then(|finding| finding.today.get(at).copied());
            row(goal.text, today.unwrap_or(f64::NAN), goal.at_most);
        }
    }
    text
}

fn series(samples: &Samples) -> String {
    let mut text = "\n## All series\n\nMedians, with the smallest and the largest CPU figure of the rounds. Latency is of a \
                    whole batch of the pipeline.\n"
        .to_owned();
    for phase in PHASES {
        for &question in phase.questions {
            let _ = write!(text, "\n### {}, {}\n\n", question.name(), phase.values.name());
            let cells = PIPELINES.iter().flat_map(|&pipeline| {
                let cell = move |&peer| Cell { values: phase.values, question, pipeline, peer };
                question.peers().iter().map(cell)
            });
            text.push_str(&table(cells.map(|cell| {
                (cell.peer.name(), cell.pipeline, samples.get(&cell).map_or(&[][..], Vec::as_slice))
            })));
        }
    }
    text
}

/// A table of series: who answered, how deep the pipeline was, and the samples.
pub fn table<'a>(rows: impl Iterator<Item = (&'a str, u32, &'a [Sample])>) -> String {
    let mut text = "| | pipeline | CPU µs per request | range | requests per s | p50 ms | p99 ms |\n\
                    |---|--:|--:|--:|--:|--:|--:|\n"
        .to_owned();
    for (name, pipeline, samples) in rows {
        let of = |figure: fn(&Sample) -> f64| median(&samples.iter().map(figure).collect::<Vec<_>>());
        let (low, high) = range(&cpu(samples));
        let _ = writeln!(
            text,
            "| {name} | {pipeline} | {:.3} | {low:.3} to {high:.3} | {:.0} | {:.3} | {:.3} |",
            of(|sample| sample.cpu_us),
            of(|sample| sample.per_second),
            of(|sample| sample.p50_ms),
            of(|sample| sample.p99_ms),
        );
    }
    text
}

fn section(experiment: &Experiment, found: &Result<Finding>) -> String {
    let text = match found {
        Ok(finding) => finding.text.clone(),
        Err(error) => format!("Not measured: {error:#}.\n"),
    };
    format!("\n## {}\n\n{text}", experiment.title)
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
    use crate::experiments::EXPERIMENTS;
    use crate::plan::Peer;

    fn sample(cpu_us: f64) -> Sample {
        Sample { cpu_us, per_second: 1e5, p50_ms: 0.2, p99_ms: 0.9 }
    }

    /// Ours costs 0.4 of theirs everywhere, there is no native module, and one experiment failed.
    fn results() -> Results {
        let mut samples = Samples::new();
        for goal in goals().iter().filter(|goal| goal.against != Peer::RedisModule) {
            samples.insert(goal.ours(), vec![sample(0.4), sample(0.8), sample(0.4)]);
            samples.insert(goal.theirs(), vec![sample(1.0), sample(2.0), sample(1.0)]);
        }
        let findings = EXPERIMENTS.iter().map(|experiment| {
            let today: Vec<f64> = experiment.goals.iter().map(|goal| goal.at_most).collect();
            let finding = Finding { today, text: "It was so.\n".to_owned() };
            let failed = experiment.name == "throttle";
            (experiment, if failed { Err(anyhow::anyhow!("no loop")) } else { Ok(finding) })
        });
        Results {
            effort: Effort { rounds: 3, seconds: 1.0, quick: false },
            samples: Some(samples),
            findings: findings.collect(),
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
        assert!(row("p99 of GET").ends_with("| NaN | 1.50 | **miss** |"), "{text}");
        assert!(text.contains("## Memory\n\nIt was so.\n\n## "), "{text}");
        assert!(
            text.contains("It was so.\n\n## Beside a looping module\n\nNot measured: no loop.\n"),
            "{text}"
        );
    }
}
