//! The protocol at its edges: bytes that come one at a time, in floods, out of shape, or not at all.

use sandkey_tests::client::{Client, encode, encode_into};
use sandkey_tests::{Protocol, Server, Value, eventually};
use std::time::{Duration, Instant};

/// The connection must say exactly this, and then be closed by the server.
#[track_caller]
fn assert_ends_with(client: &mut Client, sent: &[u8], replies: &[u8]) {
    // The server may hang up while we are still sending.
    let _ = client.try_send_raw(sent);
    let got = client.read_to_end();
    assert_eq!(String::from_utf8_lossy(&got), String::from_utf8_lossy(replies));
}

#[test]
fn bytes_may_come_one_at_a_time() {
    let server = Server::start(&[]);
    let mut client = server.client();
    for byte in [encode(&["SET", "key", "a\r\nb"]), encode(&["GET", "key"]), b"PING\r\n".to_vec()].concat() {
        client.send_raw(&[byte]);
    }
    let replies = b"+OK\r\n$4\r\na\r\nb\r\n+PONG\r\n";
    assert_eq!(client.read_raw(replies.len()), replies);
}

#[test]
fn a_batch_may_be_cut_anywhere() {
    let server = Server::start(&[]);
    let batch = [
        encode(&["SET", "k", "some \x01 bytes\r\n$3\r\n"]),
        b"\r\nECHO \"in line\"\r\n".to_vec(),
        encode(&["GET", "k"]),
        b"*0\r\n*-1\r\n".to_vec(),
        encode(&["STRLEN", "k"]),
    ]
    .concat();
    let replies = b"+OK\r\n$7\r\nin line\r\n$18\r\nsome \x01 bytes\r\n$3\r\n\r\n:18\r\n";
    for cut in 1..batch.len() {
        let mut client = server.client();
        client.send_raw(&batch[..cut]);
        std::thread::sleep(Duration::from_millis(1));
        client.send_raw(&batch[cut..]);
        let got = client.read_raw(replies.len());
        assert_eq!(String::from_utf8_lossy(&got), String::from_utf8_lossy(replies), "cut at {cut}");
    }
}

#[test]
fn a_pipeline_may_be_as_deep_as_one_likes() {
    let server = Server::start(&[]);
    for protocol in Protocol::BOTH {
        let mut client = server.client_speaking(protocol);
        client.run("DEL n");
        let requests = vec![vec!["INCR", "n"]; 100_000];
        for (i, reply) in client.pipeline(&requests).into_iter().enumerate() {
            assert_eq!(reply, Value::Int(i64::try_from(i).expect("it is small") + 1));
        }
    }
}

#[test]
fn a_pipeline_of_large_values_comes_back_whole() {
    let server = Server::start(&[]);
    let mut client = server.client();
    let value: Vec<u8> = (0..1_000_000_u32).map(|i| i.to_le_bytes()[i as usize % 3]).collect();
    let mut requests = Vec::new();
    for i in 0..30 {
        let key = format!("k{}", i % 5).into_bytes();
        requests.push(vec![b"SET".to_vec(), key.clone(), value[i..].to_vec()]);
        requests.push(vec![b"GET".to_vec(), key]);
    }
    for (i, pair) in client.pipeline(&requests).chunks(2).enumerate() {
        assert_eq!(pair[0], Value::ok());
        assert!(pair[1] == Value::bulk(&value[i..]), "value {i} came back changed");
    }
}

/// What stands behind a command that has a thread of its own waits for it, however the pipeline is cut into batches.
#[test]
fn a_slow_command_may_stand_anywhere_in_a_pipeline() {
    let server = Server::start(&[]);
    let mut client = server.client();
    for len in [16, 32, 40] {
        for at in 0..len {
            let word = |i| if i == at { "SAVE" } else { "PING" };
            let commands: Vec<Vec<&str>> = (0..len).map(|i| vec![word(i)]).collect();
            let replies: Vec<String> = client.pipeline(&commands).iter().map(Value::cli).collect();
            for (i, reply) in replies.iter().enumerate() {
                assert_eq!(
                    reply,
                    if i == at { "OK" } else { "PONG" },
                    "reply {i} of {len}, with SAVE at {at}"
                );
            }
        }
    }
    // Nothing goes on when all is answered: the server is as quick as ever.
    assert_eq!(server.client().run("PING"), "PONG");
}

