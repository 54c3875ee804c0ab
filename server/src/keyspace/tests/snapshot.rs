//! A snapshot equals a copy of the keyspace at its begin, whatever is done while it is walked.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use rand::{Rng, RngExt, SeedableRng, rngs::StdRng};

use crate::keyspace::{
    AccessClock, Busy, Db, Entry, EntryRef, Expire, Hash, Key, Keyspace, Locked, ModuleValue, PackedLimits,
    Revision, ShardId, Snapshot, TypeId, Value,
};

const DATABASES: usize = 3;

/// All there is to know of an entry, its access clock excepted.
type Seen = (String, Option<u64>);
type Copy = BTreeMap<(usize, Vec<u8>), Seen>;

fn keyspace() -> Keyspace {
    Keyspace::new(4, DATABASES, AccessClock::Lru, 1)
}

fn seen(entry: EntryRef<'_>) -> Seen {
    let value = match entry.to_value() {
        Value::Hash(hash) => {
            let mut fields = Vec::new();
            hash.iter().for_each(|(field, value)| fields.push((field.to_vec(), value.to_vec())));
            fields.sort();
            format!("{:?} {fields:?}", entry.encoding())
        }
        Value::Module(value) => {
            let commands = value.journal().iter().map(|command| (command.now_us, command.argv().count()));
            format!("{:?} {:?} {:?}", value.id(), value.saved(), commands.collect::<Vec<_>>())
        }
        other => format!("{:?} {other:?}", entry.encoding()),
    };
    (value, entry.expire_at())
}

fn copy(locked: &mut Locked<'_>) -> Copy {
    let mut copy = Copy::new();
    for (_, shard) in locked.shards_mut() {
        for (index, db) in shard.dbs().iter() {
            copy.extend(db.iter().map(|entry| ((index, entry.key().to_vec()), seen(entry))));
        }
    }
    copy
}

/// A walk, and what it must yield.
struct Walk<'k> {
    snapshot: Snapshot<'k>,
    expected: Copy,
    yielded: Copy,
    batch: Vec<Entry>,
}

impl<'k> Walk<'k> {
    fn begin(keyspace: &'k Keyspace) -> Self {
        let mut locked = keyspace.lock_all();
        let expected = copy(&mut locked);
        let (snapshot, value) =
            Snapshot::begin_in(keyspace, &mut locked, || 7).expect("no other is under way");
        assert_eq!(value, 7);
        let keys: usize = snapshot.databases().iter().map(|counts| counts.keys).sum();
        let volatile: usize = snapshot.databases().iter().map(|counts| counts.volatile).sum();
        assert_eq!(
            (keys, volatile),
            (expected.len(), expected.values().filter(|(_, at)| at.is_some()).count())
        );
        Walk { snapshot, expected, yielded: Copy::new(), batch: Vec::new() }
    }

    /// False at the end.
    fn step(&mut self) -> bool {
        let Some(db) = self.snapshot.next(&mut self.batch) else { return false };
        for entry in &self.batch {
            let entry = entry.as_ref();
            let before = self.yielded.insert((db, entry.key().to_vec()), seen(entry));
            assert!(before.is_none(), "{} came twice", entry.key().escape_ascii());
        }
        true
    }

    fn finish(mut self) {
        while self.step() {}
        assert_eq!(self.yielded, self.expected);
    }
}

/// What changes the keyspace at random.
struct Writer<'k> {
    keyspace: &'k Keyspace,
    rng: StdRng,
    now_ms: u64,
    /// Databases that were flushed and are dropped some time later.
    flushed: Vec<(ShardId, Db)>,
    expiry: u64,
}

