//! Client-side caching: who hears of a key that has changed, in which words, and in which place among its replies.

use sandkey_tests::{Client, Protocol, Server, Value, eventually};
use std::time::Duration;

/// `>2 invalidate [keys]`, in the words of `shown`.
fn invalidate(keys: &[&str]) -> Vec<Value> {
    let keys = keys.iter().map(Value::bulk).collect();
    vec![Value::bulk("invalidate"), Value::Array(keys)]
}

/// A message that came without being asked for.
fn pushed(client: &mut Client) -> Vec<Value> {
    client.push().items()
}

#[test]
fn readers_hear_of_a_change_once_and_the_writer_behind_its_reply() {
    let server = Server::start(&[]);
    let mut reader = server.client_speaking(Protocol::Resp3);
    let mut writer = server.client_speaking(Protocol::Resp3);
    for client in [&mut reader, &mut writer] {
        assert_eq!(client.run("CLIENT TRACKING ON"), "OK");
        // A key that is not there yet may come to be.
        client.run("MGET a b");
    }
    // One batch: the message stands between the two replies.
    writer.send_raw(b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n*1\r\n$4\r\nPING\r\n");
    assert_eq!(writer.read_raw(5), b"+OK\r\n");
    assert_eq!(writer.read_raw(32), b">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\na\r\n");
    assert_eq!(writer.read_raw(7), b"+PONG\r\n");
    assert_eq!(pushed(&mut reader), invalidate(&["a"]));
    writer.run("SET a 2");
    assert_eq!(writer.info("tracking_total_keys"), "1");
    reader.expect_silence(Duration::from_millis(100));
    // Nobody's copies are good for anything.
    writer.send(&["FLUSHDB"]);
    assert_eq!(writer.read_raw(5), b"+OK\r\n");
    assert_eq!(writer.read_raw(24), b">2\r\n$10\r\ninvalidate\r\n_\r\n");
    assert_eq!(pushed(&mut reader), [Value::bulk("invalidate"), Value::Null]);
}

#[test]
fn a_transaction_tells_behind_all_of_its_replies() {
    let server = Server::start(&[]);
    let mut client = server.client_speaking(Protocol::Resp3);
    for line in ["SET a 1", "CLIENT TRACKING ON", "GET a", "MULTI", "INCR a", "GET a"] {
        client.run(line);
    }
    client.send(&["EXEC"]);
    assert_eq!(client.read_raw(12), b"*2\r\n:2\r\n$1\r\n");
    assert_eq!(client.read_raw(3), b"2\r\n");
    assert_eq!(client.read_raw(32), b">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\na\r\n");
}

#[test]
fn another_connection_can_be_told() {
    let server = Server::start(&[]);
    let (mut reader, mut writer) = (server.client(), server.client());
    let mut listener = server.client();
    let id = listener.int("CLIENT ID");
    assert_eq!(reader.run(&format!("CLIENT TRACKING ON REDIRECT {id}")), "OK");
    assert_eq!(reader.int("CLIENT GETREDIR"), id);
    reader.run("GET a");
    writer.run("SET a 1");
    listener.expect_silence(Duration::from_millis(50));
    listener.run("SUBSCRIBE __redis__:invalidate");
    reader.run("GET a");
    writer.run("SET a 2");
    let expected =
        [Value::bulk("message"), Value::bulk("__redis__:invalidate"), invalidate(&["a"]).remove(1)];
    assert_eq!(listener.read().items(), expected);
    // Where it has gone, a client of RESP3 hears at least of that.
    reader.hello(Protocol::Resp3);
    reader.run("GET a");
    listener.run("QUIT");
    drop(listener);
    writer.run("SET a 3");
    assert_eq!(pushed(&mut reader), [Value::bulk("tracking-redir-broken"), Value::Int(id)]);
    let info = reader.value("CLIENT TRACKINGINFO");
    let flags = info.field("flags").expect("it is a map").items();
    assert_eq!(flags, [Value::bulk("on"), Value::bulk("broken_redirect")]);
}

#[test]
fn broadcasts_go_by_prefix() {
    let server = Server::start(&[]);
    let mut client = server.client_speaking(Protocol::Resp3);
    let mut writer = server.client();
    assert_eq!(client.run("CLIENT TRACKING ON BCAST PREFIX user: PREFIX item: NOLOOP"), "OK");
    writer.run("MSET user:1 a item:1 b other c user:2 d");
    assert_eq!(pushed(&mut client), invalidate(&["item:1"]));
    assert_eq!(pushed(&mut client), invalidate(&["user:1", "user:2"]));
    // What it does itself it knows; what expires it does not.
    client.run("SET user:3 x PX 30");
    client.run("SET user:4 x");
    assert_eq!(pushed(&mut client), invalidate(&["user:3"]));
    for (line, error) in [
        (
            "CLIENT TRACKING ON BCAST PREFIX us",
            "(error) ERR Prefix 'us' overlaps with an existing prefix 'user:'.",
        ),
        (
            "CLIENT TRACKING ON BCAST PREFIX a PREFIX ab",
            "(error) ERR Prefix 'a' overlaps with another provided prefix 'ab'.",
        ),
        ("CLIENT TRACKING ON", "(error) ERR You can't switch BCAST mode on/off before disabling tracking"),
    ] {
        assert!(client.run(line).starts_with(error), "{line}");
    }
    assert_eq!(client.run("RESET"), "RESET");
    client.hello(Protocol::Resp3);
    writer.run("SET user:1 b");
    client.expect_silence(Duration::from_millis(50));
}

#[test]
fn exceptions_hold_for_one_command() {
    let server = Server::start(&[]);
    let mut client = server.client_speaking(Protocol::Resp3);
    let mut writer = server.client();
    for (mode, word, remembered) in [("OPTIN", "YES", "a"), ("OPTOUT", "NO", "b")] {
        client.run("CLIENT TRACKING OFF");
        client.run(&format!("CLIENT TRACKING ON {mode}"));
        assert_eq!(client.run(&format!("CLIENT CACHING {word}")), "OK");
        client.run("GET a");
        client.run("GET b");
        writer.run("MSET a 1 b 1");
        assert_eq!(pushed(&mut client), invalidate(&[remembered]), "{mode}");
        client.expect_silence(Duration::from_millis(50));
    }
}

#[test]
fn the_table_is_limited() {
    let server = Server::start(&["--tracking-table-max-keys", "10"]);
    let mut client = server.client_speaking(Protocol::Resp3);
    client.run("CLIENT TRACKING ON");
    for key in 0..30 {
        assert_eq!(client.run(&format!("GET key:{key}")), "(nil)");
    }
    let mut told: Vec<Value> = (0..20).map(|_| pushed(&mut client).remove(1)).collect();
    told.dedup();
    assert_eq!(told.len(), 20, "each of them once: {told:?}");
    client.expect_silence(Duration::from_millis(250));
}

#[test]
fn clients_that_use_too_much_memory_leave() {
    let server = Server::start(&["--maxmemory-clients", "2mb"]);
    let mut boss = server.client();
    let mut hoarder = server.client();
    let mut kept = server.client();
    boss.run("CLIENT NO-EVICT ON");
    kept.run("CLIENT NO-EVICT ON");
    let half = vec![b'x'; 1_500_000];
    // What is announced costs nothing; what is sent does.
    for client in [&mut kept, &mut hoarder] {
        client.send_raw(b"*2\r\n$4\r\nECHO\r\n$3000000\r\n");
        let _ = client.try_send_raw(&half);
    }
    hoarder.expect_closed();
    eventually("the others are left", Duration::from_secs(5), || {
        boss.value("CLIENT LIST").text().lines().count() == 2
    });
    let _ = kept.try_send_raw(&half);
    kept.send_raw(b"\r\n");
    assert_eq!(kept.read().text().len(), 3_000_000);
    assert_eq!(boss.info("evicted_clients"), "1");
}
