//! Snapshots: what is saved is what was there at one moment, a restart brings it back, redis-server reads our files and we read
//! its, and whatever goes wrong leaves the file that was there.

use rustix::process::Signal;
use sandkey_tests::client::encode;
use sandkey_tests::server::free_port;
use sandkey_tests::{Client, Peer, Server, eventually, paths};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

const DEBUG: [&str; 2] = ["--enable-debug-command", "yes"];
const SOON: Duration = Duration::from_secs(20);

fn dump_of(server: &Server) -> PathBuf {
    server.dir().join("dump.rdb")
}

/// Take a snapshot in the background and wait for it. The answer is how it ended.
#[track_caller]
fn bgsave(client: &mut Client) -> String {
    assert_eq!(client.run("BGSAVE"), "Background saving started");
    eventually("the snapshot is saved", SOON, || client.info("rdb_bgsave_in_progress") == "0");
    client.info("rdb_last_bgsave_status")
}

/// Strings and hashes in every form, with and without an expiry, in several databases.
fn fill(client: &mut Client) {
    for (i, value) in
        ["", "1", "-129", "70000", "9223372036854775807", "0012", "a\\x00b\\xff\\n"].iter().enumerate()
    {
        client.run(&format!("SET short:{i} \"{value}\""));
    }
    client.call(&["SET".as_bytes(), b"zeros", &[0; 5000]]);
    let noise: Vec<u8> = (0..100_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    client.call(&["SET".as_bytes(), b"noise", &noise]);
    client.run("APPEND edited abc");
    client.run("SET dies 1 EX 10000");
    client.run("HSET small f 1 g two");
    client.run("PEXPIRE small 99999999");
    for i in 0..1000 {
        client.run(&format!("HSET large field:{i} {}", "v".repeat(i % 90)));
    }
    let requests: Vec<Vec<String>> =
        (0..5000).map(|i| vec!["SET".into(), format!("key:{i}"), format!("value:{i}")]).collect();
    client.pipeline(&requests);
    client.run("SELECT 5");
    client.run("SET here 1");
    client.run("SELECT 0");
}

/// What is to be equal afterwards.
fn fingerprint(client: &mut Client) -> Vec<String> {
    let mut seen = vec![client.run("DEBUG DIGEST"), client.run("DBSIZE")];
    for key in ["dies", "small"] {
        seen.push(client.run(&format!("PEXPIRETIME {key}")));
    }
    seen
}

#[test]
fn a_restart_brings_back_what_was_saved() {
    let mut server = Server::start(&[&DEBUG[..], &["--save", "3600 1"]].concat());
    let mut client = server.client();
    fill(&mut client);
    let before = fingerprint(&mut client);
    server.restart();
    let mut client = server.client();
    assert_eq!(fingerprint(&mut client), before, "SIGTERM saves");
    assert_eq!(client.info("rdb_last_load_keys_loaded"), (5000 + 13 + 1).to_string());
    assert_eq!(client.info("rdb_changes_since_last_save"), "0");
    assert_eq!(client.run("OBJECT ENCODING small"), "\"listpack\"");
    assert_eq!(client.run("OBJECT ENCODING large"), "\"hashtable\"");
    assert_eq!(client.run("OBJECT ENCODING short:2"), "\"int\"");
    client.run("SET later 1");
    let before = fingerprint(&mut client);
    assert_eq!(client.run("SAVE"), "OK");
    client.run("SET lost 1");
    server.kill9();
    server.restart();
    assert_eq!(fingerprint(&mut server.client()), before, "SAVE saves, and a crash loses what came after");
}

#[test]
fn redis_server_reads_our_snapshots() {
    let server = Server::start(&DEBUG);
    let mut client = server.client();
    fill(&mut client);
    for compressed in ["yes", "no"] {
        client.run(&format!("CONFIG SET rdbcompression {compressed}"));
        assert_eq!(bgsave(&mut client), "ok");
        let checked = Command::new(paths::tool("redis-check-rdb")).arg(dump_of(&server)).output();
        let checked = checked.expect("the tool runs");
        let text = String::from_utf8_lossy(&checked.stdout).into_owned();
        assert!(checked.status.success() && text.contains("RDB looks OK!"), "{text}");
        let mut redis = Peer::redis(&DEBUG);
        redis.kill9();
        std::fs::copy(dump_of(&server), dump_of(&redis)).expect("there is room");
        redis.restart();
        assert_eq!(fingerprint(&mut redis.client()), fingerprint(&mut client), "rdbcompression {compressed}");
    }
}

/// All that redis-server has, in the encodings that it chooses by size.
fn fill_redis(client: &mut Client) {
    fill(client);
    for size in [1, 600] {
        let elements: Vec<String> = (0..size).map(|i| format!("element:{i}")).collect();
        let numbers: Vec<String> = (0..size).map(|i| (i * 1000).to_string()).collect();
        let scored: Vec<String> =
            (0..size).flat_map(|i| [format!("{}.5", i), format!("member:{i}")]).collect();
        client.run(&format!("RPUSH list:{size} {}", elements.join(" ")));
        client.run(&format!("SADD set:{size} {}", elements.join(" ")));
        client.run(&format!("SADD intset:{size} {}", numbers.join(" ")));
        client.run(&format!("ZADD zset:{size} {}", scored.join(" ")));
        for i in 0..size {
            client.run(&format!("XADD stream:{size} {}-1 field value:{i}", i + 1));
        }
        client.run(&format!("XGROUP CREATE stream:{size} group 0"));
        client.run(&format!("XREADGROUP GROUP group consumer COUNT 2 STREAMS stream:{size} >"));
    }
    client.run(&format!("RPUSH list:plain {}", "x".repeat(20_000)));
    client.run("PFADD hll a b c d");
    client.run("GEOADD geo 13.361389 38.115556 Palermo");
    client.run("SETBIT bits 100000 1");
    client.run("FUNCTION LOAD \"#!lua name=mylib\\nredis.register_function('f', function() return 1 end)\"");
}

#[test]
fn nothing_of_redis_servers_snapshots_is_lost() {
    let redis = Peer::redis(&DEBUG);
    let mut original = redis.client();
    fill_redis(&mut original);
    assert_eq!(original.run("SAVE"), "OK");
    let mut ours = Server::start(&DEBUG);
    ours.kill9();
    std::fs::copy(dump_of(&redis), dump_of(&ours)).expect("there is room");
    ours.restart();
    let mut client = ours.client();
    assert_eq!(client.run("DBSIZE"), original.run("DBSIZE"));
    for key in ["list:1", "list:600", "set:1", "intset:600", "zset:1", "zset:600", "stream:1", "hll", "large"]
    {
        assert_eq!(client.run(&format!("TYPE {key}")), original.run(&format!("TYPE {key}")), "{key}");
    }
    assert_eq!(fingerprint(&mut client), fingerprint(&mut original));
    for key in ["short:0", "small", "list:600", "intset:600", "zset:600", "stream:600"] {
        let ask = format!("DEBUG DIGEST-VALUE {key}");
        assert_eq!(client.run(&ask), original.run(&ask), "{key}");
    }
    // And back, by way of both kinds of saving.
    for command in ["SAVE", "DEBUG RELOAD"] {
        assert_eq!(client.run(command), "OK");
        let mut again = Peer::redis(&DEBUG);
        again.kill9();
        std::fs::copy(dump_of(&ours), dump_of(&again)).expect("there is room");
        again.restart();
        let mut again = again.client();
        assert_eq!(fingerprint(&mut again), fingerprint(&mut original), "{command}");
        assert_eq!(again.run("FUNCTION LIST WITHCODE"), original.run("FUNCTION LIST WITHCODE"));
        assert_eq!(again.run("XINFO STREAM stream:600 FULL"), original.run("XINFO STREAM stream:600 FULL"));
        assert_eq!(again.run("PFCOUNT hll"), "(integer) 4");
    }
}

/// Writers go on while a snapshot is saved slowly; the file has the state of its begin.
#[test]
fn a_snapshot_under_load_is_that_of_its_begin() {
    let server = Server::start(&[&DEBUG[..], &["--rdb-key-save-delay", "200"]].concat());
    let mut client = server.client();
    for i in 0..2000 {
        client.run(&format!("SET account:{i} 1000"));
        client.run(&format!("HSET h:{i} f {i}"));
    }
    client.run("SELECT 1");
    client.run("SET one 1");
    client.run("SELECT 2");
    client.run("SET two 2");
    client.run("SELECT 0");
    let before = fingerprint(&mut client);
    assert_eq!(client.run("BGSAVE"), "Background saving started");
    client.run("SET new 1");
    for i in 0..2000 {
        match i % 5 {
            0 => client.run(&format!("DEL account:{i} h:{i}")),
            1 => client.run(&format!("INCRBY account:{i} 5")),
            2 => client.run(&format!("HSET h:{i} f other g new")),
            3 => client.run(&format!("PEXPIRE account:{i} 1")),
            _ => client.run(&format!("RENAME h:{i} account:{i}")),
        };
    }
    client.run("SWAPDB 1 2");
    client.run("SELECT 2");
    client.run("FLUSHDB");
    assert_eq!(client.info("rdb_bgsave_in_progress"), "1", "this machine is too slow for the test");
    assert_ne!(client.info("current_cow_size"), "0");
    eventually("the snapshot is saved", SOON, || client.info("rdb_bgsave_in_progress") == "0");
    assert_eq!(client.info("rdb_last_bgsave_status"), "ok");
    let mut loaded = Peer::redis(&DEBUG);
    loaded.kill9();
    std::fs::copy(dump_of(&server), dump_of(&loaded)).expect("there is room");
    loaded.restart();
    assert_eq!(fingerprint(&mut loaded.client()), before);
}

/// Transactions move amounts between accounts: every snapshot has the same sum.
#[test]
fn no_snapshot_has_half_a_transaction() {
    let mut server = Server::start(&["--rdb-key-save-delay", "20"]);
    let mut client = server.client();
    (0..500).for_each(|i| drop(client.run(&format!("SET account:{i} 100"))));
    let stop = std::sync::atomic::AtomicBool::new(false);
    for round in 0..3 {
        std::thread::scope(|scope| {
            for writer in 0..2 {
                let (server, stop) = (&server, &stop);
                scope.spawn(move || {
                    let mut client = server.client();
                    let mut n = writer;
                    while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                        n += 7;
                        client.run("MULTI");
                        client.run(&format!("DECRBY account:{} 3", n % 500));
                        client.run(&format!("INCRBY account:{} 3", n * 31 % 500));
                        client.run("EXEC");
                    }
                });
            }
            let mut client = server.client();
            std::thread::sleep(Duration::from_millis(50));
            let saved = bgsave(&mut client);
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
            assert_eq!(saved, "ok");
        });
        stop.store(false, std::sync::atomic::Ordering::Relaxed);
        server.kill9();
        server.restart();
        let mut client = server.client();
        let sum: i64 = (0..500)
            .map(|i| client.value(&format!("GET account:{i}")).text().parse::<i64>().expect("a number"))
            .sum();
        assert_eq!(sum, 50_000, "round {round}");
    }
}

