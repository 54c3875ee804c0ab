//! What is particular to modules that are entered directly: the functions of the ABI that surround a call.

mod support;

use sandkey_runtime::{Error, Limits, Reply, TrapCause};
use support::*;

/// A guest that answers with the address of its arguments' ends, and takes its arguments at this address if `space` says so.
fn with_space(space: &str) -> Guest {
    Guest {
        fields: format!(
            r#"(global $asked (mut i32) (i32.const 0))
               (func (export "sandkey_argument_space") (param $bytes i32) (result i32)
                   (global.set $asked (i32.add (global.get $asked) (i32.const 1))) {space})"#
        ),
        ..calling(&reply(
            2,
            "(i64.store (i32.const 1040) (i64.extend_i32_u (i32.add (local.get $ends)
                (i32.mul (i32.const 1000000) (global.get $asked)))))",
        ))
    }
}

/// What it answers, with 1,000,000 for each time that it was asked for space.
fn answer_to(guest: &mut sandkey_runtime::Instance, argument: &[u8]) -> i64 {
    match run(guest, &mut TestHost::default(), &[b"test.run", argument]).result {
        Ok(Ok(Reply::Integer(number))) => number,
        other => panic!("{other:?}"),
    }
}

#[test]
fn arguments_lie_where_the_guest_wants_them() {
    let mut guest = start(&with_space("(i32.const 8192)"));
    assert_eq!(answer_to(&mut guest, b"x"), 1_008_192);
    assert_eq!(answer_to(&mut guest, b"y"), 1_008_192, "it is asked once");
    assert_eq!(answer_to(&mut guest, &[b'x'; 1000]), 2_008_192, "and again for more");
    assert_eq!(answer_to(&mut guest, b"y"), 2_008_192);
    let large = answer_to(&mut guest, &[b'x'; 100_000]);
    assert!(large > 2_060_000, "too large for that space, so from the heap: {large}");
}

#[test]
fn the_arguments_are_whole() {
    // Replies with its data, which lies behind the ends.
    let guest = Guest {
        fields: r#"(func (export "sandkey_argument_space") (param i32) (result i32) (i32.const 8192))"#
            .into(),
        ..calling(&reply_bytes(6, "(local.get $data)", "(local.get $data_len)"))
    };
    let mut guest = start(&guest);
    for argument in [&b""[..], b"k", &[b'x'; 5000], &[b'x'; 20_000]] {
        let outcome = run(&mut guest, &mut TestHost::default(), &[b"test.run", argument]);
        assert_eq!(outcome.result, Ok(Ok(Reply::Bulk([b"test.run", argument].concat()))));
    }
}

#[test]
fn a_space_that_is_none_traps() {
    for (space, words) in [
        ("(i32.const -4)", "pointer out of bounds of memory"),
        ("(i32.const 131068)", "pointer out of bounds of memory"),
        ("(i32.const 8193)", "list pointer is not aligned"),
        ("unreachable", "wasm `unreachable` instruction executed"),
    ] {
        let mut guest = start(&with_space(space));
        let trap = run(&mut guest, &mut TestHost::default(), &[b"test.run", b"k"]).result;
        assert_eq!(trap.expect_err(space).to_string(), words);
        assert!(guest.is_dead());
    }
    let mut guest = start(&with_space("(loop $forever (br $forever)) (i32.const 0)"));
    let outcome = run(&mut guest, &mut TestHost::default(), &[b"test.run", b"k"]);
    assert_eq!(outcome.result.expect_err("it loops").cause, TrapCause::Fuel);
    assert!(outcome.fuel_used >= FUEL);
}

/// A guest whose `cabi_post_` function does this; it counts calls at 2000.
fn with_post(post: &str) -> Guest {
    Guest {
        fields: format!(
            r#"(import "sandkey:module/context@0.1.0" "random" (func $random (result i64)))
               (func (export "cabi_post_sandkey:module/commands@0.1.0#call") (param i32)
                   (i32.store (i32.const 2000) (i32.add (i32.load (i32.const 2000)) (local.get 0))) {post})"#
        ),
        ..calling(&reply(2, "(i64.store (i32.const 1040) (i64.load32_u (i32.const 2000)))"))
    }
}

#[test]
fn a_guest_is_told_when_its_answer_has_been_read() {
    let mut guest = start(&with_post(""));
    let mut host = TestHost::default();
    for times in 0..3 {
        // It is given the address of the answer, 1024, each time.
        let outcome = run(&mut guest, &mut host, &[b"test.run"]);
        assert_eq!(outcome.result, Ok(Ok(Reply::Integer(times * 1024))));
    }
    let costs =
        |post: &str| run(&mut start(&with_post(post)), &mut TestHost::default(), &[b"test.run"]).fuel_used;
    assert!(costs("(memory.fill (i32.const 3000) (i32.const 0) (i32.const 500))") > costs("") + 500);
}

