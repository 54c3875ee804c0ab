//! Random requests from a seed: every native command of the first families with its options, right and wrong
//! arguments, right and wrong types, unknown names, transactions. The same seed gives the same requests.
//! What may differ between two servers that are both right (order, the clock, chance) is said with each request,
//! and nothing more is forgiven. Keys never expire while a run lasts: expiry has tests of its own.

use crate::templates::{FLOATS, JUNK, PATTERNS, TEMPLATES};
use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};

/// How replies of two servers are compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compare {
    /// They are the same.
    Exact,
    /// They hold the same elements in any order, so many of them taken together.
    Sorted(usize),
    /// At every depth they hold the same elements in any order.
    DeepSorted,
    /// Integers that are not negative may differ by that much.
    Within(i64),
    /// They are the same, or the name of a form that redis-server 7.2 has for sets and lists and 7.0 has not.
    Encoding,
    /// They are the same, unless the peer has met no numbers: redis-server 7.0 minds that an earlier text was out of range for one.
    Numbers,
    /// They are of the same kind; errors are the same.
    Kind,
    /// They are of the same kind, arrays of the same length.
    Shape,
    /// The replies of EXEC, each in its own way.
    Each(Vec<Compare>),
}

/// One request.
#[derive(Debug, Clone)]
pub struct Request {
    /// The command and its arguments.
    pub args: Vec<Vec<u8>>,
    /// How its replies are compared.
    pub compare: Compare,
}

use Compare::Exact;

/// What to do next.
#[derive(Debug, Clone)]
pub enum Step {
    /// Send these in one pipeline over the connection of that number.
    Batch(usize, Vec<Request>),
    /// Walk with SCAN, HSCAN or SSCAN to the end, the cursor being the argument of that number, and compare all that came.
    Walk(usize, Vec<Vec<u8>>, usize),
}

/// The number of connections that requests are spread over.
pub const CONNECTIONS: usize = 4;

/// A source of requests.
#[derive(Debug)]
pub struct Generator {
    rng: StdRng,
    weights: Vec<u32>,
    times: u64,
}

impl Generator {
    /// The same seed yields the same requests.
    pub fn new(seed: u64) -> Generator {
        let mut sum = 0;
        let weights = TEMPLATES
            .iter()
            .map(|(_, weight, _)| {
                sum += weight;
                sum
            })
            .collect();
        Generator { rng: StdRng::seed_from_u64(seed), weights, times: 0 }
    }

    /// The names of all commands that it can produce, for tests that go by command.
    pub fn command_names() -> Vec<String> {
        let mut names: Vec<String> = TEMPLATES
            .iter()
            .filter_map(|(template, ..)| template.split(' ').next())
            .filter(|name| name.bytes().all(|b| b.is_ascii_uppercase()) && !name.starts_with("NOSUCH"))
            .map(str::to_ascii_lowercase)
            .collect();
        names.sort();
        names.dedup();
        names
    }

    /// The next thing to do.
    pub fn step(&mut self) -> Step {
        let connection = self.rng.random_range(0..CONNECTIONS);
        match self.rng.random_range(0..100) {
            0..2 => {
                let options = [
                    "",
                    "COUNT 7",
                    "COUNT 1000",
                    "MATCH *1*",
                    "TYPE hash",
                    "TYPE string",
                    "MATCH h:* COUNT 3",
                ];
                let args = words(&format!("SCAN 0 {}", self.pick(&options)));
                Step::Walk(connection, args, 1)
            }
            2..4 => {
                let mut args = words("HSCAN");
                args.push(self.key(b"h:"));
                args.extend(words(&format!(
                    "0 {}",
                    self.pick(&["", "COUNT 5", "MATCH f*", "MATCH *1 COUNT 100"])
                )));
                Step::Walk(connection, args, 2)
            }
            4..6 => {
                let mut args = words("SSCAN");
                args.push(self.key(b"t:"));
                let options = self.pick(&["", "COUNT 5", "MATCH 1*", "MATCH * COUNT 100"]);
                args.extend(words(&format!("0 {options}")));
                Step::Walk(connection, args, 2)
            }
            6..18 => Step::Batch(connection, self.transaction()),
            _ => {
                let count = self.rng.random_range(1..60);
                Step::Batch(connection, (0..count).map(|_| self.request()).collect())
            }
        }
    }

