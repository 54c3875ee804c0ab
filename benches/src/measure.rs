//! The rounds: both servers are filled alike, every series is run once to warm up and to see how fast it is, then all of
//! them in turns.

use crate::load::{self, KEYS, Load, Sample};
use crate::plan::{Cell, LUA_INCR, LUA_NOP, PHASES, PIPELINES, Peer, Phase, Question, Scripts, Values};
use crate::process::Server;
use anyhow::{Context, Result, ensure};
use std::collections::BTreeMap;

/// Requests of the run that warms up, for each request that the pipeline takes.
const WARM_UP: u64 = 15_000;
/// The fewest requests that are worth a figure, and the most that are worth the time.
const REQUESTS: (u64, u64) = (20_000, 5_000_000);

/// How much to measure.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// Rounds.
    pub rounds: usize,
    /// Seconds of one sample, about.
    pub seconds: f64,
    /// Whether it is only to be shown that everything works.
    pub quick: bool,
}

impl Effort {
    /// How much of something: of the size that is asked for, or of one that is quick.
    pub fn of<T>(self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }

    /// How many requests make a sample of the length that is wanted, at this speed.
    pub fn requests(self, per_second: f64) -> u64 {
        ((per_second * self.seconds) as u64).clamp(REQUESTS.0, REQUESTS.1)
    }
}

/// The servers under load. One process of each: redis-server has the native module loaded and the scripts cached, which
/// costs its own commands nothing.
#[derive(Debug)]
pub struct Servers {
    /// With the module `bench` in its sandbox.
    pub sandkey: Server,
    /// With the same as a native module.
    pub redis: Server,
}

impl Servers {
    fn of(&self, peer: Peer) -> &Server {
        if peer.is_ours() { &self.sandkey } else { &self.redis }
    }
}

/// The samples of every series, one a round.
pub type Samples = BTreeMap<Cell, Vec<Sample>>;

/// Measure everything of the plan.
pub fn measure(servers: &Servers, effort: Effort) -> Result<Samples> {
    let scripts = prepare(servers)?;
    let mut samples = Samples::new();
    for phase in PHASES {
        eprintln!("   values: {}", phase.values.name());
        let value = phase.values.text();
        load::fill(&servers.sandkey, KEYS, value.as_bytes()).context("filling Sandkey")?;
        load::fill(&servers.redis, KEYS, value.as_bytes()).context("filling redis-server")?;
        let runs = calibrate(servers, &phase, effort, &scripts)?;
        for round in 0..effort.rounds {
            eprintln!("   round {} of {}", round + 1, effort.rounds);
            // Every other round backwards, so that nobody always runs after the same one.
            let order: Vec<&(Cell, Load)> =
                if round % 2 == 0 { runs.iter().collect() } else { runs.iter().rev().collect() };
            for (cell, load) in order {
                let sample = load::run(servers.of(cell.peer), load)?;
                samples.entry(*cell).or_default().push(sample);
            }
        }
    }
    Ok(samples)
}

/// Load the scripts, and make sure that the peers do the same: three ways to one more.
fn prepare(servers: &Servers) -> Result<Scripts> {
    let mut redis = servers.redis.connect()?;
    let mut load = |text: &str| redis::cmd("SCRIPT").arg("LOAD").arg(text).query::<String>(&mut redis);
    let scripts = Scripts { nop: load(LUA_NOP)?, incr: load(LUA_INCR)? };
    for &peer in Question::Incr.peers() {
        let mut connection = servers.of(peer).connect()?;
        let mut ask = |argv: &[String]| {
            let mut request = redis::cmd(&argv[0]);
            for arg in &argv[1..] {
                request.arg(arg);
            }
            request
                .query::<redis::Value>(&mut connection)
                .with_context(|| format!("{}: {}", peer.name(), argv.join(" ")))
        };
        let nop = ask(&Question::Nop.argv(peer, "", &scripts))?;
        ensure!(nop == redis::Value::Okay, "{}: the no-op answers {nop:?}", peer.name());
        ask(&["DEL", load::ANY_KEY].map(str::to_owned))?;
        for expected in [1, 2] {
            let found = ask(&Question::Incr.argv(peer, "", &scripts))?;
            ensure!(found == redis::Value::Int(expected), "{}: {found:?} instead of {expected}", peer.name());
        }
    }
    Ok(scripts)
}

/// Warm up, and choose how many requests make a sample of the length that is wanted.
fn calibrate(
    servers: &Servers,
    phase: &Phase,
    effort: Effort,
    scripts: &Scripts,
) -> Result<Vec<(Cell, Load)>> {
    let mut runs = Vec::new();
    for pipeline in PIPELINES {
        for &question in phase.questions {
            for &peer in question.peers() {
                let cell = Cell { values: phase.values, question, pipeline, peer };
                let argv = question.argv(peer, &phase.values.text(), scripts);
                let mut load = Load { argv, pipeline, requests: warm_up(pipeline, phase.values), keys: KEYS };
                let sample = load::run(servers.of(peer), &load)?;
                load.requests = effort.requests(sample.per_second);
                runs.push((cell, load));
            }
        }
    }
    Ok(runs)
}

fn warm_up(pipeline: u32, values: Values) -> u64 {
    let large = if values == Values::Large { 2 } else { 1 };
    WARM_UP * u64::from(pipeline.min(16)) / large
}
