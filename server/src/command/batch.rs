//! What the commands of one batch have in common: their keys, hashed before the first of them runs, and the instances of modules that stay
//! locked from one to the next. How a command runs is in `dispatch`.

use std::ops::{Deref, DerefMut};

use smallvec::SmallVec;

use crate::clock::Clock;
use crate::keyspace::{Key, Wanted};
use crate::limits;
use crate::module::InstanceGuards;
use crate::net::argv::Argv;
use crate::server::Server;

use super::args;
use super::dispatch::Executor;
use super::lock_plan::LockPlan;

/// The first argument of every command of a batch as a key, which it nearly always is.
#[derive(Default)]
pub struct Prepared<'b>(SmallVec<[Option<Key<'b>>; limits::BATCH_COMMANDS_MAX]>);

impl<'b> Prepared<'b> {
    /// These keys, one for each command.
    pub(super) fn new(keys: impl Iterator<Item = Option<Key<'b>>>) -> Self {
        Self(keys.collect())
    }

    /// What was prepared for a command of the batch.
    #[inline]
    pub fn key(&self, command: usize) -> Option<Key<'b>> {
        self.0.get(command).copied().flatten()
    }

    /// What these commands will look up.
    pub(super) fn wanted(
        &self,
        batch: impl Iterator<Item = Argv<'b>> + Clone,
        element: Option<ElementAt>,
    ) -> impl Iterator<Item = Wanted<'b>> + Clone {
        self.0.iter().zip(batch).filter_map(move |(key, argv)| {
            let element_at = element.map(|at| match at {
                ElementAt::BehindKey => 2,
                ElementAt::Last | ElementAt::BehindScore => argv.len() - 1,
            });
            let score_at = element_at.filter(|_| matches!(element, Some(ElementAt::BehindScore)));
            let score = score_at.and_then(|at| args::float(argv.get(at.checked_sub(1)?)?).ok());
            let element = element_at.map(|at| argv.get(at).unwrap_or_default());
            Some(Wanted { key: (*key)?, element, score })
        })
    }
}

/// Which argument of a command is likely the element that it looks up in its key's value.
#[derive(Clone, Copy)]
pub(super) enum ElementAt {
    /// The one behind the key.
    BehindKey,
    /// The last one: before it scores or coordinates may stand.
    Last,
    /// The last one, and what stands before it is its score.
    BehindScore,
}

/// Instances of modules that stay locked from one command of a batch to the next. Whoever has to share an instance with other
/// workers would else wait for it with each command anew, and waiting costs more than most commands.
#[derive(Default)]
pub(super) struct Held {
    /// A batch is under way, whose end will be told.
    may_hold: bool,
    instances: InstanceGuards,
    /// When they were locked, as the clock ticks.
    since: u64,
}

impl Held {
    /// A batch begins.
    pub(super) fn begin(&mut self) {
        self.may_hold = true;
    }

    /// The instances that a command needs. Nobody waits for them while others are still locked.
    #[inline]
    pub(super) fn lock(
        &mut self,
        plan: &LockPlan<'_>,
        server: &Server,
        worker: usize,
        tick: u64,
    ) -> InstanceGuards {
        let held = std::mem::take(&mut self.instances);
        if plan.is_served_by(&held) {
            return held;
        }
        drop(held);
        let instances = plan.lock_instances(server, worker);
        // Waiting for them is no holding. Whoever needs none need not look at the clock.
        self.since = if instances.is_empty() { tick } else { server.clock.ticks() };
        instances
    }

    /// A command comes that needs none and does not say so by locking.
    #[inline]
    pub(super) fn release(&mut self) {
        if !self.instances.is_empty() {
            self.instances = InstanceGuards::default();
        }
    }

    /// Keep instances locked for the next command, unless others may have waited long for them.
    #[inline]
    pub(super) fn keep(&mut self, instances: InstanceGuards, clock: &Clock, tick: u64) {
        if !instances.is_empty()
            && self.may_hold
            && clock.nanos_between(self.since, tick) < limits::INSTANCE_HELD_NS
        {
            self.instances = instances;
        }
    }
}

/// An executor for the length of a batch.
pub struct InBatch<'e>(pub(super) &'e mut Executor);

impl Drop for InBatch<'_> {
    fn drop(&mut self) {
        self.0.held = Held::default();
        self.0.count_turn();
    }
}

impl Deref for InBatch<'_> {
    type Target = Executor;
    fn deref(&self) -> &Executor {
        self.0
    }
}

impl DerefMut for InBatch<'_> {
    fn deref_mut(&mut self) -> &mut Executor {
        self.0
    }
}