#[test]
fn a_save_point_saves() {
    let server = Server::start(&["--save", "1 3"]);
    let mut client = server.client();
    client.run("MSET a 1 b 2");
    assert_eq!(client.info("rdb_changes_since_last_save"), "2");
    std::thread::sleep(Duration::from_millis(2300));
    assert!(!dump_of(&server).exists(), "two changes are not three");
    let before = client.int("LASTSAVE");
    client.run("SET c 3");
    eventually("the save point is noticed", SOON, || dump_of(&server).exists());
    eventually("its end, too", SOON, || client.info("rdb_changes_since_last_save") == "0");
    assert!(client.int("LASTSAVE") > before);
    assert_eq!(
        (client.info("rdb_saves"), client.run("CONFIG GET save")),
        ("1".into(), "1) \"save\"\n2) \"1 3\"".into())
    );
}

#[test]
fn one_snapshot_at_a_time() {
    let server = Server::start(&["--rdb-key-save-delay", "1000"]);
    let mut client = server.client();
    (0..1000).for_each(|i| drop(client.run(&format!("SET key:{i} 1"))));
    assert_eq!(client.run("BGSAVE nonsense"), "(error) ERR syntax error");
    assert_eq!(client.run("BGSAVE"), "Background saving started");
    let busy = "(error) ERR Background save already in progress";
    assert_eq!(client.run("BGSAVE"), busy);
    assert_eq!(client.run("BGSAVE SCHEDULE"), busy);
    assert_eq!(client.run("SAVE"), busy);
    eventually("it has counted the keys", SOON, || client.info("current_save_keys_total") == "1000");
    client.run("MULTI");
    assert_eq!(client.run("SAVE"), "(error) ERR Command not allowed inside a transaction");
    client.run("DISCARD");
    client.run("CONFIG SET rdb-key-save-delay 0");
    eventually("it is saved", SOON, || client.info("rdb_bgsave_in_progress") == "0");
    client.run("MULTI");
    client.run("SET a 1");
    client.run("BGSAVE");
    assert_eq!(client.run("EXEC"), "1) OK\n2) Background saving scheduled");
    eventually("it is saved, too", SOON, || client.info("rdb_saves") == "2");
}

