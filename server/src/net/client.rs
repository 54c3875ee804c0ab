//! What other connections may see of a client, and how they reach it.
//! CLIENT LIST reads it, CLIENT KILL ends it, PUBLISH, MONITOR and tracking put bytes into its mailbox. All of it is
//! atomic or behind a short lock, so that nobody waits for the worker that owns the connection.
//! What only that worker needs (transaction, reply mode) is in `command::session`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};

use atomic_waker::AtomicWaker;
use parking_lot::{Mutex, RwLock};

use super::buffer;
use crate::acl::DEFAULT;

use super::reply::Protocol;

/// How a client is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// Plain TCP.
    Tcp,
    /// TLS over TCP.
    Tls,
    /// A Unix socket.
    Unix,
    /// No socket: a replay, or a module's own work.
    Internal,
}

/// What a client calls itself.
#[derive(Debug, Clone, Default)]
pub struct Names {
    /// CLIENT SETNAME.
    pub name: String,
    /// CLIENT SETINFO LIB-NAME.
    pub lib_name: String,
    /// CLIENT SETINFO LIB-VER.
    pub lib_ver: String,
    /// The ACL user.
    pub user: Arc<[u8]>,
}

/// Bits of `Client::flags`, as CLIENT LIST shows them.
pub mod flag {
    /// In MULTI.
    pub const MULTI: u32 = 1;
    /// Subscribed to something.
    pub const PUBSUB: u32 = 1 << 1;
    /// In MONITOR.
    pub const MONITOR: u32 = 1 << 2;
    /// Waiting in a blocking command.
    pub const BLOCKED: u32 = 1 << 3;
    /// EXEC will fail: a watched key has changed.
    pub const DIRTY_CAS: u32 = 1 << 4;
    /// CLIENT NO-EVICT ON.
    pub const NO_EVICT: u32 = 1 << 5;
    /// CLIENT NO-TOUCH ON.
    pub const NO_TOUCH: u32 = 1 << 6;
    /// Connected through a Unix socket.
    pub const UNIX: u32 = 1 << 7;
    /// CLIENT TRACKING ON.
    pub const TRACKING: u32 = 1 << 8;
    /// CLIENT TRACKING ON BCAST.
    pub const BROADCAST: u32 = 1 << 9;
    /// The connection that is told in its place has gone.
    pub const BROKEN_REDIRECT: u32 = 1 << 10;
    /// All that tracking sets.
    pub const ALL_TRACKING: u32 = TRACKING | BROADCAST | BROKEN_REDIRECT;
}

/// One client, as everybody may see it.
#[derive(Debug)]
pub struct Client {
    /// CLIENT ID.
    pub id: u64,
    /// `address:port` of the peer, or the path of the Unix socket.
    pub addr: String,
    /// `address:port` of our side.
    pub laddr: String,
    /// The number of the socket.
    pub fd: i32,
    /// How it is connected.
    pub transport: Transport,
    /// When it connected.
    pub created_ms: u64,
    /// The worker that serves it.
    pub worker: AtomicUsize,
    /// What it calls itself.
    pub names: Mutex<Names>,
    /// 2 or 3.
    pub resp: AtomicU8,
    /// The selected database.
    pub db: AtomicU32,
    /// See `flag`.
    pub flags: AtomicU32,
    /// How many commands MULTI has queued; -1 (all ones) outside of it.
    pub multi: AtomicU32,
    /// How many keys it watches.
    pub watch: AtomicU32,
    /// Channels, patterns and shard channels that it is subscribed to.
    pub subscriptions: [AtomicU32; 3],
    /// When it last sent a command.
    pub active_ms: AtomicU64,
    /// The client that is told in its place of keys that it tracks; 0 if it is told itself.
    pub redirect: AtomicU64,
    /// The id of its last command; `u32::MAX` before the first.
    pub last_command: AtomicU32,
    /// Bytes that it sent and that are not parsed yet.
    pub query_bytes: AtomicUsize,
    /// Bytes of whole arguments of a command that has arrived in part.
    pub argv_bytes: AtomicUsize,
    /// What else the buffer takes in which all of that is: room for more, and what is between arguments.
    pub query_room: AtomicUsize,
    /// Bytes of what it has set up: commands that MULTI has queued, keys that it watches, names that it is subscribed to, prefixes
    /// that it tracks.
    pub held_bytes: AtomicUsize,
    /// What of its memory is counted among that of all clients.
    pub counted_bytes: AtomicUsize,
    /// What it used when it was ended for that; 0 if it was not.
    pub evicted_bytes: AtomicUsize,
    /// Bytes that wait to be written to it.
    pub output_bytes: AtomicUsize,
    /// Bytes that were read from it, and written to it.
    pub traffic: [AtomicU64; 2],
    /// How many commands it has run.
    pub commands: AtomicU64,
    mailbox: Mutex<Vec<u8>>,
    mail: AtomicBool,
    killed: AtomicBool,
    left: AtomicBool,
    waker: AtomicWaker,
}

