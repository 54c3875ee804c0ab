//! Random requests, reply by reply against redis-server 7.0.15, in RESP2 and in RESP3.
//! It is 50,000 requests altogether, and more than a million in the long form (`sandkey_tests::extent`). The seed that a report
//! tells begins with the episode that it is about.

use sandkey_tests::differential::Differential;
use sandkey_tests::episodes::Episodes;
use sandkey_tests::extent::{long, seed};
use sandkey_tests::generator::Generator;
use sandkey_tests::model::Model;
use sandkey_tests::{Peer, Protocol, Server, paths};

/// Requests for each protocol.
fn requests() -> usize {
    if long() { 500_000 } else { 18_000 }
}

/// Requests for each protocol when modules are there, too.
fn requests_with_modules() -> usize {
    if long() { 100_000 } else { 7_000 }
}

/// For DEBUG DIGEST-VALUE.
const DEBUG: [&str; 2] = ["--enable-debug-command", "yes"];

fn compare(protocol: Protocol) {
    let seed = seed();
    let (ours, theirs) = (Server::start(&DEBUG), Peer::redis(&DEBUG));
    let mut run = Episodes::new(&ours, &theirs, protocol);
    run.run(seed, requests());
    eprintln!("{} requests in {protocol:?}", run.requests);
    run.verdict();
}

#[test]
fn replies_are_those_of_redis_in_resp2() {
    compare(Protocol::Resp2);
}

#[test]
fn replies_are_those_of_redis_in_resp3() {
    compare(Protocol::Resp3);
}

/// Native commands are compared with redis-server and module commands with a model, in one stream.
fn compare_with_modules(protocol: Protocol) {
    if paths::stand_in() {
        eprintln!("skipped: the stand-in has no modules of ours");
        return;
    }
    let seed = seed();
    let files = ["hello", "bench", "throttle", "cas"].map(|name| paths::module(name).display().to_string());
    let mut args: Vec<&str> = files.iter().flat_map(|file| ["--loadmodule", file]).collect();
    args.extend(DEBUG);
    let (ours, theirs) = (Server::start(&args), Peer::redis(&DEBUG));
    let mut generator = Generator::new(seed);
    let mut native = Differential::new(&ours, &theirs, protocol);
    let mut modules = Model::new(ours.client_speaking(protocol), seed);
    while native.requests + modules.requests < requests_with_modules()
        && !native.hopeless()
        && modules.differences.len() < 20
    {
        native.step(&mut generator);
        modules.step();
        modules.step();
    }
    modules.compare_state();
    let what = format!("SANDKEY_SEED={seed} {protocol:?}");
    let list = modules.differences.join("\n");
    assert!(modules.differences.is_empty(), "{what}: modules, of {} requests\n{list}", modules.requests);
    modules.clean();
    if !native.hopeless() {
        native.compare_state();
    }
    native.verdict(&what);
    eprintln!("{} native and {} module requests", native.requests, modules.requests);
}

#[test]
fn modules_do_as_the_model_says_in_resp2() {
    compare_with_modules(Protocol::Resp2);
}

#[test]
fn modules_do_as_the_model_says_in_resp3() {
    compare_with_modules(Protocol::Resp3);
}
