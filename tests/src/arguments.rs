//! What the generator puts for the `$words` of its templates: keys that several types share, so that many a command meets
//! a wrong type; few members, so that they meet again; and numbers at the edges of what numbers can be.

use crate::generator::Generator;
use crate::templates::{FLOATS, JUNK, PATTERNS};
use rand::{Rng, RngExt};

/// What the names of keys begin with: strings, numbers, hashes, sets, lists, sorted sets, places, streams.
const PREFIXES: [&[u8]; 8] = [b"s:", b"n:", b"h:", b"t:", b"l:", b"z:", b"g:", b"x:"];

/// Words of which one is taken, by the name of the argument.
const CHOICES: &[(&str, &[&str])] = &[
    ("bitop", &["AND", "OR", "XOR", "and", "xor", "NOT", "NAND"]),
    ("overflow", &["WRAP", "SAT", "wrap", "sat", "NONE"]),
    ("setopt", &["NX", "XX", "GET", "KEEPTTL", "EX", "PX", "EXAT", "PXAT", "nx", "PERSIST", "foo"]),
    ("expopt", &["NX", "XX", "GT", "LT", "nx", "lt"]),
    ("name", &["news", "chan", "a b", "", "x\ny", "conn-1"]),
    ("side", &["BEFORE", "AFTER", "before", "after", "BETWEEN"]),
    ("where", &["LEFT", "RIGHT", "LEFT", "RIGHT", "left", "right", "UP"]),
    ("lposopt", &["RANK", "COUNT", "MAXLEN", "rank"]),
    ("order", &["ASC", "DESC", "asc", "desc"]),
    ("zopt", &["NX", "XX", "GT", "LT", "CH", "INCR", "ch", "gt"]),
    ("rangeopt", &["BYSCORE", "BYLEX", "REV", "WITHSCORES", "LIMIT", "byscore", "withscores"]),
    ("minmax", &["MIN", "MAX", "min", "max", "MID"]),
    ("agg", &["SUM", "MIN", "MAX", "sum", "AVG"]),
    ("zunopt", &["WEIGHTS", "AGGREGATE", "WITHSCORES", "LIMIT"]),
    ("unit", &["m", "km", "ft", "mi", "KM", "km", "m", "parsec"]),
    ("geoopt", &["ASC", "COUNT", "WITHDIST", "BYRADIUS", "BYBOX", "FROMLONLAT", "FROMMEMBER", "1", "km"]),
    ("xopt", &["MAXLEN", "MINID", "NOMKSTREAM", "LIMIT", "~", "="]),
    ("xclaimopt", &["IDLE", "TIME", "RETRYCOUNT", "LASTID", "FORCE", "JUSTID", "retrycount"]),
    ("grp", &["g1", "g1", "g2", "g2", "g3", ""]),
    ("con", &["c1", "c1", "c2", "c2", "c3", ""]),
    ("idle", &["0", "400000000", "900000000", "9000000000", "-5"]),
    ("past", &["1", "1000", "86400000", "999999999"]),
    ("lex", &["-", "+", "[m1", "(m1", "[m17", "(m3", "[", "(", "[5", "(a", "m1", ""]),
    ("gid", &["0", "$", "0-0", "$", "3-1", "20-0"]),
    ("db", &["0", "1", "2", "0", "1", "2", "0", "1", "2", "0", "1", "2", "16", "-1"]),
];

impl Generator {
    /// Put the arguments for one word of a template.
    pub(crate) fn expand(&mut self, word: &str, args: &mut Vec<Vec<u8>>) {
        let Some(at) = word.find('$').filter(|at| at + 1 < word.len()) else {
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
            if !self.expand_group(kind, args) {
                args.push([prefix.as_bytes().to_vec(), self.argument(kind)].concat());
            }
        }
    }

