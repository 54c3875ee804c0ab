//! Commands that wait: who is served, in which order, with what, and what ends a wait otherwise.

use std::time::{Duration, Instant};

use sandkey_tests::{Client, Peer, Protocol, Server, Value, eventually};

/// A client whose command waits by now.
fn waiting(server: &Server, control: &mut Client, args: &[&str]) -> Client {
    waiting_as(server.client(), control, args)
}

fn waiting_as(mut client: Client, control: &mut Client, args: &[&str]) -> Client {
    let before = control.info_int("blocked_clients");
    client.send(args);
    eventually("the client waits", Duration::from_secs(5), || {
        control.info_int("blocked_clients") == before + 1
    });
    client
}

fn texts(value: &Value) -> Vec<String> {
    value.items().iter().map(Value::text).collect()
}

#[test]
fn first_come_first_served() {
    let server = Server::start(&[]);
    let mut control = server.client();
    let mut clients: Vec<Client> =
        (0..5).map(|_| waiting(&server, &mut control, &["BLPOP", "other", "queue", "0"])).collect();
    assert_eq!(control.int("RPUSH queue 0 1 2"), 3);
    assert_eq!(control.int("EXISTS queue"), 0, "it was handed out before the reply");
    for (n, client) in clients.iter_mut().take(3).enumerate() {
        assert_eq!(texts(&client.read()), ["queue".to_owned(), n.to_string()]);
    }
    assert_eq!(control.info_int("blocked_clients"), 2);
    assert_eq!(control.int("RPUSH other 3"), 1);
    assert_eq!(texts(&clients[3].read()), ["other", "3"]);
    clients[4].expect_silence(Duration::from_millis(50));
}

/// The keys lie in different shards, which the writer has not locked.
#[test]
fn elements_travel_through_many_lists() {
    let server = Server::start(&[]);
    let mut control = server.client();
    let mut movers: Vec<Client> = (0..20)
        .map(|n| {
            let (from, to) = (format!("list:{n}"), format!("list:{}", n + 1));
            waiting(&server, &mut control, &["BLMOVE", &from, &to, "LEFT", "RIGHT", "0"])
        })
        .collect();
    assert_eq!(control.int("RPUSH list:0 element"), 1);
    for mover in &mut movers {
        assert_eq!(mover.read().text(), "element");
    }
    assert_eq!(texts(&control.value("LRANGE list:20 0 -1")), ["element"]);
    assert_eq!(control.int("DBSIZE"), 1);
}

#[test]
fn what_is_pushed_and_taken_in_one_transaction_is_nobodys() {
    let server = Server::start(&[]);
    let mut control = server.client();
    let mut client = waiting(&server, &mut control, &["BLPOP", "a", "b", "0"]);
    for line in ["MULTI", "RPUSH a 1", "DEL a", "RPUSH b x y", "LPOP b"] {
        control.run(line);
    }
    control.value("EXEC");
    assert_eq!(texts(&client.read()), ["b", "y"]);
}

/// A value of another type is not what it waits for; nor is a key of another database.
#[test]
fn only_a_list_will_do() {
    let server = Server::start(&[]);
    let mut control = server.client();
    let mut client = waiting(&server, &mut control, &["BRPOP", "key", "0"]);
    for line in
        ["SET key x", "DEL key", "HSET key f v", "SELECT 1", "RPUSH key elsewhere", "SELECT 0", "DEL key"]
    {
        control.run(line);
    }
    client.expect_silence(Duration::from_millis(50));
    control.run("RPUSH made 1 2");
    control.run("RENAME made key");
    assert_eq!(texts(&client.read()), ["key", "2"]);
    let mut client = waiting(&server, &mut control, &["BRPOP", "key2", "0"]);
    control.run("COPY key key2");
    assert_eq!(texts(&client.read()), ["key2", "1"]);
    let mut client = waiting(&server, &mut control, &["BRPOP", "swapped", "0"]);
    control.run("SELECT 1");
    control.run("RPUSH swapped there");
    control.run("SWAPDB 0 1");
    assert_eq!(texts(&client.read()), ["swapped", "there"]);
}