/// What stands in the place of the temporary file, so that writing it fails.
fn fill_disk(server: &Server, background: bool) -> PathBuf {
    let suffix = if background { "-bg" } else { "" };
    let path = server.dir().join(format!("temp-{}{suffix}.rdb", server.pid()));
    std::os::unix::fs::symlink("/dev/full", &path).expect("the directory is writable");
    path
}

#[test]
fn a_full_disk_stops_writes_and_keeps_the_file() {
    let server = Server::start(&["--save", "3600 1"]);
    let mut client = server.client();
    client.run("SET a 1");
    assert_eq!(bgsave(&mut client), "ok");
    let file = std::fs::read(dump_of(&server)).expect("it was saved");
    client.run("SET a 2");
    fill_disk(&server, true);
    assert_eq!(bgsave(&mut client), "err");
    server.wait_log("No space left on device");
    server.wait_log("Background saving error");
    assert_eq!(std::fs::read(dump_of(&server)).expect("it is there"), file);
    let names: Vec<_> =
        std::fs::read_dir(server.dir()).expect("it is there").flatten().map(|e| e.file_name()).collect();
    assert_eq!(names, ["dump.rdb"]);
    let misconf = "(error) MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk. \
                   Commands that may modify the data set are disabled, because this instance is configured to report errors \
                   during writes if RDB snapshotting fails (stop-writes-on-bgsave-error option). Please check the Redis \
                   logs for details about the RDB error.";
    for command in ["SET a 3", "DEL a", "PING", "INCR a"] {
        assert_eq!(client.run(command), misconf, "{command}");
    }
    assert_eq!(client.run("GET a"), "\"2\"");
    client.run("MULTI");
    assert_eq!(client.run("SET a 3"), misconf);
    assert_eq!(client.run("EXEC"), "(error) EXECABORT Transaction discarded because of previous errors.");
    client.run("CONFIG SET stop-writes-on-bgsave-error no");
    assert_eq!(client.run("SET a 3"), "OK");
    client.run("CONFIG SET stop-writes-on-bgsave-error yes");
    client.run("CONFIG SET save \"\"");
    assert_eq!(client.run("SET a 4"), "OK");
    client.run("CONFIG SET save \"3600 1\"");
    assert_eq!(client.run("PING"), misconf);
    // There is room again.
    assert_eq!(bgsave(&mut client), "ok");
    assert_eq!(client.run("SET a 5"), "OK");
}

