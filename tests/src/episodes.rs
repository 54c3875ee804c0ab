//! A differential run in episodes, each from empty servers and a seed of its own, so that what leads to a difference is
//! short from the start; then as much of it as can be is left out. What remains is printed as a script.
//! Every other episode has small thresholds, so that values change their form all the time.

use crate::client::shown;
use crate::differential::{Difference, Differential};
use crate::generator::{Generator, Step};
use crate::paths::stand_in;
use crate::server::Server;
use crate::value::Protocol;
use std::time::{Duration, Instant};

/// Requests of an episode, about.
const EPISODE_REQUESTS: usize = 2000;

/// How many differences are told.
const FOUND_MAX: usize = 8;

/// How long a history may be made shorter.
const SHRINK_TIME: Duration = Duration::from_secs(40);

/// Where values take another form: the default, and the small one. Sets and sorted sets may be made with twelve members at most,
/// as 7.2 makes one large at once for more, though some of them may be the same.
const THRESHOLDS: &[(&str, &str, &str)] = &[
    ("hash-max-listpack-entries", "128", "8"),
    ("hash-max-listpack-value", "64", "16"),
    ("set-max-intset-entries", "512", "12"),
    ("set-max-listpack-entries", "128", "12"),
    ("zset-max-listpack-entries", "128", "12"),
    ("zset-max-listpack-value", "64", "16"),
    ("list-max-listpack-size", "-2", "4"),
    ("list-compress-depth", "0", "1"),
    ("stream-node-max-entries", "100", "4"),
    ("hll-sparse-max-bytes", "3000", "200"),
];

/// Both servers, and what was found on them.
#[derive(Debug)]
pub struct Episodes<'a> {
    ours: &'a Server,
    theirs: &'a Server,
    protocol: Protocol,
    /// How many requests were compared.
    pub requests: usize,
    found: Vec<(String, String)>,
}

impl<'a> Episodes<'a> {
    /// Of these two, which nobody else uses.
    pub fn new(ours: &'a Server, theirs: &'a Server, protocol: Protocol) -> Episodes<'a> {
        Episodes { ours, theirs, protocol, requests: 0, found: Vec::new() }
    }

    /// Go on until so many requests were compared, the first episode with this seed and each with the next.
    #[track_caller]
    pub fn run(&mut self, seed: u64, requests: usize) {
        let mut seed = seed;
        while self.requests < requests && self.found.len() < FOUND_MAX {
            self.episode(seed);
            seed = seed.wrapping_add(1);
        }
    }

    /// Panic with what was found, if anything was.
    #[track_caller]
    pub fn verdict(&self) {
        let all: Vec<&str> = self.found.iter().map(|(_, text)| text.as_str()).collect();
        assert!(
            all.is_empty(),
            "{} differences in {} requests\n{}",
            all.len(),
            self.requests,
            all.join("\n\n")
        );
    }

    #[track_caller]
    fn episode(&mut self, seed: u64) {
        self.set_thresholds(small(seed));
        let mut run = self.fresh();
        let mut generator = Generator::new(seed).for_replies();
        let mut history = Vec::new();
        while run.requests < EPISODE_REQUESTS && run.differences.is_empty() {
            let step = generator.step();
            history.push(step.clone());
            run.apply(&step);
        }
        let in_the_end = run.differences.is_empty();
        if in_the_end {
            run.compare_state();
        }
        self.requests += run.requests;
        let Some(first) = run.differences.first().cloned() else { return };
        if self.found.iter().any(|(command, _)| *command == first.command) {
            // One of a kind is enough.
            return;
        }
        eprintln!("SANDKEY_SEED={seed} {:?}: {first}", self.protocol);
        let (history, difference) = self.shrink(history, first, in_the_end);
        let script: Vec<String> = history.iter().flat_map(lines).collect();
        let text = format!(
            "SANDKEY_SEED={seed} {:?}, {} thresholds:\n  {}\nthen {difference}",
            self.protocol,
            if small(seed) { "small" } else { "default" },
            script.join("\n  "),
        );
        eprintln!("{text}");
        self.found.push((difference.command, text));
    }

    /// New connections to empty servers.
    #[track_caller]
    fn fresh(&self) -> Differential {
        for server in [self.ours, self.theirs] {
            assert_eq!(server.client().run("FLUSHALL"), "OK");
        }
        Differential::new(self.ours, self.theirs, self.protocol)
    }

    #[track_caller]
    fn set_thresholds(&self, small: bool) {
        let (mut ours, mut theirs) = (self.ours.client(), self.theirs.client());
        for (name, default, little) in THRESHOLDS {
            let line = format!("CONFIG SET {name} {}", if small { little } else { default });
            // 7.0 has no compact sets.
            let only_ours = name.starts_with("set-max-listpack");
            assert!(ours.run(&line) == "OK" || only_ours && stand_in(), "{line}");
            assert!(theirs.run(&line) == "OK" || only_ours, "{line}");
        }
    }

    /// The shortest history that was found to end in a difference of the same command, and that difference.
    #[track_caller]
    fn shrink(&self, history: Vec<Step>, first: Difference, in_the_end: bool) -> (Vec<Step>, Difference) {
        let deadline = Instant::now() + SHRINK_TIME;
        let (mut units, mut difference) = (history, first);
        // Whole steps first, then the requests within.
        for cut in [whole, single] {
            units = units.iter().flat_map(cut).collect();
            let mut size = units.len().div_ceil(2).max(1);
            loop {
                let mut at = 0;
                while at < units.len() && Instant::now() < deadline {
                    let mut fewer = units.clone();
                    fewer.drain(at..(at + size).min(units.len()));
                    match self.replay(&fewer, &difference.command, in_the_end) {
                        Some(same) => (units, difference) = (fewer, same),
                        None => at += size,
                    }
                }
                if size == 1 || Instant::now() >= deadline {
                    break;
                }
                size = size.div_ceil(2);
            }
        }
        (units, difference)
    }

    #[track_caller]
    fn replay(&self, units: &[Step], command: &str, in_the_end: bool) -> Option<Difference> {
        let mut run = self.fresh();
        let mut batch: Option<(usize, Vec<_>)> = None;
        for unit in units {
            match (unit, &mut batch) {
                (Step::Batch(to, requests), Some((connection, all))) if to == connection => {
                    all.extend(requests.clone());
                }
                (unit, waiting) => {
                    if let Some((connection, requests)) = waiting.take() {
                        run.apply(&Step::Batch(connection, requests));
                    }
                    match unit {
                        Step::Batch(connection, requests) => batch = Some((*connection, requests.clone())),
                        other => run.apply(other),
                    }
                }
            }
        }
        if let Some((connection, requests)) = batch {
            run.apply(&Step::Batch(connection, requests));
        }
        if in_the_end {
            run.compare_state();
        }
        run.differences.into_iter().next().filter(|difference| difference.command == command)
    }
}

