//! Modules as their users see them: loading in every way, commands that are like any other, limits, unloading.
//! What a hostile module may try is in attacks.rs, and what is not loaded in refusals.rs.

use sandkey_tests::cli::{cli, cli_with_input};
use sandkey_tests::modules::{self, start_with};
use sandkey_tests::transcript::{Run, Transcript};
use sandkey_tests::{Client, Protocol, Server, Value, paths};
use std::time::{Duration, Instant};

fn transcript() -> Transcript {
    Transcript::load(&paths::workspace().join("tests/transcripts/modules/first-use.txt"))
}

#[test]
fn a_new_user_loads_uses_unloads_and_reloads() {
    if modules::skip() {
        return;
    }
    let dir = paths::modules().display().to_string();
    for protocol in Protocol::BOTH {
        let mut server = Server::start(&["--enable-module-command", "local"]);
        transcript().run_on(&mut server, protocol, Run::Fresh, &[("modules", &dir)]);
    }
}

#[test]
fn the_same_through_redis_cli() {
    if modules::skip() {
        return;
    }
    let dir = paths::modules().display().to_string();
    for protocol in Protocol::BOTH {
        let mut server = Server::start(&["--enable-module-command", "local"]);
        transcript().run_through_redis_cli(&mut server, protocol, &[("modules", &dir)]);
    }
}

#[test]
fn modules_are_loaded_at_start() {
    if modules::skip() {
        return;
    }
    let file = |name: &str| paths::module(name).display().to_string();
    let config = format!("loadmodule {}\nloadmodule {} INIT-LOGS\n", file("hello"), file("hostile"));
    let server = Server::start_with_file(&config, &["--loadmodule", &file("throttle")]);
    let mut client = server.client();
    assert_eq!(client.run("HELLO.GREET you"), "\"Hello, you!\"");
    let list = client.value("MODULE LIST").items();
    let names: Vec<String> = list.iter().filter_map(|entry| Some(entry.field("name")?.text())).collect();
    assert_eq!(names, ["hello", "hostile", "throttle"]);
    assert_eq!(list[1].field("args").map(|v| v.cli()).as_deref(), Some("1) \"INIT-LOGS\""));
    // HELLO tells of them, too.
    let told = client.hello(Protocol::Resp3).field("modules").map(|modules| modules.items().len());
    assert_eq!(told, Some(3));
    // A module that does not load stops the start, and says why.
    let refused = Server::refused(
        &paths::server(),
        &["--port", "0", "--save", "", "--loadmodule", &file("hostile"), "INIT-FAIL"],
    );
    assert_eq!(refused.status.code(), Some(1), "{}", refused.log);
    assert!(refused.log.contains("told to fail in init"), "{}", refused.log);
    let refused =
        Server::refused(&paths::server(), &["--port", "0", "--save", "", "--loadmodule", "/nowhere.wasm"]);
    assert_eq!(refused.status.code(), Some(1), "{}", refused.log);
    assert!(refused.log.contains("/nowhere.wasm"), "{}", refused.log);
}

#[test]
fn bytes_can_be_loaded_over_the_connection() {
    if modules::skip() {
        return;
    }
    let server = start_with(&[], &[]);
    let bytes = std::fs::read(paths::module("hello")).expect("the module can be read");
    assert_eq!(cli_with_input(&server, &["-x", "MODULE", "LOADBYTES", "mine"], &bytes), "OK");
    assert_eq!(cli(&server, &["HELLO.GREET", "you"]), "Hello, you!");
    let list = server.client().run("MODULE LIST");
    assert!(list.contains("\"hello\"") && list.contains("\"mine\""), "{list}");
    assert_eq!(cli(&server, &["MODULE", "UNLOAD", "hello"]), "OK");
    let refused = cli_with_input(&server, &["-x", "MODULE", "LOADBYTES", "mine"], b"hello\n");
    assert!(refused.ends_with("the file is not WebAssembly: it looks like text"), "{refused}");
    assert_eq!(server.client().run("MODULE LIST"), "(empty array)");
}

