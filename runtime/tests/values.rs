//! What the server asks of a module's values: objects made, saved, dropped, and everything that can go wrong with them.

mod support;

use sandkey_runtime::{ArgvBuf, DataType, Instance, Limits, LoadError, State, Trap, TrapCause};
use support::*;

/// A value of two fields: 7, and the string `abc`.
const VALUE: &[u8] = b"\x02\x07\x05\x03abc";

/// More than any value of these tests has.
const MUCH: usize = 1 << 30;

/// A guest with one data type whose functions do this first.
fn with(values: Values) -> Guest {
    Guest { state: 2, types: vec![("test-typ0", 3)], values: Some(values), ..Guest::default() }
}

fn made(values: Values) -> Instance {
    start(&with(values))
}

/// An instance with one object, number 1.
fn loaded(values: Values) -> Instance {
    let mut instance = made(values);
    assert_eq!(load_value(&mut instance, VALUE), Ok(Ok(1)));
    instance
}

fn load_value(instance: &mut Instance, bytes: &[u8]) -> Result<Result<u32, String>, Trap> {
    instance.load_value(&mut TestHost::default(), 0, 3, bytes, FUEL).result
}

fn save_value(instance: &mut Instance, object: u32) -> Result<Vec<u8>, Trap> {
    instance.save_value(&mut TestHost::default(), 0, object, FUEL, MUCH).result
}

fn copy_value(instance: &mut Instance) -> Result<Result<Vec<u8>, String>, Trap> {
    instance.copy_value(&mut TestHost::default(), 0, 1, b"from", b"to", FUEL, MUCH).result
}

fn rewrite_value(instance: &mut Instance) -> Result<Vec<ArgvBuf>, Trap> {
    instance.rewrite_value(&mut TestHost::default(), 0, 1, b"key", FUEL, MUCH).result
}

