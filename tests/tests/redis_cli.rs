//! The real redis-cli and redis-benchmark, in the ways in which people use them.

use sandkey_tests::cli::{Terminal, cli, cli_with_input, command, run};
use sandkey_tests::client::encode_into;
use sandkey_tests::{Server, paths};
use std::process::Command;
use std::time::Duration;

#[test]
fn one_command_at_a_time() {
    let server = Server::start(&[]);
    assert_eq!(cli(&server, &["SET", "greeting", "hello world"]), "OK");
    assert_eq!(cli(&server, &["GET", "greeting"]), "hello world");
    assert_eq!(cli(&server, &["--no-raw", "GET", "greeting"]), "\"hello world\"");
    assert_eq!(cli(&server, &["-n", "3", "SET", "in3", "1"]), "OK");
    assert_eq!(cli(&server, &["--no-raw", "EXISTS", "in3"]), "(integer) 0");
    assert_eq!(cli(&server, &["-3", "--no-raw", "HGETALL", "missing"]), "(empty hash)");
    assert_eq!(cli(&server, &["HSET", "h", "f", "1", "g", "2"]), "2");
    assert_eq!(cli(&server, &["-3", "--json", "HGETALL", "h"]), "{\"f\":\"1\",\"g\":\"2\"}");
    assert_eq!(cli(&server, &["--csv", "HMGET", "h", "f", "g", "x"]), "\"1\",\"2\",NULL");
    assert_eq!(cli(&server, &["-r", "3", "INCR", "n"]), "1\n2\n3");
    let failed = run(&mut command(&server, &["-e", "HGET", "greeting", "f"]), b"", Duration::from_secs(10));
    assert_eq!(failed.code, 1);
    assert!(failed.stderr.contains("WRONGTYPE"), "{failed:?}");
}

#[test]
fn standard_input_can_be_an_argument_or_a_list_of_commands() {
    let server = Server::start(&[]);
    let bytes: Vec<u8> = (0..=255).collect();
    assert_eq!(cli_with_input(&server, &["-x", "SET", "bytes"], &bytes), "OK");
    assert_eq!(server.client().value("GET bytes").bytes(), Some(&bytes[..]));
    assert_eq!(
        cli_with_input(&server, &["-X", "here", "SET", "tagged", "here", "EX", "100"], b"value"),
        "OK"
    );
    assert_eq!(cli(&server, &["GET", "tagged"]), "value");
    let script = "SET a 1\nINCR a\n\nGET a\nNOSUCH\nPING\n";
    let printed = cli_with_input(&server, &[], script.as_bytes());
    assert_eq!(printed, "OK\n2\n2\nERR unknown command 'NOSUCH', with args beginning with: \n\nPONG");
}

#[test]
fn pipe_mode_inserts_in_bulk() {
    let server = Server::start(&[]);
    let mut input = Vec::new();
    for i in 0..20_000 {
        encode_into(&["SET", &format!("key:{i}"), &i.to_string()], &mut input);
    }
    encode_into(&["HGET", "key:1", "wrong type"], &mut input);
    let printed = cli_with_input(&server, &["--pipe"], &input);
    assert!(printed.contains("errors: 1, replies: 20001"), "{printed}");
    assert_eq!(cli(&server, &["DBSIZE"]), "20000");
    assert_eq!(cli(&server, &["GET", "key:19999"]), "19999");
}

fn fill(server: &Server) {
    let mut client = server.client();
    let requests: Vec<Vec<String>> = (0..3000)
        .map(|i| vec!["SET".to_owned(), format!("user:{i}"), "v".repeat(1 + i % 50)])
        .chain((0..200).map(|i| vec!["HSET".to_owned(), format!("hash:{i}"), "f".to_owned(), i.to_string()]))
        .collect();
    client.pipeline(&requests);
    client.call(&["SET", "the-largest", &"x".repeat(5000)]);
    client.call(&["HSET", "the-widest", "a", "1", "b", "2", "c", "3"]);
}

#[test]
fn scan_finds_every_key_once() {
    let server = Server::start(&[]);
    fill(&server);
    let sorted = |args: &[&str]| {
        let mut lines: Vec<String> = cli(&server, args).lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(&["--scan"]).len(), 3202);
    let mut users: Vec<String> =
        (0..3000).map(|i| format!("user:{i}")).filter(|k| k.contains("99")).collect();
    users.sort();
    assert_eq!(sorted(&["--scan", "--pattern", "user:*99*"]), users);
    assert_eq!(sorted(&["--scan", "--pattern", "hash:*"]).len(), 200);
}