#[test]
fn the_module_command_can_be_forbidden() {
    if modules::skip() {
        return;
    }
    let file = paths::module("hello").display().to_string();
    let server = Server::start(&["--enable-module-command", "no", "--loadmodule", &file]);
    let mut client = server.client();
    for line in
        [format!("MODULE LOAD {file}"), format!("MODULE LOADEX {file}"), "MODULE UNLOAD hello".to_owned()]
    {
        let reply = client.run(&line);
        assert!(
            reply.starts_with(
                "(error) ERR MODULE command not allowed. If the enable-module-command option is set"
            ),
            "{reply}"
        );
    }
    // What was loaded at the start is there all the same.
    assert_eq!(client.run("HELLO.GREET you"), "\"Hello, you!\"");
}

#[test]
fn arguments_and_parameters_reach_the_module() {
    if modules::skip() {
        return;
    }
    let server = start_with(&[], &[]);
    let file = paths::module("hostile").display().to_string();
    let mut client = server.client();
    let refused = |client: &mut Client, rest: &str, why: &str| {
        let reply = client.run(&format!("MODULE LOADEX {file} {rest}"));
        assert!(reply.starts_with("(error) ERR ") && reply.contains(why), "{rest}: {reply}");
        assert_eq!(client.run("MODULE LIST"), "(empty array)", "{rest}");
        assert_eq!(client.run("CONFIG GET hostile.*").lines().count(), 1, "{rest}");
        assert!(client.run("HOSTILE.FINE k").starts_with("(error) ERR unknown command"), "{rest}");
    };
    refused(&mut client, "CONFIG hostile.refuse this", "I do not like this");
    refused(&mut client, "CONFIG hostile.loop yes", "fuel");
    refused(&mut client, "CONFIG hostile.trap yes", "unreachable");
    refused(&mut client, "CONFIG hostile.nosuch 1", "hostile.nosuch");
    refused(&mut client, "CONFIG hostile.loop maybe", "hostile.loop");
    refused(&mut client, "CONFIG hostile.loop", "");
    refused(&mut client, "ARGS NONSENSE", "unknown argument");
    assert_eq!(client.run(&format!("MODULE LOADEX {file} CONFIG hostile.loop no ARGS INIT-LOGS")), "OK");
    let parameters = client.value("CONFIG GET hostile.*").sorted(2).items();
    let parameters: Vec<String> = parameters.iter().map(Value::text).collect();
    assert_eq!(parameters, ["hostile.loop", "no", "hostile.refuse", "", "hostile.trap", "no"]);
    // Changing one later asks the module as well.
    let reply = client.run("CONFIG SET hostile.refuse that");
    assert!(
        reply.starts_with("(error) ERR CONFIG SET failed") && reply.contains("I do not like that"),
        "{reply}"
    );
    let reply = client.run("CONFIG SET hostile.trap yes");
    assert!(reply.starts_with("(error) ERR CONFIG SET failed"), "{reply}");
    let reply = client.run("CONFIG SET hostile.loop yes");
    assert!(reply.starts_with("(error) ERR CONFIG SET failed"), "{reply}");
    let after: Vec<String> =
        client.value("CONFIG GET hostile.*").sorted(2).items().iter().map(Value::text).collect();
    assert_eq!(after, parameters);
    assert_eq!(client.run("HOSTILE.FINE k"), "OK");
    assert_eq!(client.run("MODULE UNLOAD hostile"), "OK");
    assert!(client.value("CONFIG GET hostile.*").items().is_empty());
}

