//! Configuration: the command line, the file, and CONFIG.

use sandkey_tests::{Peer, Server, Value, eventually, paths};
use std::collections::BTreeMap;
use std::time::Duration;

/// The start must fail, and say all of this.
#[track_caller]
fn assert_refused(args: &[&str], says: &[&str]) {
    let stopped = Server::refused(&paths::server(), args);
    assert_eq!(stopped.status.code(), Some(1), "{args:?}: {}", stopped.log);
    for text in says {
        assert!(stopped.log.contains(text), "{args:?} should say {text:?}:\n{}", stopped.log);
    }
    assert!(!stopped.log.contains("Server initialized"), "{args:?} started first:\n{}", stopped.log);
}

#[test]
fn a_wrong_command_line_stops_the_start() {
    assert_refused(
        &["--no-such-directive", "1"],
        &["no-such-directive", "Bad directive or wrong number of arguments"],
    );
    assert_refused(&["--maxmemory", "much"], &["maxmemory", "argument must be a memory value"]);
    assert_refused(&["--port", "70000"], &["port", "argument must be between 0 and 65535 inclusive"]);
    assert_refused(&["--appendonly", "maybe"], &["appendonly", "argument must be 'yes' or 'no'"]);
    assert_refused(&["--maxmemory-policy", "nosuch"], &["maxmemory-policy", "must be one of the following"]);
    assert_refused(&["--hz", "a", "b"], &["hz", "wrong number of arguments"]);
}

#[test]
fn a_wrong_line_in_the_file_stops_the_start_and_is_named() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("broken.conf");
    let path_text = path.to_str().expect("the path is text");
    let cases = [
        ("# fine\nport 0\n\nno-such 1\n", "line 4", "Bad directive or wrong number of arguments"),
        ("port 0\nmaxmemory much\n", "line 2", "argument must be a memory value"),
        ("port 0\nhz\n", "line 2", "wrong number of arguments"),
        ("port 0\nlogfile \"open\n", "line 2", "Unbalanced quotes in configuration line"),
    ];
    for (text, line, why) in cases {
        std::fs::write(&path, text).expect("the file can be written");
        assert_refused(&[path_text], &[line, why]);
        if !paths::stand_in() {
            assert_refused(&[path_text], &["broken.conf"]);
        }
    }
    assert_refused(&["/nowhere/such.conf"], &["/nowhere/such.conf"]);
}

#[test]
fn version_and_help_are_told() {
    for arg in ["--version", "-v"] {
        let stopped = Server::refused(&paths::server(), &[arg]);
        assert_eq!(stopped.status.code(), Some(0));
        assert!(stopped.log.contains("v="), "{}", stopped.log);
    }
    for arg in ["--help", "-h"] {
        let log = Server::refused(&paths::server(), &[arg]).log;
        assert!(log.contains("Usage:"), "{log}");
    }
}

