//! Damaged files: every byte of a snapshot and of an append-only file is changed once, and each file is cut at every length.
//!
//! A snapshot has a checksum, so whatever is changed is noticed: an error that names the file and the place, and what was in memory
//! stays. An append-only file has none. There a change inside of a key or a value is a file that says something else, and loads; what
//! is checked is that it changes no key but those of the command that was changed, and that everything else is an error with file
//! and offset, or, where the damage makes the rest of the file look like the torn end of a command, a line in the log that says what
//! was cut off.
//!
//! One server loads all of them, one after the other. `SANDKEY_LONG=1` changes every bit by itself.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use sandkey_tests::extent::{long, seed};
use sandkey_tests::modules::{skip, start_with};
use sandkey_tests::{Client, Server, Value};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long one load of a file of a few KB may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Keys of every type, each made by one command, so that it is known what belongs to which.
const SAMPLE: &[&str] = &[
    "SET string text",
    "SET number 1234567",
    "SET compressible aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "SET expiring text PXAT 4000000000000",
    "SET binary \"\\x00\\xff\\r\\n*1\\r\\n\"",
    "HSET hash field value number 17",
    "HSET large f01 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "LEDGER.ADD account -5 text",
    "LEDGER.STAMP stamped text",
    "LEDGER.FILL filled 100 7",
    "LEDGER.ADDALL 3 both one two",
    "LEDGER.MIXED mixed counter fields 9",
    "PEAK.INCR peak 12",
    "MSET first 1 second 2",
    "FOUL.PUT foul calm payload",
];

fn start(args: &[&str]) -> Server {
    let args = [&["--enable-debug-command", "local", "--hash-max-listpack-value", "64"], args].concat();
    start_with(&["ledger", "peak", "foul"], &args)
}

fn fill(client: &mut Client) {
    for line in SAMPLE {
        let reply = client.value(line);
        assert!(reply.error().is_none(), "{line}: {}", reply.cli());
    }
}

/// Every key with a fingerprint of its value and its time.
fn keys(client: &mut Client) -> BTreeMap<String, String> {
    let mut names: Vec<Vec<u8>> =
        client.value("KEYS *").items().iter().filter_map(|key| Some(key.bytes()?.to_vec())).collect();
    names.sort();
    let mut requests: Vec<Vec<&[u8]>> = Vec::new();
    for name in &names {
        requests.push(vec![b"DEBUG", b"DIGEST-VALUE", name]);
        requests.push(vec![b"PEXPIRETIME", name]);
    }
    let replies = client.pipeline(&requests);
    let shown = |pair: &[Value]| pair.iter().map(Value::cli).collect::<Vec<_>>().join(" until ");
    names.iter().map(|name| name.escape_ascii().to_string()).zip(replies.chunks(2).map(shown)).collect()
}

/// Ask the server to load; its answer, and what it wrote into its log meanwhile.
fn load(server: &Server, client: &mut Client, line: &str, what: &str) -> (Result<(), String>, String) {
    let before = server.log().len();
    let begin = Instant::now();
    let reply = client.value(line);
    assert!(begin.elapsed() < PATIENCE, "{what} took {:?}", begin.elapsed());
    // The log comes through a pipe of its own: a line that comes surely says that what was before it is there.
    let mark = format!("loaded {what}");
    client.call(&["DEBUG", "LOG", &mark]);
    server.wait_log(&mark);
    let log = server.log()[before..].to_owned();
    (reply.error().map_or(Ok(()), Err), log)
}

/// One change of every byte, in the long run of every bit; then a cut at every length.
fn damages(bytes: &[u8], rng: &mut StdRng) -> Vec<(String, usize, Vec<u8>)> {
    let mut damages = Vec::new();
    for at in 0..bytes.len() {
        let flips: Vec<u8> =
            if long() { (0..8).map(|bit| 1 << bit).collect() } else { vec![rng.random_range(1..=255)] };
        for flip in flips {
            let mut damaged = bytes.to_vec();
            damaged[at] ^= flip;
            damages.push((format!("byte {at} changed by {flip:#04x}"), at, damaged));
        }
    }
    damages.extend((0..bytes.len()).map(|len| (format!("cut at {len}"), len, bytes[..len].to_vec())));
    damages
}

#[test]
fn a_damaged_snapshot_is_never_loaded() {
    if skip() {
        return;
    }
    let seed = seed();
    let server = start(&[]);
    let mut client = server.client();
    fill(&mut client);
    client.run("SELECT 3");
    client.run("LEDGER.ADD elsewhere 1");
    client.run("SELECT 0");
    assert_eq!(client.run("SAVE"), "OK");
    let path = server.dir().join("dump.rdb");
    let bytes = std::fs::read(&path).expect("it was saved");
    assert_eq!(client.run("DEBUG RELOAD NOSAVE"), "OK");
    let whole = client.run("DEBUG DIGEST");
    let mut undetected = Vec::new();
    for (what, _, damaged) in damages(&bytes, &mut StdRng::seed_from_u64(seed)) {
        std::fs::write(&path, damaged).expect("it can be written");
        let (loaded, log) = load(&server, &mut client, "DEBUG RELOAD NOSAVE", &what);
        match loaded {
            Ok(()) => undetected.push(what.clone()),
            Err(error) => {
                assert!(error.contains("Error trying to load the RDB dump"), "{what}: {error}");
                let place = log.lines().any(|line| line.contains("dump.rdb") && line.contains(" byte "));
                assert!(place, "{what}, with SANDKEY_SEED={seed}: the log does not say where:\n{log}");
            }
        }
        assert_eq!(client.run("DEBUG DIGEST"), whole, "{what}, with SANDKEY_SEED={seed}");
    }
    assert!(undetected.is_empty(), "with SANDKEY_SEED={seed} these were not noticed: {undetected:?}");
    std::fs::write(&path, bytes).expect("it can be written");
    assert_eq!(client.run("DEBUG RELOAD NOSAVE"), "OK");
}

