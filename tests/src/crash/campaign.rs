//! A campaign: clients write, something else goes on, the server is killed at a random moment and started again, and what is there is
//! judged; then it goes on from there, so many times.

use super::disturb::{Disturbance, Shared, disturb};
use super::look::{Seen, look};
use super::model::Model;
use super::oracle::{Verdict, judge};
use super::power::{self, Disk};
use super::script::{Mix, Script};
use super::worker::{History, Manner, work};
use crate::client::Client;
use crate::modules::start_within;
use crate::paths;
use crate::server::Server;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

/// What must be there after a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Promise {
    /// Everything that was acknowledged.
    Everything,
    /// Everything but what was acknowledged in so short a time before.
    AllBut(Duration),
    /// Everything that was acknowledged before the last save began.
    Saved,
    /// The state of some moment.
    SomeMoment,
}

/// A campaign.
#[derive(Clone, Debug)]
pub struct Campaign {
    /// What it is called in messages.
    pub name: &'static str,
    /// Arguments of the server.
    pub args: Vec<&'static str>,
    /// What is to be proved.
    pub promise: Promise,
    /// How often the server is killed.
    pub kills: usize,
    /// How many clients write.
    pub clients: usize,
    /// How many units a client has on their way at most.
    pub depth: usize,
    /// How long the server lives, at most.
    pub life: Duration,
    /// What they send.
    pub mix: Mix,
    /// With the server the power goes: what was not forced to disk is gone.
    pub power_cuts: bool,
    /// What else goes on.
    pub disturbances: Vec<Disturbance>,
    /// What random decisions begin with.
    pub seed: u64,
}

/// What a campaign has seen.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// How often the server was killed while it served, and while it started.
    pub kills: (usize, usize),
    /// Units that were acknowledged.
    pub acked: usize,
    /// Acknowledged ones that were lost, in all, and how long before its crash the earliest was acknowledged.
    pub lost: (usize, Duration),
    /// Units that were there without ever having been acknowledged.
    pub unacked: usize,
    /// Commands that were ended by a trap or failed on purpose.
    pub ended: usize,
    /// The longest start.
    pub slowest_start: Duration,
    /// BGSAVEs that failed.
    pub failed_saves: usize,
    /// What else went on, and how often.
    pub done: BTreeMap<Disturbance, usize>,
}

/// How many databases are written to.
const DATABASES: usize = 3;

/// The fuel of a command: enough for all that the script sends, and used up in about a millisecond.
const FUEL: &str = "3000000";

/// The fuel with which the harness reads what is there: enough for anything.
const FUEL_TO_LOOK: &str = "10000000000";

impl Campaign {
    /// Run it; panics with what was wrong.
    #[track_caller]
    pub fn run(&self) -> Report {
        let begin = Instant::now();
        let mut args = vec!["--module-fuel", FUEL, "--enable-debug-command", "local"];
        args.extend(&self.args);
        let environment = if self.power_cuts { power::environment().to_vec() } else { Vec::new() };
        let environment: Vec<(&str, &str)> =
            environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let mut server = start_within(&environment, &["cas", "throttle", "ledger"], &args);
        let mut disk = self.power_cuts.then(Disk::default);
        let mut rng = StdRng::seed_from_u64(self.seed);
        let rounds = rounds_of_fuel(&server);
        let mut scripts: Vec<Script> =
            (0..self.clients).map(|client| Script::new(self.seed, client, self.mix, rounds)).collect();
        let mut models = vec![Model::default(); self.clients];
        let mut report = Report::default();
        let shared = Shared {
            acked: (0..self.clients).map(|_| Arc::new(AtomicUsize::new(0))).collect(),
            ..Shared::default()
        };
        for kill in 0..self.kills {
            let mut life = self.life;
            life = life.mul_f64(rng.random_range(0.05..1.0));
            let (histories, crashed) = self.live(&mut server, &mut scripts, models, &shared, life, &mut rng);
            report.kills.0 += 1;
            disk.iter_mut().for_each(|disk| disk.cut(&server, &mut rng));
            report.ended += histories.iter().map(ended).sum::<usize>();
            if shared.upgraded.load(Ordering::Relaxed) {
                let next = paths::module("ledger-next").display().to_string();
                server.replace_arg(&paths::module("ledger").display().to_string(), &next);
            }
            if rng.random_bool(0.25) {
                server.start_briefly(Duration::from_millis(rng.random_range(0..400)));
                report.kills.1 += 1;
                disk.iter_mut().for_each(|disk| disk.cut(&server, &mut rng));
            }
            let starting = Instant::now();
            server.restart();
            report.slowest_start = report.slowest_start.max(starting.elapsed());
            models = self.judge_all(&server, &scripts, &histories, &shared, crashed, kill, &mut report);
        }
        report.failed_saves = shared.failed_saves.load(Ordering::Relaxed);
        report.done = shared.done.lock().unwrap_or_else(PoisonError::into_inner).clone();
        eprintln!("{}: {report:?} in {:?}", self.name, begin.elapsed());
        report
    }

