//! What goes away by itself: keys whose time is up, and keys that have to make room.

use sandkey_tests::{Client, Protocol, Server, Value, eventually};
use std::time::{Duration, Instant};

/// A number from INFO.
#[track_caller]
fn info(client: &mut Client, field: &str) -> i64 {
    let text = client.value("INFO everything").text();
    let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    line.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("INFO has no number {field}"))
}

#[test]
fn keys_expire_without_being_touched() {
    let server = Server::start(&[]);
    let mut client = server.client();
    let requests: Vec<Vec<String>> = (0..2000)
        .map(|i| {
            ["SET", &format!("k{i}"), "v", "PX", &(50 + i % 100).to_string()].map(str::to_owned).to_vec()
        })
        .collect();
    client.pipeline(&requests);
    client.run("SET stays v");
    client.run("SET later v EX 1000");
    eventually("DBSIZE has fallen", Duration::from_secs(10), || client.int("DBSIZE") == 2);
    assert_eq!(info(&mut client, "expired_keys"), 2000);
    assert_eq!(client.run("MGET stays later"), "1) \"v\"\n2) \"v\"");
}

#[test]
fn nobody_sees_a_key_after_its_time() {
    let server = Server::start(&[]);
    for protocol in Protocol::BOTH {
        let mut client = server.client_speaking(protocol);
        for round in 0..20 {
            client.run("DEL h");
            client.run("HSET h f v");
            client.run("SET s v PX 15");
            client.run("PEXPIRE h 15");
            let begin = Instant::now();
            // Before its time it is there, after its time it is not; which of the two is for the clock to say.
            while begin.elapsed() < Duration::from_millis(16) {
                let _ = client.run("GET s");
            }
            std::thread::sleep(Duration::from_millis(2));
            let looks =
                ["GET s", "HGET h f", "TTL s", "EXISTS s h", "TYPE h", "STRLEN s", "HLEN h", "RANDOMKEY"];
            let look = looks[round % looks.len()];
            let reply = client.run(look);
            assert!(
                ["(nil)", "(integer) -2", "(integer) 0", "none"].contains(&reply.as_str()),
                "{look}: {reply}"
            );
            assert_eq!(client.run("KEYS *"), "(empty array)");
            assert_eq!(client.run("SET s new NX"), "OK");
            assert_eq!(client.run("TTL s"), "(integer) -1");
            client.run("DEL s");
        }
    }
}

#[test]
fn a_time_in_the_past_is_the_end() {
    let server = Server::start(&[]);
    let mut client = server.client();
    for line in ["EXPIRE k -1", "EXPIRE k 0", "PEXPIRE k -1", "EXPIREAT k 1", "PEXPIREAT k 1"] {
        client.run("SET k v");
        assert_eq!(client.run(line), "(integer) 1", "{line}");
        assert_eq!(client.run("EXISTS k"), "(integer) 0", "{line}");
        assert_eq!(client.run("DBSIZE"), "(integer) 0", "{line}");
    }
    for line in ["SET k v EXAT 1", "SET k v PXAT 1"] {
        assert_eq!(client.run(line), "OK");
        assert_eq!(client.run("GET k"), "(nil)", "{line}");
    }
    client.run("SET k v");
    assert_eq!(client.run("GETEX k PXAT 1"), "\"v\"");
    assert_eq!(client.run("EXISTS k"), "(integer) 0");
}

/// A server that has room for about so many bytes more than it uses, under a policy.
fn start_full(policy: &str, room: i64) -> (Server, Client) {
    let server = Server::start(&["--maxmemory-policy", policy]);
    let mut client = server.client();
    client.run("PING");
    let limit = info(&mut client, "used_memory") + room;
    assert_eq!(client.run(&format!("CONFIG SET maxmemory {limit}")), "OK");
    (server, client)
}

const OOM: &str = "OOM command not allowed when used memory > 'maxmemory'.";

/// SET keys of 1 kB with this prefix, each with these options; how many were refused for want of memory.
#[track_caller]
fn fill(client: &mut Client, prefix: &str, count: usize, options: &[&str]) -> usize {
    let value = "x".repeat(1000);
    let requests: Vec<Vec<String>> = (0..count)
        .map(|i| {
            let mut args = vec!["SET".to_owned(), format!("{prefix}{i}"), value.clone()];
            args.extend(options.iter().map(ToString::to_string));
            args
        })
        .collect();
    let mut refused = 0;
    // In small batches: the queries themselves take memory, too.
    for batch in requests.chunks(50) {
        for reply in client.pipeline(batch) {
            match reply.error() {
                None => assert_eq!(reply, Value::ok()),
                Some(error) => {
                    assert_eq!(error, OOM);
                    refused += 1;
                }
            }
        }
    }
    refused
}

