//! The real redis-server as the judge: whatever both servers know must be spelled, bounded, refused and printed alike.
//!
//! Each test starts its own redis-server on a Unix socket in a temporary directory and talks to it; ours is asked
//! directly. Where we differ on purpose, the test lists it with the reason.

mod glob;
mod rewrite;
mod start;
mod values;

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// What we let happen by default and redis-server does not, each for a reason.
const OTHER_DEFAULTS: &[(&str, &str)] = &[
    // Modules run in a sandbox.
    ("enable-module-command", "local"),
];

/// A reply, as far as these tests need to tell them apart.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Reply {
    Text(Vec<u8>),
    Error(String),
    Array(Vec<Reply>),
}

/// A redis-server of our own.
struct Redis {
    process: Child,
    stream: BufReader<UnixStream>,
    folder: TempDir,
}

impl Redis {
    /// Start it with further arguments, in a directory of its own.
    fn start(args: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary directory");
        Self::start_in(folder, args)
    }

    fn start_in(folder: TempDir, args: &[&str]) -> Self {
        let process = command(folder.path())
            .args(args)
            .args(["--port", "0", "--unixsocket", "redis.sock"])
            .stdout(Stdio::null())
            .spawn()
            .expect("its version was asked before");
        let stream = connect(&folder.path().join("redis.sock"));
        Self { process, stream, folder }
    }

    fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn call<W: AsRef<[u8]>>(&mut self, words: &[W]) -> Reply {
        let mut request = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            let word = word.as_ref();
            request.extend(format!("${}\r\n", word.len()).bytes());
            request.extend_from_slice(word);
            request.extend(b"\r\n");
        }
        self.stream.get_mut().write_all(&request).expect("redis-server reads");
        self.read()
    }

    fn read(&mut self) -> Reply {
        let mut line = String::new();
        self.stream.read_line(&mut line).expect("redis-server answers");
        let (kind, rest) = line.trim_end().split_at(1);
        match kind {
            "+" | ":" => Reply::Text(rest.into()),
            "-" => Reply::Error(rest.into()),
            "$" => {
                let mut text = vec![0; rest.parse::<usize>().expect("a length") + 2];
                self.stream.read_exact(&mut text).expect("a whole reply");
                text.truncate(text.len() - 2);
                Reply::Text(text)
            }
            "*" => {
                let count = rest.parse::<usize>().expect("a count");
                Reply::Array((0..count).map(|_| self.read()).collect())
            }
            other => panic!("redis-server sent {other:?}"),
        }
    }

    /// CONFIG GET: names and values.
    fn config_get(&mut self, patterns: &[&str]) -> Vec<(Vec<u8>, Vec<u8>)> {
        let words: Vec<&str> = ["CONFIG", "GET"].iter().chain(patterns).copied().collect();
        let Reply::Array(flat) = self.call(&words) else { panic!("CONFIG GET answers with an array") };
        let text = |reply: &Reply| match reply {
            Reply::Text(text) => text.clone(),
            other => panic!("a text, not {other:?}"),
        };
        flat.chunks_exact(2).map(|pair| (text(&pair[0]), text(&pair[1]))).collect()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // It has nothing to save; that it may be gone already is no failure of the test.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// The version of the redis-server that is installed, 7.0.something.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let output = Command::new("redis-server").arg("--version").output();
    let output =
        output.expect("redis-server must be installed, it judges these tests: apt-get install redis-server");
    let text = show(&output.stdout);
    let version = text.split("v=").nth(1).and_then(|rest| rest.split(' ').next()).unwrap_or_default();
    assert!(
        version.starts_with("7.0."),
        "these tests compare with redis-server 7.0, and {version:?} is installed"
    );
    version.to_owned()
});

/// The command that runs redis-server in a directory.
fn command(folder: &Path) -> Command {
    LazyLock::force(&VERSION);
    let mut command = Command::new("redis-server");
    command.current_dir(folder).stdin(Stdio::null());
    command
}

fn connect(socket: &Path) -> BufReader<UnixStream> {
    let started = Instant::now();
    loop {
        match UnixStream::connect(socket) {
            Ok(stream) => {
                stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout above zero");
                return BufReader::new(stream);
            }
            Err(error) => {
                assert!(started.elapsed() < Duration::from_secs(30), "redis-server does not listen: {error}");
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }
}

fn show(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
