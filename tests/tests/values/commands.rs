//! Native commands on values of modules: they are values like any other, except that only their module can look into them.

use crate::{digest, lose, start};
use sandkey_tests::modules::skip;
use sandkey_tests::{Client, eventually};
use std::time::Duration;

const WRONG: &str = "(error) WRONGTYPE Operation against a key holding the wrong kind of value";

/// Three accounts under `a`, `b` and `c`, each with another history: journaled, saved, large.
fn set_up(client: &mut Client) {
    client.run("FLUSHALL");
    assert_eq!(client.run("LEDGER.ADD a 5 first"), "(integer) 1");
    assert!(client.run("LEDGER.STAMP a second").contains(":second"));
    assert_eq!(client.run("LEDGER.ADDALL 7 both a b"), "(integer) 2");
    assert_eq!(client.run("LEDGER.FILL c 100000 3"), "OK");
    assert_eq!(client.run("LEDGER.ADD c 1"), "(integer) 1");
}

#[test]
fn a_key_has_one_type() {
    if skip() {
        return;
    }
    let server = start(&["ledger", "foul", "peak"]);
    let mut client = server.client();
    set_up(&mut client);
    client.run("SET string 1");
    client.run("HSET hash f 1");
    client.run("FOUL.PUT foul calm");
    client.run("PEAK.INCR peak 3");
    for (key, name) in
        [("a", "proof-acc"), ("foul", "foul-vals"), ("peak", "peak-cntr"), ("string", "string")]
    {
        assert_eq!(client.run(&format!("TYPE {key}")), name);
    }
    assert_eq!(client.run("OBJECT ENCODING a"), "\"raw\"");
    // What is for strings and hashes is not for them.
    for line in [
        "GET a",
        "APPEND a x",
        "STRLEN a",
        "INCR a",
        "SETRANGE a 1 x",
        "GETRANGE a 0 1",
        "GETDEL a",
        "GETSET a 1",
        "GETEX a",
        "INCRBYFLOAT a 1",
        "HGET a f",
        "HSET a f 1",
        "HGETALL a",
        "HLEN a",
        "HDEL a f",
        "HINCRBY a f 1",
        "SET a 1 GET",
        "LEDGER.ADD string 1",
        "LEDGER.READ hash",
        "LEDGER.ADD foul 1",
        "LEDGER.DIGEST peak",
        "LEDGER.MOVE a string 1",
        "LEDGER.MOVE hash a 1",
        "LEDGER.POSTALL 1 x a foul",
        "FOUL.MOOD a",
        "FOUL.TURN a x",
        "PEAK.INCR a",
        "PEAK.GET foul",
    ] {
        assert_eq!(client.run(line), WRONG, "{line}");
    }
    assert_eq!(client.run("MGET a string foul"), "1) (nil)\n2) \"1\"\n3) (nil)");
    // A refused command has changed nothing.
    assert_eq!(client.run("LEDGER.LAST a"), "\"7:0:0:both\"");
    assert_eq!(client.run("FOUL.MOOD foul"), "\"calm\"");
    assert_eq!(client.run("PEAK.GET peak"), "1) (integer) 3\n2) (integer) 3");
    // What overwrites, overwrites.
    assert_eq!(client.run("SET b text"), "OK");
    assert_eq!(client.run("MSET a 1 c 2"), "OK");
    assert_eq!(client.run("LEDGER.KEYS"), "(empty array)");
    assert_eq!(client.run("LEDGER.ADD b 1"), WRONG);
}

