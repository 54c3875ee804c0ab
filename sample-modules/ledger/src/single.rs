//! Commands that use one account.
use sandkey::prelude::*;

use crate::account::{Account, Entry, fnv};

/// Append an entry; how many there are now. Pure.
#[command("ledger.add", write, fast, denyoom)]
pub fn add(ctx: &Context, key: Key, amount: i64, text: Option<&[u8]>) -> Result<usize> {
    let mut account = ctx.open_mut::<Account>(&key)?.or_default()?;
    Ok(account.enter(amount, text.unwrap_or_default()))
}

/// Append an entry with the time and a random number; both are the reply. Pure, and different every time.
#[command("ledger.stamp", write, fast, denyoom)]
pub fn stamp(ctx: &Context, key: Key, text: &[u8]) -> Result<Vec<u8>> {
    let mut account = ctx.open_mut::<Account>(&key)?.or_default()?;
    let entry = Entry { amount: 0, when_us: ctx.now_us(), nonce: ctx.random(), text: text.to_vec() };
    let shown = entry.shown();
    account.entries.push(entry);
    Ok(shown)
}

/// Put so many bytes into the account that follow from a seed. Pure: a short command that makes a large value.
#[command("ledger.fill", write, denyoom)]
pub fn fill(ctx: &Context, key: Key, bytes: usize, seed: u64) -> Result<()> {
    let mut account = ctx.open_mut::<Account>(&key)?.or_default()?;
    let mut state = seed | 1;
    account.blob.clear();
    account.blob.reserve_exact(bytes + 8);
    while account.blob.len() < bytes {
        // xorshift64, so that nothing can compress it.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        account.blob.extend_from_slice(&state.to_le_bytes());
    }
    account.blob.truncate(bytes);
    Ok(())
}

/// Keep only the last entries; how many were dropped. Pure.
#[command("ledger.trim", write, fast)]
pub fn trim(ctx: &Context, key: Key, keep: usize) -> Result<usize> {
    let Some(mut account) = ctx.open_mut::<Account>(&key)?.get() else { return Ok(0) };
    let dropped = account.entries.len().saturating_sub(keep);
    account.entries.drain(..dropped);
    Ok(dropped)
}

/// Name the account that `ledger.through` goes on with. Pure.
#[command("ledger.link", write, fast)]
pub fn link(ctx: &Context, key: Key, other: &[u8]) -> Result<()> {
    ctx.open_mut::<Account>(&key)?.or_default()?.link = other.to_vec();
    Ok(())
}

/// Say that the account changes, and change nothing; whether there is one. Pure.
#[command("ledger.touch", write, fast)]
pub fn touch(ctx: &Context, key: Key) -> Result<bool> {
    let Some(mut account) = ctx.open_mut::<Account>(&key)?.get() else { return Ok(false) };
    let entries = &mut account.entries;
    entries.reserve(0);
    Ok(true)
}

/// Delete the account and make a new one with one entry, in one command.
#[command("ledger.reset", write, fast)]
pub fn reset(ctx: &Context, key: Key, amount: i64) -> Result<usize> {
    key.delete()?;
    let mut account = ctx.open_mut::<Account>(&key)?.or_default()?;
    Ok(account.enter(amount, b"reset"))
}

/// All entries, as `amount:time:random:text`; null if there is no account.
#[command("ledger.read", readonly)]
pub fn read(ctx: &Context, key: ReadKey) -> Result<Option<Reply>> {
    let account = ctx.open_ref::<Account>(&key)?;
    Ok(account.map(|account| Reply::array(account.entries.iter().map(Entry::shown))))
}

/// `entries:sum:hash` of everything in the account; null if there is none.
#[command("ledger.digest", readonly)]
pub fn digest(ctx: &Context, key: ReadKey) -> Result<Option<Vec<u8>>> {
    Ok(ctx.open_ref::<Account>(&key)?.map(|account| account.digest()))
}

/// The last entry.
#[command("ledger.last", readonly, fast)]
pub fn last(ctx: &Context, key: ReadKey) -> Result<Option<Vec<u8>>> {
    let account = ctx.open_ref::<Account>(&key)?;
    Ok(account.and_then(|account| account.entries.last().map(Entry::shown)))
}

/// What is not in the entries: how many bytes `ledger.fill` has left, their hash, and the name of the next account.
#[command("ledger.rest", readonly)]
pub fn rest(ctx: &Context, key: ReadKey) -> Result<Option<(usize, String, Vec<u8>)>> {
    let account = ctx.open_ref::<Account>(&key)?;
    Ok(account
        .map(|account| (account.blob.len(), format!("{:016x}", fnv(&account.blob)), account.link.clone())))
}

/// The keys of all accounts of the database, in order.
#[command("ledger.keys", readonly, all_keys)]
pub fn keys(ctx: &Context) -> Result<Vec<Vec<u8>>> {
    let (mut cursor, mut keys) = (0, Vec::new());
    loop {
        let (next, page) = ctx.scan_type::<Account>(cursor, 1000)?;
        keys.extend(page.iter().map(<[u8]>::to_vec));
        cursor = next;
        if cursor == 0 {
            break;
        }
    }
    keys.sort();
    keys.dedup();
    Ok(keys)
}
