//! MODULE UPGRADE: another version of the code under the same values, or nothing at all.

use crate::{digest, lose, start};
use sandkey_tests::modules::{patched, skip};
use sandkey_tests::{Client, Server, Value, paths};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

fn file(name: &str) -> String {
    paths::module(name).display().to_string()
}

/// Accounts in every state: saved, journaled, large, expiring, in another database.
fn set_up(client: &mut Client) {
    for i in 0..50 {
        client.run(&format!("LEDGER.ADD journaled:{i} {i} text"));
        client.run(&format!("LEDGER.STAMP journaled:{i} stamped"));
        client.run(&format!("LEDGER.ADDALL {i} text saved:{i}"));
    }
    client.run("LEDGER.FILL large 2000000 5");
    client.run("LEDGER.ADD large 1");
    client.run("PEXPIREAT saved:3 4000000000000");
    client.run("SELECT 5");
    client.run("LEDGER.ADD elsewhere 1");
    client.run("SELECT 0");
}

#[test]
fn an_upgrade_is_no_access() {
    if skip() {
        return;
    }
    let server = start(&["ledger"]);
    let mut client = server.client();
    set_up(&mut client);
    assert_eq!(client.run(&format!("MODULE UPGRADE ledger {}", file("ledger-next"))), "OK");
    for key in ["journaled:1", "saved:3", "large"] {
        let idle = client.int(&format!("OBJECT IDLETIME {key}"));
        assert!((0..60).contains(&idle), "{key} is idle for {idle} s");
    }
}

/// The digests of all accounts of a database.
fn digests(client: &mut Client) -> Vec<(String, String)> {
    let keys = client.value("LEDGER.KEYS").items();
    keys.iter().map(|key| (key.text(), client.run(&format!("LEDGER.DIGEST {}", key.text())))).collect()
}

fn version(client: &mut Client) -> Option<i64> {
    let list = client.value("MODULE LIST").items();
    list.iter()
        .find(|module| module.field("name").is_some_and(|name| name.text() == "ledger"))?
        .field("ver")?
        .int()
}

#[test]
fn another_version_takes_over_every_value() {
    if skip() {
        return;
    }
    let server = start(&["ledger"]);
    let mut client = server.client();
    set_up(&mut client);
    assert_eq!(client.run("CONFIG SET ledger.factor 3"), "OK");
    client.run("LEDGER.ADD journaled:0 4");
    let before = digests(&mut client);
    assert_eq!(before.len(), 101);
    assert_eq!(client.run(&format!("MODULE UPGRADE ledger {}", file("ledger-next"))), "OK");
    assert_eq!(version(&mut client), Some(2));
    assert_eq!(digests(&mut client), before);
    lose(&mut client);
    assert_eq!(digests(&mut client), before);
    assert_eq!(client.run("PEXPIRETIME saved:3"), "(integer) 4000000000000");
    client.run("SELECT 5");
    assert_eq!(client.run("LEDGER.READ elsewhere"), "1) \"1:0:0:\"");
    client.run("SELECT 0");
    // Its commands, its parameters, with the values that they had.
    assert!(client.run("LEDGER.LAST large").starts_with("(error) ERR unknown command"));
    assert_eq!(client.run("LEDGER.NEWEST journaled:0"), "\"12:0:0:\"");
    assert_eq!(client.run("CONFIG GET ledger.factor"), "1) \"ledger.factor\"\n2) \"3\"");
    assert_eq!(client.run("CONFIG GET ledger.note"), "1) \"ledger.note\"\n2) \"none\"");
    assert_eq!(client.run("LEDGER.ADD journaled:0 5"), "(integer) 4");
    assert_eq!(client.run("LEDGER.NEWEST journaled:0"), "\"15:0:0:\"");
    digest(&mut client, "journaled:0");
    // A client that was connected before uses the new version, in a transaction too.
    let mut other = server.client();
    for line in ["MULTI", "LEDGER.ADD journaled:1 1", "LEDGER.NOTE"] {
        other.run(line);
    }
    assert_eq!(other.run("EXEC"), "1) (integer) 3\n2) \"none\"");
    // And once more, to the same: arguments are new ones.
    let upgraded =
        client.run(&format!("MODULE UPGRADE ledger {} ARGS TRAP-SAVE nobody", file("ledger-next")));
    assert_eq!(upgraded, "OK");
    assert_eq!(digests(&mut client).len(), 101);
    // Back to what cannot read the new form: refused, and the reply says so.
    let reply = client.run(&format!("MODULE UPGRADE ledger {}", file("ledger")));
    assert!(reply.contains("version 2 of the type 'proof-acc'"), "{reply}");
    assert_eq!(version(&mut client), Some(2));
}

