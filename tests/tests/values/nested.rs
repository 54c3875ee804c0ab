//! Values that a module changes through a command of another module.

use crate::{digest, start};
use sandkey_tests::modules::{skip, start_with};
use sandkey_tests::paths::module;

#[test]
fn a_command_of_another_module_is_part_of_its_caller() {
    if skip() {
        return;
    }
    let server = start(&["ledger", "foul"]);
    let mut client = server.client();
    client.run("LEDGER.ADD acc 1");
    client.run("FOUL.PUT own calm");
    assert_eq!(client.run("FOUL.CALL LEDGER.ADD acc 2 called"), "(integer) 2");
    assert!(client.run("FOUL.CALL LEDGER.STAMP acc stamped").contains(":stamped"));
    let before = digest(&mut client, "acc");
    for (how, says) in [("error", "told to fail"), ("trap", "unreachable")] {
        let reply = client.run(&format!("FOUL.NESTED own acc {how}"));
        assert!(reply.starts_with("(error) ERR ") && reply.contains(says), "{reply}");
        assert_eq!(client.run("FOUL.MOOD own"), "\"calm\"", "{how}");
        assert_eq!(client.run("LEDGER.DIGEST acc"), before, "{how}");
        assert_eq!(digest(&mut client, "acc"), before, "{how}");
    }
    assert_eq!(client.run("FOUL.NESTED own acc turned"), "(integer) 4");
    assert_eq!(client.run("LEDGER.LAST acc"), "\"7:0:0:nested\"");
    assert_eq!(client.run("FOUL.MOOD own"), "\"turned\"");
    digest(&mut client, "acc");
    // What fails below fails above, and is undone there alone.
    let after = digest(&mut client, "acc");
    let reply = client.run("FOUL.CALL LEDGER.ADD acc nothing");
    assert_eq!(reply, "(error) ERR value is not an integer or out of range");
    assert_eq!(digest(&mut client, "acc"), after);
    // In a transaction the same.
    for line in [
        "MULTI",
        "FOUL.NESTED own acc error",
        "FOUL.NESTED own acc once",
        "FOUL.NESTED own acc trap",
        "LEDGER.ADD acc 9",
    ] {
        client.run(line);
    }
    let replies = client.value("EXEC").items();
    assert_eq!((replies[1].int(), replies[3].int()), (Some(5), Some(6)), "{replies:?}");
    assert_eq!(client.run("FOUL.MOOD own"), "\"once\"");
    digest(&mut client, "acc");
}

/// What a command has others do is bounded as what it does itself.
#[test]
fn a_command_cannot_have_others_work_for_ever() {
    if skip() {
        return;
    }
    let server = start(&["ledger", "foul"]);
    let mut client = server.client();
    client.run("SETRANGE large 10000000 x");
    for (line, keys) in [
        // Fuel of another module, and time of a command that has none.
        ("LEDGER.FILL acc 1000000 7", ["acc", "acc"]),
        ("COPY large copy REPLACE", ["copy", "copy"]),
    ] {
        assert_eq!(client.run(&format!("FOUL.CALLMANY 2 {line}")), "OK");
        assert_eq!(client.run(&format!("EXISTS {} {}", keys[0], keys[1])), "(integer) 2");
        client.run(&format!("DEL {}", keys[0]));
        let began = std::time::Instant::now();
        let reply = client.run(&format!("FOUL.CALLMANY 1000000 {line}"));
        assert!(reply.contains("use more than a command may"), "{line}: {reply}");
        assert!(began.elapsed().as_secs() < 20, "{line} took {:?}", began.elapsed());
        assert_eq!(client.run(&format!("EXISTS {} {}", keys[0], keys[1])), "(integer) 0", "{line}");
    }
    assert_eq!(client.run("FOUL.CALL LEDGER.ADD acc 1"), "(integer) 1");
}

