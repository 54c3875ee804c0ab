//! What is not loaded, each with its one line, the server unharmed and nothing half-registered.

use sandkey_tests::modules::{patched, skip, start_with};
use sandkey_tests::{Client, Server, Value, paths};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The line must say this, and nothing may be left of the attempt.
#[track_caller]
fn assert_refused(client: &mut Client, path: &Path, args: &[&str], why: &str) {
    let text = path.display().to_string();
    let modules = client.run("MODULE LIST");
    let commands = client.int("COMMAND COUNT");
    let reply = client.call(&[&["MODULE", "LOAD", &text], args].concat());
    let line = reply.error().unwrap_or_else(|| panic!("{text} {args:?} was loaded: {reply:?}"));
    let reason = line.strip_prefix("ERR Error loading the extension: ");
    assert!(
        reason.is_some_and(|reason| reason.contains(why)),
        "{text} {args:?}: {line:?} should say {why:?}"
    );
    assert!(!line.contains(['\r', '\n']), "{line:?} is more than a line");
    assert_eq!(client.run("MODULE LIST"), modules, "{text}");
    assert_eq!(client.int("COMMAND COUNT"), commands, "{text}");
    assert_eq!(client.run("PING"), "PONG");
}

fn write(server: &Server, name: &str, bytes: &[u8]) -> PathBuf {
    let path = server.dir().join(name);
    std::fs::write(&path, bytes).expect("the file can be written");
    path
}

#[test]
fn what_is_no_webassembly() {
    if skip() {
        return;
    }
    let server = start_with(&[], &[]);
    let mut client = server.client();
    let mut refused = |name: &str, bytes: &[u8], why: &str| {
        let path = write(&server, name, bytes);
        assert_refused(&mut client, &path, &[], why);
    };
    refused("empty.wasm", b"", "the file is empty");
    refused("text.wasm", b"hello\n", "the file is not WebAssembly: it looks like text");
    refused("zip.wasm", b"PK\x03\x04\0\0\0\0", "the file is not WebAssembly: it looks like a zip archive");
    refused("source.wat", b"(component)", "it looks like WebAssembly text; assemble it first");
    refused("version.wasm", b"\0asm\x07\0\0\0", "the file is WebAssembly of the unknown version 7");
    // A real native module: any shared library begins like this program.
    let program = std::fs::read(paths::tool("redis-cli")).expect("redis-cli can be read");
    refused(
        "native.so",
        &program,
        "the file is a native ELF file (a .so, a program, or precompiled code): native code could do anything to this server, so only WebAssembly is loaded; compile the module for wasm32 instead",
    );
    let whole = std::fs::read(paths::module("hello")).expect("the module can be read");
    for length in [4, 9, 100, whole.len() / 2, whole.len() - 1] {
        let why = format!("the file is truncated: it ends in the middle of a section, after {length} bytes");
        refused("cut.wasm", &whole[..length], &why);
    }
    // Whole in its outer shape, and nonsense within.
    let mut nonsense = whole.clone();
    let middle = nonsense.len() / 2;
    nonsense[middle - 2000..middle].fill(0xff);
    refused("nonsense.wasm", &nonsense, "the module is invalid: ");
    refused("core.wasm", b"\0asm\x01\0\0\0", "the file is a core module without its WIT");
    refused("component.wasm", b"\0asm\x0d\0\x01\0", "the module does not export sandkey:module/");
    let missing = server.dir().join("missing.wasm");
    assert_refused(&mut client, &missing, &[], "cannot open the file: No such file or directory");
    assert_refused(&mut client, server.dir(), &[], "it is not a file");
}

#[test]
fn what_is_too_large() {
    if skip() {
        return;
    }
    let server = start_with(&[], &["--module-file-max-size", "100kb"]);
    let mut client = server.client();
    let path = server.dir().join("large.wasm");
    let mut file = std::fs::File::create(&path).expect("the file can be made");
    file.write_all(b"\0asm\x0d\0\x01\0").expect("it can be written");
    // Larger than memory, and it must not be read to find that out.
    file.set_len(1 << 40).expect("the file can be sparse");
    assert_refused(
        &mut client,
        &path,
        &[],
        "it has 1099511627776 bytes, and 'module-file-max-size' allows 102400",
    );
    assert_eq!(client.run(&format!("MODULE LOAD {}", paths::module("hello").display())), "OK");
}

