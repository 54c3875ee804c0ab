//! The fake server of unit tests answers as the real one does.

use sandkey::prelude::*;
use sandkey::{Circumstances, Client};
use std::time::Duration;

static LIMIT: Config<i64> = Config::integer("limit", 3).between(1, 10);
static MODE: Config<String> = Config::choice("mode", "strict", &["strict", "lax"]);
static WORD: Config<String> = Config::string("word", "").check(|word| match word.as_str() {
    "bad" => Err("a bad word".to_owned()),
    _ => Ok(()),
});

#[command("test.limit")]
fn limit(_ctx: &Context) -> Result<(i64, String)> {
    Ok((LIMIT.get(), MODE.get()))
}

#[command("test.write", write)]
fn write(ctx: &Context, key: Key, fail: Option<bool>) -> Result<()> {
    key.set("written")?;
    key.hash().set("f", "v").expect_err("it is a string");
    bail!(if fail == Some(true), "ERR told\r\nto fail");
    assert!(ctx.open("another").is_err());
    Ok(())
}

#[command("test.keys", readonly, all_keys)]
fn keys(ctx: &Context, pattern: &[u8]) -> Result<Vec<Vec<u8>>> {
    let (mut cursor, mut found) = (0, Vec::new());
    loop {
        let (next, page) = ctx.scan(cursor, Some(pattern), 2)?;
        found.extend(page.iter().map(<[u8]>::to_vec));
        cursor = next;
        if cursor == 0 {
            return Ok(found);
        }
    }
}

fn start(mut args: Args) -> Result<()> {
    let word: &str = args.parse()?;
    bail!(if word == "fail", "told to fail");
    args.finish()
}

module! {
    name: "test",
    version: 1,
    summary: "For these tests.",
    state: global,
    configs: [LIMIT, MODE, WORD],
    calls: ["echo"],
    init: start,
    commands: [limit, write, keys],
}

#[test]
fn loading_runs_init_and_sets_the_parameters() {
    let ctx = Context::test();
    assert_eq!(ctx.load(&MODULE, ["fail"]), Err("told to fail".to_owned()));
    assert!(ctx.load(&MODULE, ["a", "b"]).is_err());
    assert_eq!(ctx.load(&MODULE, ["a"]), Ok(()));
    assert_eq!(LIMIT.get(), 3);
    assert_eq!(ctx.configure(&MODULE, "limit", "10"), Ok(()));
    assert!(ctx.configure(&MODULE, "limit", "11").is_err());
    assert!(ctx.configure(&MODULE, "limit", "x").is_err());
    assert!(ctx.configure(&MODULE, "mode", "other").is_err());
    assert_eq!(ctx.configure(&MODULE, "mode", "lax"), Ok(()));
    assert_eq!(ctx.configure(&MODULE, "word", "bad"), Err("a bad word".to_owned()));
    assert!(ctx.configure(&MODULE, "nothing", "1").is_err());
    assert_eq!((LIMIT.get(), MODE.get().as_str()), (10, "lax"));
    let other = std::thread::spawn(|| LIMIT.get()).join().expect("it does not panic");
    assert_eq!(other, 3, "another test's thread is not disturbed");
}

#[test]
fn what_a_failing_command_wrote_is_undone() {
    let ctx = Context::test();
    ctx.key("k").hash().set("field", 1).unwrap();
    assert_eq!(ctx.run::<write>(["k", "yes"]), Err(error!("ERR told  to fail")));
    assert_eq!(ctx.key("k").value_type(), ValueType::Hash);
    assert_eq!(ctx.run::<write>(["k"]).unwrap(), "OK");
    assert_eq!(ctx.key("k").value_type(), ValueType::String);
    assert_eq!(write(&ctx, ctx.key("k"), Some(true)).unwrap_err().to_string(), "ERR told\r\nto fail");
}

