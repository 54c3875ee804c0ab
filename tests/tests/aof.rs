//! The append-only file: what goes into it is what redis-server writes, whatever happens a server that starts again has what it
//! acknowledged, and redis-server and its tools take our files as we take theirs.

use sandkey_tests::aof::{self, count_until_killed, settle};
use sandkey_tests::extent::{long, seed};
use sandkey_tests::generator::{Generator, Step};
use sandkey_tests::words::split_line;
use sandkey_tests::{Client, Peer, Server, eventually, paths};
use std::path::Path;
use std::time::Duration;

const AOF: &[&str] = &["--appendonly", "yes"];

/// Some connections, and a stream of requests that goes over them one after the other.
struct Load {
    generator: Generator,
    requests: usize,
    /// A command that is left out.
    without: &'static str,
}

impl Load {
    fn new(seed: u64) -> Load {
        Load { generator: Generator::new(seed), requests: 0, without: "" }
    }

    /// Send the next requests, the same to all servers.
    fn run(&mut self, servers: &[&Server], requests: usize) {
        let mut clients: Vec<Vec<Client>> = servers
            .iter()
            .map(|server| (0..sandkey_tests::generator::CONNECTIONS).map(|_| server.client()).collect())
            .collect();
        let until = self.requests + requests;
        while self.requests < until {
            let Step::Batch(connection, batch) = self.generator.step() else { continue };
            self.requests += batch.len();
            let mut batch: Vec<Vec<Vec<u8>>> = batch.into_iter().map(|request| request.args).collect();
            batch.retain(|args| !args[0].eq_ignore_ascii_case(self.without.as_bytes()));
            for clients in &mut clients {
                clients[connection].pipeline(&batch);
            }
        }
    }
}

fn rewrite(server: &Server) {
    let mut client = server.client();
    let reply = client.run("BGREWRITEAOF");
    assert!(reply.starts_with("Background append only file rewriting"), "{reply}");
    client.await_rewrite();
    assert_eq!(client.info("aof_last_bgrewrite_status"), "ok");
}

fn read_items(path: &Path) -> Vec<aof::Item> {
    aof::items(&std::fs::read(path).expect("the file can be read"))
}

/// Equal, but for times that two servers have calculated from their own clocks.
fn same_word(ours: &[u8], theirs: &[u8]) -> bool {
    let time = |word: &[u8]| {
        std::str::from_utf8(word).ok()?.parse::<i64>().ok().filter(|&ms| ms > 1_000_000_000_000)
    };
    ours == theirs
        || matches!((time(ours), time(theirs)), (Some(ours), Some(theirs)) if (ours - theirs).abs() < 20_000)
}

/// A length that was met approximately is repeated as the exact one; a LIMIT that redis-server leaves behind it says nothing then.
fn without_limit(item: &aof::Item) -> aof::Item {
    let mut item = item.clone();
    let trims = [&b"XADD"[..], b"XTRIM"].iter().any(|name| item[0].eq_ignore_ascii_case(name));
    // Behind MAXLEN or MINID, `=` and the length.
    if let Some(at) = (1..item.len().min(8)).find(|at| trims && item[*at].eq_ignore_ascii_case(b"LIMIT")) {
        item.drain(at..at + 2);
    }
    item
}

fn assert_same_items(ours: &Server, theirs: &Server, what: &str) {
    let [ours, mut theirs] = [ours, theirs].map(|server| read_items(&aof::last_file(server.dir())));
    // In 7.2 a transaction selects its database inside of it, in 7.0 before.
    let begins = |item: &aof::Item, word: &[u8]| item.first().is_some_and(|first| first == word);
    for at in 1..theirs.len() {
        if begins(&theirs[at - 1], b"SELECT") && begins(&theirs[at], b"MULTI") {
            theirs.swap(at - 1, at);
        }
    }
    for (i, (our, their)) in ours.iter().zip(theirs.iter().map(without_limit)).enumerate() {
        let their = &their;
        let same = our.len() == their.len() && our.iter().zip(their).all(|(a, b)| same_word(a, b));
        assert!(same, "{what}: item {i}: ours is\n{}\ntheirs is\n{}", aof::shown(our), aof::shown(their));
    }
    assert_eq!(ours.len(), theirs.len(), "{what}");
}

