//! The append-only file.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use super::propagate::Propagation;

/// The append-only file of a server.
#[derive(Default)]
pub struct Aof {
    on: AtomicBool,
}

impl Aof {
    /// Whether changes are appended. Asked under the lock of a shard: whoever turns it on holds them all.
    #[inline]
    pub fn is_on(&self) -> bool {
        self.on.load(Relaxed)
    }

    /// Append.
    pub fn append(&self, propagation: &mut Propagation, _together: bool) -> u64 {
        propagation.clear();
        0
    }
}
