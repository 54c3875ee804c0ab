//! Which commands a client sends: a stream that follows from a seed. Names of keys say what they are for:
//!
//! ```text
//! s strings of few contents, for CAS     e strings that expire soon     h hashes     a accounts
//! g strings that grow                    n counters                     t limits     x anything: RENAME and COPY lead here
//! l lists                                m sets                         z sorted sets     w streams
//! ```

use super::collections::Collection;
use super::commands::Command;
use super::look::now_ms;
use super::model::Bytes;
use super::worker::Unit;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// How many keys of each kind a client has.
const KEYS: [(char, usize); 12] = [
    ('s', 6),
    ('g', 4),
    ('e', 5),
    ('n', 4),
    ('h', 5),
    ('t', 2),
    ('a', 6),
    ('x', 4),
    ('l', 4),
    ('m', 4),
    ('z', 4),
    ('w', 3),
];

/// The kinds that are renamed, copied and given a time.
const MOVED: [char; 8] = ['g', 'h', 'a', 's', 'l', 'm', 'z', 'w'];

/// A time that no test lives to see.
const FAR_MS: u64 = 4_000_000_000_000;

/// What a client is told to send.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mix {
    /// Everything.
    Everything,
    /// Mostly commands of the module that are ended by their fuel.
    Traps,
}

/// A stream of units.
pub(crate) struct Script {
    pub(crate) rng: StdRng,
    prefix: String,
    mix: Mix,
    /// How many rounds use all of a command's fuel, about.
    rounds: u64,
    /// The highest id of an entry of a stream so far.
    last_id: u64,
}

impl Script {
    /// The stream of a client.
    pub(crate) fn new(seed: u64, client: usize, mix: Mix, rounds: u64) -> Script {
        let rng = StdRng::seed_from_u64(seed.wrapping_mul(1_000_003).wrapping_add(client as u64));
        Script { rng, prefix: format!("c{client}"), mix, rounds, last_id: 1 }
    }

    /// All keys that it ever touches.
    pub(crate) fn keys(&self) -> Vec<String> {
        let of = |(kind, count): (char, usize)| (0..count).map(move |i| (kind, i));
        KEYS.into_iter().flat_map(of).map(|(kind, i)| format!("{}:{kind}{i}", self.prefix)).collect()
    }

    fn key(&mut self, kind: char) -> String {
        let count = KEYS.iter().find(|(known, _)| *known == kind).expect("the kind is in the table").1;
        format!("{}:{kind}{}", self.prefix, self.rng.random_range(0..count))
    }

    /// Different keys of a kind.
    fn keys_of(&mut self, kind: char, count: usize) -> Vec<String> {
        let mut keys: Vec<String> = (0..count).map(|_| self.key(kind)).collect();
        keys.sort();
        keys.dedup();
        keys
    }

    fn two(&mut self, kind: char) -> [String; 2] {
        loop {
            let [one, other] = [self.key(kind), self.key(kind)];
            if one != other {
                return [one, other];
            }
        }
    }

    /// Any bytes: few or many, easy and hard to compress, empty only where that means something.
    fn bytes(&mut self, most: usize) -> Bytes {
        let len = match self.rng.random_range(0..10) {
            0 => self.rng.random_range(1..=most),
            _ => self.rng.random_range(1..=most.min(24)),
        };
        let random = self.rng.random_bool(0.5);
        (0..len).map(|i| if random { self.rng.random() } else { b'a' + (i % 3) as u8 }).collect()
    }

    /// One of few short contents.
    fn word(&mut self) -> Bytes {
        format!("v{}", self.rng.random_range(0..3)).into_bytes()
    }

    fn amount(&mut self) -> i64 {
        self.rng.random_range(-1000..1000)
    }

    /// The next unit.
    pub(crate) fn unit(&mut self) -> Unit {
        if self.mix == Mix::Traps && self.rng.random_bool(0.75) {
            return Unit { commands: vec![self.burn()], multi: false };
        }
        let multi = self.rng.random_bool(0.15);
        let count = if multi { self.rng.random_range(1..6) } else { 1 };
        Unit { commands: (0..count).map(|_| self.command()).collect(), multi }
    }

    fn command(&mut self) -> Command {
        match self.rng.random_range(0..100) {
            0..30 => self.native(),
            30..55 => Command::Collection(self.collection()),
            55..62 => self.cas(),
            // A command of a kind of key on a key of any kind: mostly refused.
            62..65 => self.astray(),
            _ => self.ledger(),
        }
    }

