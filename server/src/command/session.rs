//! What one client has set up on its connection: database, user, transaction, reply mode.
//! It belongs to the worker that serves the connection; what others may see of the client is in `net::client`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Acquire, Ordering::Relaxed};

use crate::acl::User;
use crate::effects::pubsub::Kind;
use crate::limits;
use crate::net::argv::OwnedArgv;
use crate::net::client::{Client, flag};
use crate::net::reply::{Protocol, ReplyWriter};
use crate::tenant::Tenant;

use super::blocking::Waiter;
use super::error::CommandResult;
use super::table::Command;

/// What CLIENT REPLY asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplyMode {
    /// Every command is answered.
    On,
    /// None is.
    Off,
    /// The command after CLIENT REPLY SKIP is not.
    SkipNext,
    /// The command that runs now is not.
    Skip,
}

/// What MULTI has collected.
#[derive(Default)]
pub struct Transaction {
    /// The commands and their arguments, in order.
    pub queue: Vec<(Arc<Command>, OwnedArgv)>,
    /// A command was refused while queueing: EXEC answers EXECABORT.
    pub refused: bool,
    /// Bytes of all the queued arguments.
    pub bytes: usize,
}

/// Work that takes too long for a worker: it writes the reply, or says what went wrong.
pub type Job = Box<dyn FnOnce(&mut ReplyWriter) -> CommandResult + Send>;

/// A key that WATCH named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchedKey {
    /// Its database.
    pub db: usize,
    /// Its name.
    pub key: Box<[u8]>,
}

/// Which of its reads a client wants to hear of again, as far as CLIENT TRACKING says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reads {
    /// None: it does not track, or hears of prefixes.
    None,
    /// All.
    All,
    /// Those behind CLIENT CACHING YES.
    OptIn,
    /// All but those behind CLIENT CACHING NO.
    OptOut,
}

impl WatchedKey {
    /// What it occupies.
    pub fn bytes(&self) -> usize {
        self.key.len() + limits::NAME_OVERHEAD_BYTES
    }
}

/// The state of one connection.
pub struct Session {
    /// Its public side.
    pub client: Arc<Client>,
    /// The selected database.
    pub db: usize,
    /// The protocol that it speaks.
    pub protocol: Protocol,
    /// Its user; the default one before anybody has logged in.
    user: Arc<User>,
    /// Somebody has logged in, or nobody needed to when it connected.
    authenticated: bool,
    /// Nothing is forbidden to it, so that nobody has to ask.
    free: bool,
    /// The tenant's generation when the user was looked at.
    generation: u64,
    /// What MULTI has collected; none outside of it.
    pub transaction: Option<Box<Transaction>>,
    /// What WATCH named.
    pub watched: Vec<WatchedKey>,
    /// Raised by whoever changes a watched key.
    pub watch_dirty: Arc<AtomicBool>,
    /// Whether commands are answered.
    pub reply_mode: ReplyMode,
    /// What its command answers is a message about subscriptions, which CLIENT REPLY does not silence.
    pub is_heard: bool,
    /// Names of channels, patterns and shard channels.
    subscriptions: [Vec<Box<[u8]>>; 3],
    /// How many names these are: every command asks whether there are any.
    subscribed: usize,
    /// Close when the replies are written.
    pub closing: bool,
    /// In MONITOR.
    pub monitor: bool,
    /// Which reads are entered for it into the table of tracked keys.
    pub reads: Reads,
    /// CLIENT CACHING was called: the next command is an exception from `reads`.
    pub caching: bool,
    /// CLIENT NO-TOUCH ON: reads leave the access clock alone.
    pub no_touch: bool,
    /// What the command that has just run wants to be done beside the workers; its reply comes from there.
    pub job: Option<Job>,
    /// MONITOR has shown its command, when that began to wait.
    pub is_shown: bool,
    /// Its command waits.
    pub waiting: Option<Arc<Waiter>>,
    /// Its next command waits because clients are paused.
    pub postponed: bool,
    /// Since when its next command waits for fuel; 0 if it does not.
    pub waiting_since_us: u64,
    /// Where in the append-only file the last change that it made ends.
    pub appended: u64,
    /// Its commands come from the append-only file: nothing expires, nothing is refused for now, nothing is recorded again.
    pub is_loader: bool,
    /// Its command is one that has run before, at another time.
    pub replay: Option<Replay>,
}

/// What makes the replay of a module's command exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replay {
    /// The time that it saw, in microseconds since 1970.
    pub now_us: u64,
    /// What its random numbers followed from.
    pub seed: u64,
}

