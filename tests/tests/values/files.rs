//! Values of modules in files: through a snapshot and through the append-only file they come back as they were, with their module or
//! without it.

use crate::{digest, lose};
use sandkey_tests::modules::{skip, start_with};
use sandkey_tests::{Client, Server, paths};

const AOF: [&str; 4] = ["--appendonly", "yes", "--appendfsync", "always"];

fn file(name: &str) -> String {
    paths::module(name).display().to_string()
}

/// Accounts after everything that commands can do to them.
fn set_up(client: &mut Client) {
    for i in 0..20 {
        client.run(&format!("LEDGER.ADD k{i} {i} text"));
        client.run(&format!("LEDGER.STAMP k{i} stamped"));
    }
    for line in [
        "LEDGER.FILL k0 300000 1",
        "LEDGER.MOVE k1 k2 5",
        "LEDGER.ADDALL 1 all k3 k4 new1",
        "LEDGER.POSTALL 2 posted k3 k4 new2",
        "LEDGER.MIXED k5 counter hash 7",
        "LEDGER.LINK k6 k7",
        "LEDGER.THROUGH k6 3",
        "LEDGER.RESET k8 4",
        "LEDGER.TRIM k9 1",
        "LEDGER.SWAP k0 k10",
        "LEDGER.FAIL k11 n r ok",
        "LEDGER.FAIL k11 n r error",
        "PEXPIREAT k12 4000000000000",
        "RENAME k13 renamed",
        "COPY k14 copied",
        "COPY k14 copied DB 4",
        "MOVE k15 4",
        "DEL k16",
        "SET k17 text",
    ] {
        let reply = client.value(line);
        assert!(reply.error().is_none_or(|error| error.contains("told to fail")), "{line}: {}", reply.cli());
    }
    for line in
        ["MULTI", "LEDGER.STAMP k18 in-multi", "LEDGER.MOVE k18 k19 2", "LEDGER.FAIL k18 n r trap", "EXEC"]
    {
        client.run(line);
    }
}

/// Everything that is there, by database.
fn everything(client: &mut Client) -> Vec<String> {
    let mut all = Vec::new();
    for db in [0, 4] {
        client.run(&format!("SELECT {db}"));
        let mut keys: Vec<String> =
            client.value("KEYS *").items().iter().map(sandkey_tests::Value::text).collect();
        keys.sort();
        for key in keys {
            let kind = client.run(&format!("TYPE {key}"));
            let read = match kind.as_str() {
                "proof-acc" => vec![format!("LEDGER.READ {key}"), format!("LEDGER.REST {key}")],
                "hash" => vec![format!("HGETALL {key}")],
                _ => vec![format!("GET {key}")],
            };
            let value: Vec<String> = read.iter().map(|line| client.value(line).sorted(1).cli()).collect();
            all.push(format!("{db} {key} {kind} {} {value:?}", client.run(&format!("PEXPIRETIME {key}"))));
        }
    }
    client.run("SELECT 0");
    all
}

/// Stop it, or kill it, and start it again.
fn again(server: &mut Server, kill: bool) -> Client {
    if kill {
        server.kill9();
    }
    server.restart();
    server.client()
}

/// A key that a command finds expired and makes anew is there after a restart, whichever way the command is repeated.
#[test]
fn a_value_that_takes_the_place_of_an_expired_one_stays() {
    if skip() {
        return;
    }
    let args = ["--appendonly", "yes", "--enable-debug-command", "local"];
    let mut server = start_with(&["ledger"], &args);
    let mut client = server.client();
    assert_eq!(client.run("DEBUG SET-ACTIVE-EXPIRE 0"), "OK");
    for key in ["alone", "queued", "after"] {
        client.run(&format!("LEDGER.ADD {key} 1"));
        assert_eq!(client.run(&format!("PEXPIRE {key} 1")), "(integer) 1");
    }
    std::thread::sleep(std::time::Duration::from_millis(20));
    assert_eq!(client.run("LEDGER.ADD alone 2"), "(integer) 1");
    for line in
        ["MULTI", "GET after", "LEDGER.ADD queued 2", "LEDGER.FAIL x y z error", "LEDGER.ADD after 2", "EXEC"]
    {
        client.run(line);
    }
    let before: Vec<String> =
        ["alone", "queued", "after"].map(|key| client.run(&format!("LEDGER.READ {key}"))).to_vec();
    assert!(before.iter().all(|read| read == "1) \"2:0:0:\""), "{before:?}");
    server.restart();
    let mut client = server.client();
    for (key, read) in ["alone", "queued", "after"].iter().zip(&before) {
        assert_eq!(&client.run(&format!("LEDGER.READ {key}")), read, "{key}");
    }
}

