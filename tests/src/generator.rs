//! Random requests from a seed: every native command that both servers have, with its options, right and wrong
//! arguments, right and wrong types, unknown names, transactions, clients that wait. The same seed gives the same requests.
//! What may differ between two servers that are both right (order, the clock, chance) is said with each request,
//! and nothing more is forgiven. Most times to live are long; those that end while a run lasts do so while nobody asks.

use crate::compare::Compare;
use crate::templates::{MOMENTARY, TEMPLATES, Template, WAITERS, WRITERS};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::collections::VecDeque;
use std::time::Duration;

/// One request.
#[derive(Debug, Clone)]
pub struct Request {
    /// The command and its arguments.
    pub args: Vec<Vec<u8>>,
    /// How its replies are compared.
    pub compare: Compare,
}

use Compare::Exact;

/// Commands that take other numbers of arguments since 7.2: WITHSCORE is of it, and so is what XSETID minds.
const NEWER_ARITY: [&[u8]; 3] = [b"ZRANK", b"ZREVRANK", b"XSETID"];

/// What to do next.
#[derive(Debug, Clone)]
pub enum Step {
    /// Send these in one pipeline over the connection of that number.
    Batch(usize, Vec<Request>),
    /// Walk with SCAN, HSCAN, SSCAN or ZSCAN to the end, the cursor being the argument of that number, and compare all that came.
    Walk(usize, Vec<Vec<u8>>, usize),
    /// Wait for that long.
    Pause(Duration),
    /// Ask for members by chance with these arguments; they must be among what the second request tells. Members that ours
    /// takes out are taken from the peer's, too.
    Draw(usize, Vec<Vec<u8>>, Vec<Vec<u8>>),
    /// A client for each of these requests waits, then these requests are done, then whoever still waits is sent away.
    Wait(Vec<Vec<Vec<u8>>>, Vec<Request>),
    /// What the one server dumps, or the other, both restore.
    Transfer(usize, Transfer),
}

/// DUMP and RESTORE.
#[derive(Debug, Clone)]
pub struct Transfer {
    /// Whether our payload is taken.
    pub ours: bool,
    /// The key that is dumped.
    pub from: Vec<u8>,
    /// The key that is restored.
    pub to: Vec<u8>,
    /// What comes behind the payload.
    pub options: Vec<Vec<u8>>,
    /// A byte of the payload that is made another, as a part of its length in 256ths.
    pub damage: Option<(usize, u8)>,
}

/// The number of connections that requests are spread over.
pub const CONNECTIONS: usize = 4;

/// A source of requests.
#[derive(Debug)]
pub struct Generator {
    pub(crate) rng: StdRng,
    weights: Vec<u32>,
    pub(crate) times: u64,
    pub(crate) entries: u64,
    /// Whether requests are for a transaction, in which nobody waits.
    pub(crate) queueing: bool,
    /// Whether only replies are compared.
    pub(crate) only_replies: bool,
    /// What follows the last request.
    rest: Vec<Request>,
    steps: VecDeque<Step>,
}

fn templates() -> impl Iterator<Item = &'static Template> {
    TEMPLATES.iter().flat_map(|table| table.iter())
}

impl Generator {
    /// The same seed yields the same requests.
    pub fn new(seed: u64) -> Generator {
        let mut sum = 0;
        let mut add = |(_, weight, _): &Template| {
            sum += weight;
            sum
        };
        Generator {
            rng: StdRng::seed_from_u64(seed),
            weights: templates().map(&mut add).collect(),
            times: 0,
            entries: 0,
            queueing: false,
            only_replies: false,
            rest: Vec::new(),
            steps: VecDeque::new(),
        }
    }

    /// The same with requests of which only the replies are the same: BITFIELDs that fail, with which redis-server may lengthen a string
    /// and repeat nothing, and keys that expire soon, which the one finds earlier than the other.
    pub fn for_replies(mut self) -> Generator {
        self.only_replies = true;
        self
    }

    /// The names of all commands that it can produce, for tests that go by command.
    pub fn command_names() -> Vec<String> {
        let mut names: Vec<String> = templates()
            .flat_map(|(template, ..)| template.split(" ; "))
            .filter_map(|template| template.split(' ').next())
            .filter(|name| name.bytes().all(|b| b.is_ascii_uppercase()) && !name.starts_with("NOSUCH"))
            .map(str::to_ascii_lowercase)
            .collect();
        names.sort();
        names.dedup();
        names
    }

    /// The next thing to do.
    pub fn step(&mut self) -> Step {
        if let Some(step) = self.steps.pop_front() {
            return step;
        }
        let connection = self.rng.random_range(0..CONNECTIONS);
        match self.rng.random_range(0..100) {
            0..6 => self.walk(connection),
            6..18 => Step::Batch(connection, self.transaction()),
            18..22 => self.draw(connection),
            22..25 => self.wait(),
            25..29 => Step::Transfer(connection, self.transfer()),
            29..32 if self.only_replies => self.expiry(connection),
            _ => {
                let count = self.rng.random_range(1..60);
                let requests = (0..count).flat_map(|_| self.requests()).collect();
                Step::Batch(connection, with_consumers(requests))
            }
        }
    }

