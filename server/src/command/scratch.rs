//! What few commands need and every command would otherwise have to make and drop: a log for undo, and values to be freed.
//! A worker has one, lends it to each command, and empties it afterwards; nothing in it outlives the command.

use crate::keyspace::{Db, Entry, ShardId};
use crate::limits;

use super::undo::UndoLog;

/// Room that one command after the other uses.
#[derive(Default)]
pub struct Scratch {
    /// What a module's command has changed so far.
    pub undo: UndoLog,
    /// Values that were replaced or deleted and take long to free: dropped after the locks.
    pub garbage: Vec<Entry>,
    /// Databases that were emptied: dropped after the locks, too.
    pub flushed: Vec<(ShardId, Db)>,
}

impl Scratch {
    /// Free what a command has left, now that no key is locked any more.
    #[inline]
    pub fn clear(&mut self) {
        debug_assert!(self.undo.is_empty(), "a command of a module keeps or undoes all it did");
        if !self.garbage.is_empty() || !self.flushed.is_empty() {
            self.free();
        }
    }

    #[cold]
    fn free(&mut self) {
        self.garbage.clear();
        self.garbage.shrink_to(limits::SCRATCH_KEPT);
        self.flushed = Vec::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyspace::AccessClock;

    #[test]
    fn it_is_empty_again_and_keeps_little_room() {
        let mut scratch = Scratch::default();
        let entry = || Entry::string(b"key", b"value", None, AccessClock::Lru.initial(0));
        scratch.garbage.extend((0..2 * limits::SCRATCH_KEPT).map(|_| entry()));
        scratch.flushed.push((0, Db::new(AccessClock::Lru, 1)));
        scratch.clear();
        assert!(scratch.garbage.is_empty() && scratch.flushed.is_empty() && scratch.undo.is_empty());
        assert!(scratch.garbage.capacity() <= limits::SCRATCH_KEPT);
    }
}
