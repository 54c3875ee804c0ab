//! What a key costs in memory: resident bytes of a server that was just started, before and after a million keys.
//! Everything that a server holds for its keys counts this way, the allocator's waste included.

use crate::experiments::{Finding, Programs};
use crate::load::{self, KEYS};
use crate::measure::Effort;
use crate::process::Server;
use anyhow::Result;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

/// The value of every key.
const VALUE: &[u8; 16] = b"sixteen letters!";
/// For buffers of the filling to go back to the system.
const SETTLE: Duration = Duration::from_secs(3);

/// Both servers.
pub fn experiment(programs: &Programs, _effort: Effort) -> Result<Finding> {
    let (ours, theirs) = (bytes_per_key(&programs.sandkey)?, bytes_per_key(&programs.redis)?);
    let text = format!(
        "Resident bytes per key, {KEYS} keys of 16 B with values of 16 B, servers just started: Sandkey {ours:.1}, \
         redis-server {theirs:.1}.\n"
    );
    Ok(Finding { today: vec![ours / theirs], text })
}

/// Resident bytes per key.
fn bytes_per_key(program: &Path) -> Result<f64> {
    let server = Server::start(program, &[])?;
    sleep(SETTLE);
    let before = server.resident()?;
    load::fill(&server, KEYS, VALUE)?;
    sleep(SETTLE);
    let after = server.resident()?;
    Ok(after.saturating_sub(before) as f64 / KEYS as f64)
}
