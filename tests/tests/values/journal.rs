//! Values come back after their module was lost: from what was saved, and from the journal of what has changed them since.

use crate::{digest, lose, start, used};
use sandkey_tests::Client;
use sandkey_tests::modules::{skip, start_with};

fn journal_bytes(client: &mut Client) -> i64 {
    client.info_int("module_values_journal_bytes")
}

#[test]
fn a_journal_is_repeated_exactly() {
    if skip() {
        return;
    }
    let server = start(&["ledger"]);
    let mut client = server.client();
    // Times and random numbers are those of then.
    let stamps: Vec<String> = (0..40).map(|i| client.run(&format!("LEDGER.STAMP a text-{i}"))).collect();
    assert!(journal_bytes(&mut client) > 0);
    lose(&mut client);
    let read: Vec<String> =
        client.value("LEDGER.READ a").items().iter().map(sandkey_tests::Value::cli).collect();
    assert_eq!(read, stamps);
    // No two of them are the same, so that this says something.
    assert!(stamps.windows(2).all(|pair| pair[0] != pair[1]));
    // A journal goes on after its value came back, and what is in it may be anything that commands do.
    for line in [
        "LEDGER.TRIM a 5",
        "LEDGER.LINK a elsewhere",
        "LEDGER.FILL a 70000 9",
        "LEDGER.ADD a -3 \"\\x00\\r\\n\\xff\"",
        "LEDGER.TOUCH a",
        "LEDGER.STAMP a \"\"",
        "LEDGER.FILL a 10 1",
    ] {
        let reply = client.value(line);
        assert!(reply.error().is_none(), "{line}: {}", reply.cli());
        digest(&mut client, "a");
    }
    assert_eq!(client.value("LEDGER.READ a").items().len(), 7);
    let rest = client.value("LEDGER.REST a").items();
    assert_eq!((rest[0].int(), rest[2].text()), (Some(10), "elsewhere".to_owned()));
    // A key's new name does not matter to its journal.
    client.run("LEDGER.ADD a 4");
    let before = client.run("LEDGER.DIGEST a");
    client.run("RENAME a b");
    assert_eq!(digest(&mut client, "b"), before);
}

#[test]
fn a_journal_is_repeated_under_the_parameters_of_then() {
    if skip() {
        return;
    }
    let server = start(&["ledger"]);
    let mut client = server.client();
    let mut expected = Vec::new();
    for factor in [1, 3, -7, 1, 3, 1000] {
        assert_eq!(client.run(&format!("CONFIG SET ledger.factor {factor}")), "OK");
        for amount in 1..4 {
            client.run(&format!("LEDGER.ADD a {amount}"));
            // One value has entries under every factor, another is written under the first one only.
            client.run(&format!("LEDGER.ADD only:{factor}:{} {amount}", expected.len()));
            expected.push(format!("{}:0:0:", amount * factor));
        }
        lose(&mut client);
        let read: Vec<String> =
            client.value("LEDGER.READ a").items().iter().map(sandkey_tests::Value::text).collect();
        assert_eq!(read, expected, "under {factor}");
    }
    assert_eq!(client.run("CONFIG SET ledger.factor 5"), "OK");
    lose(&mut client);
    for (index, entry) in expected.iter().enumerate() {
        let factor = [1, 3, -7, 1, 3, 1000][index / 3];
        assert_eq!(client.run(&format!("LEDGER.LAST only:{factor}:{index}")), format!("\"{entry}\""));
    }
    // What comes now is under today's again.
    assert_eq!(client.run("LEDGER.ADD a 1"), "(integer) 19");
    assert_eq!(client.run("LEDGER.LAST a"), "\"5:0:0:\"");
    // In a transaction the parameter changes between two commands.
    for line in ["MULTI", "LEDGER.ADD m 1", "CONFIG SET ledger.factor 2", "LEDGER.ADD m 1", "EXEC"] {
        client.run(line);
    }
    let read = client.run("LEDGER.READ m");
    lose(&mut client);
    assert_eq!(client.run("LEDGER.READ m"), read);
}

