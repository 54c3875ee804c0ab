//! Random commands on streams and groups, reply by reply against redis-server 7.0.15, and then the state of all of it, also after a
//! restart from each kind of file. Ids are never chosen by the clock, so that they can be compared.
//! `SANDKEY_SEED` repeats a run.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use sandkey_tests::extent::seed;
use sandkey_tests::{Client, Peer, Server, Value, paths};

const KEYS: [&str; 5] = ["s1", "s2", "s3", "text", "missing"];
const GROUPS: [&str; 3] = ["g1", "g2", "rare"];
const CONSUMERS: [&str; 3] = ["a", "b", "c"];
const VALUES: [&str; 8] =
    ["v", "12", "-5", "70000", "99999999999", "9223372036854775807", "007", "longer than others"];
const ODD_IDS: [&str; 11] =
    ["0", "-", "+", "(7", "x", "5-*", "(5-1", "$", ">", "0-0", "18446744073709551615-18446744073709551615"];

/// Nodes are small, so that there are many.
const ARGS: &[&str] = &["--stream-node-max-entries", "5"];

struct Source {
    rng: StdRng,
    /// The time of the last id of each key.
    last: [u64; KEYS.len()],
}

impl Source {
    fn chance(&mut self, one_in: u32) -> bool {
        self.rng.random_range(0..one_in) == 0
    }

    fn pick(&mut self, words: &[&str]) -> String {
        words[self.rng.random_range(0..words.len())].to_owned()
    }

    fn key(&mut self) -> usize {
        [0, 0, 0, 1, 1, 1, 2, 2, 3, 4][self.rng.random_range(0..10)]
    }

    fn id(&mut self) -> String {
        match self.rng.random_range(0..8) {
            0 => self.pick(&ODD_IDS),
            1 => self.rng.random_range(0..40).to_string(),
            _ => format!("{}-{}", self.rng.random_range(0..40), self.rng.random_range(0..4)),
        }
    }

    fn ids(&mut self) -> String {
        let count = self.rng.random_range(1..4);
        (0..count).map(|_| self.id()).collect::<Vec<_>>().join(" ")
    }

    fn new_id(&mut self, key: usize) -> String {
        if self.chance(8) {
            return self.id();
        }
        self.last[key] += self.rng.random_range(0..3);
        let last = self.last[key];
        match self.rng.random_range(0..3) {
            0 => format!("{last}-*"),
            1 => last.to_string(),
            _ => format!("{last}-{}", self.rng.random_range(0..4)),
        }
    }

    fn trim(&mut self) -> String {
        let mark = self.pick(&["", "= ", "~ ", "~ "]);
        let limit = if self.chance(3) {
            format!(" LIMIT {}", self.pick(&["0", "5", "10", "-1", "x"]))
        } else {
            String::new()
        };
        if self.chance(2) {
            format!("MAXLEN {mark}{}{limit}", self.rng.random_range(0..30))
        } else {
            format!("MINID {mark}{}{limit}", self.id())
        }
    }

    fn option(&mut self, one_in: u32, name: &str, values: &[&str]) -> String {
        if !self.chance(one_in) {
            return String::new();
        }
        match values {
            [] => format!(" {name}"),
            values => format!(" {name} {}", self.pick(values)),
        }
    }

    fn fields(&mut self) -> String {
        let (first, second) = (self.pick(&VALUES), self.pick(&VALUES));
        match self.rng.random_range(0..6) {
            0 => format!("{first} {second}").replace("longer than others", "long"),
            1 => "alone".to_owned(),
            _ => format!("f {} g {}", first.replace(' ', "_"), second.replace(' ', "_")),
        }
    }

