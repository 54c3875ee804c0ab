//! MIGRATE: keys go to another server, and are deleted here once that has them.
//!
//! ```text
//! 1  under the locks   dump the values, watch the keys, hold those back who want to write them
//! 2  a thread          AUTH, SELECT and a RESTORE for each key; wait for the answers
//! 3  under each lock   delete the key; or, if somebody wrote it after all, dump it again and go back to 2
//! ```
//!
//! Redis stands still meanwhile. Here no lock is held while the network is waited for: others go on, and may read the keys
//! too. A writer that had passed [`Held`](held::Held) just before the key was entered there is noticed by the watch; there can
//! only be few of them, so a key is sent a few times at the most.

pub mod held;
pub mod link;

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use hashbrown::HashMap;

use crate::command;
use crate::effects::Effects;
use crate::effects::notify::Class;
use crate::keyspace::{Cause, EntryRef, Key, WatchFlag};
use crate::limits;
use crate::net::argv::Argv;
use crate::net::reply::ReplyWriter;
use crate::server::Server;

use super::args;
use super::context::CommandContext;
use super::dump::dumped;
use super::error::{CommandError, CommandResult};
use super::spec::{Access, Family, Find, KeySpec, key, tips};
use held::{Held, Hold};
use link::{Links, Parcel, Target};

const MOVED: Access = Access::RW.with(Access::ACCESS).with(Access::DELETE);
const AFTER_KEYS: KeySpec = KeySpec {
    access: MOVED.with(Access::INCOMPLETE),
    find: Find::Trailing { word: "KEYS", from: 6 },
    notes: "",
};

/// The row.
#[rustfmt::skip]
pub const FAMILY: Family = Family {
    group: "generic",
    commands: &[
        command!("MIGRATE", -6, WRITE | MOVABLE_KEYS, [key(3, MOVED), AFTER_KEYS], migrate,
            "2.6.0", "This command actually executes a DUMP+DEL in the source instance, and a RESTORE in the target instance. See the pages of these commands for time complexity. Also an O(N) data transfer between the two instances is performed.",
            "Atomically transfers a key from one instance to another.",
            "host port:integer key|\"\" destination-db:integer timeout:integer [COPY] [REPLACE] [AUTH password|AUTH2 username password] [KEYS key [key ...]]",
            categories: &["dangerous"], tips: tips::VARIES),
    ],
};

/// What MIGRATE needs from one time to the next.
#[derive(Default)]
pub struct Migrations {
    /// Keys that are on their way.
    pub held: Held,
    /// Connections that are kept.
    pub links: Links,
}

/// What was asked for.
struct Order {
    target: Target,
    copy: bool,
    replace: bool,
}

/// Where the keys are among the arguments.
type Keys = std::ops::Range<usize>;

/// `MIGRATE host port key|"" destination-db timeout [COPY] [REPLACE] [AUTH password|AUTH2 username password] [KEYS key [key ...]]`
/// -- O(N) in the size of the values, and a round trip. OK, or NOKEY if none of the keys is there.
fn migrate(ctx: &mut CommandContext<'_>, argv: Argv<'_>) -> CommandResult {
    let (order, keys) = parse(argv)?;
    if ctx.in_transaction || ctx.keys.scratch.undo.is_active() {
        return Err(CommandError::line(
            "ERR MIGRATE cannot wait for another server inside a transaction or a module's command",
        ));
    }
    let (server, index, compress) = (ctx.server, ctx.keys.db, ctx.config.rdbcompression);
    let mut parcels = Vec::new();
    for position in keys {
        let key = ctx.key_at(argv, position);
        if let Some(entry) = ctx.keys.read(&key)? {
            parcels.push(parcel(server, entry, order.replace, compress)?);
        }
    }
    if parcels.is_empty() {
        ctx.reply.simple("NOKEY");
        return Ok(());
    }
    // From here on nothing fails: whoever drops a hold must not have a key locked.
    let mut hold = None;
    if !order.copy {
        let mut flags = HashMap::new();
        for parcel in &parcels {
            // A name may be given twice.
            flags.entry(parcel.key.clone()).or_insert_with(|| watch(ctx, &parcel.key));
        }
        hold = Some(Hold::new(server, index, flags));
        // Counted here, by the worker; the deletions are repeated one by one, when they happen.
        ctx.keys.effects.dirty += parcels.len() as u64;
        ctx.keys.propagate_nothing();
    }
    let job = Migration { server, order, index, compress, hold };
    ctx.session.job = Some(Box::new(move |reply: &mut ReplyWriter| {
        job.run(parcels)?;
        reply.ok();
        Ok(())
    }));
    Ok(())
}