#[test]
fn strings() {
    let ctx = Context::test();
    let key = ctx.key("s");
    assert_eq!((key.get(), key.len(), key.exists()), (Ok(None), Ok(0), false));
    assert_eq!(key.append("Hello"), Ok(5));
    assert_eq!(key.append(" World"), Ok(11));
    for (start, end, part) in [
        (0, 4, "Hello"),
        (-5, -1, "World"),
        (0, -1, "Hello World"),
        (9, 99, "ld"),
        (5, 1, ""),
        (-99, 0, "H"),
        (99, 100, ""),
    ] {
        assert_eq!(key.get_range(start, end).unwrap(), part.as_bytes(), "{start} {end}");
    }
    assert_eq!(key.set_range(6, "Redis"), Ok(11));
    assert_eq!(key.get().unwrap().unwrap(), b"Hello Redis");
    assert_eq!(ctx.key("gap").set_range(2, "x"), Ok(3));
    assert_eq!(ctx.key("gap").get().unwrap().unwrap(), b"\0\0x");
    assert_eq!(ctx.key("none").set_range(5, ""), Ok(0));
    assert!(!ctx.key("none").exists());
    assert_eq!(ctx.key("none").set_range(u64::MAX, "x"), Err(Error::TooLong));
    assert_eq!(key.incr_by(1), Err(Error::NotAnInteger));
    assert_eq!(ctx.key("n").incr_by(i64::MAX), Ok(i64::MAX));
    assert_eq!(ctx.key("n").incr_by(1), Err(Error::Overflow));
    assert_eq!(ctx.key("n").get_as::<i64>(), Ok(Some(i64::MAX)));
    ctx.key("empty").set("").unwrap();
    assert_eq!(ctx.key("empty").incr_by(1), Err(Error::NotAnInteger));
}

#[test]
fn time_to_live() {
    let ctx = Context::test();
    let key = ctx.key("k");
    assert_eq!(key.expire_in_ms(10), Ok(false));
    key.set("v").unwrap();
    assert_eq!(key.expire_in_ms(10), Ok(true));
    key.replace("w").unwrap();
    assert_eq!(key.expires_at_ms(), Some(ctx.now_ms() + 10));
    key.set("x").unwrap();
    assert_eq!(key.expires_at_ms(), None);
    key.expire_in_ms(10).unwrap();
    ctx.advance(Duration::from_millis(9));
    assert!(key.exists());
    ctx.advance(Duration::from_millis(1));
    assert!(!key.exists());
    key.set("y").unwrap();
    assert_eq!(key.expire_at_ms(1), Ok(true));
    assert!(!key.exists());
    key.set("z").unwrap();
    key.expire_in_ms(10).unwrap();
    assert_eq!(key.persist(), Ok(true));
    assert_eq!(key.expires_at_ms(), None);
}

#[test]
fn sets() {
    let ctx = Context::test();
    let key = ctx.key("s");
    let set = key.as_set();
    assert_eq!((set.len(), set.contains("a"), set.pop()), (Ok(0), Ok(false), Ok(None)));
    assert!(!key.exists());
    assert_eq!((set.add("a"), set.add("a")), (Ok(true), Ok(false)));
    assert_eq!(set.add_many([1, 2, 3, 2]), Ok(3));
    assert_eq!((key.value_type(), set.len()), (ValueType::Set, Ok(4)));
    assert_eq!(set.contains_many(["1", "x", "a"]), Ok(vec![true, false, true]));
    assert_eq!(set.members().unwrap().iter().collect::<Vec<_>>(), [&b"1"[..], b"2", b"3", b"a"]);
    assert_eq!(set.random(0).unwrap().len(), 0);
    assert_eq!(set.random(3).unwrap().iter().collect::<std::collections::BTreeSet<_>>().len(), 3);
    assert_eq!((set.random(9).unwrap().len(), set.len()), (4, Ok(4)));
    let (cursor, page) = set.scan(0, 3).unwrap();
    assert_eq!((page.len(), cursor != 0), (3, true));
    let (cursor, page) = set.scan(cursor, 3).unwrap();
    assert_eq!((page.iter().collect::<Vec<_>>(), cursor), (vec![&b"a"[..]], 0));
    assert_eq!((set.remove("a"), set.remove("a"), set.remove_many([1, 7])), (Ok(true), Ok(false), Ok(1)));
    assert!(set.pop().unwrap().is_some_and(|member| member == b"2" || member == b"3"));
    assert_eq!((set.pop_many(5).unwrap().len(), key.exists()), (1, false));
    key.set("s").unwrap();
    assert_eq!(set.add("a"), Err(Error::WrongType));
    assert_eq!(set.len(), Err(Error::WrongType));
}

