//! CLIENT and its kin, where several connections are involved.

use sandkey_tests::{Client, Protocol, Server, Value, eventually};
use std::time::{Duration, Instant};

/// The lines of CLIENT LIST, with what was asked for.
fn list(client: &mut Client, rest: &str) -> Vec<String> {
    let text = client.value(&format!("CLIENT LIST{rest}")).text();
    text.lines().map(str::to_owned).collect()
}

/// A field of such a line.
fn field<'l>(line: &'l str, name: &str) -> &'l str {
    let mut words = line.split(' ');
    let found = words.find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    found.unwrap_or_else(|| panic!("{line} has no {name}"))
}

#[test]
fn the_list_shows_everybody() {
    let server = Server::start(&[]);
    let mut one = server.client();
    let mut two = server.client_speaking(Protocol::Resp3);
    let mut three = server.client();
    one.run("CLIENT SETNAME one");
    one.run("SELECT 5");
    two.run("CLIENT SETNAME two");
    three.run("CLIENT SETNAME three");
    three.run("SUBSCRIBE a");
    three.read_raw(0);
    three.send(&["PSUBSCRIBE", "b*", "c*"]);
    three.read();
    three.read();
    two.run("WATCH x y");
    two.run("MULTI");
    two.run("GET a");
    let lines = list(&mut one, "");
    assert_eq!(lines.len(), 3, "{lines:?}");
    let line =
        |name: &str| lines.iter().find(|l| field(l, "name") == name).expect("it is in the list").as_str();
    assert_eq!(field(line("one"), "db"), "5");
    assert_eq!(field(line("one"), "cmd"), "client|list");
    assert_eq!(field(line("one"), "flags"), "N");
    assert_eq!(field(line("two"), "resp"), "3");
    assert_eq!(field(line("two"), "multi"), "1");
    assert_eq!(field(line("two"), "flags"), "x");
    assert_eq!(field(line("three"), "sub"), "1");
    assert_eq!(field(line("three"), "psub"), "2");
    assert_eq!(field(line("three"), "flags"), "P");
    assert!(lines.iter().all(|l| field(l, "laddr") == server.address().to_string()));
    assert_eq!(list(&mut one, " TYPE pubsub").len(), 1);
    assert_eq!(list(&mut one, " TYPE normal").len(), 2);
    assert_eq!(list(&mut one, " TYPE replica").len(), 0);
    let id = field(line("three"), "id").to_owned();
    assert_eq!(list(&mut one, &format!(" ID {id} 999999")).len(), 1);
    drop((two, three));
    eventually("they are gone from the list", Duration::from_secs(5), || list(&mut one, "").len() == 1);
}

#[test]
fn kill_finds_its_victims() {
    let server = Server::start(&[]);
    let mut killer = server.client();
    let victim = || {
        let mut client = server.client();
        let line = client.value("CLIENT INFO").text();
        (client, field(&line, "addr").to_owned(), field(&line, "id").to_owned())
    };
    let (mut client, address, _) = victim();
    assert_eq!(killer.run(&format!("CLIENT KILL {address}")), "OK");
    client.expect_closed();
    let (mut client, address, _) = victim();
    assert_eq!(killer.run(&format!("CLIENT KILL ADDR {address}")), "(integer) 1");
    client.expect_closed();
    let (mut client, _, id) = victim();
    let (mut other, _, other_id) = victim();
    // The last of several of a kind counts.
    let line = format!("CLIENT KILL ID {other_id} TYPE pubsub TYPE normal USER default ID {id}");
    assert_eq!(killer.run(&line), "(integer) 1");
    client.expect_closed();
    assert_eq!(other.run("PING"), "PONG");
    let mut listener = server.client();
    listener.run("SUBSCRIBE a");
    assert_eq!(killer.run("CLIENT KILL TYPE pubsub"), "(integer) 1");
    listener.expect_closed();
    assert_eq!(killer.run(&format!("CLIENT KILL LADDR {}", server.address())), "(integer) 1");
    other.expect_closed();
    // Even itself, when it says so, and with the reply first.
    assert_eq!(killer.run("CLIENT KILL TYPE normal SKIPME no"), "(integer) 1");
    killer.expect_closed();
    // A pipeline ends where the connection does.
    let mut client = server.client();
    let id = client.int("CLIENT ID");
    client.send(&["CLIENT", "KILL", "ID", &id.to_string(), "SKIPME", "no"]);
    assert_eq!(client.read(), Value::Int(1));
    client.expect_closed();
}