impl Session {
    /// A new connection, as the default user.
    pub fn new(client: Arc<Client>, user: Arc<User>) -> Self {
        let authenticated = user.is_open();
        Self {
            client,
            db: 0,
            protocol: Protocol::Resp2,
            authenticated,
            free: authenticated && user.is_unlimited(),
            user,
            // No tenant has it: the first command looks at the user.
            generation: u64::MAX,
            transaction: None,
            watched: Vec::new(),
            watch_dirty: Arc::new(AtomicBool::new(false)),
            reply_mode: ReplyMode::On,
            is_heard: false,
            subscriptions: Default::default(),
            subscribed: 0,
            closing: false,
            monitor: false,
            reads: Reads::None,
            caching: false,
            no_touch: false,
            job: None,
            is_shown: false,
            waiting: None,
            postponed: false,
            waiting_since_us: 0,
            appended: 0,
            is_loader: false,
            replay: None,
        }
    }

    /// Its user.
    pub fn user(&self) -> &Arc<User> {
        &self.user
    }

    /// Whether somebody has logged in, or nobody needed to when it connected.
    pub fn is_authenticated(&self) -> bool {
        self.authenticated
    }

    /// Whether only commands that need no login may run.
    #[inline]
    pub fn must_authenticate(&self) -> bool {
        !self.authenticated && !self.user.is_open()
    }

    /// Whether every command may run with any arguments.
    #[inline]
    pub fn is_free(&self) -> bool {
        self.free
    }

    /// Somebody has logged in as this user. Its generation stays that of the command that runs: should the user have changed
    /// meanwhile, the next command finds out.
    pub fn log_in(&mut self, user: Arc<User>) {
        self.client.names.lock().user = Arc::clone(user.name());
        self.user = user;
        self.authenticated = true;
        self.free = self.user.is_unlimited();
    }

    /// Nobody is logged in any more: this is the default user.
    pub fn log_out(&mut self, default: Arc<User>) {
        self.client.names.lock().user = Arc::clone(default.name());
        self.authenticated = default.is_open();
        self.free = self.authenticated && default.is_unlimited();
        self.user = default;
    }

    /// Take over what has changed about its user since it was last looked at.
    #[inline]
    pub fn renew_user(&mut self, tenant: &Tenant) {
        self.renew_user_as_of(tenant, tenant.generation.load(Acquire));
    }

    /// The same for who knows the tenant's generation.
    #[inline]
    pub fn renew_user_as_of(&mut self, tenant: &Tenant, generation: u64) {
        if self.generation != generation {
            self.find_user(tenant, generation);
        }
    }

    #[cold]
    fn find_user(&mut self, tenant: &Tenant, generation: u64) {
        self.generation = generation;
        if self.is_loader {
            return;
        }
        match tenant.acl.user(self.user.name()).filter(|user| user.id() == self.user.id()) {
            Some(user) => {
                self.user = user;
                self.free = self.user.is_unlimited() && !self.must_authenticate();
            }
            // Whoever deleted it has ended its clients, but for one that was just logging in: that may do nothing until it ends.
            None => {
                self.user = Arc::new(self.user.disabled());
                self.authenticated = false;
                self.free = false;
                self.client.kill();
            }
        }
    }

    /// Whether it is subscribed to something that its user may not use.
    pub fn is_subscribed_beyond_permission(&self) -> bool {
        [Kind::Channel, Kind::Pattern, Kind::Shard].into_iter().any(|kind| {
            let allowed = |name: &[u8]| self.user.permits_channel(name, kind == Kind::Pattern);
            !self.subscriptions(kind).iter().all(|name| allowed(name))
        })
    }

    /// A part of a session that somebody is logged in to: what runs in it, runs later than it was sent.
    pub fn of_user(client: Arc<Client>, user: Arc<User>) -> Self {
        let free = user.is_unlimited();
        Self { authenticated: true, free, ..Self::new(client, user) }
    }

    /// The time that its command sees in microseconds, and the one that decides in milliseconds what has expired. When a file is
    /// replayed keys expire only where it says so; but a command that is replayed at its own time finds what it found then.
    #[inline]
    pub fn times(&self, now_us: u64) -> (u64, u64) {
        match self.replay {
            None if self.is_loader => (now_us, 0),
            None => (now_us, now_us / 1000),
            Some(replay) => (replay.now_us, replay.now_us / 1000),
        }
    }