/// Every function, by name, with how it ends for the first object.
type Ends = (&'static str, fn(&mut Instance, u64) -> Result<(), Trap>);

const ALL: [Ends; 8] = [
    ("load", |i, fuel| i.load_value(&mut TestHost::default(), 0, 3, VALUE, fuel).result.map(drop)),
    ("save", |i, fuel| i.save_value(&mut TestHost::default(), 0, 1, fuel, MUCH).result.map(drop)),
    ("free", |i, fuel| i.free_value(&mut TestHost::default(), 0, 1, fuel).result.map(drop)),
    ("memory-usage", |i, fuel| i.value_memory(&mut TestHost::default(), 0, 1, fuel).result.map(drop)),
    ("free-effort", |i, fuel| i.value_free_effort(&mut TestHost::default(), 0, 1, fuel).result.map(drop)),
    ("copy", |i, fuel| {
        i.copy_value(&mut TestHost::default(), 0, 1, b"from", b"to", fuel, MUCH).result.map(drop)
    }),
    ("digest", |i, fuel| i.value_digest(&mut TestHost::default(), 0, 1, fuel, MUCH).result.map(drop)),
    ("aof-rewrite", |i, fuel| {
        i.rewrite_value(&mut TestHost::default(), 0, 1, b"key", fuel, MUCH).result.map(drop)
    }),
];

/// The same instructions in front of all of them but `load`, unless it is `load` that is looked at.
fn all(name: &str, code: &str) -> Values {
    let code = code.to_owned();
    if name == "load" {
        return Values { load: code, ..Values::default() };
    }
    Values {
        load: String::new(),
        save: code.clone(),
        free: code.clone(),
        memory_usage: code.clone(),
        free_effort: code.clone(),
        copy: code.clone(),
        digest: code.clone(),
        aof_rewrite: code,
    }
}

/// An instance whose function of this name does this first, with one object if it is not `load`.
fn ready(name: &str, code: &str) -> Instance {
    if name == "load" { made(all(name, code)) } else { loaded(all(name, code)) }
}

/// Instructions that answer with `err` and a text, in functions that can.
fn refusing(text: &[u8]) -> String {
    format!(
        "{} (i32.store8 (i32.const 2200) (i32.const 1)) (i32.store (i32.const 2204) (i32.const 500))
         (i32.store (i32.const 2208) (i32.const {})) (return (i32.const 2200))",
        put(500, text),
        text.len()
    )
}

/// Instructions that answer with a list, whose address and length they put at a place.
fn giving(at: u32, bytes: &[u8]) -> String {
    format!(
        "{} (i32.store8 (i32.const 2200) (i32.const 0)) (i32.store (i32.const {at}) (i32.const 500))
         (i32.store (i32.const {}) (i32.const {})) (return (i32.const 2200))",
        put(500, bytes),
        at + 4,
        bytes.len()
    )
}

#[test]
fn a_value_becomes_an_object_and_bytes_again() {
    let (mut instance, manifest) =
        try_start(&with(Values::default()), &Limits::default()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(manifest.state, State::Values);
    assert_eq!(manifest.data_types, [DataType { name: "test-typ0".into(), encver: 3 }]);
    let mut host = TestHost::default();
    assert_eq!(load_value(&mut instance, VALUE), Ok(Ok(1)));
    assert_eq!(load_value(&mut instance, b""), Ok(Ok(2)));
    assert_eq!(save_value(&mut instance, 1), Ok(VALUE.to_vec()));
    assert_eq!(save_value(&mut instance, 2), Ok(vec![]));
    assert_eq!(instance.value_memory(&mut host, 0, 1, FUEL).result, Ok(7));
    assert_eq!(instance.value_free_effort(&mut host, 0, 1, FUEL).result, Ok(1));
    assert_eq!(instance.value_digest(&mut host, 0, 1, FUEL, MUCH).result, Ok(VALUE.to_vec()));
    assert_eq!(copy_value(&mut instance), Ok(Ok(VALUE.to_vec())));
    assert!(rewrite_value(&mut instance).is_ok_and(|commands| commands.is_empty()));
    assert_eq!(instance.free_value(&mut host, 0, 2, FUEL).result, Ok(()));
    assert_eq!(save_value(&mut instance, 1), Ok(VALUE.to_vec()), "the other object is still there");
    let trap = save_value(&mut instance, 2).expect_err("it is gone");
    assert_eq!(trap.to_string(), "wasm `unreachable` instruction executed");
}

#[test]
fn commands_and_values_take_turns() {
    let mut instance = loaded(Values::default());
    for _ in 0..3 {
        assert!(run(&mut instance, &mut TestHost::default(), &[b"test.run", b"x"]).result.is_ok());
        assert_eq!(save_value(&mut instance, 1), Ok(VALUE.to_vec()));
    }
}

#[test]
fn parameters_arrive_in_their_order() {
    // Refuses with the bytes, if type and version are right.
    let load =
        "(if (i32.or (i32.ne (local.get $type) (i32.const 5)) (i32.ne (local.get $encver) (i32.const 1023)))
                    (then unreachable))
                (i32.store8 (i32.const 2200) (i32.const 1)) (i32.store (i32.const 2204) (local.get $at))
                (i32.store (i32.const 2208) (local.get $len)) (return (i32.const 2200))";
    let mut instance = made(Values { load: load.into(), ..Values::default() });
    let outcome = instance.load_value(&mut TestHost::default(), 5, 1023, b"no", FUEL);
    assert_eq!(outcome.result, Ok(Err("no".into())));
    let number = "(return (i64.extend_i32_u (i32.add (i32.mul (local.get $type) (i32.const 1000)) (local.get $object))))";
    let mut instance =
        made(Values { memory_usage: number.into(), free_effort: number.into(), ..Values::default() });
    let mut host = TestHost::default();
    assert_eq!(instance.value_memory(&mut host, 6, 7, FUEL).result, Ok(6007));
    assert_eq!(instance.value_free_effort(&mut host, 8, 9, FUEL).result, Ok(8009));
    // A command of the key and of the target; a refusal with the source.
    let list = |at: &str, len: &str| format!("(local.get ${at}) (local.get ${len})");
    let copy = format!(
        "(i32.store8 (i32.const 2200) (i32.const 1)) (call $pair (i32.const 2204) {}) (return (i32.const 2200))",
        list("source", "source_len")
    );
    let mut guest = with(Values { copy: copy.clone(), ..Values::default() });
    let pair = "(func $pair (param i32 i32 i32) (i32.store (local.get 0) (local.get 1))
        (i32.store offset=4 (local.get 0) (local.get 2)))";
    guest.fields = pair.into();
    assert_eq!(copy_value(&mut start(&guest)), Ok(Err("from".into())));
    guest.values = Some(Values { copy: copy.replace("$source", "$target"), ..Values::default() });
    assert_eq!(copy_value(&mut start(&guest)), Ok(Err("to".into())));
}

