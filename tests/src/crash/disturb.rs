//! What else goes on while clients write: saving, rewriting, another version of the module, the module leaving and coming back. One
//! connection does all of it, at random moments, until the server is gone.

use crate::client::{Client, ReadError};
use crate::paths;
use crate::value::Value;
use rand::RngExt;
use rand::rngs::StdRng;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// Something that may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Disturbance {
    /// SAVE.
    Save,
    /// BGSAVE, and waiting for its end.
    BgSave,
    /// BGREWRITEAOF.
    Rewrite,
    /// MODULE UPGRADE of `ledger` to its next version.
    Upgrade,
    /// The same to one that refuses to come.
    FailedUpgrade,
    /// MODULE UNLOAD and LOAD: for a moment its commands are unknown.
    Away,
    /// The instance of the module is lost, with all objects.
    Trap,
}

/// What the disturbing connection shares with the others.
#[derive(Default)]
pub(crate) struct Shared {
    /// How many units of each client are acknowledged.
    pub(crate) acked: Vec<Arc<AtomicUsize>>,
    /// How many of these were when the last save that has succeeded began.
    pub(crate) saved: Mutex<Vec<usize>>,
    /// The next version of the module may be there.
    pub(crate) upgraded: AtomicBool,
    /// How many BGSAVEs have failed.
    pub(crate) failed_saves: AtomicUsize,
    /// How often each thing was done.
    pub(crate) done: Mutex<BTreeMap<Disturbance, usize>>,
}

/// Do these things again and again until the server is gone or `stop` is set.
pub(crate) fn disturb(
    mut client: Client,
    mut rng: StdRng,
    kinds: &[Disturbance],
    shared: &Shared,
    stop: &AtomicBool,
) {
    if kinds.is_empty() {
        return;
    }
    client.set_timeout(Duration::from_secs(60));
    // In turn, and not by chance: some take so long that others would hardly come.
    let mut turn = rng.random_range(0..kinds.len());
    while !stop.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(rng.random_range(0..60)));
        turn = (turn + 1) % kinds.len();
        let kind = kinds[turn];
        if run(&mut client, kind, &mut rng, shared).is_err() {
            return;
        }
        *shared.done.lock().unwrap_or_else(PoisonError::into_inner).entry(kind).or_default() += 1;
    }
}

fn ask(client: &mut Client, line: &str) -> Result<Value, ReadError> {
    let args: Vec<&str> = line.split(' ').collect();
    client.try_send_raw(&crate::client::encode(&args)).map_err(ReadError::Io)?;
    client.try_reply()
}

/// Ask, and expect OK or one of these errors.
fn expect(client: &mut Client, line: &str, errors: &[&str]) -> Result<bool, ReadError> {
    let reply = ask(client, line)?;
    match reply.error() {
        Some(error) => assert!(errors.iter().any(|words| error.contains(words)), "{line}: {error}"),
        None => return Ok(true),
    }
    Ok(false)
}

fn run(client: &mut Client, kind: Disturbance, rng: &mut StdRng, shared: &Shared) -> Result<(), ReadError> {
    let next = paths::module("ledger-next").display().to_string();
    match kind {
        Disturbance::Save => {
            let begun = acked(shared);
            if expect(client, "SAVE", &["in progress"])? {
                keep(shared, begun);
            }
        }
        Disturbance::BgSave => {
            let begun = acked(shared);
            if expect(client, "BGSAVE", &["in progress", "right now"])? {
                if saved(client)? {
                    keep(shared, begun);
                } else {
                    shared.failed_saves.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
        Disturbance::Rewrite => {
            expect(client, "BGREWRITEAOF", &["in progress", "right now"])?;
        }
        Disturbance::Upgrade => {
            // From now on a start must know the next version: values may be in its form.
            shared.upgraded.store(true, Ordering::Relaxed);
            expect(client, &format!("MODULE UPGRADE ledger {next}"), &[])?;
        }
        Disturbance::FailedUpgrade => {
            let reply = ask(client, &format!("MODULE UPGRADE ledger {next} ARGS NONSENSE"))?;
            assert!(reply.error().is_some_and(|error| error.contains("unknown order")), "{}", reply.cli());
        }
        Disturbance::Away => {
            expect(client, "MODULE UNLOAD ledger", &[])?;
            std::thread::sleep(Duration::from_millis(rng.random_range(0..20)));
            let upgraded = shared.upgraded.load(Ordering::Relaxed);
            let file = if upgraded { next } else { paths::module("ledger").display().to_string() };
            expect(client, &format!("MODULE LOAD {file}"), &[])?;
        }
        Disturbance::Trap => {
            let words = ["unreachable", "times in a row", "unknown command"];
            expect(client, "LEDGER.FAIL lost:a lost:b lost:c trap", &words)?;
        }
    }
    Ok(())
}

fn acked(shared: &Shared) -> Vec<usize> {
    shared.acked.iter().map(|acked| acked.load(Ordering::Relaxed)).collect()
}

fn keep(shared: &Shared, begun: Vec<usize>) {
    *shared.saved.lock().unwrap_or_else(PoisonError::into_inner) = begun;
}

/// Wait for the end of a BGSAVE; whether it has succeeded.
fn saved(client: &mut Client) -> Result<bool, ReadError> {
    loop {
        let info = ask(client, "INFO persistence")?.text();
        if info.contains("rdb_bgsave_in_progress:0") {
            return Ok(info.contains("rdb_last_bgsave_status:ok"));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}