/// How many keys with this prefix there are.
fn count(client: &mut Client, prefix: &str) -> usize {
    client.call(&["KEYS", &format!("{prefix}*")]).items().len()
}

#[test]
fn without_eviction_writes_are_refused() {
    let (server, mut client) = start_full("noeviction", 3 << 20);
    client.run("SET before 1");
    client.run("HSET h f 1");
    let refused = fill(&mut client, "k", 10_000, &[]);
    let kept = count(&mut client, "k");
    assert!(refused > 0 && kept > 1000 && refused + kept == 10_000, "{refused} refused, {kept} kept");
    let oom = format!("(error) {OOM}");
    for line in [
        "SET x 1",
        "APPEND before 1",
        "INCR n",
        "MSET a 1 b 2",
        "HSET h g 1",
        "HINCRBY h f 1",
        "COPY before c",
    ] {
        assert_eq!(client.run(line), oom, "{line}");
    }
    // What needs no memory is served.
    assert_eq!(client.run("GET before"), "\"1\"");
    assert_eq!(client.run("EXPIRE before 100"), "(integer) 1");
    assert_eq!(client.run("HDEL h f"), "(integer) 1");
    assert_eq!(client.run("RENAME before after"), "OK");
    // A transaction is refused when it is queued, since the queue takes memory.
    assert_eq!(client.run("MULTI"), "OK");
    assert_eq!(client.run("GET after"), oom);
    assert_eq!(client.run("SET x 1"), oom);
    assert_eq!(client.run("EXEC"), "(error) EXECABORT Transaction discarded because of previous errors.");
    // And with room there is service.
    client.run("FLUSHALL");
    assert_eq!(client.run("SET x 1"), "OK");
    assert_eq!(info(&mut client, "evicted_keys"), 0);
    drop(server);
}

#[test]
fn all_keys_policies_make_room() {
    for policy in ["allkeys-lru", "allkeys-lfu", "allkeys-random"] {
        let (_server, mut client) = start_full(policy, 3 << 20);
        assert_eq!(fill(&mut client, "k", 12_000, &[]), 0, "{policy}");
        let kept = count(&mut client, "k");
        assert!((500..6_000).contains(&kept), "{policy} kept {kept}");
        assert!(
            info(&mut client, "evicted_keys") >= 12_000 - i64::try_from(kept).expect("it is small"),
            "{policy}"
        );
        let (used, limit) = (info(&mut client, "used_memory"), info(&mut client, "maxmemory"));
        assert!(used < limit + (1 << 20), "{policy}: {used} bytes used of {limit}");
    }
}

#[test]
fn lru_and_lfu_keep_what_is_used() {
    for policy in ["allkeys-lru", "allkeys-lfu"] {
        let (_server, mut client) = start_full(policy, 4 << 20);
        assert_eq!(fill(&mut client, "hot", 200, &[]), 0);
        let touch: Vec<Vec<String>> = (0..200).map(|i| vec!["GET".to_owned(), format!("hot{i}")]).collect();
        for round in 0..40 {
            // LRU clocks tick in seconds: what was used within the same one cannot be told apart. So use them over a while.
            std::thread::sleep(Duration::from_millis(250));
            client.pipeline(&touch);
            assert_eq!(fill(&mut client, &format!("cold{round}-"), 300, &[]), 0);
        }
        let (hot, cold) = (count(&mut client, "hot"), count(&mut client, "cold"));
        let (hot_share, cold_share) = (hot * 100 / 200, cold * 100 / 12_000);
        // Both are approximations from samples, in Redis as well.
        let kept = format!("{policy} kept {hot_share} % of the hot, {cold_share} % of the cold");
        assert!(hot_share > cold_share * 3 / 2 && cold_share < 60, "{kept}");
    }
}

#[test]
fn volatile_policies_spare_keys_without_a_time() {
    for policy in ["volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl"] {
        let (_server, mut client) = start_full(policy, 4 << 20);
        assert_eq!(fill(&mut client, "keep", 1000, &[]), 0, "{policy}");
        assert_eq!(fill(&mut client, "drop", 6000, &["EX", "10000"]), 0, "{policy}");
        assert_eq!(count(&mut client, "keep"), 1000, "{policy}");
        assert!(count(&mut client, "drop") < 5000, "{policy}");
        // With nothing left to evict it is as without eviction.
        let refused = fill(&mut client, "more", 6000, &[]);
        assert!(refused > 0, "{policy}");
        assert_eq!(count(&mut client, "keep"), 1000, "{policy}");
        assert_eq!(count(&mut client, "drop"), 0, "{policy}");
    }
}

