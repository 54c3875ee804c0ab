//! A server process of a test's own: started on a free loopback port in an empty directory, and gone with the test.
//! It is stopped by its process id only. Its log is kept, and printed when the test fails. A start waits for
//! the lines that other people's tools wait for, in their order.
//! This is not for servers that serve more than one test file at once: processes are cheap, shared state is not.

use crate::client::Client;
use crate::paths;
use crate::value::Protocol;
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a start may take; loading modules compiles them, on a machine that may do much else.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// How long a server may take to stop after SIGTERM.
const STOP_TIMEOUT: Duration = Duration::from_secs(15);

/// How often a start is tried again because somebody took the port between our look and the server's.
const PORT_TRIES: usize = 5;

/// The peer: redis-server 7, real.
#[derive(Debug)]
pub struct Peer;

impl Peer {
    /// Start it with these arguments beside the harness's own.
    #[track_caller]
    pub fn redis(args: &[&str]) -> Server {
        Server::start_program(&paths::tool("redis-server"), args)
    }
}

/// What a server process has written so far, and whether it has ended its output.
#[derive(Debug, Default)]
struct Log {
    lines: Mutex<(Vec<String>, usize)>,
    grown: Condvar,
}

impl Log {
    fn follow(self: &Arc<Log>, stream: impl std::io::Read + Send + 'static) {
        let log = Arc::clone(self);
        std::thread::spawn(move || {
            for line in BufReader::new(stream).split(b'\n') {
                let Ok(line) = line else { break };
                let mut state = log.lines.lock().unwrap_or_else(PoisonError::into_inner);
                state.0.push(String::from_utf8_lossy(&line).into_owned());
                log.grown.notify_all();
            }
            log.lines.lock().unwrap_or_else(PoisonError::into_inner).1 += 1;
            log.grown.notify_all();
        });
    }

    /// Wait until a line from `from` on contains `text`; its index, or `None` when time or output ends first.
    fn wait(&self, from: usize, text: &str, timeout: Duration) -> Option<usize> {
        let deadline = Instant::now() + timeout;
        let mut state = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(found) = state.0.iter().skip(from).position(|line| line.contains(text)) {
                return Some(from + found);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || state.1 == 2 {
                return None;
            }
            state = self.grown.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn text(&self) -> String {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).0.join("\n")
    }

    fn len(&self) -> usize {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).0.len()
    }
}

/// How a process that was expected to stop did so.
#[derive(Debug)]
pub struct Stopped {
    /// Its exit status.
    pub status: ExitStatus,
    /// All that it wrote to stdout and stderr.
    pub log: String,
}

/// A running server.
#[derive(Debug)]
pub struct Server {
    program: PathBuf,
    args: Vec<String>,
    environment: Vec<(String, String)>,
    dir: TempDir,
    config: Option<PathBuf>,
    port: u16,
    child: Option<Child>,
    log: Arc<Log>,
    log_from: usize,
}

impl Server {
    /// Start the server under test with these arguments beside the harness's own (port, bind, dir, no saving).
    #[track_caller]
    pub fn start(args: &[&str]) -> Server {
        Server::start_program(&paths::server(), args)
    }

    /// The same with these variables in its environment.
    #[track_caller]
    pub fn start_within(environment: &[(&str, &str)], args: &[&str]) -> Server {
        Server::start_configured(&paths::server(), None, environment, args)
    }

    /// Start any program that takes redis-server's arguments.
    #[track_caller]
    pub fn start_program(program: &Path, args: &[&str]) -> Server {
        Server::start_configured(program, None, &[], args)
    }

    /// Start the server under test with this text as its configuration file, `sandkey.conf` in its directory.
    /// Arguments come after it and have the last word.
    #[track_caller]
    pub fn start_with_file(config: &str, args: &[&str]) -> Server {
        Server::start_configured(&paths::server(), Some(config), &[], args)
    }

