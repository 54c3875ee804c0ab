//! WASI, closed: everything that a language's runtime asks for at its start is there and empty, and nothing waits.
//!
//! Commands of the server run inside of a tokio runtime, where waiting on another one panics; so do some of these.

mod support;

use std::time::{Duration, Instant};

use sandkey_runtime::{Argv, Limits, Module, Reply, TrapCause};
use support::guest::contract;
use support::{FUEL, Guest, TestHost, Values, calling, engine, put, reply, reply_bytes, run};

/// What the guests here import of WASI; the parts that matter, worded as WASI words them.
const WASI: &[&str] = &[
    "package wasi:io@0.2.3;
     interface error { resource error; }
     interface poll { resource pollable { ready: func() -> bool; block: func(); } poll: func(in: list<borrow<pollable>>) -> list<u32>; }
     interface streams {
        use error.{error}; use poll.{pollable};
        variant stream-error { last-operation-failed(error), closed }
        resource input-stream { blocking-read: func(len: u64) -> result<list<u8>, stream-error>; }
        resource output-stream { blocking-write-and-flush: func(contents: list<u8>) -> result<_, stream-error>; }
     }",
    "package wasi:cli@0.2.3;
     interface stdin { use wasi:io/streams@0.2.3.{input-stream}; get-stdin: func() -> input-stream; }
     interface stdout { use wasi:io/streams@0.2.3.{output-stream}; get-stdout: func() -> output-stream; }
     interface environment { get-environment: func() -> list<tuple<string, string>>; get-arguments: func() -> list<string>; }
     interface exit { exit: func(status: result); }",
    "package wasi:clocks@0.2.3;
     interface monotonic-clock {
        use wasi:io/poll@0.2.3.{pollable};
        type instant = u64; type duration = u64;
        now: func() -> instant;
        subscribe-duration: func(when: duration) -> pollable;
     }
     interface wall-clock { record datetime { seconds: u64, nanoseconds: u32 } now: func() -> datetime; }",
    "package wasi:random@0.2.3;
     interface random { get-random-bytes: func(len: u64) -> list<u8>; get-random-u64: func() -> u64; }
     interface insecure-seed { insecure-seed: func() -> tuple<u64, u64>; }",
    "package wasi:filesystem@0.2.3;
     interface types { resource descriptor; }
     interface preopens { use types.{descriptor}; get-directories: func() -> list<tuple<descriptor, string>>; }",
    "package wasi:sockets@0.2.3;
     interface network {
        resource network;
        enum error-code { unknown, access-denied, not-supported, invalid-argument, out-of-memory, timeout, concurrency-conflict,
            not-in-progress, would-block, invalid-state, new-socket-limit, address-not-bindable, address-in-use,
            remote-unreachable, connection-refused, connection-reset, connection-aborted, datagram-too-large,
            name-unresolvable, temporary-resolver-failure, permanent-resolver-failure }
        enum ip-address-family { ipv4, ipv6 }
     }
     interface instance-network { use network.{network}; instance-network: func() -> network; }
     interface tcp { resource tcp-socket; }
     interface tcp-create-socket {
        use network.{error-code, ip-address-family}; use tcp.{tcp-socket};
        create-tcp-socket: func(address-family: ip-address-family) -> result<tcp-socket, error-code>;
     }",
];

/// Load a guest whose world has WASI too.
fn load(guest: &Guest) -> Module {
    let (mut resolve, _) = contract();
    for package in WASI {
        resolve.push_str("wasi.wit", package).unwrap_or_else(|error| panic!("{error:#}"));
    }
    let base = if guest.values.is_some() { "data-module" } else { "module" };
    let world = "package test:guest;
        world module {
            include sandkey:module/BASE@0.1.0;
            import wasi:io/poll@0.2.3; import wasi:io/streams@0.2.3; import wasi:cli/stdin@0.2.3;
            import wasi:cli/stdout@0.2.3; import wasi:cli/environment@0.2.3; import wasi:cli/exit@0.2.3;
            import wasi:clocks/monotonic-clock@0.2.3; import wasi:clocks/wall-clock@0.2.3;
            import wasi:random/random@0.2.3; import wasi:random/insecure-seed@0.2.3;
            import wasi:filesystem/preopens@0.2.3; import wasi:sockets/instance-network@0.2.3;
            import wasi:sockets/tcp-create-socket@0.2.3;
        }"
    .replace("BASE", base);
    let package = resolve.push_str("world.wit", &world).unwrap_or_else(|error| panic!("{error:#}"));
    let wasm = support::guest::embed(&guest.text(), &(resolve, package), "module");
    engine().load(&wasm).unwrap_or_else(|error| panic!("{error}"))
}

