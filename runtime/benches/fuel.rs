//! What fuel costs: the same code compiled with and without it. A tight loop, where the count is one addition among few
//! instructions, and calls, each of which must bring the count up to date.
//!
//! Core modules and an engine of its own, since the library's engine always has fuel.

#![allow(missing_docs)]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use wasmtime::{Config, Engine, Instance, Module, Store, TypedFunc};

/// A xorshift generator, so many rounds.
const LOOP: &str = r#"(module (func (export "run") (param $n i32) (result i64)
    (local $x i64)
    (local.set $x (i64.const 88172645463325252))
    (loop $again
        (local.set $x (i64.xor (local.get $x) (i64.shl (local.get $x) (i64.const 13))))
        (local.set $x (i64.xor (local.get $x) (i64.shr_u (local.get $x) (i64.const 7))))
        (local.set $x (i64.xor (local.get $x) (i64.shl (local.get $x) (i64.const 17))))
        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
        (br_if $again (local.get $n)))
    (local.get $x)))"#;

/// Fibonacci's numbers by two calls each.
const CALLS: &str = r#"(module (func $fib (export "run") (param $n i32) (result i64)
    (if (result i64) (i32.lt_u (local.get $n) (i32.const 2))
        (then (i64.extend_i32_u (local.get $n)))
        (else (i64.add
            (call $fib (i32.sub (local.get $n) (i32.const 1)))
            (call $fib (i32.sub (local.get $n) (i32.const 2))))))))"#;

fn prepare(wat: &str, fuel: bool) -> (Store<()>, TypedFunc<i32, i64>) {
    let mut config = Config::new();
    config.consume_fuel(fuel);
    let engine = Engine::new(&config).expect("the engine starts");
    let bytes = wat::parse_str(wat).expect("it is WebAssembly");
    let module = Module::new(&engine, bytes).expect("it compiles");
    let mut store = Store::new(&engine, ());
    if fuel {
        store.set_fuel(u64::MAX).expect("this engine has fuel");
    }
    let instance = Instance::new(&mut store, &module, &[]).expect("it imports nothing");
    let run = instance.get_typed_func(&mut store, "run").expect("it exports this");
    (store, run)
}

fn fuel(c: &mut Criterion) {
    for (name, wat, n) in [("tight loop, 10000 rounds", LOOP, 10_000), ("calls, fib(15)", CALLS, 15)] {
        let mut group = c.benchmark_group(name);
        for (name, fuel) in [("without fuel", false), ("with fuel", true)] {
            let (mut store, run) = prepare(wat, fuel);
            group.bench_function(name, |b| {
                b.iter(|| {
                    if fuel {
                        store.set_fuel(1_000_000_000).expect("this engine has fuel");
                    }
                    black_box(run.call(&mut store, black_box(n)).expect("it cannot trap"))
                });
            });
        }
        group.finish();
    }
}

criterion_group!(benches, fuel);
criterion_main!(benches);
