//! What clients notice of BGSAVE: a client that reads and writes keys, one request after the other, notes the longest time that
//! it waited for an answer. Beside it, the same client while nothing is saved, and while another program keeps one core
//! busy: on few cores that is what the system alone makes of one more thread that works. For the same reason it is told how
//! much of a wait is left without the time in which the client itself waited for a core, which is no fault of the server;
//! the goal is about all of it.
//!
//! Twice: with many keys, and with one value of a module that is large. To that one the client writes as well, now and then.

use crate::experiments::{Finding, Programs};
use crate::folder::Folder;
use crate::load::{fill, key};
use crate::measure::Effort;
use crate::process::Server;
use crate::stats::{median, range};
use anyhow::{Context, Result, bail, ensure};
use std::fmt::Write as _;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

/// Keys of the first part.
const MANY: (u64, u64) = (5_000_000, 500_000);
/// Points of the large value of the second: 19 bytes each are 200 MB.
const POINTS: (u64, u64) = (10_600_000, 1_060_000);
/// Keys beside it.
const BESIDE: u64 = 200_000;
/// The value of every key.
const VALUE: &[u8; 16] = b"sixteen letters!";
/// The large value.
const LARGE: &str = "series";
/// How often the large value is written to: so seldom that its journal is not full before the end.
const LARGE_STEP: Duration = Duration::from_millis(50);
/// Writes that fill it.
const FILLING: u64 = 10_000;
/// Later than the points that are there at first.
const LATER: u64 = 2_000_000_000_000;
/// Rounds at the most: a snapshot of everything is no short sample.
const ROUNDS: usize = 3;
/// How often it is asked whether the snapshot is finished.
const STEP: Duration = Duration::from_millis(20);
/// Before and after it, so that its beginning and its end are seen.
const MARGIN: Duration = Duration::from_millis(200);
/// A snapshot that takes longer hangs.
const SAVE_MAX: Duration = Duration::from_secs(300);

/// Both parts.
pub fn experiment(programs: &Programs, effort: Effort) -> Result<Finding> {
    let many = many_keys(programs, effort).context("with many keys")?;
    let (large, fold_ms) = large_value(programs, effort).context("with a large value")?;
    let mut text = format!(
        "One client sends GET and SET of random keys, one after the other, and notes how long each answer takes. \"Busy\" is \
         another program that keeps one core busy for as long; the median of {} rounds, and the worst. \"Server's part\" is the longest \
         without the time in which the client itself waited for a core.\n\n\
         | | longest stop, ms | worst | server's part | p99.9, ms | over 5 ms | requests | seconds |\n\
         |---|--:|--:|--:|--:|--:|--:|--:|\n",
        many.saving.len()
    );
    let _ = write!(
        text,
        "{}{}",
        many.rows(&format!("{} keys", effort.of(MANY.0, MANY.1))),
        large.rows(&format!("a module value of {} points", effort.of(POINTS.0, POINTS.1)))
    );
    let _ = write!(
        text,
        "\nWithout any snapshot, the longest of {FILLING} writes to the large value took {fold_ms:.0} ms: its journal is full then, and \
         it is saved whole.\n"
    );
    Ok(Finding { today: vec![many.longest(), large.longest()], text })
}

fn many_keys(programs: &Programs, effort: Effort) -> Result<Visits> {
    let keys = effort.of(MANY.0, MANY.1);
    let folder = Folder::new("bgsave")?;
    let server = Server::start_in(&folder, &programs.sandkey, &["--appendonly", "no"])?;
    fill(&server, keys, VALUE)?;
    rounds(&server, keys, false, effort)
}

/// The visits, and what it takes to write to the value when its journal is full, in ms.
fn large_value(programs: &Programs, effort: Effort) -> Result<(Visits, f64)> {
    let folder = Folder::new("bgsave")?;
    let args = ["--appendonly", "no", "--enable-module-command", "local", "--loadmodule", &programs.values];
    let server = Server::start_in(&folder, &programs.sandkey, &args)?;
    fill(&server, BESIDE, VALUE)?;
    let mut admin = server.connect()?;
    // Filling it is one long command.
    redis::cmd("MODULE")
        .arg(&["LIMITS", "bench-values", "MEMORY", "3gb", "FUEL", "1000000000000"])
        .query::<()>(&mut admin)?;
    redis::cmd("BENCH.FILL").arg(LARGE).arg(effort.of(POINTS.0, POINTS.1)).query::<()>(&mut admin)?;
    let visits = rounds(&server, BESIDE, true, effort)?;
    let mut longest = Duration::ZERO;
    for number in 0..FILLING {
        let start = Instant::now();
        insert(2 * LATER + number).query::<redis::Value>(&mut admin)?;
        longest = longest.max(start.elapsed());
    }
    Ok((visits, longest.as_secs_f64() * 1e3))
}

