//! Sockets, signals and limits of connections: TCP, Unix, TLS, how many, how long, and how it ends.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustix::process::Signal;
use sandkey_tests::cli::{self, cli};
use sandkey_tests::client::Client;
use sandkey_tests::server::free_port;
use sandkey_tests::{Protocol, Server, eventually, paths};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

#[test]
fn a_unix_socket_serves_like_tcp() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("s.sock");
    let server =
        Server::start(&["--unixsocket", path.to_str().expect("the path is text"), "--unixsocketperm", "700"]);
    let mode = std::fs::metadata(&path).expect("the socket is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    for protocol in Protocol::BOTH {
        let mut client = Client::connect_unix(&path).speaking(protocol);
        assert_eq!(client.run("SET a 1"), "OK");
        assert_eq!(server.client().run("GET a"), "\"1\"");
        let info = client.run("CLIENT INFO");
        assert!(info.contains(&format!("addr={}:0", path.display())), "{info}");
    }
    drop(server);
}

#[test]
fn a_unix_socket_alone_is_enough() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("s.sock");
    let mut server = Server::start(&["--unixsocket", path.to_str().expect("the path is text")]);
    assert_eq!(Client::connect_unix(&path).run("PING"), "PONG");
    assert!(server.terminate().success());
    assert!(!path.exists(), "a graceful stop removes the socket");
}

#[test]
fn addresses_change_while_it_runs() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("s.sock");
    let server = Server::start(&["--unixsocket", path.to_str().expect("the path is text")]);
    let mut client = server.client();
    let refused = "(error) ERR CONFIG SET failed (possibly related to argument 'bind') - Failed to bind to specified addresses.";
    assert_eq!(client.run("CONFIG SET bind 999.999.999.999"), refused);
    assert_eq!(server.client().run("CONFIG GET bind"), "1) \"bind\"\n2) \"127.0.0.1\"");
    assert_eq!(client.run("CONFIG SET bind \"\""), "OK");
    assert_eq!(client.run("CONFIG GET bind"), "1) \"bind\"\n2) \"\"");
    let address = (std::net::Ipv4Addr::LOCALHOST, server.port());
    assert!(std::net::TcpStream::connect(address).is_err(), "nobody listens there");
    let mut local = Client::connect_unix(&path);
    let taken = server.port_text();
    assert_eq!(local.run("CONFIG SET bind 127.0.0.1"), "OK");
    assert_eq!(server.client().run("PING"), "PONG");
    let other = Server::start(&[]);
    assert_eq!(
        other.client().run(&format!("CONFIG SET port {taken}")),
        "(error) ERR CONFIG SET failed (possibly related to argument 'port') - Unable to listen on this port. Check server logs."
    );
    let stopped = Server::refused(&paths::server(), &["--bind", "", "--save", ""]);
    assert_eq!(stopped.status.code(), Some(1), "{}", stopped.log);
    assert!(stopped.log.contains("Configured to not listen anywhere, exiting."), "{}", stopped.log);
}

/// An authority, and a certificate by it for 127.0.0.1, in files.
fn make_certificates(dir: &Path) {
    let ca_key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(Vec::new()).expect("no names are fine");
    params.distinguished_name.push(DnType::CommonName, "the tests' authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = params.self_signed(&ca_key).expect("a certificate");
    let issuer = Issuer::new(params, ca_key);
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned(), "localhost".to_owned()])
        .expect("the names are valid");
    params.distinguished_name.push(DnType::CommonName, "127.0.0.1");
    let leaf = params.signed_by(&key, &issuer).expect("a certificate");
    let write =
        |name: &str, text: String| std::fs::write(dir.join(name), text).expect("the file can be written");
    write("ca.crt", ca.pem());
    write("server.crt", leaf.pem());
    write("server.key", key.serialize_pem());
}

