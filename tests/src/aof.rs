//! The files of an append-only file, seen from outside: which there are, what is in them, what redis-check-aof says of them;
//! and the whole data of a server, to be compared with what it has after a restart.

use crate::client::Client;
use crate::known::with_plain_numbers;
use crate::paths;
use crate::server::{Server, eventually};
use crate::value::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// A command or an annotation of a file.
pub type Item = Vec<Vec<u8>>;

/// The files that a server's manifest names for loading, in order.
#[track_caller]
pub fn files(server_dir: &Path) -> Vec<PathBuf> {
    let dir = server_dir.join("appendonlydir");
    let text = std::fs::read_to_string(dir.join("appendonly.aof.manifest")).expect("there is a manifest");
    let words = text.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    words.filter(|words| words[5] != "h").map(|words| dir.join(words[1])).collect()
}

/// The file that is appended to.
#[track_caller]
pub fn last_file(server_dir: &Path) -> PathBuf {
    files(server_dir).pop().expect("there is one that is appended to")
}

/// All that is in a file. Panics if it is not what was to be written.
#[track_caller]
pub fn items(bytes: &[u8]) -> Vec<Item> {
    let mut items = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == b'#' {
            items.push(vec![line(bytes, &mut at).to_vec()]);
            continue;
        }
        let argc = number(line(bytes, &mut at), b'*');
        let mut item = Vec::new();
        for _ in 0..argc {
            let len = number(line(bytes, &mut at), b'$');
            item.push(bytes[at..at + len].to_vec());
            at += len + 2;
        }
        items.push(item);
    }
    items
}

fn line<'b>(bytes: &'b [u8], at: &mut usize) -> &'b [u8] {
    let len = bytes[*at..].windows(2).position(|pair| pair == b"\r\n").expect("a line has an end");
    let line = &bytes[*at..*at + len];
    *at += len + 2;
    line
}

fn number(line: &[u8], kind: u8) -> usize {
    assert_eq!(line[0], kind, "{}", line.escape_ascii());
    let digits = std::str::from_utf8(&line[1..]).expect("a count is ASCII");
    digits.parse().expect("a count is a number")
}

/// An item as people read it.
pub fn shown(item: &Item) -> String {
    item.iter().map(|word| word.escape_ascii().to_string()).collect::<Vec<_>>().join(" ")
}

/// Have redis-check-aof look at all files.
#[track_caller]
pub fn check(server_dir: &Path) {
    let manifest = server_dir.join("appendonlydir/appendonly.aof.manifest");
    let output =
        Command::new(paths::tool("redis-check-aof")).arg(manifest).output().expect("it can be started");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && text.contains("All AOF files and manifest are valid"), "{text}");
}

/// Give one server the files of another. The first must be stopped, or be one that does not look at them.
#[track_caller]
pub fn copy(from: &Server, to: &Server) {
    let target = to.dir().join("appendonlydir");
    let _ = std::fs::remove_dir_all(&target);
    std::fs::create_dir(&target).expect("it can be made");
    for entry in std::fs::read_dir(from.dir().join("appendonlydir")).expect("there are files") {
        let path = entry.expect("the directory can be read").path();
        std::fs::copy(&path, target.join(path.file_name().expect("files have names"))).expect("copied");
    }
}

/// All keys of all databases: what they are, and when they expire.
pub type State = BTreeMap<(usize, Vec<u8>), (Value, Option<i64>)>;

