//! When a command of a module has succeeded: what it changed in objects becomes a part of the values.
//!
//! A command that changed one object, and used nothing else but time and random numbers, goes into the journal of that value.
//! So does what a module says has changed an object. Everything else is followed by saving the object. A journal that has
//! outgrown what was saved is folded into it, so that its cost stays that of one copy of the bytes.

use std::sync::atomic::Ordering::Relaxed;

use sandkey_runtime::{Instance, State, Trap};

use crate::effects::notify::Class;
use crate::effects::propagate::Exactly;
use crate::effects::{Mark, rdb};
use crate::keyspace::{Db, Key, ModuleValue, Revision, TypeId};
use crate::limits;
use crate::net::argv::Argv;

use super::host::{ModuleHost, key_of};
use super::object_host::Edit;

/// What becomes of an edited object.
enum Outcome {
    /// Its bytes.
    Saved(TypeId, Vec<u8>),
    /// A command in its journal.
    Journaled,
    /// It is not kept: DEBUG MODULE-JOURNAL said so.
    Lost,
}

/// Keep what a command did to objects. A trap undoes the command.
#[inline]
pub(super) fn commit(
    host: &mut ModuleHost<'_, '_, '_>,
    instance: &mut Instance,
    argv: Argv<'_>,
    since: Mark,
) -> Result<(), Trap> {
    if host.used.edits.is_empty() {
        return Ok(());
    }
    commit_edits(host, instance, argv, since)
}

fn commit_edits(
    host: &mut ModuleHost<'_, '_, '_>,
    instance: &mut Instance,
    argv: Argv<'_>,
    since: Mark,
) -> Result<(), Trap> {
    let edits = std::mem::take(&mut host.used.edits);
    let alone = edits.len() == 1 && !host.used.outside;
    // Below another command the whole value is in the undo log, not the length of its journal. And a command that is repeated by
    // its bytes must leave them.
    let may_journal = is_repeatable(host) && host.ctx.keys.scratch.undo.depth() == 1;
    let revision = host.revision();
    let keeps = host.ctx.server.keeps_journals.load(Relaxed);
    // All that can fail comes first.
    let mut outcomes = smallvec::SmallVec::<[Outcome; 1]>::new();
    for edit in &edits {
        let journaled = may_journal && !edit.new && (alone || edit.journal.is_some());
        outcomes.push(match value_of(host, edit) {
            Some(_) if !keeps && !edit.new => Outcome::Lost,
            Some(value) if journaled && has_room(value, revision) => Outcome::Journaled,
            Some(value) => {
                let size = value.saved().len() + value.journal().bytes();
                save(host, instance, edit, size)?
            }
            // It was deleted or replaced meanwhile.
            None => Outcome::Journaled,
        });
    }
    for (edit, outcome) in edits.iter().zip(outcomes) {
        keep(host, edit, outcome, argv);
    }
    propagate(host, &edits, argv, since);
    host.used.edits = edits;
    Ok(())
}

/// Whether running the command again does the same. What a `global` module keeps beside its values is not there then.
fn is_repeatable(host: &ModuleHost<'_, '_, '_>) -> bool {
    host.module.manifest.state == State::Values && !host.used.personal
}

/// Have what the command did repeated elsewhere: by running it again with its time and seed, or, if that might not do the same, by
/// giving each value its bytes.
fn propagate(host: &mut ModuleHost<'_, '_, '_>, edits: &[Edit], argv: Argv<'_>, since: Mark) {
    if !host.ctx.keys.propagates() {
        return;
    }
    if is_repeatable(host) {
        let parameters = host.module.unusual_parameters();
        let exactly = Exactly { now_us: host.ctx.now_us, seed: host.seed(), parameters: &parameters };
        return host.ctx.keys.propagate_exactly(since, &exactly, argv);
    }
    for edit in edits {
        let Ok((key, _)) = key_of(&host.handles, edit.handle) else { continue };
        let keys = &mut host.ctx.keys;
        // Such a command was not journaled: the value is its bytes.
        let Some(entry) = keys.peek(&key).ok().flatten().filter(|entry| entry.module().is_some()) else {
            continue;
        };
        let (payload, expire_at) = (rdb::value::dump(entry, false), entry.expire_at());
        keys.propagate_payload(key.bytes, expire_at, &payload);
    }
}

/// Whether one more command may be appended. The journal may become as long as what was saved, and not shorter than a floor; nor
/// so long that replaying it would keep somebody waiting longer than loading the value does.
#[inline]
fn has_room(value: &ModuleValue, revision: Revision) -> bool {
    let saved = value.saved().len();
    let longest = limits::JOURNAL_BYTES_MAX.max(saved / limits::JOURNAL_SHARE);
    let most = saved.clamp(limits::JOURNAL_BYTES_MIN, longest);
    value.journal().bytes() < most && value.journal().takes(revision)
}

/// The value that has an edited object, if it still does.
fn value_of<'v>(host: &'v mut ModuleHost<'_, '_, '_>, edit: &Edit) -> Option<&'v ModuleValue> {
    let (key, _) = key_of(&host.handles, edit.handle).ok()?;
    let value = host.ctx.keys.peek(&key).ok()??.module()?;
    (host.objects.of(value) == Some(edit.object)).then_some(value)
}

fn save(
    host: &mut ModuleHost<'_, '_, '_>,
    instance: &mut Instance,
    edit: &Edit,
    size: usize,
) -> Result<Outcome, Trap> {
    let (worker, server) = (host.ctx.worker, host.ctx.server);
    let (saved, fuel) = host.module.save(instance, edit.object, size, host.ctx.now_us);
    host.module.bill(worker, fuel, || server.clock.now_ns());
    Ok(Outcome::Saved(host.module.types[edit.object.data_type as usize], saved?))
}

/// Nothing here may fail.
fn keep(host: &mut ModuleHost<'_, '_, '_>, edit: &Edit, outcome: Outcome, argv: Argv<'_>) {
    let (revision, now_us, seed) = (host.revision(), host.ctx.now_us, host.seed());
    let event = host.module.events[host.index];
    let Ok((key, _)) = key_of(&host.handles, edit.handle) else { return };
    let object = edit.object;
    let objects = &*host.objects;
    let change = |db: &mut Db, key: &Key<'_>, now_ms: u64| {
        let mut entry = db.get_mut(key, now_ms);
        let value = entry.as_mut().and_then(|entry| entry.module());
        let Some(value) = value.filter(|value| objects.of(value) == Some(object)) else { return false };
        match (outcome, &edit.journal) {
            (Outcome::Saved(id, bytes), _) => value.fold(id, bytes),
            (Outcome::Journaled, Some(said)) => {
                value.journal_mut().push(revision, now_us, seed, said.as_argv().iter());
            }
            (Outcome::Journaled, None) => value.journal_mut().push(revision, now_us, seed, argv.iter()),
            (Outcome::Lost, _) => {}
        }
        true
    };
    let keys = &mut host.ctx.keys;
    let now_ms = keys.now_ms;
    // What it was is recorded already.
    let changed = keys.db_of(&key).is_ok_and(|db| change(db, &key, now_ms));
    if changed {
        keys.modified(&key, Class::MODULE, event);
    }
}