/// A command that was queued before the upgrade runs after it, by the version that there is.
#[test]
fn a_queued_command_of_the_old_version_is_refused_or_runs() {
    if skip() {
        return;
    }
    let server = start(&["ledger"]);
    let (mut client, mut other) = (server.client(), server.client());
    client.run("LEDGER.ADD a 1");
    for line in ["MULTI", "LEDGER.ADD a 2", "INCR n"] {
        client.run(line);
    }
    assert_eq!(other.run(&format!("MODULE UPGRADE ledger {}", file("ledger-next"))), "OK");
    let replies = client.value("EXEC").items();
    assert_eq!(replies.get(1), Some(&Value::Int(1)), "{replies:?}");
    let entered = replies[0].int().is_some();
    assert_eq!(client.value("LEDGER.READ a").items().len(), if entered { 2 } else { 1 });
    digest(&mut client, "a");
}

/// What an upgrade can fail at, and what the reply must say of it.
fn failures(server: &Server) -> Vec<(String, Vec<&'static str>)> {
    let next = file("ledger-next");
    let without = patched(server, "ledger", &[("proof-acc", "other-acc")]);
    let garbage = server.dir().join("garbage.wasm");
    std::fs::write(&garbage, b"\0asm\x01\0\0\0garbage").expect("the file can be written");
    vec![
        (format!("{next} ARGS REFUSE-LOAD boom"), vec!["'victim'", "told to refuse this account"]),
        (format!("{next} ARGS TRAP-LOAD boom"), vec!["'victim'", "unreachable"]),
        (format!("{next} ARGS LOOP-LOAD boom"), vec!["'victim'", "fuel"]),
        (format!("{next} ARGS TRAP-SAVE boom"), vec!["'victim'", "unreachable"]),
        (format!("{next} ARGS LOOP-SAVE boom"), vec!["'victim'", "fuel"]),
        (format!("{next} ARGS NONSENSE"), vec!["unknown order"]),
        (without.display().to_string(), vec!["has no type 'proof-acc'"]),
        (garbage.display().to_string(), vec![]),
        ("/nowhere.wasm".to_owned(), vec!["cannot open the file"]),
        (file("peak"), vec!["the file has the module 'peak'"]),
        (format!("{next} NONSENSE"), vec!["syntax error"]),
    ]
}

#[test]
fn an_upgrade_that_fails_has_not_happened() {
    if skip() {
        return;
    }
    let server = start(&["ledger"]);
    let mut client = server.client();
    set_up(&mut client);
    assert_eq!(client.run("CONFIG SET ledger.factor -2"), "OK");
    assert_eq!(client.run("LEDGER.ADD victim 1 boom"), "(integer) 1");
    let mut entries = 1;
    for (request, says) in failures(&server) {
        let before = digests(&mut client);
        let reply = client.run(&format!("MODULE UPGRADE ledger {request}"));
        assert!(reply.starts_with("(error) ERR "), "{request}: {reply}");
        for word in says {
            assert!(reply.contains(word), "{request}: {reply}");
        }
        assert_eq!(version(&mut client), Some(1), "{request}");
        assert_eq!(digests(&mut client), before, "{request}");
        // The old one goes on: commands, parameters, values.
        entries += 1;
        assert_eq!(client.int("LEDGER.ADD victim 1 more"), entries, "{request}");
        assert_eq!(client.run("LEDGER.LAST victim"), "\"-2:0:0:more\"", "{request}");
        assert_eq!(client.value("CONFIG GET ledger.*").items().len(), 2, "{request}");
        assert_eq!(client.run("CONFIG SET ledger.factor -2"), "OK", "{request}");
        assert!(client.run("LEDGER.NEWEST victim").starts_with("(error) ERR unknown command"), "{request}");
        digest(&mut client, "victim");
    }
    let reply = client.run(&format!("MODULE UPGRADE nobody {}", file("ledger")));
    assert!(reply.contains("no such module"), "{reply}");
    // Without what it stumbled over it succeeds.
    assert_eq!(client.run("DEL victim"), "(integer) 1");
    assert_eq!(
        client.run(&format!("MODULE UPGRADE ledger {} ARGS TRAP-LOAD boom", file("ledger-next"))),
        "OK"
    );
}