#[test]
fn keys_are_found_by_type() {
    if skip() {
        return;
    }
    let server = start(&["ledger", "foul"]);
    let mut client = server.client();
    for i in 0..500 {
        client.run(&format!("LEDGER.ADD acc:{i} {i}"));
        client.run(&format!("FOUL.PUT foul:{i} calm"));
        client.run(&format!("SET string:{i} x"));
    }
    for (name, prefix) in [("proof-acc", "acc:"), ("foul-vals", "foul:"), ("string", "string:")] {
        let (mut cursor, mut keys) = ("0".to_owned(), Vec::new());
        loop {
            let page = client.value(&format!("SCAN {cursor} TYPE {name} COUNT 100")).items();
            keys.extend(page[1].items().iter().map(sandkey_tests::Value::text));
            cursor = page[0].text();
            if cursor == "0" {
                break;
            }
        }
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), 500, "{name}");
        assert!(keys.iter().all(|key| key.starts_with(prefix)), "{name}");
    }
    let own = client.value("LEDGER.KEYS").items();
    assert_eq!(own.len(), 500);
    assert!(own.iter().all(|key| key.text().starts_with("acc:")));
    assert_eq!(client.run("SCAN 0 TYPE no-such-t COUNT 10000"), "1) \"0\"\n2) (empty array)");
}

#[test]
fn values_move_with_their_keys() {
    if skip() {
        return;
    }
    let server = start(&["ledger"]);
    let mut client = server.client();
    set_up(&mut client);
    let (a, b, c) = (digest(&mut client, "a"), digest(&mut client, "b"), digest(&mut client, "c"));
    assert_eq!(client.run("RENAME a x"), "OK");
    assert_eq!(client.run("RENAMENX x b"), "(integer) 0");
    assert_eq!(client.run("RENAMENX x y"), "(integer) 1");
    assert_eq!(digest(&mut client, "y"), a);
    assert_eq!(client.run("EXISTS a x"), "(integer) 0");
    // Onto another account, which is gone then.
    assert_eq!(client.run("RENAME y b"), "OK");
    assert_eq!(digest(&mut client, "b"), a);
    assert_ne!(a, b);
    // A copy is another value.
    assert_eq!(client.run("COPY c d"), "(integer) 1");
    assert_eq!(client.run("COPY b d"), "(integer) 0");
    assert_eq!(digest(&mut client, "d"), c);
    assert_eq!(client.run("LEDGER.ADD d 9 only-here"), "(integer) 2");
    assert_eq!(digest(&mut client, "c"), c);
    assert_ne!(digest(&mut client, "d"), c);
    assert_eq!(client.run("COPY b d REPLACE"), "(integer) 1");
    assert_eq!(digest(&mut client, "d"), a);
    assert_eq!(client.run("COPY c c2 DB 3"), "(integer) 1");
    assert_eq!(client.run("MOVE b 3"), "(integer) 1");
    assert_eq!(client.run("LEDGER.DIGEST b"), "(nil)");
    assert_eq!(client.run("SELECT 3"), "OK");
    assert_eq!((digest(&mut client, "b"), digest(&mut client, "c2")), (a.clone(), c.clone()));
    assert_eq!(client.run("LEDGER.KEYS"), "1) \"b\"\n2) \"c2\"");
    assert_eq!(client.run("SWAPDB 3 0"), "OK");
    assert_eq!((digest(&mut client, "d"), digest(&mut client, "c")), (a.clone(), c.clone()));
    assert_eq!(client.run("LEDGER.ADD d 1"), "(integer) 4");
    client.run("SELECT 0");
    assert_eq!(digest(&mut client, "b"), a);
    assert_eq!(client.run("LEDGER.ADD b 1"), "(integer) 4");
}

