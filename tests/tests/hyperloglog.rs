//! Sketches of this server and of redis-server: the same bytes after the same commands, and each goes on with the other's.

use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use sandkey_tests::{Client, Peer, Server, Value};

/// Run a command on both servers, whose replies must be the same.
fn on_both(clients: &mut [Client; 2], args: &[String]) -> Value {
    let [ours, theirs] = clients.each_mut().map(|client| client.call(args));
    assert_eq!(ours, theirs, "{}", args[..args.len().min(6)].join(" "));
    ours
}

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}

/// PFADD with a run of numbers, few mostly, sometimes so many that the sketch becomes dense.
fn addition(rng: &mut impl Rng) -> Vec<String> {
    let few = rng.random_range(0..8) != 0;
    let count = rng.random_range(1..if few { 20 } else { 3000 });
    let first: u32 = rng.random_range(0..1_000_000);
    let elements = (first..first + count).map(|n| format!("element:{n}"));
    words(&format!("PFADD key:{}", rng.random_range(0..6))).into_iter().chain(elements).collect()
}

#[test]
fn the_same_commands_give_the_same_bytes_and_the_other_goes_on() {
    for sparse_max in ["0", "3000", "16000"] {
        let args = ["--hll-sparse-max-bytes", sparse_max];
        let servers = [Server::start(&args), Peer::redis(&args)];
        let mut clients = servers.each_ref().map(Server::client);
        let mut rng = StdRng::seed_from_u64(7);
        for step in 0..400 {
            let key = |rng: &mut StdRng| format!("key:{}", rng.random_range(0..6));
            let (a, b) = (key(&mut rng), key(&mut rng));
            on_both(
                &mut clients,
                &match rng.random_range(0..20) {
                    0..14 => addition(&mut rng),
                    14 | 15 => words(&format!("PFCOUNT {a}")),
                    16 => words(&format!("PFCOUNT {a} {b}")),
                    17 | 18 => words(&format!("PFMERGE merged {a} {b}")),
                    _ => words(&format!("DEL merged {a}")),
                },
            );
            let name = if step % 2 == 0 { a } else { "merged".to_owned() };
            on_both(&mut clients, &words(&format!("GET {name}")));
            // They change places.
            if step % 20 == 0 {
                let dumps = clients.each_mut().map(|client| client.call(&["DUMP", &name]));
                for (client, dump) in clients.iter_mut().rev().zip(&dumps) {
                    if let Some(dump) = dump.bytes() {
                        let restored = client.call(&[b"RESTORE", name.as_bytes(), b"0", dump, b"REPLACE"]);
                        assert_eq!(restored, Value::ok());
                    }
                }
                on_both(&mut clients, &words(&format!("PFCOUNT {name}")));
            }
        }
    }
}

/// Sketches with bytes changed at random: whatever the reply is, the server goes on.
#[test]
fn damaged_sketches_do_no_harm() {
    let server = Server::start(&[]);
    let mut client = server.client();
    let mut rng = StdRng::seed_from_u64(8);
    for dense in [false, true] {
        client.run("DEL good");
        client.call(&addition(&mut rng).into_iter().enumerate().fold(Vec::new(), |mut args, (i, word)| {
            args.push(if i == 1 { "good".to_owned() } else { word });
            args
        }));
        if dense {
            client.run("PFDEBUG TODENSE good");
        }
        let good = client.value("GET good").bytes().expect("it is a string").to_vec();
        for _ in 0..300 {
            let mut bad = good.clone();
            for _ in 0..rng.random_range(1..4) {
                let at = rng.random_range(0..bad.len().min(60));
                bad[at] = rng.random();
            }
            if rng.random_range(0..4) == 0 {
                bad.truncate(rng.random_range(0..bad.len()));
            }
            for command in ["PFADD bad a b c", "PFCOUNT bad", "PFCOUNT bad good", "PFMERGE bad good"] {
                client.call(&[&b"SET"[..], b"bad", &bad]);
                client.run(command);
                client.run("PFDEBUG GETREG bad");
                client.run("PFDEBUG DECODE bad");
            }
        }
    }
    assert_eq!(client.run("PING"), "PONG");
}
