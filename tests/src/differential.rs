//! Two servers get the same requests, and every reply is compared; in the end all their data.
//! Differences are collected rather than ending the run at the first, as a list of twenty says more about what is
//! wrong than one does. After a difference the data may diverge, so the first ones in the list count most.

use crate::client::{Client, shown};
use crate::generator::{CONNECTIONS, Compare, Generator, Step};
use crate::server::Server;
use crate::value::{Protocol, Value};
use std::collections::BTreeSet;

/// How many differences are collected before a run ends.
const DIFFERENCES_MAX: usize = 25;

/// The number of databases that both servers have.
const DATABASES: usize = 16;

/// A reply or a value in which the servers differ.
#[derive(Debug)]
pub struct Difference {
    /// The request, or what was looked at.
    pub request: String,
    /// What our server said.
    pub ours: String,
    /// What the peer said.
    pub theirs: String,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let cut = |text: &str| if text.len() > 600 { format!("{:.600}...", text) } else { text.to_owned() };
        write!(f, "{}\n    ours:   {}\n    theirs: {}", self.request, cut(&self.ours), cut(&self.theirs))
    }
}

/// Connections to both servers, and what was found so far.
#[derive(Debug)]
pub struct Differential {
    ours: Vec<Client>,
    theirs: Vec<Client>,
    /// All differences so far.
    pub differences: Vec<Difference>,
    /// How many requests were compared.
    pub requests: usize,
}

impl Differential {
    /// Connect to both.
    #[track_caller]
    pub fn new(ours: &Server, theirs: &Server, protocol: Protocol) -> Differential {
        let connect = |server: &Server| (0..CONNECTIONS).map(|_| server.client_speaking(protocol)).collect();
        Differential { ours: connect(ours), theirs: connect(theirs), differences: Vec::new(), requests: 0 }
    }

    /// Whether so many differences were found that going on is no use.
    pub fn hopeless(&self) -> bool {
        self.differences.len() >= DIFFERENCES_MAX
    }

    /// Do the next step of the generator on both servers.
    #[track_caller]
    pub fn step(&mut self, generator: &mut Generator) {
        match generator.step() {
            Step::Batch(connection, requests) => {
                let args: Vec<Vec<Vec<u8>>> = requests.iter().map(|request| request.args.clone()).collect();
                let ours = self.ours[connection].pipeline(&args);
                let theirs = self.theirs[connection].pipeline(&args);
                for ((request, ours), theirs) in requests.iter().zip(ours).zip(theirs) {
                    self.requests += 1;
                    if !explained(&request.args, &ours, &theirs) {
                        self.compare(|| shown(&request.args), &request.compare, &ours, &theirs);
                    }
                }
            }
            Step::Walk(connection, args, cursor) => {
                let ours = walk(&mut self.ours[connection], &args, cursor);
                let theirs = walk(&mut self.theirs[connection], &args, cursor);
                self.requests += 1;
                if ours != theirs {
                    let request = format!("{} to the end", shown(&args));
                    let (ours, theirs) = (format!("{ours:?}"), format!("{theirs:?}"));
                    self.differences.push(Difference { request, ours, theirs });
                }
            }
        }
    }

    fn compare(&mut self, request: impl Fn() -> String, how: &Compare, ours: &Value, theirs: &Value) {
        if !same(how, ours, theirs) {
            let (ours, theirs) = (format!("{ours:?}"), format!("{theirs:?}"));
            self.differences.push(Difference { request: request(), ours, theirs });
        }
    }

    /// Compare all databases: keys, types, values, encodings and times to live.
    #[track_caller]
    pub fn compare_state(&mut self) {
        for db in 0..DATABASES {
            let select = vec![b"SELECT".to_vec(), db.to_string().into_bytes()];
            self.both("", &select, &Compare::Exact);
            let keys = vec![b"KEYS".to_vec(), b"*".to_vec()];
            let Value::Array(keys) = self.both(&format!("db {db}: "), &keys, &Compare::Sorted(1)) else {
                continue;
            };
            for key in keys {
                let key = key.bytes().unwrap_or_default().to_vec();
                self.compare_key(db, &key);
            }
        }
    }

    fn compare_key(&mut self, db: usize, key: &[u8]) {
        let context = format!("db {db}: ");
        let ask = |words: &str| {
            let mut args: Vec<Vec<u8>> = words.split(' ').map(|w| w.as_bytes().to_vec()).collect();
            args.push(key.to_vec());
            args
        };
        let kind = self.both(&context, &ask("TYPE"), &Compare::Exact).text();
        self.both(&context, &ask("PEXPIRETIME"), &Compare::Within(20_000));
        self.both(&context, &ask("OBJECT ENCODING"), &Compare::Encoding);
        match kind.as_str() {
            "string" => self.both(&context, &ask("GET"), &Compare::Exact),
            "hash" => self.both(&context, &ask("HGETALL"), &Compare::Sorted(2)),
            "set" => self.both(&context, &ask("SMEMBERS"), &Compare::Sorted(1)),
            "list" => {
                let all = [ask("LRANGE"), vec![b"0".to_vec(), b"-1".to_vec()]].concat();
                self.both(&context, &all, &Compare::Exact)
            }
            other => panic!("a key of type {other:?}, which nothing here creates"),
        };
    }

