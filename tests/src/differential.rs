//! Two servers get the same requests, and every reply is compared; in the end all their data.
//! Differences are collected rather than ending the run at the first, as a list of twenty says more about what is
//! wrong than one does. After a difference the data may diverge, so the first ones in the list count most;
//! `episodes` therefore starts anew after each, and looks for the shortest history that shows it.

use crate::client::{Client, ReadError, encode_into, shown};
use crate::compare::{Compare, TOLERANCE_MS, same};
use crate::generator::{CONNECTIONS, Generator, Request, Step, Transfer};
use crate::known::{known, served_otherwise, with_plain_numbers};
use crate::server::Server;
use crate::value::{Protocol, Value};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// How many differences are collected before a run ends.
const DIFFERENCES_MAX: usize = 25;

/// The number of databases that both servers have.
const DATABASES: usize = 16;

/// The most clients that wait at once.
const WAITERS: usize = 3;

/// What fits into the buffers of two sockets, so that nobody has to read while it is sent.
const AT_ONCE_BYTES: usize = 32 << 10;

/// A reply or a value in which the servers differ.
#[derive(Debug, Clone)]
pub struct Difference {
    /// The name of the command.
    pub command: String,
    /// The request, or what was looked at.
    pub request: String,
    /// What our server said.
    pub ours: String,
    /// What the peer said.
    pub theirs: String,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let cut = |text: &str| {
            if text.len() > 600 {
                format!("{}...", text.chars().take(600).collect::<String>())
            } else {
                text.to_owned()
            }
        };
        write!(f, "{}\n    ours:   {}\n    theirs: {}", self.request, cut(&self.ours), cut(&self.theirs))
    }
}

/// Connections to one server: those of requests, those that wait, and one that controls them.
#[derive(Debug)]
struct Side {
    clients: Vec<Client>,
    waiters: Vec<(Client, i64)>,
    control: Client,
}

impl Side {
    #[track_caller]
    fn connect(server: &Server, protocol: Protocol) -> Side {
        let waiter = |_| {
            let mut client = server.client_speaking(protocol);
            let id = client.int("CLIENT ID");
            (client, id)
        };
        Side {
            clients: (0..CONNECTIONS).map(|_| server.client_speaking(protocol)).collect(),
            waiters: (0..WAITERS).map(waiter).collect(),
            control: server.client_speaking(protocol),
        }
    }

    /// Send a request that waits, and see whether it does; its reply if not.
    #[track_caller]
    fn begin_waiting(&mut self, at: usize, args: &[Vec<u8>]) -> Option<Value> {
        let (client, id) = &mut self.waiters[at];
        client.send(args);
        let deadline = Instant::now() + Duration::from_secs(10);
        client.set_timeout(Duration::from_millis(2));
        let reply = loop {
            let listed = self.control.run(&format!("CLIENT LIST ID {id}"));
            if listed.split(' ').any(|field| field.starts_with("flags=") && field.contains('b')) {
                break None;
            }
            match client.try_reply() {
                Ok(reply) => break Some(reply),
                Err(ReadError::Timeout) if Instant::now() < deadline => {}
                Err(why) => panic!("{} neither waits nor replies: {why}", shown(args)),
            }
        };
        client.set_timeout(crate::client::REPLY_TIMEOUT);
        reply
    }

    /// Send away whoever still waits: what CLIENT UNBLOCK says, and what the client was told in the end.
    #[track_caller]
    fn end_waiting(&mut self, at: usize, how: &str) -> (Value, Value) {
        let (client, id) = &mut self.waiters[at];
        let told = self.control.value(&format!("CLIENT UNBLOCK {id} {how}"));
        (told, client.try_reply().unwrap_or_else(|why| panic!("a client that waited: {why}")))
    }
}

/// Connections to both servers, and what was found so far.
#[derive(Debug)]
pub struct Differential {
    ours: Side,
    theirs: Side,
    /// What each connection has queued since MULTI.
    queues: Vec<Vec<Request>>,
    /// All differences so far.
    pub differences: Vec<Difference>,
    /// How many requests were compared.
    pub requests: usize,
}

