//! Users and what they may do: reply by reply against redis-server 7.0.15, and then what clients, files, restarts and
//! modules have to do with it.

use sandkey_tests::modules::{skip, start_with};
use sandkey_tests::{Client, Peer, Protocol, Server, Value, eventually, paths};
use std::time::Duration;

/// What is asked of both servers, in one connection.
const SCRIPT: &[&str] = &[
    "ACL WHOAMI",
    "ACL USERS",
    "ACL LIST",
    "ACL GETUSER default",
    "ACL GETUSER nobody",
    "ACL CAT",
    "ACL CAT nothing",
    "ACL CAT keyspace x",
    "ACL GENPASS 0",
    "ACL GENPASS 4097",
    "ACL GENPASS x",
    "ACL LOG x",
    "ACL LOG RESET",
    "ACL LOAD",
    "ACL SAVE",
    "ACL NOTHING",
    "ACL HELP x",
    "ACL DELUSER default",
    "ACL DELUSER nobody nobody2",
    "AUTH x",
    "AUTH a b c",
    "AUTH nobody x",
    "HELLO 2 AUTH nobody x",
    "ACL SETUSER \"a b\"",
    "ACL SETUSER bob",
    "ACL LIST",
    "AUTH bob x",
    "ACL SETUSER bob on >one >two",
    "ACL SETUSER bob >one",
    "ACL GETUSER bob",
    "ACL SETUSER bob <three",
    "ACL SETUSER bob <one",
    "ACL SETUSER bob #xyz",
    "ACL SETUSER bob !c3ab8ff13720e8ad9047dd39466b3c8974e592c2fa383d4a3960714caef0c4f2",
    "ACL SETUSER bob +nothing",
    "ACL SETUSER bob +@nothing",
    "ACL SETUSER bob -get|x",
    "ACL SETUSER bob +config|nothing",
    "ACL SETUSER bob +config|get|x",
    "ACL SETUSER bob +get|",
    "ACL SETUSER bob nothing",
    "ACL SETUSER bob %~ %x~ %R",
    "ACL SETUSER bob allkeys ~x",
    "ACL SETUSER bob allchannels &x",
    "ACL SETUSER bob \"~a b\"",
    "ACL SETUSER bob (+get",
    "ACL SETUSER bob \" () \"",
    "ACL GETUSER bob",
    "ACL SETUSER bob ~a* %R~r* %W~w* %RW~b %r~w* &news.* +get +set +config|get +select|0 +@hash",
    "ACL GETUSER bob",
    "ACL LIST",
    "ACL SETUSER bob +config +select +@HASH",
    "ACL GETUSER bob",
    "ACL SETUSER bob ( +get %R~r ) (~q +mget)",
    "ACL GETUSER bob",
    "ACL LIST",
    "ACL SETUSER bob clearselectors skip-sanitize-payload nopass",
    "ACL GETUSER bob",
    "ACL SETUSER bob +@all -@all",
    "ACL GETUSER bob",
    "ACL SETUSER bob reset",
    "ACL LIST",
    "ACL SETUSER dry on +@all -config|set ~a %R~r* %W~w* %RW~rw* &news.*",
    "ACL DRYRUN nobody GET a",
    "ACL DRYRUN dry NOTHING a",
    "ACL DRYRUN dry CONFIG nothing",
    "ACL DRYRUN dry CONFIG",
    "ACL DRYRUN dry GET",
    "ACL DRYRUN dry SET a",
    "ACL DRYRUN dry GET a",
    "ACL DRYRUN dry GET b",
    "ACL DRYRUN dry GET w",
    "ACL DRYRUN dry SET w x",
    "ACL DRYRUN dry SET r x",
    "ACL DRYRUN dry SET w x GET",
    "ACL DRYRUN dry SET rw x GET",
    "ACL DRYRUN dry COPY r w",
    "ACL DRYRUN dry COPY w r",
    "ACL DRYRUN dry MGET r r2 x",
    "ACL DRYRUN dry EXISTS r w x",
    "ACL DRYRUN dry STRLEN w",
    "ACL DRYRUN dry HSTRLEN w f",
    "ACL DRYRUN dry HGETALL w",
    "ACL DRYRUN dry MSET w 1 w2 2 r 3",
    "ACL DRYRUN dry DEL w",
    "ACL DRYRUN dry DEL r",
    "ACL DRYRUN dry RENAME rw w",
    "ACL DRYRUN dry RENAME r w",
    "ACL DRYRUN dry LMPOP 1 rw LEFT",
    "ACL DRYRUN dry LMPOP 1 r LEFT",
    "ACL DRYRUN dry LMPOP 3 rw LEFT",
    "ACL DRYRUN dry BLMPOP 0 1 x LEFT",
    "ACL DRYRUN dry TYPE w",
    "ACL DRYRUN dry OBJECT ENCODING x",
    "ACL DRYRUN dry MEMORY USAGE w",
    "ACL DRYRUN dry CONFIG SET a b",
    "ACL DRYRUN dry CONFIG GET a",
    "ACL DRYRUN dry MIGRATE h p rw 0 500",
    "ACL DRYRUN dry MIGRATE h p r 0 500",
    "ACL DRYRUN dry MIGRATE h p \"\" 0 500 KEYS rw",
    "ACL DRYRUN dry MIGRATE h p \"\" 0 500 KEYS rw w",
    "ACL DRYRUN dry MIGRATE h p \"\" 0 500 AUTH KEYS KEYS rw",
    "ACL DRYRUN dry MIGRATE h p \"\" 0 500 AUTH2 KEYS x KEYS r",
    "ACL DRYRUN dry PUBLISH news.a x",
    "ACL DRYRUN dry PUBLISH other x",
    "ACL DRYRUN dry SUBSCRIBE news.a other",
    "ACL DRYRUN dry PSUBSCRIBE news.*",
    "ACL DRYRUN dry PSUBSCRIBE news.a",
    "ACL DRYRUN dry SPUBLISH other x",
    "ACL DRYRUN dry SUNSUBSCRIBE other",
    "ACL DRYRUN dry AUTH x",
    "ACL DRYRUN dry WATCH x",
    "ACL SETUSER eve on nopass +get +acl|whoami +multi +exec +select|0 ~a",
    "AUTH eve whatever",
    "ACL WHOAMI",
    "GET a",
    "SELECT 0",
    "SELECT 0 0",
    "RESET",
    "ACL WHOAMI",
    "ACL LOG 0",
    "ACL USERS",
    "ACL DELUSER bob nobody eve bob",
    "ACL USERS",
];