    /// Ask both on their first connections; the peer's answer.
    fn both(&mut self, context: &str, args: &[Vec<u8>], how: &Compare) -> Value {
        let ours = self.ours[0].call(args);
        let theirs = self.theirs[0].call(args);
        self.compare(|| format!("{context}{}", shown(args)), how, &ours, &theirs);
        theirs
    }

    /// Panic with the list of differences, if there are any.
    #[track_caller]
    pub fn verdict(&self, what: &str) {
        if self.differences.is_empty() {
            return;
        }
        let list: Vec<String> = self.differences.iter().map(ToString::to_string).collect();
        panic!("{what}: {} differences in {} requests\n{}", list.len(), self.requests, list.join("\n"));
    }
}

/// SCAN, HSCAN or SSCAN until the cursor is 0 again: all elements, however often and in whatever order they came.
/// An error reply is an element too.
fn walk(client: &mut Client, args: &[Vec<u8>], cursor_at: usize) -> BTreeSet<Vec<Value>> {
    let mut args = args.to_vec();
    let step = if args[0].eq_ignore_ascii_case(b"HSCAN") { 2 } else { 1 };
    let mut found = BTreeSet::new();
    for _ in 0..100_000 {
        let reply = client.call(&args);
        let Value::Array(parts) = &reply else {
            found.insert(vec![reply]);
            return found;
        };
        let [cursor, Value::Array(items)] = &parts[..] else {
            panic!("{} answers {}", shown(&args), reply.cli())
        };
        found.extend(items.chunks(step).map(<[Value]>::to_vec));
        let cursor = cursor.bytes().unwrap_or_default().to_vec();
        if cursor == b"0" {
            return found;
        }
        args[cursor_at] = cursor;
    }
    panic!("{} never ends", shown(&args));
}

/// Whether two replies differ for a reason that is no fault: in redis-server the arguments that an error line repeats are
/// C strings, which end at a zero byte; that is not worth imitating.
fn explained(args: &[Vec<u8>], ours: &Value, theirs: &Value) -> bool {
    let with_zero = args.iter().any(|arg| arg.contains(&0));
    with_zero && ours.error().is_some() && theirs.error().is_some()
}

/// Whether two replies are the same as far as they have to be.
pub fn same(how: &Compare, ours: &Value, theirs: &Value) -> bool {
    match how {
        Compare::Exact => ours == theirs,
        Compare::Sorted(step) => ours.clone().sorted(*step) == theirs.clone().sorted(*step),
        Compare::DeepSorted => deep_sorted(ours) == deep_sorted(theirs),
        Compare::Within(tolerance) => match (ours, theirs) {
            (Value::Int(a), Value::Int(b)) if *a >= 0 && *b >= 0 => {
                a.abs_diff(*b) <= tolerance.unsigned_abs()
            }
            _ => ours == theirs,
        },
        Compare::Encoding => {
            let newer = ["hashtable", "quicklist"].contains(&theirs.text().as_str());
            ours == theirs || newer && ours.text() == "listpack"
        }
        Compare::Numbers => {
            let refused = "ERR One or more scores can't be converted into double";
            ours == theirs || theirs.error().is_some_and(|error| error == refused)
        }
        Compare::Kind => match (ours, theirs) {
            (Value::Error(a), Value::Error(b)) => a == b,
            (a, b) => std::mem::discriminant(a) == std::mem::discriminant(b),
        },
        Compare::Shape => same_shape(ours, theirs),
        Compare::Each(compares) => match (ours, theirs) {
            (Value::Array(a), Value::Array(b)) if a.len() == compares.len() && b.len() == compares.len() => {
                compares.iter().zip(a.iter().zip(b)).all(|(how, (a, b))| same(how, a, b))
            }
            _ => ours == theirs,
        },
    }
}

fn deep_sorted(value: &Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.iter().map(deep_sorted).collect()).sorted(1),
        Value::Set(items) => Value::Set(items.iter().map(deep_sorted).collect()).sorted(1),
        Value::Map(pairs) => {
            Value::Map(pairs.iter().map(|(k, v)| (deep_sorted(k), deep_sorted(v))).collect()).sorted(1)
        }
        other => other.clone(),
    }
}

fn same_shape(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Array(a), Value::Array(b)) | (Value::Set(a), Value::Set(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_shape(a, b))
        }
        (Value::Map(a), Value::Map(b)) => a.len() == b.len(),
        (Value::Error(a), Value::Error(b)) => a == b,
        (a, b) => std::mem::discriminant(a) == std::mem::discriminant(b),
    }
}
