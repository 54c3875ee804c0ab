//! What waits to be written to one client: bytes that grow at the end and go from the front. Taking from the front costs nothing until
//! half of it has gone, since whoever does not read for a while may have megabytes waiting, and the socket takes some kilobytes at a time.
//! How much may wait, the connection decides.

use crate::limits::OUTPUT_KEPT;

/// Replies and messages on their way to a socket.
#[derive(Debug, Default)]
pub struct Output {
    bytes: Vec<u8>,
    /// So many of them have been written.
    written: usize,
}

impl Output {
    /// How many bytes wait.
    pub fn len(&self) -> usize {
        self.bytes.len() - self.written
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// What waits.
    pub fn waiting(&self) -> &[u8] {
        &self.bytes[self.written..]
    }

    /// Put these behind what waits.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// What waits, for whoever puts something behind it.
    pub fn end_mut(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// So many bytes from the front have been written.
    pub fn advance(&mut self, n: usize) {
        self.written += n;
        if self.written == self.bytes.len() {
            self.bytes.clear();
            self.bytes.shrink_to(OUTPUT_KEPT);
            self.written = 0;
        } else if self.written >= self.bytes.len() / 2 {
            self.bytes.drain(..self.written);
            self.written = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Output;

    #[test]
    fn what_was_put_in_comes_out_in_its_order() {
        let mut output = Output::default();
        let (mut put, mut taken) = (Vec::new(), Vec::new());
        for step in 1..200usize {
            let bytes: Vec<u8> = (0..step * 7 % 60).map(|i| (i * step) as u8).collect();
            put.extend_from_slice(&bytes);
            output.push(&bytes);
            let n = (step * 11 % 50).min(output.len());
            taken.extend_from_slice(&output.waiting()[..n]);
            output.advance(n);
            assert_eq!(output.len(), put.len() - taken.len());
            assert_eq!(output.is_empty(), output.waiting().is_empty());
        }
        taken.extend_from_slice(output.waiting());
        assert_eq!(taken, put);
    }

    #[test]
    fn what_has_gone_occupies_no_more_than_what_waits() {
        let mut output = Output::default();
        output.push(&vec![1; 1_000_000]);
        for _ in 0..999 {
            output.advance(1000);
            assert!(output.written <= output.len());
        }
        output.advance(1000);
        assert!(output.is_empty() && output.bytes.capacity() <= super::OUTPUT_KEPT);
    }
}