/// The old version itself cannot save a value: the reply names the key, and everything stays.
#[test]
fn a_value_that_cannot_be_saved_stops_upgrades_and_unloading() {
    if skip() {
        return;
    }
    let server = start(&[]);
    let mut client = server.client();
    assert_eq!(client.run(&format!("MODULE LOAD {} TRAP-SAVE boom", file("ledger"))), "OK");
    client.run("LEDGER.ADD fine 1");
    // The first entry makes the value, which is saved; the second is in its journal.
    client.run("LEDGER.ADD victim 1");
    assert_eq!(client.run("LEDGER.ADD victim 1 boom"), "(integer) 2");
    for line in [format!("MODULE UPGRADE ledger {}", file("ledger-next")), "MODULE UNLOAD ledger".to_owned()]
    {
        let reply = client.run(&line);
        assert!(reply.starts_with("(error) ERR ") && reply.contains("'victim'"), "{line}: {reply}");
        assert_eq!(version(&mut client), Some(1));
        assert_eq!(client.run("LEDGER.DIGEST victim").split(':').next(), Some("\"2"));
        digest(&mut client, "victim");
    }
    // Commands that have to save it fail and change nothing.
    let before = digests(&mut client);
    for line in ["LEDGER.MOVE victim fine 1", "LEDGER.ADDALL 1 x fine victim", "LEDGER.MIXED victim n h 1"] {
        let reply = client.run(line);
        assert!(reply.contains("unreachable"), "{line}: {reply}");
        assert_eq!(digests(&mut client), before, "{line}");
    }
    assert_eq!(client.run("EXISTS n h"), "(integer) 0");
    assert_eq!(client.run("DEL victim"), "(integer) 1");
    assert_eq!(client.run(&format!("MODULE UPGRADE ledger {}", file("ledger-next"))), "OK");
    assert_eq!(client.run("LEDGER.NEWEST fine"), "\"1:0:0:\"");
}

/// Without values nothing stands in the way of a version that has another type, or none of the names.
#[test]
fn an_upgrade_without_values_is_free() {
    if skip() {
        return;
    }
    let server = start(&["ledger", "peak"]);
    let mut client = server.client();
    // A name that another module has is refused.
    let taken = patched(&server, "ledger", &[("ledger.add", "peak.reset")]);
    let reply = client.run(&format!("MODULE UPGRADE ledger {}", taken.display()));
    assert!(reply.contains("command 'peak.reset' exists already"), "{reply}");
    let without = patched(&server, "ledger", &[("proof-acc", "peak-cntr")]);
    let reply = client.run(&format!("MODULE UPGRADE ledger {}", without.display()));
    assert!(reply.contains("module 'peak' declares the type 'peak-cntr' already"), "{reply}");
    assert_eq!(client.run("LEDGER.ADD a 1"), "(integer) 1");
    assert_eq!(client.run("DEL a"), "(integer) 1");
    let without = patched(&server, "ledger", &[("proof-acc", "other-acc"), ("ledger.add", "ledger.put")]);
    assert_eq!(client.run(&format!("MODULE UPGRADE ledger {}", without.display())), "OK");
    assert_eq!(client.run("LEDGER.PUT a 1"), "(integer) 1");
    assert_eq!(client.run("TYPE a"), "other-acc");
    assert!(client.run("LEDGER.ADD a 1").starts_with("(error) ERR unknown command"));
    assert_eq!(client.run("PEAK.INCR p"), "(integer) 1");
}