    /// Whether a reply that comes later is wanted; CLIENT REPLY SKIP is used up by it.
    pub fn takes_reply(&mut self) -> bool {
        let wanted = self.reply_mode == ReplyMode::On;
        if matches!(self.reply_mode, ReplyMode::Skip) {
            self.reply_mode = ReplyMode::On;
        }
        wanted
    }

    /// Whether the keys that its command reads are to be entered for it.
    #[inline]
    pub fn tracks_reads(&self) -> bool {
        match self.reads {
            Reads::None => false,
            Reads::All => true,
            Reads::OptIn => self.caching,
            Reads::OptOut => !self.caching,
        }
    }

    /// The command behind CLIENT CACHING has run. What is queued by MULTI belongs to its EXEC.
    pub fn end_caching(&mut self) {
        self.caching &= self.transaction.is_some();
    }

    /// Choose a database.
    pub fn select(&mut self, db: usize) {
        self.db = db;
        self.client.db.store(db as u32, Relaxed);
    }

    /// Choose a protocol.
    pub fn set_protocol(&mut self, protocol: Protocol) {
        self.protocol = protocol;
        self.client.resp.store(protocol.version() as u8, Relaxed);
    }

    /// Whether a RESP2 client is subscribed and may therefore only run a few commands.
    #[inline]
    pub fn in_pubsub_mode(&self) -> bool {
        self.subscribed != 0 && self.protocol == Protocol::Resp2
    }

    /// The names of one kind that it is subscribed to.
    pub fn subscriptions(&self, kind: Kind) -> &[Box<[u8]>] {
        &self.subscriptions[kind as usize]
    }

    /// Add a subscription. False if it is there already.
    pub fn add_subscription(&mut self, kind: Kind, name: &[u8]) -> bool {
        let names = &mut self.subscriptions[kind as usize];
        let new = !names.iter().any(|known| **known == *name);
        if new {
            names.push(name.into());
            self.subscribed += 1;
            self.client.hold(name.len() + limits::NAME_OVERHEAD_BYTES);
        }
        new
    }

    /// Take a subscription out. False if there is none.
    pub fn remove_subscription(&mut self, kind: Kind, name: &[u8]) -> bool {
        let names = &mut self.subscriptions[kind as usize];
        let position = names.iter().position(|known| **known == *name);
        if let Some(position) = position {
            names.swap_remove(position);
            self.subscribed -= 1;
            self.client.let_go(name.len() + limits::NAME_OVERHEAD_BYTES);
        }
        position.is_some()
    }

    /// Take all subscriptions of one kind out.
    pub fn take_subscriptions(&mut self, kind: Kind) -> Vec<Box<[u8]>> {
        let names = std::mem::take(&mut self.subscriptions[kind as usize]);
        self.subscribed -= names.len();
        names.iter().for_each(|name| self.client.let_go(name.len() + limits::NAME_OVERHEAD_BYTES));
        names
    }

    /// Leave MULTI, forgetting what is queued.
    pub fn discard_transaction(&mut self) -> Option<Box<Transaction>> {
        self.client.set_flag(flag::MULTI, false);
        self.client.multi.store(u32::MAX, Relaxed);
        let transaction = self.transaction.take();
        self.client.let_go(transaction.as_ref().map_or(0, |transaction| transaction.bytes));
        transaction
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::table::CommandTable;
    use crate::net::client::Transport;

    #[test]
    fn a_client_is_in_pubsub_mode_while_it_has_any_subscription() {
        let client = Client::new(1, String::new(), String::new(), -1, Transport::Internal, 0);
        let mut session =
            Session::new(Arc::new(client), Arc::new(User::unlimited(0, &CommandTable::default())));
        assert!(!session.in_pubsub_mode());
        assert!(
            session.add_subscription(Kind::Channel, b"a") && session.add_subscription(Kind::Pattern, b"a")
        );
        assert!(!session.add_subscription(Kind::Channel, b"a"), "it is there already");
        assert!(session.remove_subscription(Kind::Channel, b"a"));
        assert!(!session.remove_subscription(Kind::Channel, b"a"), "it is gone already");
        assert!(session.in_pubsub_mode(), "the pattern is left");
        session.protocol = Protocol::Resp3;
        assert!(!session.in_pubsub_mode());
        session.protocol = Protocol::Resp2;
        assert_eq!(session.take_subscriptions(Kind::Pattern), [Box::from(*b"a")]);
        assert!(!session.in_pubsub_mode() && session.take_subscriptions(Kind::Shard).is_empty());
    }
}
