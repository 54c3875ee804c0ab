//! What it costs to change a value of a module's own type: a point is put into a sorted series of some hundred, one series
//! under each of 10,000 keys. A native module does the same with the same collection; its object is the value, while ours
//! is a cache beside bytes and a journal.
//!
//! What of that is the journal's is found by leaving it out: DEBUG MODULE-JOURNAL 0 has the server neither append to a
//! journal nor fold one. The same server runs with it and without it in turns, so that nothing else differs. Every sample
//! begins with the same series.

use crate::experiments::{Finding, Programs};
use crate::load::{self, ANY_KEY, Load, Sample};
use crate::measure::Effort;
use crate::process::Server;
use crate::report;
use crate::stats::{cpu, median, ratio};
use anyhow::{Context, Result, ensure};

/// Different series.
const KEYS: u64 = 10_000;
/// Points in each when a sample begins, on the average; and for a quick run.
const POINTS: (u64, u64) = (100, 25);
/// Commands that are sent before a reply is waited for.
const PIPELINE: u32 = 16;
/// The same while there is nothing to measure.
const PIPELINE_FILL: u32 = 64;
/// Room for all series. The default is for modules that keep less.
const MEMORY: &str = "2gb";

/// Who inserts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Sandkey,
    WithoutJournal,
    Redis,
}

const SIDES: [Side; 3] = [Side::Sandkey, Side::WithoutJournal, Side::Redis];

impl Side {
    fn name(self) -> &'static str {
        match self {
            Side::Sandkey => "Sandkey, wasm module",
            Side::WithoutJournal => "the same without the journal",
            Side::Redis => "redis-server, native .so",
        }
    }
}

struct Servers {
    sandkey: Server,
    redis: Server,
    /// How the series are made anew.
    fill: Load,
}

/// Both goals: they share their samples.
pub fn experiment(programs: &Programs, effort: Effort) -> Result<Finding> {
    let servers = start(programs, effort)?;
    let mut load = insert(PIPELINE, 0);
    load.requests = calibrate(&servers, effort)?;
    let mut samples: [Vec<Sample>; 3] = Default::default();
    for round in 0..effort.rounds {
        eprintln!("   round {} of {}", round + 1, effort.rounds);
        let mut order = [0, 1, 2];
        // So that nobody always runs after the same one.
        order.rotate_left(round % 3);
        for at in order {
            samples[at].push(servers.sample(SIDES[at], &load)?);
        }
    }
    let [ours, without, theirs] = samples.each_ref().map(|samples| cpu(samples));
    let shares: Vec<f64> = ours.iter().zip(&without).map(|(ours, without)| 1.0 - without / ours).collect();
    let rows = SIDES.iter().zip(&samples).map(|(side, samples)| (side.name(), PIPELINE, samples.as_slice()));
    let text = format!(
        "BENCH.INSERT puts a point into one of {KEYS} series, which have {} points each when a sample begins; {} requests a \
         sample. \"Without the journal\" is the same server after DEBUG MODULE-JOURNAL 0; the share is the median of the \
         rounds' shares.\n\n{}",
        effort.of(POINTS.0, POINTS.1),
        load.requests,
        report::table(rows)
    );
    Ok(Finding { today: vec![ratio(&ours, &theirs), median(&shares)], text })
}

fn start(programs: &Programs, effort: Effort) -> Result<Servers> {
    let admin = ["--enable-module-command", "local", "--enable-debug-command", "local"];
    let sandkey =
        Server::start(&programs.sandkey, &[&admin[..], &["--loadmodule", &programs.values]].concat())?;
    let redis = Server::start(&programs.redis, &["--loadmodule", &programs.native])?;
    redis::cmd("MODULE")
        .arg(&["LIMITS", "bench-values", "MEMORY", MEMORY])
        .query::<()>(&mut sandkey.connect()?)
        .context("setting the limits of bench-values")?;
    let fill = insert(PIPELINE_FILL, KEYS * effort.of(POINTS.0, POINTS.1));
    let servers = Servers { sandkey, redis, fill };
    for side in SIDES {
        servers.agree(side).context(side.name())?;
    }
    Ok(servers)
}

fn insert(pipeline: u32, requests: u64) -> Load {
    // A digit in front makes a time of ms in our days out of redis-benchmark's number.
    let argv = ["BENCH.INSERT", ANY_KEY, "1__rand_int__", "21.5"].map(str::to_owned).to_vec();
    Load { argv, pipeline, requests, keys: KEYS }
}

/// All sides get the same number of requests, so that their series grow alike: what the slower ones do in the time that is
/// wanted.
fn calibrate(servers: &Servers, effort: Effort) -> Result<u64> {
    let warm_up = insert(PIPELINE, effort.of(400_000, 100_000));
    let mut slowest = f64::INFINITY;
    for side in SIDES {
        slowest = slowest.min(servers.sample(side, &warm_up)?.per_second);
    }
    Ok(effort.requests(slowest))
}

impl Servers {
    fn of(&self, side: Side) -> &Server {
        if side == Side::Redis { &self.redis } else { &self.sandkey }
    }

    fn sample(&self, side: Side, load: &Load) -> Result<Sample> {
        self.empty(side)?;
        load::run(self.of(side), &self.fill)?;
        load::run(self.of(side), load)
    }

    /// Nothing is there, and the journal is kept or not.
    fn empty(&self, side: Side) -> Result<()> {
        let mut connection = self.of(side).connect()?;
        redis::cmd("FLUSHALL").query::<()>(&mut connection)?;
        if side != Side::Redis {
            let keeps = if side == Side::Sandkey { "1" } else { "0" };
            redis::cmd("DEBUG").arg("MODULE-JOURNAL").arg(keeps).query::<()>(&mut connection)?;
        }
        Ok(())
    }

    /// Make sure that all sides do the same.
    fn agree(&self, side: Side) -> Result<()> {
        self.empty(side)?;
        let mut connection = self.of(side).connect()?;
        for (at, expected) in [(7, 1), (5, 2), (7, 2), (6, 3)] {
            let found: u64 =
                redis::cmd("BENCH.INSERT").arg("key").arg(at).arg("0.5").query(&mut connection)?;
            ensure!(found == expected, "{found} points instead of {expected}");
        }
        let found: u64 = redis::cmd("BENCH.LEN").arg("key").query(&mut connection)?;
        ensure!(found == 3, "{found} points instead of 3");
        Ok(())
    }
}