#[test]
fn streams() {
    let ctx = Context::test();
    let key = ctx.key("x");
    let stream = key.as_stream();
    let id = |ms, seq| EntryId { ms, seq };
    assert_eq!((stream.len(), stream.info(), stream.range(..).count()), (Ok(0), Ok(Default::default()), 0));
    assert_eq!((stream.delete(id(1, 0)), stream.trim(Trim::MaxLen(0))), (Ok(false), Ok(0)));
    assert!(!key.exists());
    assert!(stream.add_as(EntryId::MIN, [("f", "v")]).is_err());
    assert_eq!(stream.add_as(id(1, 2), [("f", 1), ("g", 2)]), Ok(id(1, 2)));
    let refused = stream.add_as(id(1, 2), [("f", 1)]).unwrap_err().to_string();
    assert!(refused.ends_with("equal or smaller than the target stream top item"), "{refused}");
    let now = ctx.now_ms();
    let added = [stream.add([("n", 0)]), stream.add([("n", 1)])];
    assert_eq!(added, [Ok(id(now, 0)), Ok(id(now, 1))]);
    assert_eq!((key.value_type(), stream.len()), (ValueType::Stream, Ok(3)));
    let entry = stream.get(id(1, 2)).unwrap().unwrap();
    assert_eq!(
        (entry.id().to_string(), entry.get("g"), entry.get("h")),
        ("1-2".into(), Some(&b"2"[..]), None)
    );
    assert_eq!(entry.get_as::<i64>("f"), Ok(Some(1)));
    assert_eq!(entry.fields().collect::<Vec<_>>(), [(&b"f"[..], &b"1"[..]), (b"g", b"2")]);
    assert_eq!(stream.get(id(1, 3)).unwrap().map(|entry| entry.id()), None);

    // More than one page, from both ends.
    (2..350).for_each(|n| drop(stream.add([("n", n)])));
    let numbers = |entries: sandkey::Entries<'_>| -> Vec<i64> {
        entries.filter_map(|entry| entry.unwrap().get_as("n").unwrap()).collect()
    };
    assert_eq!(numbers(stream.range(..)), (0..350).collect::<Vec<_>>());
    assert_eq!(numbers(stream.range_back(..)), (0..350).rev().collect::<Vec<_>>());
    assert_eq!(numbers(stream.range(id(now, 5)..id(now, 8))), [5, 6, 7]);
    assert_eq!(numbers(stream.range_back(id(now, 5)..=id(now, 8))), [8, 7, 6, 5]);
    assert_eq!(stream.range(..EntryId::MIN).count() + stream.range(id(now, 8)..id(now, 5)).count(), 0);

    assert_eq!((stream.delete(id(1, 2)), stream.delete_many([id(1, 2), id(now, 1)])), (Ok(true), Ok(1)));
    assert_eq!(stream.trim(Trim::MinId(id(now, 9))), Ok(8));
    assert_eq!((stream.trim(Trim::MaxLen(2)), stream.trim_about(Trim::MaxLen(2))), (Ok(339), Ok(0)));
    let info = stream.info().unwrap();
    assert_eq!((info.first_id, info.last_id, info.entries_added), (Some(id(now, 348)), id(now, 349), 351));
    stream.trim(Trim::MaxLen(0)).unwrap();
    assert_eq!(
        (key.exists(), stream.info().unwrap().last_id),
        (true, id(now, 349)),
        "its ids do not come again"
    );
    key.set("s").unwrap();
    assert_eq!(stream.add([("f", "v")]), Err(Error::WrongType));
    assert_eq!(stream.range(..).map(Result::err).collect::<Vec<_>>(), [Some(Error::WrongType)]);
}