#[test]
fn module_commands_are_commands_like_any_other() {
    if modules::skip() {
        return;
    }
    let server = start_with(&["hello", "cas"], &["--slowlog-log-slower-than", "0"]);
    let mut client = server.client();
    // COMMAND INFO, with what follows from flags and key specs.
    let info = client.value("COMMAND INFO hello.count").items()[0].items();
    assert_eq!(info[0], Value::bulk("hello.count"));
    assert_eq!(info[1], Value::Int(-2));
    let flags: Vec<String> = info[2].items().iter().map(Value::text).collect();
    for flag in ["write", "denyoom", "fast", "module"] {
        assert!(flags.contains(&flag.to_owned()), "{flag} in {flags:?}");
    }
    assert_eq!(&info[3..6], [Value::Int(1), Value::Int(1), Value::Int(1)]);
    let docs = client.run("COMMAND DOCS hello.count");
    assert!(docs.contains("Count how often somebody was greeted"), "{docs}");
    assert_eq!(client.run("COMMAND GETKEYS CAS.MSET a 1 2 b 3 4"), "1) \"a\"\n2) \"b\"");
    // MONITOR and SLOWLOG show them, INFO counts them.
    let mut monitor = server.client();
    assert_eq!(monitor.run("MONITOR"), "OK");
    client.run("HELLO.COUNT n");
    let line = monitor.read().cli();
    assert!(line.ends_with("\"HELLO.COUNT\" \"n\""), "{line}");
    assert!(client.run("SLOWLOG GET 1").contains("\"HELLO.COUNT\""));
    let stats = client.run("INFO commandstats");
    assert!(stats.contains("cmdstat_hello.count:calls=1,"), "{stats}");
    // WATCH sees their writes.
    let mut other = server.client();
    client.run("WATCH n");
    other.run("HELLO.COUNT n");
    client.run("MULTI");
    client.run("GET n");
    assert_eq!(client.run("EXEC"), "(nil)");
    // maxmemory refuses those that are flagged denyoom.
    assert_eq!(client.run("CONFIG SET maxmemory 1"), "OK");
    assert_eq!(
        client.run("HELLO.COUNT n"),
        "(error) OOM command not allowed when used memory > 'maxmemory'."
    );
    assert_eq!(client.run("CAS.DEL n 2"), "(integer) 1");
    assert_eq!(client.run("HELLO.GREET you"), "\"Hello, you!\"");
    assert_eq!(client.run("CONFIG SET maxmemory 0"), "OK");
    // Expiry: what is dead is missing for a module, too.
    client.run("SET n 5 PX 20");
    std::thread::sleep(Duration::from_millis(40));
    assert_eq!(client.run("HELLO.COUNT n"), "(integer) 1");
    assert_eq!(client.run("TTL n"), "(integer) -1");
}

#[test]
fn many_clients_use_a_module_at_once() {
    if modules::skip() {
        return;
    }
    let server = start_with(&["hello", "bench"], &[]);
    let threads: Vec<_> = (0..8)
        .map(|i| {
            let mut client = server.client();
            std::thread::spawn(move || {
                let own = format!("own:{i}");
                let requests: Vec<Vec<&str>> = (0..2000)
                    .map(
                        |n| if n % 2 == 0 { vec!["HELLO.COUNT", "shared"] } else { vec!["BENCH.INCR", &own] },
                    )
                    .collect();
                client.pipeline(&requests).into_iter().filter(|reply| reply.int().is_none()).count()
            })
        })
        .collect();
    for thread in threads {
        assert_eq!(thread.join().expect("the thread does not panic"), 0);
    }
    let mut client = server.client();
    assert_eq!(client.run("GET shared"), "\"8000\"");
    assert_eq!(client.run("GET own:3"), "\"1000\"");
}

#[test]
fn replies_of_any_shape_arrive_in_both_protocols() {
    if modules::skip() {
        return;
    }
    let server = start_with(&["bench", "hostile"], &[]);
    let mut resp2 = server.client();
    let mut resp3 = server.client_speaking(Protocol::Resp3);
    assert_eq!(resp2.value("HOSTILE.GROW 1"), Value::Int(1));
    assert_eq!(resp3.value("HOSTILE.GROW 1"), Value::Bool(true));
    for client in [&mut resp2, &mut resp3] {
        assert_eq!(client.run("BENCH.NOP"), "OK");
        assert_eq!(client.run("BENCH.ECHO a \"\" \"\\x00\\r\\n\""), "1) \"a\"\n2) \"\"\n3) \"\\x00\\r\\n\"");
        assert_eq!(
            client.run("BENCH.NEST 2"),
            "1) 1) (integer) 0\n   2) \"0\"\n2) 1) (integer) 1\n   2) \"1\""
        );
        assert_eq!(client.run("BENCH.NEST 0"), "(empty array)");
        assert_eq!(client.value("BENCH.NEST 20000").items().len(), 20_000);
        assert_eq!(client.value("HOSTILE.HUGE 4").bytes().map(<[u8]>::len), Some(4 << 20));
    }
}

/// The sum is of 64 bits without a sign, so it may come as an integer or as text.
#[track_caller]
fn assert_spins(client: &mut Client, line: &str) {
    let reply = client.run(line);
    assert!(!reply.starts_with("(error)"), "{line}: {reply}");
}

