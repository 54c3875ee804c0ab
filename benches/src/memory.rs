//! What a key costs in memory: resident bytes of a server that was just started, before and after a million keys.
//! Everything that a server holds for its keys counts this way, the allocator's waste included.

use crate::load::{self, KEYS};
use crate::process::Server;
use anyhow::Result;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

/// The value of every key.
pub const VALUE: &[u8; 16] = b"sixteen letters!";
/// For buffers of the filling to go back to the system.
const SETTLE: Duration = Duration::from_secs(3);

/// Resident bytes per key.
pub fn bytes_per_key(program: &Path) -> Result<f64> {
    let server = Server::start(program, &[])?;
    sleep(SETTLE);
    let before = server.resident()?;
    load::fill(&server, VALUE)?;
    sleep(SETTLE);
    let after = server.resident()?;
    Ok(after.saturating_sub(before) as f64 / KEYS as f64)
}