#[test]
fn a_directory_that_vanished_is_told_and_keeps_the_server_alive() {
    let mut server = Server::start(&["--save", "3600 1"]);
    let mut client = server.client();
    client.run("SET a 1");
    let (dir, away) = (server.dir().to_owned(), server.dir().with_extension("away"));
    std::fs::rename(&dir, &away).expect("its parent is writable");
    assert_eq!(client.run("SAVE"), "(error) ERR The snapshot could not be saved. Check the server's log.");
    server.wait_log("Failed opening the temp RDB file temp-");
    assert_eq!(
        client.run("SET a 1"),
        "OK",
        "who waits for a snapshot is told, and nobody else has to suffer"
    );
    assert_eq!(client.run("SHUTDOWN"), "(error) ERR Errors trying to SHUTDOWN. Check logs.");
    server.wait_log("Error trying to save the DB, can't exit.");
    assert_eq!(client.run("PING"), "PONG");
    server.mark_log();
    server.signal(Signal::TERM);
    server.wait_log("SIGTERM received but errors trying to shut down the server");
    assert!(server.alive());
    assert_eq!(client.run("GET a"), "\"1\"");
    std::fs::rename(&away, &dir).expect("its parent is writable");
    assert_eq!(client.run("SAVE"), "OK");
    assert_eq!(client.run("SET a 2"), "OK");
    std::fs::rename(&dir, &away).expect("its parent is writable");
    client.send(&["SHUTDOWN", "FORCE"]);
    client.expect_closed();
    assert!(server.wait_exit().success());
    std::fs::rename(&away, &dir).expect("its parent is writable");
    server.restart();
    assert_eq!(server.client().run("GET a"), "\"1\"");
}

