//! Guests that attack: whatever they do ends in a trap that says what they did, and the next instance works.

mod support;

use sandkey_runtime::{Argv, Error, Limits, LoadError, Mode, Reply, TrapCause};
use support::*;

/// How a guest's command ended, what it used, and where it was.
fn ended(guest: &Guest) -> (TrapCause, u64, Vec<String>) {
    ended_within(guest, &Limits::default())
}

fn ended_within(guest: &Guest, limits: &Limits) -> (TrapCause, u64, Vec<String>) {
    let (mut instance, _) = try_start(guest, limits).unwrap_or_else(|error| panic!("{error}"));
    let mut host = TestHost::default();
    let outcome = run(&mut instance, &mut host, &[b"test.run"]);
    let trap = outcome.result.expect_err("it must trap");
    assert!(instance.is_dead());
    let again = run(&mut instance, &mut host, &[b"test.run"]);
    assert_eq!(again.result.expect_err("it is dead").cause, TrapCause::Dead);
    (trap.cause, outcome.fuel_used, trap.backtrace)
}

#[test]
fn an_endless_loop_runs_out_of_fuel() {
    let (cause, used, backtrace) = ended(&calling("(loop $forever (br $forever))"));
    assert_eq!(cause, TrapCause::Fuel);
    assert_eq!(cause.to_string(), "out of fuel");
    assert!((FUEL..FUEL + 100).contains(&used), "{used}");
    assert_eq!(backtrace, ["guest!call"]);
}

#[test]
fn endless_recursion_overflows_the_stack() {
    let guest = Guest {
        fields: "(func $deeper (param i64) (call $deeper (i64.add (local.get 0) (i64.const 1))) (drop (i32.const 1)))"
            .into(),
        ..calling("(call $deeper (i64.const 0))")
    };
    let (cause, _, backtrace) = ended(&guest);
    assert_eq!(cause, TrapCause::Stack);
    assert_eq!(backtrace[0], "guest!deeper");
    assert_eq!(backtrace.len(), sandkey_runtime::limits::BACKTRACE_FRAMES);
}

#[test]
fn unreachable_is_named() {
    let (cause, _, backtrace) = ended(&calling("unreachable"));
    assert_eq!(cause, TrapCause::Other("wasm `unreachable` instruction executed".into()));
    assert_eq!(backtrace, ["guest!call"]);
}

#[test]
fn rust_names_are_demangled() {
    let guest = Guest {
        fields: "(func $_ZN5hello3run17h0123456789abcdefE unreachable)".into(),
        ..calling("(call $_ZN5hello3run17h0123456789abcdefE)")
    };
    assert_eq!(ended(&guest).2[0], "guest!hello::run::h0123456789abcdef");
}

/// A short name of C++ can stand for more than fits into memory, so none is written out.
#[test]
fn names_of_other_languages_stay_as_they_are() {
    let guest = Guest { fields: "(func $_Z3fooi unreachable)".into(), ..calling("(call $_Z3fooi)") };
    assert_eq!(ended(&guest).2[0], "guest!_Z3fooi");
}

#[test]
fn memory_grows_to_the_limit_and_fails_inside_the_guest() {
    // Answers with the pages that it got.
    let polite = calling(&format!(
        "(loop $more (br_if $more (i32.ne (i32.const -1) (memory.grow (i32.const 1))))) {}",
        reply(2, "(i64.store (i32.const 1040) (i64.extend_i32_u (memory.size)))")
    ));
    let limits = Limits { memory_bytes: 10 << 16, ..Limits::default() };
    let (mut instance, _) = try_start(&polite, &limits).expect("two pages are within the limit");
    let outcome = run(&mut instance, &mut TestHost::default(), &[b"test.run"]);
    assert_eq!(outcome.result, Ok(Ok(Reply::Integer(10))));
    assert_eq!(instance.memory_bytes(), 10 << 16);
    // One that does not expect it dies of it, and that is what is reported.
    let rude =
        calling("(loop $more (br_if $more (i32.ne (i32.const -1) (memory.grow (i32.const 1))))) unreachable");
    assert_eq!(ended_within(&rude, &limits).0, TrapCause::Memory);
    assert_eq!(TrapCause::Memory.to_string(), "out of memory: it wanted more than its limit");
}

#[test]
fn arguments_that_do_not_fit_are_out_of_memory() {
    let limits = Limits { memory_bytes: 2 << 16, ..Limits::default() };
    let (mut instance, _) = try_start(&calling(""), &limits).expect("two pages are within the limit");
    let outcome = run(&mut instance, &mut TestHost::default(), &[b"test.run", &[b'x'; 300_000]]);
    assert_eq!(outcome.result.expect_err("it does not fit").cause, TrapCause::Memory);
}