#[test]
fn the_same_commands_are_appended_as_by_redis() {
    if paths::stand_in() {
        return;
    }
    let seed = seed();
    let (ours, theirs) = (Server::start(AOF), Peer::redis(AOF));
    let mut load = Load::new(seed);
    // 7.2 repeats where the group stands each time, 7.0 only if nothing has to be acknowledged.
    load.without = "XREADGROUP";
    load.run(&[&ours, &theirs], if long() { 500_000 } else { 20_000 });
    settle(&ours);
    settle(&theirs);
    assert_same_items(&ours, &theirs, &format!("SANDKEY_SEED={seed}"));
}

/// Keys that nobody looks at do not expire by themselves here, so that it is known when they are found.
const EXPIRED: &str = "
SET k 5 PXAT 1
INCR k
SET k 5 PXAT 1
SET k 6
SET k 5 PXAT 1
DEL k
SET k 5 PXAT 1
EXISTS k
SET k 5 PXAT 1
EXPIRE k 100
SET k 5 PXAT 1
GETDEL k
SET k 5 PXAT 1
RENAME k other
SET k 5 PXAT 1
COPY k other
MULTI
SET k 5 PXAT 1
INCR k
EXEC
MULTI
SET k 5 PXAT 1
GET k
EXEC
SET k 5 PXAT 1
MULTI
GET nothing
GET k
EXEC
CONFIG SET lazyfree-lazy-expire yes lazyfree-lazy-user-del yes
SET k 5 PXAT 1
GET k
SET k 5
EXPIRE k -1
SET k 5
GETEX k PXAT 1
SET k 5
GETDEL k
SELECT 3
SET k 5 PXAT 1
SELECT 0
SWAPDB 0 3
GET k
FLUSHALL
FLUSHDB
FLUSHALL ASYNC
";

#[test]
fn expired_keys_are_deleted_in_the_file_when_redis_does() {
    if paths::stand_in() {
        return;
    }
    let args = [AOF, &["--enable-debug-command", "yes"]].concat();
    let (ours, theirs) = (Server::start(&args), Peer::redis(&args));
    for server in [&ours, &theirs] {
        let mut client = server.client();
        client.run("DEBUG SET-ACTIVE-EXPIRE 0");
        for line in EXPIRED.trim().lines() {
            client.run(line);
        }
        settle(server);
    }
    assert_same_items(&ours, &theirs, "expired keys");
}

#[test]
fn a_key_that_expires_by_itself_is_deleted_in_the_file() {
    let mut server = Server::start(AOF);
    let mut client = server.client();
    client.run("SET k v PX 30");
    let deleted = || read_items(&aof::last_file(server.dir())).iter().any(|item| aof::shown(item) == "DEL k");
    eventually("the deletion is in the file", Duration::from_secs(10), deleted);
    client.run("SET k v2");
    server.restart();
    assert_eq!(server.client().run("GET k"), "\"v2\"");
}

#[test]
fn evicted_keys_are_deleted_in_the_file() {
    let mut server = Server::start(&[AOF, &["--maxmemory-policy", "allkeys-lru"]].concat());
    let mut client = server.client();
    let fill: Vec<Vec<String>> =
        (0..3000).map(|i| vec!["SET".into(), format!("k{i}"), "v".repeat(1000)]).collect();
    client.pipeline(&fill);
    let used = client.info_int("used_memory");
    client.run(&format!("CONFIG SET maxmemory {}", used - 1_500_000));
    client.run("SET more v");
    eventually("there is room", Duration::from_secs(10), || client.run("SET more v") == "OK");
    client.run("CONFIG SET maxmemory 0");
    settle(&server);
    let before = aof::state(&server);
    assert!(before.len() < 2990, "{} keys are left", before.len());
    server.restart();
    aof::assert_same(&before, &aof::state(&server), "after evictions");
}