impl Differential {
    /// Connect to both.
    #[track_caller]
    pub fn new(ours: &Server, theirs: &Server, protocol: Protocol) -> Differential {
        Differential {
            ours: Side::connect(ours, protocol),
            theirs: Side::connect(theirs, protocol),
            queues: vec![Vec::new(); CONNECTIONS],
            differences: Vec::new(),
            requests: 0,
        }
    }

    /// Whether so many differences were found that going on is no use.
    pub fn hopeless(&self) -> bool {
        self.differences.len() >= DIFFERENCES_MAX
    }

    /// Do the next step of the generator on both servers.
    #[track_caller]
    pub fn step(&mut self, generator: &mut Generator) {
        self.apply(&generator.step());
    }

    /// Do this on both servers.
    #[track_caller]
    pub fn apply(&mut self, step: &Step) {
        match step {
            Step::Batch(connection, requests) => self.batch(*connection, requests),
            Step::Walk(connection, args, cursor) => {
                let ours = walk(&mut self.ours.clients[*connection], args, *cursor);
                let theirs = walk(&mut self.theirs.clients[*connection], args, *cursor);
                self.requests += 1;
                if ours != theirs {
                    self.differ(args, "to the end", format!("{ours:?}"), format!("{theirs:?}"));
                }
            }
            Step::Pause(time) => std::thread::sleep(*time),
            Step::Draw(connection, args, all) => self.draw(*connection, args, all),
            Step::Wait(waiters, requests) => self.wait(waiters, requests),
            Step::Transfer(connection, transfer) => self.transfer(*connection, transfer),
        }
    }

    #[track_caller]
    fn batch(&mut self, connection: usize, requests: &[Request]) {
        let mut bytes = Vec::new();
        requests.iter().for_each(|request| encode_into(&request.args, &mut bytes));
        let (ours, theirs) = (&mut self.ours.clients[connection], &mut self.theirs.clients[connection]);
        let (ours, theirs) = if bytes.len() > AT_ONCE_BYTES {
            let ours = ours.pipeline_raw(bytes.clone(), requests.len());
            (ours, theirs.pipeline_raw(bytes, requests.len()))
        } else {
            // Both work at the same time.
            ours.send_raw(&bytes);
            theirs.send_raw(&bytes);
            let read = |client: &mut Client| -> Vec<Value> {
                let one = |request: &Request| {
                    client.try_reply().unwrap_or_else(|why| panic!("{}: {why}", shown(&request.args)))
                };
                requests.iter().map(one).collect()
            };
            (read(ours), read(theirs))
        };
        for ((request, ours), theirs) in requests.iter().zip(ours).zip(theirs) {
            self.requests += 1;
            self.judge(connection, request, &ours, &theirs);
        }
    }

    /// Compare two replies of a connection, those of EXEC each in its own way.
    fn judge(&mut self, connection: usize, request: &Request, ours: &Value, theirs: &Value) {
        let queue = &mut self.queues[connection];
        if *theirs == Value::Simple(b"QUEUED".to_vec()) && request.args[0].len() > 1 {
            queue.push(request.clone());
        }
        if request.args[0].eq_ignore_ascii_case(b"DISCARD") {
            queue.clear();
        }
        if request.args[0].eq_ignore_ascii_case(b"EXEC") && request.args.len() == 1 {
            let queue = std::mem::take(queue);
            if let (Value::Array(ours), Value::Array(theirs)) = (ours, theirs)
                && [ours.len(), theirs.len()] == [queue.len(); 2]
            {
                for (request, (ours, theirs)) in queue.iter().zip(ours.iter().zip(theirs)) {
                    self.check("in MULTI", request, ours, theirs);
                }
                return;
            }
        }
        self.check("", request, ours, theirs);
    }

