//! Messages: between protocols, in their order, to who asked for them, and those that tell of changed keys.

use sandkey_tests::client::shown;
use sandkey_tests::extent::seed;
use sandkey_tests::generator::{Generator, Step};
use sandkey_tests::modules;
use sandkey_tests::{Client, Peer, Protocol, Server, Value, eventually, paths};
use std::time::Duration;

fn subscribe(server: &Server, protocol: Protocol, line: &str) -> Client {
    let mut client = server.client_speaking(protocol);
    client.send(&line.split(' ').collect::<Vec<_>>());
    for _ in 1..line.split(' ').count() {
        let reply = client.read();
        assert_eq!(matches!(reply, Value::Push(_)), protocol == Protocol::Resp3, "{reply:?}");
    }
    client
}

/// The parts of the next message.
fn message(client: &mut Client) -> Vec<String> {
    client.read().items().iter().map(Value::text).collect()
}

#[test]
fn protocols_do_not_matter_to_each_other() {
    let server = Server::start(&[]);
    for publisher in Protocol::BOTH {
        let mut publisher = server.client_speaking(publisher);
        let mut listeners: Vec<Client> = Protocol::BOTH
            .into_iter()
            .flat_map(|protocol| {
                [
                    subscribe(&server, protocol, "SUBSCRIBE news"),
                    subscribe(&server, protocol, "PSUBSCRIBE n?ws"),
                ]
            })
            .collect();
        assert_eq!(publisher.run("PUBLISH news \"a\\r\\n\\x00\""), "(integer) 4");
        assert_eq!(publisher.run("PUBLISH other x"), "(integer) 0");
        for (i, listener) in listeners.iter_mut().enumerate() {
            let expected: &[&str] = if i % 2 == 0 {
                &["message", "news", "a\r\n\0"]
            } else {
                &["pmessage", "n?ws", "news", "a\r\n\0"]
            };
            assert_eq!(message(listener), expected);
        }
        let mut shard: Vec<Client> =
            Protocol::BOTH.into_iter().map(|p| subscribe(&server, p, "SSUBSCRIBE news")).collect();
        assert_eq!(publisher.run("SPUBLISH news shard"), "(integer) 2");
        for listener in &mut shard {
            assert_eq!(message(listener), ["smessage", "news", "shard"]);
        }
        drop((listeners, shard));
        eventually("the server has noticed", Duration::from_secs(5), || {
            publisher.run("PUBLISH news x") == "(integer) 0"
        });
    }
}

#[test]
fn messages_keep_their_order() {
    let server = Server::start(&[]);
    let mut listeners: Vec<Client> =
        Protocol::BOTH.into_iter().map(|protocol| subscribe(&server, protocol, "SUBSCRIBE a b")).collect();
    let mut publisher = server.client();
    let requests: Vec<Vec<String>> = (0..10_000)
        .map(|i| vec!["PUBLISH".into(), if i % 3 == 0 { "a".into() } else { "b".into() }, i.to_string()])
        .collect();
    assert!(publisher.pipeline(&requests).iter().all(|reply| *reply == Value::Int(2)));
    for listener in &mut listeners {
        for i in 0..10_000 {
            assert_eq!(message(listener)[2], i.to_string());
        }
    }
}

#[test]
fn a_resp3_connection_listens_and_asks() {
    let server = Server::start(&[]);
    let mut client = subscribe(&server, Protocol::Resp3, "SUBSCRIBE news");
    // It hears what it publishes itself, and the reply is apart from the message.
    client.send(&["PUBLISH", "news", "own"]);
    let (first, second) = (client.read(), client.read());
    let (push, reply) = if matches!(first, Value::Push(_)) { (first, second) } else { (second, first) };
    assert_eq!(reply, Value::Int(1));
    assert_eq!(push.items()[2], Value::bulk("own"));
    assert_eq!(client.run("SET a 1"), "OK");
    assert_eq!(client.run("GET a"), "\"1\"");
    if paths::stand_in() {
        // Version 7.0 writes the push into the middle of EXEC's reply, which no client can read.
        return;
    }
    client.send(&["MULTI"]);
    client.send(&["PUBLISH", "news", "in a transaction"]);
    client.send(&["EXEC"]);
    let replies: Vec<Value> = (0..4).map(|_| client.read()).collect();
    assert_eq!(replies.iter().filter(|reply| matches!(reply, Value::Push(_))).count(), 1, "{replies:?}");
    assert!(replies.contains(&Value::Array(vec![Value::Int(1)])), "{replies:?}");
}