    #[track_caller]
    fn start_configured(
        program: &Path,
        config: Option<&str>,
        environment: &[(&str, &str)],
        args: &[&str],
    ) -> Server {
        let dir =
            TempDir::with_prefix("sandkey-test-").unwrap_or_else(|e| panic!("no temporary directory: {e}"));
        let config = config.map(|text| {
            let path = dir.path().join("sandkey.conf");
            std::fs::write(&path, text).unwrap_or_else(|e| panic!("cannot write {}: {e}", path.display()));
            path
        });
        let mut server = Server {
            config,
            program: program.to_owned(),
            args: args.iter().map(ToString::to_string).collect(),
            environment: environment.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
            dir,
            port: 0,
            child: None,
            log: Arc::default(),
            log_from: 0,
        };
        for _ in 0..PORT_TRIES {
            server.port = free_port();
            match server.spawn() {
                Ok(()) => return server,
                Err(why) if why.contains("Address already in use") => {}
                Err(why) => panic!("{why}"),
            }
        }
        panic!("no free port in {PORT_TRIES} tries\n{}", server.log_tail());
    }

    /// Start a process that is expected to refuse, and wait for its end. Only the given arguments are passed.
    #[track_caller]
    pub fn refused(program: &Path, args: &[&str]) -> Stopped {
        let mut command = Command::new(program);
        command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|e| panic!("cannot start {}: {e}", program.display()));
        let log: Arc<Log> = Arc::default();
        log.follow(child.stdout.take().expect("stdout is piped"));
        log.follow(child.stderr.take().expect("stderr is piped"));
        let Some(status) = wait_for_exit(&mut child, STOP_TIMEOUT) else {
            let _ = child.kill();
            let _ = child.wait();
            panic!("the server should have refused to start with {args:?}\n{}", log.text());
        };
        // Both readers count themselves out at the end of their stream; nothing contains this text.
        log.wait(0, "\u{0}never", Duration::from_secs(5));
        Stopped { status, log: log.text() }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.config);
        command.args(["--port", &self.port.to_string(), "--bind", "127.0.0.1"]);
        command.arg("--dir").arg(self.dir.path());
        if !self.args.iter().any(|arg| arg == "--save") {
            command.args(["--save", ""]);
        }
        // redis-server writes its " PID: " line only with the logo; ours writes it always.
        command.args(["--always-show-logo", "yes"]);
        command.args(&self.args).current_dir(self.dir.path());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn spawn(&mut self) -> Result<(), String> {
        let mut command = self.command();
        // A script that was just written is busy while a child that another test has forked holds it open.
        let mut spawned = command.spawn();
        let began = Instant::now();
        while spawned.as_ref().is_err_and(|error| error.kind() == ErrorKind::ExecutableFileBusy)
            && began.elapsed() < START_TIMEOUT
        {
            std::thread::sleep(Duration::from_millis(5));
            spawned = command.spawn();
        }
        let mut child = spawned.map_err(|e| format!("cannot start {}: {e}", self.program.display()))?;
        let pid = child.id();
        self.log = Arc::default();
        self.log.follow(child.stdout.take().ok_or("stdout is not piped")?);
        self.log.follow(child.stderr.take().ok_or("stderr is not piped")?);
        self.child = Some(child);
        let mut at = 0;
        for line in
            [format!(" PID: {pid}"), "Server initialized".into(), "Ready to accept connections".into()]
        {
            match self.log.wait(at, &line, START_TIMEOUT) {
                Some(found) => at = found + 1,
                None => {
                    let log = self.log.text();
                    self.kill9();
                    return Err(format!("the server did not write {line:?} at its start. It wrote:\n{log}"));
                }
            }
        }
        Ok(())
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// Its TCP port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The port as text, for command lines.
    pub fn port_text(&self) -> String {
        self.port.to_string()
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().map(Child::id).unwrap_or_default()
    }

    /// Its working directory.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// A new RESP2 connection.
    #[track_caller]
    pub fn client(&self) -> Client {
        Client::connect(self.address())
    }

    /// A new connection that speaks this protocol.
    #[track_caller]
    pub fn client_speaking(&self, protocol: Protocol) -> Client {
        self.client().speaking(protocol)
    }

    /// Everything that it has written since its last start.
    pub fn log(&self) -> String {
        self.log.text()
    }

    /// Forget about the log so far: [`Server::wait_log`] looks at what follows.
    pub fn mark_log(&mut self) {
        self.log_from = self.log.len();
    }

    /// Wait for a line that contains this text.
    #[track_caller]
    pub fn wait_log(&self, text: &str) -> String {
        match self.log.wait(self.log_from, text, Duration::from_secs(10)) {
            Some(index) => self.log.lines.lock().unwrap_or_else(PoisonError::into_inner).0[index].clone(),
            None => panic!("the log never said {text:?}"),
        }
    }

    /// Whether the process is still running.
    pub fn alive(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// Send a signal to the process.
    #[track_caller]
    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.pid()).ok().and_then(Pid::from_raw).expect("the server runs");
        kill_process(pid, signal).unwrap_or_else(|e| panic!("cannot signal {pid:?}: {e}"));
    }

    /// Send SIGTERM and wait for the end.
    #[track_caller]
    pub fn terminate(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.wait_exit()
    }

    /// Wait until the process ends by itself.
    #[track_caller]
    pub fn wait_exit(&mut self) -> ExitStatus {
        let mut child = self.child.take().expect("the server runs");
        match wait_for_exit(&mut child, STOP_TIMEOUT) {
            Some(status) => status,
            None => {
                self.child = Some(child);
                panic!("the server has not stopped after {STOP_TIMEOUT:?}");
            }
        }
    }

    /// Kill it on the spot, as a crash or a power cut would.
    pub fn kill9(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Stop it in good order, unless it has stopped, and start it again in the same directory on the same port.
    #[track_caller]
    pub fn restart(&mut self) {
        if self.child.is_some() {
            let status = self.terminate();
            assert!(status.success(), "SIGTERM ended the server with {status}");
        }
        self.log_from = 0;
        if let Err(why) = self.spawn() {
            panic!("{why}");
        }
    }

    /// Start it with another argument from the next time on.
    pub fn replace_arg(&mut self, from: &str, to: &str) {
        self.args.iter_mut().filter(|arg| *arg == from).for_each(|arg| to.clone_into(arg));
    }

    /// Start it and kill it after so long, wherever it is then.
    #[track_caller]
    pub fn start_briefly(&mut self, time: Duration) {
        self.kill9();
        let mut child = self.command().spawn().unwrap_or_else(|e| panic!("cannot start the server: {e}"));
        // Nobody reads what it writes, which is less than a pipe holds.
        std::thread::sleep(time);
        let _ = child.kill();
        let _ = child.wait();
    }

    fn log_tail(&self) -> String {
        let text = self.log.text();
        // Without the logo, if the start came that far.
        let text = text.find("Server initialized").map_or(&text[..], |at| &text[at..]);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!(
                "--- log of {} (port {}):\n{}\n---",
                self.program.display(),
                self.port,
                self.log_tail()
            );
        }
        self.kill9();
    }
}

/// A loopback port that nobody listens on just now.
pub fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .unwrap_or_else(|e| panic!("no free port: {e}"))
        .port()
}

fn wait_for_exit(child: &mut Child, timeout: Duration) -> Option<ExitStatus> {
    let deadline = Instant::now() + timeout;
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(5)),
            _ => return None,
        }
    }
}

/// Ask again and again until the answer is yes; panics with `what` when it stays no for `timeout`.
#[track_caller]
pub fn eventually(what: &str, timeout: Duration, mut ask: impl FnMut() -> bool) {
    let deadline = Instant::now() + timeout;
    while !ask() {
        assert!(Instant::now() < deadline, "after {timeout:?} still not: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
