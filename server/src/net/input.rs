//! What has been received of one client and is not executed yet: nothing for most of the time, as whole commands run from the worker's
//! buffer, and otherwise the beginning of a command. A long one is received where it is to lie, so that its bytes are not moved for
//! every piece that comes. Room is made in steps: what a client merely announces costs no more than what it has sent.

use crate::limits::{READ_BUFFER, READ_STEP_MAX};

/// The beginning of a command, and what its rest is known to need.
#[derive(Debug, Default)]
pub struct Input {
    bytes: Vec<u8>,
    /// How many more bytes the parser wants before it can get on.
    pub missing: usize,
    /// How long the command will be at least.
    pub announced: usize,
}

impl Input {
    /// Whether no command has arrived in part.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// How many bytes there are.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// How many bytes of memory they have.
    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// Whether the last read has filled it.
    pub fn is_full(&self) -> bool {
        self.bytes.len() == self.bytes.capacity()
    }

    /// What is there.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What is there, for whoever reads more behind it.
    pub fn end_mut(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Take all of it, to execute what is whole.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }

    /// Keep these, which lie in the worker's buffer.
    pub fn copy(&mut self, rest: &[u8]) {
        self.bytes.clear();
        if !rest.is_empty() {
            self.bytes.reserve_exact(rest.len() + self.step(rest.len()));
            self.bytes.extend_from_slice(rest);
        }
    }

    /// Keep what is behind `from` of what was taken.
    pub fn put_back(&mut self, mut received: Vec<u8>, from: usize) {
        let rest = received.len() - from;
        // What little is left of much is no reason to keep all of its room.
        if from > 0 && rest < received.capacity() / 4 {
            return self.copy(&received[from..]);
        }
        received.drain(..from);
        self.bytes = received;
        let room = self.bytes.capacity() - rest;
        if room < self.missing.min(READ_BUFFER) {
            self.bytes.reserve_exact(self.step(rest));
        }
    }

    /// Room for what is missing, and no more at once than there is already, if that is much.
    fn step(&self, len: usize) -> usize {
        self.missing.clamp(READ_BUFFER, READ_STEP_MAX.max(len))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_command_is_received_in_one_place() {
        let mut input = Input { missing: 50_000_000, ..Input::default() };
        input.copy(&[1; 1000]);
        assert!(input.capacity() <= READ_STEP_MAX + 1000, "most of it is merely announced");
        let mut places = 0;
        while input.len() < 50_000_000 {
            let mut received = input.take();
            let step = (received.capacity() - received.len()).min(100_000);
            received.resize(received.len() + step, 1);
            let place = received.as_ptr();
            input.missing = 50_001_000 - received.len();
            input.put_back(received, 0);
            places += usize::from(place != input.bytes().as_ptr());
            assert!(input.capacity() <= (2 * input.len()).max(READ_STEP_MAX + 1000) + READ_BUFFER);
        }
        assert!(places < 10, "it was moved {places} times");
        assert!(input.capacity() <= 50_001_000 + READ_BUFFER);
    }

    #[test]
    fn the_rest_of_much_is_copied_and_nothing_needs_no_room() {
        let mut input = Input { missing: 5, ..Input::default() };
        let received: Vec<u8> = (0..200_000).map(|i| i as u8).collect();
        let end = received[199_990..].to_vec();
        input.put_back(received, 199_990);
        assert_eq!(input.bytes(), end);
        assert!(input.capacity() < 100_000 && !input.is_full());
        let all = input.take();
        input.put_back(all, 10);
        assert!(input.is_empty() && input.capacity() == 0);
    }
}