#[test]
fn a_refusal_is_one_line_of_bounded_length() {
    let mut instance = made(Values { load: refusing(b"not\r\na peak"), ..Values::default() });
    assert_eq!(load_value(&mut instance, VALUE), Ok(Err("not  a peak".into())));
    assert_eq!(load_value(&mut instance, VALUE), Ok(Err("not  a peak".into())), "it goes on");
    let mut instance = loaded(Values { copy: refusing(&[b'x'; 1100]), ..Values::default() });
    let refusal = copy_value(&mut instance).expect("it does not trap").expect_err("it refuses");
    assert_eq!(refusal, "x".repeat(1000) + "...");
    let mut instance = made(Values { load: refusing(b"\xff"), ..Values::default() });
    let trap = load_value(&mut instance, VALUE).expect_err("it is no text");
    assert!(trap.to_string().contains("utf-8"), "{trap}");
    assert!(instance.is_dead());
}

#[test]
fn a_trap_in_any_of_them_kills_the_instance() {
    for (name, call) in ALL {
        let mut instance = ready(name, "unreachable");
        let trap = call(&mut instance, FUEL).expect_err(name);
        assert_eq!(trap.to_string(), "wasm `unreachable` instruction executed", "{name}");
        assert!(instance.is_dead(), "{name}");
        for (name, call) in ALL {
            assert_eq!(call(&mut instance, FUEL).expect_err(name).cause, TrapCause::Dead);
        }
        let again = run(&mut instance, &mut TestHost::default(), &[b"test.run"]);
        assert_eq!(again.result.expect_err("it is dead").cause, TrapCause::Dead);
    }
}

#[test]
fn an_endless_loop_in_any_of_them_runs_out_of_fuel() {
    for (name, call) in ALL {
        let mut instance = ready(name, "(loop $forever (br $forever))");
        assert_eq!(call(&mut instance, 100_000).expect_err(name).cause, TrapCause::Fuel);
    }
}

#[test]
fn bytes_are_paid_for_on_their_way_in_and_out() {
    let mut instance = made(Values::default());
    let mut host = TestHost::default();
    let value = [b"\x05\x80\0\x01\x86\xa0".as_slice(), &[b'x'; 100_000]].concat();
    let outcome = instance.load_value(&mut host, 0, 3, &value, FUEL);
    assert_eq!(outcome.result, Ok(Ok(1)));
    assert!((25_001..26_000).contains(&outcome.fuel_used), "{}", outcome.fuel_used);
    let outcome = instance.save_value(&mut host, 0, 1, FUEL, MUCH);
    assert_eq!(outcome.result, Ok(value.clone()));
    assert!((25_001..26_000).contains(&outcome.fuel_used), "{}", outcome.fuel_used);
    let outcome = instance.load_value(&mut host, 0, 3, &value, 25_001);
    assert_eq!(outcome.result.expect_err("nothing is left for the guest").cause, TrapCause::Fuel);
    assert!(outcome.fuel_used >= 25_001);
}

#[test]
fn what_is_larger_than_a_reply_may_be_passes_through() {
    let limits = Limits { memory_bytes: 256 << 20, reply_bytes: 1 << 20, ..Limits::default() };
    let (mut instance, _) =
        try_start(&with(Values::default()), &limits).unwrap_or_else(|error| panic!("{error}"));
    let length = 50u32 << 20;
    let mut value = [b"\x05\x80".as_slice(), &length.to_be_bytes()].concat();
    value.extend((0..length).map(|at| (at % 251) as u8));
    let mut host = TestHost::default();
    assert_eq!(instance.load_value(&mut host, 0, 3, &value, 10 * FUEL).result, Ok(Ok(1)));
    let saved = instance.save_value(&mut host, 0, 1, FUEL, MUCH).result;
    assert!(saved.is_ok_and(|saved| saved == value));
    let digest = instance.value_digest(&mut host, 0, 1, FUEL, value.len()).result;
    assert!(digest.is_ok_and(|digest| digest == value));
    let copy = instance.copy_value(&mut host, 0, 1, b"a", b"b", FUEL, value.len()).result;
    assert!(copy.is_ok_and(|copy| copy.is_ok_and(|copy| copy == value)));
    let trap = instance.save_value(&mut host, 0, 1, FUEL, value.len() - 1).result;
    assert_eq!(trap.expect_err("it is a byte too large").cause, TrapCause::TooLarge);
    assert!(instance.is_dead());
}