impl Client {
    /// A client that has just connected.
    pub fn new(id: u64, addr: String, laddr: String, fd: i32, transport: Transport, now_ms: u64) -> Self {
        Self {
            id,
            addr,
            laddr,
            fd,
            transport,
            created_ms: now_ms,
            worker: AtomicUsize::new(0),
            names: Mutex::new(Names { user: DEFAULT.into(), ..Names::default() }),
            resp: AtomicU8::new(2),
            db: AtomicU32::new(0),
            flags: AtomicU32::new(if transport == Transport::Unix { flag::UNIX } else { 0 }),
            multi: AtomicU32::new(u32::MAX),
            watch: AtomicU32::new(0),
            subscriptions: Default::default(),
            active_ms: AtomicU64::new(now_ms),
            redirect: AtomicU64::new(0),
            last_command: AtomicU32::new(u32::MAX),
            query_bytes: AtomicUsize::new(0),
            argv_bytes: AtomicUsize::new(0),
            query_room: AtomicUsize::new(0),
            held_bytes: AtomicUsize::new(0),
            counted_bytes: AtomicUsize::new(0),
            evicted_bytes: AtomicUsize::new(0),
            output_bytes: AtomicUsize::new(0),
            traffic: Default::default(),
            commands: AtomicU64::new(0),
            mailbox: Mutex::new(Vec::new()),
            mail: AtomicBool::new(false),
            killed: AtomicBool::new(false),
            left: AtomicBool::new(false),
            waker: AtomicWaker::new(),
        }
    }

    /// Set or clear bits of `flags`.
    pub fn set_flag(&self, bits: u32, on: bool) {
        if on {
            self.flags.fetch_or(bits, Relaxed);
        } else {
            self.flags.fetch_and(!bits, Relaxed);
        }
    }

    /// Whether one of these bits is set.
    pub fn has_flag(&self, bits: u32) -> bool {
        self.flags.load(Relaxed) & bits != 0
    }

    /// The protocol that it speaks.
    pub fn protocol(&self) -> Protocol {
        if self.resp.load(Relaxed) == 3 { Protocol::Resp3 } else { Protocol::Resp2 }
    }

    /// Whether it is connected from this machine.
    pub fn is_local(&self) -> bool {
        match self.transport {
            Transport::Unix | Transport::Internal => true,
            Transport::Tcp | Transport::Tls => self
                .addr
                .parse::<std::net::SocketAddr>()
                .is_ok_and(|addr| addr.ip().to_canonical().is_loopback()),
        }
    }

    /// How many subscriptions it has, of all kinds.
    pub fn subscribed(&self) -> u32 {
        self.subscriptions.iter().map(|count| count.load(Relaxed)).sum()
    }

    /// What it occupies, all in all.
    pub fn memory(&self) -> usize {
        let parts =
            [&self.query_bytes, &self.argv_bytes, &self.query_room, &self.held_bytes, &self.output_bytes];
        let sum: usize = parts.iter().map(|bytes| bytes.load(Relaxed)).sum();
        size_of::<Self>() + sum + self.mailbox_bytes()
    }

    /// So many bytes of it are about to be parsed: what came last is where there was room before.
    pub fn note_received(&self, bytes: usize) {
        let parts = [&self.query_bytes, &self.argv_bytes, &self.query_room];
        let all: usize = parts.iter().map(|part| part.load(Relaxed)).sum();
        for (part, bytes) in parts.into_iter().zip([bytes, 0, all.saturating_sub(bytes)]) {
            part.store(bytes, Relaxed);
        }
    }

    /// It has set up something of so many bytes more. Its worker alone does so.
    pub fn hold(&self, bytes: usize) {
        self.held_bytes.store(self.held_bytes.load(Relaxed) + bytes, Relaxed);
    }

    /// It has given up something of so many bytes.
    pub fn let_go(&self, bytes: usize) {
        self.held_bytes.store(self.held_bytes.load(Relaxed).saturating_sub(bytes), Relaxed);
    }

