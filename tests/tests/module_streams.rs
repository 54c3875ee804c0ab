//! Streams that a module changes, on the server: they are what the native commands make of them, they are repeated exactly, and a
//! command that fails leaves no trace.

use sandkey_tests::modules;
use sandkey_tests::{Client, Server};

fn server(args: &[&str]) -> Server {
    let args = [&["--enable-debug-command", "local"], args].concat();
    modules::start_with(&["relay"], &args)
}

/// What is to be seen of a stream: its value, and all that is known beside it.
fn state(client: &mut Client, key: &str) -> [String; 3] {
    let lines = [
        format!("DEBUG DIGEST-VALUE {key}"),
        format!("XINFO STREAM {key} FULL"),
        format!("XRANGE {key} - +"),
    ];
    let state = lines.map(|line| client.run(&line));
    assert!(!state[0].contains("(error)"), "{}", state[0]);
    state
}

/// How many changes the server has counted.
#[test]
fn a_module_does_to_a_stream_what_native_commands_do() {
    if modules::skip() {
        return;
    }
    let server = server(&[]);
    let mut client = server.client();
    for (by_module, native, reply) in [
        ("RELAY.ADD m 5-1 f v", "XADD n 5-1 f v", "\"5-1\""),
        ("RELAY.ADD m 5-2 f 1 g 2 f 3", "XADD n 5-2 f 1 g 2 f 3", "\"5-2\""),
        ("RELAY.ADD m 7-0 other w", "XADD n 7-0 other w", "\"7-0\""),
        (
            "RELAY.ADD m 7-0 f v",
            "XADD n 7-0 f v",
            "(error) ERR The ID specified in XADD is equal or smaller than the target stream top item",
        ),
        (
            "RELAY.ADD m 0-0 f v",
            "XADD n 0-0 f v",
            "(error) ERR The ID specified in XADD must be greater than 0-0",
        ),
        ("RELAY.DELETE m 5-2 9-9", "XDEL n 5-2 9-9", "(integer) 1"),
        ("RELAY.DELETE none 5-2", "XDEL none 5-2", "(integer) 0"),
        ("RELAY.TRIM m 2", "XTRIM n MAXLEN 2", "(integer) 0"),
        ("RELAY.TRIM m 5-2", "XTRIM n MINID 5-2", "(integer) 1"),
        ("RELAY.TRIM none 0", "XTRIM none MAXLEN 0", "(integer) 0"),
    ] {
        assert_eq!(client.run(by_module), reply, "{by_module}");
        assert_eq!(client.run(native), reply, "{native}");
        assert_eq!(state(&mut client, "m"), state(&mut client, "n"), "{by_module}");
    }
    assert_eq!(client.run("EXISTS none"), "(integer) 0");
    assert_eq!(
        client.run("RELAY.INFO m"),
        "1) (integer) 1\n2) (integer) 3\n3) \"7-0\"\n4) \"7-0\"",
        "how many are there and were, the last, the first"
    );
    client.run("SET s text");
    let wrong = "(error) WRONGTYPE Operation against a key holding the wrong kind of value";
    for line in
        ["RELAY.ADD s * f v", "RELAY.DELETE s 1-1", "RELAY.TRIM s 0", "RELAY.RANGE s 0-0 9-9", "RELAY.INFO s"]
    {
        assert_eq!(client.run(line), wrong, "{line}");
    }
}

#[test]
fn entries_come_in_pages_from_both_ends() {
    if modules::skip() {
        return;
    }
    let server = server(&[]);
    let mut client = server.client();
    for n in 1..=250 {
        client.run(&format!("XADD x {n}-0 n {n}"));
    }
    // Large ones, of which few fit into a page.
    for n in 251..=254 {
        client.run(&format!("XADD x {n}-0 n {}", "y".repeat(600_000)));
    }
    let mut count = |line: &str| client.run(line).matches("-0\"").count();
    assert_eq!(count("RELAY.RANGE x 0-0 99999-0"), 254);
    assert_eq!(count("RELAY.RANGE x 99999-0 0-0"), 254);
    assert_eq!(count("RELAY.RANGE x 3-0 120-0"), 118);
    assert_eq!(count("RELAY.RANGE none 0-0 9-9"), 0);
    assert!(client.run("RELAY.RANGE x 5-0 4-0").starts_with("1) 1) \"5-0\""), "from the last");
}

#[test]
fn what_a_module_did_is_repeated_exactly() {
    if modules::skip() {
        return;
    }
    let mut server = server(&["--appendonly", "yes"]);
    let mut client = server.client();
    assert_eq!(client.run("RELAY.FILL x 1500"), "(integer) 1500");
    client.run("RELAY.ADD x * f v");
    client.run("RELAY.ADD m 1-1 f v");
    client.run("RELAY.DELETE m 1-1");
    assert_eq!(client.run("RELAY.TRIM x 650 about"), "(integer) 800");
    client.run("RELAY.FAIL x 1-1 3");
    let keys = ["x", "m"];
    let before = keys.map(|key| state(&mut client, key));
    server.kill9();
    server.restart();
    let mut client = server.client();
    assert_eq!(keys.map(|key| state(&mut client, key)), before);
}

#[test]
fn a_command_that_fails_leaves_no_trace() {
    if modules::skip() {
        return;
    }
    let server = server(&[]);
    let mut client = server.client();
    // Small ones are copied for undo, of large ones what is changed; and one is not there at all.
    for (key, count) in [("small", 20), ("large", 2000), ("none", 0)] {
        if count > 0 {
            client.run(&format!("XADD {key} 1-1 f v"));
            client.run(&format!("RELAY.FILL {key} {count}"));
            client.run(&format!("XGROUP CREATE {key} group 0"));
            client.run(&format!("XREADGROUP GROUP group you COUNT 3 STREAMS {key} >"));
        }
        let before = state(&mut client, key);
        let counted = client.info("rdb_changes_since_last_save");
        for trim in ["0", "3", "99999999999999-0"] {
            assert_eq!(client.run(&format!("RELAY.FAIL {key} 1-1 {trim}")), "(error) ERR told to fail");
            assert_eq!(state(&mut client, key), before, "{key} {trim}");
        }
        assert_eq!(client.info("rdb_changes_since_last_save"), counted, "nothing was counted");
    }
    assert_eq!(client.run("EXISTS none"), "(integer) 0");
}
