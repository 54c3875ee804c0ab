//! The server's side of compiling: start the child, feed it, wait no longer than allowed, and say what came of it.
//!
//! The child is killed and reaped in every case. What it wrote is an artifact only if it ended well.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::artifact::Artifact;
use crate::compile_child::{self, ARGUMENT, COMPILED, COMPOSED, INVALID};
use crate::load_error::LoadError;
use crate::text::one_line;

/// Who compiles.
#[derive(Clone, Debug)]
pub enum Compiler {
    /// A process of its own, within limits: this executable, whose `main` calls
    /// [`compile_child::main_if_asked`]. For every server.
    Child(PathBuf),
    /// This process, without any limit. For tests, and for modules that are trusted like the program itself.
    InProcess,
}

/// What one compilation may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CompileLimits {
    pub(crate) time: Duration,
    pub(crate) memory: u64,
}

/// Threads of the child. More than a few help little, and each wants address space.
const THREADS: &str = "4";

/// How much of what the child complains about is kept.
const STDERR_BYTES: u64 = 16 << 10;

pub(crate) fn compile(
    compiler: &Compiler,
    limits: CompileLimits,
    engine: &wasmtime::Engine,
    wasm: &[u8],
) -> Result<Artifact, LoadError> {
    match compiler {
        Compiler::InProcess => compile_child::compile(engine, wasm).map(Artifact::vouched_for),
        Compiler::Child(program) => in_child(program, limits, wasm),
    }
}

/// Kills and reaps what is not reaped yet.
struct Reaped(Child);

impl Drop for Reaped {
    fn drop(&mut self) {
        // Neither can fail in a way that matters: a child that has ended cannot be killed, and is reaped.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn in_child(program: &Path, limits: CompileLimits, wasm: &[u8]) -> Result<Artifact, LoadError> {
    let failed = |error: io::Error| LoadError::Compiler(format!("{}: {error}", program.display()));
    let deadline = Instant::now() + limits.time;
    // All its threads together may use as much CPU as the time allows on every one of them.
    let cpu_seconds = limits.time.as_secs().max(1) * 4;
    let child = Command::new(program)
        .arg(ARGUMENT)
        .arg(limits.memory.to_string())
        .arg(cpu_seconds.to_string())
        .env_clear()
        .env("RAYON_NUM_THREADS", THREADS)
        .env("MALLOC_ARENA_MAX", "2")
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let mut child = Reaped(child);
    let stdin = child.0.stdin.take();
    let stdout = child.0.stdout.take();
    let stderr = child.0.stderr.take();
    thread::scope(|scope| {
        let (send, receive) = mpsc::channel();
        scope.spawn(move || {
            // A child that died does not read; its end says why.
            if let Some(mut stdin) = stdin {
                let _ = stdin.write_all(wasm);
            }
        });
        let complaint = scope.spawn(move || {
            let mut text = Vec::new();
            if let Some(mut stderr) = stderr {
                let _ = stderr.by_ref().take(STDERR_BYTES).read_to_end(&mut text);
                let _ = io::copy(&mut stderr, &mut io::sink());
            }
            String::from_utf8_lossy(&text).into_owned()
        });
        scope.spawn(move || {
            let mut output = Vec::new();
            let read = stdout.map_or(Ok(0), |mut stdout| stdout.read_to_end(&mut output));
            // Nobody listens when it took too long.
            let _ = send.send(read.map(|_| output));
        });
        let output = receive.recv_timeout(deadline.saturating_duration_since(Instant::now()));
        if output.is_err() {
            // The readers end with the child, and the scope with them.
            let _ = child.0.kill();
        }
        let status = child.0.wait().map_err(failed)?;
        let complaint = complaint.join().unwrap_or_default();
        match output {
            Err(_) => Err(LoadError::CompileTime(limits.time)),
            Ok(Err(error)) => Err(failed(error)),
            Ok(Ok(output)) => judge(status, output, &complaint, limits),
        }
    })
}

/// What a child that has ended leaves.
fn judge(
    status: ExitStatus,
    mut output: Vec<u8>,
    complaint: &str,
    limits: CompileLimits,
) -> Result<Artifact, LoadError> {
    use std::os::unix::process::ExitStatusExt;
    if status.success() {
        return match output.first() {
            Some(&COMPILED) => {
                output.remove(0);
                Ok(Artifact::vouched_for(output))
            }
            Some(&INVALID) => Err(LoadError::Invalid(String::from_utf8_lossy(&output[1..]).into_owned())),
            Some(&COMPOSED) => Err(LoadError::Composed),
            _ => Err(LoadError::Compiler("the compiler's process ended without a word".into())),
        };
    }
    if status.signal() == Some(libc::SIGXCPU) {
        return Err(LoadError::CompileTime(limits.time));
    }
    let out_of_memory = ["memory allocation of", "Cannot allocate memory", "out of memory", "OutOfMemory"];
    if out_of_memory.iter().any(|words| complaint.contains(words)) {
        return Err(LoadError::CompileMemory(limits.memory));
    }
    let last = complaint.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no reason given");
    Err(LoadError::Compiler(format!("the compiler's process ended with {status}: {}", one_line(last, 300))))
}