#[test]
fn what_was_built_against_something_else() {
    if skip() {
        return;
    }
    let server = start_with(&[], &[]);
    let mut client = server.client();
    let cases = [
        // Another version of the contract: what it wants, and what we have.
        ("@0.1.0", "@7.1.0", "wants sandkey:module@7.1.0"),
        ("@0.1.0", "@7.1.0", "this server has sandkey:module@0.1.0"),
        // An import that nobody gives.
        ("sandkey:module/strings", "sandkey:module/stringz", "sandkey:module/stringz"),
        ("sandkey:module/context", "somebody:other/context", "somebody:other/context"),
        // An export that every module must have.
        (
            "sandkey:module/commands",
            "sandkey:module/commandz",
            "the module does not export sandkey:module/commands",
        ),
    ];
    for (from, to, why) in cases {
        let path = patched(&server, "hello", &[(from, to)]);
        assert_refused(&mut client, &path, &[], why);
    }
}

#[test]
fn what_contradicts_itself_or_others() {
    if skip() {
        return;
    }
    let server = start_with(&["hello"], &[]);
    let mut client = server.client();
    let other_commands = [("hello.greet", "hallo.greet"), ("hello.count", "hallo.count")];
    let cases: [(&[(&str, &str)], &str); 6] = [
        (&[], "module 'hello' is already loaded"),
        (&other_commands, "module 'hello' is already loaded"),
        // Another module with the same commands.
        (&[("hellohello.greet", "hallohello.greet")], "command 'hello.greet' exists already"),
        // A native command's name.
        (
            &[("hellohello.greet", "hallohallo.greet"), ("hello.count", "pexpiretime")],
            "command 'pexpiretime' exists already",
        ),
        (
            &[("hellohello.greet", "hallohello.count")],
            "the module's manifest is wrong: it declares the command 'hello.count' twice",
        ),
        (
            &[("hellohello.greet", "hallohello greet")],
            "the module's manifest is wrong: a command has the name \"hello greet\"; letters, digits and _ - . : are allowed",
        ),
    ];
    for (changes, why) in cases {
        let path = patched(&server, "hello", changes);
        assert_refused(&mut client, &path, &[], why);
    }
    assert_eq!(client.run("HELLO.GREET you"), "\"Hello, you!\"");
    assert_eq!(client.run("PEXPIRETIME nothing"), "(integer) -2");
    // With both names changed it is another module, and welcome.
    let path = patched(
        &server,
        "hello",
        &[("hellohello.greet", "hallohallo.greet"), ("hello.count", "hallo.count")],
    );
    assert_eq!(client.call(&["MODULE", "LOAD", &path.display().to_string()]), Value::ok());
    assert_eq!(client.run("HALLO.GREET you"), "\"Hello, you!\"");
}

#[test]
fn what_fails_in_init() {
    if skip() {
        return;
    }
    let server = start_with(&[], &[]);
    let mut client = server.client();
    let path = paths::module("hostile");
    let cases = [
        ("INIT-LOOP", "the module's init failed: out of fuel"),
        ("INIT-SLEEP", "the module's init failed: out of fuel"),
        ("INIT-TRAP", "the module's init failed: "),
        ("INIT-RECURSE", "the module's init failed: "),
        ("INIT-MEMORY", "the module's init failed: "),
        ("INIT-KEYS", "init may only log"),
        ("INIT-FAIL", "the module refuses to start: "),
        ("NONSENSE", "unknown argument"),
    ];
    for (arg, why) in cases {
        let mut other = server.client();
        let slowest = std::thread::spawn(move || {
            let begin = Instant::now();
            let mut slowest = Duration::ZERO;
            while begin.elapsed() < Duration::from_millis(300) {
                let one = Instant::now();
                assert_eq!(other.run("PING"), "PONG");
                slowest = slowest.max(one.elapsed());
            }
            slowest
        });
        assert_refused(&mut client, &path, &[arg], why);
        let slowest = slowest.join().expect("the other client is served");
        assert!(slowest < Duration::from_secs(2), "{arg}: another client waited for {slowest:?}");
    }
    assert_eq!(client.call(&["MODULE", "LOAD", &path.display().to_string(), "INIT-LOGS"]), Value::ok());
    assert_eq!(client.run("HOSTILE.FINE k"), "OK");
}