#[test]
fn shutdown_saves_as_it_is_told() {
    let mut server = Server::start(&[]);
    let shut = |server: &mut Server, write: &str, command: &str| {
        let mut client = server.client();
        client.run(write);
        client.send(&command.split(' ').collect::<Vec<_>>());
        client.expect_closed();
        assert!(server.wait_exit().success(), "{command}");
        server.restart();
        server.client().run("GET a")
    };
    assert_eq!(shut(&mut server, "SET a 1", "SHUTDOWN"), "(nil)", "there is no save point");
    assert_eq!(shut(&mut server, "SET a 1", "SHUTDOWN SAVE"), "\"1\"");
    assert_eq!(shut(&mut server, "SET a 2", "SHUTDOWN NOSAVE"), "\"1\"");
    let mut server = Server::start(&["--save", "3600 1", "--shutdown-on-sigterm", "nosave"]);
    assert_eq!(shut(&mut server, "SET a 1", "SHUTDOWN NOW"), "\"1\"");
    assert_eq!(shut(&mut server, "SET a 2", "SHUTDOWN NOSAVE"), "\"1\"");
    server.client().run("SET a 3");
    server.restart();
    assert_eq!(server.client().run("GET a"), "\"1\"", "shutdown-on-sigterm nosave");
    server.client().run("SET a 4");
    server.signal(Signal::INT);
    assert!(server.wait_exit().success());
    server.restart();
    assert_eq!(server.client().run("GET a"), "\"4\"", "SIGINT saves where there are save points");
}

/// Tools wait for `total_forks` to grow.
#[test]
fn a_snapshot_in_the_background_counts_as_a_fork() {
    let server = Server::start(&[]);
    let mut client = server.client();
    let forks = |client: &mut Client| client.run("INFO stats").contains("total_forks:2");
    client.run("SAVE");
    assert_eq!(bgsave(&mut client), "ok");
    assert!(!forks(&mut client));
    client.run("BGREWRITEAOF");
    eventually("the other snapshot is taken", SOON, || forks(&mut client));
    client.run("CONFIG RESETSTAT");
    assert!(client.run("INFO stats").contains("total_forks:0"));
}

/// SIGINT asks for the end, and a second one does not wait for the snapshot that the first one has begun.
#[test]
fn who_insists_on_the_end_has_it_at_once() {
    let mut server = Server::start(&["--save", "3600 1"]);
    let mut client = server.client();
    (0..20).for_each(|i| drop(client.run(&format!("SET {i} x"))));
    client.run("CONFIG SET rdb-key-save-delay 1000000");
    let temporary = server.dir().join(format!("temp-{}.rdb", server.pid()));
    server.signal(Signal::INT);
    eventually("the snapshot is begun", Duration::from_secs(5), || temporary.exists());
    server.signal(Signal::TERM);
    std::thread::sleep(Duration::from_millis(100));
    assert!(server.alive(), "SIGTERM does not insist");
    server.signal(Signal::INT);
    assert_eq!(server.wait_exit().code(), Some(1));
    assert!(server.log().contains("You insist... exiting now."));
    assert!(!temporary.exists() && !dump_of(&server).exists());
}