impl Writer<'_> {
    fn hash(&mut self) -> Value {
        let mut hash = Hash::new();
        for i in 0..self.rng.random_range(1..200) {
            hash.set(format!("f{i}").as_bytes(), b"value", PackedLimits::default());
        }
        Value::Hash(Box::new(hash))
    }

    fn module_value() -> Value {
        let id = TypeId::new("test___dt", 1).expect("the name is good");
        Value::Module(Box::new(ModuleValue::new(id, vec![5, 1, b'x'])))
    }

    fn expire(&mut self) -> Expire {
        match self.rng.random_range(0..3) {
            0 => Expire::Keep,
            1 => Expire::Clear,
            _ => Expire::At(self.now_ms + self.rng.random_range(0..300)),
        }
    }

    fn write(&mut self) {
        self.now_ms += self.rng.random_range(0..2);
        let name = format!("key:{}", self.rng.random_range(0..2000));
        let other = format!("key:{}", self.rng.random_range(0..2000));
        let index = self.rng.random_range(0..DATABASES);
        let len = *[0, 3, 40, 5000].get(self.rng.random_range(0..4)).unwrap_or(&0);
        let bytes = vec![b'a' + (self.now_ms % 26) as u8; len];
        let (key, now_ms, expire) = (Key::new(name.as_bytes()), self.now_ms, self.expire());
        let choice = self.rng.random_range(0..1000);
        let value = if choice % 2 == 0 { self.hash() } else { Self::module_value() };
        let mut locked = self.keyspace.lock_all();
        let db = locked.db(&key, index).expect("all are locked");
        match choice {
            0..200 => drop(db.set_string(&key, &bytes, expire, now_ms)),
            200..250 => drop(db.set_text(&key, b"12", expire, now_ms)),
            250..330 => drop(db.set_value(&key, value, expire, now_ms)),
            330..430 => drop(db.remove(&key, now_ms)),
            430..480 => drop(db.append(&key, &bytes, now_ms)),
            480..530 => drop(db.set_range(&key, 5, &bytes, now_ms)),
            530..600 => drop(db.incr_by(&key, 3, now_ms)),
            600..650 => drop(db.set_expire(&key, Some(now_ms + 100), now_ms)),
            650..680 => drop(db.set_expire(&key, None, now_ms)),
            680..800 => Self::edit(db, &key, now_ms),
            800..850 => Self::undone(db, &key, &bytes, now_ms),
            850..900 => {
                // As RENAME and MOVE do it.
                let to = Key::new(other.as_bytes());
                if let Some(entry) = db.remove(&key, now_ms) {
                    let entry = entry.with_key(to.bytes);
                    drop(locked.db(&to, (index + 1) % DATABASES).expect("all are locked").restore(entry));
                }
            }
            900..950 => drop(db.get(&key, now_ms).map(EntryRef::key)),
            950..980 => {
                let mut cursor = self.expiry;
                db.expire_cycle(now_ms, 50, &mut cursor, drop);
                self.expiry = cursor;
            }
            980..984 => drop(locked.swapdb(index, (index + 1) % DATABASES, 0)),
            984..986 => {
                // A flush that is undone before anybody can see it.
                let old = locked.flush(index);
                locked.db(&key, index).expect("all are locked").set_string(
                    &key,
                    b"new",
                    Expire::Keep,
                    now_ms,
                );
                locked.unflush(index, old);
            }
            986..988 => self.flushed.extend(locked.flush(index)),
            988..992 => drop(std::mem::take(&mut self.flushed)),
            _ => Self::many(&mut locked, index, now_ms, choice % 2 == 0),
        }
    }

    /// Edits a value in place.
    fn edit(db: &mut Db, key: &Key<'_>, now_ms: u64) {
        let Some(mut entry) = db.get_mut(key, now_ms) else { return };
        if let Some(hash) = entry.hash() {
            hash.set(b"f1", &now_ms.to_le_bytes(), PackedLimits::default());
        }
        if let Some(value) = entry.module() {
            value.journal_mut().push(Revision::default(), now_ms, 1, [b"t.add".as_slice(), b"1"].into_iter());
        }
    }

    /// A write of a module's command that fails: what stood there is put back, moved or copied.
    fn undone(db: &mut Db, key: &Key<'_>, bytes: &[u8], now_ms: u64) {
        let copy = db.snapshot(key, now_ms);
        let moved = db.displace_string(key, bytes, Expire::Clear, now_ms);
        let back = if now_ms.is_multiple_of(2) { copy } else { moved };
        match back {
            Some(entry) => drop(db.restore(entry)),
            None => drop(db.remove(key, now_ms)),
        }
    }

    /// So many at once that segments split, or merge.
    fn many(locked: &mut Locked<'_>, index: usize, now_ms: u64, add: bool) {
        for i in 0..3000 {
            let name = format!("key:{i}");
            let key = Key::new(name.as_bytes());
            let db = locked.db(&key, index).expect("all are locked");
            if add {
                db.set_string(&key, b"one of many", Expire::Clear, now_ms);
            } else {
                db.remove(&key, now_ms);
            }
        }
    }
}

