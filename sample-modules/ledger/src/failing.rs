//! Commands that fail after they have changed something. Nothing of it may be there afterwards.
use sandkey::prelude::*;

use crate::account::Account;
use crate::orders::burn;

/// Change an account and a native key, replace a third key, and end as the word says: `ok`, `error`, `trap`, `loop` or `memory`.
#[command("ledger.fail", write, denyoom)]
pub fn fail(ctx: &Context, key: Key, native: Key, replaced: Key, how: &str) -> Result<usize> {
    let entries = ctx.open_mut::<Account>(&key)?.or_default()?.enter(1, how.as_bytes());
    native.append(how)?;
    native.expire_in_ms(3_600_000)?;
    replaced.delete()?;
    ctx.open_mut::<Account>(&replaced)?.or_default()?.enter(2, how.as_bytes());
    match how {
        "ok" => Ok(entries),
        "error" => bail!("ERR told to fail"),
        "trap" => panic!("told to trap"),
        "loop" => {
            burn(u64::MAX);
            Ok(0)
        }
        "memory" => {
            let mut hoard = Vec::new();
            loop {
                hoard.push(vec![0xaau8; 1 << 20]);
                std::hint::black_box(&hoard);
            }
        }
        _ => Err(Error::Syntax),
    }
}

/// Burn fuel for so many rounds, then change an account, a native counter and another account in so many steps. What is left of
/// the fuel decides in which step the command is ended, or in none: then the reply is the counter.
#[command("ledger.burn", write, denyoom)]
pub fn burn_steps(ctx: &Context, key: Key, counter: Key, other: Key, rounds: u64, steps: i64) -> Result<i64> {
    burn(rounds);
    let mut count = 0;
    for step in 0..steps {
        ctx.open_mut::<Account>(&key)?.or_default()?.enter(step, b"burn");
        count = counter.incr_by(1)?;
        ctx.open_mut::<Account>(&other)?.or_default()?.enter(-step, b"burn");
    }
    Ok(count)
}
