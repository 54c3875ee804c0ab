//! `wasi:io`: streams that never make anybody wait. Standard input has ended; output becomes lines of the log.
//!
//! The table of resources holds our own types. A guest's handle of a stream is the place of one of them there, whatever
//! type wasmtime-wasi would have put; nothing but the functions here looks.

use wasmtime::component::Resource;
use wasmtime_wasi::p2::bindings::sync::io::{poll, streams};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, DynPollable, StreamError, StreamResult};

use crate::guest::Guest;
use crate::host::LogLevel;
use crate::limits::LOG_LINE_BYTES;

/// Standard input.
pub(super) struct Empty;

/// Standard output or error: what has been written of the line that is not finished.
#[derive(Default)]
pub(super) struct Lines {
    unfinished: Vec<u8>,
}

/// What has always come already.
pub(super) struct Ready;

/// Bytes that one write takes, as WASI's blocking writes have it.
const WRITE_BYTES: u64 = 4096;

impl Ready {
    pub(super) fn subscribe(guest: &mut Guest) -> wasmtime::Result<Resource<DynPollable>> {
        let pollable = guest.pay(0)?.table.push(Ready)?;
        Ok(Resource::new_own(pollable.rep()))
    }
}

impl poll::Host for Guest {
    fn poll(&mut self, pollables: Vec<Resource<DynPollable>>) -> wasmtime::Result<Vec<u32>> {
        self.pay(8 * pollables.len() as u64)?;
        if pollables.is_empty() {
            wasmtime::bail!("poll of nothing would wait for ever");
        }
        Ok((0..).take(pollables.len()).collect())
    }
}

impl poll::HostPollable for Guest {
    fn ready(&mut self, _pollable: Resource<DynPollable>) -> wasmtime::Result<bool> {
        self.pay(0)?;
        Ok(true)
    }

    fn block(&mut self, _pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        self.pay(0)?;
        Ok(())
    }

    fn drop(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        self.pay(0)?.table.delete(Resource::<Ready>::new_own(pollable.rep()))?;
        Ok(())
    }
}

impl streams::Host for Guest {
    fn convert_stream_error(&mut self, error: StreamError) -> wasmtime::Result<streams::StreamError> {
        match error {
            StreamError::Closed => Ok(streams::StreamError::Closed),
            StreamError::LastOperationFailed(error) | StreamError::Trap(error) => Err(error),
        }
    }
}

impl Guest {
    fn ended<T>(&mut self) -> StreamResult<T> {
        self.pay(0).map_err(StreamError::Trap)?;
        Err(StreamError::Closed)
    }

    /// Take bytes to a stream, and send every finished line to the log.
    fn write_lines(&mut self, stream: &Resource<DynOutputStream>, bytes: &[u8]) -> StreamResult<()> {
        let lines = self.pay(bytes.len() as u64).map_err(StreamError::Trap)?;
        let lines = lines
            .table
            .get_mut(&Resource::<Lines>::new_borrow(stream.rep()))
            .map_err(|error| StreamError::Trap(error.into()))?;
        let finished = lines.take(bytes);
        for line in finished {
            self.write_line(&line)?;
        }
        Ok(())
    }

    fn write_line(&mut self, line: &[u8]) -> StreamResult<()> {
        let text = String::from_utf8_lossy(line);
        self.with_host(|c| c.log.write(c.host, LogLevel::Notice, text.trim_end_matches('\r')))
            .map_err(StreamError::Trap)
    }

    fn writable(&mut self) -> StreamResult<u64> {
        self.pay(0).map_err(StreamError::Trap)?;
        Ok(WRITE_BYTES)
    }
}

impl Lines {
    /// Add bytes; the lines that they finish. A line that is longer than the log's is finished there.
    fn take(&mut self, bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut finished = Vec::new();
        for part in bytes.split_inclusive(|&byte| byte == b'\n') {
            let (part, ends) = part.strip_suffix(b"\n").map_or((part, false), |part| (part, true));
            let room = LOG_LINE_BYTES.saturating_sub(self.unfinished.len());
            self.unfinished.extend_from_slice(&part[..part.len().min(room)]);
            if ends {
                finished.push(std::mem::take(&mut self.unfinished));
            }
        }
        finished
    }
}

