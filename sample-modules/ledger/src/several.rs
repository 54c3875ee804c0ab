//! Commands that use several keys: all of what they do is there afterwards, or nothing.
use sandkey::prelude::*;

use crate::account::Account;

/// Where `ledger.through` stops, for accounts that name each other in a circle.
const LINKS_MAX: usize = 8;

/// Take from one account and give to another, an entry in each.
#[command("ledger.move", write, denyoom)]
pub fn transfer(ctx: &Context, from: Key, to: Key, amount: i64) -> Result<()> {
    ctx.open_mut::<Account>(&from)?.or_default()?.enter(-amount, to.name());
    ctx.open_mut::<Account>(&to)?.or_default()?.enter(amount, from.name());
    Ok(())
}

/// The same entry in several accounts, which are saved whole.
#[command("ledger.addall", write, denyoom)]
pub fn add_all(ctx: &Context, amount: i64, text: &[u8], keys: Many<Key>) -> Result<usize> {
    for key in &keys {
        ctx.open_mut::<Account>(key)?.or_default()?.enter(amount, text);
    }
    Ok(keys.len())
}

/// The same entry in several accounts, each of which is told to the journal.
#[command("ledger.postall", write, denyoom)]
pub fn post_all(ctx: &Context, amount: i64, text: &[u8], keys: Many<Key>) -> Result<usize> {
    for key in &keys {
        let mut account = ctx.open_mut::<Account>(key)?.or_default()?;
        account.enter(amount, text);
        let said =
            [b"ledger.add".as_slice(), key.name(), amount.to_string().as_bytes(), text].map(<[u8]>::to_vec);
        ValueMut::journal(&mut account, said)?;
    }
    Ok(keys.len())
}

/// An entry, and beside it a native counter and a field of a native hash. The reply is the counter.
#[command("ledger.mixed", write, denyoom)]
pub fn mixed(ctx: &Context, key: Key, counter: Key, hash: Key, amount: i64) -> Result<i64> {
    let entries = ctx.open_mut::<Account>(&key)?.or_default()?.enter(amount, b"mixed");
    hash.hash().set("last", amount)?;
    hash.hash().set(entries.to_string(), amount)?;
    counter.incr_by(amount)
}

/// An entry in this account and in all that follow from it by `ledger.link`; how many. They are found in what is read.
#[command("ledger.through", write, finds_keys)]
pub fn through(ctx: &Context, key: Key, amount: i64) -> Result<usize> {
    let mut name = key.name().to_vec();
    let mut entered = 0;
    while entered < LINKS_MAX && !name.is_empty() {
        let next = {
            let key = ctx.open(&name)?;
            let mut account = ctx.open_mut::<Account>(&key)?.or_default()?;
            account.enter(amount, b"through");
            account.link.clone()
        };
        name = next;
        entered += 1;
    }
    Ok(entered)
}

/// Exchange the bytes of two accounts.
#[command("ledger.swap", write)]
pub fn swap(ctx: &Context, left: Key, right: Key) -> Result<()> {
    let mut one = ctx.open_mut::<Account>(&left)?.or_default()?;
    let mut other = ctx.open_mut::<Account>(&right)?.or_default()?;
    std::mem::swap(&mut one.blob, &mut other.blob);
    Ok(())
}