#[test]
fn limits_can_be_seen_and_changed() {
    if modules::skip() {
        return;
    }
    let server = start_with(&["hostile", "bench"], &[]);
    let mut client = server.client();
    assert_spins(&mut client, "BENCH.SPIN 100000");
    assert_eq!(client.run("MODULE LIMITS bench FUEL 50000"), "OK");
    let reply = client.run("BENCH.SPIN 100000");
    assert!(
        reply.starts_with("(error) ERR module 'bench' command 'bench.spin' failed: ")
            && reply.contains("fuel"),
        "{reply}"
    );
    assert_eq!(client.run("MODULE LIMITS bench FUEL 100000000"), "OK");
    assert_spins(&mut client, "BENCH.SPIN 100000");
    // Sixteen pages are one mebibyte.
    assert_eq!(client.value("HOSTILE.GROW 160"), Value::Int(1));
    assert_eq!(client.run("MODULE LIMITS hostile MEMORY 4mb"), "OK");
    assert_eq!(client.value("HOSTILE.GROW 160"), Value::Int(0));
    assert_eq!(client.run("MODULE LIMITS hostile FUEL 20000000 MEMORY 64mb"), "OK");
    for wrong in
        ["nosuch FUEL 1", "bench FUEL", "bench FUEL x", "bench FUEL -1", "bench NOSUCH 1", "bench MEMORY x"]
    {
        let reply = client.run(&format!("MODULE LIMITS {wrong}"));
        assert!(reply.starts_with("(error) ERR "), "{wrong}: {reply}");
    }
    let seen = client.run("MODULE INSPECT hostile");
    assert!(seen.contains("20000000"), "{seen}");
}

#[test]
fn inspect_tells_what_a_module_is_and_did() {
    if modules::skip() {
        return;
    }
    let server = start_with(&["hostile", "hello"], &[]);
    for protocol in Protocol::BOTH {
        let mut client = server.client_speaking(protocol);
        client.run("HOSTILE.FINE k");
        client.run("HOSTILE.UNREACHABLE");
        let seen = client.run("MODULE INSPECT hostile");
        for word in [
            "hostile.loop",
            "lifecycle",
            "commands",
            "keyspace",
            "digest",
            "calls",
            "traps",
            "fuel",
            "memory",
            "throttled",
            "direct",
        ] {
            assert!(seen.to_lowercase().contains(word), "{word}:\n{seen}");
        }
        let digest =
            seen.split('"').find(|part| part.len() == 64 && part.bytes().all(|b| b.is_ascii_hexdigit()));
        assert!(digest.is_some(), "{seen}");
        let reply = client.run("MODULE INSPECT nosuch");
        assert!(reply.starts_with("(error) ERR "), "{reply}");
        let info = client.run("INFO modules");
        assert!(info.contains("hostile") && info.contains("hello"), "{info}");
    }
}

#[test]
fn a_module_beyond_its_rate_waits_and_nobody_else() {
    if modules::skip() {
        return;
    }
    let server = start_with(&["bench"], &[]);
    let mut client = server.client();
    assert_eq!(client.run("MODULE LIMITS bench RATE 10000000"), "OK");
    let mut greedy: Vec<Client> = (0..4).map(|_| server.client()).collect();
    let deadline = Instant::now() + Duration::from_secs(4);
    let threads: Vec<_> = greedy
        .drain(..)
        .map(|mut client| {
            std::thread::spawn(move || {
                let (mut served, mut throttled) = (0, 0);
                while Instant::now() < deadline {
                    let reply = client.run("BENCH.SPIN 1000000");
                    if reply.starts_with("(error) THROTTLED ") {
                        throttled += 1;
                    } else {
                        assert!(!reply.starts_with("(error)"), "{reply}");
                        served += 1;
                    }
                }
                (served, throttled)
            })
        })
        .collect();
    let mut slowest = Duration::ZERO;
    while Instant::now() < deadline {
        let begin = Instant::now();
        assert_eq!(client.run("GET nothing"), "(nil)");
        slowest = slowest.max(begin.elapsed());
        std::thread::sleep(Duration::from_millis(1));
    }
    let results: Vec<(usize, usize)> = threads.into_iter().map(|t| t.join().expect("no panic")).collect();
    let served: usize = results.iter().map(|(served, _)| served).sum();
    // A million rounds are some five million units of fuel: about two in a second, and a burst at first.
    assert!((2..60).contains(&served), "{results:?}");
    assert!(slowest < Duration::from_secs(1), "GET took {slowest:?} beside a throttled module");
    assert_eq!(client.run("MODULE LIMITS bench RATE 0"), "OK");
    assert_spins(&mut client, "BENCH.SPIN 1000000");
}