fn restart_with(policy: &str) {
    let seed = seed();
    let preamble = if seed.is_multiple_of(2) { "yes" } else { "no" };
    let args = [AOF, &["--appendfsync", policy, "--aof-use-rdb-preamble", preamble]].concat();
    let mut server = Server::start(&args);
    let mut load = Load::new(seed);
    for round in 0..if long() { 40 } else { 4 } {
        load.run(&[&server], if policy == "always" { 1000 } else { 5000 });
        if round % 2 == 1 {
            rewrite(&server);
            load.run(&[&server], 300);
        }
        settle(&server);
        let before = aof::state(&server);
        if round % 4 == 3 {
            server.kill9();
        }
        server.restart();
        let what = format!("SANDKEY_SEED={seed} {policy}, preamble {preamble}, round {round}");
        aof::assert_same(&before, &aof::state(&server), &what);
        aof::check(server.dir());
    }
}

#[test]
fn a_restart_brings_all_back_with_everysec() {
    restart_with("everysec");
}

#[test]
fn a_restart_brings_all_back_with_always() {
    restart_with("always");
}

#[test]
fn a_restart_brings_all_back_with_no() {
    restart_with("no");
}

/// Requests go on while the file is rewritten again and again.
#[test]
fn nothing_is_lost_while_the_file_is_rewritten() {
    let seed = seed();
    let mut server = Server::start(&[AOF, &["--rdb-key-save-delay", "-5"]].concat());
    let mut load = Load::new(seed);
    load.run(&[&server], 3000);
    for round in 0..if long() { 40 } else { 5 } {
        let filler: Vec<Vec<String>> =
            (0..2000).map(|i| vec!["SET".into(), format!("filler{i}"), format!("{round}")]).collect();
        server.client().pipeline(&filler);
        server.client().run("BGREWRITEAOF");
        load.run(&[&server], 2000);
    }
    settle(&server);
    let before = aof::state(&server);
    server.restart();
    aof::assert_same(&before, &aof::state(&server), &format!("SANDKEY_SEED={seed}"));
    let names = std::fs::read_dir(server.dir().join("appendonlydir")).expect("readable").count();
    assert!(names <= 4, "a base, an increment or two and the manifest, but not {names} files");
}

#[test]
fn redis_starts_on_our_files_and_we_on_its() {
    if paths::stand_in() {
        return;
    }
    let seed = seed();
    for preamble in ["yes", "no"] {
        let args = [AOF, &["--aof-use-rdb-preamble", preamble]].concat();
        let (mut ours, mut theirs) = (Server::start(&args), Peer::redis(&args));
        let mut load = Load::new(seed);
        // How many entries a group has read is in the file of 7.2 only.
        load.without = "XREADGROUP";
        load.run(&[&ours, &theirs], 4000);
        let what = format!("SANDKEY_SEED={seed}, preamble {preamble}");
        for rewritten in [false, true] {
            if rewritten {
                rewrite(&ours);
                rewrite(&theirs);
                load.run(&[&ours, &theirs], 500);
            }
            let states = [&ours, &theirs].map(aof::state);
            ours.terminate();
            theirs.terminate();
            let (mut our_copy, mut their_copy) = (Server::start(&args), Peer::redis(&args));
            our_copy.terminate();
            their_copy.terminate();
            aof::copy(&theirs, &our_copy);
            aof::copy(&ours, &their_copy);
            our_copy.restart();
            their_copy.restart();
            aof::assert_same(&states[0], &aof::state(&their_copy), &format!("redis on our files, {what}"));
            aof::assert_same(&states[1], &aof::state(&our_copy), &format!("ours on redis's files, {what}"));
            ours.restart();
            theirs.restart();
        }
    }
}