    /// Count bytes that were read from it (0) or written to it (1). Its worker alone does so.
    pub fn count_traffic(&self, direction: usize, bytes: usize) {
        let counter = &self.traffic[direction];
        counter.store(counter.load(Relaxed).wrapping_add(bytes as u64), Relaxed);
    }

    /// Count a command that it has run. Its worker alone does so.
    #[inline]
    pub fn count_command(&self) {
        self.commands.store(self.commands.load(Relaxed).wrapping_add(1), Relaxed);
    }

    /// Put bytes into the mailbox and wake the connection. What is beyond `hard_limit` (0: none) ends the client:
    /// one that reads too slowly must not make the server hold its messages without end.
    pub fn post(&self, bytes: &[u8], hard_limit: usize) {
        let mut mailbox = self.mailbox.lock();
        buffer::append(&mut mailbox, bytes);
        let waiting = mailbox.len() + self.output_bytes.load(Relaxed);
        drop(mailbox);
        if hard_limit != 0 && waiting > hard_limit {
            self.kill();
            return;
        }
        self.mail.store(true, std::sync::atomic::Ordering::Release);
        self.waker.wake();
    }

    /// Move what is in the mailbox to the end of `out`.
    pub fn collect_mail(&self, out: &mut Vec<u8>) {
        if self.mail.load(Relaxed) && self.mail.swap(false, std::sync::atomic::Ordering::Acquire) {
            let mut mailbox = self.mailbox.lock();
            if out.is_empty() {
                std::mem::swap(out, &mut mailbox);
            } else {
                buffer::append(out, &mailbox);
                buffer::clear(&mut mailbox);
            }
        }
    }

    /// How many bytes wait in the mailbox.
    pub fn mailbox_bytes(&self) -> usize {
        self.mailbox.lock().len()
    }

    /// End the connection as soon as its worker gets there.
    pub fn kill(&self) {
        self.killed.store(true, Relaxed);
        self.waker.wake();
    }

    /// Have its worker look at what waits to be written to it: that may have waited for too long.
    pub fn remind(&self) {
        self.waker.wake();
    }

    /// Whether somebody asked for its end.
    pub fn is_killed(&self) -> bool {
        self.killed.load(Relaxed)
    }

    /// It has gone, or is about to: nobody need send it anything.
    pub fn leave(&self) {
        self.left.store(true, Relaxed);
    }

    /// Whether it has gone.
    pub fn has_left(&self) -> bool {
        self.left.load(Relaxed) || self.is_killed()
    }

    /// Whether the connection has something to do besides reading.
    pub fn has_news(&self) -> bool {
        self.mail.load(Relaxed) || self.is_killed()
    }

    /// Wake this task at the next mail or at the kill. Check `has_news` after the call, not before.
    pub fn register(&self, waker: &std::task::Waker) {
        self.waker.register(waker);
    }

    /// The milliseconds since its last command.
    pub fn idle_ms(&self, now_ms: u64) -> u64 {
        now_ms.saturating_sub(self.active_ms.load(Relaxed))
    }
}

/// Every client that is connected.
#[derive(Debug, Default)]
pub struct Clients {
    last_id: AtomicU64,
    all: RwLock<BTreeMap<u64, Arc<Client>>>,
}

impl Clients {
    /// The id for the next client.
    pub fn next_id(&self) -> u64 {
        self.last_id.fetch_add(1, Relaxed) + 1
    }

    /// Enter a client. Refused (false) when there are `max` already.
    pub fn enter(&self, client: Arc<Client>, max: usize) -> bool {
        let mut all = self.all.write();
        if all.len() >= max {
            return false;
        }
        all.insert(client.id, client);
        true
    }

    /// Take a client out.
    pub fn leave(&self, id: u64) {
        if let Some(client) = self.all.write().remove(&id) {
            client.leave();
        }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.all.read().len()
    }

    /// Whether nobody is connected.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One of them.
    pub fn get(&self, id: u64) -> Option<Arc<Client>> {
        self.all.read().get(&id).cloned()
    }

    /// Look at each of them. `f` may neither wait nor enter or leave anybody.
    pub fn for_each(&self, f: impl FnMut(&Arc<Client>)) {
        self.all.read().values().for_each(f);
    }

    /// All of them, in the order in which they connected.
    pub fn list(&self) -> Vec<Arc<Client>> {
        self.all.read().values().cloned().collect()
    }
}