#[test]
fn a_guest_is_told_when_its_values_have_been_read() {
    // Each is given what its function answered, and adds it to the number at 2000, which `free-effort` answers with.
    let post = |name: &str, param: &str, number: &str| {
        format!(
            r#"(func (export "cabi_post_sandkey:module/values@0.1.0#{name}") {param}
                   (i32.store (i32.const 2000) (i32.add (i32.load (i32.const 2000)) {number})))"#
        )
    };
    let posts = [
        post("load", "(param i32)", "(local.get 0)"),
        post("save", "(param i32)", "(local.get 0)"),
        post("free", "", "(i32.const 7)"),
        post("memory-usage", "(param i64)", "(i32.wrap_i64 (local.get 0))"),
    ];
    let values =
        Values { free_effort: "(return (i64.load32_u (i32.const 2000)))".into(), ..Values::default() };
    let mut guest = start(&Guest {
        state: 2,
        types: vec![("test-typ0", 1)],
        values: Some(values),
        fields: posts.concat(),
        ..Guest::default()
    });
    let mut host = TestHost::default();
    let told = |guest: &mut sandkey_runtime::Instance, host: &mut TestHost| {
        guest.value_free_effort(host, 0, 1, FUEL).result
    };
    assert_eq!(guest.load_value(&mut host, 0, 1, b"\x02\x05", FUEL).result, Ok(Ok(1)));
    assert_eq!(told(&mut guest, &mut host), Ok(2200));
    assert_eq!(guest.save_value(&mut host, 0, 1, FUEL, 100).result, Ok(b"\x02\x05".to_vec()));
    assert_eq!(told(&mut guest, &mut host), Ok(4400));
    assert_eq!(guest.value_memory(&mut host, 0, 1, FUEL).result, Ok(2));
    assert_eq!(told(&mut guest, &mut host), Ok(4402));
    assert_eq!(guest.free_value(&mut host, 0, 1, FUEL).result, Ok(()));
    assert_eq!(told(&mut guest, &mut host), Ok(4409));
}

#[test]
fn what_follows_the_answer_may_not_call_the_host_nor_last() {
    let ended = |post: &str| {
        let outcome = run(&mut start(&with_post(post)), &mut TestHost::default(), &[b"test.run"]);
        outcome.result.expect_err("it must trap").to_string()
    };
    assert_eq!(ended("(drop (call $random))"), "a host function was called outside of a command");
    assert_eq!(ended("(loop $forever (br $forever))"), "out of fuel");
}

#[test]
fn giving_out_memory_may_not_call_the_host() {
    let text = Guest {
        fields: r#"(import "sandkey:module/context@0.1.0" "random" (func $random (result i64)))"#.into(),
        ..Guest::default()
    }
    .text()
    .replace("(local $at i32)\n", "(local $at i32) (drop (call $random))\n");
    let wasm = guest::embed(&text, &guest::contract(), "module");
    let module = engine().load(&wasm).unwrap_or_else(|error| panic!("{error}"));
    let argv = [&b"argument"[..]].into_iter().collect::<sandkey_runtime::ArgvBuf>();
    let error = module
        .instantiate(&Limits::default(), argv.as_argv(), &mut TestHost::default(), None)
        .expect_err("its init has arguments");
    assert_eq!(
        error.to_string(),
        "the module's init failed: a host function was called outside of a command"
    );
}

#[test]
fn what_a_c_toolchain_wants_is_run_first() {
    let guest = |initialize: &str| Guest {
        fields: format!(
            r#"(global $ready (mut i64) (i64.const 0)) (func (export "_initialize") (global.set $ready {initialize}))"#
        ),
        ..calling(&reply(2, "(i64.store (i32.const 1040) (global.get $ready))"))
    };
    assert_eq!(answer(&guest("(i64.const 7)")), Ok(Reply::Integer(7)));
    // It may do what the start of an instance may, with all of the guest's memory; it is heard once.
    let logging = Guest {
        fields: format!(
            r#"(import "sandkey:module/log@0.1.0" "write" (func $log (param i32 i32 i32)))
               (func (export "_initialize") {} (call $log (i32.const 2) (i32.const 500) (i32.const 2)))"#,
            put(500, b"hi")
        ),
        ..Guest::default()
    };
    let mut host = TestHost { now_us: 3_000_000, ..TestHost::default() };
    let made = load(&logging).instantiate(&Limits::default(), sandkey_runtime::Argv::EMPTY, &mut host, None);
    assert!(made.is_ok());
    assert_eq!(host.lines, ["notice hi"]);
    let error = try_start(&guest("(unreachable)"), &Limits::default()).expect_err("it cannot start");
    assert_eq!(error.to_string(), "the module could not be started: wasm `unreachable` instruction executed");
}

