//! Client libraries that people use, each doing what its users do: redis-py 8 and 5, redis-rs, node-redis, ioredis.
//! `cargo xtask setup` fetches them; the scripts are in tests/clients.

use redis::{Commands, ProtocolVersion, RedisResult};
use sandkey_tests::cli::run;
use sandkey_tests::{Server, paths};
use std::collections::HashMap;
use std::process::Command;
use std::time::Duration;

fn redis_py(environment: &str) {
    let server = Server::start(&[]);
    for protocol in ["2", "3"] {
        let script = paths::workspace().join("tests/clients/redis_py.py");
        let mut command = Command::new(paths::python(environment));
        command.arg("-B").arg(script).args([&server.port_text(), protocol]);
        let output = run(&mut command, b"", Duration::from_secs(60));
        assert!(
            output.code == 0 && output.stdout.contains("done with redis-py"),
            "{}{}",
            output.stdout,
            output.stderr
        );
    }
}

#[test]
fn redis_py_8_works() {
    redis_py("python-redis8");
}

#[test]
fn redis_py_5_works() {
    redis_py("python-redis5");
}

#[test]
fn node_redis_and_ioredis_work() {
    let modules = paths::target().join("node-clients/node_modules");
    if !modules.exists() {
        eprintln!(
            "skipped: there is no {}, `cargo xtask setup` makes it where npm is installed",
            modules.display()
        );
        return;
    }
    let server = Server::start(&[]);
    let mut command = Command::new(paths::tool("node"));
    command
        .arg(paths::workspace().join("tests/clients/node.cjs"))
        .arg(server.port_text())
        .env("NODE_PATH", modules);
    let output = run(&mut command, b"", Duration::from_secs(60));
    assert!(output.code == 0 && output.stdout.contains("done with"), "{}{}", output.stdout, output.stderr);
}

fn redis_rs(protocol: &str, expected: ProtocolVersion) -> RedisResult<()> {
    let server = Server::start(&[]);
    let url = format!("redis://127.0.0.1:{}/3?protocol={protocol}", server.port());
    let client = redis::Client::open(url)?;
    assert_eq!(client.get_connection_info().redis_settings().protocol(), expected);
    let mut connection = client.get_connection()?;
    let () = connection.set("s", "value")?;
    assert_eq!(connection.get::<_, Option<String>>("s")?.as_deref(), Some("value"));
    assert_eq!(connection.get::<_, Option<String>>("missing")?, None);
    let () = connection.hset_multiple("h", &[("f", 1), ("g", 2)])?;
    let all: HashMap<String, i64> = connection.hgetall("h")?;
    assert_eq!(all, HashMap::from([("f".to_owned(), 1), ("g".to_owned(), 2)]));
    let (a, b): (i64, i64) = redis::pipe()
        .atomic()
        .cmd("SET")
        .arg("n")
        .arg(1)
        .ignore()
        .incr("n", 1)
        .incr("n", 40)
        .query(&mut connection)?;
    assert_eq!((a, b), (2, 42));
    let watched: (i64,) = redis::transaction(&mut connection, &["n"], |connection, pipe| {
        let n: i64 = connection.get("n")?;
        pipe.set("n", n + 1).ignore().get("n").query(connection)
    })?;
    assert_eq!(watched, (43,));
    let wrong = connection.incr::<_, _, i64>("s", 1).expect_err("a text is no number");
    assert!(wrong.to_string().contains("not an integer"), "{wrong}");
    let keys: Vec<String> = connection.scan()?.collect::<RedisResult<_>>()?;
    assert_eq!(keys.len(), 3);
    let expire: bool = connection.expire("s", 100)?;
    assert!(expire);
    let mut listener = client.get_connection()?;
    let mut messages = listener.as_pubsub();
    messages.subscribe("news")?;
    messages.psubscribe("n*")?;
    assert_eq!(connection.publish::<_, _, i64>("news", "hello")?, 2);
    for _ in 0..2 {
        assert_eq!(messages.get_message()?.get_payload::<String>()?, "hello");
    }
    let blob: Vec<u8> = (0..=255).cycle().take(1_000_000).collect();
    let () = connection.set("blob", &blob)?;
    assert_eq!(connection.get::<_, Vec<u8>>("blob")?, blob);
    let name: String = redis::cmd("CLIENT").arg("INFO").query(&mut connection)?;
    assert!(name.contains(" db=3 "), "{name}");
    Ok(())
}

#[test]
fn redis_rs_works_in_resp2() {
    redis_rs("resp2", ProtocolVersion::RESP2).expect("redis-rs is content");
}

#[test]
fn redis_rs_works_in_resp3() {
    redis_rs("resp3", ProtocolVersion::RESP3).expect("redis-rs is content");
}