fn run(seed: u64) {
    let keyspace = keyspace();
    let rng = StdRng::seed_from_u64(seed);
    let mut writer = Writer { keyspace: &keyspace, rng, now_ms: 1000, flushed: Vec::new(), expiry: 0 };
    for _ in 0..6 {
        (0..writer.rng.random_range(0..600)).for_each(|_| writer.write());
        let mut walk = Walk::begin(&keyspace);
        assert_eq!(Snapshot::begin(&keyspace, || ()).err(), Some(Busy));
        let (writes, steps) = (writer.rng.random_range(0..30), writer.rng.random_range(0..4));
        let until = writer.rng.random_range(0..60);
        for _ in 0..until {
            (0..writes).for_each(|_| writer.write());
            // The last step waits for them, and here nobody else would drop them.
            writer.flushed.clear();
            (0..steps).for_each(|_| {
                walk.step();
            });
        }
        // Some are given up in the middle, which the next one must not notice.
        if writer.rng.random_range(0..4) > 0 {
            walk.finish();
        } else {
            drop(walk);
        }
        assert!(!keyspace.is_in_snapshot());
    }
}

#[test]
fn a_snapshot_is_the_moment_of_its_begin() {
    (0..12).for_each(run);
}

#[test]
fn a_step_copies_a_bounded_number_of_keys_and_bytes() {
    let keyspace = keyspace();
    for i in 0..400 {
        let name = format!("key:{i}");
        let key = Key::new(name.as_bytes());
        let value = vec![b'x'; if i < 300 { 10 } else { 100_000 }];
        let mut locked = keyspace.lock_keys([&key]);
        locked.db(&key, 0).expect("it is locked").set_string(&key, &value, Expire::Clear, 0);
    }
    let mut walk = Walk::begin(&keyspace);
    while walk.step() {
        let bytes: usize = walk.batch.iter().map(|entry| entry.as_ref().memory()).sum();
        assert!(bytes < crate::limits::SNAPSHOT_STEP_BYTES + 200_000, "{bytes}");
        assert!(walk.batch.len() < crate::limits::SNAPSHOT_STEP_KEYS + 50, "{}", walk.batch.len());
    }
    walk.finish();
}

#[test]
fn what_writers_copied_is_counted() {
    let keyspace = keyspace();
    let key = Key::new(b"a");
    let set = |value: &[u8]| {
        let mut locked = keyspace.lock_keys([&key]);
        locked.db(&key, 0).expect("it is locked").set_string(&key, value, Expire::Clear, 0);
    };
    set(&[b'x'; 1000]);
    let (mut snapshot, ()) = Snapshot::begin(&keyspace, || ()).expect("no other is under way");
    set(b"1");
    set(b"2");
    assert!((1000..1200).contains(&snapshot.copied_bytes()), "{}", snapshot.copied_bytes());
    let mut batch = Vec::new();
    assert_eq!((snapshot.next(&mut batch), batch.len()), (Some(0), 1));
    assert_eq!(snapshot.next(&mut batch), None);
}

/// Two keys whose sum is always the same are changed by threads, and snapshots see that sum.
#[test]
fn writers_in_other_threads_go_on() {
    let keyspace = Keyspace::new(64, 1, AccessClock::Lru, 1);
    let names: Vec<String> = (0..500).map(|i| format!("account:{i}")).collect();
    let keys: Vec<Key<'_>> = names.iter().map(|name| Key::new(name.as_bytes())).collect();
    let add = |locked: &mut Locked<'_>, key: &Key<'_>, by: i64| {
        let db = locked.db(key, 0).expect("it is locked");
        db.incr_by(key, by, 0).expect("it is an integer");
    };
    keys.iter().for_each(|key| add(&mut keyspace.lock_keys([key]), key, 1000));
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for seed in 0..2 {
            let (keyspace, keys, stop, add) = (&keyspace, &keys, &stop, &add);
            scope.spawn(move || {
                let mut rng = StdRng::seed_from_u64(seed);
                while !stop.load(Relaxed) {
                    let [a, b] = [(); 2].map(|()| &keys[rng.next_u32() as usize % keys.len()]);
                    let mut locked = keyspace.lock_keys([a, b]);
                    add(&mut locked, a, -7);
                    add(&mut locked, b, 7);
                }
            });
        }
        for _ in 0..30 {
            let (mut snapshot, ()) = Snapshot::begin(&keyspace, || ()).expect("no other is under way");
            let (mut sum, mut count, mut batch) = (0, 0, Vec::new());
            while snapshot.next(&mut batch).is_some() {
                count += batch.len();
                let numbers = batch.iter().filter_map(|entry| entry.as_ref().string()?.int());
                sum += numbers.sum::<i64>();
            }
            assert_eq!((sum, count), (500_000, 500));
        }
        stop.store(true, Relaxed);
    });
}
