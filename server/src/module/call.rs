//! `call.run` and `keyspace.scan`: a module runs another command, or walks over all keys, within its own bounds.

use std::sync::atomic::Ordering::Relaxed;

use sandkey_runtime as rt;
use sandkey_runtime::{ArgvBuf, Error, HostFault, HostResult, Reply};

use crate::command::context::CommandContext;
use crate::command::dispatch::{resolve, run_nested};
use crate::command::lock_plan::{for_each_key, may_find_keys};
use crate::command::spec::Flags;
use crate::config::glob;
use crate::limits;
use crate::net::argv::Argv;
use crate::net::reply::{Protocol, ReplyWriter};

use super::host::{ModuleHost, to_error};

/// Run a command for a module. Everything that could be wrong with it is found out before it runs.
pub(super) fn run(host: &mut ModuleHost<'_, '_, '_>, args: rt::Argv<'_>) -> HostResult<Reply> {
    if args.is_empty() {
        return Err(Error::NotCallable.into());
    }
    let called = &host.ctx.called;
    let used_up =
        called.fuel > host.module.fuel_per_command.load(Relaxed) || called.ns > limits::CALLED_NS_MAX;
    if used_up && !host.ctx.session.is_loader {
        return Err(HostFault::Other("the commands that it calls use more than a command may".into()).into());
    }
    let argv = Argv::from_packed(args.data(), args.ends());
    let table = host.ctx.tenant.commands();
    let command = resolve(&table, argv).map_err(to_error)?;
    if command.flags.has(Flags::NOSCRIPT) || !host.may_call(&command.name) {
        return Err(Error::NotCallable.into());
    }
    if !command.takes(argv.len()) {
        return Err(
            Error::other(&format!("ERR wrong number of arguments for '{}' command", command.name)).into()
        );
    }
    host.ctx.may_call(command, argv).map_err(to_error)?;
    if command.flags.has(Flags::WRITE) && !host.ctx.keys.may_write {
        return Err(Error::ReadOnly.into());
    }
    let mut declared = !(command.flags.has(Flags::ALL_KEYS.with(Flags::WALKS_KEYS))
        || may_find_keys(command, argv))
        || host.is_all_keys();
    for_each_key(&command.keys, argv, |_, key| declared = declared && host.declares(key));
    if !declared {
        return Err(Error::UndeclaredKey.into());
    }
    let mut edited = command.flags.has(Flags::ALL_KEYS) && !host.used.edits.is_empty();
    for_each_key(&command.keys, argv, |_, key| edited = edited || host.is_edited(key));
    if edited {
        return Err(Error::other(
            "ERR a key whose object this command has changed cannot be used by a command that it calls",
        )
        .into());
    }
    let ctx = &mut *host.ctx;
    if ctx.keys.scratch.undo.depth() >= limits::CALL_DEPTH {
        return Err(Error::NotCallable.into());
    }
    let mut writer = ReplyWriter::new(Vec::new(), Protocol::Resp3);
    let db = ctx.keys.db;
    let protocol = ctx.session.protocol;
    let result = with_reply(ctx, &mut writer, |ctx| run_nested(ctx, command, argv));
    ctx.select(db);
    ctx.session.set_protocol(protocol);
    result.map_err(to_error)?;
    Ok(to_reply(writer.into_inner()))
}

/// Run `f` with another reply writer in the context.
fn with_reply<R>(
    ctx: &mut CommandContext<'_>,
    writer: &mut ReplyWriter,
    f: impl FnOnce(&mut CommandContext<'_>) -> R,
) -> R {
    std::mem::swap(ctx.reply, writer);
    let result = f(ctx);
    std::mem::swap(ctx.reply, writer);
    result
}

/// What a native command wrote in RESP3: scalars become typed.
fn to_reply(bytes: Vec<u8>) -> Reply {
    let line = bytes.strip_suffix(b"\r\n").unwrap_or_default();
    let text = || line.get(1..).and_then(|text| std::str::from_utf8(text).ok());
    match bytes.first() {
        Some(b'+') if line == b"+OK" => Reply::Ok,
        Some(b'_') => Reply::Null,
        Some(b'#') => Reply::Boolean(line == b"#t"),
        Some(b':') => text().and_then(|text| text.parse().ok()).map_or(Reply::Null, Reply::Integer),
        Some(b',') => text().and_then(|text| text.parse().ok()).map_or(Reply::Null, Reply::Double),
        Some(b'+') => text().map_or(Reply::Null, |text| Reply::Simple(text.to_owned())),
        Some(b'$') => {
            let start = memchr::memchr(b'\n', &bytes).map_or(0, |at| at + 1);
            let end = bytes.len().saturating_sub(2).max(start);
            Reply::Bulk(bytes[start..end].to_vec())
        }
        _ => Reply::Resp3(rt::Resp3::trusted(bytes)),
    }
}

/// One step of a walk over all keys. All shards are locked.
pub(super) fn scan(
    ctx: &mut CommandContext<'_>,
    cursor: u64,
    pattern: Option<&[u8]>,
    count: u32,
    keys: &mut ArgvBuf,
) -> u64 {
    let (index, now_ms) = (ctx.keys.db, ctx.keys.now_ms);
    ctx.keys.locked.scan(index, cursor, count as usize, now_ms, |entry| {
        if pattern.is_none_or(|pattern| glob::matches(pattern, entry.key(), false)) {
            keys.push(entry.key());
        }
    })
}
