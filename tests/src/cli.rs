//! The real redis-cli, as a person or a script uses it: one command at a time, with standard input, or at a
//! terminal of its own. It is not a replacement for the client in `client`, which sees every byte.

use crate::paths;
use crate::server::Server;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What a program printed, and how it ended.
#[derive(Debug)]
pub struct Output {
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// The exit code; -1 after a signal.
    pub code: i32,
}

/// Run a program to its end with this on its standard input. It is killed when it takes longer than `timeout`.
#[track_caller]
pub fn run(command: &mut Command, stdin: &[u8], timeout: Duration) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|e| panic!("cannot start {command:?}: {e}"));
    let mut input = child.stdin.take().expect("stdin is piped");
    let bytes = stdin.to_vec();
    let feed = std::thread::spawn(move || {
        // A program need not read all of its input.
        let _ = input.write_all(&bytes);
    });
    let drain = |mut stream: Box<dyn Read + Send>| {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            let _ = stream.read_to_end(&mut bytes);
            String::from_utf8_lossy(&bytes).into_owned()
        })
    };
    let stdout = drain(Box::new(child.stdout.take().expect("stdout is piped")));
    let stderr = drain(Box::new(child.stderr.take().expect("stderr is piped")));
    let deadline = Instant::now() + timeout;
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break Some(status),
            Ok(None) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(5)),
            _ => break None,
        }
    };
    if status.is_none() {
        let _ = child.kill();
        let _ = child.wait();
    }
    let text = |thread: std::thread::JoinHandle<String>| thread.join().expect("reading does not panic");
    let output = Output {
        stdout: text(stdout),
        stderr: text(stderr),
        code: status.and_then(|s| s.code()).unwrap_or(-1),
    };
    let _ = feed.join();
    assert!(status.is_some(), "{command:?} took longer than {timeout:?} and had printed: {output:?}");
    output
}

/// A redis-cli command line for a server.
pub fn command(server: &Server, args: &[&str]) -> Command {
    let mut command = Command::new(paths::tool("redis-cli"));
    command.args(["-h", "127.0.0.1", "-p", &server.port_text()]).args(args).current_dir(server.dir());
    command
}

/// Run redis-cli and give what it prints on its standard output, without the newline at the end.
#[track_caller]
pub fn cli(server: &Server, args: &[&str]) -> String {
    cli_with_input(server, args, b"")
}

/// The same with something on its standard input.
#[track_caller]
pub fn cli_with_input(server: &Server, args: &[&str], stdin: &[u8]) -> String {
    let output = run(&mut command(server, args), stdin, Duration::from_secs(60));
    output.stdout.trim_end_matches('\n').to_owned()
}

/// Whether a line is none of a reply: empty, or `(0.53s)`, which redis-cli prints after what took long.
pub fn is_decoration(line: &str) -> bool {
    let line = line.trim();
    let seconds = line.strip_prefix('(').and_then(|l| l.strip_suffix("s)"));
    line.is_empty() || seconds.is_some_and(|seconds| seconds.parse::<f64>().is_ok())
}

/// A program at a terminal of its own.
#[derive(Debug)]
pub struct Terminal {
    child: Child,
    keyboard: File,
    screen: Arc<Mutex<Vec<u8>>>,
    seen: usize,
}

impl Terminal {
    /// Start redis-cli at a terminal.
    #[track_caller]
    pub fn redis_cli(server: &Server, args: &[&str]) -> Terminal {
        let mut command = command(server, args);
        // No history file: a test leaves nothing in a person's home.
        command.env("TERM", "xterm").env("REDISCLI_HISTFILE", "/dev/null").env("HOME", server.dir());
        Terminal::start(&mut command).unwrap_or_else(|e| panic!("no terminal for {command:?}: {e}"))
    }

    fn start(command: &mut Command) -> std::io::Result<Terminal> {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        // Without a size redis-cli asks the terminal for its cursor, and nobody would answer.
        tcsetwinsize(&master, Winsize { ws_row: 50, ws_col: 200, ws_xpixel: 0, ws_ypixel: 0 })?;
        let name = ptsname(&master, Vec::new())?;
        let name = std::path::PathBuf::from(name.to_string_lossy().into_owned());
        let slave = File::options().read(true).write(true).open(name)?;
        command.stdin(Stdio::from(slave.try_clone()?));
        command.stdout(Stdio::from(slave.try_clone()?)).stderr(Stdio::from(slave));
        let child = command.spawn()?;
        let keyboard = File::from(master);
        let screen: Arc<Mutex<Vec<u8>>> = Arc::default();
        let (mut output, sink) = (keyboard.try_clone()?, Arc::clone(&screen));
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(got) = output.read(&mut buffer) {
                if got == 0 {
                    break;
                }
                sink.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&buffer[..got]);
            }
        });
        Ok(Terminal { child, keyboard, screen, seen: 0 })
    }

    /// Press these keys.
    #[track_caller]
    pub fn type_keys(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap_or_else(|e| panic!("cannot type {keys:?}: {e}"));
    }

    /// Wait until the screen shows this after what was waited for before; what it showed up to there.
    #[track_caller]
    pub fn wait_for(&mut self, text: &str) -> String {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let screen = self.screen.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let new = &screen[self.seen..];
            if let Some(at) = new.windows(text.len()).position(|window| window == text.as_bytes()) {
                self.seen += at + text.len();
                return String::from_utf8_lossy(&new[..at + text.len()]).into_owned();
            }
            let shown = String::from_utf8_lossy(new);
            assert!(Instant::now() < deadline, "the terminal never showed {text:?}; it shows {shown:?}");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Wait for the program's end; its exit code.
    #[track_caller]
    pub fn wait_exit(&mut self) -> i32 {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return status.code().unwrap_or(-1),
                Ok(None) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(10)),
                other => panic!("the program at the terminal has not ended: {other:?}"),
            }
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