    /// A command as a line without quotes.
    fn line(&mut self) -> String {
        let at = self.key();
        let (key, group, consumer) = (KEYS[at], self.pick(&GROUPS), self.pick(&CONSUMERS));
        let counts = ["0", "1", "3", "-1", "x", "1000000000000"];
        match self.rng.random_range(0..100) {
            0..34 => {
                let trim = if self.chance(8) { format!(" {}", self.trim()) } else { String::new() };
                let (nomkstream, id) = (self.option(10, "NOMKSTREAM", &[]), self.new_id(at));
                format!("XADD {key}{nomkstream}{trim} {id} {}", self.fields())
            }
            34..42 => {
                let name = self.pick(&["XRANGE", "XREVRANGE"]);
                format!("{name} {key} {} {}{}", self.id(), self.id(), self.option(3, "COUNT", &counts))
            }
            42..44 => format!("XLEN {key}"),
            44..50 => format!("XDEL {key} {}", self.ids()),
            50..53 => format!("XTRIM {key} {}", self.trim()),
            // redis-server 7.0 does not know `+`.
            53..58 => {
                let id = self.id().replace('+', "0");
                format!("XREAD{} STREAMS {key} {id}", self.option(3, "COUNT", &counts))
            }
            58..62 => {
                let read = self.option(5, "ENTRIESREAD", &["3", "-1", "-2", "x"]);
                format!("XGROUP CREATE {key} {group} {}{}{read}", self.id(), self.option(3, "MKSTREAM", &[]))
            }
            62..63 => format!("XGROUP SETID {key} {group} {}", self.id()),
            63..64 => format!("XGROUP DESTROY {key} {group}"),
            64..65 => format!("XGROUP DELCONSUMER {key} {group} {consumer}"),
            65..76 => {
                let options = self.option(2, "COUNT", &["1", "2", "3"]) + &self.option(7, "NOACK", &[]);
                let id = if self.chance(4) { self.id() } else { ">".to_owned() };
                format!("XREADGROUP GROUP {group} {consumer}{options} STREAMS {key} {id}")
            }
            76..80 => format!("XACK {key} {group} {}", self.ids()),
            80..83 => format!("XPENDING {key} {group}"),
            83..89 => {
                let options = self.option(3, "FORCE", &[])
                    + &self.option(3, "JUSTID", &[])
                    + &self.option(5, "RETRYCOUNT", &["5", "-1", "x"])
                    + &self.option(5, "LASTID", &["9-0", "30-1", "x"]);
                let idle = self.pick(&["0", "0", "-5", "x", "100000000"]);
                format!("XCLAIM {key} {group} {consumer} {idle} {}{options}", self.ids())
            }
            89..93 => {
                let options =
                    self.option(2, "COUNT", &["1", "2", "5", "0", "x"]) + &self.option(3, "JUSTID", &[]);
                format!("XAUTOCLAIM {key} {group} {consumer} 0 {}{options}", self.id())
            }
            93..96 => format!("XINFO GROUPS {key}"),
            96..98 => format!("DEBUG DIGEST-VALUE {key}"),
            98..99 => "SET text text".to_owned(),
            _ => {
                self.last[at] = 0;
                format!("DEL {key}")
            }
        }
    }
}

/// What XINFO says, without what depends on the moment and on how the stream is stored. The times of deliveries are kept if they are
/// from the same server.
fn without_moments(value: Value, same_server: bool) -> Value {
    let dropped = ["radix-tree-keys", "radix-tree-nodes", "seen-time", "active-time"];
    let items = match value {
        Value::Array(items) => items,
        Value::Int(1_000_000_000_000..) if !same_server => return Value::Int(0),
        other => return other,
    };
    let mut kept = Vec::new();
    let mut items = items.into_iter();
    while let Some(item) = items.next() {
        if dropped.contains(&item.text().as_str()) {
            items.next();
        } else {
            kept.push(without_moments(item, same_server));
        }
    }
    Value::Array(kept)
}

fn state(client: &mut Client, same_server: bool) -> Vec<Value> {
    let full = |key: &&str| client.value(&format!("XINFO STREAM {key} FULL COUNT 0"));
    KEYS.iter().map(full).map(|value| without_moments(value, same_server)).collect()
}

#[test]
fn replies_and_state_are_those_of_redis() {
    if paths::stand_in() {
        return;
    }
    let seed = seed();
    for persistence in [["--appendonly", "yes"], ["--save", "3600 1"]] {
        let args = [ARGS, &persistence].concat();
        let (mut server, peer) = (Server::start(&args), Peer::redis(ARGS));
        let (mut ours, mut theirs) = (server.client(), peer.client());
        let mut source = Source { rng: StdRng::seed_from_u64(seed), last: [0; KEYS.len()] };
        for n in 0..6000 {
            let line = source.line();
            // Redis 7.2 makes a consumer that is named even if it gets nothing, 7.0 does not.
            if line.starts_with("XREADGROUP") || line.starts_with("XCLAIM") || line.starts_with("XAUTOCLAIM")
            {
                let words: Vec<&str> = line.split(' ').collect();
                for key in KEYS {
                    let create = format!("XGROUP CREATECONSUMER {key} {} {}", words[2], words[3]);
                    assert_eq!(
                        ours.value(&create),
                        theirs.value(&create),
                        "SANDKEY_SEED={seed}: {n}: {create}"
                    );
                }
            }
            assert_eq!(ours.value(&line), theirs.value(&line), "SANDKEY_SEED={seed}: {n}: {line}");
        }
        assert_eq!(state(&mut ours, false), state(&mut theirs, false), "SANDKEY_SEED={seed}");
        let before = state(&mut ours, true);
        drop(ours);
        server.restart();
        assert_eq!(state(&mut server.client(), true), before, "SANDKEY_SEED={seed}: after a restart");
    }
}