/// A write to the large value.
fn insert(at: u64) -> redis::Cmd {
    let mut command = redis::cmd("BENCH.INSERT");
    command.arg(LARGE).arg(at).arg("21.5");
    command
}

/// All visits, one of each kind a round.
#[derive(Default)]
struct Visits {
    saving: Vec<Visit>,
    busy: Vec<Visit>,
    quiet: Vec<Visit>,
}

/// What a client saw.
struct Visit {
    longest_ms: f64,
    servers_ms: f64,
    p999_ms: f64,
    over: usize,
    requests: usize,
    seconds: f64,
}

fn rounds(server: &Server, keys: u64, large: bool, effort: Effort) -> Result<Visits> {
    let mut visits = Visits::default();
    let mut client = Client { connection: server.connect()?, keys, large, dice: 1, points: 0 };
    for round in 0..effort.rounds.min(ROUNDS) {
        eprintln!("   round {} of {}", round + 1, effort.rounds.min(ROUNDS));
        let saving = client.visit_during(|| save(server))?;
        let time = Duration::from_secs_f64(saving.seconds);
        visits.saving.push(saving);
        visits.busy.push(client.visit_during(|| work(time))?);
        visits.quiet.push(client.visit_during(|| pause(time))?);
    }
    Ok(visits)
}

/// Save, and wait for the end of it.
fn save(server: &Server) -> Result<()> {
    let mut admin = server.connect()?;
    sleep(MARGIN);
    redis::cmd("BGSAVE").query::<redis::Value>(&mut admin)?;
    let start = Instant::now();
    loop {
        sleep(STEP);
        let info: redis::InfoDict = redis::cmd("INFO").arg("persistence").query(&mut admin)?;
        if info.get::<u64>("rdb_bgsave_in_progress") == Some(0) {
            let status: Option<String> = info.get("rdb_last_bgsave_status");
            ensure!(status.as_deref() == Some("ok"), "the snapshot failed");
            break;
        }
        if start.elapsed() > SAVE_MAX {
            bail!("the snapshot is not finished after {} s", SAVE_MAX.as_secs());
        }
    }
    sleep(MARGIN);
    Ok(())
}

/// Do nothing.
#[expect(clippy::unnecessary_wraps, reason = "it stands for what may fail")]
fn pause(time: Duration) -> Result<()> {
    sleep(time);
    Ok(())
}

/// Keep a core busy.
#[expect(clippy::unnecessary_wraps, reason = "it stands for what may fail")]
fn work(time: Duration) -> Result<()> {
    let start = Instant::now();
    let mut sum = 0u64;
    while start.elapsed() < time {
        for step in 0..10_000 {
            sum = std::hint::black_box(sum.rotate_left(5) ^ step);
        }
    }
    Ok(())
}

/// Whoever waits for answers.
struct Client {
    connection: redis::Connection,
    keys: u64,
    /// Whether the large value is visited as well.
    large: bool,
    dice: u64,
    points: u64,
}

impl Client {
    /// Send requests for as long as that takes.
    fn visit_during(&mut self, action: impl FnOnce() -> Result<()>) -> Result<Visit> {
        let stop = AtomicBool::new(false);
        scope(|scope| {
            let visit = scope.spawn(|| self.visit(&stop));
            let done = action();
            stop.store(true, Ordering::Relaxed);
            let visit = visit.join().map_err(|_| anyhow::anyhow!("the client panicked"))?;
            done?;
            visit
        })
    }

    fn visit(&mut self, stop: &AtomicBool) -> Result<Visit> {
        let start = Instant::now();
        let mut next_large = start;
        let mut waits = Waits { us: Vec::new(), longest: None, servers_us: 0, idle: Idle::of_this_thread() };
        while !stop.load(Ordering::Relaxed) {
            let name = key(self.random() % self.keys);
            self.send(redis::cmd("GET").arg(&name), &mut waits)?;
            self.send(redis::cmd("SET").arg(&name).arg(VALUE), &mut waits)?;
            if self.large && Instant::now() > next_large {
                next_large = Instant::now() + LARGE_STEP;
                self.points += 1;
                self.send(&insert(LATER + self.points), &mut waits)?;
            }
        }
        if let Some((us, when)) = waits.longest {
            // For whoever looks for the reason.
            eprintln!(
                "   longest {:.2} ms, {:.2} s after the start",
                f64::from(us) / 1e3,
                (when - start).as_secs_f64()
            );
        }
        Visit::new(waits, start.elapsed())
    }