    /// Let clients write until the server is killed.
    fn live(
        &self,
        server: &mut Server,
        scripts: &mut [Script],
        models: Vec<Model>,
        shared: &Shared,
        life: Duration,
        rng: &mut StdRng,
    ) -> (Vec<History>, Instant) {
        let stop = Arc::new(AtomicBool::new(false));
        let away = self.disturbances.contains(&Disturbance::Away);
        let manner = Manner { depth: if away { 1 } else { self.depth }, away, stop: Arc::clone(&stop) };
        shared.acked.iter().for_each(|acked| acked.store(0, Ordering::Relaxed));
        *shared.saved.lock().unwrap_or_else(PoisonError::into_inner) = vec![0; self.clients];
        let disturbing = (server.client(), StdRng::seed_from_u64(rng.random()));
        let clients: Vec<_> = (0..scripts.len()).map(|index| client_of(server, index)).collect();
        std::thread::scope(|scope| {
            let (client, rng) = disturbing;
            let disturbing = scope.spawn(|| disturb(client, rng, &self.disturbances, shared, &stop));
            let workers: Vec<_> = clients
                .into_iter()
                .zip(scripts)
                .zip(models)
                .zip(&shared.acked)
                .map(|(((client, script), base), acked)| {
                    let manner = manner.clone();
                    scope.spawn(move || work(client, script, base, &manner, acked))
                })
                .collect();
            std::thread::sleep(life);
            server.kill9();
            let crashed = Instant::now();
            let histories = workers
                .into_iter()
                .map(|worker| worker.join().unwrap_or_else(|_| self.fail(server, "a client was surprised")));
            let histories = histories.collect();
            if disturbing.join().is_err() {
                self.fail(server, "the disturbing client was surprised");
            }
            (histories, crashed)
        })
    }

    #[expect(clippy::too_many_arguments, reason = "one step of `run`, with all that it has")]
    fn judge_all(
        &self,
        server: &Server,
        scripts: &[Script],
        histories: &[History],
        shared: &Shared,
        crashed: Instant,
        kill: usize,
        report: &mut Report,
    ) -> Vec<Model> {
        let away = self.disturbances.contains(&Disturbance::Away);
        let saved = shared.saved.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut clients: Vec<Client> = (0..scripts.len()).map(|index| client_of(server, index)).collect();
        // An account may have grown longer than a command of the script has the fuel to read.
        limit_fuel(&mut clients[0], FUEL_TO_LOOK);
        let looks = clients.iter_mut().zip(scripts);
        let seen: Vec<Seen> = looks.map(|(client, script)| look(client, &script.keys())).collect();
        limit_fuel(&mut clients[0], FUEL);
        for (index, (history, seen)) in histories.iter().zip(&seen).enumerate() {
            let verdict = judge(history, seen, crashed, away)
                .unwrap_or_else(|why| self.fail(server, &format!("client {index}, crash {kill}: {why}")));
            if let Err(why) = self.keeps(&verdict, saved[index]) {
                self.fail(server, &format!("client {index}, crash {kill}: {why}: {verdict:?}"));
            }
            report.acked += verdict.acked;
            report.unacked += verdict.unacked;
            report.lost.0 += verdict.lost;
            report.lost.1 = report.lost.1.max(verdict.lost_age);
        }
        for (db, client) in clients.iter_mut().enumerate().take(DATABASES) {
            let own = seen.iter().skip(db).step_by(DATABASES);
            let known: usize = own.map(|seen| seen.model.keys.len()).sum();
            let there = usize::try_from(client.int("DBSIZE")).unwrap_or_default();
            // Keys that expired are counted until somebody looks; somebody has.
            assert!(there <= known, "database {db} has {there} keys, and its clients have {known}");
        }
        seen.into_iter().map(|seen| seen.model).collect()
    }

    /// Whether what is left is as much as was promised.
    fn keeps(&self, verdict: &Verdict, saved: usize) -> Result<(), &'static str> {
        let kept = match self.promise {
            Promise::Everything => verdict.lost == 0,
            Promise::AllBut(time) => verdict.lost_age <= time,
            Promise::Saved => verdict.acked - verdict.lost >= saved,
            Promise::SomeMoment => true,
        };
        if kept { Ok(()) } else { Err("acknowledged writes are lost") }
    }

    /// Keep what is there for whoever looks into it, and panic.
    #[track_caller]
    fn fail(&self, server: &Server, why: &str) -> ! {
        let kept = paths::target().join(format!("crash-{}-{}", self.name, self.seed));
        let copied = copy_all(server.dir(), &kept);
        let kept = copied.map_or_else(|error| format!("nowhere: {error}"), |()| kept.display().to_string());
        panic!("{} with SANDKEY_SEED={}: {why}\nThe server's files are in {kept}", self.name, self.seed);
    }
}

#[track_caller]
fn limit_fuel(client: &mut Client, fuel: &str) {
    assert_eq!(client.run(&format!("MODULE LIMITS ledger FUEL {fuel}")), "OK");
}

/// A connection of a client: several clients share a database.
#[track_caller]
fn client_of(server: &Server, index: usize) -> Client {
    let mut client = server.client();
    assert_eq!(client.run(&format!("SELECT {}", index % DATABASES)), "OK");
    client
}

fn copy_all(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_all(&entry.path(), &target)?;
        } else if entry.file_type()?.is_file() {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

fn ended(history: &History) -> usize {
    let replies = history.sent.iter().filter_map(|sent| sent.acked.as_ref()).flat_map(|(_, replies)| replies);
    let words = ["out of fuel", "unreachable", "told to fail"];
    replies
        .filter(|reply| reply.error().is_some_and(|error| words.iter().any(|word| error.contains(word))))
        .count()
}

/// How many rounds of LEDGER.BURN use up a command's fuel.
fn rounds_of_fuel(server: &Server) -> u64 {
    let mut client = server.client();
    let (mut enough, mut too_many) = (0_u64, 1 << 30);
    while too_many - enough > enough / 100 + 1 {
        let middle = enough.midpoint(too_many);
        let reply = client.value(&format!("LEDGER.BURN a n b {middle} 0"));
        if reply.error().is_some() { too_many = middle } else { enough = middle }
    }
    assert!(enough > 1000, "no round can be paid for");
    enough
}