#[test]
fn kill_9_loses_nothing_acknowledged_with_always() {
    let mut server = Server::start(&[AOF, &["--appendfsync", "always"]].concat());
    for round in 0..if long() { 50 } else { 4 } {
        if round % 2 == 1 {
            server.client().run("BGREWRITEAOF");
        }
        let counted = count_until_killed(&mut server, 8, Duration::from_millis(200 + round * 37));
        server.restart();
        let mut client = server.client();
        for (number, (acknowledged, sent)) in counted.into_iter().enumerate() {
            let stored = client.value(&format!("GET counter{number}")).text();
            let stored: u64 = stored.parse().unwrap_or(0);
            assert!(acknowledged > 0 || round > 0, "client {number} was never answered");
            let total = acknowledged.max(stored);
            assert!(
                stored >= acknowledged,
                "round {round}: {stored} is stored, {acknowledged} was acknowledged"
            );
            assert!(stored <= total + sent, "round {round}: more is stored than was sent");
        }
        client.run("FLUSHALL");
    }
}

/// A server that does not append, whose files a test writes, and which loads them when it is told to.
struct Reader {
    server: Server,
    client: Client,
}

impl Reader {
    fn start() -> Reader {
        let server = Server::start(&["--enable-debug-command", "yes"]);
        std::fs::create_dir(server.dir().join("appendonlydir")).expect("it can be made");
        let client = server.client();
        Reader { server, client }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.server.dir().join("appendonlydir").join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.path(name), bytes).expect("it can be written");
    }

    fn load(&mut self) -> String {
        self.client.run("DEBUG LOADAOF")
    }
}

fn encoded(lines: &[&str]) -> Vec<u8> {
    let commands = lines.iter().map(|line| split_line(line).expect("quotes match"));
    commands.flat_map(|args| sandkey_tests::client::encode(&args)).collect()
}

const ONE_FILE: &[u8] = b"file a.aof seq 1 type i\n";

#[test]
fn a_tail_that_is_cut_anywhere_is_cut_back_to_what_is_whole() {
    let mut reader = Reader::start();
    reader.write("appendonly.aof.manifest", ONE_FILE);
    let lines = ["SELECT 0", "SET a 1", "INCR a", "MULTI", "INCR a", "INCR a", "EXEC", "#TS", "INCR a"];
    let mut ends = vec![0];
    let mut file = Vec::new();
    for line in lines {
        match line {
            "#TS" => file.extend_from_slice(b"#TS:1700000000\r\n"),
            line => file.extend_from_slice(&encoded(&[line])),
        }
        ends.push(file.len());
    }
    // Behind each line of the file: what `a` is, and where a cut in the next line goes back to.
    let values = ["", "", "1", "2", "2", "2", "2", "4", "4", "5"];
    let open = |whole: usize| (4..7).contains(&whole);
    for cut in 0..=file.len() {
        reader.write("a.aof", &file[..cut]);
        assert_eq!(reader.load(), "OK", "cut at {cut}");
        let whole = ends.iter().rposition(|&end| end <= cut).expect("0 is one");
        let value = reader.client.value("GET a").text();
        assert_eq!(value, values[whole], "cut at {cut}");
        let kept = if open(whole) { ends[3] } else { ends[whole] };
        let len = std::fs::metadata(reader.path("a.aof")).expect("it is there").len();
        assert_eq!(len, kept as u64, "cut at {cut}");
    }
}

