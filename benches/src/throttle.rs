//! What a looping module costs the others: the latency of GET on 50 connections while a 51st calls an endless loop, again
//! and again, under limits of fuel per call and per second; against the same without it, in turns.

use crate::load::{self, ANY_KEY, Load};
use crate::measure::Effort;
use crate::process::Server;
use anyhow::{Context, Result, ensure};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Fuel of one call: some tenths of a millisecond of one worker.
pub const FUEL: u64 = 1_000_000;
/// Fuel of all calls in a second: about a hundredth of one worker.
pub const RATE: u64 = 10_000_000;

/// What came of it, one figure a round.
#[derive(Debug, Default)]
pub struct Outcome {
    /// p99 of GET with nobody else there, in ms.
    pub alone_ms: Vec<f64>,
    /// The same beside the loop.
    pub beside_ms: Vec<f64>,
    /// Calls that used up their fuel.
    pub looped: u64,
    /// Calls that were refused because the module had used up its rate.
    pub throttled: u64,
}

/// Measure it on a server of its own.
pub fn experiment(sandkey: &Path, hostile: &str, effort: Effort) -> Result<Outcome> {
    let server = Server::start(sandkey, &["--loadmodule", hostile])?;
    let mut admin = server.connect()?;
    redis::cmd("MODULE")
        .arg(&["LIMITS", "hostile", "FUEL", &FUEL.to_string(), "RATE", &RATE.to_string()])
        .query::<()>(&mut admin)
        .context("setting the limits of the module")?;
    load::fill(&server, b"xyz")?;
    let argv = vec!["GET".to_owned(), ANY_KEY.to_owned()];
    let mut load = Load { argv, pipeline: 1, requests: 50_000 };
    let warm = load::run(&server, &load)?;
    load.requests = (warm.per_second * effort.seconds.max(1.0)) as u64;
    let mut outcome = Outcome::default();
    for _ in 0..effort.rounds {
        outcome.alone_ms.push(load::run(&server, &load)?.p99_ms);
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| -> Result<()> {
            let looping = scope.spawn(|| attack(&server, &stop));
            let sample = load::run(&server, &load);
            stop.store(true, Ordering::Relaxed);
            let (looped, throttled) =
                looping.join().map_err(|_| anyhow::anyhow!("the attacker panicked"))??;
            outcome.looped += looped;
            outcome.throttled += throttled;
            outcome.beside_ms.push(sample?.p99_ms);
            Ok(())
        })?;
    }
    ensure!(outcome.looped > 0, "the looping command never ran, so nothing was measured");
    Ok(outcome)
}

/// Call the loop until told to stop. Answers how often it ran out of fuel, and how often it was refused.
fn attack(server: &Server, stop: &AtomicBool) -> Result<(u64, u64)> {
    let mut connection = server.connect()?;
    let (mut looped, mut throttled) = (0, 0);
    while !stop.load(Ordering::Relaxed) {
        match redis::cmd("HOSTILE.LOOP").query::<()>(&mut connection) {
            Ok(()) => anyhow::bail!("an endless loop came to its end"),
            Err(error) if error.code() == Some("THROTTLED") => {
                throttled += 1;
                // A client that is told to wait, and waits a little.
                std::thread::sleep(Duration::from_millis(1));
            }
            Err(error) if error.code().is_some() => looped += 1,
            Err(error) => return Err(error).context("calling HOSTILE.LOOP"),
        }
    }
    Ok((looped, throttled))
}
