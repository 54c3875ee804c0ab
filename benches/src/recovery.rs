//! What a trap costs whoever comes next: the module's instance is lost, and a command on a value of a megabyte waits for a
//! new instance, for the value to be loaded from its bytes and for its journal to be replayed. Between two traps the value
//! is written to, so the journals that are met are of all lengths.

use crate::experiments::{Finding, Programs};
use crate::measure::Effort;
use crate::process::Server;
use crate::stats::{median, range};
use anyhow::{Result, ensure};
use std::time::Instant;

/// The value.
const KEY: &str = "series";
/// Its points at first: 19 bytes each are a megabyte.
const POINTS: u64 = 55_200;
/// Later than the points that are there at first.
const LATER: u64 = 2_000_000_000_000;
/// Commands between two traps. They fill the longest journal that there may be in some ten traps, and not at the same place
/// each time.
const WRITES: u64 = 593;
/// Traps.
const TRAPS: (u64, u64) = (60, 20);

/// One trap after the other.
pub fn experiment(programs: &Programs, effort: Effort) -> Result<Finding> {
    let args = ["--enable-module-command", "local", "--loadmodule", &programs.values];
    let server = Server::start(&programs.sandkey, &args)?;
    let mut client = server.connect()?;
    redis::cmd("BENCH.FILL").arg(KEY).arg(POINTS).query::<()>(&mut client)?;
    let (mut recovered_ms, mut plain_ms, mut journals) = (Vec::new(), Vec::new(), Vec::new());
    let mut points = POINTS;
    for _ in 0..effort.of(TRAPS.0, TRAPS.1) {
        let mut pipe = redis::Pipeline::with_capacity(WRITES as usize);
        for _ in 0..WRITES {
            pipe.add_command(insert(points)).ignore();
            points += 1;
        }
        pipe.query::<()>(&mut client)?;
        plain_ms.push(timed(&mut client, &mut points)?);
        journals.push(journal_kb(&mut client)?);
        let trapped = redis::cmd("BENCH.TRAP").query::<redis::Value>(&mut client);
        ensure!(trapped.is_err(), "BENCH.TRAP answers {trapped:?}");
        recovered_ms.push(timed(&mut client, &mut points)?);
    }
    let (shortest, longest) = range(&recovered_ms);
    let (_, longest_kb) = range(&journals);
    let text = format!(
        "A series of {POINTS} points and more, a megabyte once saved, is written to; then another command of its module ends in a \
         trap, and the time until the next BENCH.INSERT is answered is taken, {} times. Median {:.2} ms, from {shortest:.2} to \
         {longest:.2} ms; the journals to replay had {:.0} kB (median), {longest_kb:.0} kB at the most. The same command before \
         the trap: {:.3} ms. No point was lost.\n",
        recovered_ms.len(),
        median(&recovered_ms),
        median(&journals),
        median(&plain_ms),
    );
    Ok(Finding { today: vec![median(&recovered_ms)], text })
}

/// A command that puts in one more point.
fn insert(points: u64) -> redis::Cmd {
    let mut command = redis::cmd("BENCH.INSERT");
    command.arg(KEY).arg(LATER + points).arg("21.5");
    command
}

/// How long such a command takes, and whether every point from before is there.
fn timed(client: &mut redis::Connection, points: &mut u64) -> Result<f64> {
    let start = Instant::now();
    let found: u64 = insert(*points).query(client)?;
    let ms = start.elapsed().as_secs_f64() * 1e3;
    *points += 1;
    ensure!(found == *points, "{found} points instead of {points}");
    Ok(ms)
}

/// Bytes in journals, in kB.
fn journal_kb(client: &mut redis::Connection) -> Result<f64> {
    let info: redis::InfoDict = redis::cmd("INFO").arg("memory").query(client)?;
    Ok(info.get::<f64>("module_values_journal_bytes").unwrap_or(f64::NAN) / 1e3)
}