#[test]
fn values_expire_and_are_deleted() {
    if skip() {
        return;
    }
    let server = start(&["ledger"]);
    let mut client = server.client();
    set_up(&mut client);
    let a = digest(&mut client, "a");
    assert_eq!(client.run("PEXPIREAT a 4000000000000"), "(integer) 1");
    // Changing a value keeps its time to live, as with every other type; a new one has none.
    assert_eq!(client.run("LEDGER.ADD a 1"), "(integer) 4");
    assert_eq!(client.run("LEDGER.TRIM a 3"), "(integer) 1");
    assert_eq!(client.run("PEXPIRETIME a"), "(integer) 4000000000000");
    assert_eq!(client.run("LEDGER.RESET a 5"), "(integer) 1");
    assert_eq!(client.run("TTL a"), "(integer) -1");
    assert_ne!(digest(&mut client, "a"), a);
    assert_eq!(client.run("PEXPIRE a 30"), "(integer) 1");
    assert_eq!(client.run("LEDGER.ADD a 1"), "(integer) 2");
    std::thread::sleep(Duration::from_millis(60));
    assert_eq!(client.run("LEDGER.DIGEST a"), "(nil)");
    assert_eq!(client.run("EXISTS a"), "(integer) 0");
    assert_eq!(client.run("LEDGER.ADD a 1"), "(integer) 1");
    assert_eq!(client.run("TTL a"), "(integer) -1");
    assert_eq!(client.run("EXPIRE b 100"), "(integer) 1");
    assert_eq!(client.run("PERSIST b"), "(integer) 1");
    assert_eq!(client.run("EXPIRE b -1"), "(integer) 1");
    assert_eq!(client.run("LEDGER.READ b"), "(nil)");
    assert_eq!(client.run("DEL a"), "(integer) 1");
    assert_eq!(client.run("UNLINK c"), "(integer) 1");
    assert_eq!(client.run("DBSIZE"), "(integer) 0");
    set_up(&mut client);
    assert_eq!(client.run("FLUSHDB"), "OK");
    assert_eq!(client.run("LEDGER.KEYS"), "(empty array)");
    set_up(&mut client);
    assert_eq!(client.run("FLUSHALL ASYNC"), "OK");
    assert_eq!(client.run("LEDGER.ADD a 1"), "(integer) 1");
    assert_eq!(digest(&mut client, "a"), client.run("LEDGER.DIGEST a"));
}

/// The module's memory must not keep what the keyspace has given up.
#[test]
fn what_is_deleted_is_freed_in_the_module() {
    if skip() {
        return;
    }
    let server = start(&["ledger"]);
    let mut client = server.client();
    for round in 0..40 {
        for i in 0..10 {
            assert_eq!(client.run(&format!("LEDGER.FILL k{i} 500000 {round}")), "OK");
        }
        let end = ["FLUSHALL", "DEL k0 k1 k2 k3 k4 k5 k6 k7 k8 k9", "FLUSHDB ASYNC", "SWAPDB 0 1"][round % 4];
        assert!(client.value(end).error().is_none(), "{end}");
    }
    // 200 MB went through; at no time more than 5 MB and what was still to be freed were alive.
    let memory = crate::used(&mut client, "ledger", "memory_bytes");
    assert!(memory < 24 << 20, "{memory} bytes");
    assert_eq!(crate::used(&mut client, "ledger", "traps"), 0);
    assert_eq!(crate::used(&mut client, "ledger", "instances_created"), 1);
}

#[test]
fn memory_usage_grows_with_a_value() {
    if skip() {
        return;
    }
    let server = start(&["ledger"]);
    let mut client = server.client();
    assert_eq!(client.run("LEDGER.ADD a 1"), "(integer) 1");
    let small = client.int("MEMORY USAGE a");
    let (bytes, journal) =
        (client.info_int("module_values_saved_bytes"), client.info_int("module_values_journal_bytes"));
    assert_eq!(client.info_int("module_values"), 1);
    assert_eq!(client.run("LEDGER.FILL a 1000000 1"), "OK");
    // So far the bytes are in the module's memory only; the journal has the short command.
    let filled = client.int("MEMORY USAGE a");
    assert!(filled > small + 1_000_000, "{small} then {filled}");
    assert!(client.info_int("module_values_journal_bytes") > journal);
    assert_eq!(client.run("LEDGER.ADDALL 1 x a b"), "(integer) 2");
    let saved = client.int("MEMORY USAGE a");
    assert!(saved > small + 1_990_000, "{small} then {saved}: the bytes and the object");
    assert!(client.info_int("module_values_saved_bytes") > bytes + 1_000_000);
    assert_eq!(client.run("DEL a b"), "(integer) 2");
    eventually("nothing is left", Duration::from_secs(5), || {
        let mut left = |field| client.info_int(field);
        left("module_values") + left("module_values_saved_bytes") + left("module_values_journal_bytes") == 0
    });
}