#[test]
fn a_value_that_does_not_fit_is_out_of_memory() {
    let limits = Limits { memory_bytes: 4 << 16, ..Limits::default() };
    let (mut instance, _) =
        try_start(&with(Values::default()), &limits).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(load_value(&mut instance, &[0; 300_000]).expect_err("no room").cause, TrapCause::Memory);
}

#[test]
fn a_small_limit_holds_both_ways() {
    let mut instance = loaded(Values::default());
    let mut host = TestHost::default();
    assert_eq!(instance.save_value(&mut host, 0, 1, FUEL, 7).result, Ok(VALUE.to_vec()));
    let trap = instance.save_value(&mut host, 0, 1, FUEL, 6).result.expect_err("it has seven bytes");
    assert_eq!(trap.cause, TrapCause::TooLarge);
}

#[test]
fn lists_that_lie_in_one_place_are_counted_each() {
    // 1,000 commands with the same 100,000 bytes.
    let code = "(i32.store (i32.const 500) (i32.const 100000))
        (loop $more
            (i64.store (i32.add (i32.const 10000) (local.get $n)) (i64.const 0x186a000000100))
            (i64.store (i32.add (i32.const 10008) (local.get $n)) (i64.const 0x1000001f4))
            (br_if $more (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 16))) (i32.const 16000))))
        (i64.store (i32.const 2200) (i64.const 0x3e800002710)) (return (i32.const 2200))";
    let guest = || loaded(Values { aof_rewrite: code.into(), ..Values::default() });
    let mut host = TestHost::default();
    let rewrite = |instance: &mut Instance, host: &mut TestHost, limit| {
        instance.rewrite_value(host, 0, 1, b"key", FUEL, limit).result
    };
    // The memory of the guest bounds it even if the caller does not.
    let trap = rewrite(&mut guest(), &mut host, MUCH).expect_err("they are 100 MB");
    assert_eq!(trap.cause, TrapCause::TooLarge);
}

#[test]
fn bytes_that_are_no_fields_are_refused_and_the_instance_goes_on() {
    let wrong: [(&[u8], &str); 4] = [
        (b"\x02\x07\0", "the field at byte 2 is the mark of the end"),
        (b"\x05\x04abc", "the field at byte 0 is not whole"),
        (b"\x02\x07\x09", "the field at byte 2 has the unknown opcode 9"),
        (b"\x05\xc0\x07", "the field at byte 0 has a length that begins with 0xc0"),
    ];
    for (bytes, words) in wrong {
        let mut instance = loaded(Values {
            save: giving(2200, bytes),
            copy: giving(2204, bytes),
            digest: giving(2200, bytes),
            ..Values::default()
        });
        let trap = save_value(&mut instance, 1).expect_err(words);
        assert_eq!(trap.cause, TrapCause::BadValue(format!("what values.save gave is no value: {words}")));
        assert_eq!(trap.cause.name(), "bad-value");
        let trap = copy_value(&mut instance).expect_err(words);
        assert_eq!(trap.to_string(), format!("what values.copy gave is no value: {words}"));
        assert!(!instance.is_dead());
        let digest = instance.value_digest(&mut TestHost::default(), 0, 1, FUEL, MUCH).result;
        assert_eq!(digest, Ok(bytes.to_vec()), "a digest is any bytes");
    }
}