/// A command of an append-only file: where it is, and its arguments.
struct Record {
    begin: usize,
    end: usize,
    args: Vec<Vec<u8>>,
}

fn records(bytes: &[u8]) -> Vec<Record> {
    let mut records = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let decoded = sandkey_tests::value::decode(&bytes[at..], sandkey_tests::Protocol::Resp2);
        let (value, len) = decoded.expect("the file is RESP").expect("the file is whole");
        let args =
            value.items().iter().map(|arg| arg.bytes().expect("arguments are strings").to_vec()).collect();
        records.push(Record { begin: at, end: at + len, args });
        at += len;
    }
    records
}

/// The keys that may be others when the command at this place of the file has been changed: all that it names, and with a transaction
/// around it those of the others in it, as it may have lost its end.
fn touched(records: &[Record], at: usize, all: &BTreeMap<String, String>) -> Vec<String> {
    let named = |record: &Record| -> Vec<String> {
        let words = record.args.iter().map(|arg| arg.escape_ascii().to_string());
        words.filter(|word| all.contains_key(word)).collect()
    };
    let own = records.iter().filter(|record| (record.begin..record.end).contains(&at));
    own.flat_map(named).collect()
}

fn aof(server: &Server) -> PathBuf {
    server.dir().join("appendonlydir/appendonly.aof.1.incr.aof")
}

#[test]
fn a_damaged_append_only_file_loses_nothing_silently() {
    if skip() {
        return;
    }
    let seed = seed();
    let server =
        start(&["--appendonly", "yes", "--appendfsync", "always", "--auto-aof-rewrite-percentage", "0"]);
    let mut client = server.client();
    fill(&mut client);
    let path = aof(&server);
    let bytes = std::fs::read(&path).expect("it was written");
    let records = records(&bytes);
    assert!(records.len() >= SAMPLE.len(), "{} records", records.len());
    assert_eq!(client.run("DEBUG LOADAOF"), "OK");
    let whole = keys(&mut client);
    assert!(whole.len() == 19, "{whole:?}");
    let (mut refused, mut cut, mut torn, mut other) = (0, 0, 0, 0);
    for (what, at, damaged) in damages(&bytes, &mut StdRng::seed_from_u64(seed)) {
        std::fs::write(&path, &damaged).expect("it can be written");
        let (loaded, log) = load(&server, &mut client, "DEBUG LOADAOF", &what);
        let says = |words: &str| log.lines().any(|line| line.contains("incr.aof") && line.contains(words));
        if let Err(error) = loaded {
            assert!(error.contains("Error trying to load the AOF files"), "{what}: {error}");
            assert!(says("at byte "), "{what}, with SANDKEY_SEED={seed}: the log does not say where:\n{log}");
            refused += 1;
            continue;
        }
        let found = keys(&mut client);
        if says("is cut at byte ") {
            // Everything in front of the place is there, and the file ends with a whole command now.
            let left = std::fs::read(&path).expect("it is there").len();
            assert!(left <= at, "{what}, with SANDKEY_SEED={seed}: {left} bytes are left");
            let before = records.iter().filter(|record| record.end <= left);
            let kept: Vec<String> =
                before.flat_map(|record| touched(&records, record.begin, &whole)).collect();
            for key in kept {
                assert_eq!(found.get(&key), whole.get(&key), "{what}, with SANDKEY_SEED={seed}: {key}");
            }
            // A length that was changed may reach to the end of the file: that looks like a command whose end is missing.
            if damaged.len() < bytes.len() { cut += 1 } else { torn += 1 }
        } else if damaged.len() < bytes.len() {
            // Cut between two commands: what is in front of the place is there.
            assert!(
                records.iter().any(|record| record.end == damaged.len()) || damaged.is_empty(),
                "{what}:\n{log}"
            );
        } else {
            let own = touched(&records, at, &whole);
            let kept = whole.iter().filter(|(key, _)| !own.contains(key));
            for (key, value) in kept {
                assert_eq!(found.get(key), Some(value), "{what}, with SANDKEY_SEED={seed}: {key}");
            }
            assert!(found.len() <= whole.len() + own.len() + 1, "{what}: {found:?}");
            other += usize::from(found != whole);
        }
    }
    eprintln!("{refused} refused, {cut} cut, {torn} that looked torn, {other} with another content");
    assert!(refused > 100 && cut > 100 && other > 50);
    std::fs::write(&path, bytes).expect("it can be written");
    assert_eq!(client.run("DEBUG LOADAOF"), "OK");
    assert_eq!(keys(&mut client), whole);
}