fn parse(argv: Argv<'_>) -> Result<(Order, Keys), CommandError> {
    let (mut copy, mut replace, mut auth, mut keys) = (false, false, Vec::new(), 3..4);
    let mut at = 6;
    while at < argv.len() {
        let (option, left) = (argv.at(at), argv.len() - at - 1);
        let secrets = match option {
            word if args::is(word, "COPY") => {
                copy = true;
                0
            }
            word if args::is(word, "REPLACE") => {
                replace = true;
                0
            }
            word if args::is(word, "AUTH") => 1,
            word if args::is(word, "AUTH2") => 2,
            word if args::is(word, "KEYS") && argv.at(3).is_empty() => {
                keys = at + 1..argv.len();
                break;
            }
            word if args::is(word, "KEYS") => {
                return Err(CommandError::line(
                    "ERR When using MIGRATE KEYS option, the key argument must be set to the empty string",
                ));
            }
            _ => return Err(CommandError::Syntax),
        };
        if left < secrets {
            return Err(CommandError::Syntax);
        }
        if secrets > 0 {
            auth = (at + 1..=at + secrets).map(|secret| argv.at(secret).to_vec()).collect();
        }
        at += 1 + secrets;
    }
    let timeout_ms = args::integer(argv.at(5))?;
    let db = args::integer(argv.at(4))?;
    let timeout_ms =
        u64::try_from(timeout_ms).ok().filter(|&ms| ms > 0).unwrap_or(limits::MIGRATE_TIMEOUT_MS);
    let text = |position: usize| String::from_utf8_lossy(argv.at(position)).into_owned();
    let timeout = Duration::from_millis(timeout_ms);
    Ok((Order { target: Target { host: text(1), port: text(2), db, auth, timeout }, copy, replace }, keys))
}

/// A value as it is now.
fn parcel(
    server: &'static Server,
    entry: EntryRef<'_>,
    replace: bool,
    compress: bool,
) -> Result<Parcel, CommandError> {
    let payload = dumped(server, entry, compress)?;
    Ok(Parcel { key: entry.key().into(), expire_at: entry.expire_at(), payload, replace })
}

/// The flag that is raised when somebody writes a key of the command.
fn watch(ctx: &mut CommandContext<'_>, name: &[u8]) -> WatchFlag {
    let flag = Arc::new(AtomicBool::new(false));
    let key = ctx.key_of(name);
    let index = ctx.keys.db;
    if let Some(shard) = ctx.keys.locked.shard(&key) {
        shard.watch(index, &key, &flag);
    }
    flag
}

/// What happens after the command.
struct Migration {
    server: &'static Server,
    order: Order,
    index: usize,
    compress: bool,
    /// None with COPY, which leaves the keys alone.
    hold: Option<Hold>,
}

impl Migration {
    fn run(self, mut parcels: Vec<Parcel>) -> CommandResult {
        let mut appended = 0;
        let result = self.send_until_all_are_there(&mut parcels, &mut appended);
        // The keys can be written again before the client has its reply, not after.
        drop(self.hold);
        let synced = poll_fn(|cx| self.server.aof.poll_synced(appended, cx.waker()));
        tokio::runtime::Handle::current().block_on(synced);
        result
    }