    fn check(&mut self, context: &str, request: &Request, ours: &Value, theirs: &Value) {
        if same(&request.compare, ours, theirs) || known(&request.args, ours, theirs) {
            return;
        }
        let [ours, theirs] = [ours, theirs].map(|value| with_plain_numbers(&request.args, value.clone()));
        if !same(&request.compare, &ours, &theirs) {
            self.differ(&request.args, context, format!("{ours:?}"), format!("{theirs:?}"));
        }
    }

    fn differ(&mut self, args: &[Vec<u8>], context: &str, ours: String, theirs: String) {
        let command = String::from_utf8_lossy(args.first().map_or(b"", |name| name)).to_ascii_uppercase();
        let request = if context.is_empty() { shown(args) } else { format!("{} ({context})", shown(args)) };
        self.differences.push(Difference { command, request, ours, theirs });
    }

    /// Members by chance: as many as there should be, and each of them one that there is.
    #[track_caller]
    fn draw(&mut self, connection: usize, args: &[Vec<u8>], all: &[Vec<u8>]) {
        self.requests += 1;
        let takes = args[0] == b"SPOP";
        let members = self.theirs.clients[connection].call(all);
        let ours = self.ours.clients[connection].call(args);
        // What the peer draws itself is of no interest but for its shape; what SPOP takes out must be the same.
        let theirs = match (&members, takes) {
            (Value::Error(_), _) | (_, false) => self.theirs.clients[connection].call(args),
            (members, true) => {
                let count = args.get(2).map(|count| String::from_utf8_lossy(count).parse::<usize>());
                let reply = match count {
                    Some(Ok(count)) => Some(count),
                    Some(Err(_)) => None,
                    None => Some(1),
                };
                match reply {
                    Some(count) => self.take_out(connection, args, &ours, count.min(members.items().len())),
                    None => self.theirs.clients[connection].call(args),
                }
            }
        };
        let all: BTreeSet<Value> = members.items().into_iter().collect();
        let drawn = if matches!(ours, Value::Bulk(_)) { vec![ours.clone()] } else { ours.items() };
        let negative = args.get(2).is_some_and(|count| count.starts_with(b"-"));
        let distinct = negative || drawn.iter().collect::<BTreeSet<_>>().len() == drawn.len();
        if !same(&Compare::Shape, &ours, &theirs) || !drawn.iter().all(|one| all.contains(one)) || !distinct {
            self.differ(args, "by chance", format!("{ours:?}"), format!("{theirs:?} of {all:?}"));
        }
    }

    /// Take from the peer's set what ours gave: a reply of the shape that the peer's would have had.
    #[track_caller]
    fn take_out(&mut self, connection: usize, args: &[Vec<u8>], ours: &Value, count: usize) -> Value {
        let client = &mut self.theirs.clients[connection];
        let drawn = if matches!(ours, Value::Bulk(_)) { vec![ours.clone()] } else { ours.items() };
        let mut remove = vec![b"SREM".to_vec(), args[1].clone()];
        remove.extend(drawn.iter().filter_map(|one| Some(one.bytes()?.to_vec())));
        let removed = if remove.len() > 2 { client.call(&remove).int() } else { Some(0) };
        let items =
            vec![Value::bulk("one"); removed.and_then(|n| usize::try_from(n).ok()).unwrap_or_default()];
        match (args.len(), client.protocol(), items.len() == count) {
            (_, _, false) => Value::Error(format!("{} instead of {count}", items.len()).into_bytes()),
            (2, Protocol::Resp2, _) => items.first().cloned().unwrap_or(Value::NullBulk),
            (2, Protocol::Resp3, _) => items.first().cloned().unwrap_or(Value::Null),
            (_, Protocol::Resp2, _) => Value::Array(items),
            (_, Protocol::Resp3, _) => Value::Set(items),
        }
    }

