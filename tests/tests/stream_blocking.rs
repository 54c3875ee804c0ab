//! XREAD and XREADGROUP that wait: for what, with what they are served, and what they are told when there is nothing to wait for any more.

use std::time::Duration;

use sandkey_tests::{Client, Protocol, Server, Value, eventually};

/// A client whose command waits by now.
fn waiting(client: Client, control: &mut Client, line: &str) -> Client {
    let mut client = client;
    let before = control.info_int("blocked_clients");
    client.send(&line.split_whitespace().collect::<Vec<_>>());
    eventually("the client waits", Duration::from_secs(5), || {
        control.info_int("blocked_clients") == before + 1
    });
    client
}

/// The names of streams and the ids of their entries.
fn served(value: &Value) -> Vec<(String, Vec<String>)> {
    let streams = match value {
        Value::Map(pairs) => pairs.clone(),
        other => {
            let pair = |stream: Value| {
                let [name, entries] = <[Value; 2]>::try_from(stream.items()).expect("a name and entries");
                (name, entries)
            };
            other.items().into_iter().map(pair).collect()
        }
    };
    let id = |entry: Value| entry.items()[0].text();
    let stream =
        |(name, entries): (Value, Value)| (name.text(), entries.items().into_iter().map(id).collect());
    streams.into_iter().map(stream).collect()
}

fn one(name: &str, id: &str) -> Vec<(String, Vec<String>)> {
    vec![(name.to_owned(), vec![id.to_owned()])]
}

#[test]
fn whoever_reads_gets_what_comes_after() {
    let server = Server::start(&[]);
    let mut control = server.client();
    control.run("XADD s 1-1 f v");
    for protocol in Protocol::BOTH {
        let mut read = |line: &str| waiting(server.client_speaking(protocol), &mut control, line);
        let mut last = read("XREAD BLOCK 0 STREAMS other s $ $");
        let mut all = read("XREAD COUNT 5 BLOCK 0 STREAMS s 100");
        let mut newest = read("XREAD BLOCK 0 STREAMS other +");
        control.run("XADD s 5-1 f v");
        assert_eq!(served(&last.read()), one("s", "5-1"), "what `$` was when it was said");
        control.run("XADD other 1-1 f v");
        assert_eq!(served(&newest.read()), one("other", "1-1"));
        all.expect_silence(Duration::from_millis(50));
        control.run("XADD s 101-1 f v");
        assert_eq!(served(&all.read()), one("s", "101-1"));
        control.run("DEL s other");
    }
    let mut client = server.client();
    client.send(&["XREAD", "BLOCK", "20", "STREAMS", "s", "0"]);
    assert!(client.read().is_null(), "its time is over");
    assert!(matches!(client.value("XREAD BLOCK -1 STREAMS s 0"), Value::Error(_)));
    assert!(matches!(client.value("XREAD BLOCK x STREAMS s 0"), Value::Error(_)));
    client.run("MULTI");
    client.run("XREAD BLOCK 0 STREAMS s 0");
    assert!(client.value("EXEC").items()[0].is_null(), "nobody waits in a transaction");
}

#[test]
fn a_group_shares_what_comes() {
    let server = Server::start(&["--appendonly", "yes"]);
    let mut control = server.client();
    control.run("XGROUP CREATE s g $ MKSTREAM");
    let mut read = |name: &str| {
        let line = format!("XREADGROUP GROUP g {name} COUNT 1 BLOCK 0 STREAMS s >");
        waiting(server.client(), &mut control, &line)
    };
    let (mut alice, mut bob) = (read("alice"), read("bob"));
    control.run("XADD s 1-1 f v");
    assert_eq!(served(&alice.read()), one("s", "1-1"));
    bob.expect_silence(Duration::from_millis(50));
    control.run("XADD s 1-2 f v");
    assert_eq!(served(&bob.read()), one("s", "1-2"));
    let pending: Vec<String> =
        control.value("XPENDING s g - + 10").items().iter().map(|entry| entry.items()[1].text()).collect();
    assert_eq!(pending, ["alice", "bob"]);
    // What they were given is in the file.
    let before = control.value("XINFO GROUPS s");
    control.run("DEBUG LOADAOF");
    assert_eq!(control.value("XINFO GROUPS s"), before);
}

#[test]
fn who_waits_for_a_group_that_goes_is_told() {
    let server = Server::start(&[]);
    let mut control = server.client();
    for line in ["XGROUP DESTROY s g", "DEL s", "SET s text", "FLUSHALL"] {
        control.run("DEL s");
        control.run("XGROUP CREATE s g $ MKSTREAM");
        let mut reader = waiting(server.client(), &mut control, "XREAD BLOCK 300 STREAMS s $");
        let mut member = waiting(server.client(), &mut control, "XREADGROUP GROUP g c BLOCK 0 STREAMS s >");
        control.run(line);
        let Value::Error(error) = member.read() else { panic!("{line}: it is told") };
        let error = String::from_utf8_lossy(&error).into_owned();
        let expected = if line.starts_with("SET") { "WRONGTYPE" } else { "NOGROUP" };
        assert!(error.starts_with(expected), "{line}: {error}");
        assert!(reader.read().is_null(), "{line}: its time is over");
    }
}
