//! What the module hostile does, and what comes of it: one error line, the server goes on, other clients do not wait,
//! keys are as before, nothing is sent, the next command works.

use sandkey_tests::modules::{skip, start_with};
use sandkey_tests::{Client, Protocol, Server, Value};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long another client may wait while an attack goes on. A command's fuel is a tenth of a second or so of a
/// quiet core; the rest is for a machine that does more than one thing.
const PATIENCE: Duration = Duration::from_secs(3);

/// All keys, as far as anybody can see them.
fn state(client: &mut Client) -> Vec<Value> {
    let lines = ["GET k", "PEXPIRETIME k", "HGETALL h", "PEXPIRETIME h", "DBSIZE", "GET other"];
    lines.iter().map(|line| client.value(line)).collect()
}

fn set_up(client: &mut Client) {
    client.run("FLUSHALL");
    assert_eq!(client.run("SET k before PXAT 4000000000000"), "OK");
    assert_eq!(client.run("SET other untouched"), "OK");
    assert_eq!(client.run("HSET h other 1"), "(integer) 1");
    assert_eq!(client.run("PEXPIREAT h 4100000000000"), "(integer) 1");
}

/// A client that asks all the time and remembers how long it waited.
struct Bystander {
    stop: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<Duration>,
}

impl Bystander {
    fn watch(server: &Server) -> Bystander {
        let stop = Arc::new(AtomicBool::new(false));
        let (mut client, stopped) = (server.client(), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            let mut slowest = Duration::ZERO;
            while !stopped.load(Ordering::Relaxed) {
                let begin = Instant::now();
                assert_eq!(client.run("GET other"), "\"untouched\"");
                slowest = slowest.max(begin.elapsed());
                std::thread::sleep(Duration::from_millis(1));
            }
            slowest
        });
        Bystander { stop, thread }
    }

    fn slowest(self) -> Duration {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().expect("the bystander is served")
    }
}

/// An attack, and words that its error line must have.
struct Attack {
    line: &'static str,
    says: &'static str,
    /// The line is the module's or the host's own, and not about a command that was ended.
    refusal: bool,
}

/// The command is ended by the server.
const fn ended(line: &'static str, says: &'static str) -> Attack {
    Attack { line, says, refusal: false }
}

/// The command gets an error and hands it on.
const fn refused(line: &'static str, says: &'static str) -> Attack {
    Attack { line, says, refusal: true }
}

const ATTACKS: &[Attack] = &[
    ended("HOSTILE.LOOP", "out of fuel"),
    ended("HOSTILE.SLEEP", "out of fuel"),
    ended("HOSTILE.CALLS", "out of fuel"),
    ended("HOSTILE.RECURSE", ""),
    ended("HOSTILE.MEMORY", "memory"),
    ended("HOSTILE.HUGE 60", ""),
    ended("HOSTILE.KEYS k 70000", "too many keys are open"),
    ended("HOSTILE.PANIC boom", "unreachable"),
    ended("HOSTILE.UNREACHABLE", "unreachable"),
    ended("HOSTILE.OUTSIDE", "out of bounds"),
    ended("HOSTILE.DIVIDE 1 0", ""),
    ended("HOSTILE.HANDLE k 12345", "key handle 12345 was never given out"),
    ended("HOSTILE.LINE", ""),
    ended("HOSTILE.DEEP 33", "nested deeper than 32"),
    ended("HOSTILE.DEEP 100000", "nested deeper than 32"),
    ended("HOSTILE.WRITETRAP k h", "unreachable"),
    ended("HOSTILE.WRITELOOP k h", "out of fuel"),
    ended("HOSTILE.WRITEMEMORY k h", "memory"),
    ended("HOSTILE.WRITERESP3 k h", ""),
    refused("HOSTILE.WRITEERROR k h", "ERR changed my mind"),
    refused("HOSTILE.ERROR \"ERR one\"", "ERR one  +OK  "),
    refused("HOSTILE.SELF", ""),
    refused("HOSTILE.UNDECLARED k", "ERR a key was used that the command's key specs do not declare"),
    refused("HOSTILE.SCAN", "ERR a key was used that the command's key specs do not declare"),
    refused("HOSTILE.READONLY k", "ERR a write was tried by a command or through a key that may only read"),
    refused("HOSTILE.CALLWRITE k", "ERR a write was tried by a command or through a key that may only read"),
    refused(
        "HOSTILE.CALLWRITE k flush",
        "ERR a write was tried by a command or through a key that may only read",
    ),
    refused("HOSTILE.UNLISTED", "ERR a command was called that the module may not call"),
];