    #[track_caller]
    fn wait(&mut self, waiters: &[Vec<Vec<u8>>], requests: &[Request]) {
        let mut waiting = Vec::new();
        for (at, args) in waiters.iter().enumerate() {
            self.requests += 1;
            let ours = self.ours.begin_waiting(at, args);
            let theirs = self.theirs.begin_waiting(at, args);
            match (ours, theirs) {
                (None, None) => waiting.push((at, args)),
                (Some(ours), Some(theirs)) => {
                    self.check(
                        "at once",
                        &Request { args: args.clone(), compare: Compare::Exact },
                        &ours,
                        &theirs,
                    );
                }
                (ours, theirs) => {
                    let end = |side: &mut Side, reply: Option<Value>| match reply {
                        Some(reply) => format!("{reply:?}"),
                        None => {
                            side.end_waiting(at, "TIMEOUT");
                            "waits".to_owned()
                        }
                    };
                    let (ours, theirs) = (end(&mut self.ours, ours), end(&mut self.theirs, theirs));
                    self.differ(args, "before anything was written", ours, theirs);
                }
            }
        }
        let before = self.differences.len();
        self.batch(0, requests);
        let mut otherwise = false;
        for (at, args) in waiting {
            let how = if at == 0 { "ERROR" } else { "TIMEOUT" };
            let (ours_told, ours) = self.ours.end_waiting(at, how);
            let (theirs_told, theirs) = self.theirs.end_waiting(at, how);
            let request = Request { args: args.clone(), compare: Compare::Exact };
            let context = format!("while others wrote; CLIENT UNBLOCK: {ours_told:?}, {theirs_told:?}");
            self.check(&context, &request, &ours, &theirs);
            if ours_told != theirs_told && ours == theirs {
                self.differ(args, "CLIENT UNBLOCK", format!("{ours_told:?}"), format!("{theirs_told:?}"));
            }
            otherwise |= ours != theirs && served_otherwise(args, &ours, &theirs);
        }
        if otherwise {
            // What the others found was no longer the same then, and neither is what is left.
            self.differences.truncate(before);
            self.forget_what_was_waited_for();
        }
    }

    #[track_caller]
    fn forget_what_was_waited_for(&mut self) {
        for side in [&mut self.ours, &mut self.theirs] {
            for line in ["SELECT 1", "DEL w:0 w:1 w:2 w:8", "SELECT 0", "DEL w:0 w:1 w:2 w:8"] {
                side.clients[0].run(line);
            }
        }
    }

    #[track_caller]
    fn transfer(&mut self, connection: usize, transfer: &Transfer) {
        self.requests += 1;
        let dump = vec![b"DUMP".to_vec(), transfer.from.clone()];
        let ours = self.ours.clients[connection].call(&dump);
        let theirs = self.theirs.clients[connection].call(&dump);
        let (Value::Bulk(our_payload), Value::Bulk(their_payload)) = (&ours, &theirs) else {
            self.check("", &Request { args: dump, compare: Compare::Exact }, &ours, &theirs);
            return;
        };
        let mut payload = if transfer.ours { our_payload.clone() } else { their_payload.clone() };
        if let Some((at, byte)) = transfer.damage {
            let at = at * payload.len() / 256;
            payload[at] = byte;
        }
        let restore = [b"RESTORE".to_vec(), transfer.to.clone(), b"0".to_vec(), payload];
        let args = [&restore[..], &transfer.options].concat();
        let ours = self.ours.clients[connection].call(&args);
        let theirs = self.theirs.clients[connection].call(&args);
        let from = format!(
            "what {} dumps of {}",
            if transfer.ours { "ours" } else { "theirs" },
            shown(&[&transfer.from])
        );
        self.check(&from, &Request { args, compare: Compare::Exact }, &ours, &theirs);
    }