/// A power cut may leave the length of what was written, and zeros in place of its bytes.
#[test]
fn an_end_of_zeros_is_cut_off() {
    if paths::stand_in() {
        return;
    }
    let mut reader = Reader::start();
    reader.write("appendonly.aof.manifest", ONE_FILE);
    let whole = encoded(&["SET a 1", "INCR a"]);
    let all = [&whole[..], &encoded(&["MULTI", "INCR a", "INCR a", "EXEC"])].concat();
    for cut in whole.len()..all.len() {
        let mut bytes = all[..cut].to_vec();
        bytes.resize(bytes.len() + 3000, 0);
        reader.write("a.aof", &bytes);
        assert_eq!(reader.load(), "OK", "cut at {cut}");
        assert_eq!(reader.client.run("GET a"), "\"2\"", "cut at {cut}");
        let len = std::fs::metadata(reader.path("a.aof")).expect("it is there").len();
        assert_eq!(len, whole.len() as u64, "cut at {cut}");
    }
}

/// What is cut off must be the end, and not the rest behind a length that has been damaged.
#[test]
fn a_damaged_byte_takes_nothing_along() {
    if paths::stand_in() {
        return;
    }
    let mut reader = Reader::start();
    reader.write("appendonly.aof.manifest", ONE_FILE);
    let lines = [
        "SELECT 0",
        "SET a 1",
        "MULTI",
        "INCR a",
        "SET b x",
        "EXEC",
        "HSET h f v",
        "PEXPIREAT b 9999999999999",
    ];
    let last = ["SET c 1", "SET d 1", "INCR c"];
    let damaged_until = encoded(&lines).len();
    let file = [encoded(&lines), encoded(&last)].concat();
    for at in 0..damaged_until {
        for bit in 0..8 {
            let mut bytes = file.clone();
            bytes[at] ^= 1 << bit;
            reader.write("a.aof", &bytes);
            // The number of the database that all of it is in.
            let elsewhere = at == encoded(&["SELECT 0"]).len() - 3;
            if reader.load() == "OK" && !elsewhere {
                // A name or a value is another one now, but all that came behind it is there.
                assert_eq!(reader.client.run("GET c"), "\"2\"", "bit {bit} of byte {at}");
            }
            let now = std::fs::read(reader.path("a.aof")).expect("it is there");
            assert_eq!(now, bytes, "bit {bit} of byte {at}: nothing is cut");
            reader.client.run("SELECT 0");
            reader.client.run("FLUSHALL");
        }
    }
}

#[test]
fn only_the_end_may_be_missing_and_only_if_that_is_allowed() {
    let mut reader = Reader::start();
    let whole = encoded(&["SET a 1", "SET b 2"]);
    let torn = &whole[..whole.len() - 3];
    reader.write("appendonly.aof.manifest", b"file a.aof seq 1 type i\nfile b.aof seq 2 type i\n");
    let cannot = "(error) ERR Error trying to load the AOF files, check server logs.";
    // A rewrite had just begun: nothing was appended to the new file.
    reader.write("a.aof", torn);
    reader.write("b.aof", b"");
    assert_eq!(reader.load(), "OK");
    assert_eq!(reader.client.run("DBSIZE"), "(integer) 1");
    reader.write("a.aof", torn);
    reader.write("b.aof", &encoded(&["SET c 3"]));
    assert_eq!(reader.load(), cannot);
    reader.server.wait_log("the truncated file is not the last file");
    assert_eq!(std::fs::read(reader.path("a.aof")).expect("it is there"), torn, "nothing is cut in vain");
    reader.write("a.aof", &whole);
    reader.write("b.aof", torn);
    reader.client.run("CONFIG SET aof-load-truncated no");
    assert_eq!(reader.load(), cannot);
    reader.server.wait_log("Unexpected end of file reading the append only file");
    reader.client.run("CONFIG SET aof-load-truncated yes");
    assert_eq!(reader.load(), "OK");
    assert_eq!(reader.client.run("DBSIZE"), "(integer) 2");
}