/// What both servers say in the same way. 7.2 tells that payloads are sanitized where 7.0 leaves it out, keeps rules about commands in
/// the order in which they were given, where 7.0 works out an order, and calls the user by its name.
fn common(value: &Value) -> Value {
    let text = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes).replace("This user has", "User dry has");
        if !text.contains("@all") {
            return Value::bulk(text);
        }
        let mut words: Vec<&str> = text.split(' ').filter(|word| *word != "sanitize-payload").collect();
        words.sort_unstable();
        Value::bulk(words.join(" "))
    };
    let all = |items: &[Value]| -> Vec<Value> {
        items.iter().filter(|item| item.bytes() != Some(b"sanitize-payload")).map(common).collect()
    };
    match value {
        Value::Bulk(bytes) => text(bytes),
        Value::Array(items) => Value::Array(all(items)),
        Value::Set(items) => Value::Set(all(items)),
        Value::Map(pairs) => {
            Value::Map(pairs.iter().map(|(name, value)| (common(name), common(value))).collect())
        }
        other => other.clone(),
    }
}

/// Categories of commands that both servers have. Redis's have what its peer does not have yet, and ours what came with 7.2.
fn compare_categories(ours: &mut Client, theirs: &mut Client) {
    let names = |client: &mut Client, line: &str| -> Vec<String> {
        let mut names: Vec<String> = client.value(line).items().iter().map(Value::text).collect();
        names.sort();
        names
    };
    let all = names(ours, "COMMAND LIST");
    let known = names(theirs, "COMMAND LIST");
    for category in names(ours, "ACL CAT") {
        let line = format!("ACL CAT {category}");
        let (mut mine, mut its) = (names(ours, &line), names(theirs, &line));
        mine.retain(|name| known.contains(name));
        its.retain(|name| all.contains(name));
        assert_eq!(mine, its, "{category}");
    }
}