    /// Compare all databases: keys, types, values, encodings and times to live.
    #[track_caller]
    pub fn compare_state(&mut self) {
        // What is about to expire does.
        std::thread::sleep(Duration::from_millis(5));
        for db in 0..DATABASES {
            let select = vec![b"SELECT".to_vec(), db.to_string().into_bytes()];
            self.ask("", &select, &Compare::Exact);
            let keys = vec![b"KEYS".to_vec(), b"*".to_vec()];
            let Value::Array(keys) = self.ask(&format!("db {db}"), &keys, &Compare::Sorted(1)) else {
                continue;
            };
            let keys: Vec<Vec<u8>> =
                keys.iter().map(|key| key.bytes().unwrap_or_default().to_vec()).collect();
            self.compare_keys(db, &keys);
        }
    }

    fn compare_keys(&mut self, db: usize, keys: &[Vec<u8>]) {
        let asked = [
            ("TYPE", Compare::Exact),
            ("PEXPIRETIME", Compare::Within(TOLERANCE_MS)),
            ("OBJECT ENCODING", Compare::Encoding),
            ("DEBUG DIGEST-VALUE", Compare::Exact),
        ];
        let requests: Vec<Request> = keys
            .iter()
            .flat_map(|key| asked.iter().map(move |(words, how)| request_of(words, key, how.clone())))
            .collect();
        let args: Vec<Vec<Vec<u8>>> = requests.iter().map(|request| request.args.clone()).collect();
        let ours = self.ours.control.pipeline(&args);
        let theirs = self.theirs.control.pipeline(&args);
        for ((request, ours), theirs) in requests.iter().zip(&ours).zip(&theirs) {
            let before = self.differences.len();
            self.check(&format!("db {db}, in the end"), request, ours, theirs);
            if self.differences.len() > before && request.args[0] == b"DEBUG" {
                self.show_values(&request.args[2]);
            }
        }
    }

    /// Put the values themselves into the last difference, instead of their digests.
    fn show_values(&mut self, key: &[u8]) {
        let Some(last) = self.differences.last_mut() else { return };
        let text = |client: &mut Client| {
            let words = match client.call(&[b"TYPE".as_slice(), key]).text().as_str() {
                "string" => ["GET", ""],
                "hash" => ["HGETALL", ""],
                "set" => ["SMEMBERS", ""],
                "list" => ["LRANGE", "0 -1"],
                "zset" => ["ZRANGE", "0 -1 WITHSCORES"],
                _ => ["XINFO STREAM", "FULL COUNT 0"],
            };
            let mut args: Vec<&[u8]> = words[0].split(' ').map(str::as_bytes).collect();
            args.push(key);
            args.extend(words[1].split_whitespace().map(str::as_bytes));
            format!("{:?}", client.call(&args).sorted(if words[0] == "HGETALL" { 2 } else { 1 }))
        };
        last.ours = text(&mut self.ours.control);
        last.theirs = text(&mut self.theirs.control);
    }

    /// Ask both on their connections for control; the peer's answer.
    fn ask(&mut self, context: &str, args: &[Vec<u8>], how: &Compare) -> Value {
        let ours = self.ours.control.call(args);
        let theirs = self.theirs.control.call(args);
        self.check(context, &Request { args: args.to_vec(), compare: how.clone() }, &ours, &theirs);
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

fn request_of(words: &str, key: &[u8], compare: Compare) -> Request {
    let mut args: Vec<Vec<u8>> = words.split(' ').map(|word| word.as_bytes().to_vec()).collect();
    args.push(key.to_vec());
    Request { args, compare }
}

/// SCAN, HSCAN, SSCAN or ZSCAN until the cursor is 0 again: all elements, however often and in whatever order they came.
/// An error reply is an element too.
fn walk(client: &mut Client, args: &[Vec<u8>], cursor_at: usize) -> BTreeSet<Vec<Value>> {
    let mut args = args.to_vec();
    let pairs = args[0].eq_ignore_ascii_case(b"HSCAN") || args[0].eq_ignore_ascii_case(b"ZSCAN");
    let step = if pairs { 2 } else { 1 };
    let mut found = BTreeSet::new();
    for _ in 0..100_000 {
        let reply = with_plain_numbers(&args, client.call(&args));
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