#[test]
fn a_command_may_have_very_many_arguments() {
    let server = Server::start(&[]);
    let mut client = server.client();
    let mut args = vec!["MSET".to_owned()];
    for i in 0..100_000 {
        args.extend([format!("key:{i}"), i.to_string()]);
    }
    assert_eq!(client.call(&args), Value::ok());
    assert_eq!(client.int("DBSIZE"), 100_000);
    let keys: Vec<String> =
        std::iter::once("MGET".to_owned()).chain((0..100_000).map(|i| format!("key:{i}"))).collect();
    let got = client.call(&keys).items();
    assert!(got.len() == 100_000 && got[99_999] == Value::bulk("99999"));
    let keys: Vec<String> =
        std::iter::once("DEL".to_owned()).chain((0..100_000).map(|i| format!("key:{i}"))).collect();
    assert_eq!(client.call(&keys), Value::Int(100_000));
}

#[test]
fn inline_commands_are_understood() {
    let server = Server::start(&[]);
    let mut client = server.client();
    client.send_raw(b"\r\n\n  \r\nPING\nSET a \"b \\x41\\n\"\r\nGET 'a'\r\n   ECHO    'it''s'\r\n");
    // Quotes must be followed by a space, so the last line ends the connection.
    let got = client.read_to_end();
    let expected = "+PONG\r\n+OK\r\n$4\r\nb A\n\r\n-ERR Protocol error: unbalanced quotes in request\r\n";
    assert_eq!(String::from_utf8_lossy(&got), expected);
    // As `printf 'PING\r\n' | nc` does it: what was asked is answered, then the connection ends.
    let mut client = server.client();
    client.send_raw(b"PING\r\nECHO end\r\n");
    client.finish_sending();
    assert_eq!(client.read_to_end(), b"+PONG\r\n$3\r\nend\r\n");
}

#[test]
fn what_is_no_request_is_refused_with_a_reason() {
    let server = Server::start(&[]);
    let cases: [(&[u8], &str); 9] = [
        (b"*1\r\n:1\r\n", "expected '$', got ':'"),
        (b"*1\r\n*1\r\n*1\r\n", "expected '$', got '*'"),
        (b"*x\r\n", "invalid multibulk length"),
        (b"*2147483648\r\n", "invalid multibulk length"),
        (b"*1\r\n$x\r\n", "invalid bulk length"),
        (b"*1\r\n$-1\r\n", "invalid bulk length"),
        (b"*1\r\n$536870913\r\n", "invalid bulk length"),
        (b"SET a \"b\r\n", "unbalanced quotes in request"),
        (b"*1\r\nPING\r\n", "expected '$', got 'P'"),
    ];
    for (sent, why) in cases {
        let mut client = server.client();
        // What came before is answered first.
        let sent = [b"PING\r\n", sent].concat();
        assert_ends_with(&mut client, &sent, format!("+PONG\r\n-ERR Protocol error: {why}\r\n").as_bytes());
    }
    // Lines that never end.
    let endless = [
        (vec![b'a'; 70_000], "too big inline request"),
        ([b"*".to_vec(), vec![b'1'; 70_000]].concat(), "too big mbulk count string"),
        ([b"*1\r\n$".to_vec(), vec![b'1'; 70_000]].concat(), "too big bulk count string"),
    ];
    for (sent, why) in endless {
        let mut client = server.client();
        assert_ends_with(&mut client, &sent, format!("-ERR Protocol error: {why}\r\n").as_bytes());
    }
    assert_eq!(server.client().run("PING"), "PONG");
}