/// What a server has.
#[track_caller]
pub fn state(server: &Server) -> State {
    let mut client = server.client();
    let mut state = State::new();
    for db in 0..16 {
        client.run(&format!("SELECT {db}"));
        for key in client.value("KEYS *").items() {
            let key = key.bytes().expect("keys are strings").to_vec();
            let ask = |client: &mut Client, name: &str| client.call(&[name.as_bytes(), &key]);
            let value = match ask(&mut client, "TYPE").text().as_str() {
                "string" => ask(&mut client, "GET"),
                "hash" => ask(&mut client, "HGETALL").sorted(2),
                "set" => ask(&mut client, "SMEMBERS").sorted(1),
                "list" => client.call(&[b"LRANGE".as_slice(), &key, b"0", b"-1"]),
                "zset" => scores(client.call(&[b"ZRANGE".as_slice(), &key, b"0", b"-1", b"WITHSCORES"])),
                "stream" => {
                    let words = [b"XINFO".as_slice(), b"STREAM", &key, b"FULL", b"COUNT", b"0"];
                    lasting(client.call(&words))
                }
                // It has expired between the one and the other.
                "none" => continue,
                _ => ask(&mut client, "DUMP"),
            };
            let expire_ms = ask(&mut client, "PEXPIRETIME").int();
            state.insert((db, key), (value, expire_ms));
        }
    }
    state
}

/// Members and scores as any server would spell them. A compact sorted set knows no zero with a sign, and a file does not tell which
/// is compact.
fn scores(members: Value) -> Value {
    let plain = |(at, item): (usize, Value)| match item.bytes() {
        Some(b"-0") if at % 2 == 1 => Value::bulk("0"),
        _ => item,
    };
    let members = with_plain_numbers(&[b"ZRANGE".to_vec()], members);
    Value::Array(members.items().into_iter().enumerate().map(plain).collect())
}

/// What XINFO tells, without what no file keeps: when consumers were seen, and how entries lie in memory.
fn lasting(told: Value) -> Value {
    let Value::Array(mut items) = told else { return told };
    for name in ["seen-time", "active-time", "radix-tree-keys", "radix-tree-nodes"] {
        if let Some(at) = items.iter().position(|item| item.bytes() == Some(name.as_bytes())) {
            items.drain(at..(at + 2).min(items.len()));
        }
    }
    Value::Array(items.into_iter().map(lasting).collect())
}

/// Panics with the first keys in which two states differ.
#[track_caller]
pub fn assert_same(before: &State, after: &State, what: &str) {
    let keys: std::collections::BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let differ: Vec<String> = keys
        .into_iter()
        .filter(|key| before.get(key) != after.get(key))
        .map(|key| {
            let (db, name) = key;
            let [before, after] = [before.get(key), after.get(key)];
            format!("db {db} {}: {before:?} became {after:?}", name.escape_ascii())
        })
        .collect();
    let shown = differ.iter().take(5).cloned().collect::<Vec<_>>().join("\n");
    assert!(differ.is_empty(), "{what}: {} of {} keys differ\n{shown}", differ.len(), before.len());
}

/// Until all that was sent is in the file.
pub fn settle(server: &Server) {
    let mut client = server.client();
    eventually("all is written", Duration::from_secs(10), || {
        let info = client.value("INFO persistence").text();
        info.contains("aof_buffer_length:0\r") && info.contains("aof_rewrite_in_progress:0\r")
    });
    // What the writer has taken is not in the buffer any more, and may not be in the file yet.
    std::thread::sleep(Duration::from_millis(50));
}

/// Clients that count, each in keys of its own, until the server is gone: what was acknowledged, and what was sent.
pub fn count_until_killed(server: &mut Server, clients: usize, time: Duration) -> Vec<(u64, u64)> {
    let mut threads = Vec::new();
    for number in 0..clients {
        let mut client = server.client();
        threads.push(std::thread::spawn(move || {
            let (mut acknowledged, mut sent) = (0, 0);
            loop {
                let batch = 1 + (sent % 7) as usize;
                let request = crate::client::encode(&["INCR".to_owned(), format!("counter{number}")]);
                if client.try_send_raw(&request.repeat(batch)).is_err() {
                    return (acknowledged, sent);
                }
                sent += batch as u64;
                for _ in 0..batch {
                    match client.try_reply() {
                        Ok(reply) => acknowledged = reply.int().expect("a sum") as u64,
                        Err(_) => return (acknowledged, sent),
                    }
                }
            }
        }));
    }
    std::thread::sleep(time);
    server.kill9();
    threads.into_iter().map(|thread| thread.join().expect("it does not panic")).collect()
}