    fn native(&mut self) -> Command {
        match self.rng.random_range(0..17) {
            0 => Command::Set { key: self.key('s'), value: self.word(), expire_ms: None },
            1 => Command::Set { key: self.key('g'), value: self.bytes(20_000), expire_ms: None },
            2 => {
                let far = FAR_MS + self.rng.random_range(0..1000);
                Command::Set { key: self.key('g'), value: self.bytes(100), expire_ms: Some(far) }
            }
            3 => {
                let soon = now_ms() + self.rng.random_range(30..3000);
                Command::Set { key: self.key('e'), value: self.bytes(100), expire_ms: Some(soon) }
            }
            4 => Command::Append { key: self.key('g'), value: self.bytes(300) },
            5 => {
                let (at, value) = (self.rng.random_range(0..200), self.bytes(50));
                Command::SetRange { key: self.key('g'), at, value }
            }
            6 => Command::GetDel { key: self.key('g') },
            7 => Command::IncrBy { key: self.key('n'), by: self.amount() },
            8 => {
                let keys = self.keys_of('s', 4);
                Command::MSet { pairs: keys.into_iter().map(|key| (key, self.word())).collect() }
            }
            9 => {
                let mut keys = self.keys_of('h', 1);
                keys.extend([self.key('g'), self.key('x'), self.key('a'), self.key('t')]);
                Command::Del { keys }
            }
            10 => {
                let kind = MOVED[self.rng.random_range(0..MOVED.len())];
                Command::Rename { from: self.key(kind), to: self.key('x') }
            }
            11 => {
                let kind = MOVED[self.rng.random_range(0..MOVED.len())];
                Command::Copy { from: self.key(kind), to: self.key('x') }
            }
            12 => {
                let kind = ['g', 'h', 'a', 'n', 'x', 'l', 'm', 'z', 'w'][self.rng.random_range(0..9)];
                Command::ExpireAt { key: self.key(kind), ms: FAR_MS + self.rng.random_range(0..1000) }
            }
            13 => {
                let kind = MOVED[self.rng.random_range(0..MOVED.len())];
                Command::Persist { key: self.key(kind) }
            }
            14 => {
                let pairs =
                    (0..self.rng.random_range(1..5)).map(|_| (self.word(), self.bytes(200))).collect();
                Command::HSet { key: self.key('h'), pairs }
            }
            15 => {
                let fields = vec![self.word(), self.word(), b"last".to_vec()];
                Command::HDel { key: self.key('h'), fields }
            }
            _ => {
                let field = format!("n{}", self.rng.random_range(0..200)).into_bytes();
                Command::HIncrBy { key: self.key('h'), field, by: self.amount() }
            }
        }
    }

    fn elements(&mut self, most: usize) -> Vec<Bytes> {
        (0..self.rng.random_range(1..=most)).map(|_| self.bytes(200)).collect()
    }

    /// One of not so many members.
    fn member(&mut self) -> Bytes {
        match self.rng.random_range(0..3) {
            0 => self.word(),
            1 => self.rng.random_range(0..300).to_string().into_bytes(),
            _ => format!("member-{}", self.rng.random_range(0..300)).into_bytes(),
        }
    }

    fn members(&mut self, most: usize) -> Vec<Bytes> {
        (0..self.rng.random_range(1..=most)).map(|_| self.member()).collect()
    }

    fn collection(&mut self) -> Collection {
        match self.rng.random_range(0..20) {
            0..4 => {
                let (key, left) = (self.key('l'), self.rng.random());
                Collection::Push { key, left, elements: self.elements(12) }
            }
            4 | 5 => Collection::Pop { key: self.key('l'), left: self.rng.random() },
            6 => {
                let [from, to] = [self.key('l'), self.key('l')];
                Collection::Move { from, to, from_left: self.rng.random(), to_left: self.rng.random() }
            }
            7 => Collection::TrimList { key: self.key('l'), keep: self.rng.random_range(1..200) },
            8..10 => Collection::AddMembers { key: self.key('m'), members: self.members(20) },
            10 => Collection::RemoveMembers { key: self.key('m'), members: self.members(10) },
            11 => {
                let [from, to] = self.two('m');
                Collection::MoveMember { from, to, member: self.member() }
            }
            12 => Collection::UnionStore { to: self.key('m'), from: self.two('m') },
            13 | 14 => {
                let members = self.members(20);
                let members = members.into_iter().map(|member| (self.amount(), member)).collect();
                Collection::AddScored { key: self.key('z'), members }
            }
            15 => {
                let (key, by) = (self.key('z'), self.amount());
                Collection::IncrementScore { key, by, member: self.member() }
            }
            16 => Collection::PopLowest { key: self.key('z') },
            17 | 18 => {
                self.last_id += self.rng.random_range(0..3);
                Collection::AddEntry { key: self.key('w'), id: self.last_id, value: self.bytes(200) }
            }
            _ if self.rng.random() => {
                let id = self.last_id.saturating_sub(self.rng.random_range(0..30));
                Collection::DeleteEntry { key: self.key('w'), id }
            }
            _ => Collection::TrimStream { key: self.key('w'), keep: self.rng.random_range(0..300) },
        }
    }