#[test]
fn hostile_bytes_hurt_nobody() {
    let mut server = Server::start(&[]);
    // 40 KB of this overflows the stack of a recursive decoder.
    for opening in [&b"*1\r\n"[..], b"*1\r\n$", b"%1\r\n", b"~1\r\n", b"*2147483647\r\n", b"$2147483647\r\n"]
    {
        let mut client = server.client();
        let _ = client.try_send_raw(&opening.repeat(20_000));
        client.set_timeout(Duration::from_millis(200));
        let _ = client.try_read();
    }
    // Noise, from a fixed seed so that a failure can be seen again.
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    for _ in 0..300 {
        let mut noise = Vec::new();
        for _ in 0..200 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let piece: &[u8] = match state % 8 {
                0 => b"\r\n",
                1 => b"*3\r\n",
                2 => b"$3\r\n",
                3 => b"SET",
                4 => b"\"",
                5 => b"GET\r\n",
                6 => &[0, 255],
                _ => &state.to_le_bytes(),
            };
            noise.extend_from_slice(piece);
        }
        let mut client = server.client();
        let _ = client.try_send_raw(&noise);
    }
    assert!(server.alive());
    assert_eq!(server.client().run("PING"), "PONG");
}

#[test]
fn hello_switches_exactly_where_it_stands() {
    let server = Server::start(&[]);
    let mut client = server.client();
    let batch = [
        encode(&["GET", "x"]),
        encode(&["HELLO", "3"]),
        encode(&["GET", "x"]),
        encode(&["HGETALL", "x"]),
        encode(&["HELLO", "2"]),
        encode(&["GET", "x"]),
        encode(&["HGETALL", "x"]),
        encode(&["HELLO"]),
    ];
    client.send_raw(&batch.concat());
    assert_eq!(client.read(), Value::NullBulk);
    client.set_protocol(Protocol::Resp3);
    let hello = client.read();
    assert!(matches!(&hello, Value::Map(_)), "{}", hello.cli());
    assert_eq!(hello.field("proto"), Some(Value::Int(3)));
    assert_eq!(client.read(), Value::Null);
    assert_eq!(client.read(), Value::Map(Vec::new()));
    client.set_protocol(Protocol::Resp2);
    let check_resp2_hello = |hello: &Value| {
        assert!(matches!(hello, Value::Array(_)), "{}", hello.cli());
        assert_eq!(hello.field("proto"), Some(Value::Int(2)));
        let names: Vec<String> = hello.pairs().iter().map(|(name, _)| name.text()).collect();
        assert_eq!(names, ["server", "version", "proto", "id", "mode", "role", "modules"]);
    };
    check_resp2_hello(&client.read());
    assert_eq!(client.read(), Value::NullBulk);
    assert_eq!(client.read(), Value::Array(Vec::new()));
    check_resp2_hello(&client.read());
}

#[test]
fn client_reply_off_and_skip_are_obeyed() {
    let server = Server::start(&[]);
    let mut client = server.client();
    for line in
        ["CLIENT REPLY OFF", "SET a 1", "NOSUCH", "CLIENT REPLY ON", "CLIENT REPLY SKIP", "SET a 2", "GET a"]
    {
        client.send(&line.split(' ').collect::<Vec<_>>());
    }
    assert_eq!(client.read_raw(12), b"+OK\r\n$1\r\n2\r\n");
}

#[test]
fn proto_max_bulk_len_holds_to_the_byte() {
    let server = Server::start(&["--proto-max-bulk-len", "1mb"]);
    let mut client = server.client();
    let largest = vec![b'x'; 1 << 20];
    assert_eq!(client.call(&[b"SET".as_slice(), b"k", &largest]), Value::ok());
    assert_eq!(client.int("STRLEN k"), 1 << 20);
    let refusal = "(error) ERR string exceeds maximum allowed size (proto-max-bulk-len)";
    assert_eq!(client.run("APPEND k x"), refusal);
    assert_eq!(client.run("SETRANGE k 1048576 x"), refusal);
    assert_eq!(client.run("SETRANGE k 1048575 y"), "(integer) 1048576");
    let too_large = encode(&[b"SET".as_slice(), b"k", &vec![b'x'; (1 << 20) + 1]]);
    assert_ends_with(&mut client, &too_large[..100], b"-ERR Protocol error: invalid bulk length\r\n");
}

