//! The server's streams under commands of a module, for proving that they are what the native commands make of them. Only for tests:
//! one command fails on purpose.
use sandkey::prelude::*;
use sandkey::{Entry, StreamInfo};

/// `ms-seq`.
fn id(text: &str) -> Result<EntryId> {
    let parts = text.split_once('-').and_then(|(ms, seq)| Some((ms.parse().ok()?, seq.parse().ok()?)));
    let (ms, seq) = parts.ok_or(Error::Syntax)?;
    Ok(EntryId { ms, seq })
}

/// Which entries go: those below an id, or all but so many.
fn trimming(text: &str) -> Result<Trim> {
    match text.parse() {
        Ok(len) => Ok(Trim::MaxLen(len)),
        Err(_) => Ok(Trim::MinId(id(text)?)),
    }
}

/// An entry as it is replied: its id, and its fields with their values.
type Shown = (String, Vec<(Vec<u8>, Vec<u8>)>);

fn shown(entry: &Entry) -> Shown {
    let fields = entry.fields().map(|(field, value)| (field.to_vec(), value.to_vec()));
    (entry.id().to_string(), fields.collect())
}

/// Add an entry with an id or `*`, and reply with its id.
#[command("relay.add", write, denyoom)]
fn add(_ctx: &Context, key: Key, at: &str, fields: Many<(&[u8], &[u8])>) -> Result<String> {
    let stream = key.as_stream();
    let added = if at == "*" { stream.add(fields)? } else { stream.add_as(id(at)?, fields)? };
    Ok(added.to_string())
}

/// Add many entries, and reply with how many there are then.
#[command("relay.fill", write, denyoom)]
fn fill(_ctx: &Context, key: Key, count: u32) -> Result<u64> {
    (0..count).try_for_each(|n| key.as_stream().add([("n", n)]).map(drop))?;
    key.as_stream().len()
}

/// Delete entries, and reply with how many there were.
#[command("relay.delete", write)]
fn delete(_ctx: &Context, key: Key, ids: Many<&str>) -> Result<u32> {
    let ids = ids.into_iter().map(id).collect::<Result<Vec<_>>>()?;
    key.as_stream().delete_many(ids)
}

/// Trim exactly or about, and reply with how many entries went.
#[command("relay.trim", write)]
fn trim(_ctx: &Context, key: Key, to: &str, about: Option<&str>) -> Result<u64> {
    let to = trimming(to)?;
    if about.is_some() { key.as_stream().trim_about(to) } else { key.as_stream().trim(to) }
}

/// Reply with the entries from one id to another; from the last, if the first id is the higher one.
#[command("relay.range", readonly)]
fn range(_ctx: &Context, key: ReadKey, from: &str, to: &str) -> Result<Vec<Shown>> {
    let (from, to) = (id(from)?, id(to)?);
    let stream = key.as_stream();
    let entries = if from <= to { stream.range(from..=to) } else { stream.range_back(to..=from) };
    entries.map(|entry| Ok(shown(&entry?))).collect()
}

/// Reply with how many entries there are and were, the last id, and the first.
#[command("relay.info", readonly)]
fn info(_ctx: &Context, key: ReadKey) -> Result<(u64, u64, String, Option<String>)> {
    let StreamInfo { entries_added, last_id, first_id } = key.as_stream().info()?;
    Ok((key.as_stream().len()?, entries_added, last_id.to_string(), first_id.map(|id| id.to_string())))
}

/// Add, delete and trim; then fail.
#[command("relay.fail", write)]
fn fail(_ctx: &Context, key: Key, delete: &str, trim: &str) -> Result<()> {
    let stream = key.as_stream();
    stream.add([("never", "seen")])?;
    stream.delete(id(delete)?)?;
    stream.trim(trimming(trim)?)?;
    (0..300).try_for_each(|n| stream.add([("n", n)]).map(drop))?;
    stream.trim_about(Trim::MaxLen(200))?;
    Err(error!("ERR told to fail"))
}

module! {
    name: "relay",
    version: 1,
    summary: "Streams under a module's commands. Only for tests.",
    commands: [add, fill, delete, trim, range, info, fail],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_leaves_the_stream_as_it_was() {
        let ctx = Context::test();
        assert_eq!(ctx.run::<add>(["x", "5-1", "f", "v"]).unwrap(), "5-1");
        assert_eq!(ctx.run::<fill>(["x", "20"]).unwrap(), 21);
        let before = ctx.run::<range>(["x", "0-0", "9999999999999-0"]).unwrap();
        assert_eq!(ctx.run::<fail>(["x", "5-1", "3"]), Err(error!("ERR told to fail")));
        assert_eq!(ctx.run::<range>(["x", "0-0", "9999999999999-0"]).unwrap(), before);
    }
}