impl Attack {
    #[track_caller]
    fn check(&self, reply: &Value) {
        let Some(line) = reply.error() else { panic!("{}: {reply:?}", self.line) };
        let command = self.line.split(' ').next().unwrap_or_default().to_lowercase();
        let prefix = if self.refusal {
            self.says.to_owned()
        } else {
            format!("ERR module 'hostile' command '{command}' failed: ")
        };
        assert!(line.starts_with(&prefix) && line.contains(self.says), "{}: {line:?}", self.line);
        assert!(!line.contains(['\r', '\n']), "{}: {line:?}", self.line);
    }
}

fn attack_everything(protocol: Protocol) {
    let mut server = start_with(&["hostile"], &[]);
    let mut client = server.client_speaking(protocol);
    let mut listener = server.client();
    listener.run("SUBSCRIBE hostile");
    let mut watcher = server.client();
    for attack in ATTACKS {
        set_up(&mut client);
        let before = state(&mut client);
        watcher.run("WATCH k h");
        let bystander = Bystander::watch(&server);
        let reply = client.value(attack.line);
        attack.check(&reply);
        let slowest = bystander.slowest();
        assert!(slowest < PATIENCE, "{}: another client waited for {slowest:?}", attack.line);
        assert_eq!(state(&mut client), before, "{} left a trace", attack.line);
        // Nobody's transaction fails because of writes that were undone.
        watcher.run("MULTI");
        watcher.run("PING");
        assert_eq!(watcher.run("EXEC"), "1) PONG", "{}", attack.line);
        assert_eq!(client.run("HOSTILE.FINE k"), "OK", "after {}", attack.line);
        assert_eq!(client.run("GET k"), "\"fine\"");
    }
    listener.expect_silence(Duration::from_millis(50));
    assert!(server.alive());
}

#[test]
fn every_attack_fails_in_resp2() {
    if !skip() {
        attack_everything(Protocol::Resp2);
    }
}

#[test]
fn every_attack_fails_in_resp3() {
    if !skip() {
        attack_everything(Protocol::Resp3);
    }
}

#[test]
fn attacks_in_a_transaction_fail_alone() {
    if skip() {
        return;
    }
    let server = start_with(&["hostile"], &[]);
    let mut client = server.client();
    for attack in ATTACKS {
        set_up(&mut client);
        let attack_args = sandkey_tests::words::split_line(attack.line).expect("the quotes match");
        let words = |line: &str| line.split(' ').map(|w| w.as_bytes().to_vec()).collect::<Vec<_>>();
        let requests = [
            words("MULTI"),
            words("APPEND k !"),
            attack_args,
            words("GET k"),
            words("HOSTILE.FINE new"),
            words("EXEC"),
        ];
        let replies = client.pipeline(&requests);
        let results = replies[5].items();
        assert_eq!(results.len(), 4, "{}: {:?}", attack.line, replies[5]);
        assert_eq!(results[0], Value::Int(7));
        attack.check(&results[1]);
        assert_eq!(results[2], Value::bulk("before!"), "{}", attack.line);
        assert_eq!(results[3], Value::ok());
        assert_eq!(client.run("HGETALL h"), "1) \"other\"\n2) \"1\"", "{}", attack.line);
    }
}