#[test]
fn a_snapshot_brings_values_back() {
    if skip() {
        return;
    }
    let mut server = start_with(&["ledger"], &[]);
    let mut client = server.client();
    set_up(&mut client);
    let before = everything(&mut client);
    assert!(before.len() > 25, "{before:#?}");
    assert_eq!(client.run("SAVE"), "OK");
    client = again(&mut server, true);
    assert_eq!(everything(&mut client), before);
    // Journals go on where the file ended.
    client.run("LEDGER.ADD k1 9 later");
    assert_eq!(
        client.run("DEBUG RELOAD"),
        "(error) ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you can run it from a local connection, otherwise you need to set this option in the configuration file, and then restart the server."
    );
    digest(&mut client, "k1");
    let before = everything(&mut client);
    assert_eq!(client.run("BGSAVE"), "Background saving started");
    sandkey_tests::eventually("it is saved", std::time::Duration::from_secs(20), || {
        client.info("rdb_bgsave_in_progress") == "0"
    });
    client = again(&mut server, true);
    assert_eq!(everything(&mut client), before);
}

#[test]
fn reloading_changes_nothing() {
    if skip() {
        return;
    }
    let server = start_with(&["ledger"], &["--enable-debug-command", "local"]);
    let mut client = server.client();
    set_up(&mut client);
    let before = everything(&mut client);
    let fingerprint = client.run("DEBUG DIGEST");
    for _ in 0..3 {
        assert_eq!(client.run("DEBUG RELOAD"), "OK");
        assert_eq!(everything(&mut client), before);
        assert_eq!(client.run("DEBUG DIGEST"), fingerprint);
    }
    lose(&mut client);
    assert_eq!(client.run("DEBUG DIGEST"), fingerprint);
}

#[test]
fn the_append_only_file_brings_values_back() {
    if skip() {
        return;
    }
    for preamble in ["yes", "no"] {
        let args = [&AOF[..], &["--aof-use-rdb-preamble", preamble]].concat();
        let mut server = start_with(&["ledger"], &args);
        let mut client = server.client();
        set_up(&mut client);
        let before = everything(&mut client);
        for kill in [true, false] {
            client = again(&mut server, kill);
            assert_eq!(everything(&mut client), before, "preamble {preamble}, kill {kill}");
        }
        // From a base, and what was appended behind it.
        client.run("BGREWRITEAOF");
        set_up(&mut client);
        let before = everything(&mut client);
        client = again(&mut server, true);
        assert_eq!(everything(&mut client), before, "preamble {preamble}, during a rewrite or after it");
        client.run("BGREWRITEAOF");
        client.await_rewrite();
        client = again(&mut server, true);
        assert_eq!(everything(&mut client), before, "preamble {preamble}, after a rewrite");
    }
}

/// A command that ran another one cannot be repeated exactly, so the values are repeated that it left.
#[test]
fn a_command_that_called_another_comes_back() {
    if skip() {
        return;
    }
    let mut server = start_with(&["ledger", "foul"], &AOF);
    let mut client = server.client();
    client.run("FOUL.PUT own calm");
    client.run("LEDGER.ADD acc 1");
    assert_eq!(client.run("FOUL.NESTED own acc turned"), "(integer) 2");
    assert!(client.run("FOUL.NESTED own acc error").starts_with("(error)"));
    assert!(client.run("FOUL.CALL LEDGER.STAMP acc by-call").contains(":by-call"));
    let read = client.run("LEDGER.READ acc");
    client = again(&mut server, true);
    assert_eq!(client.run("LEDGER.READ acc"), read);
    assert_eq!(client.run("FOUL.MOOD own"), "\"turned\"");
}

/// The limit may be lower when the command is repeated than it was when it ran.
#[test]
fn a_limit_does_not_keep_a_command_from_being_repeated() {
    if skip() {
        return;
    }
    let mut server = start_with(&["ledger"], &[&AOF[..], &["--module-fuel", "100000"]].concat());
    let mut client = server.client();
    client.run("LEDGER.ADD a 1");
    assert!(client.run("LEDGER.FILL a 3000000 1").contains("out of fuel"));
    assert_eq!(client.run("MODULE LIMITS ledger FUEL 1000000000"), "OK");
    assert_eq!(client.run("LEDGER.FILL a 3000000 1"), "OK");
    let before = client.run("LEDGER.REST a");
    // From the journal.
    assert_eq!(client.run("MODULE LIMITS ledger FUEL 100000"), "OK");
    lose(&mut client);
    assert_eq!(client.run("LEDGER.LAST a"), "\"1:0:0:\"");
    client = again(&mut server, true);
    assert_eq!(client.run("MODULE LIMITS ledger FUEL 1000000000"), "OK");
    assert_eq!(client.run("LEDGER.REST a"), before);
}

/// What was written under a parameter is what it was then.
#[test]
fn commands_are_repeated_under_the_parameters_of_then() {
    if skip() {
        return;
    }
    let mut server = start_with(&["ledger"], &AOF);
    let mut client = server.client();
    client.run("LEDGER.ADD a 1");
    assert_eq!(client.run("CONFIG SET ledger.factor 3"), "OK");
    client.run("LEDGER.ADD a 1");
    client.run("LEDGER.ADDALL 1 x a b");
    assert_eq!(client.run("CONFIG SET ledger.factor -5"), "OK");
    client.run("LEDGER.ADD a 1");
    let before = client.run("LEDGER.READ a");
    client = again(&mut server, true);
    assert_eq!(client.run("LEDGER.READ a"), before);
    // The parameter itself is what the server was started with.
    assert_eq!(client.run("CONFIG GET ledger.factor"), "1) \"ledger.factor\"\n2) \"1\"");
    client.run("BGREWRITEAOF");
    assert_eq!(client.run("CONFIG SET ledger.factor 7"), "OK");
    client.run("LEDGER.ADD a 1");
    let before = client.run("LEDGER.READ a");
    client = again(&mut server, true);
    assert_eq!(client.run("LEDGER.READ a"), before);
}

