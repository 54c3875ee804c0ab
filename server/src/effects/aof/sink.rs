//! The file that is appended to. What could not be written whole is taken away again, so that the file always ends behind a
//! command, and is written once more later.

use std::fs::File;
use std::io::{self, ErrorKind, Write};

/// A file that grows.
#[derive(Debug)]
pub(super) struct Sink {
    file: File,
    /// Its length, up to the last piece that is in it as a whole.
    len: u64,
    /// Bytes of the piece under way that are in the file and could not be taken away.
    stuck: usize,
    /// Whether something was written that has not been forced to disk.
    dirty: bool,
}

impl Sink {
    /// A file that is open for appending and this long.
    pub(super) fn new(file: File, len: u64) -> Self {
        Self { file, len, stuck: 0, dirty: false }
    }

    /// Whether something was written that has not been forced to disk.
    pub(super) fn is_dirty(&self) -> bool {
        self.dirty
    }

    /// Write a piece, or the rest of it if it was begun before. After an error the same piece has to come again.
    pub(super) fn write(&mut self, piece: &[u8]) -> io::Result<()> {
        let mut written = self.stuck;
        while written < piece.len() {
            match self.file.write(&piece[written..]) {
                Ok(0) => return Err(self.take_back(written, ErrorKind::WriteZero.into())),
                Ok(n) => written += n,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(self.take_back(written, error)),
            }
        }
        self.stuck = 0;
        self.len += piece.len() as u64;
        self.dirty = true;
        Ok(())
    }

    /// Cut off what is there of a piece. Where that fails too, the piece goes on from there.
    fn take_back(&mut self, written: usize, error: io::Error) -> io::Error {
        self.stuck = written;
        if written > 0 {
            self.dirty = true;
            match self.file.set_len(self.len) {
                Ok(()) => self.stuck = 0,
                Err(error) => {
                    tracing::warn!(
                        "A part of a command stays at the end of the append-only file for now: {error}"
                    );
                }
            }
        }
        error
    }

    /// Force it to disk.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        if self.dirty {
            self.file.sync_data()?;
            self.dirty = false;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn it_grows_by_whole_pieces() {
        let temp = tempfile::NamedTempFile::new().expect("a file for the test");
        let open = || File::options().append(true).open(temp.path()).expect("it is there");
        let mut sink = Sink::new(open(), 0);
        sink.write(b"one")
            .and_then(|()| sink.write(b"two"))
            .and_then(|()| sink.sync())
            .expect("there is room");
        assert_eq!((sink.len, sink.is_dirty()), (6, false));
        assert_eq!(fs::read(temp.path()).expect("readable"), b"onetwo");
        // As if `th` had got into the file before the disk was full.
        fs::write(temp.path(), b"onetwoth").expect("written");
        let error = sink.take_back(2, ErrorKind::StorageFull.into());
        assert_eq!((error.kind(), sink.stuck), (ErrorKind::StorageFull, 0));
        assert_eq!(fs::read(temp.path()).expect("readable"), b"onetwo");
        sink.write(b"three").expect("there is room again");
        assert_eq!(fs::read(temp.path()).expect("readable"), b"onetwothree");
    }

    #[test]
    fn a_piece_that_cannot_be_taken_back_goes_on_where_it_stopped() {
        let temp = tempfile::NamedTempFile::new().expect("a file for the test");
        // Not open for writing, so that it can be neither written nor cut.
        let mut sink = Sink::new(File::open(temp.path()).expect("it is there"), 0);
        assert!(sink.write(b"three").is_err());
        sink.take_back(2, ErrorKind::StorageFull.into());
        assert_eq!(sink.stuck, 2);
        fs::write(temp.path(), b"th").expect("written");
        sink.file = File::options().append(true).open(temp.path()).expect("it is there");
        sink.write(b"three").expect("there is room again");
        assert_eq!((fs::read(temp.path()).expect("readable"), sink.len), (b"three".to_vec(), 5));
    }
}
