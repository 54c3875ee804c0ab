//! What a command changed, in the form in which it is repeated: commands, encoded as in the append-only file and in the stream to
//! replicas. A command records here while it runs; when it has succeeded, and its keys are still locked, all of it is appended as one
//! piece (`aof::Aof::append`). Nothing here knows a file.
//!
//! A command that fails takes its records back, except for the deletion of keys that it found expired: they are gone whether it
//! succeeds or not, and whoever repeats the commands must not see them live on under a later one.

use crate::limits;
use crate::net::argv::Argv;

/// The commands to be repeated of one command, or of one transaction.
#[derive(Debug, Default)]
pub struct Propagation {
    /// Whether anybody wants them.
    on: bool,
    /// How often somebody has said what is to be repeated instead of the command itself.
    said: u32,
    bytes: Vec<u8>,
    records: Vec<Record>,
}

/// One command in `bytes`.
#[derive(Debug, Clone, Copy)]
struct Record {
    db: usize,
    /// Where it ends.
    end: usize,
    expired: Expired,
}

/// Whether a command repeats that something was found expired, which is so whether or not the command that found it succeeds.
#[derive(Debug, Clone, Copy)]
enum Expired {
    /// It repeats something else.
    Nothing,
    /// It deletes a key, and this is how long the key's name is, which stands at the command's end.
    Key(usize),
    /// It deletes fields of a hash.
    Fields,
}

/// Where `Propagation` stood.
#[derive(Debug, Clone, Copy)]
pub struct Mark {
    said: u32,
    records: usize,
}

impl Propagation {
    /// A command begins.
    #[inline]
    pub fn begin(&mut self, on: bool) {
        debug_assert!(self.records.is_empty(), "what the last command recorded was appended");
        self.on = on;
    }

    /// Whether anybody wants to know. Worth a question before arguments are made that cost something.
    #[inline]
    pub fn is_on(&self) -> bool {
        self.on
    }

    /// Whether there is something to append.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Where it stands now.
    #[inline]
    pub fn mark(&self) -> Mark {
        Mark { said: self.said, records: self.records.len() }
    }

    /// Whether something was said since then about what is to be repeated.
    #[inline]
    pub fn has_said(&self, since: Mark) -> bool {
        self.said != since.said
    }

    /// Record a command. With no arguments: that there is nothing to repeat.
    pub fn record<'a>(&mut self, db: usize, args: impl ExactSizeIterator<Item = &'a [u8]>) {
        if !self.on {
            return;
        }
        self.said = self.said.wrapping_add(1);
        if args.len() != 0 {
            put_command(&mut self.bytes, args);
            self.records.push(Record { db, end: self.bytes.len(), expired: Expired::Nothing });
        }
    }

    /// How many bytes are recorded.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Record that a key was found expired, or was evicted, and is gone.
    pub fn record_gone(&mut self, db: usize, key: &[u8], lazily: bool) {
        if self.on {
            let name: &[u8] = if lazily { b"UNLINK" } else { b"DEL" };
            put_command(&mut self.bytes, [name, key].into_iter());
            self.records.push(Record { db, end: self.bytes.len(), expired: Expired::Key(key.len()) });
        }
    }

    /// Record that fields of a hash were found expired.
    pub fn record_fields_gone(&mut self, db: usize, key: &[u8], fields: &[Box<[u8]>]) {
        if self.on {
            let args: Vec<&[u8]> =
                [&b"HDEL"[..], key].into_iter().chain(fields.iter().map(|f| &**f)).collect();
            put_command(&mut self.bytes, args.into_iter());
            self.records.push(Record { db, end: self.bytes.len(), expired: Expired::Fields });
        }
    }

    /// Take back what was recorded since then. Deletions of expired keys stay, as far as the keys are `gone` still.
    pub fn forget(&mut self, mark: Mark, mut gone: impl FnMut(usize, &[u8]) -> bool) {
        self.said = mark.said;
        if self.records.len() == mark.records {
            return;
        }
        let taken = self.records.split_off(mark.records);
        let mut start = self.records.last().map_or(0, |last| last.end);
        let bytes = self.bytes.split_off(start);
        let base = start;
        for record in taken {
            let command = &bytes[start - base..record.end - base];
            start = record.end;
            let stays = match record.expired {
                Expired::Nothing => false,
                Expired::Key(len) => {
                    let key = &command[command.len() - END.len() - len..command.len() - END.len()];
                    gone(record.db, key)
                }
                // What is undone is older than what the command has found.
                Expired::Fields => true,
            };
            if stays {
                self.bytes.extend_from_slice(command);
                self.records.push(Record { end: self.bytes.len(), ..record });
            }
        }
    }

    /// The bytes to append to a stream in which database `selected` is selected, which is updated. More than one command is wrapped
    /// in a transaction, if `together`: as in 7.2 the database is selected inside of it.
    pub fn write_to(&self, stream: &mut Vec<u8>, selected: &mut Option<usize>, together: bool) {
        let together = together && self.records.len() > 1;
        let mut start = 0;
        if together {
            put_command(stream, [&b"MULTI"[..]].into_iter());
        }
        for record in &self.records {
            if *selected != Some(record.db) {
                *selected = Some(record.db);
                put_select(stream, record.db);
            }
            stream.extend_from_slice(&self.bytes[start..record.end]);
            start = record.end;
        }
        if together {
            put_command(stream, [&b"EXEC"[..]].into_iter());
        }
    }

    /// Be empty again.
    pub fn clear(&mut self) {
        self.records.clear();
        self.bytes.clear();
        if self.bytes.capacity() > limits::PROPAGATION_KEPT {
            self.bytes = Vec::new();
            self.records = Vec::new();
        }
    }
}