#[test]
fn a_journal_is_folded_before_it_outgrows_its_value() {
    if skip() {
        return;
    }
    let server = start(&["ledger"]);
    let mut client = server.client();
    let (mut largest, mut folds, mut before) = (0, 0, 0);
    for i in 0..2000 {
        assert_eq!(client.int(&format!("LEDGER.ADD a {i} entry-{i}")), i + 1);
        let now = journal_bytes(&mut client);
        let saved = client.info_int("module_values_saved_bytes");
        // One command more than the bound, which is the size of what was saved or a few KB.
        assert!(now <= saved.max(4 << 10) + 4096, "{now} bytes of journal for {saved} after {i} entries");
        folds += u32::from(now < before);
        (largest, before) = (largest.max(now), now);
    }
    assert!(folds >= 3, "it was folded {folds} times");
    assert!(folds < 30, "it was folded {folds} times: the cost is not amortised");
    assert!(largest > 8 << 10, "it never had more than {largest} bytes");
    digest(&mut client, "a");
    assert_eq!(client.value("LEDGER.READ a").items().len(), 2000);
    // A command that uses more than one value is not journaled, unless it says what to write.
    client.run("FLUSHALL");
    client.run("LEDGER.ADDALL 1 x a b");
    assert_eq!(journal_bytes(&mut client), 0);
    client.run("LEDGER.MOVE a b 1");
    client.run("LEDGER.MIXED a n h 1");
    assert_eq!(journal_bytes(&mut client), 0);
    client.run("LEDGER.POSTALL 1 x a b");
    assert!(journal_bytes(&mut client) > 0);
    let (a, b) = (digest(&mut client, "a"), digest(&mut client, "b"));
    client.run("LEDGER.MOVE a b 0");
    assert_ne!((client.run("LEDGER.DIGEST a"), client.run("LEDGER.DIGEST b")), (a, b));
    assert_eq!(journal_bytes(&mut client), 0);
}

/// An instance has less memory than the values have: objects go and come back.
#[test]
fn values_need_not_fit_into_the_modules_memory() {
    if skip() {
        return;
    }
    let server = start_with(&["ledger"], &["--module-memory", "4mb"]);
    let mut client = server.client();
    // Many values of a fifth of a megabyte: 12 MB in all, in every state.
    for i in 0..60 {
        assert_eq!(client.run(&format!("LEDGER.FILL k{i} 200000 {i}")), "OK", "{i}");
        assert_eq!(client.run(&format!("LEDGER.ADD k{i} {i}")), "(integer) 1", "{i}");
        if i % 2 == 0 {
            assert_eq!(client.run(&format!("LEDGER.ADDALL {i} saved k{i}")), "(integer) 1", "{i}");
        }
    }
    let digests: Vec<String> = (0..60).map(|i| client.run(&format!("LEDGER.DIGEST k{i}"))).collect();
    assert!(digests.iter().all(|digest| digest.contains(':')), "{digests:?}");
    for step in [7, 13, 31] {
        for i in (0..60).map(|i| i * step % 60) {
            assert_eq!(client.run(&format!("LEDGER.DIGEST k{i}")), digests[i], "k{i}");
        }
    }
    // Two at a time, changed.
    for i in 0..60 {
        let reply = client.run(&format!("LEDGER.MOVE k{i} k{} 1", (i * 7 + 1) % 60));
        assert_eq!(reply, "OK", "k{i}");
    }
    assert_eq!(used(&mut client, "ledger", "traps"), 0, "that objects do not fit is no trap");
    assert!(used(&mut client, "ledger", "instances_created") > 3);
    assert!(used(&mut client, "ledger", "memory_bytes") <= 4 << 20);
    // A command that needs more at once than there is fails, and says so; the values stay.
    let all: Vec<String> = (0..60).map(|i| format!("k{i}")).collect();
    let reply = client.run(&format!("LEDGER.ADDALL 1 x {}", all.join(" ")));
    assert!(reply.starts_with("(error) ERR module 'ledger'") && reply.contains("memory"), "{reply}");
    let total = |client: &mut Client| -> usize {
        (0..60).map(|i| client.value(&format!("LEDGER.READ k{i}")).items().len()).sum()
    };
    assert_eq!(total(&mut client), 60 + 30 + 120);
    // One value that is larger than all of it.
    let reply = client.run("LEDGER.FILL large 6000000 1");
    assert!(reply.starts_with("(error) ERR module 'ledger'") && reply.contains("memory"), "{reply}");
    assert_eq!(client.run("EXISTS large"), "(integer) 0");
    // With more memory it is there; with less again it is not usable and not lost.
    assert_eq!(client.run("MODULE LIMITS ledger MEMORY 64mb"), "OK");
    assert_eq!(client.run("LEDGER.FILL large 6000000 1"), "OK");
    assert_eq!(client.run("LEDGER.ADDALL 1 x large"), "(integer) 1");
    let large = digest(&mut client, "large");
    assert_eq!(client.run("MODULE LIMITS ledger MEMORY 4mb"), "OK");
    lose(&mut client);
    let reply = client.run("LEDGER.DIGEST large");
    assert!(reply.starts_with("(error) ERR module 'ledger'") && reply.contains("'large'"), "{reply}");
    assert!(client.run("LEDGER.DIGEST k3").contains(':'));
    assert_eq!(client.run("MODULE LIMITS ledger MEMORY 64mb"), "OK");
    assert_eq!(client.run("LEDGER.DIGEST large"), large);
}