fn compare(protocol: Protocol) {
    let (ours, theirs) = (Server::start(&[]), Peer::redis(&[]));
    let (mut ours, mut theirs) = (ours.client_speaking(protocol), theirs.client_speaking(protocol));
    let mut differences = Vec::new();
    for line in SCRIPT {
        let (mine, its) = (ours.value(line), theirs.value(line));
        if common(&mine) != common(&its) {
            differences.push(format!("{line}\n    ours:   {mine:?}\n    theirs: {its:?}"));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    compare_categories(&mut ours, &mut theirs);
}

#[test]
fn replies_are_those_of_redis_in_resp2() {
    compare(Protocol::Resp2);
}

#[test]
fn replies_are_those_of_redis_in_resp3() {
    compare(Protocol::Resp3);
}

/// A client that has logged in.
fn logged_in(server: &Server, user: &str) -> Client {
    let mut client = server.client();
    assert_eq!(client.run(&format!("AUTH {user} x")), "OK");
    client
}

#[test]
fn what_is_refused_is_told_counted_and_kept() {
    let server = Server::start(&[]);
    let mut admin = server.client();
    admin.run("ACL SETUSER bob on >x +get +multi +exec +discard +publish ~a* &c");
    let mut bob = logged_in(&server, "bob");
    let denied_set = "(error) NOPERM User bob has no permissions to run the 'set' command";
    assert_eq!(bob.run("SET a b"), denied_set);
    assert_eq!(
        bob.run("CONFIG GET x"),
        "(error) NOPERM User bob has no permissions to run the 'config|get' command"
    );
    assert_eq!(bob.run("GET b"), "(error) NOPERM No permissions to access a key");
    assert_eq!(bob.run("GET b"), "(error) NOPERM No permissions to access a key");
    assert_eq!(bob.run("PUBLISH d x"), "(error) NOPERM No permissions to access a channel");
    assert_eq!(bob.run("GET ab"), "(nil)");
    bob.run("MULTI");
    assert_eq!(bob.run("SET a b"), denied_set);
    assert_eq!(bob.run("EXEC"), "(error) EXECABORT Transaction discarded because of previous errors.");
    bob.run("AUTH bob y");
    let log = admin.value("ACL LOG").items();
    let told = log.iter().map(|entry| {
        let of = |name: &str| entry.field(name).map(|value| value.text()).unwrap_or_default();
        let id = entry.field("entry-id").and_then(|id| id.int()).unwrap_or(-1);
        format!("{id} {} {} {} {}", of("reason"), of("context"), of("object"), of("username"))
    });
    let told: Vec<String> = told.collect();
    let expected = [
        "5 auth toplevel AUTH bob",
        "4 command multi set bob",
        "3 channel toplevel d bob",
        "2 key toplevel b bob",
        "1 command toplevel config|get bob",
        "0 command toplevel set bob",
    ];
    assert_eq!(told, expected);
    assert_eq!(log[3].field("count").and_then(|count| count.int()), Some(2));
    let client = log[4].field("client-info").map(|info| info.text()).unwrap_or_default();
    assert!(client.contains(" cmd=config|get user=bob "), "{client}");
    for (what, denied) in [("auth", 1), ("cmd", 3), ("key", 2), ("channel", 1)] {
        assert_eq!(admin.info_int(&format!("acl_access_denied_{what}")), denied, "{what}");
    }
    assert!(
        admin
            .value("INFO commandstats")
            .text()
            .contains("cmdstat_set:calls=0,usec=0,usec_per_call=0.00,rejected_calls=2,")
    );
    assert_eq!(admin.value("ACL LOG 2").items().len(), 2);
    admin.run("CONFIG RESETSTAT");
    assert_eq!(admin.info("acl_access_denied_key"), "0");
    admin.run("ACL LOG RESET");
    assert_eq!(admin.value("ACL LOG").items().len(), 0);
}

#[test]
fn changes_hold_for_who_is_logged_in() {
    let server = Server::start(&[]);
    let mut admin = server.client();
    admin.run("ACL SETUSER bob on >x +@all ~* &*");
    let mut bob = logged_in(&server, "bob");
    assert_eq!(bob.run("SET a b"), "OK");
    admin.run("ACL SETUSER bob -set");
    assert!(bob.run("SET a b").contains("NOPERM"));
    admin.run("ACL SETUSER bob +set off");
    assert_eq!(bob.run("SET a b"), "OK", "who is logged in stays it");
    admin.run("ACL SETUSER bob on");
    // What was queued is judged anew.
    for line in ["MULTI", "SET a c", "GET a"] {
        bob.run(line);
    }
    admin.run("ACL SETUSER bob -set");
    let replies = bob.value("EXEC").items();
    let reason = "NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. This command is no \
                  longer allowed for the following reason: no permission to execute the command or subcommand";
    assert_eq!((replies[0].error().as_deref(), replies[1].text()), (Some(reason), "b".into()));
    let entry = admin.value("ACL LOG 1").items().remove(0);
    assert_eq!(entry.field("context").map(|context| context.text()).as_deref(), Some("multi"));
    assert!(entry.field("client-info").is_some_and(|info| info.text().contains(" cmd=exec ")));
    // Patterns of SORT may name any key.
    admin.run("RPUSH numbers 1");
    admin.run("ACL SETUSER bob resetkeys ~numbers");
    for (options, reply) in [
        ("BY w_*", "(error) ERR BY option of SORT denied due to insufficient ACL permissions."),
        ("GET w_*", "(error) ERR GET option of SORT denied due to insufficient ACL permissions."),
        ("BY nosort LIMIT 0 1", "1) \"1\""),
    ] {
        assert_eq!(bob.run(&format!("SORT numbers {options}")), reply);
        assert_eq!(bob.run(&format!("SORT_RO numbers {options}")), reply);
    }
    admin.run("ACL SETUSER bob resetkeys %R~*");
    assert_eq!(bob.run("SORT numbers BY w_* GET w_*"), "1) (nil)");
    // A transaction that takes its own permissions away notices it at once.
    for line in ["MULTI", "ACL SETUSER bob -get", "GET a"] {
        bob.run(line);
    }
    let replies = bob.value("EXEC").items();
    assert!(replies[1].error().is_some_and(|error| error.starts_with("NOPERM")), "{replies:?}");
    // Who waits, too.
    admin.run("ACL SETUSER bob +@all allkeys");
    bob.send(&["BLPOP", "list", "0"]);
    eventually("bob waits", Duration::from_secs(5), || {
        admin.run("CLIENT LIST").contains(" cmd=blpop user=bob")
    });
    eventually("he is in the queue", Duration::from_secs(5), || admin.info("blocked_clients") == "1");
    admin.run("ACL SETUSER bob resetkeys");
    admin.run("RPUSH list x");
    assert_eq!(bob.read().error().as_deref(), Some("NOPERM No permissions to access a key"));
    assert_eq!(admin.int("LLEN list"), 1, "the element is still there");
}

#[test]
fn clients_go_with_their_users_and_subscribers_with_their_channels() {
    let server = Server::start(&[]);
    let mut admin = server.client();
    admin.run("ACL SETUSER bob on >x +@all ~* &a &b*");
    let (mut bob, mut subscriber, mut pattern) =
        (logged_in(&server, "bob"), logged_in(&server, "bob"), logged_in(&server, "bob"));
    subscriber.run("SUBSCRIBE a bc");
    subscriber.read();
    pattern.run("PSUBSCRIBE b*");
    admin.run("ACL SETUSER bob &c");
    assert_eq!(
        admin.value("CLIENT LIST").text().matches(" user=bob ").count(),
        3,
        "more is allowed than before"
    );
    admin.run("ACL SETUSER bob resetchannels &a &bc");
    assert_eq!(
        admin.value("CLIENT LIST").text().matches(" user=bob ").count(),
        2,
        "the pattern is not among them"
    );
    pattern.expect_closed();
    admin.run("ACL SETUSER bob resetchannels &a");
    subscriber.expect_closed();
    assert_eq!(bob.run("PING"), "PONG");
    assert_eq!(admin.int("ACL DELUSER bob"), 1);
    bob.expect_closed();
    assert_eq!(admin.value("CLIENT LIST").text().lines().count(), 1);
    // Whoever deletes himself reads the reply.
    admin.run("ACL SETUSER eve on >x +@all ~* &*");
    let mut eve = logged_in(&server, "eve");
    assert_eq!(admin.int("CLIENT KILL USER default SKIPME yes"), 0);
    assert_eq!(admin.run("CLIENT KILL USER nobody"), "(error) ERR No such user 'nobody'");
    assert_eq!(eve.int("ACL DELUSER eve"), 1);
    eve.expect_closed();
    admin.run("ACL SETUSER eve on >x +@all");
    let mut eve = logged_in(&server, "eve");
    assert_eq!(admin.int("CLIENT KILL USER eve"), 1);
    eve.expect_closed();
}

#[test]
fn the_password_of_the_default_user_is_requirepass() {
    let mut server = Server::start_with_file("requirepass secret\nuser bob on >x ~* +@all\n", &[]);
    let mut client = server.client();
    assert_eq!(client.run("PING"), "(error) NOAUTH Authentication required.");
    assert_eq!(
        client.run("AUTH wrong"),
        "(error) WRONGPASS invalid username-password pair or user is disabled."
    );
    assert_eq!(client.run("AUTH secret"), "OK");
    assert_eq!(client.run("ACL SETUSER default >other"), "OK");
    assert_eq!(server.client().run("AUTH other"), "OK");
    assert_eq!(client.run("CONFIG SET requirepass third"), "OK");
    assert_eq!(server.client().run("AUTH other").split(' ').nth(1), Some("WRONGPASS"));
    assert_eq!(server.client().run("AUTH default third"), "OK");
    assert_eq!(client.run("PING"), "PONG", "who is in stays in");
    client.run("ACL SETUSER bob -get (+mget ~a)");
    assert_eq!(client.run("CONFIG REWRITE"), "OK");
    let before = client.run("ACL LIST");
    let file = std::fs::read_to_string(server.dir().join("sandkey.conf")).expect("it is written");
    assert!(
        file.contains("\nuser bob on sanitize-payload #") && file.contains("requirepass \"third\"\n"),
        "{file}"
    );
    server.restart();
    let mut client = server.client();
    assert_eq!(client.run("AUTH third"), "OK");
    assert_eq!(client.run("ACL LIST"), before);
    // Without a password everybody is let in, also those who came before.
    let mut early = server.client();
    assert_eq!(client.run("CONFIG SET requirepass \"\""), "OK");
    assert_eq!(early.run("PING"), "PONG");
    client.run("ACL SETUSER default off");
    assert_eq!(server.client().run("PING"), "(error) NOAUTH Authentication required.");
    assert_eq!(server.client().run("AUTH bob x"), "OK");
}

#[test]
fn the_file_of_users_is_loaded_and_saved() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("users.acl");
    std::fs::write(&path, "user bob on >x ~* &a +@all\nuser eve on >x +@all &*\n").expect("ours");
    let mut server = Server::start_with_file(&format!("aclfile {}\nmaxmemory 0\n", path.display()), &[]);
    let mut admin = server.client();
    assert_eq!(admin.value("ACL USERS").items().len(), 3);
    let (mut bob, mut eve) = (logged_in(&server, "bob"), logged_in(&server, "eve"));
    bob.run("SUBSCRIBE a");
    // What is wrong changes nothing.
    std::fs::write(&path, "user bob on >x\nuser bob off\n").expect("ours");
    let error = admin.run("ACL LOAD");
    assert!(
        error.starts_with("(error) ERR WARNING: Duplicate user 'bob' found on line 2. WARNING: ACL errors"),
        "{error}"
    );
    assert_eq!(eve.run("PING"), "PONG");
    // Who is not mentioned goes; who may still do what it does stays.
    std::fs::write(&path, "user bob on >y ~* &a &b +@all\n").expect("ours");
    assert_eq!(admin.run("ACL LOAD"), "OK");
    eve.expect_closed();
    assert_eq!(admin.int("PUBLISH a x"), 1);
    admin.run("ACL SETUSER bob resetchannels &b");
    bob.read();
    bob.expect_closed();
    admin.run("ACL SETUSER late on nopass");
    assert_eq!(admin.run("ACL SAVE"), "OK");
    let (saved, list) =
        (std::fs::read_to_string(&path).expect("it is there"), admin.value("ACL LIST").items());
    let lines: Vec<String> = list.iter().map(Value::text).collect();
    assert_eq!(saved, lines.join("\n") + "\n");
    // CONFIG REWRITE leaves users to that file.
    assert_eq!(admin.run("CONFIG REWRITE"), "OK");
    let config = std::fs::read_to_string(server.dir().join("sandkey.conf")).expect("it is there");
    assert!(!config.contains("\nuser "), "{config}");
    server.restart();
    assert_eq!(server.client().value("ACL LIST").items(), list);
}

#[test]
fn a_start_with_wrong_users_says_so() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let path = file.path().display().to_string();
    for (args, why) in [
        (
            &["--user", "a", "on", "--user", "a", "off"][..],
            "Duplicate user found. A user can only be defined once in config files",
        ),
        (&["--user", "a", "+nothing"], "Unknown command or category name in ACL"),
        (&["--user", "a", "(on"], "Unmatched parenthesis"),
        (&["--user", "a", "--aclfile", &path], "please define either an ACL file or declare users"),
        (&["--aclfile", "/nowhere/at/all"], "opening file '/nowhere/at/all': No such file or directory"),
        (&["--rename-command", "nothing", "x"], "No such command in rename-command"),
        (&["--rename-command", "get", "set"], "Target command name already exists"),
    ] {
        let args = [&["--port", "0"], args].concat();
        let stopped = Server::refused(&paths::server(), &args);
        assert!(!stopped.status.success() && stopped.log.contains(why), "{args:?}: {}", stopped.log);
    }
}