#[test]
fn a_memory_that_is_too_large_from_the_start_is_refused() {
    let limits = Limits { memory_bytes: 10 << 16, ..Limits::default() };
    let error = try_start(&Guest { pages: 11, ..Guest::default() }, &limits).expect_err("it is too large");
    assert_eq!(
        error.to_string(),
        "the module could not be started: out of memory: it wanted more than its limit"
    );
}

#[test]
fn tables_grow_to_the_limit() {
    let guest = Guest {
        fields: "(table $t 1 funcref)".into(),
        ..calling(&format!(
            "(loop $more (br_if $more (i32.ne (i32.const -1) (table.grow $t (ref.null func) (i32.const 10))))) {}",
            reply(2, "(i64.store (i32.const 1040) (i64.extend_i32_u (table.size $t)))")
        ))
    };
    let limits = Limits { table_elements: 1005, ..Limits::default() };
    let (mut instance, _) = try_start(&guest, &limits).expect("one element is within the limit");
    let outcome = run(&mut instance, &mut TestHost::default(), &[b"test.run"]);
    assert_eq!(outcome.result, Ok(Ok(Reply::Integer(1001))));
}

#[test]
fn growing_in_a_loop_costs_what_it_takes() {
    for instruction in ["(memory.grow (i32.const 0))", "(memory.grow (i32.const -1))"] {
        let guest = calling(&format!("(loop $forever (drop {instruction}) (br $forever))"));
        let begin = std::time::Instant::now();
        assert_eq!(ended(&guest).0, TrapCause::Fuel);
        // 10,000,000 units are 50,000 growths at 200 each; without that price they would be 3,000,000.
        assert!(begin.elapsed().as_secs() < 3, "{instruction}: {:?}", begin.elapsed());
    }
}

#[test]
fn bulk_instructions_cost_what_they_move() {
    let guest =
        calling(&format!("(memory.fill (i32.const 70000) (i32.const 0) (i32.const 50000)) {}", reply(0, "")));
    let outcome = run(&mut start(&guest), &mut TestHost::default(), &[b"test.run"]);
    assert_eq!(outcome.result, Ok(Ok(Reply::Ok)));
    assert!((50_000..51_000).contains(&outcome.fuel_used), "{}", outcome.fuel_used);
}

fn with_import(interface: &str, function: &str, signature: &str, call: &str) -> Guest {
    Guest {
        fields: format!(
            r#"(import "sandkey:module/{interface}@0.1.0" "{function}" (func $import {signature}))"#
        ),
        ..calling(call)
    }
}

#[test]
fn a_flood_of_host_calls_runs_out_of_fuel_early() {
    let guest = with_import(
        "context",
        "now-us",
        "(result i64)",
        "(loop $forever (drop (call $import)) (br $forever))",
    );
    let (cause, used, _) = ended(&guest);
    assert_eq!(cause, TrapCause::Fuel);
    assert!(used >= FUEL);
}

#[test]
fn a_handle_that_was_never_given_out_traps() {
    let guest =
        with_import("strings", "len", "(param i32 i32)", "(call $import (i32.const 12345) (i32.const 1104))");
    let (cause, _, _) = ended(&guest);
    assert_eq!(cause.to_string(), "key handle 12345 was never given out");
    assert_eq!(cause.name(), "host-fault");
}

#[test]
fn an_argv_that_lies_traps() {
    // Two bytes of data, one end at 7.
    let guest = with_import(
        "call",
        "run",
        "(param i32 i32 i32 i32 i32)",
        "(i32.store (i32.const 900) (i32.const 7))
         (call $import (i32.const 800) (i32.const 2) (i32.const 900) (i32.const 1) (i32.const 1104))",
    );
    let (cause, _, _) = ended(&guest);
    assert_eq!(cause.to_string(), "the ends of an argv do not ascend to the length of its data");
}

#[test]
fn text_that_is_no_text_traps() {
    let guest = with_import(
        "log",
        "write",
        "(param i32 i32 i32)",
        "(i32.store8 (i32.const 800) (i32.const 255)) (call $import (i32.const 2) (i32.const 800) (i32.const 1))",
    );
    assert!(ended(&guest).0.to_string().contains("utf-8"), "{:?}", ended(&guest).0);
}

#[test]
fn pointers_outside_of_memory_trap() {
    let (cause, _, _) = ended(&calling(&reply_bytes(6, "(i32.const 100)", "(i32.const -1)")));
    assert!(cause.to_string().contains("out of bounds"), "{cause}");
}