    /// The arguments that come in groups.
    fn expand_group(&mut self, kind: &str, args: &mut Vec<Vec<u8>>) -> bool {
        match kind {
            "sv" => args.extend([self.key(b"s:"), self.value()]),
            "fv" => args.extend([self.field(), self.value()]),
            "sm" => args.extend([self.argument("score"), self.argument("zm")]),
            "at" => args.extend([self.argument("lon"), self.argument("lat"), self.argument("place")]),
            "elems" => args.extend(self.many(5000).map(|n| n.to_string().into_bytes())),
            "fields" => {
                args.extend(self.many(1000).flat_map(|n| [format!("f{n}").into_bytes(), b"v".to_vec()]));
            }
            "scored" => {
                let scored = |n: u32| [(n % 50).to_string().into_bytes(), format!("m{n}").into_bytes()];
                args.extend(self.many(500).flat_map(scored));
            }
            "named" => {
                let named = |n: u32| [b"0".to_vec(), format!("m{n}").into_bytes()];
                args.extend(self.many(500).flat_map(named));
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
            _ => return false,
        }
        true
    }

    /// Numbers, all of them different, and often so many that a value is a large one at once.
    fn many(&mut self, below: u32) -> std::ops::Range<u32> {
        let first = self.rng.random_range(0..below);
        first..first + self.rng.random_range(1..400)
    }

    fn argument(&mut self, kind: &str) -> Vec<u8> {
        if kind == "overflow" && self.only_replies && self.chance(4) {
            return b"FAIL".to_vec();
        }
        if let Some((_, words)) = CHOICES.iter().find(|(name, _)| *name == kind) {
            return self.pick(words).as_bytes().to_vec();
        }
        match kind {
            "k" => self.any_key(),
            "s" => self.mostly(b"s:"),
            "n" => self.mostly(b"n:"),
            "h" => self.mostly(b"h:"),
            "set" => self.mostly(b"t:"),
            "l" => self.mostly(b"l:"),
            "z" => self.mostly(b"z:"),
            "g" => self.mostly(b"g:"),
            "x" => self.mostly(b"x:"),
            "m" => self.member(),
            "ints" => self.mostly(b"o:"),
            "int" => self.rng.random_range(0..15).to_string().into_bytes(),
            "sortable" => match self.rng.random_range(0..5) {
                0 => self.mostly(b"t:"),
                1..3 => self.key(b"l:"),
                _ => self.key(b"o:"),
            },
            "v" | "elem" => self.value(),
            "fld" => self.field(),
            "junk" => self.junk(),
            "e" => self.element(),
            _ => self.number_or_name(kind).into_bytes(),
        }
    }

    fn number_or_name(&mut self, kind: &str) -> String {
        match kind {
            "p" => format!("p:{}", self.rng.random_range(0..6)),
            "y" => format!("y:{}", self.rng.random_range(0..4)),
            "w" => format!("w:{}", self.rng.random_range(0..3)),
            "nfld" => format!("c{}", self.rng.random_range(0..4)),
            "i" => self.integer().to_string(),
            "f" => self.pick(FLOATS).to_owned(),
            "idx" if self.chance(10) => self.integer().to_string(),
            "idx" => self.rng.random_range(-12..30).to_string(),
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
            "small" => self.rng.random_range(0..12).to_string(),
            "cnt" => match self.rng.random_range(0..20) {
                0 => self.pick(&["9223372036854775807", "-9223372036854775807", "x"]).to_owned(),
                1..4 => self.rng.random_range(-4..0).to_string(),
                _ => self.rng.random_range(0..12).to_string(),
            },
            "rel" => self.distinct_seconds().to_string(),
            "relms" => (self.distinct_seconds() * 1000).to_string(),
            "abs" => (4_000_000_000_u64 + self.rng.random_range(0..50) * 1000).to_string(),
            "absms" => (4_000_000_000_000_u64 + self.rng.random_range(0..50) * 1_000_000).to_string(),
            "pat" => self.pick(PATTERNS).to_owned(),
            "zm" => format!("m{}", self.rng.random_range(0..30)),
            "score" => self.score(),
            "min" | "max" => self.bound(kind),
            "id" | "old" | "rid" => self.id(kind),
            "next" => format!("{}-1", self.entries / 6 + 2),
            "lon" if self.chance(30) => self.pick(&["180", "-181", "x", "-180"]).to_owned(),
            "lon" => format!("{:.4}", self.rng.random_range(-2.0..14.0)),
            "lat" if self.chance(30) => self.pick(&["85.05112878", "86", "-85.05", "nan"]).to_owned(),
            "lat" => format!("{:.3}", self.rng.random_range(40.0..49.0)),
            "place" => format!("p{}", self.rng.random_range(0..24)),
            "dist" if self.chance(20) => self.pick(&["-1", "0", "x", "1e9", "30000"]).to_owned(),
            "dist" => format!("{:.1}", self.rng.random_range(0.0..900.0)),
            // In a transaction nobody waits, whatever is said.
            "tmo" if self.queueing => self
                .pick(&["0", "1", "-1", "x", "0.01", "1e300", "nan", "9223372036854775807", ""])
                .to_owned(),
            "tmo" => self.pick(&["0.005", "0.01", "-0.1", "0.001"]).to_owned(),
            "tmoms" if self.queueing => {
                self.pick(&["0", "1", "-1", "x", "0.5", "9223372036854775807"]).to_owned()
            }
            "tmoms" => self.pick(&["5", "10", "-1", "1"]).to_owned(),
            other => panic!("no argument is called {other:?}"),
        }
    }

    fn score(&mut self) -> String {
        match self.rng.random_range(0..16) {
            0 => self.pick(FLOATS).to_owned(),
            1 => self.integer().to_string(),
            2 => self.pick(&["inf", "-inf", "+inf", "-0", "Infinity", "0.1", "1e-300", "1e300"]).to_owned(),
            3..6 => format!("{}", f64::from(self.rng.random_range(-400..800)) / 8.0),
            6 => format!("{}", self.rng.random_range(-10.0..30.0)),
            _ => self.rng.random_range(-10..30).to_string(),
        }
    }

    fn bound(&mut self, kind: &str) -> String {
        let open = if self.chance(3) { "(" } else { "" };
        match self.rng.random_range(0..12) {
            0 => self.pick(&["nan", "(", "", "x", "(x", "[1"]).to_owned(),
            1..4 if kind == "min" => "-inf".to_owned(),
            1..4 => "+inf".to_owned(),
            4..7 if kind == "min" => format!("{open}{}", self.rng.random_range(-10..10)),
            4..7 => format!("{open}{}", self.rng.random_range(5..40)),
            _ => format!("{open}{}", self.score()),
        }
    }

    /// The id of an entry: mostly one that is larger than all before, or one of those that there are.
    fn id(&mut self, kind: &str) -> String {
        if kind == "id" {
            self.entries += 1;
        }
        let newest = self.entries / 6;
        let some = self.rng.random_range(newest.saturating_sub(30)..=newest + 1);
        match (kind, self.rng.random_range(0..20)) {
            ("id", 0) => {
                self.pick(&["0-0", "0-*", "18446744073709551615-0", "1-18446744073709551615"]).to_owned()
            }
            ("id", 1..5) => format!("{some}-{}", self.rng.random_range(0..8)),
            ("id", 5..8) => format!("{newest}-*"),
            ("id", _) => format!("{newest}-{}", self.entries % 6),
            ("rid", 0..5) => "-".to_owned(),
            ("rid", 5..10) => "+".to_owned(),
            ("rid", 10) => format!("({some}"),
            ("rid", 11) => {
                self.pick(&["(-", "(18446744073709551615-18446744073709551615", "(0-0", "-1"]).to_owned()
            }
            (_, 12..14) => some.to_string(),
            _ => format!("{some}-{}", self.rng.random_range(0..7)),
        }
    }

    fn any_key(&mut self) -> Vec<u8> {
        let prefix = PREFIXES[self.rng.random_range(0..PREFIXES.len())];
        self.key(prefix)
    }

    fn mostly(&mut self, prefix: &[u8]) -> Vec<u8> {
        if self.chance(15) { self.any_key() } else { self.key(prefix) }
    }

    /// A key of the type that its name begins with, unless something else was put there.
    pub(crate) fn key(&mut self, prefix: &[u8]) -> Vec<u8> {
        match self.rng.random_range(0..60) {
            0 => Vec::new(),
            1 => b"k\x00\xff\r\n".to_vec(),
            2 => [prefix, b"{tag}"].concat(),
            3 => [prefix, &[b'x'; 300]].concat(),
            n => [prefix, (n % 8).to_string().as_bytes()].concat(),
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

    /// Of a list: few, and of all lengths now and then.
    fn element(&mut self) -> Vec<u8> {
        match self.rng.random_range(0..12) {
            0 => self.value(),
            1..4 => self.rng.random_range(-5..20).to_string().into_bytes(),
            _ => vec![b'a' + self.rng.random_range(0..8)],
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

    /// What no command wants.
    pub(crate) fn junk(&mut self) -> Vec<u8> {
        JUNK[self.rng.random_range(0..JUNK.len())].to_vec()
    }

    /// One of these.
    pub(crate) fn pick(&mut self, of: &[&'static str]) -> &'static str {
        of[self.rng.random_range(0..of.len())]
    }

    /// Once in so many times.
    pub(crate) fn chance(&mut self, one_in: u32) -> bool {
        self.rng.random_range(0..one_in) == 0
    }

    /// A seed of a new stream that goes on from here.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.rng.random_range(0..end)
    }

    /// Any byte.
    pub(crate) fn byte(&mut self) -> u8 {
        (self.rng.next_u32() & 0xff) as u8
    }
}
