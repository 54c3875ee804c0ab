//! The append-only file on a full disk: nothing that was acknowledged is lost, and the server says what is wrong.

use sandkey_tests::aof::{self, State, count_until_killed, settle};
use sandkey_tests::{Server, eventually, paths};
use std::time::Duration;

const AOF: &[&str] = &["--appendonly", "yes"];

/// `MISCONF` while the disk is full, and back to work when there is room.
#[test]
fn a_full_disk_refuses_writes_until_there_is_room() {
    if paths::stand_in() {
        return;
    }
    let mut server = limited_server(&[AOF, &["--appendfsync", "everysec"]].concat());
    let mut client = server.client();
    let value = "v".repeat(1000);
    let mut acknowledged = 0;
    let mut full = String::new();
    for i in 0..2000 {
        match client.run(&format!("SET key{i} {value}")).as_str() {
            "OK" => acknowledged += 1,
            error => {
                error.clone_into(&mut full);
                break;
            }
        }
        if i % 50 == 0 {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    assert_eq!(full, "(error) MISCONF Errors writing to the AOF file: File too large");
    assert_eq!(client.run("PING"), full, "who watches the server is told");
    assert_eq!(client.value("GET key0").text(), value, "reading goes on");
    assert!(client.value("INFO persistence").text().contains("aof_last_write_status:err"));
    server.wait_log("Error writing to the AOF file");
    // What is in the file is whole, although more had been begun.
    aof::check(server.dir());
    let limit = rustix::process::Rlimit { current: None, maximum: None };
    let pid = rustix::process::Pid::from_raw(server.pid() as i32);
    rustix::process::prlimit(pid, rustix::process::Resource::Fsize, limit).expect("it is our child");
    eventually("it writes again", Duration::from_secs(10), || client.run("SET more 1") == "OK");
    assert!(client.value("INFO persistence").text().contains("aof_last_write_status:ok"));
    server.wait_log("The server can write again");
    settle(&server);
    let before = aof::state(&server);
    assert_eq!(before.len(), acknowledged + 1);
    server.kill9();
    aof::check(server.dir());
    let state = restarted_state(&server);
    aof::assert_same(&before, &state, "after a full disk");
}

#[test]
fn with_always_a_full_disk_ends_the_server_and_nothing_acknowledged_is_lost() {
    if paths::stand_in() {
        return;
    }
    let mut server = limited_server(&[AOF, &["--appendfsync", "always"]].concat());
    let counted = count_until_killed(&mut server, 4, Duration::from_secs(6));
    aof::check(server.dir());
    let state = restarted_state(&server);
    for (number, (acknowledged, _)) in counted.into_iter().enumerate() {
        let stored = state.get(&(0, format!("counter{number}").into_bytes())).map(|(value, _)| value.text());
        let stored: u64 = stored.and_then(|text| text.parse().ok()).unwrap_or(0);
        assert!(stored >= acknowledged, "{stored} is stored, {acknowledged} was acknowledged");
    }
}

/// A server none of whose files may become longer than about 100 KB.
fn limited_server(args: &[&str]) -> Server {
    let script = std::env::temp_dir().join(format!("sandkey-limited-{}.sh", std::process::id()));
    let server = paths::server().display().to_string();
    let text = format!("#!/bin/sh\ntrap '' XFSZ\nulimit -S -f 200\nexec '{server}' \"$@\"\n");
    std::fs::write(&script, text).expect("writable");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&script, mode).expect("it is ours");
    Server::start_program(&script, args)
}

/// What another server has that starts on this one's files.
fn restarted_state(server: &Server) -> State {
    let mut reader = Server::start(AOF);
    reader.terminate();
    aof::copy(server, &reader);
    reader.restart();
    aof::state(&reader)
}