    fn request(&mut self) -> Request {
        let total = self.weights.last().copied().unwrap_or(1);
        let at = self.rng.random_range(0..total);
        let index = self.weights.partition_point(|&sum| sum <= at);
        let (template, _, compare) = &TEMPLATES[index];
        let mut args = Vec::new();
        for word in template.split(' ') {
            self.expand(word, &mut args);
        }
        if self.chance(25) {
            self.spoil(&mut args);
        }
        if self.chance(10)
            && let Some(name) = args.first_mut()
        {
            for byte in name.iter_mut() {
                *byte = if byte.is_ascii_lowercase() {
                    byte.to_ascii_uppercase()
                } else {
                    byte.to_ascii_lowercase()
                };
            }
        }
        Request { args, compare: compare.clone() }
    }

    /// WATCH perhaps, MULTI, some requests, EXEC or DISCARD.
    fn transaction(&mut self) -> Vec<Request> {
        let mut requests = Vec::new();
        if self.chance(3) {
            let keys = [words("WATCH"), vec![self.any_key()]].concat();
            requests.push(Request { args: keys, compare: Exact });
            if self.chance(2) {
                // The connection's own writes count as well.
                requests.push(self.request_outside_transactions());
            }
        }
        requests.push(plain("MULTI"));
        let mut compares = Vec::new();
        for _ in 0..self.rng.random_range(0..8) {
            if self.chance(40) {
                let misplaced = self.pick(&["MULTI", "WATCH a", "NOSUCHCOMMAND", "GET", "SET a"]);
                requests.push(plain(misplaced));
                continue;
            }
            let request = self.request_outside_transactions();
            compares.push(request.compare.clone());
            requests.push(Request { args: request.args, compare: Exact });
        }
        if self.chance(8) {
            requests.push(plain("DISCARD"));
        } else {
            requests.push(Request { args: words("EXEC"), compare: Compare::Each(compares) });
        }
        requests
    }

    fn request_outside_transactions(&mut self) -> Request {
        loop {
            let request = self.request();
            let name = request.args.first().map(|n| n.to_ascii_uppercase()).unwrap_or_default();
            if ![&b"EXEC"[..], b"DISCARD", b"MULTI", b"WATCH", b"UNWATCH"].contains(&&name[..]) {
                return request;
            }
        }
    }

    /// Make a request wrong in one way, or at least strange.
    fn spoil(&mut self, args: &mut Vec<Vec<u8>>) {
        let last = args.len() - 1;
        // COMMAND and COMMAND INFO alone list what each server has, and FLUSHALL would not stop at what both have.
        let shortest = match args[0].as_slice() {
            b"COMMAND" => 2,
            // HELLO alone tells version and number.
            b"FLUSHALL" | b"HELLO" => 1,
            // Without WITHVALUES redis-server begins to draw however many fields are asked for.
            b"HRANDFIELD" => 3,
            // Without their count these take one by chance.
            b"SPOP" | b"SRANDMEMBER" => 2,
            // Only keys of their own.
            b"PFADD" | b"PFMERGE" => 1,
            _ => 0,
        };
        match self.rng.random_range(0..4) {
            0 if last > shortest => {
                args.pop();
            }
            1 => args.push(self.junk()),
            2 if last > shortest => {
                let at = self.rng.random_range(1 + shortest..=last);
                args[at] = self.junk();
            }
            _ => args.push(args[last].clone()),
        }
    }

