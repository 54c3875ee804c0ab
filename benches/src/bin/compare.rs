//! The comparison, as a program: start the servers, measure, write the report. `cargo xtask bench` builds what it needs
//! and calls it; by itself it builds nothing.

use anyhow::{Context, Result, ensure};
use clap::Parser;
use sandkey_benches::experiments::{self, EXPERIMENTS, Programs, SERIES};
use sandkey_benches::measure::{Effort, Samples, Servers, measure};
use sandkey_benches::process::Server;
use sandkey_benches::report::{Results, markdown};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

#[derive(Parser)]
#[command(about = "Compare Sandkey with redis-server, native modules and Lua")]
struct Args {
    /// The server to measure
    #[arg(long)]
    sandkey: PathBuf,
    /// Its module with the commands BENCH.NOP, BENCH.INCR and BENCH.SPIN
    #[arg(long)]
    bench_module: PathBuf,
    /// Its module with a type and BENCH.INSERT
    #[arg(long)]
    values_module: PathBuf,
    /// Its module with the command HOSTILE.LOOP
    #[arg(long)]
    hostile_module: PathBuf,
    /// What the bench and values modules do, for redis-server
    #[arg(long)]
    native_module: PathBuf,
    /// Where redis-server is
    #[arg(long, default_value = "redis-server")]
    redis: PathBuf,
    /// The file to write
    #[arg(long)]
    results: PathBuf,
    /// Three minutes instead of twenty
    #[arg(long)]
    quick: bool,
    /// Only these, by commas: series, memory, small, collections, throttle, insert, recovery, bgsave, load, everysec
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
}

fn main() -> ExitCode {
    match compare(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("compare: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn compare(args: &Args) -> Result<()> {
    let effort = if args.quick {
        Effort { rounds: 3, seconds: 0.4, quick: true }
    } else {
        Effort { rounds: 5, seconds: 2.0, quick: false }
    };
    for name in &args.only {
        ensure!(experiments::is_known(name), "there is nothing of the name '{name}' to measure");
    }
    let is_wanted = |name: &str| args.only.is_empty() || args.only.iter().any(|wanted| wanted == name);
    let programs = Programs {
        sandkey: PathBuf::from(absolute(&args.sandkey)?),
        redis: args.redis.clone(),
        bench: absolute(&args.bench_module)?,
        values: absolute(&args.values_module)?,
        hostile: absolute(&args.hostile_module)?,
        native: absolute(&args.native_module)?,
    };
    let start = Instant::now();
    let samples = if is_wanted(SERIES) { Some(series(&programs, effort)?) } else { None };
    let mut findings = Vec::new();
    for experiment in EXPERIMENTS.iter().filter(|experiment| is_wanted(experiment.name)) {
        eprintln!("── {}", experiment.title);
        // Twenty minutes of other figures are not thrown away for this one; the report says what happened.
        let found = (experiment.run)(&programs, effort);
        if let Err(error) = &found {
            eprintln!("   not measured: {error:#}");
        }
        findings.push((experiment, found));
    }
    let versions = vec![
        version(&programs.sandkey, "--version"),
        version(&programs.redis, "--version"),
        version(Path::new("rustc"), "-V"),
    ];
    let report = markdown(&Results { effort, samples, findings, versions });
    std::fs::write(&args.results, report)
        .with_context(|| format!("cannot write {}", args.results.display()))?;
    eprintln!("── {:.0} s in all", start.elapsed().as_secs_f64());
    Ok(())
}

fn series(programs: &Programs, effort: Effort) -> Result<Samples> {
    eprintln!("── CPU, requests per second and latency");
    let servers = Servers {
        sandkey: Server::start(&programs.sandkey, &["--loadmodule", &programs.bench])?,
        redis: Server::start(&programs.redis, &["--loadmodule", &programs.native])?,
    };
    measure(&servers, effort)
}

/// For a server, which runs in a folder of its own.
fn absolute(path: &Path) -> Result<String> {
    ensure!(path.is_file(), "there is no {}", path.display());
    // Links stay as they are: a program may go by the name that it is called by.
    let path = std::path::absolute(path)?;
    Ok(path.to_str().with_context(|| format!("{} is not text", path.display()))?.to_owned())
}

/// The first line of what a program says of itself.
fn version(program: &Path, flag: &str) -> String {
    let output = Command::new(program).arg(flag).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    text.lines().next().unwrap_or("unknown").to_owned()
}
