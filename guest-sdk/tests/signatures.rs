//! The signature is the specification: what the attribute makes of one, and what clients are told when they get it wrong.

use sandkey::prelude::*;
use sandkey::{Access, Arg, ArgumentKind, Command, CommandSpec, FindKeys, Flags, FromBytes};

/// Copy values.
///
/// A second paragraph is not the summary.
#[command("test.copy", write, denyoom, complexity = "O(N)", since = "3", acl("dangerous", "slow"))]
fn copy(_ctx: &Context, from: ReadKey, #[access(overwrite)] to: Key, _times: Option<u32>) -> Result<bool> {
    match from.get()? {
        Some(value) => to.set(value).map(|()| true),
        None => Ok(false),
    }
}

#[command("test.sum", readonly)]
fn sum(_ctx: &Context, keys: Counted<Key>, start: Option<f64>) -> Result<f64> {
    keys.iter().try_fold(start.unwrap_or(0.0), |sum, key| Ok(sum + key.get_as::<f64>()?.unwrap_or(0.0)))
}

#[command("test.put", write)]
fn put(_ctx: &Context, pairs: Many<(Key, &[u8])>) -> Result<usize> {
    for (key, value) in &pairs {
        key.set(value)?;
    }
    Ok(pairs.len())
}

#[command("test.first", readonly)]
fn first<'a>(_ctx: &'a Context, words: Vec<&'a str>) -> Result<Option<&'a str>> {
    Ok(words.first().copied())
}

#[command("test.by-hand", write, keys(2, -1, 2, remove), options(LIMIT = integer, FORCE))]
fn by_hand(ctx: &Context, mode: &str, mut args: Args) -> Result<Vec<String>> {
    let mut seen = vec![mode.to_owned()];
    while !args.is_empty() {
        if args.keyword("LIMIT") {
            seen.push(args.parse::<u32>()?.to_string());
        } else {
            seen.push(ctx.open(args.bytes()?)?.exists().to_string());
        }
    }
    Ok(seen)
}

#[derive(Debug, PartialEq)]
enum Colour {
    Red,
    Green,
}

impl FromBytes<'_> for Colour {
    fn from_bytes(bytes: &[u8]) -> Result<Self> {
        match bytes {
            b"red" => Ok(Self::Red),
            b"green" => Ok(Self::Green),
            _ => Err("ERR no such colour".into()),
        }
    }
}

impl From<Colour> for Reply {
    fn from(colour: Colour) -> Self {
        Self::simple(format!("{colour:?}"))
    }
}

#[command("test.colour")]
fn colour(_ctx: &Context, Arg(colour): Arg<Colour>) -> Result<impl Into<Reply>> {
    Ok(colour)
}

#[command("test.types")]
fn types(
    _ctx: &Context,
    a: i32,
    b: u64,
    c: f64,
    d: bool,
    e: String,
    f: Vec<u8>,
) -> Result<(i32, u64, f64, bool, String, Vec<u8>)> {
    Ok((a, b, c, d, e, f))
}

fn range(spec: &CommandSpec) -> Vec<(Access, FindKeys)> {
    spec.keys.as_slice().iter().map(|key| (key.access, key.find)).collect()
}

#[test]
fn the_attribute_and_the_signature_make_the_specification() {
    let spec = copy::SPEC;
    assert_eq!((spec.name, spec.arity), ("test.copy", -3));
    assert_eq!(spec.flags, Flags::WRITE.with(Flags::DENYOOM));
    assert_eq!((spec.summary, spec.complexity, spec.since), ("Copy values.", "O(N)", "3"));
    assert_eq!(spec.acl_categories, ["dangerous", "slow"]);
    let key = |at| FindKeys::Range { first: at, last: at as i32, step: 1 };
    assert_eq!(range(&spec), [(Access::Read, key(1)), (Access::Overwrite, key(2))]);
    let names: Vec<_> =
        spec.arguments.iter().map(|doc| (doc.name, doc.kind, doc.optional, doc.multiple)).collect();
    assert_eq!(
        names,
        [
            ("from", ArgumentKind::Key, false, false),
            ("to", ArgumentKind::Key, false, false),
            ("times", ArgumentKind::Integer, true, false),
        ]
    );
}

