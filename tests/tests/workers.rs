//! Connections go from worker to worker as the load comes and goes, and their clients see nothing of it.

use sandkey_tests::modules::{skip, start_with};
use sandkey_tests::{Client, Server, Value, eventually};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

fn active(client: &mut Client) -> String {
    let info = client.run("INFO server");
    let line = info.split("\\r\\n").find_map(|line| line.strip_prefix("worker_threads_active:"));
    line.unwrap_or_else(|| panic!("{info}")).to_owned()
}

/// The workers that serve somebody.
fn workers(client: &mut Client) -> Vec<String> {
    let list = client.run("CLIENT LIST");
    let mut workers: Vec<String> = list
        .split("io-thread=")
        .skip(1)
        .map(|rest| rest.chars().take_while(char::is_ascii_digit).collect())
        .collect();
    workers.sort();
    workers.dedup();
    workers
}

/// Keep a worker busy until told to stop: each command takes some milliseconds of nothing but arithmetic.
fn spin(server: &Server, stop: &AtomicBool) {
    let mut client = server.client();
    while !stop.load(Ordering::Relaxed) {
        let sum = client.run("BENCH.SPIN 1000000");
        assert!(!sum.starts_with("(error)"), "{sum}");
    }
}

#[test]
fn clients_move_to_a_worker_with_room_and_notice_nothing() {
    if skip() {
        return;
    }
    let server = start_with(&["bench"], &["--worker-threads", "2"]);
    let mut admin = server.client();
    assert_eq!(active(&mut admin), "1");
    assert_eq!(workers(&mut admin), ["0"]);

    // In the middle of things.
    let mut transaction = server.client();
    for line in ["WATCH watched", "MULTI", "SET a 1"] {
        transaction.run(line);
    }
    let mut doomed = server.client();
    for line in ["SELECT 3", "WATCH watched", "MULTI", "SET b 1"] {
        doomed.run(line);
    }
    let mut subscriber = server.client();
    subscriber.run("SUBSCRIBE news");

    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let spinners: Vec<_> = (0..4).map(|_| scope.spawn(|| spin(&server, &stop))).collect();
        let mut others: Vec<Client> = (0..20).map(|_| server.client()).collect();
        eventually("both workers serve", Duration::from_secs(60), || {
            others.iter_mut().for_each(|other| assert_eq!(other.run("PING"), "PONG"));
            active(&mut admin) == "2" && workers(&mut admin) == ["0", "1"]
        });
        // Each says something, so that it may move, and goes on with what it had begun.
        for n in 0..50 {
            assert_eq!(transaction.run(&format!("SET a{n} 1")), "QUEUED");
            assert_eq!(doomed.run(&format!("SET b{n} 1")), "QUEUED");
        }
        assert_eq!(admin.run("SELECT 3"), "OK");
        assert_eq!(admin.run("SET watched changed"), "OK");
        assert_eq!(admin.run("SELECT 0"), "OK");
        assert!(matches!(transaction.value("EXEC"), Value::Array(replies) if replies.len() == 51));
        assert_eq!(doomed.run("EXEC"), "(nil)");
        assert_eq!(admin.run("PUBLISH news today"), "(integer) 1");
        assert!(subscriber.read().cli().contains("today"));
        stop.store(true, Ordering::Relaxed);
        for spinner in spinners {
            spinner.join().expect("it is served to its end");
        }
    });
    eventually("one worker serves", Duration::from_secs(60), || {
        subscriber.run("PING");
        doomed.run("PING");
        transaction.run("PING");
        active(&mut admin) == "1" && workers(&mut admin) == ["0"]
    });
    assert_eq!(admin.run("GET a49"), "\"1\"");
}