fn import(interface: &str, function: &str, name: &str, signature: &str) -> String {
    format!(r#"(import "wasi:{interface}@0.2.3" "{function}" (func ${name} {signature}))"#)
}

fn guest(imports: &[String], call: &str) -> Guest {
    Guest { fields: imports.concat(), ..calling(call) }
}

/// Run the guest's command inside of a runtime like a worker's.
fn answer(guest: &Guest, host: &mut TestHost) -> Result<Reply, TrapCause> {
    let module = load(guest);
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime starts");
    runtime.block_on(async {
        let made = module.instantiate(&Limits::default(), Argv::EMPTY, host, None);
        let (mut instance, _) = made.unwrap_or_else(|error| panic!("{error}"));
        let outcome = run(&mut instance, host, &[b"test.run"]);
        assert!(outcome.fuel_used > 100, "WASI's functions are not free");
        outcome
            .result
            .map(|reply| reply.expect("no guest here answers with an error"))
            .map_err(|trap| trap.cause)
    })
}

fn integer(instructions: &str) -> String {
    reply(2, &format!("(i64.store (i32.const 1040) {instructions})"))
}

#[test]
fn a_language_may_seed_its_tables_while_it_makes_an_object() {
    let draw = "(return (call $draw))";
    let guest = Guest {
        state: 2,
        types: vec![("test-typ0", 1)],
        values: Some(Values { memory_usage: draw.into(), ..Values::default() }),
        ..guest(&[import("random/random", "get-random-u64", "draw", "(result i64)")], "")
    };
    let mut host = TestHost { random: 41, ..TestHost::default() };
    let made = load(&guest).instantiate(&Limits::default(), Argv::EMPTY, &mut host, None);
    let (mut instance, _) = made.unwrap_or_else(|error| panic!("{error}"));
    let outcome = instance.value_memory(&mut host, 0, 1, FUEL);
    assert_eq!(outcome.result, Ok(42));
    assert!(outcome.fuel_used > 100, "WASI's functions are not free");
}

#[test]
fn a_sleep_is_over_at_once() {
    let guest = guest(
        &[
            import("clocks/monotonic-clock", "subscribe-duration", "sleep", "(param i64) (result i32)"),
            import("io/poll", "[method]pollable.block", "block", "(param i32)"),
            import("io/poll", "poll", "poll", "(param i32 i32 i32)"),
            import("io/poll", "[resource-drop]pollable", "drop", "(param i32)"),
            import("clocks/monotonic-clock", "now", "now", "(result i64)"),
        ],
        &format!(
            "(local.set $n (call $sleep (i64.const 3600000000000))) (call $block (local.get $n))
             (i32.store (i32.const 800) (local.get $n)) (call $poll (i32.const 800) (i32.const 1) (i32.const 808))
             (call $drop (local.get $n)) {}",
            integer("(call $now)")
        ),
    );
    let begin = Instant::now();
    let mut host = TestHost { now_us: 5_000_001, ..TestHost::default() };
    assert_eq!(answer(&guest, &mut host), Ok(Reply::Integer(5_000_001_000)), "the clock stands");
    assert!(begin.elapsed() < Duration::from_secs(30));
}

#[test]
fn the_wall_clock_is_the_commands_time() {
    let guest = guest(
        &[import("clocks/wall-clock", "now", "now", "(param i32)")],
        &format!(
            "(call $now (i32.const 800)) {}",
            integer(
                "(i64.add (i64.mul (i64.load (i32.const 800)) (i64.const 10000000000)) (i64.load32_u (i32.const 808)))"
            )
        ),
    );
    let mut host = TestHost { now_us: 12_345_678, ..TestHost::default() };
    assert_eq!(answer(&guest, &mut host), Ok(Reply::Integer(12 * 10_000_000_000 + 345_678_000)));
}

#[test]
fn random_numbers_are_the_commands() {
    let guest = guest(
        &[
            import("random/random", "get-random-u64", "number", "(result i64)"),
            import("random/random", "get-random-bytes", "bytes", "(param i64 i32)"),
            import("random/insecure-seed", "insecure-seed", "seed", "(param i32)"),
        ],
        &format!(
            "(drop (call $number)) (call $seed (i32.const 816)) (call $bytes (i64.const 9) (i32.const 800)) {}",
            reply_bytes(6, "(i32.load (i32.const 800))", "(i32.load (i32.const 804))")
        ),
    );
    let mut host = TestHost { random: 6, ..TestHost::default() };
    let bytes = vec![10, 0, 0, 0, 0, 0, 0, 0, 11];
    assert_eq!(answer(&guest, &mut host), Ok(Reply::Bulk(bytes)));
}

#[test]
fn output_becomes_lines_of_the_log() {
    let guest = guest(
        &[
            import("cli/stdout", "get-stdout", "stdout", "(result i32)"),
            import("io/streams", "[method]output-stream.blocking-write-and-flush", "write", "(param i32 i32 i32 i32)"),
            import("io/streams", "[resource-drop]output-stream", "drop", "(param i32)"),
        ],
        &format!(
            "{} (local.set $n (call $stdout))
             (call $write (local.get $n) (i32.const 500) (i32.const 3) (i32.const 800))
             (call $write (local.get $n) (i32.const 503) (i32.const 5) (i32.const 800)) (call $drop (local.get $n)) {}",
            put(500, b"hello\n12"),
            reply(0, "")
        ),
    );
    let mut host = TestHost::default();
    assert_eq!(answer(&guest, &mut host), Ok(Reply::Ok));
    assert_eq!(host.lines, ["notice hello", "notice 12"], "whole lines, and the rest at the end");
}

#[test]
fn there_is_nothing_to_find() {
    // Environment, arguments and directories are empty lists; input has ended; a socket is denied.
    let guest = guest(
        &[
            import("cli/environment", "get-environment", "environment", "(param i32)"),
            import("cli/environment", "get-arguments", "arguments", "(param i32)"),
            import("filesystem/preopens", "get-directories", "directories", "(param i32)"),
            import("cli/stdin", "get-stdin", "stdin", "(result i32)"),
            import("io/streams", "[method]input-stream.blocking-read", "read", "(param i32 i64 i32)"),
            import("sockets/instance-network", "instance-network", "network", "(result i32)"),
            import("sockets/tcp-create-socket", "create-tcp-socket", "socket", "(param i32 i32)"),
        ],
        &format!(
            "(call $environment (i32.const 800)) (call $arguments (i32.const 808)) (call $directories (i32.const 816))
             (call $read (call $stdin) (i64.const 10) (i32.const 832)) (drop (call $network))
             (call $socket (i32.const 0) (i32.const 860)) {}",
            reply_bytes(6, "(i32.const 800)", "(i32.const 68)")
        ),
    );
    let Ok(Reply::Bulk(found)) = answer(&guest, &mut TestHost::default()) else { panic!("it answers") };
    assert_eq!((&found[4..8], &found[12..16], &found[20..24]), (&[0; 4][..], &[0; 4][..], &[0; 4][..]));
    assert_eq!((found[32], found[36]), (1, 1), "closed");
    assert_eq!((found[60], found[64]), (1, 1), "access-denied");
}

#[test]
fn exit_is_a_trap_of_its_own() {
    let guest = guest(&[import("cli/exit", "exit", "exit", "(param i32)")], "(call $exit (i32.const 1))");
    let module = load(&guest);
    let mut host = TestHost::default();
    let made = module.instantiate(&Limits::default(), Argv::EMPTY, &mut host, None);
    let trap = run(&mut made.expect("it starts").0, &mut host, &[b"test.run"]).result.expect_err("it exits");
    assert_eq!(trap.cause, TrapCause::Exit(1));
    assert_eq!(trap.to_string(), "it called exit(1)");
}

#[test]
fn floods_of_wasi_calls_and_handles_end() {
    let endless = |call: &str| format!("(loop $forever {call} (br $forever))");
    let now = import("clocks/monotonic-clock", "now", "now", "(result i64)");
    assert_eq!(
        answer(&guest(&[now], &endless("(drop (call $now))")), &mut TestHost::default()),
        Err(TrapCause::Fuel)
    );
    let random = import("random/random", "get-random-bytes", "bytes", "(param i64 i32)");
    let far = guest(std::slice::from_ref(&random), "(call $bytes (i64.const 1000000000000) (i32.const 800))");
    assert!(
        matches!(answer(&far, &mut TestHost::default()), Err(TrapCause::Other(why)) if why.contains("random bytes at once"))
    );
    let begin = Instant::now();
    let near = guest(
        &[random],
        &endless("(global.set $heap (i32.const 65536)) (call $bytes (i64.const 65536) (i32.const 800))"),
    );
    assert_eq!(answer(&near, &mut TestHost::default()), Err(TrapCause::Fuel));
    assert!(begin.elapsed() < Duration::from_secs(20), "{FUEL} units took {:?}", begin.elapsed());
    let streams = import("cli/stdout", "get-stdout", "stdout", "(result i32)");
    let hoard = guest(&[streams], &endless("(drop (call $stdout))"));
    assert!(answer(&hoard, &mut TestHost::default()).is_err());
}