    fn send_until_all_are_there(&self, parcels: &mut Vec<Parcel>, appended: &mut u64) -> CommandResult {
        let links = &self.server.tenant.migrations.links;
        for _ in 0..limits::MIGRATE_ROUNDS {
            let now_ms = self.server.clock.now_ms();
            parcels.retain(|parcel| parcel.expire_at.is_none_or(|at| at >= now_ms));
            let exchanged = links.exchange(&self.order.target, parcels, now_ms);
            let (mut refused, mut again) = (None, Vec::new());
            for (parcel, answer) in parcels.drain(..).zip(exchanged.answers) {
                match answer {
                    Err(line) => refused = refused.or(Some(line)),
                    Ok(()) if self.order.copy => {}
                    Ok(()) => again.extend(self.delete(&parcel.key, appended)?),
                }
            }
            if let Some(line) = refused {
                let text = [&b"ERR Target instance replied with error: "[..], &line].concat();
                return Err(CommandError::Bytes(text));
            }
            if let Some(failure) = exchanged.failure {
                return Err(CommandError::line(failure.line()));
            }
            if again.is_empty() {
                return Ok(());
            }
            *parcels = again;
        }
        Err(CommandError::line(
            "ERR A key was written again and again while it was migrated: it is on both servers now",
        ))
    }

    /// The other server has a key: delete it here. If it was written since it was dumped, what it is now is to be sent.
    fn delete(&self, name: &[u8], appended: &mut u64) -> Result<Option<Parcel>, CommandError> {
        let server = self.server;
        let (key, now_ms) = (Key::new(name), server.clock.now_ms());
        let config = server.config.current();
        let mut effects = Effects::default();
        let mut locked = server.tenant.keyspace.lock_one(server.tenant.keyspace.shard_of(key.slot));
        let Some(shard) = locked.shard(&key) else { return Ok(None) };
        let flag = self.hold.as_ref().and_then(|hold| hold.flag(name));
        if flag.is_some_and(|flag| flag.swap(false, Relaxed)) {
            let entry = shard.db(self.index).peek(&key, now_ms);
            return entry.map(|entry| parcel(server, entry, true, self.compress)).transpose();
        }
        let removed = shard.db(self.index).remove(&key, now_ms);
        if removed.is_some() {
            effects.invalidations.of_all_keys = server.tenant.tracking.prefixes() != 0;
            shard.touch(self.index, &key, Cause::Server, &mut effects.invalidations);
            effects.propagation.begin(server.aof.is_on());
            effects.propagation.record(self.index, [&b"DEL"[..], name].into_iter());
            effects.event(config.notify_keyspace_events, Class::GENERIC, "del", self.index, name);
            *appended = server.aof.append(&mut effects.propagation, false).max(*appended);
        }
        drop(locked);
        effects.deliver(&server.tenant.pubsub, &server.tenant.tracking, None);
        // Freed here, after the lock.
        drop(removed);
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::argv::OwnedArgv;

    fn order(line: &str) -> Result<(Order, Keys), CommandError> {
        let words = line.split(' ').map(|word| if word == "\"\"" { "" } else { word });
        parse(words.collect::<OwnedArgv>().as_argv())
    }

    #[test]
    fn orders_are_read_as_redis_reads_them() {
        let (order_, keys) = order("MIGRATE h 1 key 2 30 copy Replace auth secret").expect("a right order");
        assert!(order_.copy && order_.replace && keys == (3..4));
        let Target { host, port, db, auth, timeout } = order_.target;
        assert_eq!((host.as_str(), port.as_str(), db), ("h", "1", 2));
        assert_eq!((auth, timeout), (vec![b"secret".to_vec()], Duration::from_millis(30)));

        let (order_, keys) =
            order("MIGRATE h 1 \"\" 2 0 AUTH2 me secret KEYS a COPY b").expect("a right order");
        assert!(!order_.copy && !order_.replace && keys == (10..13));
        assert_eq!(order_.target.auth, [b"me".to_vec(), b"secret".to_vec()]);
        assert_eq!(order_.target.timeout, Duration::from_millis(limits::MIGRATE_TIMEOUT_MS));
    }

    #[test]
    fn wrong_orders_are_refused() {
        let text = "ERR When using MIGRATE KEYS option, the key argument must be set to the empty string";
        for (options, error) in [
            ("2 30 AUTH", CommandError::Syntax),
            ("2 30 AUTH2 me", CommandError::Syntax),
            ("2 30 KOPY", CommandError::Syntax),
            ("2 30 KEYS a", CommandError::line(text)),
            ("x 30", CommandError::NotInteger),
            ("2 x", CommandError::NotInteger),
        ] {
            assert_eq!(order(&format!("MIGRATE h 1 key {options}")).err(), Some(error), "{options}");
        }
    }
}
