//! What `appendfsync` promises, and what it costs.

use sandkey_tests::Server;
use sandkey_tests::aof::settle;
use std::time::Duration;

/// Hundredths of a second that a process has run.
fn ran(server: &Server) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", server.pid())).expect("the server runs");
    let fields = stat.rsplit(')').next().expect("a name stands in it").split_whitespace().skip(11).take(2);
    fields.map(|ticks| ticks.parse::<u64>().expect("ticks are numbers")).sum()
}

#[test]
fn a_file_that_nobody_writes_to_costs_nothing() {
    for policy in ["no", "everysec", "always"] {
        let server = Server::start(&["--appendonly", "yes", "--appendfsync", policy]);
        assert_eq!(server.client().run("SET key x"), "OK");
        // Longer than it takes until something is due.
        std::thread::sleep(Duration::from_millis(1500));
        let before = ran(&server);
        std::thread::sleep(Duration::from_secs(1));
        let ticks = ran(&server) - before;
        assert!(ticks < 30, "{policy}: {ticks} hundredths of a second in a second");
    }
}

/// The file is turned on later, with a policy that was there before.
#[test]
fn always_holds_for_a_file_that_is_turned_on_later() {
    let mut server = Server::start(&["--appendonly", "no", "--appendfsync", "always", "--save", ""]);
    let mut client = server.client();
    assert_eq!(client.run("CONFIG SET appendonly yes"), "OK");
    settle(&server);
    for number in 0..100 {
        assert_eq!(client.run(&format!("SET key{number} x")), "OK");
    }
    server.kill9();
    server.replace_arg("no", "yes");
    server.restart();
    assert_eq!(server.client().run("DBSIZE"), "(integer) 100");
}
