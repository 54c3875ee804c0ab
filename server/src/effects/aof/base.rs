//! A base that consists of commands, for `aof-use-rdb-preamble no`: what a client would send to make the keys of a snapshot.
//! Values that no such commands make are restored from what DUMP answers.

use std::io::Write;
use std::sync::atomic::Ordering::Relaxed;

use super::base_stream::put_stream;
use crate::clock;
use crate::effects::propagate::{put_command, put_select};
use crate::effects::save::{SaveError, dumped};
use crate::keyspace::{Entry, EntryRef, Hash, Snapshot, StringRef, Zset};
use crate::limits;
use crate::module;
use crate::net::double::DoubleText;
use crate::persistence::Progress;
use crate::server::Server;

/// Write what a snapshot has.
pub(super) fn write_commands<W: Write>(
    server: &'static Server,
    mut snapshot: Snapshot<'_>,
    mut sink: W,
    stamped: bool,
    progress: &Progress,
) -> Result<W, SaveError> {
    let keys: usize = snapshot.databases().iter().map(|db| db.keys).sum();
    progress.keys_total.store(keys as u64, Relaxed);
    let mut out = Vec::new();
    if stamped {
        out.extend_from_slice(format!("#TS:{}\r\n", clock::wall_us() / 1_000_000).as_bytes());
    }
    let (mut batch, mut selected) = (Vec::new(), None);
    while let Some(index) = snapshot.next(&mut batch) {
        if !batch.is_empty() && selected != Some(index) {
            selected = Some(index);
            put_select(&mut out, index);
        }
        for entry in &batch {
            if progress.is_cancelled() {
                return Err(SaveError::Cancelled);
            }
            put_entry(server, &mut out, entry)?;
            if out.len() >= limits::AOF_BASE_BUFFER {
                sink.write_all(&out)?;
                out.clear();
            }
        }
        progress.keys_done.fetch_add(batch.len() as u64, Relaxed);
        progress.copied.store(snapshot.copied_bytes(), Relaxed);
        server.memory.publish_guest();
    }
    sink.write_all(&out)?;
    Ok(sink)
}

/// The commands that make one key.
fn put_entry(server: &'static Server, out: &mut Vec<u8>, entry: &Entry) -> Result<(), SaveError> {
    let entry = entry.as_ref();
    let mut digits = itoa::Buffer::new();
    if let Some(string) = entry.string() {
        put_command(out, [&b"SET"[..], entry.key(), string.bytes(&mut digits)].into_iter());
    } else if let Some(hash) = entry.hash() {
        put_hash(out, entry.key(), hash);
    } else if let Some(list) = entry.list() {
        put_elements(out, b"RPUSH", entry.key(), list.iter());
    } else if let Some(set) = entry.set() {
        put_items(out, b"SADD", entry.key(), set.iter().map(|member| [StringRef::to_vec(member)]));
    } else if let Some(zset) = entry.zset() {
        put_zset(out, entry.key(), zset);
    } else if !put_rewritten(server, out, entry)? {
        let payload = dumped(server, entry, false);
        let payload = payload.map_err(|reason| SaveError::value(entry.key(), reason))?;
        put_command(out, [&b"RESTORE"[..], entry.key(), b"0", &payload].into_iter());
    }
    if let Some(at_ms) = entry.expire_at() {
        put_command(out, [&b"PEXPIREAT"[..], entry.key(), digits.format(at_ms).as_bytes()].into_iter());
    }
    Ok(())
}

/// What a list or a set consists of, with a command for so many of them.
fn put_elements<'a>(out: &mut Vec<u8>, name: &[u8], key: &[u8], elements: impl Iterator<Item = &'a [u8]>) {
    put_items(out, name, key, elements.map(|element| [element.to_vec()]));
}

fn put_hash(out: &mut Vec<u8>, key: &[u8], hash: &Hash) {
    put_items(
        out,
        b"HSET",
        key,
        hash.iter().map(|(field, value)| [field.to_vec(), StringRef::to_vec(value)]),
    );
    for (at_ms, field) in hash.expiries() {
        let mut digits = itoa::Buffer::new();
        let at_ms = digits.format(at_ms).as_bytes();
        put_command(out, [b"HPEXPIREAT", key, at_ms, b"FIELDS", b"1", field].into_iter());
    }
}

fn put_zset(out: &mut Vec<u8>, key: &[u8], zset: &Zset) {
    put_items(
        out,
        b"ZADD",
        key,
        zset.iter().map(|(member, score)| [DoubleText::new(score).as_bytes().to_vec(), member.to_vec()]),
    );
}

/// Commands that make a collection, each with so many of its items.
fn put_items<const N: usize>(
    out: &mut Vec<u8>,
    name: &[u8],
    key: &[u8],
    mut items: impl Iterator<Item = [Vec<u8>; N]>,
) {
    loop {
        let mut args = vec![name.to_vec(), key.to_vec()];
        args.extend(items.by_ref().take(limits::AOF_ITEMS_PER_COMMAND).flatten());
        if args.len() == 2 {
            return;
        }
        put_command(out, args.iter().map(Vec::as_slice));
    }
}

/// The commands that make a stream, or with which a module makes its value; false if that is left to RESTORE.
fn put_rewritten(server: &'static Server, out: &mut Vec<u8>, entry: EntryRef<'_>) -> Result<bool, SaveError> {
    if let Some(stream) = entry.stream() {
        return Ok(put_stream(out, entry.key(), stream));
    }
    let Some(module) = entry.module() else { return Ok(false) };
    let commands = module::rewritten(server, entry.key(), module);
    let commands = commands.map_err(|reason| SaveError::value(entry.key(), reason))?;
    for command in &commands {
        let args: Vec<&[u8]> = command.as_argv().iter().collect();
        put_command(out, args.into_iter());
    }
    Ok(!commands.is_empty())
}