#[test]
fn a_module_can_be_unloaded_while_it_runs() {
    if modules::skip() {
        return;
    }
    let server = start_with(&["bench"], &[]);
    let mut client = server.client();
    assert_eq!(client.run("MODULE LIMITS bench FUEL 3000000000"), "OK");
    let mut busy = server.client();
    busy.send(&["BENCH.SPIN", "100000000"]);
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(client.run("MODULE UNLOAD bench"), "OK");
    let reply = busy.read().cli();
    assert!(!reply.is_empty());
    assert!(busy.run("BENCH.NOP").starts_with("(error) ERR unknown command"));
    assert_eq!(client.run(&format!("MODULE LOAD {}", paths::module("bench").display())), "OK");
    assert_eq!(busy.run("BENCH.NOP"), "OK");
    // Queued before it went, run after.
    assert_eq!(busy.run("MULTI"), "OK");
    assert_eq!(busy.run("BENCH.NOP"), "QUEUED");
    assert_eq!(client.run("MODULE UNLOAD bench"), "OK");
    let reply = busy.value("EXEC");
    assert_eq!(reply.items().len(), 1, "{reply:?}");
    for _ in 0..20 {
        assert_eq!(client.run(&format!("MODULE LOAD {}", paths::module("bench").display())), "OK");
        assert_eq!(busy.run("BENCH.NOP"), "OK");
        assert_eq!(client.run("MODULE UNLOAD bench"), "OK");
    }
}

#[test]
fn metrics_are_served_where_they_are_asked_for() {
    if modules::skip() {
        return;
    }
    use std::io::{Read, Write};
    let port = sandkey_tests::server::free_port();
    let server = start_with(&["hello"], &["--metrics-port", &port.to_string()]);
    server.client().run("HELLO.GREET you");
    let mut socket = std::net::TcpStream::connect(("127.0.0.1", port)).expect("the endpoint is there");
    socket.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").expect("it listens");
    let mut text = String::new();
    socket.read_to_string(&mut text).expect("it answers");
    assert!(text.starts_with("HTTP/1.1 200 OK\r\n"), "{text}");
    assert!(text.lines().any(|line| line.contains("module=\"hello\"")), "{text}");
    // Off by default: nothing but the server's port.
    let quiet = start_with(&[], &[]);
    assert_eq!(quiet.client().value("CONFIG GET metrics-port").field("metrics-port"), Some(Value::bulk("0")));
}

/// What is in a list and in a sorted set, and in which order.
fn collections(client: &mut Client) -> Vec<Value> {
    ["LRANGE l 0 -1", "ZRANGE z 0 -1 WITHSCORES", "PTTL l", "PTTL z"].map(|line| client.value(line)).into()
}

#[test]
fn lists_and_sorted_sets_change_as_a_whole_or_not_at_all_and_come_back() {
    if modules::skip() {
        return;
    }
    let server = start_with(&["hostile"], &["--appendonly", "yes", "--enable-debug-command", "local"]);
    let mut client = server.client();
    for before in [0, 3, 3000] {
        client.run("FLUSHALL");
        for n in 0..before {
            client.run(&format!("RPUSH l element-{n}-{}", "x".repeat(n % 40)));
            client.run(&format!("ZADD z {n} member-{n}"));
        }
        let untouched = collections(&mut client);
        assert_eq!(client.run("HOSTILE.COLLECTIONS l z yes"), "(error) ERR changed my mind");
        assert_eq!(collections(&mut client), untouched, "{before}");
        let seen = client.value("HOSTILE.COLLECTIONS l z").items();
        if before == 0 {
            let lines = include_str!("../golden/collections.txt").lines();
            assert_eq!(seen, lines.map(Value::bulk).collect::<Vec<_>>());
        }
        let changed = collections(&mut client);
        assert_ne!(changed, untouched);
        assert_eq!(client.run("HOSTILE.COLLECTIONS l z yes"), "(error) ERR changed my mind");
        assert_eq!(client.run("DEBUG LOADAOF"), "OK");
        assert_eq!(collections(&mut client), changed, "{before}");
    }
    client.run("SET s string");
    let wrong = "(error) WRONGTYPE Operation against a key holding the wrong kind of value";
    assert_eq!(client.run("HOSTILE.COLLECTIONS s z"), wrong);
    assert_eq!(client.run("HOSTILE.COLLECTIONS l s"), wrong);
}