    fn expand(&mut self, word: &str, args: &mut Vec<Vec<u8>>) {
        let Some(at) = word.find('$') else {
            args.push(word.as_bytes().to_vec());
            return;
        };
        let (prefix, kind) = (&word[..at], &word[at + 1..]);
        if kind == "request" {
            loop {
                let request = self.request();
                if !request.args[0].eq_ignore_ascii_case(b"COMMAND") {
                    args.extend(request.args);
                    return;
                }
            }
        }
        let (kind, times) = match kind.strip_suffix('+') {
            Some(kind) => (kind, self.rng.random_range(1..=4)),
            None => (kind, 1),
        };
        for _ in 0..times {
            match kind {
                "sv" => args.extend([self.key(b"s:"), self.value()]),
                "fv" => args.extend([self.field(), self.value()]),
                "elems" => {
                    let first = self.rng.random_range(0..5000);
                    let last = first + self.rng.random_range(1..400);
                    args.extend((first..last).map(|n: u32| n.to_string().into_bytes()));
                }
                "field" => {
                    let template = self.pick(&[
                        "GET $bits $bitoff",
                        "SET $bits $bitoff $i",
                        "INCRBY $bits $bitoff $i",
                        "OVERFLOW $overflow INCRBY $bits $bitoff $i",
                        "OVERFLOW $overflow SET $bits $bitoff $i",
                    ]);
                    template.split(' ').for_each(|word| self.expand(word, args));
                }
                _ => args.push([prefix.as_bytes().to_vec(), self.argument(kind)].concat()),
            }
        }
    }

    fn argument(&mut self, kind: &str) -> Vec<u8> {
        let text = match kind {
            "k" => return self.any_key(),
            "s" => return self.mostly(b"s:"),
            "n" => return self.mostly(b"n:"),
            "h" => return self.mostly(b"h:"),
            "set" => return self.mostly(b"t:"),
            "m" => return self.member(),
            "ints" => return self.mostly(b"o:"),
            "int" => self.rng.random_range(0..15).to_string(),
            "sorted" => return self.mostly(b"l:"),
            "sortable" => match self.rng.random_range(0..5) {
                0 => return self.mostly(b"t:"),
                1..3 => return self.key(b"l:"),
                _ => return self.key(b"o:"),
            },
            "v" => return self.value(),
            "fld" => return self.field(),
            "junk" => return self.junk(),
            "elem" => return self.value(),
            "p" => format!("p:{}", self.rng.random_range(0..6)),
            "nfld" => format!("c{}", self.rng.random_range(0..4)),
            "i" => self.integer().to_string(),
            "f" => self.pick(FLOATS).to_owned(),
            "idx" => match self.rng.random_range(0..10) {
                0 => self.integer().to_string(),
                _ => self.rng.random_range(-12..30).to_string(),
            },
            "offset" => self.rng.random_range(0..200).to_string(),
            "bit" => self.rng.random_range(0..2).to_string(),
            "bitidx" => self.rng.random_range(-90..200).to_string(),
            "bitoff" => match self.rng.random_range(0..8) {
                0 => format!("#{}", self.rng.random_range(0..20)),
                1 => self.rng.random_range(0..20_000).to_string(),
                _ => self.rng.random_range(0..200).to_string(),
            },
            "bits" => match self.rng.random_range(0..20) {
                0 => self.pick(&["u64", "i65", "u0", "x8", "u", "8"]).to_owned(),
                n if n % 2 == 0 => format!("i{}", self.rng.random_range(1..=64)),
                _ => format!("u{}", self.rng.random_range(1..=63)),
            },
            "bitop" => self.pick(&["AND", "OR", "XOR", "and", "xor", "NOT", "NAND"]).to_owned(),
            // Not FAIL: with it redis-server may lengthen a string and repeat nothing.
            "overflow" => self.pick(&["WRAP", "SAT", "wrap", "sat", "NONE"]).to_owned(),
            "small" => self.rng.random_range(0..12).to_string(),
            "rel" => self.distinct_seconds().to_string(),
            "relms" => (self.distinct_seconds() * 1000).to_string(),
            "abs" => (4_000_000_000_u64 + self.rng.random_range(0..50) * 1000).to_string(),
            "absms" => (4_000_000_000_000_u64 + self.rng.random_range(0..50) * 1_000_000).to_string(),
            "past" => self.rng.random_range(1..1_000_000_000).to_string(),
            "setopt" => self
                .pick(&["NX", "XX", "GET", "KEEPTTL", "EX", "PX", "EXAT", "PXAT", "nx", "PERSIST", "foo"])
                .to_owned(),
            "expopt" => self.pick(&["NX", "XX", "GT", "LT", "nx", "lt"]).to_owned(),
            "db" => match self.rng.random_range(0..20) {
                0 => "16".to_owned(),
                1 => "-1".to_owned(),
                n => (n % 3).to_string(),
            },
            "pat" => self.pick(PATTERNS).to_owned(),
            "name" => self.pick(&["news", "chan", "a b", "", "x\ny", "conn-1"]).to_owned(),
            other => panic!("no argument is called {other:?}"),
        };
        text.into_bytes()
    }

