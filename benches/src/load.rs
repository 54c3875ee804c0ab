//! One run of redis-benchmark against one server, and what it cost that server. Also the keys that it will find there.

use crate::process::Server;
use anyhow::{Context, Result, bail};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Connections of every run.
pub const CLIENTS: u32 = 50;
/// Different keys of most runs.
pub const KEYS: u64 = 1_000_000;
/// How redis-benchmark spells a key of its own choice.
pub const ANY_KEY: &str = "key:__rand_int__";
/// Keys that are written at once when a server is filled.
const FILL_BATCH: u64 = 2_000;

/// A run.
#[derive(Debug, Clone)]
pub struct Load {
    /// The command and its arguments; [`ANY_KEY`] stands for a random key.
    pub argv: Vec<String>,
    /// Requests that are sent before a reply is waited for.
    pub pipeline: u32,
    /// Requests in all.
    pub requests: u64,
    /// Different keys.
    pub keys: u64,
}

/// What came of it.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// Microseconds of the server's CPU time for each request.
    pub cpu_us: f64,
    /// Requests in a second.
    pub per_second: f64,
    /// Half of all batches were answered within so many milliseconds.
    pub p50_ms: f64,
    /// And 99 of 100 within so many.
    pub p99_ms: f64,
}

/// Run it to its end.
pub fn run(server: &Server, load: &Load) -> Result<Sample> {
    let before = server.cpu()?;
    let text = benchmark(server.port(), load)?;
    let used = server.cpu()?.saturating_sub(before);
    let [per_second, p50_ms, p99_ms] = figures(&text)
        .with_context(|| format!("redis-benchmark answered to {} with: {text}", load.argv.join(" ")))?;
    let cpu_us = used.as_secs_f64() * 1e6 / load.requests as f64;
    Ok(Sample { cpu_us, per_second, p50_ms, p99_ms })
}

fn benchmark(port: u16, load: &Load) -> Result<String> {
    let mut child = Command::new("redis-benchmark")
        .args(["-h", "127.0.0.1", "-p", &port.to_string(), "--csv"])
        .args(["-c", &CLIENTS.to_string(), "-P", &load.pipeline.to_string()])
        .args(["-n", &load.requests.to_string(), "-r", &load.keys.to_string()])
        .args(&load.argv)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .context("cannot start redis-benchmark; `cargo xtask setup` gets it")?;
    // A thousand requests a second is far below anything that is worth waiting for.
    let deadline = Instant::now() + Duration::from_secs(30 + load.requests / 1_000);
    while child.try_wait()?.is_none() {
        if Instant::now() > deadline {
            child.kill()?;
            child.wait()?;
            bail!("{} requests of {} took too long", load.requests, load.argv.join(" "));
        }
        sleep(Duration::from_millis(2));
    }
    // Its output is two lines, which the pipe holds until now.
    let output = child.wait_with_output()?;
    if !output.status.success() {
        bail!("redis-benchmark ended with {} on {}", output.status, load.argv.join(" "));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Requests per second, p50 and p99, by the names in the head line.
fn figures(csv: &str) -> Option<[f64; 3]> {
    let mut lines = csv.lines().filter(|line| line.starts_with('"'));
    let (head, row) = (lines.next()?, lines.next()?);
    // The first field is the command, which may hold commas; the others are counted from the end.
    let names: Vec<&str> = head.trim_matches('"').rsplit("\",\"").collect();
    let values: Vec<&str> = row.trim_matches('"').rsplit("\",\"").collect();
    let figure = |name: &str| values.get(names.iter().position(|found| *found == name)?)?.parse::<f64>().ok();
    Some([figure("rps")?, figure("p50_latency_ms")?, figure("p99_latency_ms")?])
}

/// Put the same value under every key that a run may choose. Nothing else is there afterwards.
pub fn fill(server: &Server, keys: u64, value: &[u8]) -> Result<()> {
    let mut connection = server.connect()?;
    redis::cmd("FLUSHALL").query::<()>(&mut connection)?;
    let mut next = 0;
    while next < keys {
        let mut pipe = redis::Pipeline::with_capacity(FILL_BATCH as usize);
        for number in next..(next + FILL_BATCH).min(keys) {
            pipe.cmd("SET").arg(key(number)).arg(value).ignore();
        }
        pipe.query::<()>(&mut connection)?;
        next += FILL_BATCH;
    }
    let found: u64 = redis::cmd("DBSIZE").query(&mut connection)?;
    if found != keys {
        bail!("{found} keys after writing {keys}");
    }
    Ok(())
}

/// The key with this number, as redis-benchmark names it.
pub fn key(number: u64) -> String {
    format!("key:{number:012}")
}

#[cfg(test)]
mod tests {
    use super::figures;

    #[test]
    fn figures_go_by_name() {
        let csv = "\"test\",\"rps\",\"avg_latency_ms\",\"min_latency_ms\",\"p50_latency_ms\",\"p95_latency_ms\",\
                   \"p99_latency_ms\",\"max_latency_ms\"\n\
                   \"set a,\"\",b x\",\"1000.50\",\"1.1\",\"0.3\",\"1.0\",\"1.9\",\"2.4\",\"3.8\"\n";
        assert_eq!(figures(csv), Some([1000.5, 1.0, 2.4]));
        assert_eq!(figures("\"test\",\"rps\"\n"), None);
        assert_eq!(figures("Error from server: ERR\n"), None);
    }
}
