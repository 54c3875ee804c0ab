//! Commands out of a file: arrays of bulk strings, and lines of annotations between them. Stricter than what clients may send, since
//! whatever looks different here has been damaged.

use std::io::{self, Read};

use crate::limits;
use crate::net::argv::{ArgRange, Argv};

/// Reads one command after the other.
pub(super) struct Commands<R> {
    source: R,
    buffer: Vec<u8>,
    /// What of the buffer is in the file behind `offset`: from here.
    start: usize,
    /// To here.
    end: usize,
    /// Where in the file the next command begins.
    offset: u64,
    /// How long the file is. A command that would reach beyond it does not have to be read to know that.
    file_len: u64,
    /// The arguments of the command that was read last, relative to `start`.
    ranges: Vec<ArgRange>,
    /// How long that command is.
    len: usize,
}

/// Why there is no next command.
#[derive(Debug)]
pub(super) enum Stop {
    /// The file ends here, behind a whole command.
    End(u64),
    /// The file ends within a command that begins here.
    Truncated(u64),
    /// What begins at the first offset is no command, which can be seen at the second.
    Malformed(u64, u64),
    /// It cannot be read.
    Io(io::Error),
}

/// What is not there yet.
enum Need {
    /// More bytes.
    More,
    /// Bytes up to here.
    Until(usize),
    /// Something else at this place.
    Other(usize),
}

impl<R: Read> Commands<R> {
    /// From a source that begins at this offset of its file, which is so long.
    pub(super) fn new(source: R, offset: u64, file_len: u64) -> Self {
        let buffer = vec![0; limits::AOF_READ_BUFFER];
        Self { source, buffer, start: 0, end: 0, offset, file_len, ranges: Vec::new(), len: 0 }
    }

    /// Read the next command, annotations left out: where it begins, and its arguments.
    pub(super) fn next(&mut self) -> Result<(u64, Argv<'_>), Stop> {
        loop {
            self.start += self.len;
            self.offset += self.len as u64;
            self.len = 0;
            if self.read_item()? {
                let bytes = &self.buffer[self.start..self.end];
                return Ok((self.offset, Argv::from_ranges(bytes, &self.ranges)));
            }
        }
    }

    /// Read a command, or an annotation, for which the answer is false.
    fn read_item(&mut self) -> Result<bool, Stop> {
        loop {
            let bytes = &self.buffer[self.start..self.end];
            let parsed = if bytes.first() == Some(&b'#') {
                line(bytes, 0).map(|(_, next)| (false, next))
            } else {
                command(bytes, &mut self.ranges).map(|next| (true, next))
            };
            match parsed {
                Ok((is_command, len)) => {
                    self.len = len;
                    return Ok(is_command);
                }
                Err(Need::Other(at)) => return Err(Stop::Malformed(self.offset, self.offset + at as u64)),
                Err(Need::Until(end)) if self.offset + end as u64 > self.file_len => {
                    return Err(Stop::Truncated(self.offset));
                }
                Err(Need::More | Need::Until(_)) => {
                    if self.fill().map_err(Stop::Io)? == 0 {
                        let is_end = self.start == self.end;
                        return Err(if is_end {
                            Stop::End(self.offset)
                        } else {
                            Stop::Truncated(self.offset)
                        });
                    }
                }
            }
        }
    }