#[test]
fn a_wait_ends_in_many_ways() {
    let server = Server::start(&[]);
    let mut control = server.client();
    for protocol in Protocol::BOTH {
        let began = Instant::now();
        let mut client = server.client_speaking(protocol);
        client.send(&["BLPOP", "nothing", "0.2"]);
        assert!(client.read().is_null(), "its time is over");
        assert!(began.elapsed() >= Duration::from_millis(200));
    }
    let mut client = server.client();
    let id = client.int("CLIENT ID");
    let mut client = waiting_as(client, &mut control, &["BLPOP", "nothing", "0"]);
    assert_eq!(control.int(&format!("CLIENT UNBLOCK {id}")), 1);
    assert!(client.read().is_null());
    assert_eq!(control.int(&format!("CLIENT UNBLOCK {id}")), 0);
    let mut client = waiting_as(client, &mut control, &["BLPOP", "nothing", "0"]);
    assert_eq!(control.int(&format!("CLIENT UNBLOCK {id} ERROR")), 1);
    assert_eq!(client.read(), Value::Error("UNBLOCKED client unblocked via CLIENT UNBLOCK".into()));
    let mut client = waiting_as(client, &mut control, &["BLPOP", "nothing", "0"]);
    assert_eq!(control.int(&format!("CLIENT KILL ID {id}")), 1);
    client.expect_closed();
    eventually("it has left the queue", Duration::from_secs(5), || control.info_int("blocked_clients") == 0);
    drop(waiting(&server, &mut control, &["BLPOP", "nothing", "0"]));
    eventually("who hangs up waits no more", Duration::from_secs(5), || {
        control.info_int("blocked_clients") == 0
    });
    assert_eq!(control.int("RPUSH nothing 1"), 1);
    assert_eq!(control.int("LLEN nothing"), 1, "nobody is left to take it");
}

/// What a client sends while it waits is executed afterwards, in order.
#[test]
fn a_pipeline_goes_on_behind_a_wait() {
    let server = Server::start(&[]);
    let mut control = server.client();
    let mut client = server.client();
    client.send_raw(b"SET a 1\r\nBLPOP queue 0\r\nINCR a\r\n");
    assert_eq!(client.read().text(), "OK", "what came before the wait is answered at once");
    eventually("the client waits", Duration::from_secs(5), || control.info_int("blocked_clients") == 1);
    client.send_raw(b"INCR a\r\nINC");
    assert_eq!(control.value("GET a").text(), "1");
    control.run("RPUSH queue x");
    assert_eq!(texts(&client.read()), ["queue", "x"]);
    client.send_raw(b"R a\r\n");
    assert_eq!([client.read(), client.read(), client.read()], [Value::Int(2), Value::Int(3), Value::Int(4)]);
}

/// Many producers, many consumers on several keys: nothing is lost, nothing comes twice.
#[test]
fn every_element_is_delivered_once() {
    const PRODUCERS: usize = 4;
    const EACH: usize = 500;
    let server = Server::start(&[]);
    let server = &server;
    let mut seen: Vec<String> = std::thread::scope(|scope| {
        let consumers: Vec<_> = (0..6)
            .map(|_| {
                scope.spawn(move || {
                    let (mut client, mut got) = (server.client(), Vec::new());
                    loop {
                        let answer = client.call(&["BLPOP", "q1", "q2", "q3", "1"]);
                        if answer.is_null() {
                            return got;
                        }
                        got.push(answer.items()[1].text());
                    }
                })
            })
            .collect();
        for producer in 0..PRODUCERS {
            scope.spawn(move || {
                let mut client = server.client();
                for n in 0..EACH {
                    let key = format!("q{}", n % 3 + 1);
                    client.call(&["RPUSH", &key, &format!("{producer}:{n}")]);
                }
            });
        }
        consumers.into_iter().flat_map(|consumer| consumer.join().expect("it ends")).collect()
    });
    let count = seen.len();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!((count, seen.len()), (PRODUCERS * EACH, PRODUCERS * EACH));
}

