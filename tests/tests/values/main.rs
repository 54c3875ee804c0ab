//! Values of modules' own types, as clients see them: what every command does with them, what is left of a command that failed, what
//! survives a lost instance, another version of the module, and its absence. The modules are `ledger`, whose values keep every
//! write, and `foul`, whose values misbehave.
//! What survives a lost server is in crash.rs.

mod commands;
mod dormant;
mod dump;
mod files;
mod hostile;
mod journal;
mod nested;
mod undo;
mod upgrade;

use sandkey_tests::modules::start_with;
use sandkey_tests::{Client, Server};

/// A server with these modules.
#[track_caller]
fn start(modules: &[&str]) -> Server {
    start_with(modules, &[])
}

/// Make the server drop the instance of `ledger`, and with it every object that it has.
#[track_caller]
fn lose(client: &mut Client) {
    let reply = client.run("LEDGER.FAIL lost:a lost:b lost:c trap");
    assert!(reply.contains("unreachable"), "{reply}");
    assert_eq!(client.run("EXISTS lost:a lost:b lost:c"), "(integer) 0");
}

/// The digest of an account, once as it is in memory and once as it comes back after the instance was lost.
#[track_caller]
fn digest(client: &mut Client, key: &str) -> String {
    let line = format!("LEDGER.DIGEST {key}");
    let before = client.run(&line);
    lose(client);
    assert_eq!(client.run(&line), before, "{key} is not the same when it comes back");
    before
}

/// What the module has used, by name.
#[track_caller]
fn used(client: &mut Client, module: &str, what: &str) -> i64 {
    let inspected = client.value(&format!("MODULE INSPECT {module}"));
    let usage = inspected.field("usage").and_then(|usage| usage.field(what));
    usage.and_then(|value| value.int()).unwrap_or_else(|| panic!("no {what} in {}", inspected.cli()))
}
