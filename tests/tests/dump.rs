//! DUMP, RESTORE and MIGRATE between this server and redis-server, in both directions and with values of every type.

use sandkey_tests::{Client, Peer, Server, Value, eventually, paths};
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const DEBUG: [&str; 2] = ["--enable-debug-command", "yes"];

/// Both servers, and a connection to each.
fn both() -> ((Server, Client), (Server, Client)) {
    let with_client = |server: Server| {
        let client = server.client();
        (server, client)
    };
    (with_client(Server::start(&DEBUG)), with_client(Peer::redis(&DEBUG)))
}

/// Values of every type in small and large forms. Their names say the type.
fn fill(redis: &mut Client) {
    let noise: Vec<u8> = (0..20_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    redis.call(&["SET".as_bytes(), b"string:noise", &noise]);
    redis.run("SET string:short text");
    redis.run("SET string:number -70000");
    redis.call(&["SET", "string:zeros", &"0".repeat(5000)]);
    for (size, count) in [("small", 5), ("large", 600)] {
        let items: Vec<String> = (0..count).map(|n| format!("{n}{}", "x".repeat(n * 7 % 90))).collect();
        let run = |redis: &mut Client, name: &str, key: &str, args: Vec<String>| {
            redis.call(&[vec![name.to_owned(), format!("{key}:{size}")], args].concat());
        };
        run(redis, "RPUSH", "list", items.clone());
        run(redis, "SADD", "set", items.clone());
        run(redis, "HSET", "hash", items.iter().flat_map(|item| [item.clone(), item.clone()]).collect());
        let scored =
            items.iter().enumerate().flat_map(|(n, item)| [format!("{}", n as f64 / 3.0), item.clone()]);
        run(redis, "ZADD", "zset", scored.collect());
        for item in &items {
            redis.call(&["XADD", &format!("stream:{size}"), "*", "field", item]);
        }
    }
    redis.run("SADD set:numbers 1 2 300 -70000");
    redis.run("XGROUP CREATE stream:large group 0");
    redis.run("XREADGROUP GROUP group consumer COUNT 20 STREAMS stream:large >");
}

fn digest(client: &mut Client, key: &str) -> Value {
    client.call(&["DEBUG", "DIGEST-VALUE", key])
}

fn keys(client: &mut Client) -> Vec<String> {
    client.value("KEYS *").sorted(1).items().iter().map(Value::text).collect()
}

/// The type that a key's name says.
fn kind(key: &str) -> &str {
    key.split(':').next().unwrap_or_default()
}

#[test]
fn dumps_of_every_type_are_kept_and_given_back() {
    let ((_ours, mut ours), (_redis, mut redis)) = both();
    fill(&mut redis);
    for key in keys(&mut redis) {
        let theirs = redis.call(&["DUMP", &key]);
        let payload = theirs.bytes().expect("a payload").to_vec();
        let restored = ours.call(&[b"RESTORE".as_slice(), key.as_bytes(), b"0", &payload]);
        assert_eq!(restored, Value::ok(), "{key}");
        assert_eq!(ours.run(&format!("TYPE {key}")), kind(&key), "{key}");
        assert_eq!(digest(&mut ours, &key), digest(&mut redis, &key), "{key}");
        // Whatever happens to the key, the value stays what it is.
        ours.run(&format!("RENAME {key} renamed"));
        assert_eq!(ours.int("COPY renamed copy"), 1);
        assert_eq!(ours.int("MOVE copy 3"), 1);
        ours.run("SELECT 3");
        assert_eq!(digest(&mut ours, "copy"), digest(&mut redis, &key), "{key}");
        assert_eq!(ours.int("COPY copy copy DB 0"), 1);
        ours.run("FLUSHDB");
        ours.run("SELECT 0");
        ours.run(&format!("RENAME copy {key}"));
        let back = ours.call(&["DUMP", "renamed"]);
        let back = back.bytes().expect("a payload").to_vec();
        ours.run("DEL renamed");
        redis.call(&[b"RESTORE".as_slice(), b"back", b"0", &back, b"REPLACE"]);
        assert_eq!(digest(&mut redis, "back"), digest(&mut redis, &key), "{key}");
    }
    redis.run("DEL back");
    assert_eq!(keys(&mut ours), keys(&mut redis));
    assert_eq!(ours.run("DEBUG DIGEST"), redis.run("DEBUG DIGEST"));
    // A value without commands is not mistaken for one that has some.
    for command in ["GET", "HGETALL", "INCR", "STRLEN"] {
        let error = ours.value(&format!("{command} list:small")).error();
        assert_eq!(
            error.as_deref(),
            Some("WRONGTYPE Operation against a key holding the wrong kind of value")
        );
    }
    assert_eq!(ours.run("SET list:small x"), "OK");
    assert_eq!(ours.run("TYPE list:small"), "string");
}

#[test]
fn restored_values_survive_restarts() {
    if paths::stand_in() {
        return;
    }
    for options in [&["--save", "3600 1"][..], &["--appendonly", "yes"]] {
        let peer = Peer::redis(&DEBUG);
        let mut redis = peer.client();
        fill(&mut redis);
        let mut server = Server::start(&[&DEBUG[..], options].concat());
        let mut client = server.client();
        for key in keys(&mut redis) {
            let payload = redis.call(&["DUMP", &key]).bytes().expect("a payload").to_vec();
            let ttl: &[u8] = if key.ends_with("small") { b"10000000" } else { b"0" };
            redis.call(&[b"PEXPIRE".as_slice(), key.as_bytes(), ttl]);
            client.call(&[b"RESTORE".as_slice(), key.as_bytes(), ttl, &payload]);
        }
        // Later than any file can say.
        let payload = client.call(&["DUMP", "list:small"]).bytes().expect("a payload").to_vec();
        client.call(&[b"RESTORE".as_slice(), b"for-ever", i64::MAX.to_string().as_bytes(), &payload]);
        assert_eq!(client.run("PEXPIRETIME for-ever"), format!("(integer) {}", i64::MAX));
        let before = (client.run("DEBUG DIGEST"), client.run("PEXPIRETIME list:small"));
        server.restart();
        let mut client = server.client();
        assert_eq!((client.run("DEBUG DIGEST"), client.run("PEXPIRETIME list:small")), before, "{options:?}");
    }
}

#[test]
fn keys_migrate_to_and_fro() {
    let ((ours, mut our_client), (redis, mut their_client)) = both();
    fill(&mut their_client);
    our_client.run("SET expires x PX 100000");
    their_client.run("PEXPIRE list:small 100000");
    let digests: Vec<(String, Value)> = keys(&mut their_client)
        .into_iter()
        .map(|key| (key.clone(), digest(&mut their_client, &key)))
        .collect();
    let migrate = |client: &mut Client, to: &Server, options: &[&str], keys: &[String]| {
        let port = to.port_text();
        let head = ["MIGRATE", "127.0.0.1", &port, "", "0", "5000"];
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        client.call(&[&head, options, &["KEYS"], &keys].concat())
    };
    let names: Vec<String> = digests.iter().map(|(name, _)| name.clone()).collect();
    assert_eq!(migrate(&mut their_client, &ours, &[], &names), Value::ok());
    assert_eq!(their_client.int("DBSIZE"), 0);
    for (name, digest_before) in &digests {
        assert_eq!(&digest(&mut our_client, name), digest_before, "{name}");
    }
    assert!((1..=100_000).contains(&our_client.int("PTTL list:small")));
    // Here only those that are there are sent.
    let with_missing = [&names[..], &["missing".to_owned()]].concat();
    assert_eq!(migrate(&mut our_client, &redis, &["COPY"], &with_missing), Value::ok());
    assert_eq!(our_client.int("DBSIZE"), names.len() as i64 + 1);
    let error = migrate(&mut our_client, &redis, &[], &names).error();
    let busy = "ERR Target instance replied with error: BUSYKEY Target key name already exists.";
    assert_eq!(error.as_deref(), Some(busy));
    assert_eq!(migrate(&mut our_client, &redis, &["REPLACE"], &names), Value::ok());
    assert_eq!(keys(&mut our_client), ["expires"]);
    for (name, digest_before) in &digests {
        assert_eq!(&digest(&mut their_client, name), digest_before, "{name}");
    }
    assert_eq!(our_client.run(&format!("MIGRATE 127.0.0.1 {} expires 3 5000", redis.port())), "OK");
    their_client.run("SELECT 3");
    assert!((1..=100_000).contains(&their_client.int("PTTL expires")));
    if !paths::stand_in() {
        assert_eq!(our_client.info("migrate_cached_sockets"), "1");
    }
}

#[test]
fn a_target_that_asks_for_a_password_gets_it() {
    let ours = Server::start(&[]);
    let peer = Peer::redis(&["--requirepass", "secret"]);
    let mut client = ours.client();
    client.run("SET key value");
    let mut migrate = |options: &str| {
        client.run(&format!("MIGRATE 127.0.0.1 {} key 0 5000 COPY REPLACE {options}", peer.port()))
    };
    assert_eq!(
        migrate(""),
        "(error) ERR Target instance replied with error: NOAUTH Authentication required."
    );
    assert_eq!(
        migrate("AUTH wrong"),
        "(error) ERR Target instance replied with error: WRONGPASS invalid username-password pair or user is disabled."
    );
    assert_eq!(migrate("AUTH secret"), "OK");
    assert_eq!(migrate("AUTH2 default secret"), "OK");
}

/// A target that never answers.
fn silent() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("it is bound").port();
    (listener, port)
}