#[test]
fn keys_by_hand_and_options_come_from_the_attribute() {
    let spec = by_hand::SPEC;
    assert_eq!(spec.arity, -2);
    assert_eq!(range(&spec), [(Access::Remove, FindKeys::Range { first: 2, last: -1, step: 2 })]);
    let options: Vec<_> =
        spec.arguments.iter().map(|doc| (doc.name, doc.token, doc.kind, doc.optional)).collect();
    assert_eq!(
        options,
        [
            ("mode", "", ArgumentKind::String, false),
            ("limit", "LIMIT", ArgumentKind::Integer, true),
            ("force", "FORCE", ArgumentKind::Token, true),
        ]
    );
    let ctx = Context::test();
    ctx.key("a").set(1).unwrap();
    assert_eq!(ctx.run::<by_hand>(["m", "a", "limit", "nokey"]).unwrap_err(), Error::NotAnInteger);
    assert_eq!(ctx.run::<by_hand>(["m", "a", "limit", "7"]).unwrap(), ["m", "true", "7"]);
    // Position 3 is no key in this spec's steps of two.
    assert_eq!(ctx.run::<by_hand>(["m", "a", "b"]), Err(Error::UndeclaredKey));
}

#[test]
fn optional_and_repeated_arguments() {
    let ctx = Context::test();
    assert_eq!(ctx.run::<copy>(["a", "b"]).unwrap(), false);
    ctx.key("a").set("x").unwrap();
    assert_eq!(ctx.run::<copy>(["a", "b", "1"]).unwrap(), true);
    assert_eq!(ctx.run::<copy>(["a", "b", "-1"]), Err(Error::NotAnInteger));
    assert_eq!(ctx.run::<copy>(["a", "b", "1", "2"]), Err(Error::WrongArity));
    assert_eq!(ctx.run::<copy>(["a"]), Err(Error::WrongArity));

    assert_eq!(put::SPEC.arity, -3);
    assert_eq!(ctx.run::<put>(["a", "1.5", "b", "2"]).unwrap(), 2);
    assert_eq!(ctx.run::<put>(["a", "1", "b"]), Err(Error::WrongArity));

    assert_eq!(sum::SPEC.arity, -2);
    assert_eq!(ctx.run::<sum>(["2", "a", "b"]).unwrap(), 3.5);
    assert_eq!(ctx.run::<sum>(["2", "a", "b", "0.5"]).unwrap(), 4.0);
    assert_eq!(ctx.run::<sum>(["0"]).unwrap(), 0.0);
    assert!(ctx.run::<sum>(["3", "a", "b"]).is_err());
    assert_eq!(ctx.run::<sum>(["-1", "a"]), Err(Error::NotAnInteger));
    assert!(ctx.run::<sum>(["18446744073709551615", "a"]).is_err());
    assert_eq!(ctx.run::<sum>(["1", "a", "x"]), Err(Error::NotAFloat));

    assert_eq!(first::SPEC.arity, -1);
    assert_eq!(ctx.run::<first>([""; 0]).unwrap(), Value::Null);
    assert_eq!(ctx.run::<first>(["x", "y"]).unwrap(), "x");
    assert!(ctx.run::<first>([&b"\xff"[..]]).is_err());
}

#[test]
fn types_of_ones_own() {
    let ctx = Context::test();
    assert_eq!(ctx.run::<colour>(["red"]).unwrap(), "Red");
    assert_eq!(ctx.run::<colour>(["blue"]), Err(error!("ERR no such colour")));
    let reply = ctx.run::<types>(["-1", "18446744073709551615", "0.5", "yes", "text", "bytes"]).unwrap();
    let all = reply.as_slice().expect("a tuple is an array");
    assert_eq!(all[0], -1);
    assert_eq!(all[1], Value::BigNumber("18446744073709551615".into()));
    assert_eq!(all[2], 0.5);
    assert_eq!(all[3], true);
    assert_eq!((&all[4], &all[5]), (&Value::Bulk(b"text".to_vec()), &Value::Bulk(b"bytes".to_vec())));
}