#[test]
fn what_is_damaged_stops_the_start_and_says_where() {
    let mut server = Server::start(AOF);
    let mut client = server.client();
    for i in 0..100 {
        client.run(&format!("SET key{i} value{i}"));
    }
    server.terminate();
    let file = aof::last_file(server.dir());
    let bytes = std::fs::read(&file).expect("readable");
    let refused = |what: &str, bytes: &[u8], expected: &str| {
        std::fs::write(&file, bytes).expect("writable");
        let port = sandkey_tests::server::free_port().to_string();
        let dir = server.dir().display().to_string();
        let stopped =
            Server::refused(&paths::server(), &["--port", &port, "--dir", &dir, "--appendonly", "yes"]);
        assert!(!stopped.status.success(), "{what}");
        assert!(stopped.log.contains(expected), "{what}: {expected:?} is not in\n{}", stopped.log);
        assert_eq!(std::fs::read(&file).expect("readable"), bytes, "{what}: the file is left as it is");
    };
    let name = file.file_name().expect("it has one").to_string_lossy().into_owned();
    let middle = bytes.windows(5).position(|w| w == b"key50").expect("it is there") - 4;
    let mut damaged = bytes.clone();
    damaged[middle] = b'x';
    let expected =
        if paths::stand_in() { "Bad file format".to_owned() } else { format!("{name} at byte {middle}") };
    refused("a broken header", &damaged, &expected);
    refused("a broken header", &damaged, "redis-check-aof --fix");
    let unknown = [&bytes[..], &encoded(&["NOSUCHCOMMAND a"]), &bytes[23..]].concat();
    refused("an unknown command", &unknown, "nknown command 'NOSUCHCOMMAND'");
    if !paths::stand_in() {
        let failing = [&bytes[..], &encoded(&["INCR key1"]), &bytes[23..]].concat();
        refused("a command that fails", &failing, &format!("{name} at byte {}", bytes.len()));
        let replay = encoded(&["MODULE REPLAY x 7 SET a 1"]);
        refused("a replay without a time", &[&bytes[..], &replay].concat(), "cannot be repeated");
    }
    std::fs::write(&file, &bytes).expect("writable");
    server.restart();
    assert_eq!(server.client().int("DBSIZE"), 100);
}

#[test]
fn clients_cannot_replay() {
    if paths::stand_in() {
        return;
    }
    let server = Server::start(AOF);
    let reply = server.client().run("MODULE REPLAY 1 1 SET a 1");
    assert!(reply.starts_with("(error) ERR unknown subcommand 'REPLAY'"), "{reply}");
}

#[test]
fn the_old_single_file_is_taken_over() {
    let mut server = Server::start(&[]);
    server.terminate();
    let text = encoded(&["SELECT 1", "SET a 1", "SET b 2"]);
    std::fs::write(server.dir().join("appendonly.aof"), &text[..text.len() - 1]).expect("writable");
    let dir = server.dir().display().to_string();
    let mut server_args = vec!["--dir", dir.as_str()];
    server_args.extend(AOF);
    // Started in the same directory, as somebody who changes to this server does.
    let mut second = Server::start(&server_args);
    let mut client = second.client();
    client.run("SELECT 1");
    assert_eq!((client.run("GET a"), client.run("GET b")), ("\"1\"".into(), "(nil)".into()));
    client.run("SET c 3");
    assert!(!server.dir().join("appendonly.aof").exists());
    assert_eq!(aof::files(server.dir())[0].file_name().expect("it has one"), "appendonly.aof");
    second.restart();
    let mut client = second.client();
    client.run("SELECT 1");
    assert_eq!((client.int("DBSIZE"), client.run("GET c")), (2, "\"3\"".into()));
    second.terminate();
    aof::check(server.dir());
    drop(second);
}