#[test]
fn answers_that_point_nowhere_trap() {
    let at = |place: u32, address: i32, length: i32| {
        format!(
            "(i32.store8 (i32.const 2200) (i32.const 0)) (i32.store (i32.const {place}) (i32.const {address}))
             (i32.store (i32.const {}) (i32.const {length})) (return (i32.const 2200))",
            place + 4
        )
    };
    let wild = |answer: &str| {
        let code = answer.to_owned();
        Values { save: code.clone(), digest: code.clone(), aof_rewrite: code, ..Values::default() }
    };
    let names = ["save", "digest", "aof-rewrite"];
    for (code, words) in [
        (at(2200, -8, 1), "out of bounds"),
        (at(2200, 131_064, 9), "out of bounds"),
        (at(2200, 8, -1), "out of bounds"),
        ("(return (i32.const 2201))".into(), "not aligned"),
        ("(return (i32.const -4))".into(), "out of bounds"),
    ] {
        for (name, call) in ALL.iter().filter(|(name, _)| names.contains(name)) {
            let trap = call(&mut loaded(wild(&code)), FUEL).expect_err(name);
            assert!(trap.to_string().contains(words), "{name} {code}: {trap}");
        }
    }
    let copy = Values { copy: at(2204, -8, 100), ..Values::default() };
    let trap = copy_value(&mut loaded(copy)).expect_err("there is nothing");
    assert!(trap.to_string().contains("out of bounds"), "{trap}");
    let load = "(i32.store8 (i32.const 2200) (i32.const 2)) (return (i32.const 2200))";
    let trap = load_value(&mut made(Values { load: load.into(), ..Values::default() }), VALUE);
    assert!(trap.expect_err("it is no result").to_string().contains("discriminant"));
}

#[test]
fn commands_that_make_a_value() {
    // `["set", key]`, and `["x"]`: the guest copies the key behind `set`.
    let commands = |second: &str| {
        format!(
            "{} (memory.copy (i32.const 503) (local.get $key) (local.get $key_len))
             {} (i32.store (i32.const 604) (i32.add (i32.const 3) (local.get $key_len))) {}
             (i32.store (i32.const 704) (i32.add (i32.const 3) (local.get $key_len))) {second}
             (i32.store (i32.const 2200) (i32.const 700)) (i32.store (i32.const 2204) (i32.const 2))
             (return (i32.const 2200))",
            put(500, b"set"),
            put(600, &[3, 0, 0, 0]),
            put(700, &[&500u32.to_le_bytes()[..], &[0; 4], &600u32.to_le_bytes(), &[2, 0, 0, 0]].concat()),
        )
    };
    let rewritten = |second: &str| {
        let values = Values { aof_rewrite: commands(second), ..Values::default() };
        let mut instance = loaded(values);
        let answer = rewrite_value(&mut instance);
        (answer, instance.is_dead())
    };
    let x = [put(800, b"x\0\0\0\x01"), put(716, &[0x20, 3, 0, 0, 1, 0, 0, 0, 0x24, 3, 0, 0, 1])].concat();
    let (answer, _) = rewritten(&x);
    let commands: Vec<Vec<Vec<u8>>> = answer
        .expect("they are well-formed")
        .iter()
        .map(|command| command.as_argv().iter().map(<[u8]>::to_vec).collect())
        .collect();
    assert_eq!(commands, [vec![b"set".to_vec(), b"key".to_vec()], vec![b"x".to_vec()]]);
    let (answer, is_dead) = rewritten("");
    assert_eq!(
        answer.expect_err("the second is empty").cause,
        TrapCause::BadValue("values.aof-rewrite gave a command without a name".into())
    );
    assert!(!is_dead);
    let lying = put(716, &[0x20, 3, 0, 0, 1, 0, 0, 0, 0x24, 3, 0, 0, 0]);
    assert_eq!(
        rewritten(&lying).0.expect_err("its data belongs to no string").to_string(),
        "values.aof-rewrite gave an argv whose ends do not ascend to the length of its data"
    );
}