#[test]
fn pause_holds_writes_back() {
    let server = Server::start(&[]);
    let mut boss = server.client();
    let mut client = server.client();
    boss.run("SET a 1");
    assert_eq!(boss.run("CLIENT PAUSE 30000 WRITE"), "OK");
    // Reading goes on.
    assert_eq!(client.run("GET a"), "\"1\"");
    client.send(&["SET", "a", "2"]);
    client.expect_silence(Duration::from_millis(200));
    assert_eq!(boss.run("GET a"), "\"1\"");
    assert_eq!(boss.run("CLIENT UNPAUSE"), "OK");
    assert_eq!(client.read(), Value::ok());
    // So does a transaction that reads; one that writes has to wait.
    assert_eq!(boss.run("CLIENT PAUSE 30000 WRITE"), "OK");
    assert_eq!(client.run("MULTI"), "OK");
    assert_eq!(client.run("GET a"), "QUEUED");
    assert_eq!(client.run("EXEC"), "1) \"2\"");
    for args in [&["MULTI"][..], &["SET", "a", "3"], &["EXEC"]] {
        client.send(args);
    }
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(boss.run("GET a"), "\"2\"");
    assert_eq!(boss.run("CLIENT UNPAUSE"), "OK");
    let replies: Vec<Value> = (0..3).map(|_| client.read()).collect();
    assert_eq!(replies[2], Value::Array(vec![Value::ok()]), "{replies:?}");
    // All commands, and it ends by itself.
    assert_eq!(boss.run("CLIENT PAUSE 300 ALL"), "OK");
    let begin = Instant::now();
    client.send(&["GET", "a"]);
    assert_eq!(client.read(), Value::bulk("3"));
    assert!(begin.elapsed() > Duration::from_millis(200), "{:?}", begin.elapsed());
}

#[test]
fn watch_holds_against_everybody() {
    let server = Server::start(&[]);
    let mut client = server.client();
    let mut other = server.client();
    // What others do between WATCH and EXEC, and whether it counts.
    let cases = [
        ("SET w 2", true),
        ("SET w 1", true),
        ("APPEND w \"\"", true),
        ("DEL w", true),
        ("UNLINK w", true),
        ("EXPIRE w 100", true),
        ("PERSIST w", false),
        ("GET w", false),
        ("TOUCH w", false),
        ("SET unrelated 1", false),
        ("SETNX w 5", false),
        ("RENAME w x", true),
        ("COPY unrelated w REPLACE", true),
        ("MOVE w 1", true),
        ("FLUSHDB", true),
        ("FLUSHALL", true),
        ("SWAPDB 0 2", true),
        ("INCR w", true),
        ("GETDEL w", true),
        ("GETEX w EX 100", true),
        ("GETEX w", false),
        ("MSETNX w 1 y 2", false),
    ];
    for (line, counts) in cases {
        client.run("FLUSHALL");
        client.run("MSET w 1 unrelated 1");
        client.run("WATCH w");
        other.run(line);
        client.run("MULTI");
        client.run("PING");
        let expected = if counts { "(nil)" } else { "1) PONG" };
        assert_eq!(client.run("EXEC"), expected, "{line}");
    }
    // UNWATCH, DISCARD, EXEC and RESET all end it.
    for end in ["UNWATCH", "MULTI|DISCARD", "MULTI|EXEC", "RESET"] {
        client.run("WATCH w");
        for line in end.split('|') {
            client.run(line);
        }
        other.run("INCR w");
        client.run("MULTI");
        client.run("PING");
        assert_eq!(client.run("EXEC"), "1) PONG", "{end}");
    }
}