#[test]
fn only_writers_of_a_key_wait_while_it_is_migrated() {
    if paths::stand_in() {
        return;
    }
    let server = Server::start(&[]);
    let (_listener, port) = silent();
    let (mut mover, mut client) = (server.client(), server.client());
    client.run("MSET key old other old");
    const TIME: Duration = Duration::from_millis(700);
    for write in ["SET key new", "DEL key", "RENAME other key", "FLUSHALL"] {
        client.run("MSET key old other old");
        mover.send(&["MIGRATE", "127.0.0.1", &port.to_string(), "key", "0", &TIME.as_millis().to_string()]);
        let began = Instant::now();
        eventually("the migration has begun", TIME, || {
            client.value("CLIENT LIST").text().contains("cmd=migrate")
        });
        assert_eq!(client.run("GET key"), "\"old\"");
        assert_eq!(client.run("SET other new"), "OK");
        assert!(began.elapsed() < TIME, "neither readers nor others wait");
        assert!(client.value(write).error().is_none());
        assert!(began.elapsed() >= TIME - Duration::from_millis(100), "{write} came before the end");
        let error = mover.read().error();
        assert_eq!(error.as_deref(), Some("IOERR error or timeout reading to target instance"));
    }
}

#[test]
fn no_write_is_lost_with_its_key() {
    let ours = Server::start(&["--appendonly", "yes"]);
    let peer = Peer::redis(&[]);
    let done = AtomicBool::new(false);
    let (mut moved, mut migrations) = (0, 0);
    let counted: i64 = std::thread::scope(|scope| {
        let count = || {
            let mut client = ours.client();
            let mut counted = 0;
            while !done.load(Ordering::Relaxed) {
                client.int("INCR counter");
                counted += 1;
            }
            counted
        };
        let counters: Vec<_> = (0..3).map(|_| scope.spawn(count)).collect();
        let (mut mover, mut receiver) = (ours.client(), peer.client());
        let end = Instant::now() + Duration::from_secs(2);
        while Instant::now() < end {
            let reply = mover.run(&format!("MIGRATE 127.0.0.1 {} counter 0 5000", peer.port()));
            migrations += i64::from(reply == "OK");
            assert!(reply == "OK" || reply == "NOKEY", "{reply}");
            moved += receiver.value("GETDEL counter").text().parse::<i64>().unwrap_or(0);
        }
        done.store(true, Ordering::Relaxed);
        counters.into_iter().map(|counter| counter.join().expect("it does not panic")).sum()
    });
    let left = ours.client().value("GET counter").text().parse::<i64>().unwrap_or(0);
    assert_eq!(moved + left, counted, "after {migrations} migrations");
    assert!(migrations > 0);
    // What was moved is deleted in the file, too.
    let mut ours = ours;
    ours.restart();
    let after = ours.client().value("GET counter").text().parse::<i64>().unwrap_or(0);
    assert_eq!(after, left);
}