/// What ends an argument.
const END: &[u8] = b"\r\n";

/// Append a command as a client would send it.
pub fn put_command<'a>(out: &mut Vec<u8>, args: impl ExactSizeIterator<Item = &'a [u8]>) {
    put_header(out, b'*', args.len());
    for arg in args {
        out.reserve(arg.len() + limits::ARGUMENT_HEADER);
        put_header(out, b'$', arg.len());
        out.extend_from_slice(arg);
        out.extend_from_slice(END);
    }
}

/// Append SELECT.
pub fn put_select(out: &mut Vec<u8>, db: usize) {
    let mut digits = itoa::Buffer::new();
    put_command(out, [&b"SELECT"[..], digits.format(db).as_bytes()].into_iter());
}

#[inline]
fn put_header(out: &mut Vec<u8>, kind: u8, count: usize) {
    if count < 10 {
        out.extend_from_slice(&[kind, b'0' + count as u8, b'\r', b'\n']);
        return;
    }
    out.push(kind);
    out.extend_from_slice(itoa::Buffer::new().format(count).as_bytes());
    out.extend_from_slice(END);
}

/// The name under which a module's command stands in the stream, with what makes its replay exact: `MODULE REPLAY time seed n name
/// value ... command ...`, where the n pairs are the parameters of its module that are not the defaults. No client can send it: there
/// is no such command, and the loader takes it apart before anything is looked up.
pub const REPLAY: [&[u8]; 2] = [b"MODULE", b"REPLAY"];

/// What makes the replay of a module's command exact.
#[derive(Debug, Clone, Copy)]
pub struct Exactly<'p> {
    /// Its time, in microseconds since 1970.
    pub now_us: u64,
    /// What its random numbers begin with.
    pub seed: u64,
    /// The parameters of its module that are not the defaults.
    pub parameters: &'p [(Vec<u8>, Vec<u8>)],
}