/// Journals and bytes count against maxmemory: a client cannot fill the memory through a module.
#[test]
fn values_count_against_maxmemory() {
    if skip() {
        return;
    }
    let server = start(&["ledger"]);
    let mut client = server.client();
    let used = client.info_int("used_memory");
    assert_eq!(client.run(&format!("CONFIG SET maxmemory {}", used + (8 << 20))), "OK");
    let mut filled = 0;
    let refusal = loop {
        let reply = client.run(&format!("LEDGER.ADDALL 1 {} k{filled}", "x".repeat(100_000)));
        if reply != "(integer) 1" {
            break reply;
        }
        filled += 1;
        assert!(filled < 200, "20 MB went into 8");
    };
    assert_eq!(refusal, "(error) OOM command not allowed when used memory > 'maxmemory'.");
    assert!(filled > 20, "only {filled} values of 100 KB went into 8 MB");
    assert_eq!(client.run("LEDGER.TRIM k0 0"), "(integer) 1");
    // Evicting them makes room.
    assert_eq!(client.run("CONFIG SET maxmemory-policy allkeys-random"), "OK");
    for i in 0..100 {
        let line = format!("LEDGER.ADDALL {i} {} more{i}", "x".repeat(100_000));
        assert_eq!(client.run(&line), "(integer) 1", "{i}");
    }
    assert!(client.info_int("evicted_keys") > 20);
    assert_eq!(client.run("CONFIG SET maxmemory 0"), "OK");
    lose(&mut client);
    let keys = client.value("LEDGER.KEYS").items();
    for key in &keys {
        assert!(client.run(&format!("LEDGER.DIGEST {}", key.text())).contains(':'));
    }
}

#[test]
fn transactions_see_values_as_they_see_others() {
    if skip() {
        return;
    }
    let server = start(&["ledger"]);
    let (mut client, mut other) = (server.client(), server.client());
    set_up(&mut client);
    // All of it, in order, and a failure in the middle takes only itself back.
    for line in [
        "MULTI",
        "LEDGER.ADD a 1",
        "INCR n",
        "LEDGER.FAIL a n r error",
        "LEDGER.FAIL a n r trap",
        "LEDGER.MOVE a b 4",
        "LEDGER.THROUGH a 3",
        "LEDGER.MIXED a n h 2",
        "DEL c",
        "LEDGER.ADD c 8",
    ] {
        client.run(line);
    }
    let replies = client.value("EXEC").items();
    assert_eq!(replies.len(), 9, "{replies:?}");
    assert_eq!(replies[2].error().as_deref(), Some("ERR told to fail"));
    assert!(replies[3].error().is_some_and(|line| line.contains("unreachable")), "{:?}", replies[3]);
    assert_eq!((replies[1].int(), replies[6].int(), replies[8].int()), (Some(1), Some(3), Some(1)));
    assert_eq!(client.run("LEDGER.READ c"), "1) \"8:0:0:\"");
    assert_eq!(client.run("LEDGER.LAST a"), "\"2:0:0:mixed\"");
    assert_eq!(client.run("EXISTS r"), "(integer) 0");
    let a = digest(&mut client, "a");
    // WATCH: every kind of write is seen, a command that failed is none.
    for (line, seen) in [
        ("LEDGER.ADD a 1", true),
        ("LEDGER.STAMP a x", true),
        ("LEDGER.ADDALL 1 x b a", true),
        ("LEDGER.POSTALL 1 x b a", true),
        ("LEDGER.MOVE b a 1", true),
        ("LEDGER.TRIM a 100", true),
        ("LEDGER.FAIL a n r error", false),
        ("LEDGER.FAIL a n r trap", false),
        ("LEDGER.READ a", false),
        ("LEDGER.ADD b 1", false),
        ("RENAME a a2", true),
        ("COPY a2 a", true),
        ("DEL a", true),
    ] {
        client.run("WATCH a");
        other.run(line);
        client.run("MULTI");
        client.run("PING");
        assert_eq!(client.run("EXEC") == "(nil)", seen, "{line}");
    }
    assert_ne!(client.run("LEDGER.DIGEST a2"), a);
    // A watched value that is only lost in memory has not changed.
    client.run("WATCH a2");
    lose(&mut other);
    other.run("LEDGER.DIGEST a2");
    client.run("MULTI");
    client.run("LEDGER.ADD a2 1");
    assert_ne!(client.run("EXEC"), "(nil)");
}

