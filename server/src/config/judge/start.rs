//! The start: what is refused, in which words and at which line, and what a good command line leads to.

use std::fs;
use std::path::Path;

use super::super::command_line::{self, Invocation};
use super::super::load::Startup;
use super::super::start_error::StartError;
use super::{OTHER_DEFAULTS, Redis, VERSION, command, show};

fn read(args: &[&str], folder: &Path) -> Result<Box<Startup>, StartError> {
    let args: Vec<Vec<u8>> = args.iter().map(|arg| arg.as_bytes().to_vec()).collect();
    match command_line::read(&args, folder, &mut std::io::empty())? {
        Invocation::Run(startup) => Ok(startup),
        other => panic!("it asks to run, not for {other:?}"),
    }
}

/// Both refuse to start with these arguments, in the same words but for the server's name and our hints.
fn refused_alike(args: &[&str], folder: &Path) {
    let output = command(folder).args(args).output().expect("its version was asked before");
    let theirs = show(&output.stderr);
    assert!(theirs.contains("FATAL CONFIG FILE ERROR"), "redis-server started with {args:?}: {theirs}");
    let mine = read(args, folder).expect_err("ours is refused too").to_string();
    let version = env!("CARGO_PKG_VERSION");
    let theirs = theirs.replace(&format!("Redis {}", *VERSION), &format!("Sandkey {version}"));
    assert!(mine.starts_with(theirs.trim_end()), "{args:?}\nours: {mine}\ntheirs: {theirs}");
    assert!(mine.len() > theirs.trim_end().len() + 10, "ours says where, and what would be right: {mine}");
}

#[test]
fn bad_options_are_refused_like_in_redis() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    for args in [
        &["--port"][..],
        &["--port", "abc"],
        &["--port", "--hz", "5"],
        &["--foo", "bar"],
        &["--bogus", "--port", "1"],
        &["--port", "6000", "--port", "70000"],
        &["--save", "1"],
        &["--save", "--hz", "x"],
        &["--save", "", "--hz", "x"],
        &["--save", "900 1", "--hz", "x"],
        &["--save", "900", "1", "300", "10", "--hz", "x"],
        &["--maxmemory", "12q"],
        &["--port 6000", "--hz x"],
        &["--port", "a b"],
        &["--loadmodule", "/x", "a", "b", "--hz", "x"],
        &["--loadmodule"],
        &["--bind", "127.0.0.1", "-::1", "--hz", "x"],
        &["--appendonly", "maybe"],
        &["--maxmemory-policy", "foo"],
        &["--client-output-buffer-limit", "a", "b", "c", "d"],
        &["--client-output-buffer-limit", "normal 0 0"],
        &["--notify-keyspace-events", "Q"],
        &["--user"],
        &["--dir", "/nonexistent"],
        &["-x"],
        &["x.conf", "--hz", "x"],
        &["--appendfilename", "a/b"],
        &["--slaveof", "a"],
        &["--replicaof", "a", "99999"],
        &["--oom-score-adj-values", "1", "2"],
        &["--latency-tracking-info-percentiles", "abc"],
        &["--unixsocketperm", "1000"],
        &["--logfile", "/nonexistent/a"],
        &["--rename-command", "GET"],
        &["--foo.bar"],
        &["--shutdown-on-sigterm", "save", "nosave"],
        &["--shutdown-on-sigterm", "save nosave"],
        &["--bind \"a"],
    ] {
        fs::write(folder.path().join("x.conf"), "port 0\n\n# c\n").expect("writable");
        refused_alike(args, folder.path());
    }
}

#[test]
fn bad_files_are_refused_like_in_redis() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    fs::create_dir(folder.path().join("conf.d")).expect("writable");
    fs::write(folder.path().join("conf.d/a.conf"), "timeout 5\ntimeout x\n").expect("writable");
    for text in [
        "port 0\nfoo bar\n",
        "port 0\n\n  # c\n\tport   \"1\nhz 1",
        "PORT x",
        "port '0' 1",
        "port \"\\x31x\"",
        "include conf.d/a.conf",
        "include conf.d/*.conf\n",
        "include none/*.conf\ninclude conf.d/[a-b].con?\n",
        "save 1 1\nsave 2\n",
        "list-max-ziplist-value 1\nlua-replicate-commands yes\nlist-max-ziplist-value",
        "rename-command a b c",
        "mod.x",
        "user",
        "cluster-enabled yes\nreplicaof a 1",
        "databases 0",
        "hash-max-ziplist-value 1q",
    ] {
        fs::write(folder.path().join("x.conf"), text).expect("writable");
        refused_alike(&["x.conf"], folder.path());
    }
}

#[test]
fn a_good_start_leads_to_the_same_values() {
    let file = "# a file\nMaxMemory \"1gb\"\nsave 1 2\nsave 3 4\nclient-output-buffer-limit replica 1mb 1k 5\n\
                hash-max-ziplist-value 5\nproc-title-template '{title} x'\nhz 1000\n\
                list-max-ziplist-value 1\nmasterauth \"a\\x00\\\"b\"\n";
    for args in [
        &["x.conf"][..],
        &["x.conf", "--save", "5 6"],
        &["x.conf", "--save", ""],
        &["y.conf", "--repl-timeout", "8"],
        &["--save", "--hz", "7"],
        &["--maxmemory 5mb", "--bind", "127.0.0.1", "-::1"],
        &["--shutdown-on-sigterm", "save now", "--latency-tracking-info-percentiles", "1", "2.50"],
        &["--hz", "0", "--client-output-buffer-limit", "normal", "1", "2", "3", "pubsub", "4", "5", "6"],
        &["--oom-score-adj", "relative", "--oom-score-adj-values", "1", "2", "3"],
        &["--cluster-enabled", "no", "--replicaof", "no", "one", "--unixsocketperm", "700"],
    ] {
        let folder = tempfile::tempdir().expect("a temporary directory");
        fs::write(folder.path().join("x.conf"), file).expect("writable");
        // In a file of its own: behind an `include`, Redis takes each `save` for the first one.
        fs::write(folder.path().join("y.conf"), "timeout 1\ninclude more/*.conf\nrepl-timeout 5\n")
            .expect("writable");
        fs::create_dir(folder.path().join("more")).expect("writable");
        fs::write(folder.path().join("more/b.conf"), "timeout 7\n").expect("writable");
        fs::write(folder.path().join("more/a.conf"), "timeout 6\nrepl-timeout 9\n").expect("writable");
        fs::write(folder.path().join("more/.c.conf"), "timeout 8\n").expect("writable");
        let mut redis = Redis::start_in(folder, args);
        let all = [args, &["--port", "0", "--unixsocket", "redis.sock"]].concat();
        let config = read(&all, redis.folder()).expect("a good start").config;
        let other = |name: &[u8]| OTHER_DEFAULTS.iter().any(|(other, _)| other.as_bytes() == name);
        for (name, theirs) in redis.config_get(&["*"]).into_iter().filter(|(name, _)| !other(name)) {
            let mine = config.text_of(&show(&name)).expect("every name is known");
            assert_eq!(show(&mine), show(&theirs), "{} with {args:?}", show(&name));
        }
    }
}