/// Whether the thresholds of an episode are small.
fn small(seed: u64) -> bool {
    !seed.is_multiple_of(2)
}

fn whole(step: &Step) -> Vec<Step> {
    vec![step.clone()]
}

/// A batch as its requests. In one with a transaction and a command that waits outside of transactions only nothing is cut: without its
/// MULTI it would wait for ever.
fn single(step: &Step) -> Vec<Step> {
    let Step::Batch(connection, requests) = step else { return vec![step.clone()] };
    let waits = |args: &[Vec<u8>]| {
        let name = args[0].to_ascii_uppercase();
        name.starts_with(b"B") && name.contains(&b'P')
            || args.iter().any(|arg| arg.eq_ignore_ascii_case(b"BLOCK"))
            || name == b"BLMOVE"
    };
    let multi = requests.iter().any(|request| request.args[0] == b"MULTI");
    if multi && requests.iter().any(|request| waits(&request.args)) {
        return vec![step.clone()];
    }
    requests.iter().map(|request| Step::Batch(*connection, vec![request.clone()])).collect()
}

/// A step as lines to read, each with the number of its connection.
fn lines(step: &Step) -> Vec<String> {
    match step {
        Step::Batch(connection, requests) => {
            requests.iter().map(|request| format!("{connection}> {}", full(&request.args))).collect()
        }
        Step::Walk(connection, args, _) => vec![format!("{connection}> {} (to the end)", full(args))],
        Step::Pause(time) => vec![format!("wait for {time:?}")],
        Step::Draw(connection, args, _) => vec![format!("{connection}> {} (the same from both)", full(args))],
        Step::Wait(waiters, requests) => {
            let waiters = waiters.iter().enumerate().map(|(at, args)| format!("waiter {at}> {}", full(args)));
            waiters.chain(requests.iter().map(|request| format!("0> {}", full(&request.args)))).collect()
        }
        Step::Transfer(connection, transfer) => vec![format!("{connection}> DUMP and RESTORE: {transfer:?}")],
    }
}

fn full(args: &[Vec<u8>]) -> String {
    args.iter()
        .map(|arg| if arg.len() > 400 { shown(&[arg]) } else { crate::words::quote(arg) })
        .collect::<Vec<_>>()
        .join(" ")
}