    fn cas(&mut self) -> Command {
        match self.rng.random_range(0..3) {
            0 => Command::CasSet { key: self.key('s'), expected: self.word(), new: self.word() },
            1 => {
                let keys = self.keys_of('s', 2);
                Command::CasMSet {
                    changes: keys.into_iter().map(|key| (key, self.word(), self.word())).collect(),
                }
            }
            _ => Command::Throttle { key: self.key('t') },
        }
    }

    fn astray(&mut self) -> Command {
        match self.rng.random_range(0..4) {
            0 if self.rng.random() => Command::Collection(Collection::Push {
                key: self.key('x'),
                left: true,
                elements: self.elements(3),
            }),
            0 => Command::Append { key: self.key('x'), value: self.bytes(10) },
            1 => Command::HSet { key: self.key('x'), pairs: vec![(self.word(), self.word())] },
            2 => Command::Add { key: self.key('x'), amount: self.amount(), text: self.word() },
            _ => {
                let (amount, keys) = (self.amount(), vec![self.key('a'), self.key('x')]);
                Command::AddAll { amount, text: b"astray".to_vec(), keys, journal: self.rng.random() }
            }
        }
    }

    fn ledger(&mut self) -> Command {
        match self.rng.random_range(0..20) {
            0..5 => Command::Add { key: self.key('a'), amount: self.amount(), text: self.bytes(500) },
            5..7 => Command::Stamp { key: self.key('a'), text: self.bytes(20) },
            7 => {
                let (len, seed) = (self.rng.random_range(0..30_000), self.rng.random());
                Command::Fill { key: self.key('a'), len, seed }
            }
            8 | 9 => Command::Trim { key: self.key('a'), keep: self.rng.random_range(0..40) },
            10 => {
                let [key, other] = self.two('a');
                Command::Link { key, other: if self.rng.random() { other } else { String::new() } }
            }
            11 => Command::Reset { key: self.key('a'), amount: self.amount() },
            12 => {
                let [from, to] = self.two('a');
                Command::Move { from, to, amount: self.amount() }
            }
            13 | 14 => {
                let (amount, text, keys) = (self.amount(), self.bytes(40), self.keys_of('a', 3));
                Command::AddAll { amount, text, keys, journal: self.rng.random() }
            }
            15 => {
                let [key, counter, hash] = ['a', 'n', 'h'].map(|kind| self.key(kind));
                Command::Mixed { key, counter, hash, amount: self.amount() }
            }
            16 => Command::Through { key: self.key('a'), amount: self.amount() },
            17 => {
                let [left, right] = self.two('a');
                Command::Swap { left, right }
            }
            18 => {
                let how = if self.rng.random_bool(0.7) { "error" } else { "trap" };
                let [key, native, replaced] = ['a', 'g', 'x'].map(|kind| self.key(kind));
                Command::Fail { key, native, replaced, how }
            }
            _ => self.burn(),
        }
    }

    /// So many rounds that the fuel ends before, in or after the steps.
    fn burn(&mut self) -> Command {
        let [key, other] = self.two('a');
        let rounds = match self.rng.random_range(0..4) {
            0 => self.rng.random_range(0..self.rounds),
            // Mostly about where it ends: the steps cost some percent of all.
            _ => self.rng.random_range(self.rounds * 9 / 10..self.rounds * 11 / 10),
        };
        let steps = self.rng.random_range(1..12);
        Command::Burn { key, counter: self.key('n'), other, rounds, steps }
    }
}
