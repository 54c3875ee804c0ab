//! Attacks on rights and on undoing: doing what was not declared, and leaving traces of a command that failed.
use sandkey::prelude::*;

use crate::raw;

/// Open a key that no key spec finds. The reply is that error.
#[command("hostile.undeclared", readonly)]
pub fn undeclared(ctx: &Context, name: &[u8]) -> Result<Option<Vec<u8>>> {
    ctx.open_read(name)?.get()
}

/// Write in a command that is not flagged `write`. The reply is that error.
#[command("hostile.readonly", readonly)]
pub fn readonly(_ctx: &Context, key: Key) -> Result<()> {
    key.set("changed")
}

/// Call a command that the table does not list. The reply is that error.
#[command("hostile.unlisted")]
pub fn unlisted(ctx: &Context) -> Result<Value> {
    ctx.call(["DBSIZE"])
}

/// Write through `call` in a command that is not flagged `write`. The reply is that error, FLUSHALL included.
#[command("hostile.callwrite", readonly)]
pub fn called_write(ctx: &Context, key: ReadKey, flush: Option<&str>) -> Result<Value> {
    if flush.is_some() {
        ctx.call(["FLUSHALL"])
    } else {
        ctx.command("SET").arg(key.name()).arg("changed").run()
    }
}

/// Walk over all keys in a command that is not flagged `all-keys`. The reply is that error.
#[command("hostile.scan", readonly)]
pub fn scan(ctx: &Context) -> Result<i64> {
    let (_, keys) = ctx.scan(0, None, 100)?;
    Ok(i64::try_from(keys.len())?)
}

/// Everything that a command can do to a key, then whatever follows.
fn change(ctx: &Context, key: &Key, field_key: &Key) -> Result<()> {
    key.set("changed")?;
    key.append(" and longer")?;
    key.expire_in_ms(1)?;
    key.persist()?;
    field_key.hash().set("field", "changed")?;
    field_key.hash().delete("other")?;
    field_key.expire_in_ms(60_000)?;
    ctx.command("SET").arg(key.name()).arg("changed by call").run()?;
    ctx.call(["PUBLISH", "hostile", "must not be sent"])?;
    Ok(())
}

/// Write two keys and publish, then trap. One error line; both keys are as before, their times to live too, and nothing was sent.
#[command("hostile.writetrap", write)]
pub fn write_trap(ctx: &Context, key: Key, field_key: Key) -> Result<()> {
    change(ctx, &key, &field_key)?;
    raw::unreachable()
}

/// The same, then an error. Its text arrives; the rest likewise.
#[command("hostile.writeerror", write)]
pub fn write_error(ctx: &Context, key: Key, field_key: Key) -> Result<()> {
    change(ctx, &key, &field_key)?;
    key.delete()?;
    bail!("ERR changed my mind")
}

/// The same, then an endless loop.
#[command("hostile.writeloop", write)]
pub fn write_loop(ctx: &Context, key: Key, field_key: Key) -> Result<()> {
    change(ctx, &key, &field_key)?;
    raw::forever()
}

/// The same, then memory without end.
#[command("hostile.writememory", write)]
pub fn write_memory(ctx: &Context, key: Key, field_key: Key) -> Result<()> {
    change(ctx, &key, &field_key)?;
    raw::eat_memory()
}

/// The same, then a reply that is none.
#[command("hostile.writeresp3", write)]
pub fn write_resp3(ctx: &Context, key: Key, field_key: Key) -> Result<Reply> {
    change(ctx, &key, &field_key)?;
    Ok(Reply::resp3(b"*2\r\n:1\r\n".to_vec()))
}

/// Write, and be fine: what shows that the module still works after every attack.
#[command("hostile.fine", write)]
pub fn fine(_ctx: &Context, key: Key) -> Result<()> {
    key.set("fine")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_fails_leaves_no_trace() {
        let ctx = Context::test();
        ctx.on_call("SET", |_| Ok(Reply::Ok));
        ctx.on_call("PUBLISH", |_| Ok(0.into()));
        ctx.key("k").set("before").unwrap();
        ctx.key("h").hash().set("other", "1").unwrap();
        assert_eq!(ctx.run::<write_error>(["k", "h"]), Err(error!("ERR changed my mind")));
        assert_eq!(ctx.key("k").get().unwrap().as_deref(), Some(&b"before"[..]));
        assert_eq!(ctx.key("h").hash().get_all().unwrap().iter().collect::<Vec<_>>(), [b"other", &b"1"[..]]);
        assert_eq!(ctx.key("h").expires_at_ms(), None);
    }

    #[test]
    fn rights_are_enforced() {
        let ctx = Context::test();
        assert_eq!(ctx.run::<undeclared>(["k"]), Err(Error::UndeclaredKey));
        assert_eq!(ctx.run::<readonly>(["k"]), Err(Error::ReadOnly));
        assert_eq!(ctx.run::<unlisted>([""; 0]), Err(Error::NotCallable));
        assert_eq!(ctx.run::<scan>([""; 0]), Err(Error::UndeclaredKey));
        assert_eq!(ctx.run::<fine>(["k"]).unwrap(), "OK");
    }
}
