//! Random requests from a seed: every native command of the first families with its options, right and wrong
//! arguments, right and wrong types, unknown names, transactions. The same seed gives the same requests.
//! What may differ between two servers that are both right (order, the clock, chance) is said with each request,
//! and nothing more is forgiven. Keys never expire while a run lasts: expiry has tests of its own.

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

/// What to do next.
#[derive(Debug, Clone)]
pub enum Step {
    /// Send these in one pipeline over the connection of that number.
    Batch(usize, Vec<Request>),
    /// Walk with SCAN or HSCAN to the end, the cursor being the argument of that number, and compare all that came.
    Walk(usize, Vec<Vec<u8>>, usize),
}

/// The number of connections that requests are spread over.
pub const CONNECTIONS: usize = 4;

use Compare::{DeepSorted, Exact, Kind, Shape, Sorted, Within};

/// The difference that is allowed where replies depend on the clock, in seconds and in milliseconds.
const SECONDS: Compare = Within(20);
const MILLISECONDS: Compare = Within(20_000);

/// Requests as templates with weights. `$x` stands for a random argument, `$x+` for one to four of them.
const TEMPLATES: &[(&str, u32, Compare)] = &[
    // Strings.
    ("SET $s $v", 60, Exact),
    ("SET $n $i", 40, Exact),
    ("SET $s $v NX", 8, Exact),
    ("SET $s $v XX", 8, Exact),
    ("SET $k $v GET", 8, Exact),
    ("SET $k $v NX GET", 4, Exact),
    ("SET $k $v XX GET", 4, Exact),
    ("SET $k $v KEEPTTL", 6, Exact),
    ("SET $s $v EX $rel", 6, Exact),
    ("SET $s $v PX $relms", 6, Exact),
    ("SET $s $v EXAT $abs", 6, Exact),
    ("SET $s $v PXAT $absms", 6, Exact),
    ("set $s $v ex $rel nx get", 3, Exact),
    ("SET $s $v EX $junk", 4, Exact),
    ("SET $s $v PXAT $junk", 4, Exact),
    ("SET $s $v $setopt $setopt", 10, Exact),
    ("SET $s $v $setopt $absms $setopt", 6, Exact),
    ("GET $k", 80, Exact),
    ("GETDEL $k", 8, Exact),
    ("GETEX $k", 6, Exact),
    ("GETEX $k EX $rel", 4, Exact),
    ("GETEX $k PX $relms", 4, Exact),
    ("GETEX $k EXAT $abs", 4, Exact),
    ("GETEX $k PXAT $absms", 4, Exact),
    ("GETEX $k PXAT $past", 2, Exact),
    ("GETEX $k PERSIST", 4, Exact),
    ("GETEX $k PERSIST EX $rel", 2, Exact),
    ("GETEX $k EX $junk", 3, Exact),
    ("GETEX $k $setopt", 3, Exact),
    ("GETSET $k $v", 8, Exact),
    ("SETNX $k $v", 8, Exact),
    ("SETEX $k $rel $v", 6, Exact),
    ("SETEX $k $junk $v", 4, Exact),
    ("PSETEX $k $relms $v", 6, Exact),
    ("PSETEX $k $junk $v", 4, Exact),
    ("STRLEN $k", 12, Exact),
    ("APPEND $k $v", 14, Exact),
    ("GETRANGE $k $idx $idx", 16, Exact),
    ("SUBSTR $k $idx $idx", 6, Exact),
    ("SETRANGE $s $offset $v", 12, Exact),
    ("SETRANGE $k $junk $v", 6, Exact),
    ("INCR $n", 20, Exact),
    ("INCR $k", 8, Exact),
    ("DECR $n", 14, Exact),
    ("DECR $k", 4, Exact),
    ("INCRBY $n $i", 20, Exact),
    ("INCRBY $k $junk", 6, Exact),
    ("DECRBY $n $i", 16, Exact),
    ("DECRBY $k $junk", 6, Exact),
    ("INCRBYFLOAT $n $f", 20, Exact),
    ("INCRBYFLOAT $k $f", 8, Exact),
    ("MGET $k+", 16, Exact),
    ("MSET $sv+", 12, Exact),
    ("MSETNX $sv+", 8, Exact),
    ("MSET $sv+ $k", 3, Exact),
    ("MSETNX $sv+ $k", 2, Exact),
    ("LCS $s $s", 6, Exact),
    ("LCS $k $k LEN", 4, Exact),
    ("LCS $s $s IDX", 4, Exact),
    ("LCS $s $s IDX WITHMATCHLEN", 3, Exact),
    ("LCS $s $s IDX MINMATCHLEN $small", 3, Exact),
    ("LCS $s $s IDX MINMATCHLEN $small WITHMATCHLEN", 3, Exact),
    ("LCS $s $s LEN IDX", 2, Exact),
    ("LCS $s $s MINMATCHLEN $junk", 2, Exact),
    ("LCS $s $s $junk", 2, Exact),
    // Hashes.
    ("HSET $h $fv+", 60, Exact),
    ("HSET $k $fv+", 10, Exact),
    ("HSET $h $fv+ $fld", 3, Exact),
    ("HMSET $h $fv+", 10, Exact),
    ("HMSET $h $fv+ $fld", 2, Exact),
    ("HSETNX $h $fld $v", 10, Exact),
    ("HGET $h $fld", 24, Exact),
    ("HGET $k $fld", 8, Exact),
    ("HMGET $h $fld+", 14, Exact),
    ("HMGET $k $fld+", 4, Exact),
    ("HGETALL $h", 12, Sorted(2)),
    ("HGETALL $k", 4, Sorted(2)),
    ("HKEYS $h", 8, Sorted(1)),
    ("HVALS $h", 8, Sorted(1)),
    ("HKEYS $k", 2, Sorted(1)),
    ("HVALS $k", 2, Sorted(1)),
    ("HLEN $k", 8, Exact),
    ("HSTRLEN $h $fld", 8, Exact),
    ("HEXISTS $h $fld", 10, Exact),
    ("HDEL $h $fld+", 16, Exact),
    ("HDEL $k $fld+", 4, Exact),
    ("HINCRBY $h $nfld $i", 16, Exact),
    ("HINCRBY $h $fld $i", 6, Exact),
    ("HINCRBY $k $fld $junk", 4, Exact),
    ("HINCRBYFLOAT $h $nfld $f", 14, Exact),
    ("HINCRBYFLOAT $k $fld $f", 6, Exact),
    ("HRANDFIELD $k", 4, Shape),
    ("HRANDFIELD $h $small", 4, Shape),
    ("HRANDFIELD $h -$small", 4, Shape),
    ("HRANDFIELD $h $small WITHVALUES", 4, Shape),
    ("HRANDFIELD $h $small $junk", 2, Shape),
    ("HRANDFIELD $h $junk", 2, Shape),
    ("HRANDFIELD $k -9223372036854775808", 1, Exact),
    ("HRANDFIELD $k -5000000000000000000 WITHVALUES", 1, Exact),
    ("HSCAN $k $junk", 3, Kind),
    ("HSCAN $h 0 COUNT 0", 2, Kind),
    ("HSCAN $h 0 COUNT $junk", 2, Kind),
    ("HSCAN $h 0 MATCH", 2, Kind),
    // Keys of any type.
    ("DEL $k+", 20, Exact),
    ("UNLINK $k+", 10, Exact),
    ("EXISTS $k+", 16, Exact),
    ("TOUCH $k+", 8, Exact),
    ("TYPE $k", 14, Exact),
    ("KEYS $pat", 6, Sorted(1)),
    ("KEYS *", 3, Sorted(1)),
    ("RANDOMKEY", 4, Shape),
    ("RENAME $k $k", 12, Exact),
    ("RENAMENX $k $k", 10, Exact),
    ("COPY $k $k", 10, Exact),
    ("COPY $k $k REPLACE", 8, Exact),
    ("COPY $k $k DB $db", 8, Exact),
    ("COPY $k $k DB $db REPLACE", 6, Exact),
    ("COPY $k $k $junk", 2, Exact),
    ("COPY $k $k DB $junk", 2, Exact),
    ("MOVE $k $db", 8, Exact),
    ("MOVE $k $junk", 2, Exact),
    ("OBJECT ENCODING $k", 16, Exact),
    ("OBJECT FREQ $k", 2, Exact),
    ("OBJECT IDLETIME $k", 3, SECONDS),
    ("OBJECT ENCODING", 1, Exact),
    ("SCAN $junk", 3, Kind),
    ("SCAN 0 COUNT $junk", 2, Kind),
    ("SCAN 0 COUNT 0", 1, Kind),
    ("SCAN 0 MATCH", 1, Kind),
    ("SCAN 0 $junk $junk", 1, Kind),
    ("EXPIRE $k $rel", 14, Exact),
    ("EXPIRE $k $rel $expopt", 10, Exact),
    ("EXPIRE $k $rel $expopt $expopt", 5, Exact),
    ("EXPIRE $k $junk", 5, Exact),
    ("EXPIRE $k $rel $junk", 3, Exact),
    ("PEXPIRE $k $relms", 8, Exact),
    ("PEXPIRE $k $relms $expopt", 6, Exact),
    ("PEXPIRE $k $junk", 3, Exact),
    ("EXPIREAT $k $abs", 10, Exact),
    ("EXPIREAT $k $abs $expopt", 10, Exact),
    ("EXPIREAT $k $past", 4, Exact),
    ("EXPIREAT $k $past $expopt", 4, Exact),
    ("EXPIREAT $k $junk", 3, Exact),
    ("PEXPIREAT $k $absms", 8, Exact),
    ("PEXPIREAT $k $absms $expopt", 8, Exact),
    ("PEXPIREAT $k $junk", 3, Exact),
    ("TTL $k", 12, SECONDS),
    ("PTTL $k", 10, MILLISECONDS),
    ("EXPIRETIME $k", 10, SECONDS),
    ("PEXPIRETIME $k", 10, MILLISECONDS),
    ("PERSIST $k", 12, Exact),
    // Databases.
    ("SELECT $db", 8, Exact),
    ("SELECT $junk", 2, Exact),
    ("SWAPDB $db $db", 2, Exact),
    ("SWAPDB $junk $db", 1, Exact),
    ("SWAPDB 0 $junk", 1, Exact),
    ("DBSIZE", 10, Exact),
    ("FLUSHDB", 1, Exact),
    ("FLUSHDB ASYNC", 1, Exact),
    ("FLUSHDB SYNC", 1, Exact),
    ("FLUSHDB $junk", 1, Exact),
    ("FLUSHALL $junk", 1, Exact),
    // The connection.
    ("PING", 6, Exact),
    ("PING $v", 6, Exact),
    ("PING a b", 1, Exact),
    ("ECHO $v", 6, Exact),
    ("TIME", 2, Shape),
    ("CLIENT GETNAME", 2, Exact),
    ("CLIENT SETNAME $name", 2, Exact),
    ("CLIENT ID", 2, Shape),
    ("CLIENT NO-EVICT ON", 1, Exact),
    ("CLIENT NO-EVICT $junk", 1, Exact),
    ("HELLO $junk", 2, Exact),
    ("AUTH $junk", 1, Exact),
    ("AUTH a b c", 1, Exact),
    ("AUTH default $v", 1, Exact),
    ("PUBLISH $name $v", 4, Exact),
    ("SPUBLISH $name $v", 2, Exact),
    ("PUBSUB CHANNELS", 2, Exact),
    ("PUBSUB CHANNELS $pat", 2, Exact),
    ("PUBSUB NUMSUB $name+", 2, Exact),
    ("PUBSUB NUMSUB", 1, Exact),
    ("PUBSUB NUMPAT", 1, Exact),
    ("PUBSUB SHARDCHANNELS", 1, Exact),
    ("PUBSUB SHARDNUMSUB $name", 1, Exact),
    ("COMMAND GETKEYS $request", 14, Exact),
    ("COMMAND GETKEYSANDFLAGS $request", 10, DeepSorted),
    ("COMMAND GETKEYS $junk", 1, Exact),
    ("COMMAND GETKEYS", 1, Exact),
    ("COMMAND INFO get set mget hset expire copy", 1, DeepSorted),
    ("COMMAND INFO nosuchcommand", 1, Exact),
    // Out of place here: there is no transaction.
    ("EXEC", 2, Exact),
    ("DISCARD", 2, Exact),
    ("UNWATCH", 2, Exact),
    ("WATCH $k+", 4, Exact),
    ("WATCH", 1, Exact),
    // Unknown.
    ("$junk", 3, Exact),
    ("NOSUCHCOMMAND", 2, Exact),
    ("NOSUCHCOMMAND $v $v $v", 3, Exact),
    ("GET|x $k", 1, Exact),
    ("CLIENT NOSUCH $v", 1, Exact),
    ("CLIENT|ID", 1, Exact),
    ("OBJECT NOSUCH $k", 1, Exact),
    ("PUBSUB NOSUCH", 1, Exact),
    ("COMMAND NOSUCH", 1, Exact),
    ("CONFIG NOSUCH", 1, Exact),
    ("CONFIG", 1, Exact),
    ("OBJECT", 1, Exact),
    ("CLIENT", 1, Exact),
    ("PUBSUB", 1, Exact),
];

