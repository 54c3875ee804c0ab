//! Values of modules in DUMP, RESTORE and MIGRATE: the commands that are not in a value's bytes yet go with it, and nothing comes in
//! that its module cannot load.

use crate::{digest, start};
use sandkey_tests::modules::skip;
use sandkey_tests::{Client, Value};

fn dump(client: &mut Client, key: &str) -> Vec<u8> {
    client.call(&["DUMP", key]).bytes().expect("a payload").to_vec()
}

fn restore(client: &mut Client, key: &str, payload: &[u8]) -> Value {
    client.call(&[b"RESTORE".as_slice(), key.as_bytes(), b"0", payload, b"REPLACE"])
}

/// Accounts whose last writes are in the journal alone.
fn fill(client: &mut Client) {
    client.run("LEDGER.FILL large 300000 1");
    for key in ["small", "large"] {
        for n in 0..10 {
            client.run(&format!("LEDGER.STAMP {key} text{n}"));
            client.run(&format!("LEDGER.ADD {key} {n}"));
        }
    }
}

#[test]
fn a_dump_has_everything_that_was_acknowledged() {
    if skip() {
        return;
    }
    let (server, other) = (start(&["ledger"]), start(&["ledger"]));
    let (mut client, mut there) = (server.client(), other.client());
    fill(&mut client);
    for key in ["small", "large"] {
        let payload = dump(&mut client, key);
        assert_eq!(payload[0], 7, "MODULE_2");
        let expected = digest(&mut client, key);
        assert_eq!(restore(&mut there, key, &payload), Value::ok());
        assert_eq!(there.run(&format!("TYPE {key}")), "proof-acc");
        assert_eq!(digest(&mut there, key), expected);
        assert_eq!(restore(&mut client, "copy", &payload), Value::ok());
        assert_eq!(digest(&mut client, "copy"), expected);
        // A copy goes its own way.
        client.run("LEDGER.ADD copy 1");
        assert_eq!(digest(&mut client, key), expected);
    }
}

#[test]
fn a_dump_of_a_dormant_value_is_taken_as_it_is() {
    if skip() {
        return;
    }
    let (server, other) = (start(&["ledger"]), start(&["ledger"]));
    let (mut client, mut there) = (server.client(), other.client());
    fill(&mut client);
    let expected = digest(&mut client, "small");
    assert_eq!(client.run("MODULE UNLOAD ledger"), "OK");
    let payload = dump(&mut client, "small");
    assert_eq!(restore(&mut client, "copy", &payload), Value::ok());
    assert_eq!(dump(&mut client, "copy"), payload);
    assert_eq!(restore(&mut there, "small", &payload), Value::ok());
    assert_eq!(digest(&mut there, "small"), expected);
    // Where nobody knows better, anything is kept that has the right form.
    let nonsense = patched(&payload);
    assert_eq!(restore(&mut client, "nonsense", &nonsense), Value::ok());
    assert_eq!(dump(&mut client, "nonsense"), nonsense);
}

/// The same type with one integer for a value, and a checksum that is right: what server/src/effects/rdb writes.
fn patched(payload: &[u8]) -> Vec<u8> {
    const POLYNOMIAL: u64 = 0x95ac_9329_ac4b_c9b5;
    let mut patched = [&payload[..10], &[2, 5, 0, 10, 0]].concat();
    let mut crc = 0u64;
    for byte in &patched {
        crc ^= u64::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ POLYNOMIAL } else { crc >> 1 };
        }
    }
    patched.extend_from_slice(&crc.to_le_bytes());
    patched
}

#[test]
fn what_the_module_cannot_load_does_not_come_in() {
    if skip() {
        return;
    }
    let server = start(&["ledger"]);
    let mut client = server.client();
    fill(&mut client);
    let payload = dump(&mut client, "small");
    let expected = digest(&mut client, "small");
    let reply = restore(&mut client, "small", &patched(&payload));
    assert_eq!(reply.error().as_deref(), Some("ERR Bad data format"));
    assert_eq!(digest(&mut client, "small"), expected, "what was there is still there");
    let mut damaged = payload;
    damaged[20] ^= 1;
    let reply = restore(&mut client, "small", &damaged);
    assert_eq!(reply.error().as_deref(), Some("ERR DUMP payload version or checksum are wrong"));
}

#[test]
fn values_migrate() {
    if skip() {
        return;
    }
    let (server, other) = (start(&["ledger"]), start(&["ledger"]));
    let (mut client, mut there) = (server.client(), other.client());
    fill(&mut client);
    let expected = ["small", "large"].map(|key| digest(&mut client, key));
    client.run("LEDGER.ADD small 5");
    client.run("LEDGER.ADD small -5");
    let before = client.run("LEDGER.READ small");
    let reply = client.run(&format!("MIGRATE 127.0.0.1 {} \"\" 0 10000 KEYS small large", other.port()));
    assert_eq!(reply, "OK");
    assert_eq!(client.run("EXISTS small large"), "(integer) 0");
    assert_eq!(there.run("LEDGER.READ small"), before);
    assert_eq!(digest(&mut there, "large"), expected[1]);
    // A module's own command is held back, too: the target of this one never answers.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("it is bound").port();
    let mut mover = other.client();
    mover.send(&["MIGRATE", "127.0.0.1", &port.to_string(), "large", "0", "500"]);
    sandkey_tests::eventually("the migration has begun", std::time::Duration::from_secs(5), || {
        there.value("CLIENT LIST").text().contains("cmd=migrate")
    });
    let began = std::time::Instant::now();
    assert!(there.value("LEDGER.DIGEST large").error().is_none());
    assert!(there.value("LEDGER.ADD large 1").error().is_none());
    assert!(began.elapsed() >= std::time::Duration::from_millis(200));
    assert!(mover.read().error().is_some());
}