#[test]
fn a_reply_may_be_as_large_as_the_limit_and_no_larger() {
    let limits = Limits { reply_bytes: 100_000, ..Limits::default() };
    let sized = |size: u32| calling(&reply_bytes(6, "(i32.const 0)", &format!("(i32.const {size})")));
    let (mut instance, _) = try_start(&sized(100_000), &limits).unwrap_or_else(|error| panic!("{error}"));
    let outcome = run(&mut instance, &mut TestHost::default(), &[b"test.run"]);
    assert!(matches!(outcome.result, Ok(Ok(Reply::Bulk(bytes))) if bytes.len() == 100_000));
    let (cause, _, _) = ended_within(&sized(100_001), &limits);
    assert_eq!(cause, TrapCause::TooLarge);
    assert_eq!(cause.to_string(), "more bytes at once than may cross to the server");
}

#[test]
fn arguments_of_host_functions_may_be_as_large_as_the_limit_and_no_larger() {
    let setting = |bytes: u32| Guest {
        fields: r#"(import "sandkey:module/strings@0.1.0" "set" (func $set (param i32 i32 i32 i32)))"#.into(),
        ..calling(&format!("(call $set (i32.const 0) (i32.const 0) (i32.const {bytes}) (i32.const 1104))"))
    };
    let limits = Limits { reply_bytes: 50_000, ..Limits::default() };
    let ended = |bytes: u32| {
        let mut host = TestHost::default();
        host.open.push((b"key".to_vec(), Mode::Write));
        let (mut instance, _) = try_start(&setting(bytes), &limits).unwrap_or_else(|error| panic!("{error}"));
        run(&mut instance, &mut host, &[b"test.run"]).result.map_err(|trap| trap.cause)
    };
    assert_eq!(ended(50_000), Ok(Ok(Reply::Ok)));
    assert_eq!(ended(50_001), Err(TrapCause::TooLarge));
}

#[test]
fn many_strings_at_once_cost_what_as_many_calls_do() {
    // `data` empty, and so many ends of 0.
    let deleting = |strings: u32| {
        Guest {
        fields: r#"(import "sandkey:module/hashes@0.1.0" "delete" (func $delete (param i32 i32 i32 i32 i32 i32)))"#.into(),
        ..calling(&format!(
            "(call $delete (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 20000) (i32.const {strings}) (i32.const 1104))"
        ))
    }
    };
    let used = |strings: u32| {
        let mut host = TestHost::default();
        host.open.push((b"key".to_vec(), Mode::Write));
        let outcome = run(&mut start(&deleting(strings)), &mut host, &[b"test.run"]);
        assert_eq!(outcome.result, Ok(Ok(Reply::Ok)));
        outcome.fuel_used
    };
    // 50 for each, and one for its end of four bytes.
    assert_eq!(used(1001) - used(1), 51_000);
}

#[test]
fn broken_resp3_fails_the_command_and_not_the_instance() {
    let mut instance = start(&calling(&format!(
        "{}{}",
        put(500, b"*2\r\n:1\r\n"),
        reply_bytes(7, "(i32.const 500)", "(i32.const 8)")
    )));
    let mut host = TestHost::default();
    for _ in 0..2 {
        let trap = run(&mut instance, &mut host, &[b"test.run"]).result.expect_err("it is broken");
        assert_eq!(trap.to_string(), "the reply is not valid RESP3: it ends too early");
        assert!(!instance.is_dead());
    }
}

#[test]
fn deep_resp3_is_refused() {
    let deep = b"*1\r\n".repeat(40);
    let guest = calling(&format!(
        "{}{}",
        put(5000, &deep),
        reply_bytes(7, "(i32.const 5000)", &format!("(i32.const {})", deep.len()))
    ));
    assert_eq!(answer(&guest), Err("trap: the reply is not valid RESP3: it is nested deeper than 32".into()));
}

#[test]
fn a_status_with_a_line_break_is_refused() {
    let guest =
        calling(&format!("{}{}", put(500, b"a\r\nb"), reply_bytes(5, "(i32.const 500)", "(i32.const 4)")));
    assert_eq!(answer(&guest), Err("trap: the reply is a status line with a line break".into()));
}

#[test]
fn an_error_with_a_line_break_becomes_one_line() {
    let guest = calling(&format!(
        "{}(i32.store8 (i32.const 1024) (i32.const 1)) (i32.store8 (i32.const 1032) (i32.const 13))
         (i32.store (i32.const 1036) (i32.const 500)) (i32.store (i32.const 1040) (i32.const 9))",
        put(500, b"no\r\n+OK\r\n")
    ));
    assert_eq!(answer(&guest), Err("ERR no  +OK  ".into()));
    let mut instance = start(&guest);
    let outcome = run(&mut instance, &mut TestHost::default(), &[b"test.run"]);
    assert_eq!(outcome.result, Ok(Err(Error::Other("ERR no  +OK  ".into()))));
}

