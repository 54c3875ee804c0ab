//! A client: sends what its script says, several commands at a time, reads the replies, and keeps what was sent and acknowledged.
//! It ends when the server does.

use super::commands::Command;
use super::effect::Expected;
use super::model::Model;
use super::script::Script;
use crate::client::{Client, encode_into, shown};
use crate::value::Value;
use rand::RngExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// A command, or several in MULTI and EXEC: all or nothing.
#[derive(Clone, Debug)]
pub(crate) struct Unit {
    pub(crate) commands: Vec<Command>,
    pub(crate) multi: bool,
}

/// A unit that was sent.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) unit: Unit,
    /// When its reply came, and the reply of each command.
    pub(crate) acked: Option<(Instant, Vec<Value>)>,
}

/// All that a client has sent to one process of the server.
pub(crate) struct History {
    /// What was there before.
    pub(crate) base: Model,
    pub(crate) sent: Vec<Sent>,
}

/// What a client goes by.
#[derive(Clone)]
pub(crate) struct Manner {
    /// How many units are on their way at most.
    pub(crate) depth: usize,
    /// The module may be away: its commands may be unknown.
    pub(crate) away: bool,
    /// Say no more.
    pub(crate) stop: Arc<AtomicBool>,
}

/// Send and read until the server is gone or `stop` is set.
pub(crate) fn work(
    mut client: Client,
    script: &mut Script,
    base: Model,
    manner: &Manner,
    acked: &AtomicUsize,
) -> History {
    client.set_timeout(Duration::from_secs(60));
    let mut model = base.clone();
    let mut history = History { base, sent: Vec::new() };
    while !manner.stop.load(Ordering::Relaxed) {
        let units: Vec<Unit> =
            (0..script.rng.random_range(1..=manner.depth)).map(|_| script.unit()).collect();
        let first = history.sent.len();
        let mut bytes = Vec::new();
        units.iter().for_each(|unit| encode(unit, &mut bytes));
        history.sent.extend(units.into_iter().map(|unit| Sent { unit, acked: None }));
        if client.try_send_raw(&bytes).is_err() {
            break;
        }
        for sent in &mut history.sent[first..] {
            let Some(replies) = read(&mut client, &sent.unit) else { return history };
            let replies = check(&mut model, &sent.unit, replies, manner);
            sent.acked = Some((Instant::now(), replies));
            acked.fetch_add(1, Ordering::Relaxed);
        }
    }
    history
}

fn encode(unit: &Unit, bytes: &mut Vec<u8>) {
    if unit.multi {
        encode_into(&["MULTI"], bytes);
    }
    unit.commands.iter().for_each(|command| encode_into(&command.args(), bytes));
    if unit.multi {
        encode_into(&["EXEC"], bytes);
    }
}

/// The replies of a unit's commands, or the one error that stands for all of them; none if the server is gone.
fn read(client: &mut Client, unit: &Unit) -> Option<Vec<Value>> {
    if !unit.multi {
        return Some(vec![client.try_reply().ok()?]);
    }
    for _ in 0..=unit.commands.len() {
        client.try_reply().ok()?;
    }
    let exec = client.try_reply().ok()?;
    Some(if exec.error().is_some() { vec![exec; unit.commands.len()] } else { exec.items() })
}

/// Compare the replies with what they must be, and take over what the commands did.
fn check(model: &mut Model, unit: &Unit, replies: Vec<Value>, manner: &Manner) -> Vec<Value> {
    assert_eq!(replies.len(), unit.commands.len(), "{unit:?}: {replies:?}");
    for (command, reply) in unit.commands.iter().zip(&replies) {
        if let Some(error) = reply.error()
            && is_tolerated(command, &error, manner)
        {
            continue;
        }
        let expected = command.apply(model, Some(reply));
        let right = match (&expected, reply.error()) {
            (Expected::Is(value), _) => value == reply,
            (Expected::Any, error) => error.is_none(),
            (Expected::Error(words), error) => error.is_some_and(|error| error.contains(words)),
        };
        assert!(right, "{}: {} instead of {expected:?}", shown(&command.args()), reply.cli());
    }
    replies
}

/// Errors that depend on what goes on beside: a command that answers so has done nothing.
fn is_tolerated(command: &Command, error: &str, manner: &Manner) -> bool {
    let away = ["unknown command", "was unloaded", "EXECABORT"].iter().any(|words| error.contains(words));
    let ended = command.is_uncertain() && error.contains("out of fuel");
    // After many traps in a row the module rests.
    let resting = command.is_ledger() && error.contains("times in a row");
    (manner.away && away) || ended || resting
}