#[test]
fn the_end_leaves_no_half_of_a_snapshot_behind() {
    let mut server = Server::start(&["--enable-debug-command", "yes"]);
    let mut client = server.client();
    client.run("DEBUG POPULATE 20");
    client.run("CONFIG SET rdb-key-save-delay 1000000");
    client.run("BGSAVE");
    let temporary = server.dir().join(format!("temp-{}-bg.rdb", server.pid()));
    eventually("the snapshot is begun", Duration::from_secs(5), || temporary.exists());
    client.send(&["SHUTDOWN", "NOSAVE"]);
    assert!(server.wait_exit().success());
    assert!(!temporary.exists() && !dump_of(&server).exists());
}

#[test]
fn what_a_signal_has_scheduled_can_be_aborted() {
    let mut server = Server::start(&["--enable-debug-command", "yes"]);
    let mut client = server.client();
    assert_eq!(client.run("SHUTDOWN ABORT"), "(error) ERR No shutdown in progress.");
    client.run("DEBUG PAUSE-CRON 1");
    server.signal(Signal::TERM);
    server.wait_log("Received SIGTERM scheduling shutdown...");
    assert_eq!(client.run("SHUTDOWN ABORT"), "OK");
    server.wait_log("Shutdown manually aborted.");
    client.run("DEBUG PAUSE-CRON 0");
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(client.run("SHUTDOWN ABORT"), "(error) ERR No shutdown in progress.");
    assert!(server.terminate().success());
}

/// A client that writes as fast as it can while the server is told to end: what was acknowledged is in the file.
#[test]
fn a_shutdown_loses_nothing_that_was_acknowledged() {
    let mut server = Server::start(&["--save", "3600 1"]);
    for round in 0..5 {
        let address = server.address();
        let writer = std::thread::spawn(move || {
            let mut client = Client::connect(address);
            let mut acknowledged = 0;
            while client.try_send_raw(encode(&["INCR", "n"]).as_slice()).is_ok() && client.try_reply().is_ok()
            {
                acknowledged += 1;
            }
            acknowledged
        });
        std::thread::sleep(Duration::from_millis(100 + 30 * round));
        server.terminate();
        let acknowledged: i64 = writer.join().expect("it ends with its connection");
        server.restart();
        let mut client = server.client();
        let saved = client.value("GET n").text().parse::<i64>().unwrap_or(0);
        assert!(
            (acknowledged..=acknowledged + 1).contains(&saved),
            "{acknowledged} acknowledged, {saved} saved"
        );
        client.run("DEL n");
    }
}

#[test]
fn a_crash_while_saving_leaves_the_old_file() {
    let mut server = Server::start(&["--rdb-key-save-delay", "2000"]);
    let mut client = server.client();
    client.run("SET a old");
    assert_eq!(client.run("SAVE"), "OK");
    (0..2000).for_each(|i| drop(client.run(&format!("SET key:{i} 1"))));
    client.run("SET a new");
    assert_eq!(client.run("BGSAVE"), "Background saving started");
    eventually("it is at work", SOON, || client.info("current_save_keys_processed") != "0");
    server.kill9();
    server.restart();
    let mut client = server.client();
    assert_eq!((client.run("GET a"), client.run("DBSIZE")), ("\"old\"".into(), "(integer) 1".into()));
}

#[test]
fn flushall_leaves_a_file_without_keys() {
    let mut server = Server::start(&["--save", "3600 100000", "--rdb-key-save-delay", "2000"]);
    let mut client = server.client();
    (0..1000).for_each(|i| drop(client.run(&format!("SET key:{i} 1"))));
    assert_eq!(client.run("BGSAVE"), "Background saving started");
    assert_eq!(client.run("FLUSHALL"), "OK");
    eventually("the snapshot with keys has given way to one without", SOON, || {
        dump_of(&server).exists() && client.info("rdb_bgsave_in_progress") == "0"
    });
    assert_eq!(client.info("rdb_last_bgsave_status"), "ok");
    server.kill9();
    server.restart();
    assert_eq!(server.client().run("DBSIZE"), "(integer) 0");
}

