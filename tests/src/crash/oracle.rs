//! Whether what is there after a crash is what some moment of a client's history left behind, and which.

use super::commands::Command;
use super::look::Seen;
use super::model::{Account, Data, Item, Model, Stamp};
use super::worker::{History, Sent};
use std::time::{Duration, Instant};

/// Commands whose replies never came and that may have been refused, for all the oracle knows: more of them are not tried.
const DOUBTS_MAX: usize = 8;

/// What was found to be left of a client's history.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Verdict {
    /// How many units had been acknowledged.
    pub(crate) acked: usize,
    /// How many of these are lost.
    pub(crate) lost: usize,
    /// How long before the crash the first of these was acknowledged.
    pub(crate) lost_age: Duration,
    /// How many are there that were never acknowledged.
    pub(crate) unacked: usize,
}

/// Find the latest moment of a history that left this behind. `away`: commands of the module may have been unknown.
pub(crate) fn judge(history: &History, seen: &Seen, crashed: Instant, away: bool) -> Result<Verdict, String> {
    let sent = &history.sent;
    let acked = sent.iter().take_while(|sent| sent.acked.is_some()).count();
    let mut model = history.base.clone();
    let mut latest = differs(&model, seen).is_none().then_some(0);
    for (index, unit) in sent[..acked].iter().enumerate() {
        replay(&mut model, unit);
        if differs(&model, seen).is_none() {
            latest = Some(index + 1);
        }
    }
    let why = match in_flight(&model, &sent[acked..], seen, away) {
        Ok(unacked) => return Ok(Verdict { acked, unacked, ..Verdict::default() }),
        Err(why) => why,
    };
    let Some(latest) = latest else {
        return Err(format!(
            "what is there is what no moment left behind, neither the {acked} acknowledged units nor the {} after them. \
             After the acknowledged ones: {}. After all: {why}. Those on their way: {:?}",
            sent.len() - acked,
            differs(&model, seen).unwrap_or_default(),
            &sent[acked..],
        ));
    };
    let first_lost = sent[latest..acked].iter().find_map(|sent| sent.acked.as_ref());
    let lost_age = first_lost.map_or(Duration::ZERO, |(at, _)| crashed.saturating_duration_since(*at));
    Ok(Verdict { acked, lost: acked - latest, lost_age, unacked: 0 })
}

/// Do what an acknowledged unit did: a command that was answered with an error did nothing.
fn replay(model: &mut Model, sent: &Sent) {
    let replies = sent.acked.as_ref().map(|(_, replies)| replies).expect("it was acknowledged");
    for (command, reply) in sent.unit.commands.iter().zip(replies) {
        if reply.error().is_none() {
            command.apply(model, Some(reply));
        }
    }
}

/// How many of the units that were never acknowledged are there: with or without each command that may have been refused.
fn in_flight(model: &Model, sent: &[Sent], seen: &Seen, away: bool) -> Result<usize, String> {
    let doubtful = |command: &Command| command.is_uncertain() || (away && command.is_ledger());
    let commands = sent.iter().flat_map(|sent| &sent.unit.commands);
    let doubts = commands.filter(|command| doubtful(command)).count().min(DOUBTS_MAX);
    let mut why = differs(model, seen);
    for refused in 0..1_u32 << doubts {
        let (mut model, mut doubt) = (model.clone(), 0);
        for (index, Sent { unit, .. }) in sent.iter().enumerate() {
            if why.is_none() {
                return Ok(index);
            }
            for command in &unit.commands {
                let is_doubtful = doubtful(command);
                if !(is_doubtful && refused >> doubt & 1 == 1) {
                    command.apply(&mut model, None);
                }
                doubt += usize::from(is_doubtful && doubt + 1 < DOUBTS_MAX);
            }
            why = differs(&model, seen);
        }
        if why.is_none() {
            return Ok(sent.len());
        }
    }
    Err(why.unwrap_or_default())
}

/// The first difference between what must be there and what is.
pub(crate) fn differs(expected: &Model, seen: &Seen) -> Option<String> {
    for (key, item) in &expected.keys {
        let found = seen.model.keys.get(key);
        let (begin, end) = seen.between;
        let expired = item.expire_ms.is_some_and(|at| at <= begin);
        let expiring = item.expire_ms.is_some_and(|at| at <= end);
        match found {
            Some(_) if expired => return Some(format!("{key} is there after its time")),
            Some(found) if !same(item, found) => {
                return Some(format!("{key} is {} and not {}", shown(found), shown(item)));
            }
            None if !expiring => return Some(format!("{key} is missing, which is {}", shown(item))),
            _ => {}
        }
    }
    let more = seen.model.keys.iter().find(|(key, _)| !expected.keys.contains_key(*key));
    more.map(|(key, found)| format!("{key} is there and must not be: {}", shown(found)))
}

fn same(expected: &Item, found: &Item) -> bool {
    let data = match (&expected.data, &found.data) {
        (Data::Account(expected), Data::Account(found)) => same_account(expected, found),
        (expected, found) => expected == found,
    };
    data && expected.expire_ms == found.expire_ms
}

fn same_account(expected: &Account, found: &Account) -> bool {
    let same_entry = |(expected, found): (&super::model::Entry, &super::model::Entry)| {
        let stamp = match (&expected.stamp, &found.stamp) {
            (Stamp::Unknown, found) => *found != Stamp::None,
            (expected, found) => expected == found,
        };
        stamp && expected.amount == found.amount && expected.text == found.text
    };
    expected.blob == found.blob
        && expected.link == found.link
        && expected.entries.len() == found.entries.len()
        && expected.entries.iter().zip(&found.entries).all(same_entry)
}

/// A value, cut where it is long.
fn shown(item: &Item) -> String {
    let text = match &item.data {
        Data::Account(account) => {
            let tail: Vec<String> =
                account.entries.iter().rev().take(3).map(|entry| format!("{entry:?}")).collect();
            format!(
                "an account of {} entries, the last ones {tail:?}, {:?}",
                account.entries.len(),
                account.blob
            )
        }
        data => format!("{data:?}"),
    };
    let end = text.char_indices().nth(400).map_or(text.len(), |(at, _)| at);
    format!("{} until {:?}", &text[..end], item.expire_ms)
}
