//! A server that the comparison started: on a loopback port that was free, without persistence unless that is measured,
//! gone with its owner. It is asked by its process id what it spent and what it holds, and ended by the same.

use anyhow::{Context, Result, bail};
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Loading a module compiles it, and loading a gigabyte of data takes some seconds, on a machine that may be busy.
const START_MAX: Duration = Duration::from_secs(120);
/// Somebody may take the port between our look and the server's.
const PORT_TRIES: usize = 5;

/// How often a server that starts is asked whether it is ready.
const START_STEP: Duration = Duration::from_millis(10);

/// A running server.
#[derive(Debug)]
pub struct Server {
    child: Child,
    name: String,
    port: u16,
    started_in: Duration,
    /// What it prints: for the message when it does not start.
    log: PathBuf,
}

impl Server {
    /// Start `program` with these arguments, and without an append-only file.
    pub fn start(program: &Path, args: &[&str]) -> Result<Server> {
        Server::start_in(&std::env::temp_dir(), program, &[&["--appendonly", "no"], args].concat())
    }

    /// Start `program` with these arguments and its files in this folder. It saves nothing unless it is told to.
    pub fn start_in(folder: &Path, program: &Path, args: &[&str]) -> Result<Server> {
        let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut outcome = Err(anyhow::anyhow!("not tried"));
        for _ in 0..PORT_TRIES {
            outcome = Server::start_once(folder, program, &name, args);
            // Only a port that is taken may be different the next time.
            let taken = |error: &anyhow::Error| error.to_string().contains("ddress already in use");
            if !outcome.as_ref().is_err_and(taken) {
                break;
            }
        }
        outcome.with_context(|| format!("{name} did not start"))
    }

    fn start_once(folder: &Path, program: &Path, name: &str, args: &[&str]) -> Result<Server> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let log = std::env::temp_dir().join(format!("sandkey-compare-{}-{port}.log", std::process::id()));
        let output = fs::File::create(&log).with_context(|| format!("cannot create {}", log.display()))?;
        let start = Instant::now();
        let child = Command::new(program)
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""])
            .args(args)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let mut server = Server { child, name: name.to_owned(), port, started_in: Duration::ZERO, log };
        let deadline = start + START_MAX;
        loop {
            if let Some(status) = server.child.try_wait()? {
                bail!("it ended with {status}, and these words:\n{}", server.last_words());
            }
            let answers =
                server.connect().and_then(|mut client| Ok(redis::cmd("PING").query::<()>(&mut client)?));
            match answers {
                Ok(()) => {
                    server.started_in = start.elapsed();
                    return Ok(server);
                }
                Err(error) if Instant::now() > deadline => return Err(error.context("no answer to PING")),
                Err(_) => sleep(START_STEP),
            }
        }
    }

    fn last_words(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(5)..].join("\n")
    }

    /// A connection of our own, for what is not load.
    pub fn connect(&self) -> Result<redis::Connection> {
        let client = redis::Client::open(("127.0.0.1", self.port))?;
        let connection = client.get_connection_with_timeout(Duration::from_secs(5))?;
        connection.set_read_timeout(Some(Duration::from_secs(60)))?;
        Ok(connection)
    }

    /// Its port on the loopback interface.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The CPU time that all its threads have used so far.
    pub fn cpu(&self) -> Result<Duration> {
        let folder = format!("/proc/{}/task", self.child.id());
        let tasks = fs::read_dir(&folder).with_context(|| format!("{} is gone", self.name))?;
        let mut nanoseconds = 0;
        for task in tasks {
            // A thread that ends just now takes its account along; servers keep theirs.
            let Ok(text) = fs::read_to_string(task?.path().join("schedstat")) else { continue };
            let on_cpu = text.split(' ').next().and_then(|number| number.parse::<u64>().ok());
            nanoseconds += on_cpu.context("schedstat has no number of nanoseconds")?;
        }
        if nanoseconds == 0 {
            return self.cpu_in_ticks();
        }
        Ok(Duration::from_nanos(nanoseconds))
    }

    /// How long it took from its start to its first answer to PING, loading of data included.
    pub fn started_in(&self) -> Duration {
        self.started_in
    }

    /// The same with the threads that have ended, to a hundredth of a second. Kernels without schedstat have only this.
    pub fn cpu_in_ticks(&self) -> Result<Duration> {
        let text = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The name in parentheses may hold blanks; what follows it does not.
        let fields: Vec<&str> = text.rsplit(") ").next().unwrap_or_default().split(' ').collect();
        let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok());
        let (user, system) = ticks(11).zip(ticks(12)).context("/proc/<pid>/stat is not what it was")?;
        Ok(Duration::from_millis((user + system) * 10))
    }

    /// Bytes of memory that it holds.
    pub fn resident(&self) -> Result<u64> {
        let text = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
        let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().context("VmRSS is no number")?;
        Ok(kilobytes * 1024)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has nothing to save, and nobody else knows it. These calls fail only if it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_file(&self.log);
    }
}
