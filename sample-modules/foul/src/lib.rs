//! Values that misbehave. Each has a mood, a word that says which function of `values` goes wrong for it and how; and there are
//! commands that break the rules of `objects`. What must happen: one error line that names the module and why, the value as it was,
//! everybody else's values and the server unharmed. Never load it where it matters.
//!
//! It makes its own exports of `values`, because the SDK would not let it answer such things. So it exists in the sandbox only.
#![cfg(target_arch = "wasm32")]
use sandkey::prelude::*;

mod breaches;
mod exports;
mod moods;
mod objects;

/// The mood of an object, and bytes of no meaning.
pub use objects::Object;

/// Put a new object under a key, whatever is there.
#[command("foul.put", write, denyoom)]
fn put(_ctx: &Context, key: Key, mood: &str, payload: Option<&[u8]>) -> Result<()> {
    let handle = breaches::open(key.name())?;
    let object = Object { mood: mood.to_owned(), payload: payload.unwrap_or_default().to_vec() };
    Ok(breaches::wit::set(handle, 0, objects::insert(object))?)
}

/// Change the mood of an object in place; whether there is one. The server journals it, so it is saved in its new mood only later.
#[command("foul.turn", write)]
fn turn(_ctx: &Context, key: Key, mood: &str) -> Result<bool> {
    let handle = breaches::open(key.name())?;
    let Some(number) = breaches::wit::edit(handle, 0)? else { return Ok(false) };
    objects::change(number, |object| mood.clone_into(&mut object.mood));
    Ok(true)
}

/// The mood of an object; null if there is none.
#[command("foul.mood", readonly)]
fn mood(_ctx: &Context, key: ReadKey) -> Result<Option<String>> {
    let handle = breaches::open_read(key.name())?;
    Ok(breaches::wit::get(handle, 0)?.map(|number| objects::change(number, |object| object.mood.clone())))
}

/// Break a rule of `objects`, see `breaches`. The second key is used where a breach needs two.
#[command("foul.breach", write)]
fn breach(_ctx: &Context, key: Key, other: Key, rule: &str) -> Result<Reply> {
    breaches::run(&key, &other, rule)
}

/// The same without the right to write.
#[command("foul.breachread", readonly)]
fn breach_read(_ctx: &Context, key: ReadKey, rule: &str) -> Result<Reply> {
    breaches::run_read(key.name(), rule)
}

/// Run another command, with the keys that this one declares: the first argument behind the command's name is one.
#[command("foul.call", write, keys(2, 2, 1, update))]
fn call(ctx: &Context, words: Many<&[u8]>) -> Result<Value> {
    ctx.call(words)
}

/// The same again and again. Two keys may stand behind the command's name.
#[command("foul.callmany", write, keys(3, 4, 1, update))]
fn call_many(ctx: &Context, times: u32, words: Many<&[u8]>) -> Result<()> {
    (0..times).try_for_each(|_| ctx.call(&words).map(drop))
}

/// Turn one object, run `ledger.add` on the other key, and end as the word says: `ok`, `error` or `trap`.
#[command("foul.nested", write)]
fn nested(ctx: &Context, key: Key, account: Key, how: &str) -> Result<Value> {
    let handle = breaches::open(key.name())?;
    if let Some(number) = breaches::wit::edit(handle, 0)? {
        objects::change(number, |object| how.clone_into(&mut object.mood));
    }
    let answer = ctx.command("LEDGER.ADD").arg(account.name()).arg(7).arg("nested").run()?;
    match how {
        "error" => bail!("ERR told to fail"),
        "trap" => panic!("told to trap"),
        _ => Ok(answer),
    }
}

/// Fail with an error: a journal may say this command.
#[command("foul.refuse", write)]
fn refuse(_ctx: &Context, _key: Key) -> Result<()> {
    bail!("ERR told to fail")
}

/// Trap: likewise.
#[command("foul.trap", write)]
fn trap(_ctx: &Context, _key: Key) -> Result<()> {
    panic!("told to trap")
}

/// Use the key as a string: likewise.
#[command("foul.native", write)]
fn native(_ctx: &Context, key: Key) -> Result<u64> {
    key.append("native")
}

/// The only type. Its own functions are never used: see `exports`.
struct Foul;

impl DataType for Foul {
    const NAME: &'static str = "foul-vals";
    const ENCVER: u32 = 3;

    fn load(_reader: &mut sandkey::data_type::Reader<'_>, _encver: u32) -> Result<Self> {
        Ok(Self)
    }

    fn save(&self, _writer: &mut sandkey::data_type::Writer) {}
}

/// Everything that this module is.
pub static MODULE: sandkey::Module = sandkey::Module {
    name: "foul",
    version: 1,
    summary: "Values that misbehave. Only for tests.",
    state: sandkey::State::Values,
    commands: &[
        sandkey::CommandEntry::of::<put>(),
        sandkey::CommandEntry::of::<turn>(),
        sandkey::CommandEntry::of::<mood>(),
        sandkey::CommandEntry::of::<breach>(),
        sandkey::CommandEntry::of::<breach_read>(),
        sandkey::CommandEntry::of::<call>(),
        sandkey::CommandEntry::of::<call_many>(),
        sandkey::CommandEntry::of::<nested>(),
        sandkey::CommandEntry::of::<refuse>(),
        sandkey::CommandEntry::of::<trap>(),
        sandkey::CommandEntry::of::<native>(),
    ],
    types: &[sandkey::TypeEntry::of::<Foul>()],
    configs: &[],
    calls: &[
        "ledger.add",
        "ledger.stamp",
        "ledger.fail",
        "ledger.through",
        "ledger.fill",
        "ledger.digest",
        "foul.mood",
        "del",
        "rename",
        "copy",
        "flushall",
        "get",
        "set",
        "type",
    ],
    capabilities: &[],
    init: None,
};
