//! A command that failed has done nothing, wherever it was when it failed.

use crate::{lose, start};
use sandkey_tests::modules::skip;
use sandkey_tests::{Client, Value};

/// Everything that `LEDGER.FAIL a n r` could have changed.
fn state(client: &mut Client) -> Vec<Value> {
    let lines = [
        "LEDGER.DIGEST a",
        "LEDGER.READ a",
        "PEXPIRETIME a",
        "TYPE n",
        "GET n",
        "PEXPIRETIME n",
        "TYPE r",
        "PEXPIRETIME r",
        "DBSIZE",
        "LEDGER.KEYS",
    ];
    let mut state: Vec<Value> = lines.iter().map(|line| client.value(line)).collect();
    let is_string = client.run("TYPE r") == "string";
    state.push(client.value(if is_string { "GET r" } else { "LEDGER.DIGEST r" }));
    state
}

#[test]
fn nothing_is_left_of_a_command_that_failed() {
    if skip() {
        return;
    }
    let server = start(&["ledger"]);
    let mut client = server.client();
    let befores: [&[&str]; 6] = [
        &[],
        &["LEDGER.ADD a 1", "SET n text", "SET r text"],
        &[
            "LEDGER.STAMP a x",
            "PEXPIREAT a 4000000000000",
            "SET n text PXAT 4000000000000",
            "SET r 17 PXAT 4000000000000",
        ],
        &["LEDGER.ADDALL 1 x a r", "LEDGER.ADD a 2", "PEXPIREAT r 4000000000000"],
        &["LEDGER.FILL a 300000 1", "LEDGER.FILL r 300000 2", "LEDGER.POSTALL 1 x a r"],
        &["LEDGER.ADD a 1", "LEDGER.ADD r 1", "LEDGER.FAIL a n r ok"],
    ];
    for (index, before) in befores.iter().enumerate() {
        client.run("FLUSHALL");
        for line in *before {
            let reply = client.value(line);
            assert!(reply.error().is_none(), "{line}: {}", reply.cli());
        }
        for (how, says) in [
            ("error", "told to fail"),
            ("trap", "unreachable"),
            ("loop", "out of fuel"),
            ("memory", "out of memory"),
        ] {
            for lost in [false, true] {
                let expected = state(&mut client);
                if lost {
                    lose(&mut client);
                }
                let reply = client.run(&format!("LEDGER.FAIL a n r {how}"));
                assert!(reply.starts_with("(error) ERR ") && reply.contains(says), "{index} {how}: {reply}");
                assert_eq!(state(&mut client), expected, "{index} {how}, lost: {lost}");
                lose(&mut client);
                assert_eq!(state(&mut client), expected, "{index} {how}, lost: {lost}, and again");
            }
        }
        // And it can be changed as if nothing had been.
        let entries = client.int("LEDGER.ADD a 1");
        assert_eq!(client.int("LEDGER.ADD a 1"), entries + 1);
    }
}

/// The command is ended after as much fuel as it is given: in every step, between any two, in the last instruction.
#[test]
fn nothing_is_left_wherever_the_fuel_ends() {
    if skip() {
        return;
    }
    let server = start(&["ledger"]);
    let mut client = server.client();
    assert_eq!(client.run("LEDGER.ADD a 1"), "(integer) 1");
    assert_eq!(client.run("LEDGER.ADDALL 1 x b"), "(integer) 1");
    let (mut fuel, mut succeeded, mut failed) = (200_u64, 0, 0);
    let (mut entries, mut count) = (1, 0);
    while succeeded < 20 {
        assert_eq!(client.run(&format!("MODULE LIMITS ledger FUEL {fuel}")), "OK");
        let reply = client.value("LEDGER.BURN a n b 0 6");
        match reply.int() {
            Some(n) => {
                succeeded += 1;
                (entries, count) = (entries + 6, count + 6);
                assert_eq!(n, count);
            }
            None => {
                failed += 1;
                assert!(reply.error().is_some_and(|line| line.contains("out of fuel")), "{}", reply.cli());
            }
        }
        assert_eq!(client.run("MODULE LIMITS ledger FUEL 100000000"), "OK");
        for key in ["a", "b"] {
            let digest = client.value(&format!("LEDGER.DIGEST {key}")).text();
            assert_eq!(
                digest.split(':').next(),
                Some(entries.to_string().as_str()),
                "{key} with fuel {fuel}"
            );
        }
        assert_eq!(client.run("GET n"), if count == 0 { "(nil)".into() } else { format!("\"{count}\"") });
        fuel += 61;
        assert!(failed < 5000, "it never succeeds");
    }
    assert!(failed > 50, "only {failed} commands were ended");
}
