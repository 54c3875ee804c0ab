//! Everything that can be wrong with a file, and the one line that says so; and the child that compiles.
//!
//! This test is its own compiler: the engine starts it again with the hidden argument, so it has a `main` of its own
//! instead of the harness.

mod support;

use std::fs;
use std::panic;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sandkey_runtime::{
    Argv, Compiler, Engine, EngineConfig, Limits, LoadError, Module, Reply, compile_child,
};
use support::guest::embed;
use support::{Guest, TestHost, calling, run};

fn main() {
    compile_child::main_if_asked();
    // Nothing but tests below; `cargo test` passes a filter, and flags that mean nothing here.
    let filter = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    let tests: &[(&str, fn())] = &[
        (
            "a_component_and_a_core_module_load_through_the_child",
            a_component_and_a_core_module_load_through_the_child,
        ),
        ("files_that_are_no_modules", files_that_are_no_modules),
        ("truncated_anywhere_is_refused", truncated_anywhere_is_refused),
        ("wrong_versions_and_worlds", wrong_versions_and_worlds),
        ("imports_that_are_not_given", imports_that_are_not_given),
        ("features_that_are_off", features_that_are_off),
        ("composed_components_are_refused", composed_components_are_refused),
        ("too_large", too_large),
        ("too_slow_to_compile", too_slow_to_compile),
        ("too_much_memory_to_compile", too_much_memory_to_compile),
        ("a_compiler_that_is_none", a_compiler_that_is_none),
        ("the_cache_saves_the_second_compilation", the_cache_saves_the_second_compilation),
        ("no_children_are_left", no_children_are_left),
    ];
    let mut failed = 0;
    for (name, test) in tests.iter().filter(|(name, _)| name.contains(&filter)) {
        let passed = panic::catch_unwind(test).is_ok();
        eprintln!("test {name} ... {}", if passed { "ok" } else { "FAILED" });
        failed += i32::from(!passed);
    }
    std::process::exit(failed);
}

fn this_program() -> PathBuf {
    std::env::current_exe().expect("a running test has a path")
}

fn config() -> EngineConfig {
    EngineConfig::new(Compiler::Child(this_program()))
}

fn engine_with(config: EngineConfig) -> Engine {
    Engine::new(config).expect("the engine starts")
}

fn load(wasm: &[u8]) -> Result<Module, LoadError> {
    engine_with(config()).load(wasm)
}

/// The line that refuses these bytes.
fn line(wasm: &[u8]) -> String {
    load(wasm).expect_err("it must be refused").to_string()
}

fn works(module: &Module) {
    let mut host = TestHost::default();
    let made = module.instantiate(&Limits::default(), Argv::EMPTY, &mut host, None);
    let (mut instance, manifest) = made.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(manifest.commands[0].name, "test.run");
    assert_eq!(run(&mut instance, &mut host, &[b"test.run"]).result, Ok(Ok(Reply::Ok)));
}

fn a_component_and_a_core_module_load_through_the_child() {
    let guest = Guest::default();
    for wasm in [guest.core(), guest.component()] {
        let module = load(&wasm).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(module.exports(), ["sandkey:module/lifecycle@0.1.0", "sandkey:module/commands@0.1.0"]);
        assert_eq!((module.digest().len(), module.wasm_bytes()), (64, wasm.len()));
        assert!(module.is_entered_directly());
        works(&module);
    }
}

fn files_that_are_no_modules() {
    assert_eq!(line(b""), "the file is empty");
    assert_eq!(line(b"#!/bin/sh\n"), "the file is not WebAssembly: it looks like a script");
    let this = fs::read(this_program()).expect("a running test can be read");
    assert!(
        line(&this[..4096]).starts_with("the file is a native ELF file")
            || line(&this[..4096]).starts_with("the file is a native Mach-O file"),
        "{}",
        line(&this[..4096])
    );
    assert_eq!(
        line(b"\0asm\x01\0\0\0"),
        "the file is a core module without its WIT: it has no component-type section, so it was not built against the \
         contract sandkey:module"
    );
    let mut garbage = b"\0asm\x0d\0\x01\0".to_vec();
    garbage.extend([0x40, 2, 1, 2]);
    assert!(line(&garbage).starts_with("the module is invalid: "), "{}", line(&garbage));
}

fn truncated_anywhere_is_refused() {
    let component = Guest::default().component();
    let engine = Engine::new(EngineConfig::new(Compiler::InProcess)).expect("the engine starts");
    for length in (0..component.len()).step_by(7).chain(component.len() - 9..component.len()) {
        let error = engine.load(&component[..length]).expect_err("half a component is none").to_string();
        assert!(
            [
                "the file is truncated",
                "the file is empty",
                "the module is invalid",
                "the module does not export"
            ]
            .iter()
            .any(|begin| error.starts_with(begin)),
            "{length}: {error}"
        );
    }
}

