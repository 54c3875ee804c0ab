//! The comparison, as a program: start the servers, measure, write the report. `cargo xtask bench` builds what it needs
//! and calls it; by itself it builds nothing.

use anyhow::{Context, Result, ensure};
use clap::Parser;
use sandkey_benches::measure::{Effort, Servers, measure};
use sandkey_benches::process::Server;
use sandkey_benches::report::{Results, markdown};
use sandkey_benches::{memory, throttle};
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
    /// Its module with the command HOSTILE.LOOP
    #[arg(long)]
    hostile_module: PathBuf,
    /// The same commands as the bench module's, for redis-server
    #[arg(long)]
    native_module: PathBuf,
    /// Where redis-server is
    #[arg(long, default_value = "redis-server")]
    redis: PathBuf,
    /// The file to write
    #[arg(long)]
    results: PathBuf,
    /// Two minutes instead of twenty
    #[arg(long)]
    quick: bool,
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
    let effort =
        if args.quick { Effort { rounds: 3, seconds: 0.4 } } else { Effort { rounds: 5, seconds: 2.0 } };
    let start = Instant::now();
    let sandkey = PathBuf::from(absolute(&args.sandkey)?);

    eprintln!("── memory");
    let memory = (memory::bytes_per_key(&sandkey)?, memory::bytes_per_key(&args.redis)?);
    eprintln!("── beside a looping module");
    let (bench, hostile) = (absolute(&args.bench_module)?, absolute(&args.hostile_module)?);
    // Twenty minutes of other figures are not thrown away for this one; the report says what happened.
    let throttle = throttle::experiment(&sandkey, &bench, &hostile, effort);
    eprintln!("── CPU, requests per second and latency");
    let samples = {
        let servers = Servers {
            sandkey: Server::start(&sandkey, &["--loadmodule", &bench])?,
            redis: Server::start(&args.redis, &["--loadmodule", &absolute(&args.native_module)?])?,
        };
        measure(&servers, effort)?
    };

    let versions = vec![
        version(&sandkey, "--version"),
        version(&args.redis, "--version"),
        version(Path::new("rustc"), "-V"),
    ];
    let report = markdown(&Results { effort, samples, memory, throttle, versions });
    std::fs::write(&args.results, report)
        .with_context(|| format!("cannot write {}", args.results.display()))?;
    eprintln!("── {:.0} s in all", start.elapsed().as_secs_f64());
    Ok(())
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
