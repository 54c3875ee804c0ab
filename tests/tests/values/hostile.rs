//! What `foul` does with values, and what comes of it: the value as it was, or refused with a line that says why; other values and
//! other clients unharmed.

use crate::start;
use sandkey_tests::modules::skip;
use sandkey_tests::{Client, Server, paths};
use std::time::{Duration, Instant};

/// What a function of `values` can do wrong.
const EVERYWHERE: [&str; 5] = ["trap", "loop", "memory", "logs", "keys"];

fn moods() -> Vec<String> {
    let mut moods = Vec::new();
    for function in ["load", "save", "free", "usage", "effort", "copy", "digest", "rewrite"] {
        moods.extend(EVERYWHERE.iter().map(|what| format!("{function}-{what}")));
    }
    let more = [
        "save-garbage",
        "save-huge",
        "save-empty",
        "copy-garbage",
        "copy-huge",
        "copy-empty",
        "copy-refuse",
        "digest-huge",
        "digest-empty",
        "load-refuse",
        "load-twice",
        "load-stranger",
        "usage-huge",
        "effort-huge",
        "rewrite-garbage",
        "rewrite-empty",
    ];
    moods.extend(more.iter().map(ToString::to_string));
    moods
}

/// One line in a time that is bounded, and the next client is served.
fn bounded(server: &Server, client: &mut Client, line: &str) -> String {
    let begin = Instant::now();
    let reply = client.run(line);
    let took = begin.elapsed();
    assert!(took < Duration::from_secs(20), "{line} took {took:?}");
    if reply.starts_with("(error)") {
        assert!(
            reply.len() < 2000 && reply.lines().count() == 1,
            "{line}: {} bytes: {reply:.300}",
            reply.len()
        );
    }
    assert_eq!(server.client().run("GET witness"), "\"here\"", "{line}");
    reply
}

/// Values that others rely on.
fn witnesses(client: &mut Client) -> [String; 3] {
    ["LEDGER.READ account", "FOUL.MOOD calm", "GET witness"].map(|line| client.run(line))
}

#[test]
fn values_that_misbehave_harm_nobody_else() {
    if skip() {
        return;
    }
    let server = start(&["ledger", "foul"]);
    let mut client = server.client();
    client.run("SET witness here");
    client.run("LEDGER.ADD account 5");
    client.run("FOUL.PUT calm calm");
    let expected = witnesses(&mut client);
    for mood in moods() {
        // Once as it is put there, once turned later: then what is saved is calm and the mood is in the journal.
        bounded(&server, &mut client, &format!("FOUL.PUT put {mood}"));
        assert_eq!(client.run("FOUL.PUT turned calm"), "OK", "{mood}");
        assert_eq!(
            bounded(&server, &mut client, &format!("FOUL.TURN turned {mood}")),
            "(integer) 1",
            "{mood}"
        );
        for line in [
            "FOUL.MOOD put",
            "FOUL.MOOD turned",
            "MEMORY USAGE turned",
            "COPY turned copied",
            "COPY put copied REPLACE",
            "FOUL.MOOD copied",
            "DEBUG DIGEST-VALUE turned",
            "FOUL.TRAP lost",
            "FOUL.MOOD put",
            "FOUL.MOOD turned",
            "RENAME turned moved",
            "FOUL.NESTED moved account2 nested",
            "FOUL.MOOD moved",
            "INFO memory",
        ] {
            bounded(&server, &mut client, line);
            assert_eq!(witnesses(&mut client), expected, "{mood}: {line}");
        }
        // Whatever the value thinks of it, it goes when it is told to.
        for line in ["DEL put", "SET moved text", "DEL moved turned copied account2", "FOUL.MOOD calm"] {
            let reply = bounded(&server, &mut client, line);
            assert!(!reply.starts_with("(error)"), "{mood}: {line}: {reply}");
        }
        assert_eq!(client.run("EXISTS put moved turned copied"), "(integer) 0", "{mood}");
        assert_eq!(witnesses(&mut client), expected, "{mood}");
    }
    assert_eq!(client.run("FOUL.PUT last calm"), "OK");
}

/// While such a value is there, the module can be neither upgraded nor unloaded, if that needs what the value refuses.
#[test]
fn values_that_cannot_be_saved_or_loaded_stay_where_they_are() {
    if skip() {
        return;
    }
    let server = start(&["ledger", "foul"]);
    let mut client = server.client();
    client.run("SET witness here");
    let file = paths::module("foul").display().to_string();
    for mood in [
        "save-trap",
        "save-loop",
        "save-memory",
        "save-garbage",
        "load-trap",
        "load-loop",
        "load-memory",
        "load-refuse",
    ] {
        client.run("FOUL.PUT fine calm");
        client.run("FOUL.PUT victim calm");
        assert_eq!(client.run(&format!("FOUL.TURN victim {mood}")), "(integer) 1");
        let upgrade = bounded(&server, &mut client, &format!("MODULE UPGRADE foul {file}"));
        assert!(upgrade.starts_with("(error) ERR ") && upgrade.contains("'victim'"), "{mood}: {upgrade}");
        assert_eq!(client.run("FOUL.MOOD fine"), "\"calm\"", "{mood}");
        assert_eq!(client.run("DEL victim"), "(integer) 1", "{mood}");
        assert_eq!(bounded(&server, &mut client, &format!("MODULE UPGRADE foul {file}")), "OK", "{mood}");
        assert_eq!(client.run("FOUL.MOOD fine"), "\"calm\"", "{mood}");
    }
    client.run("FOUL.PUT victim calm");
    client.run("FOUL.TURN victim save-trap");
    let unload = bounded(&server, &mut client, "MODULE UNLOAD foul");
    assert!(unload.starts_with("(error) ERR ") && unload.contains("'victim'"), "{unload}");
    assert_eq!(client.run("FOUL.MOOD victim"), "\"save-trap\"");
    assert_eq!(client.run("FLUSHALL"), "OK");
    assert_eq!(client.run("SET witness here"), "OK");
    assert_eq!(bounded(&server, &mut client, "MODULE UNLOAD foul"), "OK");
}

