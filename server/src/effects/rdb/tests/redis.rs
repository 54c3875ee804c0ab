//! A redis-server of a test's own, behind a socket in a directory that goes with it.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A running redis-server with one connection to it.
pub(super) struct Redis {
    child: Child,
    stream: BufReader<UnixStream>,
    dir: TempDir,
}

/// A reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reply {
    Null,
    Int(i64),
    Text(Vec<u8>),
    Error(String),
    Array(Vec<Reply>),
}

impl Redis {
    /// Starts one, without data.
    pub(super) fn start() -> Redis {
        Self::start_in(TempDir::with_prefix("sandkey-rdb-").expect("a temporary directory"))
    }

    /// Starts one that loads this file.
    pub(super) fn load(file: &[u8]) -> Redis {
        let dir = TempDir::with_prefix("sandkey-rdb-").expect("a temporary directory");
        std::fs::write(dir.path().join("dump.rdb"), file).expect("the directory can be written");
        Self::start_in(dir)
    }

    fn start_in(dir: TempDir) -> Redis {
        let socket = dir.path().join("socket");
        let mut command = Command::new("redis-server");
        command.args(["--port", "0", "--save", "", "--enable-debug-command", "yes", "--unixsocket"]);
        command.arg(&socket).arg("--dir").arg(dir.path()).stdout(Stdio::null());
        let child = command.spawn().expect("redis-server is not installed: `cargo xtask setup` gets it");
        let deadline = Instant::now() + Duration::from_secs(30);
        let stream = loop {
            match UnixStream::connect(&socket) {
                Ok(stream) => break stream,
                Err(error) => assert!(Instant::now() < deadline, "redis-server does not come up: {error}"),
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        let mut redis = Redis { child, stream: BufReader::new(stream), dir };
        while matches!(redis.ask(&[b"PING"]), Reply::Error(_)) {
            std::thread::sleep(Duration::from_millis(10));
        }
        redis
    }

    /// The reply to a command.
    pub(super) fn ask(&mut self, argv: &[&[u8]]) -> Reply {
        let mut request = format!("*{}\r\n", argv.len()).into_bytes();
        for arg in argv {
            request.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
            request.extend_from_slice(arg);
            request.extend_from_slice(b"\r\n");
        }
        self.stream.get_mut().write_all(&request).expect("the server reads");
        self.reply()
    }

    /// The reply to a command, which must not be an error. Words are separated by blanks.
    pub(super) fn run(&mut self, line: &str) -> Reply {
        let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        self.do_it(&words)
    }

    /// The reply to a command, which must not be an error.
    pub(super) fn do_it(&mut self, argv: &[&[u8]]) -> Reply {
        match self.ask(argv) {
            Reply::Error(error) => panic!("{}: {error}", argv[0].escape_ascii()),
            reply => reply,
        }
    }

    /// What SAVE writes.
    pub(super) fn save(&mut self) -> Vec<u8> {
        self.run("SAVE");
        std::fs::read(self.dir.path().join("dump.rdb")).expect("SAVE has written it")
    }

    fn reply(&mut self) -> Reply {
        let mut line = String::new();
        self.stream.read_line(&mut line).expect("the server replies");
        let (first, rest) = line.trim_end().split_at(1);
        match first {
            "+" => Reply::Text(rest.into()),
            "-" => Reply::Error(rest.into()),
            ":" => Reply::Int(rest.parse().expect("an integer")),
            "$" if rest == "-1" => Reply::Null,
            "$" => {
                let len: usize = rest.parse().expect("a length");
                let mut bytes = vec![0; len + 2];
                self.stream.read_exact(&mut bytes).expect("the whole reply");
                bytes.truncate(len);
                Reply::Text(bytes)
            }
            "*" if rest == "-1" => Reply::Null,
            "*" => Reply::Array((0..rest.parse().expect("a count")).map(|_| self.reply()).collect()),
            _ => panic!("no reply begins with {line:?}"),
        }
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Reply {
    pub(super) fn text(self) -> Vec<u8> {
        match self {
            Reply::Text(bytes) => bytes,
            other => panic!("no text: {other:?}"),
        }
    }

    pub(super) fn int(self) -> i64 {
        match self {
            Reply::Int(number) => number,
            other => panic!("no integer: {other:?}"),
        }
    }

    pub(super) fn array(self) -> Vec<Reply> {
        match self {
            Reply::Array(items) => items,
            other => panic!("no array: {other:?}"),
        }
    }

    /// An array of texts.
    pub(super) fn texts(self) -> Vec<Vec<u8>> {
        self.array().into_iter().map(Reply::text).collect()
    }
}

/// What redis-check-rdb says of a file; an error if it does not accept it.
pub(super) fn check(file: &[u8]) -> Result<String, String> {
    let dir = TempDir::with_prefix("sandkey-rdb-").expect("a temporary directory");
    let path: PathBuf = dir.path().join("dump.rdb");
    std::fs::write(&path, file).expect("the directory can be written");
    check_file(&path)
}

fn check_file(path: &Path) -> Result<String, String> {
    let output = Command::new("redis-check-rdb").arg(path).output();
    let output = output.expect("redis-check-rdb is not installed: `cargo xtask setup` gets it");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() && text.contains("RDB looks OK") { Ok(text) } else { Err(text) }
}