#[test]
fn answers_that_are_none_trap() {
    let ended = |call: &str| match answer(&calling(call)) {
        Err(words) => words,
        Ok(reply) => panic!("{reply:?}"),
    };
    let store = |at: u32, byte: u8| format!("(i32.store8 (i32.const {at}) (i32.const {byte}))");
    assert_eq!(ended(&store(1024, 2)), "trap: unexpected discriminant: 2");
    assert_eq!(ended(&reply(8, "")), "trap: unexpected discriminant: 8");
    let error = format!("{}{}", store(1024, 1), store(1032, 14));
    assert_eq!(ended(&error), "trap: unexpected discriminant: 14");
    assert_eq!(ended("(return (i32.const 1025))"), "trap: return pointer not aligned");
    assert_eq!(ended("(return (i32.const 131064))"), "trap: pointer out of bounds of memory");
    assert_eq!(ended("(return (i32.const -8))"), "trap: pointer out of bounds of memory");
}

#[test]
fn arguments_of_host_functions_are_checked() {
    let ended = |interface: &str, function: &str, params: &str, call: &str| {
        let import = format!(
            r#"(import "sandkey:module/{interface}@0.1.0" "{function}" (func $import (param {params})))"#
        );
        let guest = Guest { fields: import, ..calling(call) };
        let mut host = TestHost::default();
        host.open.push((b"key".to_vec(), sandkey_runtime::Mode::Write));
        let trap = run(&mut start(&guest), &mut host, &[b"test.run"]).result.expect_err("it must trap");
        trap.to_string()
    };
    // `open` for a mode that there is not.
    assert_eq!(
        ended(
            "keyspace",
            "open",
            "i32 i32 i32 i32",
            "(call $import (i32.const 0) (i32.const 1) (i32.const 2) (i32.const 1104))"
        ),
        "unexpected discriminant: 2"
    );
    assert_eq!(
        ended(
            "keyspace",
            "open",
            "i32 i32 i32 i32",
            "(call $import (i32.const -1) (i32.const 2) (i32.const 0) (i32.const 1104))"
        ),
        "pointer out of bounds of memory"
    );
    assert_eq!(
        ended(
            "keyspace",
            "expire-at-ms",
            "i32 i32 i64 i32",
            "(call $import (i32.const 0) (i32.const 7) (i64.const 0) (i32.const 1104))"
        ),
        "unexpected discriminant: 7"
    );
    assert_eq!(
        ended("strings", "len", "i32 i32", "(call $import (i32.const 0) (i32.const 1105))"),
        "return pointer not aligned"
    );
    assert_eq!(
        ended("strings", "len", "i32 i32", "(call $import (i32.const 0) (i32.const 131064))"),
        "pointer out of bounds of memory"
    );
    assert_eq!(
        ended(
            "call",
            "run",
            "i32 i32 i32 i32 i32",
            "(call $import (i32.const 0) (i32.const 0) (i32.const 2) (i32.const 0) (i32.const 1104))"
        ),
        "list pointer is not aligned"
    );
}

#[test]
fn a_start_function_may_not_touch_what_is_not_made_yet() {
    let guest = |call: &str| Guest {
        fields: format!(
            r#"(import "sandkey:module/log@0.1.0" "write" (func $log (param i32 i32 i32)))
               (func $start {call}) (start $start)"#
        ),
        ..Guest::default()
    };
    let error =
        try_start(&guest("(call $log (i32.const 1) (i32.const 0) (i32.const 1))"), &Limits::default());
    assert!(
        error.expect_err("there is no memory yet").to_string().starts_with("the module could not be started")
    );
    assert!(try_start(&guest(""), &Limits::default()).is_ok());
}

#[test]
fn errors_of_the_host_come_back_as_they_went() {
    // Opens nothing and answers with the error that `open` gave.
    let guest = Guest {
        fields: r#"(import "sandkey:module/hashes@0.1.0" "len" (func $len (param i32 i32)))"#.into(),
        ..calling(
            "(call $len (i32.const 0) (i32.const 1104))
             (i32.store8 (i32.const 1024) (i32.const 1))
             (i32.store8 (i32.const 1032) (i32.load8_u (i32.const 1112)))",
        )
    };
    let mut host = TestHost::default();
    host.keys.insert(b"key".to_vec(), Value::String(b"x".to_vec()));
    host.open.push((b"key".to_vec(), sandkey_runtime::Mode::Read));
    assert_eq!(run(&mut start(&guest), &mut host, &[b"test.run"]).result, Ok(Err(Error::WrongType)));
}