    fn walk(&mut self, connection: usize) -> Step {
        let (command, prefix, options): (&str, &[u8], &[&'static str]) = match self.rng.random_range(0..4) {
            0 => (
                "SCAN",
                b"",
                &["", "COUNT 7", "COUNT 1000", "MATCH *1*", "TYPE hash", "TYPE zset", "MATCH h:* COUNT 3"],
            ),
            1 => ("HSCAN", b"h:", &["", "COUNT 5", "MATCH f*", "MATCH *1 COUNT 100"]),
            2 => ("SSCAN", b"t:", &["", "COUNT 5", "MATCH 1*", "MATCH * COUNT 100"]),
            _ => ("ZSCAN", b"z:", &["", "COUNT 5", "MATCH m1*", "MATCH * COUNT 100"]),
        };
        let mut args = words(command);
        if !prefix.is_empty() {
            args.push(self.key(prefix));
        }
        args.extend(words(&format!("0 {}", self.pick(options))));
        Step::Walk(connection, args, if prefix.is_empty() { 1 } else { 2 })
    }

    /// Members by chance, as few or as many as there are.
    fn draw(&mut self, connection: usize) -> Step {
        let (draw, members) = match self.rng.random_range(0..10) {
            0..3 => ("SPOP $set", "SMEMBERS"),
            3..6 => ("SPOP $set $small", "SMEMBERS"),
            6 => ("SRANDMEMBER $set $cnt", "SMEMBERS"),
            7 => ("HRANDFIELD $h $cnt", "HKEYS"),
            8 => ("ZRANDMEMBER $z", "ZRANGE"),
            _ => ("ZRANDMEMBER $z $cnt", "ZRANGE"),
        };
        let mut args = self.template(draw);
        if args.last().is_some_and(|count| count.len() > 10 && args.len() > 2) {
            // As many as that are not drawn, they are refused.
            args.pop();
        }
        let mut all = words(members);
        all.push(args[1].clone());
        if members == "ZRANGE" {
            all.extend(words("0 -1"));
        }
        Step::Draw(connection, args, all)
    }

    fn wait(&mut self) -> Step {
        let waiters = self.rng.random_range(1..4);
        let waiters = (0..waiters)
            .map(|_| {
                let waiter = self.pick(WAITERS);
                self.template(waiter)
            })
            .collect();
        let mut requests = vec![plain("SELECT 0")];
        if self.chance(2) {
            // Whoever finds something does not wait.
            requests.push(plain("DEL w:0 w:1 w:2"));
            self.steps.push_back(Step::Batch(0, std::mem::take(&mut requests)));
        }
        let transaction = self.chance(3);
        if transaction {
            requests.push(plain("MULTI"));
        }
        for _ in 0..self.rng.random_range(1..7) {
            let writer = self.pick(WRITERS);
            for writer in writer.split(" ; ") {
                requests.push(Request { args: self.template(writer), compare: Exact });
            }
        }
        if transaction {
            requests.push(plain("EXEC"));
        }
        let step = Step::Wait(waiters, requests);
        match self.steps.pop_front() {
            Some(before) => {
                self.steps.push_back(step);
                before
            }
            None => step,
        }
    }

    fn transfer(&mut self) -> Transfer {
        let from = self.template("DUMP $k");
        let to = self.template("RESTORE $k");
        let options = self.pick(&[
            "",
            "REPLACE",
            "REPLACE",
            "REPLACE",
            "REPLACE ABSTTL",
            "FREQ 7 REPLACE",
            "IDLETIME",
            "x",
        ]);
        Transfer {
            ours: self.chance(2),
            from: from[1].clone(),
            to: to[1].clone(),
            options: words(options),
            damage: if self.chance(8) { Some((self.below(256), self.byte())) } else { None },
        }
    }

    /// Keys that expire, a pause, and what finds them.
    fn expiry(&mut self, connection: usize) -> Step {
        let mut first = Vec::new();
        let mut keys = words("EXISTS");
        for _ in 0..self.rng.random_range(1..4) {
            let template = self.pick(MOMENTARY);
            let args = self.template(template);
            keys.extend(args.iter().skip(1).take(2).cloned());
            first.push(Request { args, compare: Exact });
        }
        self.steps.push_back(Step::Pause(Duration::from_millis(5)));
        let mut then = Vec::new();
        for _ in 0..self.rng.random_range(0..4) {
            let mut request = self.request();
            if request.args.len() > 1 && looks_at_one_key(&request.args[0]) {
                request.args[1] = keys[1 + self.below(keys.len() - 1)].clone();
                then.push(request);
            }
        }
        then.push(Request { args: keys, compare: Exact });
        self.steps.push_back(Step::Batch(connection, then));
        Step::Batch(connection, first)
    }

    /// A request, and what belongs to it.
    fn requests(&mut self) -> Vec<Request> {
        let first = self.request();
        std::iter::once(first).chain(std::mem::take(&mut self.rest)).collect()
    }

    pub(crate) fn request(&mut self) -> Request {
        let total = self.weights.last().copied().unwrap_or(1);
        let at = self.rng.random_range(0..total);
        let index = self.weights.partition_point(|&sum| sum <= at);
        let (template, _, compare) = templates().nth(index).expect("there is a weight for each");
        let (template, rest) = template.split_once(" ; ").unwrap_or((template, ""));
        self.rest.clear();
        for template in rest.split(" ; ").filter(|template| !template.is_empty()) {
            let args = self.template(template);
            self.rest.push(Request { args, compare: compare.clone() });
        }
        let mut args = self.template(template);
        let waits = template.contains("$tmo") && !self.queueing;
        if self.chance(25) && !waits && rest.is_empty() {
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

    fn template(&mut self, template: &str) -> Vec<Vec<u8>> {
        let mut args = Vec::new();
        for word in template.split(' ') {
            self.expand(word, &mut args);
        }
        args
    }

    /// WATCH perhaps, MULTI, some requests, EXEC or DISCARD.
    fn transaction(&mut self) -> Vec<Request> {
        let mut requests = Vec::new();
        if self.chance(3) {
            requests.push(Request { args: self.template("WATCH $k"), compare: Exact });
            if self.chance(2) {
                // The connection's own writes count as well.
                requests.push(self.request_outside_transactions());
            }
        }
        requests.push(plain("MULTI"));
        self.queueing = true;
        for _ in 0..self.rng.random_range(0..8) {
            if self.chance(40) {
                let misplaced = self.pick(&["MULTI", "WATCH a", "NOSUCHCOMMAND", "GET", "SET a"]);
                requests.push(plain(misplaced));
            } else {
                requests.push(self.request_outside_transactions());
                requests.append(&mut self.rest);
            }
        }
        self.queueing = false;
        requests.push(plain(if self.chance(8) { "DISCARD" } else { "EXEC" }));
        with_consumers(requests)
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
        // What COMMAND GETKEYS is asked about may have too few or too many arguments, too.
        if args.iter().any(|arg| NEWER_ARITY.contains(&arg.as_slice())) {
            return;
        }
        // COMMAND and COMMAND INFO alone list what each server has, and FLUSHALL would not stop at what both have.
        let shortest = match args[0].as_slice() {
            b"COMMAND" => 2,
            // HELLO alone tells version and number.
            b"FLUSHALL" | b"HELLO" => 1,
            // Without WITHVALUES redis-server begins to draw however many fields are asked for.
            b"HRANDFIELD" | b"ZRANDMEMBER" => 3,
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
}

/// The same with every consumer made before it reads or claims: since 7.2 it is made even if there is nothing to read, in 7.0 only
/// if there is.
fn with_consumers(requests: Vec<Request>) -> Vec<Request> {
    let mut all = Vec::with_capacity(requests.len());
    for request in requests {
        let args = &request.args;
        let (keys, group): (&[Vec<u8>], _) = match args[0].to_ascii_uppercase().as_slice() {
            b"XREADGROUP" => (args.get(5..).unwrap_or_default(), args.get(2..4)),
            b"XCLAIM" | b"XAUTOCLAIM" => (args.get(1..2).unwrap_or_default(), args.get(2..4)),
            _ => (&[], None),
        };
        for key in keys.iter().filter(|key| key.as_slice() != b">") {
            let words =
                [words("XGROUP CREATECONSUMER"), vec![key.clone()], group.unwrap_or_default().to_vec()];
            all.push(Request { args: words.concat(), compare: Exact });
        }
        all.push(request);
    }
    all
}

/// Whether a command with another key for its first argument touches no other keys, and not whole databases, in which keys that have
/// expired may still be counted.
fn looks_at_one_key(name: &[u8]) -> bool {
    let one = [
        "GET", "SET", "TYPE", "TTL", "INCR", "APPEND", "HSET", "HGET", "HLEN", "SADD", "SCARD", "RPUSH",
        "LLEN", "LPOP", "ZADD", "ZCARD", "ZINCRBY", "XADD", "XLEN", "EXISTS", "DEL", "PERSIST", "EXPIRE",
        "SETNX", "GETSET", "SETRANGE", "STRLEN", "RENAME", "COPY", "LRANGE", "ZRANGE", "MGET", "SUNION",
        "TOUCH", "UNLINK", "GETDEL", "GETEX", "SETBIT", "LPUSHX",
    ];
    one.contains(&String::from_utf8_lossy(name).to_ascii_uppercase().as_str())
}

fn words(line: &str) -> Vec<Vec<u8>> {
    line.split_whitespace().map(|word| word.as_bytes().to_vec()).collect()
}

fn plain(line: &str) -> Request {
    Request { args: words(line), compare: Exact }
}