/// redis-cli over TLS; what it prints on both of its outputs.
fn tls_cli(port: u16, dir: &Path, with_certificate: bool, args: &[&str]) -> String {
    let mut command = Command::new(paths::tool("redis-cli"));
    command.current_dir(dir).args([
        "-h",
        "127.0.0.1",
        "-p",
        &port.to_string(),
        "--tls",
        "--cacert",
        "ca.crt",
    ]);
    if with_certificate {
        command.args(["--cert", "server.crt", "--key", "server.key"]);
    }
    let output = cli::run(command.args(args), b"", Duration::from_secs(20));
    format!("{}{}", output.stdout, output.stderr).trim_end().to_owned()
}

fn start_tls(dir: &Path, auth_clients: &str) -> (Server, u16) {
    make_certificates(dir);
    let port = free_port();
    let file = |name: &str| dir.join(name).display().to_string();
    let args = [
        "--tls-port",
        &port.to_string(),
        "--tls-cert-file",
        &file("server.crt"),
        "--tls-key-file",
        &file("server.key"),
        "--tls-ca-cert-file",
        &file("ca.crt"),
        "--tls-auth-clients",
        auth_clients,
    ];
    (Server::start(&args), port)
}

#[test]
fn tls_is_spoken_on_its_port() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (mut server, port) = start_tls(dir.path(), "no");
    assert_eq!(tls_cli(port, dir.path(), false, &["SET", "a", "over TLS"]), "OK");
    assert_eq!(tls_cli(port, dir.path(), false, &["-3", "GET", "a"]), "over TLS");
    assert_eq!(server.client().run("GET a"), "\"over TLS\"");
    // A large value goes through many records in both directions.
    let large = "x".repeat(3_000_000);
    let mut command = Command::new(paths::tool("redis-cli"));
    command.current_dir(dir.path()).args([
        "-p",
        &port.to_string(),
        "--tls",
        "--cacert",
        "ca.crt",
        "-x",
        "SET",
        "large",
    ]);
    assert_eq!(cli::run(&mut command, large.as_bytes(), Duration::from_secs(20)).stdout.trim_end(), "OK");
    assert_eq!(tls_cli(port, dir.path(), false, &["GET", "large"]).len(), large.len());
    // Whoever does not speak TLS is turned away, and nobody else is disturbed.
    let mut plain = Client::connect(([127, 0, 0, 1], port).into());
    let _ = plain.try_send_raw(b"PING\r\n");
    plain.set_timeout(Duration::from_secs(5));
    assert!(plain.try_read().is_err());
    assert!(server.alive());
    assert_eq!(tls_cli(port, dir.path(), false, &["PING"]), "PONG");
}

#[test]
fn tls_can_ask_for_certificates() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (server, port) = start_tls(dir.path(), "yes");
    assert_eq!(tls_cli(port, dir.path(), true, &["PING"]), "PONG");
    let refused = tls_cli(port, dir.path(), false, &["PING"]);
    assert!(!refused.contains("PONG"), "{refused}");
    assert_eq!(server.client().run("PING"), "PONG");
}

#[test]
fn no_more_clients_than_maxclients() {
    let server = Server::start(&["--maxclients", "5"]);
    let mut clients: Vec<Client> = (0..5).map(|_| server.client()).collect();
    for client in &mut clients {
        assert_eq!(client.run("PING"), "PONG");
    }
    let mut refused = server.client();
    assert_eq!(refused.read().cli(), "(error) ERR max number of clients reached");
    refused.expect_closed();
    clients.pop();
    eventually("a place is free again", Duration::from_secs(5), || {
        let mut client = server.client();
        client.try_send_raw(b"PING\r\n").is_ok() && client.try_read().is_ok_and(|reply| reply.cli() == "PONG")
    });
    assert_eq!(clients[0].run("CONFIG SET maxclients 50"), "OK");
    let many: Vec<String> = (0..20).map(|_| server.client().run("PING")).collect();
    assert!(many.iter().all(|reply| reply == "PONG"), "{many:?}");
}