#[test]
fn nested_commands_keep_to_what_their_caller_declared() {
    if skip() {
        return;
    }
    let server = start(&["ledger", "foul"]);
    let mut client = server.client();
    client.run("LEDGER.LINK acc other");
    for line in [
        // Keys that it would find are not locked, and its caller did not declare them.
        "FOUL.CALL LEDGER.THROUGH acc 1",
        "FOUL.CALL RENAME acc other",
        "FOUL.CALL COPY acc other",
        "FOUL.CALL LEDGER.FAIL acc n r ok",
    ] {
        let reply = client.run(line);
        assert!(reply.starts_with("(error) ERR "), "{line}: {reply}");
    }
    assert_eq!(client.run("LEDGER.READ acc"), "(empty array)");
    assert_eq!(client.run("EXISTS other n r"), "(integer) 0");
    // It may delete or overwrite the value of another module that it declared.
    assert_eq!(client.run("FOUL.CALL SET acc text"), "OK");
    assert_eq!(client.run("TYPE acc"), "string");
    client.run("FOUL.CALL DEL acc");
    assert_eq!(client.run("LEDGER.ADD acc 1"), "(integer) 1");
    digest(&mut client, "acc");
}

/// Commands of a module that come in one go share the lock of its instance, and everything else must find it free.
#[test]
fn a_batch_does_not_wait_for_itself() {
    if skip() {
        return;
    }
    let server = start_with(&["ledger", "foul"], &["--enable-debug-command", "local"]);
    let file = module("ledger").display().to_string();
    let lines = [
        ("LEDGER.ADD a 1", "(integer) 1"),
        ("LEDGER.ADD a 2", "(integer) 2"),
        ("CONFIG SET ledger.factor 10", "OK"),
        ("LEDGER.ADD a 3", "(integer) 3"),
        ("FOUL.CALL LEDGER.ADD a 4", "(integer) 4"),
        ("LEDGER.ADD a 5", "(integer) 5"),
        ("MODULE LIMITS ledger FUEL 50000000", "OK"),
        ("LEDGER.LAST a", "\"50:0:0:\""),
        ("DEBUG RELOAD", "OK"),
        ("LEDGER.ADD a 6", "(integer) 6"),
        ("SAVE", "OK"),
        ("LEDGER.ADD a 7", "(integer) 7"),
        ("MULTI", "OK"),
        ("LEDGER.ADD a 8", "QUEUED"),
        ("EXEC", "1) (integer) 8"),
        ("MODULE UPGRADE ledger NEXT", "OK"),
        ("LEDGER.ADD a 9", "(integer) 9"),
        ("COPY a b", "(integer) 1"),
        ("TYPE b", "proof-acc"),
        ("MODULE UNLOAD ledger", "OK"),
        ("EXISTS a b", "(integer) 2"),
    ];
    let next = module("ledger-next").display().to_string();
    let words = |line: &str| line.split(' ').map(|word| word.replace("NEXT", &next)).collect::<Vec<_>>();
    let requests: Vec<Vec<String>> = lines.iter().map(|(line, _)| words(line)).collect();
    let replies = server.client().pipeline(&requests);
    for ((line, expected), reply) in lines.iter().zip(&replies) {
        assert_eq!(reply.cli(), *expected, "{line}");
    }
    // Whoever is in the middle of a long batch lets others in.
    let mut client = server.client();
    assert_eq!(client.run("FLUSHALL"), "OK");
    assert_eq!(client.run(&format!("MODULE LOAD {file}")), "OK");
    let many: Vec<Vec<String>> = (0..20_000).map(|_| words("LEDGER.ADD long 1")).collect();
    let mut other = server.client();
    let batch = std::thread::spawn(move || client.pipeline(&many).len());
    while other.value("LEDGER.READ long").is_null() {}
    for _ in 0..20 {
        assert_eq!(other.run("CONFIG SET ledger.factor 2"), "OK");
    }
    assert_eq!(batch.join().expect("the thread does not panic"), 20_000);
}
