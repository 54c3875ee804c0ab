//! What it costs to enter a module: by arguments, by reply, by host call, directly and as a component; and to make an instance.
//!
//! The guests are those of the tests: a few instructions each, so that the figures are the boundary's.

#![allow(missing_docs)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::hint::black_box;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use sandkey_runtime::{Argv, ArgvBuf, Limits, Mode};
use support::*;

fn bench_call(c: &mut Criterion, name: &str, guest: &Guest, args: &[&[u8]]) {
    let mut host = TestHost::default();
    host.keys.insert(b"key".to_vec(), Value::String(b"0123456789abcdef".to_vec()));
    host.open.push((b"key".to_vec(), Mode::Write));
    let argv: ArgvBuf = args.iter().copied().collect();
    let mut group = c.benchmark_group(name);
    for (way, direct) in [("direct", true), ("component", false)] {
        let module = engine_entering(direct).load(&guest.core()).unwrap_or_else(|error| panic!("{error}"));
        let made = module.instantiate(&Limits::default(), Argv::EMPTY, &mut host, None);
        let (mut instance, _) = made.unwrap_or_else(|error| panic!("{error}"));
        group.bench_function(way, |b| {
            b.iter(|| black_box(instance.call(&mut host, 0, black_box(argv.as_argv()), FUEL)));
        });
    }
    group.finish();
}

fn call(c: &mut Criterion) {
    let value = vec![b'x'; 1000];
    bench_call(c, "nop, no arguments", &calling(""), &[]);
    bench_call(c, "nop, 1 argument", &calling(""), &[b"test.run"]);
    let with_space = Guest {
        fields: r#"(func (export "sandkey_argument_space") (param i32) (result i32) (i32.const 8192))"#
            .into(),
        ..calling("")
    };
    bench_call(c, "nop, 1 argument, space for it", &with_space, &[b"test.run"]);
    bench_call(c, "nop, 3 arguments", &calling(""), &[b"test.run", b"key", b"val"]);
    bench_call(c, "nop, 1 kB", &calling(""), &[b"test.run", b"key", &value]);
    let integer = calling(&reply(2, "(i64.store (i32.const 1040) (i64.const 5))"));
    bench_call(c, "integer reply", &integer, &[b"test.run", b"key"]);
    let bulk = calling(&reply_bytes(6, "(i32.const 500)", "(i32.const 16)"));
    bench_call(c, "bulk reply of 16 B", &bulk, &[b"test.run", b"key"]);
    let resp3 = calling(&format!(
        "{}{}",
        put(500, b"*3\r\n:1\r\n:2\r\n:3\r\n"),
        reply_bytes(7, "(i32.const 500)", "(i32.const 16)")
    ));
    bench_call(c, "resp3 reply of 3 integers", &resp3, &[b"test.run", b"key"]);

    let import = |interface: &str, function: &str, signature: &str, call: &str| Guest {
        fields: format!(
            r#"(import "sandkey:module/{interface}@0.1.0" "{function}" (func $import {signature}))"#
        ),
        ..calling(call)
    };
    let get = import("strings", "get", "(param i32 i32)", "(call $import (i32.const 0) (i32.const 1104))");
    bench_call(c, "host get of 16 B", &get, &[b"test.run", b"key"]);
    let length = import("strings", "len", "(param i32 i32)", "(call $import (i32.const 0) (i32.const 1104))");
    bench_call(c, "host len", &length, &[b"test.run", b"key"]);
    let now = import("context", "now-us", "(result i64)", "(drop (call $import))");
    bench_call(c, "host now", &now, &[b"test.run", b"key"]);
}

fn instances(c: &mut Criterion) {
    let module = load(&calling(""));
    let mut host = TestHost::default();
    c.bench_function("new instance with init", |b| {
        b.iter_batched(
            || (),
            |()| module.instantiate(&Limits::default(), Argv::EMPTY, &mut host, None).map(drop),
            BatchSize::SmallInput,
        );
    });
}

criterion_group!(benches, call, instances);
criterion_main!(benches);