#[test]
fn renamed_commands_are_found_by_their_new_names_only() {
    let config = "rename-command set store\nrename-command flushall \"\"\nrename-command config b840fc02\nrename-command del set\n";
    let mut server = Server::start_with_file(
        config,
        &["--appendonly", "yes", "--appendfsync", "always", "--slowlog-log-slower-than", "0"],
    );
    let mut client = server.client();
    assert_eq!(client.run("STORE a 1"), "OK");
    assert_eq!(client.run("STORE b 1"), "OK");
    assert_eq!(client.run("SET b"), "(integer) 1", "this is DEL");
    for line in ["FLUSHALL", "DEL a", "CONFIG GET port"] {
        assert!(client.run(line).starts_with("(error) ERR unknown command"), "{line}");
    }
    assert_eq!(client.value("B840FC02 GET port").pairs().len(), 1);
    assert_eq!(client.run("ACL SETUSER bob on >x ~* +set +config|get"), "OK");
    assert_eq!(
        client.run("ACL SETUSER bob +store").split(':').next_back(),
        Some(" Unknown command or category name in ACL")
    );
    let mut bob = logged_in(&server, "bob");
    assert_eq!(bob.run("STORE a 2"), "OK");
    assert_eq!(bob.run("SET a"), "(error) NOPERM User bob has no permissions to run the 'del' command");
    assert_eq!(bob.value("b840fc02 get port").pairs().len(), 1);
    assert!(client.value("ACL CAT dangerous").items().contains(&Value::bulk("flushall")));
    client.run("b840fc02 set requirepass hidden");
    assert!(!client.run("SLOWLOG GET").contains("hidden"), "secrets are known under any name");
    // Files hold the names that everybody understands.
    client.run("b840fc02 set requirepass \"\"");
    server.kill9();
    server.restart();
    let mut client = server.client();
    assert_eq!((client.run("GET a"), client.run("EXISTS b")), ("\"2\"".into(), "(integer) 0".into()));
}

