//! Logs and groups beside plain collections that do the same.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;

use super::group::{Group, Pending};
use super::log::{Log, Trim};
use super::{Stream, StreamId};
use crate::keyspace::thresholds::BlockLimits;
use crate::keyspace::value::StringRef;

type Fields = Vec<Vec<u8>>;

/// What can be done to a log.
#[derive(Clone, Debug)]
enum Step {
    /// So far behind the last id, with these fields.
    Add {
        ms: u64,
        seq: u64,
        fields: Fields,
    },
    /// The entry at this place of all that ever were.
    Delete(usize),
    MaxLen {
        len: u64,
        approximate: bool,
        limit: u64,
    },
    MinId {
        at: usize,
        approximate: bool,
        limit: u64,
    },
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        3 => Just(b"name".to_vec()),
        2 => any::<i64>().prop_map(|number| number.to_string().into_bytes()),
        2 => (0i64..300).prop_map(|number| number.to_string().into_bytes()),
        2 => vec(any::<u8>(), 0..6),
        1 => vec(any::<u8>(), 60..70),
        1 => (4090usize..4100).prop_map(|len| vec![b'x'; len]),
    ]
}

fn fields() -> impl Strategy<Value = Fields> {
    prop_oneof![
        3 => text().prop_map(|value| vec![b"temperature".to_vec(), value]),
        2 => (text(), text())
            .prop_map(|(first, second)| vec![b"temperature".to_vec(), first, b"7".to_vec(), second]),
        2 => vec(text(), 1..4).prop_map(|texts| texts.iter().flat_map(|text| [text.clone(), text.clone()]).collect()),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (0u64..3, 0u64..3, fields()).prop_map(|(ms, seq, fields)| Step::Add { ms, seq, fields }),
        5 => any::<usize>().prop_map(Step::Delete),
        1 => (0u64..40, any::<bool>(), 0u64..20)
            .prop_map(|(len, approximate, limit)| Step::MaxLen { len, approximate, limit }),
        1 => (any::<usize>(), any::<bool>(), 0u64..20)
            .prop_map(|(at, approximate, limit)| Step::MinId { at, approximate, limit }),
    ]
}

fn limits() -> impl Strategy<Value = BlockLimits> {
    (0usize..8, prop_oneof![Just(0usize), 50usize..500])
        .prop_map(|(entries, bytes)| BlockLimits { entries, bytes })
}

/// The same log in plain collections.
#[derive(Default)]
struct Model {
    entries: BTreeMap<StreamId, Fields>,
    /// All ids that ever were.
    ids: Vec<StreamId>,
    max_deleted: StreamId,
}

impl Model {
    fn apply(&mut self, log: &mut Log, step: Step, limits: BlockLimits) {
        match step {
            Step::Add { ms, seq, fields } => {
                let last = log.last_id();
                let base = StreamId { ms: last.ms + ms, seq: if ms == 0 { last.seq } else { 0 } };
                let Some(id) = StreamId { seq: base.seq + seq, ..base }.next() else { return };
                let bytes = fields.iter().map(Vec::len).sum();
                log.append(id, fields.iter().map(Vec::as_slice), bytes, limits);
                self.entries.insert(id, fields);
                self.ids.push(id);
            }
            Step::Delete(at) if !self.ids.is_empty() => {
                let id = self.ids[at % self.ids.len()];
                let was_there = self.entries.remove(&id).is_some();
                assert_eq!(log.delete(id), was_there);
                if was_there {
                    self.max_deleted = self.max_deleted.max(id);
                }
            }
            Step::Delete(_) => assert!(!log.delete(StreamId { ms: 3, seq: 3 })),
            Step::MaxLen { len, approximate, limit } => {
                let excess = (self.entries.len() as u64).saturating_sub(len);
                self.trimmed(log.trim(Trim::MaxLen(len), approximate, limit), excess, approximate, limit);
            }
            Step::MinId { at, approximate, limit } => {
                let id = self.ids.get(at % self.ids.len().max(1)).copied().unwrap_or_default();
                let excess = self.entries.range(..id).count() as u64;
                self.trimmed(log.trim(Trim::MinId(id), approximate, limit), excess, approximate, limit);
            }
        }
    }