impl Propagation {
    /// Record a module's command together with what makes its replay exact. All that was recorded since then happens again when
    /// it is replayed; keys that it found expired are found expired again, since it sees the same time.
    pub fn record_replay(&mut self, since: Mark, db: usize, exactly: &Exactly<'_>, argv: Argv<'_>) {
        if !self.on {
            return;
        }
        self.forget(since, |_, _| false);
        let [mut now, mut seed, mut count] = [itoa::Buffer::new(); 3];
        let head = [
            REPLAY[0],
            REPLAY[1],
            now.format(exactly.now_us).as_bytes(),
            seed.format(exactly.seed).as_bytes(),
            count.format(exactly.parameters.len()).as_bytes(),
        ];
        let parameters = exactly.parameters.iter().flat_map(|(name, value)| [name.as_slice(), value]);
        self.said = self.said.wrapping_add(1);
        let args = head.len() + 2 * exactly.parameters.len() + argv.len();
        put_header(&mut self.bytes, b'*', args);
        for arg in head.into_iter().chain(parameters).chain(argv) {
            put_header(&mut self.bytes, b'$', arg.len());
            self.bytes.extend_from_slice(arg);
            self.bytes.extend_from_slice(END);
        }
        self.records.push(Record { db, end: self.bytes.len(), expired: Expired::Nothing });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::argv::OwnedArgv;

    fn propagation() -> Propagation {
        let mut propagation = Propagation::default();
        propagation.begin(true);
        propagation
    }

    fn record(propagation: &mut Propagation, db: usize, words: &str) {
        let args: Vec<&[u8]> = words.split_whitespace().map(str::as_bytes).collect();
        propagation.record(db, args.into_iter());
    }

    /// The words of a stream, headers left out.
    fn words(propagation: &Propagation, selected: Option<usize>) -> String {
        let (mut stream, mut selected) = (Vec::new(), selected);
        propagation.write_to(&mut stream, &mut selected, true);
        let text = String::from_utf8(stream).expect("only text is recorded here");
        let words = text.split("\r\n").filter(|word| !word.starts_with(['*', '$']) && !word.is_empty());
        words.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn commands_are_encoded_as_a_client_sends_them() {
        let mut out = Vec::new();
        put_command(&mut out, [&b"SET"[..], b"", b"0123456789\r\n"].into_iter());
        assert_eq!(out, b"*3\r\n$3\r\nSET\r\n$0\r\n\r\n$12\r\n0123456789\r\n\r\n");
    }

    #[test]
    fn databases_are_selected_and_several_commands_stay_together() {
        let mut propagation = propagation();
        record(&mut propagation, 0, "SET a 1");
        assert_eq!(words(&propagation, None), "SELECT 0 SET a 1");
        assert_eq!(words(&propagation, Some(0)), "SET a 1");
        record(&mut propagation, 3, "SET b 1");
        assert_eq!(words(&propagation, Some(0)), "MULTI SET a 1 SELECT 3 SET b 1 EXEC");
        assert_eq!(words(&propagation, None), "MULTI SELECT 0 SET a 1 SELECT 3 SET b 1 EXEC");
        propagation.clear();
        assert!(propagation.is_empty());
        assert_eq!(words(&propagation, None), "");
    }

    #[test]
    fn what_failed_is_taken_back_but_expired_keys_stay_gone() {
        let mut propagation = propagation();
        record(&mut propagation, 0, "SET a 1");
        let mark = propagation.mark();
        propagation.record_gone(1, b"dead", false);
        record(&mut propagation, 0, "SET b 1");
        propagation.record_gone(0, b"revived", true);
        record(&mut propagation, 0, "SET c 1");
        assert!(propagation.has_said(mark));
        let mut asked = Vec::new();
        propagation.forget(mark, |db, key| {
            asked.push((db, key.to_vec()));
            db == 1
        });
        assert_eq!(asked, [(1, b"dead".to_vec()), (0, b"revived".to_vec())]);
        assert!(!propagation.has_said(mark));
        record(&mut propagation, 1, "SET d 1");
        assert_eq!(words(&propagation, Some(0)), "MULTI SET a 1 SELECT 1 DEL dead SET d 1 EXEC");
    }

    #[test]
    fn a_replay_stands_for_all_that_its_command_wrote() {
        let mut propagation = propagation();
        let mark = propagation.mark();
        record(&mut propagation, 0, "SET a 1");
        propagation.record_gone(0, b"dead", false);
        let argv: OwnedArgv = ["peak.incr", "k", "2"].into_iter().collect();
        let parameters = [(b"factor".to_vec(), b"3".to_vec())];
        let exactly = Exactly { now_us: 17, seed: u64::MAX, parameters: &parameters };
        propagation.record_replay(mark, 0, &exactly, argv.as_argv());
        let replay = format!("MODULE REPLAY 17 {} 1 factor 3 peak.incr k 2", u64::MAX);
        assert_eq!(words(&propagation, Some(0)), replay);
    }

    #[test]
    fn nothing_is_recorded_for_nobody() {
        let mut propagation = Propagation::default();
        propagation.begin(false);
        record(&mut propagation, 0, "SET a 1");
        propagation.record_gone(0, b"a", false);
        assert!(propagation.is_empty() && !propagation.is_on());
        propagation.begin(true);
        let mark = propagation.mark();
        record(&mut propagation, 0, "");
        assert!(propagation.is_empty() && propagation.has_said(mark), "that there is nothing to repeat");
    }

    #[test]
    fn little_room_is_kept() {
        let mut propagation = propagation();
        let value = vec![b'x'; 2 * limits::PROPAGATION_KEPT];
        propagation.record(0, [&b"SET"[..], b"k", &value].into_iter());
        propagation.clear();
        assert!(propagation.bytes.capacity() <= limits::PROPAGATION_KEPT);
    }
}
