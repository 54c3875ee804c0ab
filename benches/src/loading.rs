//! How long a start takes when there is a file to load: from the start of the process to its first answer to PING, and the CPU
//! time that all its threads have used until then. Both servers load the same file, which redis-server has made, in turns.
//! The file has been read before, so the disk has no part in it.

use crate::dataset;
use crate::experiments::{Finding, Programs};
use crate::folder::Folder;
use crate::measure::Effort;
use crate::process::Server;
use crate::stats::{median, range, ratio};
use anyhow::{Context, Result, ensure};
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

/// SAVE of everything takes some seconds.
const SAVE_MAX: Duration = Duration::from_secs(300);
/// Rounds at the most: a gigabyte is no short sample.
const ROUNDS: usize = 3;
/// Blocks of a quick run.
const BLOCKS_QUICK: u64 = dataset::GIGABYTE / 23;

/// What the starts of one server took.
#[derive(Default)]
struct Starts {
    seconds: Vec<f64>,
    cpu: Vec<f64>,
}

/// In turns.
pub fn experiment(programs: &Programs, effort: Effort) -> Result<Finding> {
    let folder = Folder::new("load")?;
    let blocks = effort.of(dataset::GIGABYTE, BLOCKS_QUICK);
    let (bytes, fingerprint) = make(&folder, programs, blocks).context("making the file")?;
    let sides = [&programs.sandkey, &programs.redis];
    let mut starts: [Starts; 2] = Default::default();
    let rounds = effort.rounds.min(ROUNDS);
    for round in 0..rounds {
        eprintln!("   round {} of {rounds}", round + 1);
        // Every other round backwards, so that nobody always runs after the same one.
        for at in if round % 2 == 0 { [0, 1] } else { [1, 0] } {
            let server = start(&folder, sides[at])?;
            starts[at].seconds.push(server.started_in().as_secs_f64());
            starts[at].cpu.push(server.cpu_in_ticks()?.as_secs_f64());
            check(&server, blocks, (round == 0).then_some(fingerprint.as_str()))?;
        }
    }
    let [ours, theirs] = &starts;
    let mut text = format!(
        "From the start of the process to its first answer to PING, and CPU time of all its threads, with a file of {:.3} GB \
         that redis-server has made: {} keys, {}. Both end with the same DEBUG DIGEST.\n\n\
         | | seconds | range | CPU s | range |\n|---|--:|--:|--:|--:|\n",
        bytes as f64 / 1e9,
        dataset::keys(blocks),
        dataset::WHAT
    );
    for (name, Starts { seconds, cpu }) in [("Sandkey", ours), ("redis-server", theirs)] {
        let ((low, high), (cpu_low, cpu_high)) = (range(seconds), range(cpu));
        let _ = writeln!(
            text,
            "| {name} | {:.2} | {low:.2} to {high:.2} | {:.2} | {cpu_low:.2} to {cpu_high:.2} |",
            median(seconds),
            median(cpu)
        );
    }
    Ok(Finding { today: vec![ratio(&ours.seconds, &theirs.seconds), ratio(&ours.cpu, &theirs.cpu)], text })
}

fn start(folder: &Path, program: &Path) -> Result<Server> {
    Server::start_in(folder, program, &["--appendonly", "no", "--enable-debug-command", "local"])
}

/// The file: its length, and the fingerprint of what is in it.
fn make(folder: &Path, programs: &Programs, blocks: u64) -> Result<(u64, String)> {
    let server = start(folder, &programs.redis)?;
    dataset::write(&server, blocks)?;
    let mut connection = server.connect()?;
    connection.set_read_timeout(Some(SAVE_MAX))?;
    redis::cmd("SAVE").query::<()>(&mut connection)?;
    let fingerprint = redis::cmd("DEBUG").arg("DIGEST").query(&mut connection)?;
    let file = folder.join("dump.rdb").metadata().context("there is no file after SAVE")?;
    Ok((file.len(), fingerprint))
}

/// Whether everything was loaded.
fn check(server: &Server, blocks: u64, fingerprint: Option<&str>) -> Result<()> {
    let mut connection = server.connect()?;
    let keys: u64 = redis::cmd("DBSIZE").query(&mut connection)?;
    ensure!(keys == dataset::keys(blocks), "{keys} keys were loaded instead of {}", dataset::keys(blocks));
    let Some(expected) = fingerprint else { return Ok(()) };
    connection.set_read_timeout(Some(SAVE_MAX))?;
    let found: String = redis::cmd("DEBUG").arg("DIGEST").query(&mut connection)?;
    ensure!(found == expected, "what was loaded has the fingerprint {found} instead of {expected}");
    Ok(())
}