#[test]
fn idle_clients_are_closed_after_the_timeout() {
    let server = Server::start(&["--timeout", "1"]);
    let mut idle = server.client();
    let mut listening = server.client();
    let mut busy = server.client();
    assert_eq!(idle.run("PING"), "PONG");
    listening.run("SUBSCRIBE x");
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_secs(4) {
        assert_eq!(busy.run("PING"), "PONG");
        std::thread::sleep(Duration::from_millis(200));
    }
    idle.expect_closed();
    // Who listens is not idle.
    assert_eq!(busy.run("PUBLISH x still-there"), "(integer) 1");
    listening.read();
}

#[test]
fn signals_and_shutdown_end_it_gracefully() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut server = Server::start(&[]);
        let mut client = server.client();
        assert_eq!(client.run("SET a 1"), "OK");
        server.signal(signal);
        let status = server.wait_exit();
        assert_eq!(status.code(), Some(0), "{signal:?} ended it with {status}");
        client.expect_closed();
        let log = server.log();
        assert!(log.contains("ready to exit, bye bye"), "{log}");
    }
    let mut server = Server::start(&[]);
    let mut client = server.client();
    client.send(&["SHUTDOWN", "NOSAVE"]);
    assert_eq!(server.wait_exit().code(), Some(0));
    client.expect_closed();
}

#[test]
fn a_port_in_use_stops_the_start() {
    let server = Server::start(&[]);
    let stopped = Server::refused(
        &paths::server(),
        &["--port", &server.port_text(), "--bind", "127.0.0.1", "--save", ""],
    );
    assert_eq!(stopped.status.code(), Some(1), "{}", stopped.log);
    assert!(stopped.log.contains("Address already in use"), "{}", stopped.log);
    assert!(!stopped.log.contains("Ready to accept"), "{}", stopped.log);
    assert_eq!(server.client().run("PING"), "PONG");
}

#[test]
fn hundreds_of_clients_are_served_at_once() {
    let server = Server::start(&[]);
    let mut clients: Vec<Client> = (0..400).map(|_| server.client()).collect();
    for (i, client) in clients.iter_mut().enumerate() {
        client.send(&["INCRBY", "sum", &i.to_string()]);
    }
    for client in &mut clients {
        assert!(client.read().int().is_some());
    }
    assert_eq!(server.client().run("GET sum"), "\"79800\"");
    let mut asking = server.client();
    eventually("only the clients that are there are counted", Duration::from_secs(5), || {
        asking.info("connected_clients") == "401"
    });
    drop(asking);
    drop(clients);
    eventually("the server has noticed", Duration::from_secs(5), || {
        server.client().info("connected_clients") == "1"
    });
}

#[test]
fn a_password_is_asked_for() {
    let server = Server::start(&["--requirepass", "secret"]);
    for protocol in Protocol::BOTH {
        let mut client = server.client();
        for line in ["GET a", "SET a 1", "HELLO 3", "CLIENT ID", "MULTI"] {
            let reply = client.run(line);
            assert!(reply.starts_with("(error) NOAUTH "), "{line}: {reply}");
        }
        assert_eq!(client.run("PING"), "(error) NOAUTH Authentication required.");
        assert_eq!(
            client.run("AUTH wrong"),
            "(error) WRONGPASS invalid username-password pair or user is disabled."
        );
        client.send(&["HELLO", protocol.number(), "AUTH", "default", "secret", "SETNAME", "me"]);
        client.set_protocol(protocol);
        assert_eq!(
            client.read().field("proto").map(|v| v.cli()),
            Some(format!("(integer) {}", protocol.number()))
        );
        assert_eq!(client.run("CLIENT GETNAME"), "\"me\"");
        assert_eq!(client.run("RESET"), "RESET");
        client.set_protocol(Protocol::Resp2);
        assert_eq!(client.run("GET a"), "(error) NOAUTH Authentication required.");
        assert_eq!(client.run("AUTH secret"), "OK");
        assert_eq!(client.run("GET a"), "(nil)");
    }
    assert_eq!(cli(&server, &["-a", "secret", "--no-auth-warning", "PING"]), "PONG");
}