#[test]
fn it_is_turned_on_and_off_at_run_time() {
    let mut server = Server::start(&[]);
    let mut client = server.client();
    client.run("SET before 1");
    assert_eq!(client.run("CONFIG SET appendonly yes"), "OK");
    client.run("SET after 2");
    eventually("it is on", Duration::from_secs(10), || {
        let info = client.value("INFO persistence").text();
        info.contains("aof_enabled:1\r")
            && info.contains("aof_rewrite_in_progress:0\r")
            && info.contains("aof_current_size:")
    });
    client.run("SET later 3");
    settle(&server);
    aof::check(server.dir());
    assert_eq!(client.run("CONFIG SET appendonly no"), "OK");
    assert_eq!(client.info("aof_enabled"), "0");
    let len = || std::fs::metadata(aof::last_file(server.dir())).expect("it is there").len();
    let before = len();
    client.run("SET last 4");
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(len(), before);
    assert_eq!(client.run("CONFIG SET appendonly yes"), "OK");
    client.run("DEL before");
    client.await_rewrite();
    settle(&server);
    let before = aof::state(&server);
    assert_eq!(client.run("CONFIG REWRITE"), "(error) ERR The server is running without a config file");
    server.kill9();
    let mut reader = Server::start(AOF);
    reader.terminate();
    aof::copy(&server, &reader);
    reader.restart();
    aof::assert_same(&before, &aof::state(&reader), "turned on again");
}

#[test]
fn it_is_rewritten_by_itself_when_it_has_grown() {
    let args = ["--auto-aof-rewrite-min-size", "20000", "--auto-aof-rewrite-percentage", "100"];
    let server = Server::start(&[AOF, &args].concat());
    let mut client = server.client();
    let batch: Vec<Vec<&str>> = (0..2000).map(|_| vec!["SET", "key", "value"]).collect();
    client.pipeline(&batch);
    eventually("it is short again", Duration::from_secs(10), || client.info_int("aof_current_size") < 1000);
    aof::check(server.dir());
    assert_eq!(client.info("aof_last_bgrewrite_status"), "ok");
    assert_ne!(client.info("aof_rewrites"), "0");
}

#[test]
fn a_rewrite_that_fails_leaves_everything_as_it_was() {
    if paths::stand_in() {
        return;
    }
    let mut server = Server::start(AOF);
    let mut client = server.client();
    client.run("SET a 1");
    // No file can be made under this name.
    let blocked = server.dir().join(format!("appendonlydir/temp-rewriteaof-bg-{}.aof", server.pid()));
    std::fs::create_dir(&blocked).expect("it can be made");
    client.run("BGREWRITEAOF");
    eventually("it has failed", Duration::from_secs(10), || {
        client.info("aof_last_bgrewrite_status") == "err"
    });
    client.run("SET b 2");
    client.run("BGREWRITEAOF");
    client.await_rewrite();
    client.run("SET c 3");
    let before = aof::state(&server);
    settle(&server);
    server.kill9();
    aof::check(server.dir());
    std::fs::remove_dir(&blocked).expect("it is there");
    server.restart();
    aof::assert_same(&before, &aof::state(&server), "after two rewrites that failed");
    rewrite(&server);
    assert_eq!(aof::files(server.dir()).len(), 2);
}

#[test]
fn times_are_written_and_passed_over() {
    let mut server = Server::start(&[AOF, &["--aof-timestamp-enabled", "yes"]].concat());
    let mut client = server.client();
    client.run("SET a 1");
    std::thread::sleep(Duration::from_millis(1100));
    client.run("SET b 2");
    settle(&server);
    let items: Vec<String> = read_items(&aof::last_file(server.dir())).iter().map(aof::shown).collect();
    let stamps: Vec<&String> = items.iter().filter(|item| item.starts_with("#TS:")).collect();
    assert_eq!((stamps.len(), items[0].starts_with("#TS:")), (2, true), "{items:?}");
    assert!(stamps[0] < stamps[1]);
    rewrite(&server);
    client.run("SET c 3");
    settle(&server);
    aof::check(server.dir());
    server.restart();
    assert_eq!(server.client().int("DBSIZE"), 3);
}