#[test]
fn a_query_that_outgrows_its_buffer_is_cut_off() {
    let server = Server::start(&["--client-query-buffer-limit", "1mb"]);
    let mut other = server.client();
    let mut client = server.client();
    let mut query = b"*2\r\n$3\r\nGET\r\n$30000000\r\n".to_vec();
    query.resize(4 << 20, b'x');
    let _ = client.try_send_raw(&query);
    assert_eq!(client.read_to_end(), b"");
    // What fits is served.
    assert_eq!(other.call(&[b"SET".as_slice(), b"k", &vec![b'x'; 500_000]]), Value::ok());
}

/// Ask for much and read nothing; the number of bytes asked for.
fn ask_and_never_read(server: &Server, megabytes: usize) -> Client {
    let mut client = server.client();
    assert_eq!(client.call(&[b"SET".as_slice(), b"large", &vec![b'x'; 1 << 20]]), Value::ok());
    assert_eq!(client.run("CLIENT SETNAME glutton"), "OK");
    let mut requests = Vec::new();
    for _ in 0..megabytes {
        encode_into(&["GET", "large"], &mut requests);
    }
    let _ = client.try_send_raw(&requests);
    client
}

fn has_glutton(client: &mut Client) -> bool {
    client.run("CLIENT LIST").contains("name=glutton")
}

#[test]
fn a_client_that_never_reads_is_dropped_at_the_limit() {
    let server = Server::start(&["--client-output-buffer-limit", "normal", "8mb", "0", "0"]);
    let mut other = server.client();
    let _glutton = ask_and_never_read(&server, 64);
    eventually("the glutton is gone", Duration::from_secs(10), || !has_glutton(&mut other));
    assert_eq!(other.run("GET nothing"), "(nil)");
}

#[test]
fn a_client_that_never_reads_delays_nobody() {
    let server = Server::start(&[]);
    let mut other = server.client();
    let mut glutton = ask_and_never_read(&server, 64);
    for _ in 0..100 {
        assert_eq!(other.run("PING"), "PONG");
    }
    // Without a limit it gets everything when it reads at last.
    for _ in 0..64 {
        assert!(glutton.read().bytes().is_some_and(|bytes| bytes.len() == 1 << 20));
    }
}

/// Nothing is sent while the time passes, so nobody but cron can notice.
#[test]
fn a_client_over_the_soft_limit_is_dropped_after_a_while() {
    let server = Server::start(&["--client-output-buffer-limit", "normal", "0", "512kb", "1"]);
    let mut other = server.client();
    let began = Instant::now();
    let _glutton = ask_and_never_read(&server, 64);
    eventually("the glutton is gone", Duration::from_secs(10), || !has_glutton(&mut other));
    assert!(began.elapsed() > Duration::from_secs(1), "{:?}", began.elapsed());
    assert_eq!(other.info("client_output_buffer_limit_disconnections"), "1");
}

#[test]
fn a_subscriber_that_never_reads_is_dropped_at_the_limit() {
    let server = Server::start(&["--client-output-buffer-limit", "pubsub", "4mb", "1mb", "1"]);
    let mut publisher = server.client();
    let mut glutton = server.client();
    assert_eq!(glutton.run("CLIENT SETNAME glutton"), "OK");
    glutton.run("SUBSCRIBE flood");
    let message = vec![b'x'; 200_000];
    eventually("the hard limit drops it", Duration::from_secs(20), || {
        publisher.call(&[b"PUBLISH".as_slice(), b"flood", &message]);
        !has_glutton(&mut publisher)
    });
    assert_eq!(publisher.run("PUBLISH flood x"), "(integer) 0");
}

#[test]
fn a_pipeline_with_an_error_goes_on_after_it() {
    let server = Server::start(&[]);
    for protocol in Protocol::BOTH {
        let mut client = server.client_speaking(protocol);
        let lines = ["SET k v", "NOSUCH", "HGET k f", "GET", "GET k"];
        let requests: Vec<Vec<&str>> = lines.iter().map(|line| line.split(' ').collect()).collect();
        let replies: Vec<String> = client.pipeline(&requests).iter().map(Value::cli).collect();
        assert_eq!(
            replies,
            [
                "OK",
                "(error) ERR unknown command 'NOSUCH', with args beginning with: ",
                "(error) WRONGTYPE Operation against a key holding the wrong kind of value",
                "(error) ERR wrong number of arguments for 'get' command",
                "\"v\"",
            ]
        );
    }
}
