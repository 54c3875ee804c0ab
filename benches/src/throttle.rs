//! What a looping module costs the others: the latency of GET on 50 connections, against the same while two more
//! connections call commands that loop, again and again, under limits of fuel per call and per second; in turns.
//!
//! There are two because the server has two answers. A loop that ends just within the fuel of a call is held back by the
//! rate of its module: that is throttling. One that never ends fails each time, and a module that fails each time is given
//! longer and longer rests.

use crate::experiments::{Finding, Programs};
use crate::load::{self, ANY_KEY, CLIENTS, KEYS, Load};
use crate::measure::Effort;
use crate::process::Server;
use crate::stats::{median, ratio};
use anyhow::{Context, Result, ensure};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Fuel of one call: some tenths of a millisecond of one worker.
const FUEL: u64 = 1_000_000;
/// Fuel of all calls of a module in a second: about a hundredth of one worker.
const RATE: u64 = 10_000_000;
/// A loop that ends within [`FUEL`], not far from it.
const SPIN: [&str; 2] = ["BENCH.SPIN", "50000"];
/// One that does not end.
const LOOP: [&str; 1] = ["HOSTILE.LOOP"];

/// What came of it, one latency a round.
#[derive(Debug, Default)]
struct Outcome {
    /// p99 of GET with nobody else there, in ms.
    alone_ms: Vec<f64>,
    /// The same beside the loops.
    beside_ms: Vec<f64>,
    /// What the loop that ends was answered.
    spin: Answers,
    /// What the loop that does not end was answered.
    endless: Answers,
    /// How long the loops were called, in all.
    time: Duration,
}

/// How often a command was answered in which way.
#[derive(Debug, Default, Clone, Copy)]
struct Answers {
    /// It came to its end.
    finished: u64,
    /// It ran out of fuel.
    out_of_fuel: u64,
    /// It was not run: its module has used up its rate, or rests.
    refused: u64,
}

impl fmt::Display for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Answers { finished, out_of_fuel, refused } = self;
        write!(
            f,
            "finished {finished} times, ran out of fuel {out_of_fuel} times, was refused {refused} times"
        )
    }
}

impl Answers {
    fn add(&mut self, other: Answers) {
        self.finished += other.finished;
        self.out_of_fuel += other.out_of_fuel;
        self.refused += other.refused;
    }
}

/// Measure it on a server of its own.
pub fn experiment(programs: &Programs, effort: Effort) -> Result<Finding> {
    let outcome = measure(programs, effort)?;
    let text = format!(
        "GET on {CLIENTS} connections without a pipeline, while two more connections call commands that loop, each \
         of a module that is limited to FUEL {FUEL} a call and RATE {RATE} a second. p99: {:.3} ms without them, {:.3} ms with \
         them (medians). In {:.1} s the loop that ends within its fuel {}; the one that never ends {}.\n",
        median(&outcome.alone_ms),
        median(&outcome.beside_ms),
        outcome.time.as_secs_f64(),
        outcome.spin,
        outcome.endless,
    );
    Ok(Finding { today: vec![ratio(&outcome.beside_ms, &outcome.alone_ms)], text })
}

fn measure(programs: &Programs, effort: Effort) -> Result<Outcome> {
    let Programs { sandkey, bench, hostile, .. } = programs;
    let modules = ["--enable-module-command", "local", "--loadmodule", bench, "--loadmodule", hostile];
    let server = Server::start(sandkey, &modules)?;
    let mut admin = server.connect()?;
    for module in ["bench", "hostile"] {
        redis::cmd("MODULE")
            .arg(&["LIMITS", module, "FUEL", &FUEL.to_string(), "RATE", &RATE.to_string()])
            .query::<()>(&mut admin)
            .with_context(|| format!("setting the limits of {module}"))?;
    }
    load::fill(&server, KEYS, b"xyz")?;
    let argv = vec!["GET".to_owned(), ANY_KEY.to_owned()];
    let mut load = Load { argv, pipeline: 1, requests: 50_000, keys: KEYS };
    let warm = load::run(&server, &load)?;
    load.requests = (warm.per_second * effort.seconds.max(1.0)) as u64;
    let mut outcome = Outcome::default();
    for _ in 0..effort.rounds {
        outcome.alone_ms.push(load::run(&server, &load)?.p99_ms);
        beside(&server, &load, &mut outcome)?;
    }
    ensure!(outcome.spin.finished > 0, "the loop that ends never did: {:?}", outcome.spin);
    ensure!(outcome.endless.out_of_fuel > 0, "the endless loop never ran: {:?}", outcome.endless);
    Ok(outcome)
}

/// One run with the loops beside it.
fn beside(server: &Server, load: &Load, outcome: &mut Outcome) -> Result<()> {
    let stop = AtomicBool::new(false);
    let start = Instant::now();
    std::thread::scope(|scope| {
        let spin = scope.spawn(|| attack(server, &SPIN, &stop));
        let endless = scope.spawn(|| attack(server, &LOOP, &stop));
        let sample = load::run(server, load);
        stop.store(true, Ordering::Relaxed);
        let panicked = |_| anyhow::anyhow!("an attacker panicked");
        outcome.spin.add(spin.join().map_err(panicked)??);
        outcome.endless.add(endless.join().map_err(panicked)??);
        outcome.time += start.elapsed();
        outcome.beside_ms.push(sample?.p99_ms);
        Ok(())
    })
}

/// Call a command until told to stop.
fn attack(server: &Server, argv: &[&str], stop: &AtomicBool) -> Result<Answers> {
    let mut connection = server.connect()?;
    let mut request = redis::cmd(argv[0]);
    for arg in &argv[1..] {
        request.arg(arg);
    }
    let mut answers = Answers::default();
    while !stop.load(Ordering::Relaxed) {
        match request.query::<redis::Value>(&mut connection) {
            Ok(_) => answers.finished += 1,
            Err(error) if error.code().is_none() => return Err(error).context("calling a loop"),
            Err(error) if error.to_string().contains("out of fuel") => answers.out_of_fuel += 1,
            Err(_) => {
                answers.refused += 1;
                // Refusals cost next to nothing, and a flood of them is another experiment.
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }
    Ok(answers)
}