    fn send(&mut self, command: &redis::Cmd, waits: &mut Waits) -> Result<()> {
        let (start, idle) = (Instant::now(), waits.idle.us());
        command.query::<redis::Value>(&mut self.connection)?;
        let all = u32::try_from(start.elapsed().as_micros()).unwrap_or(u32::MAX);
        waits.us.push(all);
        if waits.longest.is_none_or(|(longest, _)| all > longest) {
            waits.longest = Some((all, start));
        }
        let own = u32::try_from(waits.idle.us() - idle).unwrap_or(u32::MAX);
        waits.servers_us = waits.servers_us.max(all.saturating_sub(own));
        Ok(())
    }

    /// A number that looks random: xorshift, by Marsaglia.
    fn random(&mut self) -> u64 {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        self.dice
    }
}

/// How long answers took.
struct Waits {
    us: Vec<u32>,
    /// The longest, and when it began.
    longest: Option<(u32, Instant)>,
    /// The longest, without the time in which the client itself waited for a core.
    servers_us: u32,
    idle: Idle,
}

/// How long a thread has been ready to run and had no core: the kernel's account.
struct Idle(Option<File>);

impl Idle {
    fn of_this_thread() -> Idle {
        Idle(File::open("/proc/thread-self/schedstat").ok())
    }

    /// So far. A kernel that does not count it has 0.
    fn us(&self) -> u64 {
        let mut text = [0; 64];
        let Some(read) = self.0.as_ref().and_then(|file| file.read_at(&mut text, 0).ok()) else { return 0 };
        let text = str::from_utf8(&text[..read]).unwrap_or_default();
        text.split(' ').nth(1).and_then(|ns| ns.parse::<u64>().ok()).unwrap_or(0) / 1000
    }
}

impl Visit {
    fn new(waits: Waits, time: Duration) -> Result<Visit> {
        let Waits { us: mut waits_us, servers_us, .. } = waits;
        waits_us.sort_unstable();
        let ms = |at: usize| waits_us.get(at).map(|&us| f64::from(us) / 1e3);
        let requests = waits_us.len();
        Ok(Visit {
            longest_ms: ms(requests.saturating_sub(1)).context("no request was answered")?,
            servers_ms: f64::from(servers_us) / 1e3,
            p999_ms: ms(requests * 999 / 1000).context("no request was answered")?,
            over: waits_us.iter().filter(|&&us| us > 5_000).count(),
            requests,
            seconds: time.as_secs_f64(),
        })
    }
}

impl Visits {
    /// The figure for the goal.
    fn longest(&self) -> f64 {
        of(&self.saving, |visit| visit.longest_ms)
    }

    fn rows(&self, what: &str) -> String {
        let mut text = String::new();
        for (beside, visits) in [("BGSAVE", &self.saving), ("busy", &self.busy), ("nothing", &self.quiet)] {
            let worst = range(&visits.iter().map(|visit| visit.longest_ms).collect::<Vec<_>>()).1;
            let _ = writeln!(
                text,
                "| {what}, beside {beside} | {:.2} | {worst:.2} | {:.2} | {:.3} | {:.0} | {:.0} | {:.1} |",
                of(visits, |visit| visit.longest_ms),
                of(visits, |visit| visit.servers_ms),
                of(visits, |visit| visit.p999_ms),
                of(visits, |visit| visit.over as f64),
                of(visits, |visit| visit.requests as f64),
                of(visits, |visit| visit.seconds),
            );
        }
        text
    }
}

fn of(visits: &[Visit], figure: fn(&Visit) -> f64) -> f64 {
    median(&visits.iter().map(figure).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_wait_is_found() {
        let waits = |us| Waits { us, longest: None, servers_us: 6_000, idle: Idle(None) };
        let mut us = vec![100; 998];
        us.extend([5_001, 7_250]);
        let visit = Visit::new(waits(us), Duration::from_secs(2)).expect("there are requests");
        assert!((visit.longest_ms - 7.25).abs() < 1e-9 && (visit.p999_ms - 7.25).abs() < 1e-9);
        assert_eq!((visit.over, visit.requests), (2, 1000));
        assert!(Visit::new(waits(Vec::new()), Duration::ZERO).is_err());
    }
}