#[test]
fn big_keys_and_memory_keys_are_found() {
    let server = Server::start(&[]);
    fill(&server);
    let printed = cli(&server, &["--bigkeys"]);
    assert!(
        printed.contains("Biggest string found") && printed.contains("'\"the-largest\"' has 5000 bytes"),
        "{printed}"
    );
    assert!(
        printed.contains("Biggest   hash found") && printed.contains("'\"the-widest\"' has 3 fields"),
        "{printed}"
    );
    assert!(printed.contains("Sampled 3202 keys in the keyspace!"), "{printed}");
    let printed = cli(&server, &["--memkeys"]);
    assert!(printed.contains("Biggest string found") && printed.contains("the-largest"), "{printed}");
    assert_eq!(cli(&server, &["CONFIG", "SET", "maxmemory-policy", "allkeys-lfu"]), "OK");
    let mut client = server.client();
    client.pipeline(&vec![vec!["GET", "user:7"]; 5000]);
    let printed = cli(&server, &["--hotkeys"]);
    assert!(printed.contains("hot key found with counter") && printed.contains("\"user:7\""), "{printed}");
}

#[test]
fn statistics_and_latency_are_shown() {
    let server = Server::start(&[]);
    fill(&server);
    // These two run until they are stopped.
    let mut screen = Terminal::redis_cli(&server, &["--stat", "-i", "0.05"]);
    screen.wait_for("------- data ------");
    screen.wait_for("3202");
    screen.wait_for("3202");
    let mut screen = Terminal::redis_cli(&server, &["--latency"]);
    screen.wait_for("min: ");
    screen.wait_for("samples)");
    // Without a terminal it measures for one second.
    let printed = cli(&server, &["--latency", "--csv", "-i", "1"]);
    assert_eq!(printed.split(',').count(), 4, "{printed}");
}

#[test]
fn at_a_terminal() {
    let server = Server::start(&[]);
    let mut screen = Terminal::redis_cli(&server, &[]);
    let prompt = format!("127.0.0.1:{}> ", server.port());
    screen.wait_for(&prompt);
    let ask = |screen: &mut Terminal, line: &str, reply: &str| {
        screen.type_keys(&format!("{line}\r"));
        screen.wait_for(reply);
    };
    ask(&mut screen, "set greeting \"hello world\"", "OK\r\n");
    ask(&mut screen, "get greeting", "\"hello world\"\r\n");
    // The server's COMMAND DOCS complete names and show arguments.
    screen.type_keys("hincrbyf\t");
    screen.wait_for("HINCRBYFLOAT");
    screen.type_keys(" h f 1.5\r");
    screen.wait_for("\"1.5\"\r\n");
    screen.type_keys("GETRANGE ");
    screen.wait_for("key start end");
    screen.type_keys("greeting 0 4\r");
    screen.wait_for("\"hello\"\r\n");
    ask(&mut screen, "help getrange", "GETRANGE\u{1b}[0m \u{1b}[90mkey start end");
    screen.wait_for("summary:");
    ask(&mut screen, "help @hash", "HGETALL\u{1b}[0m \u{1b}[90mkey");
    screen.wait_for(&prompt);
    // The prompt follows the connection.
    ask(&mut screen, "select 2", &format!("127.0.0.1:{}[2]> ", server.port()));
    ask(&mut screen, "multi", "(TX)> ");
    ask(&mut screen, "incr n", "QUEUED");
    ask(&mut screen, "exec", "1) (integer) 1");
    ask(&mut screen, "hello 3", "\"proto\" => (integer) 3");
    ask(&mut screen, "hgetall nothing", "(empty hash)");
    ask(&mut screen, "nosuch", "(error) ERR unknown command 'nosuch'");
    ask(&mut screen, "subscribe news", "(integer) 1");
    assert_eq!(server.client().run("PUBLISH news extra"), "(integer) 1");
    screen.wait_for("\"extra\"");
    drop(screen);
    let mut screen = Terminal::redis_cli(&server, &[]);
    screen.wait_for(&prompt);
    screen.type_keys("quit\r");
    assert_eq!(screen.wait_exit(), 0);
}

#[test]
fn monitor_and_subscribe_at_a_terminal() {
    let server = Server::start(&[]);
    let mut screen = Terminal::redis_cli(&server, &["monitor"]);
    screen.wait_for("OK");
    server.client().run("SET watched yes");
    screen.wait_for("\"SET\" \"watched\" \"yes\"");
    let mut screen = Terminal::redis_cli(&server, &["psubscribe", "a*"]);
    screen.wait_for("psubscribe");
    screen.wait_for("(integer) 1");
    server.client().run("PUBLISH abc hello");
    screen.wait_for("\"hello\"");
}

#[test]
fn redis_benchmark_runs() {
    let server = Server::start(&[]);
    let mut command = Command::new(paths::tool("redis-benchmark"));
    command.args(["-p", &server.port_text(), "-n", "5000", "-c", "20", "-P", "16", "-r", "1000", "-q"]);
    command.args(["-t", "ping_inline,ping_mbulk,set,get,incr,hset,mset"]);
    let output = run(&mut command, b"", Duration::from_secs(60));
    assert_eq!(output.code, 0, "{output:?}");
    for test in ["PING_INLINE", "PING_MBULK", "SET", "GET", "INCR", "HSET", "MSET (10 keys)"] {
        assert!(output.stdout.contains(&format!("{test}: ")), "{test}: {}", output.stdout);
    }
    assert!(!output.stderr.contains("Error"), "{}", output.stderr);
}