    /// Read more. 0 is the end.
    fn fill(&mut self) -> io::Result<usize> {
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.buffer.len() {
            self.buffer.resize(2 * self.buffer.len(), 0);
        }
        loop {
            match self.source.read(&mut self.buffer[self.end..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
                Ok(n) => {
                    self.end += n;
                    return Ok(n);
                }
            }
        }
    }
}

/// Whether whole commands follow somewhere behind the beginning of one that has no end: then it is not the last one, and its
/// length has been damaged. `is_known` tells names of commands.
pub(super) fn has_more_commands(tail: &[u8], is_known: impl Fn(&[u8]) -> bool) -> bool {
    let mut ranges = Vec::new();
    memchr::memmem::find_iter(tail, b"\r\n*").any(|at| {
        let rest = &tail[at + 2..];
        command(rest, &mut ranges).is_ok() && is_known(Argv::from_ranges(rest, &ranges).name())
    })
}

/// A line without its end, and where the next one begins.
fn line(bytes: &[u8], from: usize) -> Result<(&[u8], usize), Need> {
    let rest = &bytes[from..];
    let Some(end) = memchr::memchr(b'\n', &rest[..rest.len().min(limits::AOF_LINE_MAX)]) else {
        return Err(if rest.len() < limits::AOF_LINE_MAX { Need::More } else { Need::Other(from) });
    };
    let text = rest[..end].strip_suffix(b"\r").ok_or(Need::Other(from + end))?;
    Ok((text, from + end + 1))
}

/// The number behind a letter on a line of its own, and where the next line begins.
fn header(bytes: &[u8], from: usize, letter: u8) -> Result<(u32, usize), Need> {
    match bytes.get(from) {
        None => return Err(Need::More),
        Some(first) if *first != letter => return Err(Need::Other(from)),
        Some(_) => {}
    }
    // Enough for any number, so that a missing end is noticed here and not megabytes later.
    let (text, next) =
        line(&bytes[..bytes.len().min(from + limits::AOF_HEADER_MAX)], from).map_err(|need| match need {
            Need::More if bytes.len() >= from + limits::AOF_HEADER_MAX => Need::Other(from),
            need => need,
        })?;
    let number = std::str::from_utf8(&text[1..]).ok().and_then(|text| text.parse().ok());
    Ok((number.ok_or(Need::Other(from))?, next))
}

/// A whole command: where its arguments are, and how long it is.
fn command(bytes: &[u8], ranges: &mut Vec<ArgRange>) -> Result<usize, Need> {
    ranges.clear();
    let (argc, mut at) = header(bytes, 0, b'*')?;
    if argc == 0 {
        return Err(Need::Other(0));
    }
    for _ in 0..argc {
        let (len, start) = header(bytes, at, b'$')?;
        let end = start
            .checked_add(len as usize)
            .filter(|&end| end < limits::REQUEST_LEN_MAX)
            .ok_or(Need::Other(at))?;
        match bytes.get(end..end + 2) {
            Some(b"\r\n") => {}
            Some(_) => return Err(Need::Other(end)),
            None if bytes.get(end).is_some_and(|&byte| byte != b'\r') => return Err(Need::Other(end)),
            None => return Err(Need::Until(end + 2)),
        }
        ranges.push(ArgRange { start: start as u32, end: end as u32 });
        at = end + 2;
    }
    Ok(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::effects::propagate::put_command;

    /// All commands of a file that comes in pieces of this size, and why there are no more.
    fn read(file: &[u8], piece: usize) -> (Vec<String>, String) {
        struct Pieces<'a>(&'a [u8], usize);
        impl Read for Pieces<'_> {
            fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
                let n = self.0.len().min(self.1).min(into.len());
                into[..n].copy_from_slice(&self.0[..n]);
                self.0 = &self.0[n..];
                Ok(n)
            }
        }
        let mut commands = Commands::new(Pieces(file, piece), 0, file.len() as u64);
        let mut found = Vec::new();
        loop {
            match commands.next() {
                Ok((_, argv)) => {
                    let words = argv.iter().map(|arg| arg.escape_ascii().to_string());
                    found.push(words.collect::<Vec<_>>().join(" "));
                }
                Err(Stop::Malformed(_, at)) => return (found, format!("malformed at {at}")),
                Err(Stop::Truncated(at)) => return (found, format!("truncated from {at}")),
                Err(Stop::End(at)) => return (found, format!("end at {at}")),
                Err(Stop::Io(error)) => return (found, error.to_string()),
            }
        }
    }

    const FILE: &[u8] =
        b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n#TS:1700000000\r\n*3\r\n$3\r\nSET\r\n$0\r\n\r\n$4\r\n\r\n*2\r\n";

    #[test]
    fn commands_are_read_in_pieces_of_any_size() {
        for piece in [1, 2, 7, 64, 1 << 20] {
            let (found, stop) = read(FILE, piece);
            assert_eq!(found, ["SELECT 0", "SET  \\r\\n*2"], "{piece}");
            assert_eq!(stop, format!("end at {}", FILE.len()));
        }
    }

    #[test]
    fn every_cut_is_noticed_and_keeps_what_was_whole() {
        let whole = [0, 23, 39, FILE.len()];
        for cut in 0..FILE.len() {
            let (_, stop) = read(&FILE[..cut], 5);
            let before = whole.into_iter().filter(|&end| end <= cut).max().expect("0 is one");
            let expected = if before == cut { "end at" } else { "truncated from" };
            assert_eq!(stop, format!("{expected} {before}"), "{cut}");
        }
    }

    #[test]
    fn what_is_no_command_is_found_where_it_is() {
        let fine = b"*1\r\n$4\r\nPING\r\n";
        for (bytes, at) in [
            (&b"PING\r\n"[..], 0),
            (b"*0\r\n", 0),
            (b"*-1\r\n", 0),
            (b"*x\r\n", 0),
            (b"*1\n$4\r\nPING\r\n", 2),
            (b"*1\r\n:4\r\nPING\r\n", 4),
            (b"*1\r\n$-4\r\nPING\r\n", 4),
            (b"*1\r\n$4\r\nPINGx\r\n", 12),
            (b"*1\r\n$4\r\nPING\rx", 12),
            (b"*1\r\n$4294967295\r\n", 4),
            (b"*1111111111111111111111111111111111111", 0),
            (b"\0\0\0\0", 0),
        ] {
            let (found, stop) = read(&[fine, bytes].concat(), 3);
            assert_eq!(
                (found.len(), stop),
                (1, format!("malformed at {}", fine.len() + at)),
                "{}",
                bytes.escape_ascii()
            );
        }
    }

    #[test]
    fn a_command_whose_length_was_damaged_is_not_the_last_one() {
        let is_known = |name: &[u8]| name == b"SET" || name == b"GET";
        let damaged = b"*2\r\n$3\r\nGET\r\n$91\r\nk\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n";
        let (found, stop) = read(damaged, 7);
        assert_eq!((found.len(), stop), (0, "truncated from 0".to_owned()));
        assert!(has_more_commands(damaged, is_known));
        for torn in [
            &b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$30\r\na value\r\n* of several\r\n* lines"[..],
            b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$30\r\n\r\n*1\r\n$5\r\nhello\r\n",
            b"*3\r\n$3\r\nSET",
            b"",
        ] {
            assert!(!has_more_commands(torn, is_known), "{}", torn.escape_ascii());
        }
    }

    #[test]
    fn whatever_is_flipped_is_read_to_an_end() {
        for at in 0..FILE.len() {
            for bit in 0..8 {
                let mut file = FILE.to_vec();
                file[at] ^= 1 << bit;
                let (found, stop) = read(&file, 9);
                assert!(found.len() <= 3 && !stop.is_empty());
            }
        }
    }

    #[test]
    fn a_length_beyond_the_file_is_not_believed() {
        let mut file = b"*2\r\n$3\r\nGET\r\n$4000000000\r\n".to_vec();
        file.resize(file.len() + 2 * limits::AOF_READ_BUFFER, b'x');
        let mut commands = Commands::new(&file[..], 0, file.len() as u64);
        assert!(matches!(commands.next(), Err(Stop::Truncated(0))));
        assert!(commands.buffer.len() <= 2 * limits::AOF_READ_BUFFER, "nothing was read in vain");
    }

    #[test]
    fn a_value_may_be_larger_than_the_buffer() {
        let value = vec![b'v'; 3 * limits::AOF_READ_BUFFER];
        let mut file = Vec::new();
        put_command(&mut file, [&b"SET"[..], b"k", &value].into_iter());
        file.extend_from_slice(FILE);
        let (found, stop) = read(&file, 100_000);
        assert_eq!((found.len(), stop), (3, format!("end at {}", file.len())));
    }
}