/// What somebody was served with is in the file like any other change.
#[test]
fn what_was_delivered_does_not_come_back() {
    let args = ["--appendonly", "yes", "--appendfsync", "always", "--enable-debug-command", "yes"];
    let mut server = Server::start(&args);
    let mut control = server.client();
    let mut first = waiting(&server, &mut control, &["BLPOP", "queue", "0"]);
    let mut second = waiting(&server, &mut control, &["BLMOVE", "queue", "done", "RIGHT", "LEFT", "0"]);
    let mut third = waiting(&server, &mut control, &["BLMPOP", "0", "1", "queue", "LEFT", "COUNT", "2"]);
    control.run("RPUSH queue 1 2 3 4 5");
    assert_eq!(texts(&first.read()), ["queue", "1"]);
    assert_eq!(second.read().text(), "5");
    assert_eq!(texts(&third.read().items()[1]), ["2", "3"]);
    let before = control.value("DEBUG DIGEST").text();
    server.kill9();
    server.restart();
    let mut control = server.client();
    assert_eq!(control.value("DEBUG DIGEST").text(), before);
    assert_eq!(texts(&control.value("LRANGE queue 0 -1")), ["4"]);
    assert_eq!(texts(&control.value("LRANGE done 0 -1")), ["5"]);
}

#[test]
fn the_disk_can_be_waited_for() {
    let server = Server::start(&["--appendonly", "yes"]);
    let mut client = server.client();
    client.run("SET a 1");
    assert_eq!(client.run("WAITAOF 1 0 0"), "1) (integer) 1\n2) (integer) 0");
    let began = Instant::now();
    assert_eq!(client.run("WAITAOF 1 1 200"), "1) (integer) 1\n2) (integer) 0", "there are no replicas");
    assert!(began.elapsed() >= Duration::from_millis(200));
    let server = Server::start(&[]);
    let error = server.client().run("WAITAOF 1 0 0");
    assert!(error.contains("appendonly is disabled"), "{error}");
    assert_eq!(server.client().run("WAITAOF 0 0 0"), "1) (integer) 0\n2) (integer) 0");
}

/// The order in which two servers serve, and what they answer.
#[test]
fn redis_serves_in_the_same_order() {
    let script = |server: &Server| {
        let mut control = server.client();
        let mut clients = Vec::new();
        for args in [
            &["BLPOP", "a", "b", "0"][..],
            &["BRPOP", "b", "a", "0"],
            &["BLMPOP", "0", "2", "b", "a", "RIGHT", "COUNT", "3"],
            &["BRPOPLPUSH", "b", "a", "0"],
            &["BLPOP", "a", "0"],
        ] {
            clients.push(waiting(server, &mut control, args));
        }
        control.run("RPUSH b 1 2 3 4 5 6 7");
        let answers: Vec<String> = clients.iter_mut().map(|client| format!("{:?}", client.read())).collect();
        (answers, control.run("LRANGE b 0 -1"), control.run("EXISTS a"))
    };
    assert_eq!(script(&Server::start(&[])), script(&Peer::redis(&[])));
}

/// In RESP2 there are two nulls, and who waits in vain hears another than who may not wait.
#[test]
fn redis_says_the_same_null() {
    let script = |server: &Server| {
        let mut client = server.client();
        let requests = ["BLMOVE a b LEFT LEFT 0.01", "BRPOPLPUSH a b 0.01", "BLPOP a 0.01"];
        let mut nulls: Vec<_> = requests.iter().map(|request| client.value(request)).collect();
        client.run("MULTI");
        requests.iter().for_each(|request| _ = client.run(request));
        nulls.push(client.value("EXEC"));
        nulls
    };
    assert_eq!(script(&Server::start(&[])), script(&Peer::redis(&[])));
}