#[test]
fn file_and_command_line_are_read_in_order() {
    let config =
        "# A comment\n   maxmemory 100mb\nMAXCLIENTS 77\nrequirepass \"with \\\"quotes\\\"\"\n\nhz 20\n";
    let server = Server::start_with_file(config, &["--maxclients", "88"]);
    let mut client = server.client();
    assert_eq!(client.run(r#"AUTH 'with "quotes"'"#), "OK");
    let got = |client: &mut sandkey_tests::Client, name: &str| {
        client.call(&["CONFIG", "GET", name]).field(name).map(|v| v.text())
    };
    assert_eq!(got(&mut client, "maxmemory").as_deref(), Some("104857600"));
    assert_eq!(got(&mut client, "maxclients").as_deref(), Some("88"));
    assert_eq!(got(&mut client, "hz").as_deref(), Some("20"));
    assert_eq!(got(&mut client, "requirepass").as_deref(), Some("with \"quotes\""));
    let info = client.run("INFO server");
    assert!(info.contains("sandkey.conf"), "{info}");
}

#[test]
fn included_files_are_read() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let included = dir.path().join("more.conf");
    std::fs::write(&included, "maxclients 66\n").expect("the file can be written");
    let server = Server::start_with_file(&format!("include {}\nhz 30\n", included.display()), &[]);
    let reply = server.client().value("CONFIG GET maxclients hz").sorted(2);
    assert_eq!(reply.items().iter().map(Value::text).collect::<Vec<_>>(), ["hz", "30", "maxclients", "66"]);
}

#[test]
fn rewrite_keeps_what_was_set_and_what_was_written() {
    let config = "# The comment stays.\nmaxclients 77\nhz 20\n";
    let mut server = Server::start_with_file(config, &[]);
    let mut client = server.client();
    assert_eq!(client.run("CONFIG SET hz 50 maxmemory 200mb timeout 300"), "OK");
    assert_eq!(client.run("CONFIG REWRITE"), "OK");
    let text = std::fs::read_to_string(server.dir().join("sandkey.conf")).expect("the file is there");
    for line in ["# The comment stays.", "maxclients 77", "hz 50", "timeout 300"] {
        assert!(text.lines().any(|l| l == line), "{line:?} should be in\n{text}");
    }
    assert_eq!(text.matches("\nhz ").count(), 1, "{text}");
    server.restart();
    let reply = server.client().value("CONFIG GET hz timeout maxmemory").sorted(2);
    let expected = ["hz", "50", "maxmemory", "209715200", "timeout", "300"];
    assert_eq!(reply.items().iter().map(Value::text).collect::<Vec<_>>(), expected);
    // A second time changes nothing.
    assert_eq!(server.client().run("CONFIG REWRITE"), "OK");
    let again = std::fs::read_to_string(server.dir().join("sandkey.conf")).expect("the file is there");
    assert_eq!(server.client().run("CONFIG REWRITE"), "OK");
    let third = std::fs::read_to_string(server.dir().join("sandkey.conf")).expect("the file is there");
    assert_eq!(again, third);
}

#[test]
fn resetstat_forgets_the_statistics() {
    let server = Server::start(&[]);
    let mut client = server.client();
    client.run("SET a 1");
    client.run("GET a");
    client.run("GET b");
    client.run("NOSUCH");
    let stats = client.value("INFO stats").text();
    assert!(stats.contains("keyspace_hits:1\r\n") && stats.contains("keyspace_misses:1\r\n"), "{stats}");
    assert!(stats.contains("total_error_replies:1\r\n"), "{stats}");
    let commands = client.value("INFO commandstats").text();
    assert!(commands.contains("cmdstat_get:calls=2,usec="), "{commands}");
    let errors = client.value("INFO errorstats").text();
    assert!(errors.contains("errorstat_ERR:count=1\r\n"), "{errors}");
    assert_eq!(client.run("CONFIG RESETSTAT"), "OK");
    let stats = client.value("INFO stats").text();
    assert!(stats.contains("keyspace_hits:0\r\n") && stats.contains("total_error_replies:0\r\n"), "{stats}");
    assert!(!client.value("INFO commandstats").text().contains("cmdstat_get:"));
}

#[test]
fn info_has_what_tools_look_for() {
    let server = Server::start(&[]);
    let mut client = server.client();
    client.run("SET a 1 EX 1000");
    client.run("SET b 1");
    let info = client.value("INFO").text();
    let fields: BTreeMap<&str, &str> = info.lines().filter_map(|line| line.split_once(':')).collect();
    assert_eq!(fields["process_id"], server.pid().to_string());
    assert_eq!(fields["tcp_port"], server.port_text());
    assert_eq!(fields["redis_mode"], "standalone");
    assert_eq!(fields["arch_bits"], "64");
    assert_eq!(fields["loading"], "0");
    assert_eq!(fields["role"], "master");
    assert_eq!(fields["connected_clients"], "1");
    assert_eq!(fields["cluster_enabled"], "0");
    assert!(fields["db0"].starts_with("keys=2,expires=1,avg_ttl="), "{}", fields["db0"]);
    for number in
        ["uptime_in_seconds", "used_memory", "used_memory_rss", "maxmemory", "total_connections_received"]
    {
        assert!(fields[number].parse::<u64>().is_ok(), "{number}:{}", fields[number]);
    }
    for name in [
        "redis_version",
        "os",
        "run_id",
        "executable",
        "used_memory_human",
        "maxmemory_policy",
        "mem_allocator",
    ] {
        assert!(!fields[name].is_empty(), "{name}");
    }
    for section in [
        "# Server",
        "# Clients",
        "# Memory",
        "# Persistence",
        "# Stats",
        "# Replication",
        "# CPU",
        "# Keyspace",
    ] {
        assert!(info.contains(&format!("{section}\r\n")), "{section}");
    }
    let some = client.value("INFO server keyspace").text();
    assert!(
        some.contains("# Server") && some.contains("# Keyspace") && !some.contains("# Clients"),
        "{some}"
    );
    assert!(client.value("INFO everything").text().contains("# Commandstats"));
    assert!(client.value("INFO commandstats").text().contains("cmdstat_set:calls=2"));
}

/// Directives whose default is ours for a reason, which docs/operations.md gives.
const OUR_DEFAULTS: &[&str] = &["enable-module-command", "io-threads"];

/// Directives that the harness sets, or that name this process.
const OWN_VALUES: &[&str] = &["port", "dir", "bind", "save", "always-show-logo", "logfile", "pidfile"];

#[test]
fn defaults_are_those_of_redis() {
    let read = |server: &Server| -> BTreeMap<String, String> {
        let reply = server.client().value("CONFIG GET *");
        reply.pairs().into_iter().map(|(name, value)| (name.text(), value.text())).collect()
    };
    let (ours, theirs) = (read(&Server::start(&[])), read(&Peer::redis(&[])));
    let differences: Vec<String> = ours
        .iter()
        .filter(|(name, _)| !OUR_DEFAULTS.contains(&name.as_str()) && !OWN_VALUES.contains(&name.as_str()))
        .filter_map(|(name, value)| {
            let other = theirs.get(name)?;
            (other != value).then(|| format!("{name}: ours {value:?}, theirs {other:?}"))
        })
        .collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    for name in
        ["maxmemory", "maxclients", "timeout", "databases", "proto-max-bulk-len", "appendonly", "save"]
    {
        assert!(ours.contains_key(name), "CONFIG GET knows {name}");
    }
}

#[test]
fn config_get_takes_patterns_in_any_case() {
    let server = Server::start(&[]);
    let mut client = server.client();
    let names = |reply: Value| reply.pairs().iter().map(|(name, _)| name.text()).collect::<Vec<_>>();
    let mut found = names(client.value("CONFIG GET MAXMEMORY*"));
    found.sort();
    assert!(
        found.contains(&"maxmemory".to_owned()) && found.contains(&"maxmemory-policy".to_owned()),
        "{found:?}"
    );
    let mut found = names(client.value("CONFIG GET maxclient? nosuch* maxclients"));
    found.dedup();
    assert_eq!(found, ["maxclients"]);
}

#[test]
fn config_set_takes_effect_at_once() {
    let server = Server::start(&[]);
    let mut client = server.client();
    assert_eq!(client.run("CONFIG SET hash-max-listpack-entries 2"), "OK");
    client.run("HSET h a 1 b 2 c 3");
    assert_eq!(client.run("OBJECT ENCODING h"), "\"hashtable\"");
    assert_eq!(client.run("CONFIG SET requirepass secret"), "OK");
    assert_eq!(server.client().run("PING"), "(error) NOAUTH Authentication required.");
    assert_eq!(client.run("CONFIG SET requirepass \"\""), "OK");
    assert_eq!(server.client().run("PING"), "PONG");
    let mut idle = server.client();
    idle.run("PING");
    assert_eq!(client.run("CONFIG SET timeout 1"), "OK");
    eventually("the idle client is closed", Duration::from_secs(6), || {
        client.info("connected_clients") == "1"
    });
    idle.expect_closed();
}