/// A snapshot is loaded without the module that its values belong to, and saved again with them.
#[test]
fn dormant_values_go_through_files() {
    if skip() {
        return;
    }
    let mut server = start_with(&["ledger"], &[]);
    let mut client = server.client();
    set_up(&mut client);
    let before = everything(&mut client);
    assert_eq!(client.run("SAVE"), "OK");
    server.kill9();
    // The file is loaded by a server that knows no modules.
    let dump = server.dir().join("dump.rdb");
    let mut other = start_with(&[], &[]);
    other.kill9();
    std::fs::copy(&dump, other.dir().join("dump.rdb")).expect("the file can be copied");
    other.restart();
    let mut client = other.client();
    assert_eq!(client.run("TYPE k0"), "proof-acc");
    assert_eq!(
        client.run("DBSIZE"),
        format!("(integer) {}", before.iter().filter(|line| line.starts_with('0')).count())
    );
    assert!(client.run("LEDGER.READ k0").starts_with("(error) ERR unknown command"));
    assert_eq!(client.run("RENAME k0 x"), "OK");
    assert_eq!(client.run("RENAME x k0"), "OK");
    assert_eq!(client.run("SAVE"), "OK");
    other.restart();
    let mut client = other.client();
    assert_eq!(client.run(&format!("MODULE LOAD {}", file("ledger"))), "OK");
    assert_eq!(everything(&mut client), before);
    digest(&mut client, "k0");
    // Unloaded while there are journals, then saved.
    client.run("LEDGER.ADD k1 1 last");
    let before = everything(&mut client);
    assert_eq!(client.run("MODULE UNLOAD ledger"), "OK");
    assert_eq!(client.run("SAVE"), "OK");
    other.kill9();
    other.restart();
    let mut client = other.client();
    assert_eq!(client.run(&format!("MODULE LOAD {}", file("ledger-next"))), "OK");
    assert_eq!(everything(&mut client), before);
}

/// The append-only file repeats commands, so the module must be there: the start says so.
#[test]
fn an_append_only_file_asks_for_its_module() {
    if skip() {
        return;
    }
    let mut server = start_with(&["ledger"], &AOF);
    let mut client = server.client();
    client.run("LEDGER.ADD a 1");
    client.run("LEDGER.STAMP a x");
    let before = client.run("LEDGER.READ a");
    server.terminate();
    let dir = server.dir().display().to_string();
    let refused = Server::refused(
        &paths::server(),
        &["--port", "0", "--unixsocket", "s.sock", "--save", "", "--dir", &dir, "--appendonly", "yes"],
    );
    assert_eq!(refused.status.code(), Some(1), "{}", refused.log);
    assert!(
        refused.log.contains("incr.aof") && refused.log.contains("unknown command 'LEDGER.ADD'"),
        "{}",
        refused.log
    );
    server.restart();
    assert_eq!(server.client().run("LEDGER.READ a"), before);
}

/// Values that misbehave are saved as they are, or the save fails and says which.
#[test]
fn a_value_that_cannot_be_saved_fails_the_snapshot_and_nothing_else() {
    if skip() {
        return;
    }
    let mut server = start_with(&["foul"], &[]);
    let mut client = server.client();
    client.run("FOUL.PUT fine calm");
    client.run("FOUL.PUT victim calm");
    assert_eq!(client.run("SAVE"), "OK");
    let good = std::fs::read(server.dir().join("dump.rdb")).expect("it was saved");
    for mood in ["save-trap", "save-loop", "save-memory", "save-garbage", "load-trap", "load-refuse"] {
        assert_eq!(client.run(&format!("FOUL.TURN victim {mood}")), "(integer) 1");
        server.mark_log();
        let reply = client.run("SAVE");
        // What is saved is fine for values whose loading goes wrong: they are folded by what is in memory, or refuse.
        if reply != "OK" {
            assert!(reply.starts_with("(error) ERR"), "{mood}: {reply}");
            server.wait_log("'victim'");
        } else {
            assert!(mood.starts_with("load"), "{mood}: {reply}");
        }
        assert_eq!(client.run("FOUL.MOOD fine"), "\"calm\"", "{mood}");
        // The file that was there is there still.
        let now = std::fs::read(server.dir().join("dump.rdb")).expect("it is there");
        assert!(reply == "OK" || now == good, "{mood}");
        client.run("FOUL.PUT victim calm");
        assert_eq!(client.run("SAVE"), "OK", "{mood}");
        std::fs::write(server.dir().join("dump.rdb"), &good).expect("it can be written");
    }
}