#[test]
fn debug_reload_changes_nothing_or_what_it_is_told() {
    let server = Server::start(&DEBUG);
    let mut client = server.client();
    fill(&mut client);
    let before = fingerprint(&mut client);
    assert_eq!(client.run("DEBUG RELOAD"), "OK");
    assert_eq!(fingerprint(&mut client), before);
    client.run("SET extra 1");
    client.run("SET key:1 changed");
    assert_eq!(client.run("DEBUG RELOAD NOSAVE"), "OK");
    assert_eq!(fingerprint(&mut client), before);
    client.run("SET extra 1");
    client.run("SET key:1 changed");
    let failed = "(error) ERR Error trying to load the RDB dump, check server logs.";
    assert_eq!(client.run("DEBUG RELOAD NOSAVE NOFLUSH"), failed, "a key is there already");
    assert_eq!(client.run("DEBUG RELOAD NOSAVE NOFLUSH MERGE"), "OK");
    assert_eq!((client.run("GET extra"), client.run("GET key:1")), ("\"1\"".into(), "\"value:1\"".into()));
    assert!(
        client.run("DEBUG RELOAD NONSENSE").contains("only supports the MERGE, NOFLUSH and NOSAVE options")
    );
    let before = fingerprint(&mut client);
    std::fs::write(dump_of(&server), b"REDIS0010 and nonsense").expect("there is room");
    assert_eq!(client.run("DEBUG RELOAD NOSAVE"), failed);
    assert_eq!(fingerprint(&mut client), before, "what cannot be loaded takes no place");
}

/// Start a server on a file that it cannot load; its log.
fn refused(bytes: &[u8]) -> String {
    let dir = tempfile::tempdir().expect("there is room");
    let path = dir.path().join("dump.rdb");
    std::fs::write(&path, bytes).expect("there is room");
    let port = free_port().to_string();
    let dir_text = dir.path().display().to_string();
    let args = ["--port", &port, "--dir", &dir_text, "--save", "3600 1"];
    let stopped = Server::refused(&paths::server(), &args);
    assert_eq!(stopped.status.code(), Some(1), "{}", stopped.log);
    assert_eq!(std::fs::read(&path).expect("it is there"), bytes, "nothing is overwritten");
    stopped.log
}

#[test]
fn a_damaged_file_stops_the_start_and_says_where() {
    if paths::stand_in() {
        return;
    }
    let server = Server::start(&[]);
    let mut client = server.client();
    client.run("SET a 1");
    client.run("HSET h f v");
    client.run("SAVE");
    let file = std::fs::read(dump_of(&server)).expect("it was saved");
    let log = refused(&file[..file.len() - 12]);
    assert!(log.contains("dump.rdb") && log.contains("at byte"), "{log}");
    let mut flipped = file.clone();
    let last = flipped.len() - 1;
    flipped[last] ^= 1;
    let log = refused(&flipped);
    assert!(log.contains("dump.rdb") && log.contains("checksum"), "{log}");
    let mut other = file.clone();
    other[5..9].copy_from_slice(b"0099");
    assert!(refused(&other).contains("at byte 0: version 99"), "{}", refused(&other));
    assert!(refused(b"no RDB at all").contains("at byte 0: this is not an RDB file"));
    assert!(refused(b"").contains("at byte 0"));
    let twice = [&b"REDIS0010\x00\x01a\x01b\x00\x01a\x01c\xff"[..], &[0; 8]].concat();
    assert!(refused(&twice).contains("RDB has duplicated key 'a' in DB 0"));
    let far = [&b"REDIS0010\xfe\x10\x00\x01a\x01b\xff"[..], &[0; 8]].concat();
    assert!(refused(&far).contains("configured to handle more than 16 databases"));
}

