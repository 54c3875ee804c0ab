//! How a command says what is to be repeated, in the append-only file and by replicas, if not the command itself: a relative time
//! becomes absolute, a sum that another machine might calculate differently becomes its result. Whoever says nothing is repeated
//! verbatim when it has changed something.

use crate::effects::Mark;
use crate::effects::propagate::Exactly;
use crate::keyspace::Key;
use crate::net::argv::Argv;

use super::context::CommandContext;
use super::keys::Keys;
use super::spec::Flags;
use super::table::Command;

impl Keys<'_> {
    /// Whether anybody repeats what changes. Worth a question before arguments are made that cost something.
    #[inline]
    pub fn propagates(&self) -> bool {
        self.effects.propagation.is_on()
    }

    /// Repeat these words, in the selected database.
    #[inline]
    pub fn propagate(&mut self, args: &[&[u8]]) {
        self.propagate_in(self.db, args);
    }

    /// The same in any database.
    #[inline]
    pub fn propagate_in(&mut self, db: usize, args: &[&[u8]]) {
        if self.propagates() {
            self.collect_expired();
            self.effects.propagation.record(db, args.iter().copied());
        }
    }

    /// Repeat the command as it is, whether or not it has changed anything here.
    #[inline]
    pub fn propagate_argv(&mut self, argv: Argv<'_>) {
        if self.propagates() {
            self.collect_expired();
            self.effects.propagation.record(self.db, argv.iter());
        }
    }

    /// Repeat a module's command by running it again exactly so. What it has recorded since `since` is dropped: it happens again then.
    pub fn propagate_exactly(&mut self, since: Mark, exactly: &Exactly<'_>, argv: Argv<'_>) {
        if self.propagates() {
            self.collect_expired();
            self.effects.propagate_module_command(since, self.db, exactly, argv);
        }
    }

    /// Repeat that a key has this value now: `payload` is what DUMP answers.
    pub fn propagate_payload(&mut self, key: &[u8], expire_at: Option<u64>, payload: &[u8]) {
        if self.propagates() {
            self.collect_expired();
            self.effects.propagate_payload(self.db, key, expire_at, payload);
        }
    }

    /// Repeat nothing, although something has changed.
    pub fn propagate_nothing(&mut self) {
        self.effects.propagation.record(self.db, [].into_iter());
    }

    /// Repeat that a key expires then.
    pub fn propagate_expiry(&mut self, key: &Key<'_>, at_ms: u64) {
        let mut digits = itoa::Buffer::new();
        self.propagate(&[b"PEXPIREAT", key.bytes, digits.format(at_ms).as_bytes()]);
    }

    /// Repeat that a key is deleted; with UNLINK if it was freed in the background.
    pub fn propagate_deletion(&mut self, key: &Key<'_>, lazily: bool) {
        self.propagate(&[if lazily { b"UNLINK" } else { b"DEL" }, key.bytes]);
    }

    /// A command has failed, and what it wrote is undone: forget its effects.
    pub fn forget(&mut self, mark: Mark) {
        let locked = &mut *self.locked;
        self.effects.forget(mark, |index, name| {
            let key = Key::new(name);
            // At time 0 nothing has expired: what is there was put back.
            locked.db(&key, index).is_none_or(|db| db.peek(&key, 0).is_none())
        });
    }
}

impl CommandContext<'_> {
    /// A command has succeeded: repeat it verbatim if it has changed something and has not said what is to be repeated instead.
    /// What commands do that are not for writing, as DEBUG POPULATE, is not repeated.
    #[inline]
    pub fn propagate_after(&mut self, since: Mark, command: &Command, argv: Argv<'_>) {
        if self.keys.propagates() && self.keys.effects.are_unsaid(since) && command.flags.has(Flags::WRITE) {
            let name = command.name.split('|').next().unwrap_or_default();
            if argv.name().eq_ignore_ascii_case(name.as_bytes()) {
                self.keys.propagate_argv(argv);
            } else {
                // Clients call it otherwise since `rename-command`, which need not hold for whoever repeats it.
                let args: Vec<&[u8]> = std::iter::once(name.as_bytes()).chain(argv.iter().skip(1)).collect();
                self.keys.propagate(&args);
            }
        }
    }

    /// The time from which relative times are counted. Not the keyspace's, in which nothing expires while a file is replayed.
    #[inline]
    pub fn time_ms(&self) -> u64 {
        self.now_us / 1000
    }
}