    fn any_key(&mut self) -> Vec<u8> {
        let prefix: &[u8] = match self.rng.random_range(0..4) {
            0 => b"s:",
            1 => b"n:",
            2 => b"t:",
            _ => b"h:",
        };
        self.key(prefix)
    }

    fn mostly(&mut self, prefix: &[u8]) -> Vec<u8> {
        if self.chance(15) { self.any_key() } else { self.key(prefix) }
    }

    fn key(&mut self, prefix: &[u8]) -> Vec<u8> {
        match self.rng.random_range(0..60) {
            0 => Vec::new(),
            1 => b"k\x00\xff\r\n".to_vec(),
            2 => [prefix, b"{tag}"].concat(),
            3 => [prefix, &[b'x'; 300]].concat(),
            n => [prefix, (n % 10).to_string().as_bytes()].concat(),
        }
    }

    fn field(&mut self) -> Vec<u8> {
        match self.rng.random_range(0..100) {
            0 => Vec::new(),
            1 => b"\x00\xff\r\n".to_vec(),
            2 => vec![b'f'; 70],
            3..20 => format!("c{}", self.rng.random_range(0..4)).into_bytes(),
            _ => format!("f{}", self.rng.random_range(0..60)).into_bytes(),
        }
    }

    /// Of a set: often an integer, of any width, and often one that others have.
    fn member(&mut self) -> Vec<u8> {
        match self.rng.random_range(0..60) {
            0 => self.value(),
            1 => self.integer().to_string().into_bytes(),
            2 => b"-0".to_vec(),
            3..6 => format!("m{}", self.rng.random_range(0..20)).into_bytes(),
            6..20 => self.rng.random_range(0..100_000).to_string().into_bytes(),
            _ => self.rng.random_range(-10..40).to_string().into_bytes(),
        }
    }

    fn value(&mut self) -> Vec<u8> {
        match self.rng.random_range(0..24) {
            0 => Vec::new(),
            1..6 => self.integer().to_string().into_bytes(),
            6..8 => self.pick(FLOATS).as_bytes().to_vec(),
            8 => self.junk(),
            9..11 => (0..self.rng.random_range(1..80)).map(|_| self.rng.random()).collect(),
            11 => vec![b'v'; self.rng.random_range(40..48)],
            12 => vec![b'v'; self.rng.random_range(60..70)],
            13 if self.chance(4) => vec![b'w'; self.rng.random_range(1000..40_000)],
            _ => (0..self.rng.random_range(1..20)).map(|_| b'a' + self.rng.random_range(0..4)).collect(),
        }
    }

    fn integer(&mut self) -> i64 {
        match self.rng.random_range(0..12) {
            0 => i64::MAX - self.rng.random_range(0..3),
            1 => i64::MIN + self.rng.random_range(0..3),
            2 => self.rng.random(),
            3 => self.rng.random_range(-10..10_010),
            _ => self.rng.random_range(-20..100),
        }
    }

    /// Seconds from now, never the same twice and never close together: comparisons of two relative times (GT and
    /// LT) must not depend on the millisecond at which each server saw them.
    fn distinct_seconds(&mut self) -> u64 {
        self.times += 1;
        // A permutation, so that later is not always larger.
        20_000 + (self.times * 7919 % 50_021) * 60
    }

    fn junk(&mut self) -> Vec<u8> {
        JUNK[self.rng.random_range(0..JUNK.len())].to_vec()
    }

    fn pick(&mut self, of: &[&'static str]) -> &'static str {
        of[self.rng.random_range(0..of.len())]
    }

    fn chance(&mut self, one_in: u32) -> bool {
        self.rng.random_range(0..one_in) == 0
    }
}

fn words(line: &str) -> Vec<Vec<u8>> {
    line.split_whitespace().map(|word| word.as_bytes().to_vec()).collect()
}

fn plain(line: &str) -> Request {
    Request { args: words(line), compare: Exact }
}

/// A seed that differs from run to run, printed by who uses it.
pub fn fresh_seed() -> u64 {
    rand::rng().next_u64()
}