#[test]
fn many_channels_and_many_listeners() {
    let server = Server::start(&[]);
    let mut channels: Vec<String> = vec!["SUBSCRIBE".to_owned()];
    channels.extend((0..500).map(|i| format!("channel:{i}")));
    let mut client = server.client();
    client.send(&channels);
    for i in 1..=500 {
        assert_eq!(client.read().items()[2], Value::Int(i));
    }
    let mut publisher = server.client();
    assert_eq!(publisher.value("PUBSUB CHANNELS channel:*").items().len(), 500);
    assert_eq!(publisher.run("PUBLISH channel:499 x"), "(integer) 1");
    assert_eq!(message(&mut client), ["message", "channel:499", "x"]);
    let listeners: Vec<Client> =
        (0..100).map(|_| subscribe(&server, Protocol::Resp2, "SUBSCRIBE all")).collect();
    assert_eq!(publisher.run("PUBLISH all x"), "(integer) 100");
    for mut listener in listeners {
        assert_eq!(message(&mut listener), ["message", "all", "x"]);
    }
}

/// A server that tells of everything, and a client that hears it.
fn with_events(server: Server) -> (Server, Vec<Client>, Client) {
    let requests = (0..sandkey_tests::generator::CONNECTIONS).map(|_| server.client()).collect();
    let listener = subscribe(&server, Protocol::Resp2, "PSUBSCRIBE __key*");
    (server, requests, listener)
}

/// All events up to now.
fn events(marker: &mut Client, listener: &mut Client) -> Vec<(String, String)> {
    assert_eq!(marker.run("PUBLISH __key-mark x"), "(integer) 1");
    let mut events = Vec::new();
    loop {
        let parts = listener.read().items();
        let channel = sandkey_tests::words::quote(parts[2].bytes().unwrap_or_default());
        if channel == "\"__key-mark\"" {
            return events;
        }
        events.push((channel, sandkey_tests::words::quote(parts[3].bytes().unwrap_or_default())));
    }
}

#[test]
fn keyspace_events_are_those_of_redis() {
    let seed = seed();
    let args = ["--notify-keyspace-events", "KEA"];
    let (ours, mut our_clients, mut our_events) = with_events(Server::start(&args));
    let (theirs, mut their_clients, mut their_events) = with_events(Peer::redis(&args));
    let (mut our_marker, mut their_marker) = (ours.client(), theirs.client());
    let mut generator = Generator::new(seed);
    for _ in 0..150 {
        let Step::Batch(connection, requests) = generator.step() else { continue };
        for request in requests {
            our_clients[connection].call(&request.args);
            their_clients[connection].call(&request.args);
            let (our_new, their_new) =
                (events(&mut our_marker, &mut our_events), events(&mut their_marker, &mut their_events));
            assert_eq!(
                our_new,
                their_new,
                "seed {seed}: events after {} (ours left, theirs right)",
                shown(&request.args)
            );
        }
    }
}

#[test]
fn keys_that_modules_make_are_new() {
    if modules::skip() {
        return;
    }
    let server = modules::start_with(&["bench", "cas", "peak"], &["--notify-keyspace-events", "En"]);
    let mut listener = subscribe(&server, Protocol::Resp3, "SUBSCRIBE __keyevent@0__:new");
    let mut client = server.client();
    for (line, key) in [
        ("BENCH.INCR stored", "stored"),
        ("CAS.INCRBY counted 1", "counted"),
        ("HCAS.INCRBY hash field 1", "hash"),
        ("PEAK.INCR value 1", "value"),
    ] {
        for _ in 0..2 {
            let reply = client.value(line);
            assert!(reply.error().is_none(), "{line}: {reply:?}");
        }
        client.run("SET mark 1");
        client.run("DEL mark");
        assert_eq!(message(&mut listener)[2], key, "{line}");
        assert_eq!(message(&mut listener)[2], "mark", "{line}: it is new once");
    }
}

#[test]
fn expiry_and_eviction_are_told() {
    let server = Server::start(&["--notify-keyspace-events", "Exe"]);
    let mut listener =
        subscribe(&server, Protocol::Resp3, "SUBSCRIBE __keyevent@0__:expired __keyevent@0__:evicted");
    let mut client = server.client();
    client.run("SET lazy v PX 20");
    std::thread::sleep(Duration::from_millis(30));
    client.run("GET lazy");
    assert_eq!(message(&mut listener), ["message", "__keyevent@0__:expired", "lazy"]);
    client.run("SET active v PX 20");
    assert_eq!(message(&mut listener), ["message", "__keyevent@0__:expired", "active"]);
    client.run("SET victim v");
    client.run("CONFIG SET maxmemory-policy allkeys-random maxmemory 1");
    client.run("SET other v");
    let heard = message(&mut listener);
    assert_eq!(heard[1], "__keyevent@0__:evicted");
    // Nobody asked for these.
    client.run("CONFIG SET maxmemory 0");
    client.run("SET quiet v");
    client.run("DEL quiet");
    listener.set_timeout(Duration::from_millis(100));
    while let Ok(more) = listener.try_read() {
        assert_eq!(more.items()[1].text(), "__keyevent@0__:evicted", "{more:?}");
    }
}