/// Clients write all the time, in every way, while versions come and fail. No error, no lost entry.
#[test]
fn clients_notice_nothing_of_an_upgrade() {
    if skip() {
        return;
    }
    let server = start(&["ledger"]);
    let mut client = server.client();
    for i in 0..200 {
        client.run(&format!("LEDGER.ADDALL {i} ballast ballast:{i}"));
    }
    client.run("LEDGER.ADD victim 1 boom");
    let stop = Arc::new(AtomicBool::new(false));
    let threads: Vec<_> =
        (0..4).map(|own| std::thread::spawn(busy_client(&server, own, Arc::clone(&stop)))).collect();
    let next = file("ledger-next");
    for round in 0..6 {
        let failing = client.run(&format!("MODULE UPGRADE ledger {next} ARGS REFUSE-LOAD boom"));
        assert!(failing.contains("'victim'"), "{round}: {failing}");
        let upgraded = client.run(&format!("MODULE UPGRADE ledger {next}"));
        assert_eq!(upgraded, "OK", "{round}");
    }
    stop.store(true, Ordering::Relaxed);
    for (own, thread) in threads.into_iter().enumerate() {
        let (entries, sum) = thread.join().expect("no client fails");
        assert!(entries > 20, "client {own} wrote only {entries} entries");
        for key in [format!("own:{own}"), format!("pair:{own}")] {
            let digest = digest(&mut client, &key);
            assert!(
                digest.starts_with(&format!("\"{entries}:{sum}:")),
                "{key}: {digest}, not {entries} and {sum}"
            );
        }
        assert_eq!(client.run(&format!("GET native:{own}")), format!("\"{sum}\""));
    }
    assert_eq!(client.value("LEDGER.KEYS").items().len(), 200 + 1 + 8 + 1);
}

/// Enters amounts into two accounts and a native key, by turns in every way that there is; how many, and their sum.
fn busy_client(
    server: &Server,
    own: usize,
    stop: Arc<AtomicBool>,
) -> impl FnOnce() -> (i64, i64) + Send + use<> {
    let mut client = server.client();
    move || {
        let (mut entries, mut sum) = (0, 0);
        while !stop.load(Ordering::Relaxed) {
            let amount = entries % 17 + 1;
            let (one, two, native) = (format!("own:{own}"), format!("pair:{own}"), format!("native:{own}"));
            match entries % 4 {
                0 => {
                    assert_eq!(client.int(&format!("LEDGER.ADD {one} {amount}")), entries + 1);
                    assert_eq!(client.int(&format!("LEDGER.ADD {two} {amount}")), entries + 1);
                    client.int(&format!("INCRBY {native} {amount}"));
                }
                1 => {
                    assert_eq!(client.run(&format!("LEDGER.ADDALL {amount} x {one} {two}")), "(integer) 2");
                    client.int(&format!("INCRBY {native} {amount}"));
                }
                2 => {
                    assert_eq!(client.run(&format!("LEDGER.POSTALL {amount} x {one} {two}")), "(integer) 2");
                    client.int(&format!("INCRBY {native} {amount}"));
                }
                _ => {
                    client.run("MULTI");
                    client.run(&format!("LEDGER.MIXED {one} {native} hash:{own} {amount}"));
                    client.run(&format!("LEDGER.ADD {two} {amount}"));
                    // Everybody's.
                    client.run("LEDGER.ADD common 1");
                    let replies = client.value("EXEC").items();
                    assert!(
                        replies.len() == 3 && replies.iter().all(|reply| reply.int().is_some()),
                        "{replies:?}"
                    );
                }
            }
            entries += 1;
            sum += amount;
        }
        (entries, sum)
    }
}