#[test]
fn watch_makes_increments_exact() {
    let server = Server::start(&[]);
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let mut client = server.client();
            std::thread::spawn(move || {
                let mut done = 0;
                while done < 200 {
                    client.run("WATCH n");
                    let now: i64 = client.value("GET n").text().parse().unwrap_or(0);
                    client.run("MULTI");
                    client.call(&["SET", "n", &(now + 1).to_string()]);
                    if client.run("EXEC") != "(nil)" {
                        done += 1;
                    }
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().expect("the thread does not panic");
    }
    assert_eq!(server.client().run("GET n"), "\"800\"");
}

#[test]
fn transactions_are_not_interleaved() {
    let server = Server::start(&[]);
    // Two keys in different shards move together, and no reader sees one without the other.
    let threads: Vec<_> = (0..3)
        .map(|_| {
            let mut client = server.client();
            std::thread::spawn(move || {
                for _ in 0..500 {
                    let batch: Vec<Vec<&str>> = ["MULTI", "INCR left", "INCR right", "EXEC"]
                        .iter()
                        .map(|l| l.split(' ').collect())
                        .collect();
                    client.pipeline(&batch);
                }
            })
        })
        .collect();
    let mut reader = server.client();
    while threads.iter().any(|thread| !thread.is_finished()) {
        let pair = reader.value("MGET left right").items();
        assert_eq!(pair[0], pair[1]);
    }
    assert_eq!(reader.run("MGET left right"), "1) \"1500\"\n2) \"1500\"");
}

#[test]
fn nothing_expires_while_clients_are_paused() {
    let server = Server::start(&[]);
    let mut client = server.client();
    client.run("SET a 1 PX 30");
    assert_eq!(client.run("CLIENT PAUSE 30000 WRITE"), "OK");
    std::thread::sleep(Duration::from_millis(250));
    assert_eq!(client.run("GET a"), "(nil)");
    assert_eq!(client.run("SCAN 0"), "1) \"0\"\n2) (empty array)");
    assert_eq!(client.int("DBSIZE"), 1, "it is dead, and there");
    assert_eq!(client.run("CLIENT UNPAUSE"), "OK");
    eventually("it is gone", Duration::from_secs(5), || client.int("DBSIZE") == 0);
}

#[test]
fn a_reply_beyond_the_hard_limit_is_not_sent() {
    let server = Server::start(&["--client-output-buffer-limit", "normal 100000 0 0"]);
    let mut boss = server.client();
    boss.run("SETRANGE big 150000 x");
    boss.run("SETRANGE small 50000 x");
    let mut client = server.client();
    assert_eq!(client.value("GET small").text().len(), 50_001);
    client.send(&["GET", "big"]);
    client.expect_closed();
    assert_eq!(boss.info("client_output_buffer_limit_disconnections"), "1");
}

#[test]
fn a_reply_that_is_certain_to_pass_the_hard_limit_is_not_made() {
    let server = Server::start(&["--client-output-buffer-limit", "normal 1000000 0 0"]);
    let mut boss = server.client();
    boss.run("HSET h a b");
    boss.run("SADD s a");
    boss.run("ZADD z 1 a");
    for (i, command) in ["HRANDFIELD h", "SRANDMEMBER s", "ZRANDMEMBER z"].into_iter().enumerate() {
        let mut client = server.client();
        client.send_raw(format!("SET seen {i}\r\n{command} -999999999\r\nSET seen not\r\n").as_bytes());
        assert!(client.read_to_end().is_empty(), "{command}");
        assert_eq!(boss.run("GET seen"), format!("\"{i}\""));
        assert_eq!(boss.info("client_output_buffer_limit_disconnections"), (i + 1).to_string());
    }
    boss.run("CONFIG SET client-output-buffer-limit \"normal 0 0 0\"");
    assert_eq!(boss.run("HRANDFIELD h -999999999"), "(error) ERR value is out of range");
}

#[test]
fn the_list_tells_what_has_arrived_of_a_command() {
    let server = Server::start(&[]);
    let mut boss = server.client();
    let mut client = server.client();
    client.run("CLIENT SETNAME slow");
    let figures = |boss: &mut Client| -> [usize; 4] {
        let lines = list(boss, "");
        let line = lines.iter().find(|line| field(line, "name") == "slow").expect("it is connected");
        ["qbuf", "argv-mem", "qbuf-free", "tot-mem"].map(|name| field(line, name).parse().expect("a number"))
    };
    assert_eq!(figures(&mut boss)[..3], [0, 0, 0]);
    client.send_raw(b"*3\r\n$3\r\nSET\r\n$3\r\nkey\r\n$1000000\r\n");
    client.send_raw(&[b'x'; 300_000]);
    eventually("it has arrived", Duration::from_secs(5), || figures(&mut boss)[..2] == [300_000, 6]);
    let [_, _, free, total] = figures(&mut boss);
    assert!((700_000..800_000).contains(&free) && (1_000_000..1_100_000).contains(&total), "{free} {total}");
    client.send_raw(&[b'x'; 700_000]);
    client.send_raw(b"\r\n");
    assert_eq!(client.read().cli(), "OK");
    assert_eq!(boss.int("STRLEN key"), 1_000_000);
    assert_eq!(figures(&mut boss)[..3], [0, 0, 0]);
}

#[test]
fn who_sends_all_before_it_reads_is_served() {
    let server = Server::start(&[]);
    let mut client = server.client();
    client.run(&format!("SET k {}", "x".repeat(10_000)));
    // Far more than the sockets between us hold.
    const REQUESTS: usize = 6_000;
    client.send_raw(&b"*2\r\n$3\r\nGET\r\n$1\r\nk\r\n".repeat(REQUESTS));
    client.send_raw(b"*1\r\n$4\r\nPING\r\n");
    // All of it is executed while nobody reads.
    let mut other = server.client();
    eventually("the replies pile up", Duration::from_secs(20), || {
        let waiting = list(&mut other, "").iter().map(|line| field(line, "omem").parse().unwrap_or(0)).max();
        waiting.unwrap_or(0) > REQUESTS * 10_000 / 2
    });
    for _ in 0..REQUESTS {
        assert_eq!(client.read().text().len(), 10_000);
    }
    assert_eq!(client.read().text(), "PONG");
}

#[test]
fn a_long_command_costs_what_its_bytes_cost() {
    let server = Server::start(&[]);
    let (mut client, mut watch) = (server.client(), server.client());
    let mut cpu = || {
        let text = watch.value("INFO cpu").text();
        let used = |name| text.lines().find_map(|line: &str| line.strip_prefix(name)?.parse::<f64>().ok());
        used("used_cpu_user:")
            .zip(used("used_cpu_sys:"))
            .map(|(user, sys)| user + sys)
            .expect("both are told")
    };
    let mut cpu_of = |commands: usize, mb: usize| {
        let before = cpu();
        let value = vec![b'x'; mb << 20];
        for _ in 0..commands {
            client.send_raw(format!("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n${}\r\n", value.len()).as_bytes());
            client.send_raw(&value);
            client.send_raw(b"\r\n");
            assert_eq!(client.read(), Value::ok());
        }
        cpu() - before
    };
    let many = cpu_of(12, 16);
    let one = cpu_of(1, 192);
    // Were each piece put together with all before it, it would be ten times as much.
    assert!(one < many * 3.0, "{one} s for one of 192 MB, {many} s for 12 of 16 MB");
}