/// The contract with one word replaced by another.
fn altered(from: &str, to: &str) -> (wit_parser::Resolve, wit_parser::PackageId) {
    let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
    let directory = tempfile::tempdir().expect("a temporary directory");
    for entry in fs::read_dir(wit).expect("the contract is there") {
        let path = entry.expect("the contract is there").path();
        let text = fs::read_to_string(&path).expect("it is text").replace(from, to);
        fs::write(directory.path().join(path.file_name().expect("a file has a name")), text)
            .expect("it is ours");
    }
    let mut resolve = wit_parser::Resolve::default();
    let (package, _) = resolve.push_dir(directory.path()).unwrap_or_else(|error| panic!("{error:#}"));
    (resolve, package)
}

fn wrong_versions_and_worlds() {
    let text = Guest::default().text().replace("@0.1.0#", "@0.2.0#");
    let newer = altered("package sandkey:module@0.1.0", "package sandkey:module@0.2.0");
    assert_eq!(
        line(&embed(&text, &newer, "module")),
        "the module wants sandkey:module@0.2.0, and this server has sandkey:module@0.1.0"
    );
    let importing = Guest {
        fields: r#"(import "sandkey:module/context@0.2.0" "db" (func (result i32)))"#.into(),
        ..Guest::default()
    };
    assert_eq!(
        line(&embed(&importing.text().replace("@0.1.0#", "@0.2.0#"), &newer, "module")),
        "the module wants sandkey:module@0.2.0, and this server has sandkey:module@0.1.0"
    );
    // A later version of the same series passes as long as it needs nothing that is new.
    let patch = altered("package sandkey:module@0.1.0", "package sandkey:module@0.1.7");
    let importing = Guest {
        fields: r#"(import "sandkey:module/context@0.1.7" "random" (func $random (result i64)))"#.into(),
        ..calling("(drop (call $random))")
    };
    let later = embed(&importing.text().replace("@0.1.0#", "@0.1.7#"), &patch, "module");
    let later = load(&later).unwrap_or_else(|error| panic!("{error}"));
    assert!(later.is_entered_directly());
    works(&later);
    let missing = |export: &str| {
        format!(
            "the module does not export sandkey:module/{export}, so it is not a module for sandkey:module@0.1.0"
        )
    };
    assert_eq!(line(b"\0asm\x0d\0\x01\0"), missing("lifecycle"));
    let without = altered("export commands;", "");
    let text = Guest::default().text().replace("(export \"sandkey:module/commands@0.1.0#call\")", "");
    assert_eq!(line(&embed(&text, &without, "module")), missing("commands"));
    // The right names with other types.
    let retyped = altered("call: func(command: u32, args: argv)", "call: func(command: s32, args: argv)");
    let module =
        load(&embed(&Guest::default().text(), &retyped, "module")).unwrap_or_else(|error| panic!("{error}"));
    let made = module.instantiate(&Limits::default(), Argv::EMPTY, &mut TestHost::default(), None);
    let error = made.expect_err("it has a wrong type").to_string();
    assert!(error.starts_with("the module's export has a wrong type: "), "{error}");
}

fn component(text: &str) -> Vec<u8> {
    wat::parse_str(text).unwrap_or_else(|error| panic!("{error}"))
}