#[test]
fn what_nobody_knows_is_kept_byte_for_byte() {
    if paths::stand_in() {
        return;
    }
    let value = b"\x07\x09test-type\x81\xb5\xeb\x2d\xff\xff\xdd\xb4\x01\x02\x40\x6f\x05\x03foo\x00";
    let aux = b"\xf7\x81\xb5\xeb\x2d\xff\xff\xdd\xb4\x01\x02\x01\x05\x06before\x00";
    let aux_after = b"\xf7\x81\xb5\xeb\x2d\xff\xff\xdd\xb4\x01\x02\x02\x02\x07\x00";
    let parts: [&[u8]; 7] = [
        b"REDIS0011",
        aux,
        b"\xfa\x07unknown\x03aux",
        b"\xfe\x00",
        value,
        aux_after,
        b"\xff\0\0\0\0\0\0\0\0",
    ];
    let mut server = Server::start(&DEBUG);
    server.kill9();
    std::fs::write(dump_of(&server), parts.concat()).expect("there is room");
    server.restart();
    let mut client = server.client();
    assert_eq!(client.run("TYPE test-type"), "test___dt");
    for command in ["SAVE", "DEBUG RELOAD", "BGSAVE", "FLUSHALL"] {
        client.run(command);
        if command == "FLUSHALL" {
            client.run("SAVE");
        }
        eventually("it is saved", SOON, || client.info("rdb_bgsave_in_progress") == "0");
        let file = std::fs::read(dump_of(&server)).expect("it was saved");
        let at = |part: &[u8]| file.windows(part.len()).position(|bytes| bytes == part);
        assert_eq!(at(value).is_some(), command != "FLUSHALL", "{command}");
        assert!(at(aux).is_some() && at(aux) < at(aux_after), "{command}");
        let checked = Command::new(paths::tool("redis-check-rdb")).arg(dump_of(&server)).output();
        assert!(checked.is_ok_and(|checked| checked.status.success()), "{command}");
    }
}

#[test]
fn what_has_expired_is_not_loaded() {
    let mut server = Server::start(&DEBUG);
    let mut client = server.client();
    client.run("DEBUG SET-ACTIVE-EXPIRE 0");
    client.run("SET dead 1 PX 200");
    client.run("SET alive 1 EX 1000");
    client.run("SAVE");
    std::thread::sleep(Duration::from_millis(250));
    server.kill9();
    server.restart();
    let mut client = server.client();
    assert_eq!(client.run("DBSIZE"), "(integer) 1");
    assert_eq!(client.info("rdb_last_load_keys_expired"), "1");
    assert_eq!(client.info("rdb_last_load_keys_loaded"), "1");
}

#[test]
fn clients_are_answered_while_data_is_loaded() {
    let mut server = Server::start(&["--key-load-delay", "500"]);
    let mut client = server.client();
    let requests: Vec<Vec<String>> =
        (0..4000).map(|i| vec!["SET".into(), format!("key:{i}"), "x".repeat(1000)]).collect();
    client.pipeline(&requests);
    client.run("CONFIG SET rdbcompression no");
    client.run("SAVE");
    server.kill9();
    let address = server.address();
    std::thread::scope(|scope| {
        let asking = scope.spawn(move || {
            let begin = Instant::now();
            while std::net::TcpStream::connect(address).is_err() {
                assert!(begin.elapsed() < SOON, "nobody listens");
                std::thread::sleep(Duration::from_millis(5));
            }
            let mut client = Client::connect(address);
            let loading = "(error) LOADING Redis is loading the dataset in memory";
            for command in ["PING", "GET key:1", "SET a 1", "SAVE", "KEYS *"] {
                assert_eq!(client.run(command), loading, "{command}");
            }
            assert_eq!(client.info("loading"), "1");
            let number = |client: &mut Client, field: &str| {
                client.info(field).parse::<f64>().unwrap_or_else(|_| panic!("{field} is no number"))
            };
            eventually("some is loaded", SOON, || number(&mut client, "loading_loaded_bytes") > 0.0);
            assert!(number(&mut client, "loading_total_bytes") > 4_000_000.0);
            assert!((0.0..=100.0).contains(&number(&mut client, "loading_loaded_perc")));
            assert!(number(&mut client, "loading_eta_seconds") < 100.0);
            assert!(number(&mut client, "loading_start_time") > 0.0);
        });
        server.restart();
        asking.join().expect("what it saw was right");
    });
    let mut client = server.client();
    assert_eq!((client.run("PING"), client.run("DBSIZE")), ("PONG".into(), "(integer) 4000".into()));
    assert_eq!(client.info("loading"), "0");
}