#[test]
fn hashes() {
    let ctx = Context::test();
    let key = ctx.key("h");
    let hash = key.hash();
    assert_eq!((hash.len(), hash.get("f")), (Ok(0), Ok(None)));
    assert_eq!(hash.set("f", 1), Ok(true));
    assert_eq!(hash.set("f", 2), Ok(false));
    assert_eq!(hash.set_many([("g", "x"), ("f", "3")]), Ok(1));
    assert_eq!(hash.get_as::<i64>("f"), Ok(Some(3)));
    assert_eq!(hash.get_many(["g", "no"]), Ok(vec![Some(b"x".to_vec()), None]));
    assert_eq!(hash.incr_by("f", 4), Ok(7));
    assert_eq!(hash.incr_by("g", 1), Err(Error::HashValueNotAnInteger));
    assert_eq!(hash.incr_by("new", -1), Ok(-1));
    let (cursor, page) = hash.scan(0, 2).unwrap();
    assert_eq!((page.len(), cursor != 0), (4, true));
    let (cursor, page) = hash.scan(cursor, 2).unwrap();
    assert_eq!((page.pairs().collect::<Vec<_>>(), cursor), (vec![(&b"new"[..], &b"-1"[..])], 0));
    assert_eq!(hash.delete("f"), Ok(true));
    assert_eq!(hash.delete_many(["g", "new", "no"]), Ok(2));
    assert!(!key.exists());
    assert_eq!(hash.delete("f"), Ok(false));
    key.set("s").unwrap();
    assert_eq!(hash.get("f"), Err(Error::WrongType));
}

#[test]
fn scanning_finds_every_key_once() {
    let ctx = Context::test();
    for name in ["user:1", "user:2", "user:3", "other", "user:4"] {
        ctx.key(name).set("").unwrap();
    }
    assert_eq!(ctx.run::<keys>(["user:*"]).unwrap(), ["user:1", "user:2", "user:3", "user:4"]);
    ctx.set_db(1);
    assert_eq!(ctx.run::<keys>(["*"]).unwrap(), [""; 0]);
}

#[test]
fn who_where_and_when() {
    let ctx = Context::test();
    ctx.set_now_us(5_000_000);
    assert_eq!((ctx.now_us(), ctx.now_ms(), ctx.now()), (5_000_000, 5_000, Duration::from_secs(5)));
    ctx.set_seed(7);
    let sequence = [ctx.random(), ctx.random()];
    ctx.set_seed(7);
    assert_eq!([ctx.random(), ctx.random()], sequence);
    ctx.set_user("alice");
    ctx.set_client(Client { id: 9, resp: 2, ..Client::default() });
    ctx.set_flags(Circumstances { in_multi: true, ..Circumstances::default() });
    assert_eq!((ctx.user().as_str(), ctx.client().id, ctx.flags().in_multi, ctx.db()), ("alice", 9, true, 0));
}

#[test]
fn calling_other_commands() {
    let ctx = Context::test();
    assert_eq!(ctx.call(["ECHO", "x"]), Err(Error::NotCallable));
    ctx.on_call("echo", |argv| Ok(argv[1].into()));
    ctx.on_call("mget", |_| Ok(vec![Some("a"), None].into()));
    ctx.on_call("fail", |_| Err("ERR no".into()));
    assert_eq!(ctx.call(["ECHO", "x"]).unwrap(), "x");
    assert_eq!(ctx.command("ECHO").arg(5).run().unwrap().as_integer(), Ok(5));
    assert_eq!(ctx.call(["MGET"]).unwrap(), Value::Array(vec![Value::Bulk(b"a".to_vec()), Value::Null]));
    assert_eq!(ctx.call(["FAIL"]), Err(error!("ERR no")));
}

#[test]
fn logs_are_kept() {
    let ctx = Context::test();
    notice!("hello {}", 1);
    assert_eq!(ctx.logs(), [(sandkey::log::Level::Notice, "hello 1".to_owned())]);
    assert_eq!(ctx.logs(), []);
}