impl streams::HostOutputStream for Guest {
    fn check_write(&mut self, _stream: Resource<DynOutputStream>) -> StreamResult<u64> {
        self.writable()
    }

    fn write(&mut self, stream: Resource<DynOutputStream>, bytes: Vec<u8>) -> StreamResult<()> {
        self.write_lines(&stream, &bytes)
    }

    fn blocking_write_and_flush(
        &mut self,
        stream: Resource<DynOutputStream>,
        bytes: Vec<u8>,
    ) -> StreamResult<()> {
        self.write_lines(&stream, &bytes)
    }

    fn flush(&mut self, _stream: Resource<DynOutputStream>) -> StreamResult<()> {
        self.writable().map(|_| ())
    }

    fn blocking_flush(&mut self, _stream: Resource<DynOutputStream>) -> StreamResult<()> {
        self.writable().map(|_| ())
    }

    fn subscribe(&mut self, _stream: Resource<DynOutputStream>) -> wasmtime::Result<Resource<DynPollable>> {
        Ready::subscribe(self)
    }

    fn write_zeroes(&mut self, _stream: Resource<DynOutputStream>, _length: u64) -> StreamResult<()> {
        // Zeroes say nothing in a log.
        self.writable().map(|_| ())
    }

    fn blocking_write_zeroes_and_flush(
        &mut self,
        _stream: Resource<DynOutputStream>,
        _length: u64,
    ) -> StreamResult<()> {
        self.writable().map(|_| ())
    }

    fn splice(
        &mut self,
        _stream: Resource<DynOutputStream>,
        _from: Resource<DynInputStream>,
        _length: u64,
    ) -> StreamResult<u64> {
        self.ended()
    }

    fn blocking_splice(
        &mut self,
        _stream: Resource<DynOutputStream>,
        _from: Resource<DynInputStream>,
        _length: u64,
    ) -> StreamResult<u64> {
        self.ended()
    }

    fn drop(&mut self, stream: Resource<DynOutputStream>) -> wasmtime::Result<()> {
        let lines = self.pay(0)?.table.delete(Resource::<Lines>::new_own(stream.rep()))?;
        if !lines.unfinished.is_empty() {
            self.write_line(&lines.unfinished)?;
        }
        Ok(())
    }
}

impl streams::HostInputStream for Guest {
    fn read(&mut self, _stream: Resource<DynInputStream>, _length: u64) -> StreamResult<Vec<u8>> {
        self.ended()
    }

    fn blocking_read(&mut self, _stream: Resource<DynInputStream>, _length: u64) -> StreamResult<Vec<u8>> {
        self.ended()
    }

    fn skip(&mut self, _stream: Resource<DynInputStream>, _length: u64) -> StreamResult<u64> {
        self.ended()
    }

    fn blocking_skip(&mut self, _stream: Resource<DynInputStream>, _length: u64) -> StreamResult<u64> {
        self.ended()
    }

    fn subscribe(&mut self, _stream: Resource<DynInputStream>) -> wasmtime::Result<Resource<DynPollable>> {
        Ready::subscribe(self)
    }

    fn drop(&mut self, stream: Resource<DynInputStream>) -> wasmtime::Result<()> {
        self.pay(0)?.table.delete(Resource::<Empty>::new_own(stream.rep()))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_put_together_and_cut() {
        let mut lines = Lines::default();
        assert!(lines.take(b"hel").is_empty());
        assert_eq!(lines.take(b"lo\nwor"), [b"hello".to_vec()]);
        assert_eq!(lines.take(b"ld\n\n"), [b"world".to_vec(), Vec::new()]);
        assert!(lines.take(&[b'x'; 10 * LOG_LINE_BYTES]).is_empty());
        assert_eq!(lines.unfinished.len(), LOG_LINE_BYTES, "what is held back is bounded");
    }
}