/// Few are looked through one by one, many are found through an index: both ways each is told of its own change.
#[test]
fn a_command_may_change_many_values() {
    if skip() {
        return;
    }
    let server = start(&["ledger"]);
    let mut client = server.client();
    for count in [3, 16, 17, 2000] {
        let names: Vec<String> = (0..count).map(|i| format!("{count}:{i}")).collect();
        for command in ["LEDGER.ADDALL", "LEDGER.POSTALL", "LEDGER.POSTALL"] {
            let line: Vec<&str> =
                [command, "5", "text"].into_iter().chain(names.iter().map(String::as_str)).collect();
            assert_eq!(client.call(&line).error(), None, "{command} of {count}");
        }
        for name in [&names[0], &names[count / 2], &names[count - 1]] {
            let three = "1) \"5:0:0:text\"\n2) \"5:0:0:text\"\n3) \"5:0:0:text\"";
            assert_eq!(client.run(&format!("LEDGER.READ {name}")), three);
            digest(&mut client, name);
        }
    }
}

/// A module that asks whether there is room, and answers that there is none, does not mean the room that other values take.
#[test]
fn values_make_room_for_a_module_that_only_asks() {
    if skip() {
        return;
    }
    let server = start_with(&["bloom"], &["--module-memory", "24mb"]);
    let mut client = server.client();
    for i in 0..8 {
        // 3.6 MB each.
        assert_eq!(client.run(&format!("BF.RESERVE f{i} 0.001 2000000")), "OK", "filter {i}");
        assert_eq!(client.run(&format!("BF.ADD f{i} item")), "(integer) 1", "filter {i}");
    }
    for _ in 0..3 {
        for i in 0..8 {
            assert_eq!(client.run(&format!("BF.EXISTS f{i} item")), "(integer) 1", "filter {i}");
            assert_eq!(client.run(&format!("BF.EXISTS f{i} other")), "(integer) 0", "filter {i}");
        }
    }
    // What is too large for an empty memory is refused all the same.
    assert!(client.run("BF.RESERVE huge 0.001 100000000").starts_with("(error) "));
    assert_eq!(client.run("BF.EXISTS f0 item"), "(integer) 1");
}

/// Every client has its own values in one small instance.
#[test]
fn clients_share_an_instance_that_holds_too_little() {
    if skip() {
        return;
    }
    let server = start_with(&["ledger"], &["--module-memory", "3mb"]);
    let threads: Vec<_> = (0..4)
        .map(|own| {
            let mut client = server.client();
            std::thread::spawn(move || {
                for i in 0..100 {
                    let key = format!("{own}:{}", i % 4);
                    if i < 4 {
                        assert_eq!(client.run(&format!("LEDGER.FILL {key} 200000 {own}")), "OK");
                    }
                    assert_eq!(client.int(&format!("LEDGER.ADD {key} {i}")), i / 4 + 1, "{key}");
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().expect("no thread fails"));
    let mut client = server.client();
    for own in 0..4 {
        for i in 0..4 {
            let digest = digest(&mut client, &format!("{own}:{i}"));
            assert!(digest.starts_with("\"25:"), "{digest}");
        }
    }
    assert_eq!(used(&mut client, "ledger", "errors"), 0);
}
