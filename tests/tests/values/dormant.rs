//! Values whose module is away: they are kept, moved and deleted like others, and wake when a module with their type comes.

use crate::{digest, lose, start};
use sandkey_tests::modules::{patched, skip};
use sandkey_tests::{Client, paths};
use std::time::Duration;

fn file(name: &str) -> String {
    paths::module(name).display().to_string()
}

fn unload(client: &mut Client) {
    assert_eq!(client.run("MODULE UNLOAD ledger"), "OK");
    assert_eq!(client.run("MODULE LIST"), "(empty array)");
}

fn load(client: &mut Client) {
    assert_eq!(client.run(&format!("MODULE LOAD {}", file("ledger"))), "OK");
}

#[test]
fn values_sleep_while_their_module_is_away() {
    if skip() {
        return;
    }
    let server = start(&["ledger"]);
    let mut client = server.client();
    for i in 0..20 {
        client.run(&format!("LEDGER.STAMP k{i} journaled"));
        client.run(&format!("LEDGER.ADD k{i} {i}"));
    }
    client.run("LEDGER.FILL k0 500000 1");
    client.run("PEXPIREAT k1 4000000000000");
    client.run("PEXPIRE k2 400");
    let before: Vec<String> = (0..20).map(|i| client.run(&format!("LEDGER.DIGEST k{i}"))).collect();
    unload(&mut client);
    for line in ["LEDGER.ADD k0 1", "LEDGER.READ k0", "ledger.keys"] {
        assert!(client.run(line).starts_with("(error) ERR unknown command"), "{line}");
    }
    assert!(client.value("CONFIG GET ledger.*").items().is_empty());
    // They are still what they are.
    assert_eq!(client.run("TYPE k0"), "proof-acc");
    assert_eq!(client.run("DBSIZE"), "(integer) 20");
    assert_eq!(client.run("OBJECT ENCODING k0"), "\"raw\"");
    assert!(client.int("MEMORY USAGE k0") > 500_000);
    assert_eq!(client.value("SCAN 0 TYPE proof-acc COUNT 1000").items()[1].items().len(), 20);
    for line in ["GET k0", "APPEND k0 x", "HGETALL k0", "INCR k0"] {
        assert!(client.run(line).starts_with("(error) WRONGTYPE"), "{line}");
    }
    assert_eq!(client.run("PEXPIRETIME k1"), "(integer) 4000000000000");
    // And they move, are copied, expire, and go.
    assert_eq!(client.run("RENAME k3 renamed"), "OK");
    assert_eq!(client.run("COPY k0 copied"), "(integer) 1");
    assert_eq!(client.run("COPY k4 copied:4 DB 2"), "(integer) 1");
    assert_eq!(client.run("MOVE k5 2"), "(integer) 1");
    assert_eq!(client.run("PERSIST k1"), "(integer) 1");
    assert_eq!(client.run("PEXPIREAT k6 4100000000000"), "(integer) 1");
    assert_eq!(client.run("DEL k7 k8"), "(integer) 2");
    assert_eq!(client.run("SET k9 text"), "OK");
    assert_eq!(client.run("SWAPDB 2 3"), "OK");
    std::thread::sleep(Duration::from_millis(420));
    assert_eq!(client.run("EXISTS k2 k3 k5 k7 k8"), "(integer) 0");
    // A transaction may watch them.
    client.run("WATCH k0");
    let mut other = server.client();
    other.run("EXPIRE k0 1000");
    client.run("MULTI");
    client.run("PING");
    assert_eq!(client.run("EXEC"), "(nil)");
    // They wake.
    load(&mut client);
    for i in [0, 1, 4, 6, 10, 19] {
        assert_eq!(digest(&mut client, &format!("k{i}")), before[i], "k{i}");
    }
    assert_eq!(digest(&mut client, "renamed"), before[3]);
    assert_eq!(digest(&mut client, "copied"), before[0]);
    assert_eq!(client.run("LEDGER.ADD k9 1").split(' ').nth(1), Some("WRONGTYPE"));
    client.run("SELECT 3");
    assert_eq!(
        (digest(&mut client, "copied:4"), digest(&mut client, "k5")),
        (before[4].clone(), before[5].clone())
    );
    client.run("SELECT 0");
    assert_eq!(client.int("LEDGER.ADD k0 1"), 3);
    digest(&mut client, "k0");
}