/// A command that finds its keys in what it reads needs the whole keyspace in EXEC, and only these keys outside of it.
#[test]
fn commands_find_keys_alone_and_in_transactions() {
    if skip() {
        return;
    }
    let server = start(&["ledger"]);
    let mut client = server.client();
    for i in 0..7 {
        client.run(&format!("LEDGER.LINK l{i} l{}", i + 1));
    }
    assert_eq!(client.run("LEDGER.THROUGH l0 5"), "(integer) 8");
    lose(&mut client);
    assert_eq!(client.run("LEDGER.THROUGH l0 6"), "(integer) 8");
    client.run("MULTI");
    client.run("LEDGER.THROUGH l0 7");
    client.run("LEDGER.THROUGH l3 1");
    assert_eq!(client.run("EXEC"), "1) (integer) 8\n2) (integer) 5");
    for i in 0..8 {
        let entries = client.value(&format!("LEDGER.READ l{i}")).items();
        let amounts: Vec<String> = entries.iter().map(sandkey_tests::Value::text).collect();
        let own = ["5:0:0:through", "6:0:0:through", "7:0:0:through", "1:0:0:through"];
        assert_eq!(amounts, own[..if i >= 3 { 4 } else { 3 }], "l{i}");
    }
    // A circle ends; a key of another type on the way undoes all of it.
    client.run("LEDGER.LINK c0 c1");
    client.run("LEDGER.LINK c1 c0");
    assert!(client.run("LEDGER.THROUGH c0 1").contains("(integer) 8"));
    client.run("SET wrong x");
    client.run("LEDGER.LINK w0 w1");
    client.run("LEDGER.LINK w1 wrong");
    assert_eq!(client.run("LEDGER.THROUGH w0 1"), WRONG);
    assert_eq!(client.run("LEDGER.READ w0"), "(empty array)");
    assert_eq!(client.run("LEDGER.READ w1"), "(empty array)");
}

/// Several clients follow the same links at once, while others change them.
#[test]
fn found_keys_are_locked_like_declared_ones() {
    if skip() {
        return;
    }
    let server = start(&["ledger"]);
    let mut client = server.client();
    let threads: Vec<_> = (0..4)
        .map(|own| {
            let mut client = server.client();
            std::thread::spawn(move || {
                let mut entered = 0;
                for i in 0..400 {
                    if i % 3 == 0 {
                        client.run(&format!("LEDGER.LINK k{} k{}", (i + own) % 5, (i * 7 + own) % 5));
                    }
                    let reply = client.run(&format!("LEDGER.THROUGH k{} 1", (i * 3 + own) % 5));
                    entered += reply
                        .strip_prefix("(integer) ")
                        .and_then(|n| n.parse::<i64>().ok())
                        .unwrap_or_else(|| panic!("{reply}"));
                }
                entered
            })
        })
        .collect();
    let entered: i64 = threads.into_iter().map(|thread| thread.join().expect("no thread fails")).sum();
    let found: i64 = (0..5).map(|i| client.value(&format!("LEDGER.READ k{i}")).items().len() as i64).sum();
    assert_eq!(found, entered);
}
