//! Fields that expire: what files keep of them, what is told, and that nobody has to ask for them to go.

use sandkey_tests::{Client, Protocol, Server, Value, eventually};
use std::time::Duration;

const TIMES: &str = "HPEXPIRETIME h FIELDS 3 a b c";
const ARGS: [&str; 4] = ["--appendonly", "yes", "--enable-debug-command", "yes"];

fn fill(client: &mut Client) -> String {
    client.run("HSET h a 1 b 2 c 3");
    client.run("HPEXPIREAT h 4000000000123 FIELDS 1 a");
    client.run("HPEXPIREAT h 4000000000456 FIELDS 1 b");
    client.run(TIMES)
}

fn rewrite(client: &mut Client) {
    client.run("BGREWRITEAOF");
    client.await_rewrite();
}

#[test]
fn times_survive_every_kind_of_file() {
    for preamble in ["yes", "no"] {
        let mut server = Server::start(&[&ARGS[..], &["--aof-use-rdb-preamble", preamble]].concat());
        let mut client = server.client();
        let times = fill(&mut client);
        assert_eq!(client.run("DEBUG RELOAD"), "OK");
        assert_eq!(client.run(TIMES), times, "after a reload");
        let dump = client.value("DUMP h");
        client.call(&[&b"RESTORE"[..], b"h", b"0", dump.bytes().expect("it is there"), b"REPLACE"]);
        assert_eq!(client.run(TIMES), times, "after RESTORE");
        client.run("HSET soon x 1 y 2");
        client.run("HPEXPIRE soon 300 FIELDS 1 x");
        rewrite(&mut client);
        // What the base has is gone when what follows it is repeated.
        client.run("HINCRBY soon x 1");
        server.restart();
        let mut client = server.client();
        assert_eq!(client.run(TIMES), times, "after a restart, {preamble}");
        eventually("the field is gone", Duration::from_secs(30), || client.run("HKEYS soon") == "1) \"y\"");
    }
}

#[test]
fn nobody_has_to_ask() {
    let server = Server::start(&ARGS);
    let mut client = server.client();
    client.run("CONFIG SET notify-keyspace-events KEA");
    let mut listener = server.client_speaking(Protocol::Resp3);
    listener.send(&["SUBSCRIBE", "__keyspace@0__:h"]);
    listener.push();
    let next = |listener: &mut Client| listener.push().items().last().map(Value::text);
    let told = |listener: &mut Client, words: &[&str]| {
        for word in words {
            assert_eq!(next(listener).as_deref(), Some(*word));
        }
    };
    client.run("HSET h a 1 b 2 c 3");
    client.run("HPEXPIRE h 20 FIELDS 1 a");
    told(&mut listener, &["hset", "hexpire", "hexpired"]);
    client.run("HEXPIRE h 100 FIELDS 1 b");
    client.run("HPERSIST h FIELDS 1 b");
    client.run("HGETDEL h FIELDS 1 b");
    client.run("HGETEX h EX 100 FIELDS 1 c");
    client.run("HSETEX h EX 100 FIELDS 1 d 4");
    client.run("HEXPIRE h 0 FIELDS 1 d");
    told(&mut listener, &["hexpire", "hpersist", "hdel", "hexpire", "hset", "hexpire", "hdel"]);
    client.run("HPEXPIRE h 20 FIELDS 1 c");
    told(&mut listener, &["hexpire", "hexpired", "del"]);
    assert_eq!(client.run("DBSIZE"), "(integer) 0");
    // Those who watch it are told.
    client.run("HSET h a 1 b 1");
    client.run("HPEXPIRE h 20 FIELDS 1 a");
    client.run("WATCH h");
    eventually("the field is gone", Duration::from_secs(30), || client.run("HLEN h") == "(integer) 1");
    client.run("MULTI");
    assert_eq!(client.run("EXEC"), "(nil)");
}

/// More fields than one turn takes, with the same time and with one each.
#[test]
fn many_go_in_turns() {
    let server = Server::start(&[]);
    let mut client = server.client();
    for number in 0..5000 {
        let time = if number % 2 == 0 { 50 } else { 50 + number % 100 };
        client.run(&format!("HSETEX h PX {time} FIELDS 1 field:{number} x"));
    }
    eventually("all are gone", Duration::from_secs(30), || client.run("DBSIZE") == "(integer) 0");
    assert_eq!(client.run("EXISTS h"), "(integer) 0");
}