fn imports_that_are_not_given() {
    let gives = |name: &str| format!("the module imports {name}, which this server does not give");
    let importing = |name: &str| line(&component(&format!(r#"(component (import "{name}" (instance)))"#)));
    for name in [
        "acme:sockets/tcp@1.0.0",
        "wasi:http/types@0.2.0",
        "wasi:cli/environment@0.3.0",
        "sandkey:module/extra@0.1.0",
    ] {
        assert_eq!(importing(name), gives(name));
    }
    let function = r#"(component (import "do-it" (func)))"#;
    assert_eq!(line(&component(function)), gives("do-it"));
    // An interface that is given, with a function that is not in it.
    let newer = altered("db: func() -> u32;", "db: func() -> u32; disk: func() -> u32;");
    let guest = Guest {
        fields: r#"(import "sandkey:module/context@0.1.0" "disk" (func (result i32)))"#.into(),
        ..Guest::default()
    };
    assert_eq!(line(&embed(&guest.text(), &newer, "module")), gives("sandkey:module/context@0.1.0#disk"));
    // And with a function of another type.
    let retyped = altered("db: func() -> u32;", "db: func() -> u64;");
    let guest = Guest {
        fields: r#"(import "sandkey:module/context@0.1.0" "db" (func (result i64)))"#.into(),
        ..Guest::default()
    };
    assert_eq!(
        line(&embed(&guest.text(), &retyped, "module")),
        "the module imports sandkey:module/context@0.1.0#db in another form than this server gives it: \
         expected `u32` found `u64`"
    );
}

fn features_that_are_off() {
    for (field, word) in [
        ("(memory 1) (memory 1)", "multiple memories"),
        ("(memory $shared 1 1 shared)", "threads"),
        ("(func (param (ref any)))", ""),
        ("(tag $oops)", "exceptions"),
        (
            "(func (result v128) (i8x16.relaxed_swizzle (v128.const i64x2 0 0) (v128.const i64x2 0 0)))",
            "relaxed SIMD",
        ),
    ] {
        let error = line(&component(&format!("(component (core module {field}))")));
        assert!(error.starts_with("the module is invalid: ") && error.contains(word), "{field}: {error}");
        assert!(!error.contains('\n'));
    }
}

fn composed_components_are_refused() {
    assert_eq!(
        line(&component("(component (component (core module)))")),
        "the component is composed of parts that call each other, which this server cannot meter; link them into one module"
    );
}

fn too_large() {
    let engine = engine_with(EngineConfig { module_bytes: 100, ..config() });
    let error = engine.load(&Guest::default().component()).expect_err("it is too large").to_string();
    assert!(
        error.starts_with("the file is too large: ") && error.ends_with(" bytes, of 100 allowed"),
        "{error}"
    );
}

/// A module that takes long to compile: large functions.
fn heavy(functions: usize, statements: usize) -> Vec<u8> {
    let body = "(local.set 0 (i64.add (i64.mul (local.get 0) (i64.const 3)) (i64.rotl (local.get 0) (i64.const 7))))"
        .repeat(statements);
    let function = format!("(func (param i64) (result i64) {body} (local.get 0))");
    Guest { fields: function.repeat(functions), ..Guest::default() }.component()
}

fn too_slow_to_compile() {
    let time = Duration::from_millis(300);
    let engine = engine_with(EngineConfig { compile_time: time, ..config() });
    let wasm = heavy(150, 2000);
    let begin = Instant::now();
    let error = engine.load(&wasm).expect_err("it takes longer").to_string();
    assert_eq!(error, "the module takes too long to compile: more than 0.3 seconds");
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
}

fn too_much_memory_to_compile() {
    let engine = engine_with(EngineConfig { compile_memory: 150 << 20, ..config() });
    let error = engine.load(&heavy(4, 100_000)).expect_err("it takes more").to_string();
    assert_eq!(error, "the module takes too much memory to compile: more than 150 MB");
}

fn a_compiler_that_is_none() {
    let with = |program: &str| {
        let config = EngineConfig::new(Compiler::Child(program.into()));
        engine_with(config).load(&Guest::default().component()).expect_err("nothing compiles").to_string()
    };
    assert!(with("/does/not/exist").starts_with("the module could not be compiled: /does/not/exist: "));
    assert_eq!(
        with("/bin/true"),
        "the module could not be compiled: the compiler's process ended without a word"
    );
    assert!(
        with("/bin/false").starts_with(
            "the module could not be compiled: the compiler's process ended with exit status: 1"
        ),
        "{}",
        with("/bin/false")
    );
}

fn the_cache_saves_the_second_compilation() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let cache = directory.path().join("cache");
    let wasm = Guest::default().core();
    let first = engine_with(EngineConfig { cache: Some(cache.clone()), ..config() });
    works(&first.load(&wasm).unwrap_or_else(|error| panic!("{error}")));
    // This one could not compile if it had to.
    let broken = EngineConfig {
        cache: Some(cache.clone()),
        ..EngineConfig::new(Compiler::Child("/bin/false".into()))
    };
    let second = engine_with(broken);
    works(&second.load(&wasm).unwrap_or_else(|error| panic!("{error}")));
    // A damaged file is compiled again, and not loaded.
    let files = fs::read_dir(&cache).expect("the cache is there");
    let artifact = files
        .map(|entry| entry.expect("the cache is there").path())
        .find(|path| path.extension().is_some_and(|extension| extension == "skc"))
        .expect("one module was compiled");
    let mut bytes = fs::read(&artifact).expect("it is ours");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    fs::write(&artifact, &bytes).expect("it is ours");
    assert!(second.load(&wasm).is_err(), "it must want to compile again");
    works(&first.load(&wasm).unwrap_or_else(|error| panic!("{error}")));
    works(&second.load(&wasm).unwrap_or_else(|error| panic!("{error}")));
}

/// Killed or not, every child was waited for: a zombie would have this process as its parent.
fn no_children_are_left() {
    let children = format!("/proc/self/task/{}/children", std::process::id());
    if let Ok(children) = fs::read_to_string(children) {
        assert_eq!(children.trim(), "", "children that nobody waited for");
    }
}