/// Arguments that no command wants. None of them, taken as a time, lies in the near future.
const JUNK: &[&[u8]] = &[
    b"",
    b"abc",
    b"-1",
    b"0",
    b"-0",
    b"9223372036854775807",
    b"-9223372036854775808",
    b"9223372036854775808",
    b"18446744073709551616",
    b"1.5",
    b" 1",
    b"1 ",
    b"01",
    b"+1",
    b"0x10",
    b"nan",
    b"\x00\xff\r\n",
    b"NX",
    b"COUNT",
];

const FLOATS: &[&str] = &[
    "1.5",
    "-1.5",
    "0",
    "0.1",
    "3.0",
    "1e3",
    "1E-5",
    "-2.25e2",
    "100000000000",
    "0.000001",
    "1e17",
    "-1e17",
    "12345678.875",
    "nan",
    "inf",
    "-inf",
    "abc",
    "",
    " 1",
    "1 ",
    "1.5.5",
    "0x1p3",
    "1e5000",
    "+1.25",
    ".5",
    "5.",
];

const PATTERNS: &[&str] = &[
    "*", "s:*", "h:?", "n:[0-4]", "n:[^0-4]", "*:1", "s:\\*", "nothing", "", "[", "[a", "*[", "??3", "h:[1-",
    "k*",
];

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
            4..16 => Step::Batch(connection, self.transaction()),
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
            b"FLUSHALL" => 1,
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
            "v" => return self.value(),
            "fld" => return self.field(),
            "junk" => return self.junk(),
            "nfld" => format!("c{}", self.rng.random_range(0..4)),
            "i" => self.integer().to_string(),
            "f" => self.pick(FLOATS).to_owned(),
            "idx" => match self.rng.random_range(0..10) {
                0 => self.integer().to_string(),
                _ => self.rng.random_range(-12..30).to_string(),
            },
            "offset" => self.rng.random_range(0..200).to_string(),
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
        let prefix: &[u8] = match self.rng.random_range(0..3) {
            0 => b"s:",
            1 => b"n:",
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
