//! Random requests, reply by reply against redis-server 7.0.15, in RESP2 and in RESP3.
//! It is 100,000 requests altogether; `SANDKEY_LONG=1` makes it ten times as many, and `SANDKEY_SEED` repeats a run.

use sandkey_tests::differential::Differential;
use sandkey_tests::generator::{Generator, fresh_seed};
use sandkey_tests::{Peer, Protocol, Server};

/// Requests for each protocol.
fn requests() -> usize {
    if std::env::var_os("SANDKEY_LONG").is_some() { 500_000 } else { 50_000 }
}

fn seed() -> u64 {
    match std::env::var("SANDKEY_SEED") {
        Ok(text) => text.parse().expect("SANDKEY_SEED is a number"),
        Err(_) => fresh_seed(),
    }
}

fn compare(protocol: Protocol) {
    let seed = seed();
    println!("SANDKEY_SEED={seed}");
    let (ours, theirs) = (Server::start(&[]), Peer::redis(&[]));
    let mut generator = Generator::new(seed);
    let mut run = Differential::new(&ours, &theirs, protocol);
    while run.requests < requests() && !run.hopeless() {
        run.step(&mut generator);
    }
    if !run.hopeless() {
        run.compare_state();
    }
    run.verdict(&format!("SANDKEY_SEED={seed} {protocol:?}"));
}

#[test]
fn replies_are_those_of_redis_in_resp2() {
    compare(Protocol::Resp2);
}

#[test]
fn replies_are_those_of_redis_in_resp3() {
    compare(Protocol::Resp3);
}