#[test]
fn another_module_with_the_type_wakes_them() {
    if skip() {
        return;
    }
    let server = start(&["ledger"]);
    let mut client = server.client();
    client.run("LEDGER.STAMP a x");
    client.run("LEDGER.FILL a 1000 3");
    let before = digest(&mut client, "a");
    let legacy = patched(&server, "ledger", &[("ledger", "legacy")]).display().to_string();
    // Not while the first one is here.
    let reply = client.run(&format!("MODULE LOAD {legacy}"));
    assert!(reply.contains("module 'ledger' declares the type 'proof-acc' already"), "{reply}");
    assert_eq!(client.run("LEDGER.DIGEST a"), before);
    unload(&mut client);
    assert_eq!(client.run(&format!("MODULE LOAD {legacy}")), "OK");
    assert_eq!(client.run("LEGACY.DIGEST a"), before);
    assert_eq!(client.run("LEGACY.ADD a 5 theirs"), "(integer) 2");
    let reply = client.run(&format!("MODULE LOAD {}", file("ledger")));
    assert!(reply.contains("module 'legacy' declares the type 'proof-acc' already"), "{reply}");
    assert_eq!(client.run("MODULE UNLOAD legacy"), "OK");
    // What the second one journaled is in the bytes, so the first one reads it.
    load(&mut client);
    assert_eq!(client.run("LEDGER.LAST a"), "\"5:0:0:theirs\"");
    digest(&mut client, "a");
}

#[test]
fn values_of_a_later_version_wait_for_it() {
    if skip() {
        return;
    }
    let server = start(&["ledger-next"]);
    let mut client = server.client();
    client.run("LEDGER.ADD a 1");
    client.run("LEDGER.STAMP a x");
    let before = digest(&mut client, "a");
    unload(&mut client);
    load(&mut client);
    client.run("LEDGER.ADD own 1");
    for line in [
        "LEDGER.READ a",
        "LEDGER.ADD a 1",
        "LEDGER.MOVE own a 1",
        "LEDGER.POSTALL 1 x own a",
        "LEDGER.THROUGH a 1",
    ] {
        let reply = client.run(line);
        assert!(
            reply.starts_with("(error) ERR module 'ledger' cannot use the value of the key 'a'")
                && reply.contains("version 2 of the type 'proof-acc'"),
            "{line}: {reply}"
        );
    }
    assert_eq!(client.run("LEDGER.READ own"), "1) \"1:0:0:\"");
    // It can be moved all the same, and the module's other values come and go.
    assert_eq!(client.run("RENAME a b"), "OK");
    assert_eq!(client.run("EXPIRE b 1000"), "(integer) 1");
    assert_eq!(client.run("LEDGER.KEYS"), "1) \"b\"\n2) \"own\"");
    lose(&mut client);
    unload(&mut client);
    assert_eq!(client.run(&format!("MODULE LOAD {}", file("ledger-next"))), "OK");
    assert_eq!(digest(&mut client, "b"), before);
    assert_eq!(client.run("LEDGER.NEWEST own"), "\"1:0:0:\"");
    assert_eq!(client.run("DEL b"), "(integer) 1");
}

/// Loading and unloading while others write: a command is served or unknown, and what was served is kept.
#[test]
fn nothing_is_lost_while_a_module_comes_and_goes() {
    if skip() {
        return;
    }
    let server = start(&["ledger"]);
    let threads: Vec<_> = (0..3)
        .map(|own| {
            let mut client = server.client();
            std::thread::spawn(move || {
                let (mut entered, mut unknown) = (0, 0);
                while unknown < 50 || entered < 300 {
                    let reply = client.value(&format!("LEDGER.ADD k{own} 1"));
                    match (reply.int(), reply.error()) {
                        (Some(n), _) => {
                            entered += 1;
                            assert_eq!(n, entered);
                        }
                        (_, Some(line))
                            if line.contains("unknown command") || line.contains("was unloaded") =>
                        {
                            unknown += 1;
                            std::thread::sleep(Duration::from_millis(1));
                        }
                        _ => panic!("{}", reply.cli()),
                    }
                    assert!(entered < 1_000_000, "the module is never away");
                }
                entered
            })
        })
        .collect();
    let mut client = server.client();
    while threads.iter().any(|thread| !thread.is_finished()) {
        assert_eq!(client.run("MODULE UNLOAD ledger"), "OK");
        std::thread::sleep(Duration::from_millis(20));
        load(&mut client);
        std::thread::sleep(Duration::from_millis(20));
    }
    for (own, thread) in threads.into_iter().enumerate() {
        let entered: i64 = thread.join().expect("no thread fails");
        assert!(digest(&mut client, &format!("k{own}")).starts_with(&format!("\"{entered}:{entered}:")));
    }
}