    /// Exactly what was asked for is gone, or no more than that.
    fn trimmed(&mut self, count: u64, excess: u64, approximate: bool, limit: u64) {
        assert!(count <= excess && (limit == 0 || count <= limit));
        assert!(approximate || limit != 0 || count == excess);
        for _ in 0..count {
            self.entries.pop_first();
        }
    }

    fn check(&self, log: &Log) {
        assert_eq!(log.len() as usize, self.entries.len());
        assert_eq!(log.first_id(), self.entries.keys().next().copied().unwrap_or_default());
        assert_eq!(log.top(), self.entries.keys().next_back().copied());
        assert_eq!((log.max_deleted_id(), log.entries_added()), (self.max_deleted, self.ids.len() as u64));
        let live: u64 = log.iter_blocks().map(|(_, block)| block.live()).sum();
        assert_eq!(live, log.len());
        assert!(log.iter_blocks().all(|(_, block)| block.live() > 0));
        let heap: usize = log.iter_blocks().map(|(_, block)| block.heap()).sum();
        assert_eq!(log.heap() - heap, log.blocks() * super::log::BLOCK_BYTES);
        self.check_range(log, StreamId::MIN, StreamId::MAX);
    }

    fn check_range(&self, log: &Log, from: StreamId, to: StreamId) {
        let plain = |record: super::Record<'_>| {
            let texts = record.fields().flat_map(|(field, value)| [field, value].map(StringRef::to_vec));
            (record.id, texts.collect::<Fields>())
        };
        let expected: Vec<_> = self
            .entries
            .iter()
            .filter(|(id, _)| (from..=to).contains(id))
            .map(|(id, fields)| (*id, fields.clone()))
            .collect();
        assert_eq!(log.range(from, to).map(plain).collect::<Vec<_>>(), expected);
        let mut back: Vec<_> = log.range_back(from, to).map(plain).collect();
        back.reverse();
        assert_eq!(back, expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn a_log_does_what_a_map_does(
        steps in vec(step(), 0..120),
        limits in limits(),
        ends in vec((any::<usize>(), any::<usize>()), 4),
    ) {
        let (mut log, mut model) = (Log::default(), Model::default());
        for step in steps {
            model.apply(&mut log, step, limits);
            model.check(&log);
        }
        let id = |at: usize| match model.ids.len() {
            0 => StreamId { ms: at as u64 % 5, seq: 0 },
            len => model.ids[at % len],
        };
        for (from, to) in ends {
            let (from, to) = (id(from), id(to));
            model.check_range(&log, from, to);
            assert_eq!(log.contains(from), model.entries.contains_key(&from));
        }
        assert!(log.clone() == log);
    }
}

/// What can be done to a group.
#[derive(Clone, Debug)]
enum GroupStep {
    Deliver(u64, u8),
    Acknowledge(u64),
    AddConsumer(u8),
    RemoveConsumer(u8),
}

fn group_step() -> impl Strategy<Value = GroupStep> {
    prop_oneof![
        6 => (0u64..20, 0u8..4).prop_map(|(id, name)| GroupStep::Deliver(id, name)),
        3 => (0u64..20).prop_map(GroupStep::Acknowledge),
        2 => (0u8..4).prop_map(GroupStep::AddConsumer),
        1 => (0u8..4).prop_map(GroupStep::RemoveConsumer),
    ]
}

fn check_group(group: &Group, model: &BTreeMap<u8, BTreeSet<u64>>) {
    let names: Vec<u8> = group.consumers().map(|consumer| consumer.name[0]).collect();
    assert_eq!(names, model.keys().copied().collect::<Vec<_>>());
    let mut all = BTreeMap::new();
    for (consumer, (name, pending)) in group.consumers().zip(model) {
        let ids: BTreeSet<u64> = consumer.pending(StreamId::MIN..).map(|id| id.ms).collect();
        assert_eq!((&ids, consumer.pending_len()), (pending, ids.len()));
        all.extend(ids.into_iter().map(|id| (id, *name)));
    }
    let owners: BTreeMap<u64, u8> = group
        .pending(StreamId::MIN..)
        .map(|(id, pending)| (id.ms, group.consumer(pending.owner).name[0]))
        .collect();
    assert_eq!((&owners, group.pending_len()), (&all, all.len()));
    assert!(group.is_owned());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn what_is_pending_is_one_consumers(steps in vec(group_step(), 0..100)) {
        let (mut stream, mut model) = (Stream::default(), BTreeMap::<u8, BTreeSet<u64>>::new());
        let empty = stream.memory();
        assert!(stream.add_group(b"group", Group::default()));
        assert!(!stream.add_group(b"group", Group::default()));
        let alone = stream.memory();
        for step in steps {
            stream.change_group(b"group", |group, _| {
                match step {
                    GroupStep::AddConsumer(name) => {
                        let is_new = group.add_consumer(&[name], 0, None).is_some();
                        assert_eq!(is_new, !model.contains_key(&name));
                        model.entry(name).or_default();
                    }
                    GroupStep::RemoveConsumer(name) => {
                        let pending = group.remove_consumer(&[name]);
                        assert_eq!(pending, model.remove(&name).map(|pending| pending.len()));
                    }
                    GroupStep::Deliver(id, name) => {
                        let Some(owner) = group.consumer_id(&[name]) else { return };
                        let pending = group.deliver(StreamId { ms: id, seq: 0 }, owner, 5);
                        assert_eq!(pending, Pending { delivered_ms: 5, deliveries: 1, owner });
                        model.values_mut().for_each(|pending| pending.retain(|own| *own != id));
                        model.entry(name).or_default().insert(id);
                    }
                    GroupStep::Acknowledge(id) => {
                        let was_pending = group.acknowledge(StreamId { ms: id, seq: 0 }).is_some();
                        let was = model.values_mut().any(|pending| pending.remove(&id));
                        assert_eq!(was_pending, was);
                    }
                }
                check_group(group, &model);
            }).expect("the group is there");
            let busy = model.values().any(|pending| !pending.is_empty()) || !model.is_empty();
            assert_eq!(stream.memory() > alone, busy);
        }
        stream.remove_group(b"group").expect("the group is there");
        assert_eq!(stream.memory(), empty);
    }
}

#[test]
fn reading_is_counted_as_redis_counts_it() {
    let mut log = Log::default();
    let id = |ms| StreamId { ms, seq: 0 };
    assert_eq!((log.added_up_to(id(9)), log.lag(id(9), None)), (Some(0), Some(0)));
    for ms in 1..=5 {
        log.append(id(ms), [&b"f"[..], b"v"].into_iter(), 2, BlockLimits::default());
    }
    let counts: Vec<_> = [0, 1, 2, 5, 6].map(|ms| log.added_up_to(id(ms))).into();
    assert_eq!(counts, [Some(0), Some(1), None, Some(5), None]);
    assert_eq!((log.lag(id(2), Some(2)), log.lag(id(2), None)), (Some(3), None));
    assert_eq!((log.read_with(Some(2), id(3)), log.read_with(None, id(3))), (Some(3), None));
    // A gap in front of a group, and one behind it.
    assert!(log.delete(id(3)));
    assert_eq!(
        (log.lag(id(2), Some(2)), log.lag(id(3), Some(3)), log.lag(id(4), Some(4))),
        (None, None, Some(1))
    );
    assert_eq!((log.read_with(Some(1), id(2)), log.read_with(Some(4), id(5))), (None, Some(5)));
    for ms in [1, 2, 4, 5] {
        assert!(log.delete(id(ms)));
    }
    assert_eq!((log.added_up_to(id(3)), log.lag(id(3), Some(1))), (Some(5), Some(4)));
}