#[test]
fn modules_act_for_their_clients() {
    if skip() {
        return;
    }
    let server = start_with(&["hello", "foul", "ledger"], &[]);
    let mut admin = server.client();
    admin.run("ACL SETUSER bob on >x +foul.call +get +hello.greet +hello.count ~a*");
    let mut bob = logged_in(&server, "bob");
    // By its own name, and by the category that follows from its flags.
    assert_eq!(bob.run("HELLO.COUNT a"), "(integer) 1");
    assert!(!bob.run("HELLO.GREET you").contains("NOPERM"));
    assert_eq!(bob.run("HELLO.COUNT b"), "(error) NOPERM No permissions to access a key");
    assert!(admin.value("ACL CAT write").items().contains(&Value::bulk("hello.count")));
    // Rules outlive the module.
    let rules = admin.value("ACL GETUSER bob").field("commands").map(|rules| rules.text());
    admin.run("MODULE UNLOAD hello");
    assert!(bob.run("HELLO.COUNT a").contains("unknown command"));
    assert_eq!(admin.value("ACL GETUSER bob").field("commands").map(|rules| rules.text()), rules);
    admin.run(&format!("MODULE LOAD {}", paths::module("hello").display()));
    assert_eq!(bob.run("HELLO.COUNT a"), "(integer) 2");
    assert!(!bob.run("HELLO.GREET you").contains("NOPERM"));
    admin.run("ACL SETUSER bob -hello.greet");
    assert!(bob.run("HELLO.GREET you").contains("NOPERM"));
    admin.run("ACL SETUSER bob -hello.count +@write -set");
    assert_eq!(bob.run("HELLO.COUNT a"), "(integer) 3");
    // What a module calls is called by the client.
    admin.run("SET a1 x");
    assert_eq!(bob.run("FOUL.CALL GET a1"), "\"x\"");
    assert_eq!(
        bob.run("FOUL.CALL SET a1 y"),
        "(error) NOPERM User bob has no permissions to run the 'set' command"
    );
    let entry = admin.value("ACL LOG 1").items().remove(0);
    let of = |name: &str| entry.field(name).map(|value| value.text()).unwrap_or_default();
    assert_eq!((of("context"), of("object"), of("username")), ("module".into(), "set".into(), "bob".into()));
    assert_eq!(bob.run("FOUL.CALL GET b"), "(error) NOPERM No permissions to access a key");
    // Keys that a command finds in what it reads are asked for when it finds them, and it leaves nothing behind.
    admin.run("LEDGER.LINK a2 a3");
    admin.run("LEDGER.LINK a3 b");
    admin.run("ACL SETUSER bob +ledger.through");
    let before = admin.value("DEBUG DIGEST");
    assert_eq!(bob.run("LEDGER.THROUGH a2 5"), "(error) NOPERM No permissions to access a key");
    assert_eq!(admin.value("DEBUG DIGEST"), before);
    assert_eq!(admin.value("ACL LOG 1").items().remove(0).field("object"), Some(Value::bulk("b")));
    admin.run("ACL SETUSER bob %W~b");
    assert!(bob.run("LEDGER.THROUGH a2 5").contains("NOPERM"), "it reads them, too");
    admin.run("ACL SETUSER bob ~b");
    assert_eq!(bob.run("LEDGER.THROUGH a2 5"), "(integer) 3");
}