#[test]
fn volatile_ttl_takes_the_shortest_first() {
    let (_server, mut client) = start_full("volatile-ttl", 4 << 20);
    assert_eq!(fill(&mut client, "long", 1000, &["EX", "100000"]), 0);
    assert_eq!(fill(&mut client, "short", 1000, &["EX", "100"]), 0);
    let mut round = 0;
    while count(&mut client, "short") > 200 {
        assert_eq!(fill(&mut client, &format!("more{round}-"), 100, &[]), 0);
        round += 1;
        assert!(round < 100, "nothing is evicted");
    }
    assert!(
        count(&mut client, "long") > 850,
        "of 1000 long ones only {} are left",
        count(&mut client, "long")
    );
}

#[test]
fn lowering_the_limit_evicts() {
    let (_server, mut client) = start_full("allkeys-random", 8 << 20);
    fill(&mut client, "k", 5000, &[]);
    let limit = info(&mut client, "maxmemory") - (5 << 20);
    assert_eq!(client.run(&format!("CONFIG SET maxmemory {limit}")), "OK");
    eventually("memory is below the new limit", Duration::from_secs(10), || {
        client.run("SET one-more v");
        info(&mut client, "used_memory") <= limit + (1 << 19)
    });
    assert!(count(&mut client, "k") < 5000);
}

#[test]
fn a_little_room_is_enough_in_any_database() {
    // What the server itself needs for its first keys must not eat up what a small limit leaves.
    for policy in ["allkeys-random", "volatile-ttl"] {
        let server = Server::start(&["--maxmemory-policy", policy]);
        let mut client = server.client();
        client.run("SELECT 9");
        let limit = info(&mut client, "used_memory") + 100 * 1024;
        client.run(&format!("CONFIG SET maxmemory {limit}"));
        for key in 0..3000 {
            assert_eq!(client.run(&format!("SET key:{key} x EX 1000")), "OK", "{policy}, key {key}");
        }
        assert!(info(&mut client, "used_memory") < limit + 4096, "{policy}");
        assert!((500..3000).contains(&client.int("DBSIZE")), "{policy}");
    }
}

#[test]
fn what_evictions_tell_does_not_evict() {
    let server =
        Server::start(&["--maxmemory-policy", "allkeys-lru", "--maxmemory-eviction-tenacity", "100"]);
    let mut client = server.client();
    let mut readers: Vec<Client> = (0..10).map(|_| server.client_speaking(Protocol::Resp3)).collect();
    readers.iter_mut().for_each(|reader| assert_eq!(reader.run("CLIENT TRACKING ON"), "OK"));
    for number in 0..300 {
        let key = format!("{number}{}", "x".repeat(1000));
        client.run(&format!("SET {key} v"));
        readers.iter_mut().for_each(|reader| assert_eq!(reader.run(&format!("GET {key}")), "\"v\""));
    }
    // Buffers of the readers are given back.
    std::thread::sleep(Duration::from_millis(200));
    let limit = info(&mut client, "used_memory") - 40_000;
    client.run(&format!("CONFIG SET maxmemory {limit}"));
    let left = client.int("DBSIZE");
    assert!(
        (200..290).contains(&left),
        "each eviction tells ten readers what it frees: {left} keys are left"
    );
}

#[test]
fn clients_leave_before_keys_do() {
    let server = Server::start(&["--maxmemory-policy", "allkeys-lru", "--maxmemory-clients", "3mb"]);
    let mut client = server.client();
    client.run("CLIENT NO-EVICT ON");
    for key in 0..50 {
        client.run(&format!("SETRANGE {key} 100000 x"));
    }
    let limit = info(&mut client, "used_memory") + (5 << 20);
    client.run(&format!("CONFIG SET maxmemory {limit}"));
    // They ask, and do not read.
    let mut deaf: Vec<Client> = (0..20).map(|_| server.client()).collect();
    let request = b"MGET 1\r\n".repeat(200);
    eventually("clients are evicted", Duration::from_secs(20), || {
        deaf.iter_mut().for_each(|client| drop(client.try_send_raw(&request)));
        info(&mut client, "evicted_clients") > 0
    });
    assert_eq!(info(&mut client, "evicted_keys"), 0);
    assert_eq!(client.int("DBSIZE"), 50);
}