#[test]
fn init_that_loops_traps_or_touches_keys_is_refused() {
    let refused = |guest: &Guest| {
        let limits = Limits { fuel_init: 1_000_000, ..Limits::default() };
        try_start(guest, &limits).expect_err("it must be refused").to_string()
    };
    let init = |init: &str| Guest { init: init.into(), ..Guest::default() };
    assert_eq!(refused(&init("(loop $l (br $l))")), "the module's init failed: out of fuel");
    assert_eq!(
        refused(&init("unreachable")),
        "the module's init failed: wasm `unreachable` instruction executed"
    );
    let guest = Guest {
        fields: r#"(import "sandkey:module/strings@0.1.0" "len" (func $len (param i32 i32)))"#.into(),
        ..init("(call $len (i32.const 0) (i32.const 1104))")
    };
    assert_eq!(
        refused(&guest),
        "the module's init failed: init may only log and ask for time and random numbers"
    );
    // An error is what the person at MODULE LOAD reads.
    let sentence = init(&format!(
        "{} (i32.store8 (i32.const 1024) (i32.const 1)) (i32.store (i32.const 1028) (i32.const 500))
         (i32.store (i32.const 1032) (i32.const 9)) (return (i32.const 1024))",
        put(500, b"no\nlicence")
    ));
    assert_eq!(refused(&sentence), "the module refuses to start: no licenc");
    let start = Guest { fields: "(func $s (loop $l (br $l))) (start $s)".into(), ..Guest::default() };
    assert_eq!(refused(&start), "the module could not be started: out of fuel");
}

#[test]
fn a_manifest_that_contradicts_itself_is_refused() {
    let refused =
        |guest: &Guest| try_start(guest, &Limits::default()).expect_err("it must be refused").to_string();
    let command = |flags, keys| Guest {
        commands: vec![Declared { name: "test.run", arity: 2, flags, keys }],
        ..Guest::default()
    };
    assert_eq!(
        refused(&command(WRITE | READONLY, None)),
        "the module's manifest is wrong: the command 'test.run' is flagged both write and readonly"
    );
    assert_eq!(
        refused(&command(WRITE, Some((2, 2, 1)))),
        "the module's manifest is wrong: the command 'test.run' has a key spec whose first key, 2, is beyond its arity of 2"
    );
    assert_eq!(
        refused(&Guest { events: vec!["expired"], ..Guest::default() }),
        "the module's manifest is wrong: it declares keyspace events (\"expired\"), which this version of the server reserves"
    );
}

#[test]
fn a_second_instance_must_declare_the_same() {
    // Its version is the number of its arguments.
    let guest =
        Guest { init: "(i32.store (i32.const 4108) (local.get $ends_len))".into(), ..Guest::default() };
    let module = load(&guest);
    let mut host = TestHost::default();
    let limits = Limits::default();
    let one = Argv::new(b"a", &[1]).expect("it is well-formed");
    let (_, manifest) =
        module.instantiate(&limits, one, &mut host, None).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(manifest.version, 1);
    assert!(module.instantiate(&limits, one, &mut host, Some(&manifest)).is_ok());
    let error = module.instantiate(&limits, Argv::EMPTY, &mut host, Some(&manifest)).expect_err("it differs");
    assert!(matches!(error, LoadError::ManifestChanged), "{error}");
}

#[test]
fn a_log_flood_is_counted_and_not_written() {
    let guest = with_import(
        "log",
        "write",
        "(param i32 i32 i32)",
        &format!(
            "{} (loop $more (call $import (i32.const 3) (i32.const 500) (i32.const 2))
             (br_if $more (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 1000))))",
            put(500, b"hi")
        ),
    );
    let mut host = TestHost { now_us: 3_000_000, ..TestHost::default() };
    let outcome = run(&mut start(&guest), &mut host, &[b"test.run"]);
    assert_eq!(outcome.result, Ok(Ok(Reply::Ok)));
    assert_eq!(host.lines, vec!["warning hi"; 100]);
}

#[test]
fn after_a_trap_a_new_instance_works() {
    // Traps when it has an argument.
    let module = load(&calling("(if (i32.gt_u (local.get $ends_len) (i32.const 1)) (then unreachable))"));
    let mut host = TestHost::default();
    for _ in 0..50 {
        let made = module.instantiate(&Limits::default(), Argv::EMPTY, &mut host, None);
        let (mut instance, _) = made.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(run(&mut instance, &mut host, &[b"test.run"]).result, Ok(Ok(Reply::Ok)));
        assert!(run(&mut instance, &mut host, &[b"test.run", b"x"]).result.is_err());
    }
}