#[test]
fn broken_replies_desynchronise_nobody() {
    if skip() {
        return;
    }
    let server = start_with(&["hostile"], &[]);
    for protocol in Protocol::BOTH {
        let mut client = server.client_speaking(protocol);
        let mut requests: Vec<Vec<String>> = Vec::new();
        for kind in 0..24 {
            requests.push(vec!["ECHO".into(), format!("before {kind}")]);
            requests.push(vec!["HOSTILE.RESP3".into(), kind.to_string()]);
            requests.push(vec!["HOSTILE.LINE".into()]);
            // Failing again and again would have the module wait before its next try.
            requests.push(vec!["HOSTILE.FINE".into(), "k".into()]);
            requests.push(vec!["ECHO".into(), format!("after {kind}")]);
        }
        let replies = client.pipeline(&requests);
        for (kind, five) in replies.chunks(5).enumerate() {
            assert_eq!(five[0], Value::bulk(format!("before {kind}")));
            let line = five[1].error().unwrap_or_else(|| panic!("kind {kind} passed: {:?}", five[1]));
            assert!(
                line.starts_with("ERR module 'hostile' command 'hostile.resp3' failed: "),
                "{kind}: {line}"
            );
            assert!(five[2].error().is_some());
            assert_eq!(five[3], Value::ok());
            assert_eq!(five[4], Value::bulk(format!("after {kind}")));
        }
        // Up to the limit depth is fine.
        let deep = client.value("HOSTILE.DEEP 32");
        let mut innermost = deep;
        for _ in 0..32 {
            innermost = innermost.items().remove(0);
        }
        assert_eq!(innermost, Value::Int(1));
    }
}

#[test]
fn limits_of_memory_and_tables_are_told_to_who_asks() {
    if skip() {
        return;
    }
    let server = start_with(&["hostile"], &[]);
    let mut client = server.client_speaking(Protocol::Resp3);
    assert_eq!(client.run("HOSTILE.GROW 16"), "(true)");
    assert_eq!(client.run("HOSTILE.GROW 60000"), "(false)");
    assert_eq!(client.run("HOSTILE.TABLE 10"), "(true)");
    assert_eq!(client.run("HOSTILE.TABLE 1000000"), "(false)");
    assert_eq!(client.run("HOSTILE.FINE k"), "OK");
}

#[test]
fn the_log_names_functions_and_is_not_flooded() {
    if skip() {
        return;
    }
    let mut server = start_with(&["hostile"], &[]);
    let mut client = server.client();
    server.mark_log();
    client.run("HOSTILE.PANIC \"with a reason\"");
    server.wait_log("with a reason");
    // The module's own functions, by their names, down to the one that the server entered.
    server.wait_log("hostile::broken");
    server.wait_log("commands@0.1.0#call");
    let before = server.log().lines().count();
    client.run("SET other untouched");
    let bystander = Bystander::watch(&server);
    assert_eq!(client.run("HOSTILE.LOGS 5000"), "OK");
    assert!(bystander.slowest() < PATIENCE);
    std::thread::sleep(Duration::from_millis(200));
    let log = server.log();
    let new: Vec<&str> = log.lines().skip(before).collect();
    assert!((50..=250).contains(&new.len()), "{} new lines in the log", new.len());
    for line in new {
        assert!(!line.starts_with("forged"), "a forged line: {line}");
        assert!(line.len() < 1500 && !line.contains('\u{1b}'), "{line}");
    }
}

#[test]
fn a_large_write_that_fails_is_undone() {
    if skip() {
        return;
    }
    let server = start_with(&["hostile"], &["--proto-max-bulk-len", "3mb"]);
    let mut client = server.client();
    client.run("SET k before");
    assert_eq!(client.run("HOSTILE.STORE k 2"), "(integer) 2097158");
    client.run("SET k before");
    let reply = client.run("HOSTILE.STORE k 5");
    assert_eq!(reply, "(error) ERR string exceeds maximum allowed size (proto-max-bulk-len)");
    assert_eq!(client.run("GET k"), "\"before\"");
}

#[test]
fn attacks_at_once_leave_the_server_responsive() {
    if skip() {
        return;
    }
    let mut server = start_with(&["hostile", "hello"], &[]);
    let mut client = server.client();
    set_up(&mut client);
    let before = state(&mut client);
    let bystander = Bystander::watch(&server);
    let threads: Vec<_> = (0..6)
        .map(|i| {
            let mut client = server.client();
            std::thread::spawn(move || {
                for round in 0..12 {
                    let attack = &ATTACKS[(i * 7 + round) % ATTACKS.len()];
                    let reply = client.value(attack.line);
                    assert!(reply.error().is_some(), "{}: {reply:?}", attack.line);
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().expect("every attack has its reply");
    }
    let slowest = bystander.slowest();
    assert!(slowest < 2 * PATIENCE, "another client waited for {slowest:?}");
    assert_eq!(state(&mut client), before);
    assert_eq!(client.run("HELLO.GREET you"), "\"Hello, you!\"");
    assert!(server.alive());
}