/// Breaches that end the command, that are refused, and that are none.
#[test]
fn the_rules_of_objects_are_enforced() {
    if skip() {
        return;
    }
    let server = start(&["foul"]);
    let mut client = server.client();
    client.run("SET witness here");
    let traps = [
        "set-twice",
        "set-edited",
        "set-type",
        "set-handle",
        "get-type",
        "get-handle",
        "edit-handle",
        "journal-first",
        "journal-handle",
        "journal-twice",
        "journal-read",
    ];
    let refusals = ["set-read", "edit-read"];
    for (index, rule) in traps.iter().chain(&refusals).enumerate() {
        client.run("FOUL.PUT a calm payload");
        client.run("DEL b");
        let reply = bounded(&server, &mut client, &format!("FOUL.BREACH a b {rule}"));
        let own = if index < traps.len() {
            "ERR module 'foul' command 'foul.breach' failed"
        } else {
            "ERR a write was tried"
        };
        assert!(reply.starts_with(&format!("(error) {own}")), "{rule}: {reply}");
        assert_eq!(client.run("FOUL.MOOD a"), "\"calm\"", "{rule}");
        assert_eq!(client.run("EXISTS b"), "(integer) 0", "{rule}");
        assert!(client.run("FOUL.TRAP x").contains("unreachable"), "{rule}");
        assert_eq!(client.run("FOUL.MOOD a"), "\"calm\"", "{rule}");
    }
    for rule in ["edit", "set", "journal", "scan"] {
        let reply = bounded(&server, &mut client, &format!("FOUL.BREACHREAD a {rule}"));
        assert!(reply.starts_with("(error) ERR "), "{rule}: {reply}");
        assert_eq!(client.run("FOUL.MOOD a"), "\"calm\"", "{rule}");
    }
}

/// What a module says in a journal may be nonsense. Then the command fails, or the value is found to be unusable once it was lost;
/// it can still be deleted, and nothing else is harmed.
#[test]
fn a_journal_may_not_say_what_cannot_be_repeated() {
    if skip() {
        return;
    }
    let server = start(&["foul"]);
    let mut client = server.client();
    client.run("SET witness here");
    client.run("FOUL.PUT other calm");
    for rule in ["nothing", "unknown", "foreign", "arity", "refuses", "traps", "native", "puts"] {
        client.run("FOUL.PUT a calm");
        let reply = bounded(&server, &mut client, &format!("FOUL.BREACH a b journal-{rule}"));
        let accepted = reply == "OK";
        // There is no such command: that can be seen at once.
        assert_eq!(accepted, !["nothing", "unknown", "foreign", "arity"].contains(&rule), "{rule}: {reply}");
        assert_eq!(client.run("FOUL.MOOD a"), if accepted { "\"edited\"" } else { "\"calm\"" }, "{rule}");
        client.run("FOUL.TRAP x");
        let reply = bounded(&server, &mut client, "FOUL.MOOD a");
        if accepted {
            assert!(
                reply.starts_with("(error) ERR module 'foul' cannot use the value of the key 'a'"),
                "{rule}: {reply}"
            );
        } else {
            assert_eq!(reply, "\"calm\"", "{rule}");
        }
        assert_eq!(client.run("FOUL.MOOD other"), "\"calm\"", "{rule}");
        assert_eq!(client.run("DEL a"), "(integer) 1", "{rule}");
    }
}

#[test]
fn what_is_odd_and_allowed_leads_to_whole_values() {
    if skip() {
        return;
    }
    let server = start(&["foul"]);
    let mut client = server.client();
    client.run("SET witness here");
    for (rule, expected) in [
        ("journal", "\"edited\""),
        ("edit-delete", "(nil)"),
        ("edit-set", "\"second\""),
        ("set-set", "\"second\""),
        ("set-delete", "(nil)"),
        ("handles", "\"twice\""),
    ] {
        client.run("FOUL.PUT a calm");
        let reply = bounded(&server, &mut client, &format!("FOUL.BREACH a b harmless-{rule}"));
        assert_eq!(reply, "OK", "{rule}");
        for _ in 0..2 {
            assert_eq!(client.run("FOUL.MOOD a"), expected, "{rule}");
            client.run("FOUL.TRAP x");
        }
        assert_eq!(client.run("FOUL.PUT a calm"), "OK", "{rule}");
    }
    client.run("FOUL.PUT a calm");
    assert_eq!(client.run("FOUL.BREACH a b harmless-edit-string"), "OK");
    assert_eq!(client.run("GET a"), "\"a string\"");
}