#[test]
fn they_may_log_and_ask_for_time_and_nothing_else() {
    let import = |interface: &str, function: &str, signature: &str| {
        format!(r#"(import "sandkey:module/{interface}@0.1.0" "{function}" (func $import {signature}))"#)
    };
    let calling = |name: &str, fields: String, code: &str| {
        let mut instance = start(&Guest { fields, ..with(all(name, code)) });
        if name != "load" {
            assert_eq!(load_value(&mut instance, VALUE), Ok(Ok(1)));
        }
        instance
    };
    for (name, call) in ALL {
        for (fields, code) in [
            (import("context", "random", "(result i64)"), "(drop (call $import))"),
            (import("context", "db", "(result i32)"), "(drop (call $import))"),
            (import("strings", "len", "(param i32 i32)"), "(call $import (i32.const 0) (i32.const 1104))"),
            (
                import("objects", "get", "(param i32 i32 i32)"),
                "(call $import (i32.const 0) (i32.const 0) (i32.const 1104))",
            ),
            (
                import("call", "run", "(param i32 i32 i32 i32 i32)"),
                "(call $import (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 1104))",
            ),
        ] {
            let trap = call(&mut calling(name, fields, code), FUEL).expect_err(name);
            assert_eq!(trap.to_string(), "the functions of values may only log and ask for time", "{name}");
        }
    }
    let now = "(return (call $import))";
    let guest = Guest {
        fields: import("context", "now-us", "(result i64)"),
        ..with(Values { memory_usage: now.into(), ..Values::default() })
    };
    let mut host = TestHost { now_us: 1_234_567, ..TestHost::default() };
    assert_eq!(start(&guest).value_memory(&mut host, 0, 1, FUEL).result, Ok(1_234_567));
    let log = format!("{} (call $import (i32.const 2) (i32.const 500) (i32.const 4))", put(500, b"bye!"));
    let guest = Guest {
        fields: import("log", "write", "(param i32 i32 i32)"),
        ..with(Values { free: log, ..Values::default() })
    };
    let mut instance = start(&guest);
    assert_eq!(load_value(&mut instance, VALUE), Ok(Ok(1)));
    assert_eq!(instance.free_value(&mut host, 0, 1, FUEL).result, Ok(()));
    assert_eq!(host.lines, ["notice bye!"]);
}

#[test]
fn afterwards_a_command_may_everything_again() {
    let guest = Guest {
        fields: r#"(import "sandkey:module/context@0.1.0" "random" (func $random (result i64)))"#.into(),
        call: "(drop (call $random))".into(),
        ..with(Values::default())
    };
    let mut instance = start(&guest);
    assert_eq!(load_value(&mut instance, VALUE), Ok(Ok(1)));
    assert!(run(&mut instance, &mut TestHost::default(), &[b"test.run"]).result.is_ok());
}

#[test]
fn types_and_the_export_belong_together() {
    let refused = |guest: &Guest| match try_start(guest, &Limits::default()) {
        Err(LoadError::Manifest(wrong)) => wrong.to_string(),
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it must be refused"),
    };
    assert_eq!(
        refused(&Guest { values: None, ..with(Values::default()) }),
        "it declares data types and does not export the interface values"
    );
    assert_eq!(
        refused(&Guest { types: vec![], ..with(Values::default()) }),
        "it exports the interface values and declares no data types"
    );
    assert_eq!(
        refused(&Guest { state: 0, ..with(Values::default()) }),
        "it declares data types and the state none, which keeps no objects of them"
    );
    assert_eq!(
        refused(&Guest { types: vec![("short", 1)], ..with(Values::default()) }),
        "a data type has the name \"short\"; it must be exactly 9 letters, digits, - and _"
    );
    let both = Guest { configs: vec![("size", 20, 0, 100)], ..with(Values::default()) };
    let (mut instance, manifest) =
        try_start(&both, &Limits::default()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((manifest.configs.len(), manifest.data_types.len()), (1, 1));
    assert_eq!(load_value(&mut instance, VALUE), Ok(Ok(1)));
    let mut without = start(&Guest::default());
    let trap = save_value(&mut without, 1).expect_err("it has none");
    assert_eq!(trap.to_string(), "the module has no data types");
}

#[test]
fn commands_that_find_keys_say_so() {
    let mut guest = with(Values::default());
    guest.commands[0].flags = 1 << 12 | WRITE;
    let (_, manifest) = try_start(&guest, &Limits::default()).unwrap_or_else(|error| panic!("{error}"));
    assert!(manifest.commands[0].flags.finds_keys && !manifest.commands[0].flags.all_keys);
}
