//! The module as a whole, against the fake server: lines of commands and what comes back. `writes` and `reads` go
//! through the commands and their errors, `compactions` through rules and their keys, `model` compares with plain vectors.

use sandkey::prelude::*;
use sandkey::{Client, Command};

use crate::commands::{add, create, get, increment, info, madd, multi, range, remove, rule};

mod compactions;
mod model;
mod reads;
mod writes;

/// A server, and a client that speaks RESP2.
pub fn server() -> Context {
    let ctx = Context::test();
    speak(&ctx, 2);
    ctx
}

/// Run a line.
pub fn run(ctx: &Context, line: &str) -> Result<Value> {
    let words: Vec<&str> = line.split(' ').collect();
    let (name, args) = words.split_first().expect("a line has a word at least");
    macro_rules! commands {
        ($($word:literal: $command:ty),* $(,)?) => {
            match name.to_ascii_lowercase().as_str() {
                $($word => { assert_eq!(<$command>::SPEC.name, $word); ctx.run::<$command>(args) })*
                _ => panic!("no such command: {line}"),
            }
        };
    }
    commands! {
        "ts.create": create::create,
        "ts.alter": create::alter,
        "ts.add": add::add,
        "ts.madd": madd::madd,
        "ts.incrby": increment::incrby,
        "ts.decrby": increment::decrby,
        "ts.del": remove::del,
        "ts.get": get::get,
        "ts.range": range::range,
        "ts.revrange": range::revrange,
        "ts.mget": multi::mget,
        "ts.mrange": multi::mrange,
        "ts.mrevrange": multi::mrevrange,
        "ts.queryindex": multi::queryindex,
        "ts.info": info::info,
        "ts.createrule": rule::createrule,
        "ts.deleterule": rule::deleterule,
    }
}

/// Speak RESP3 from now on, or RESP2.
pub fn speak(ctx: &Context, resp: u8) {
    ctx.set_client(Client { resp, ..Client::default() });
}

/// A reply in one line: lists in brackets, maps in braces, doubles with a tilde in front of them, so that both protocols can be told
/// apart.
pub fn show(value: &Value) -> String {
    let list = |items: &[Value]| items.iter().map(show).collect::<Vec<_>>().join(" ");
    match value {
        Value::Null => "nil".to_owned(),
        Value::Integer(number) => number.to_string(),
        Value::Double(number) => format!("~{}", format!("{number:?}").trim_end_matches(".0")),
        Value::Boolean(yes) => yes.to_string(),
        Value::Simple(text) | Value::BigNumber(text) => text.clone(),
        Value::Bulk(bytes) => format!("{:?}", String::from_utf8_lossy(bytes)),
        Value::Array(items) => format!("[{}]", list(items)),
        Value::Set(items) => format!("<{}>", list(items)),
        Value::Map(pairs) => {
            let pairs: Vec<String> =
                pairs.iter().map(|(key, value)| format!("{}: {}", show(key), show(value))).collect();
            format!("{{{}}}", pairs.join(", "))
        }
        Value::Error(text) => format!("({text})"),
    }
}

/// What comes back for a line, in one line. How much memory a series takes depends on the machine, so it says N.
pub fn ask(ctx: &Context, line: &str) -> String {
    match run(ctx, line) {
        Ok(value) => without_memory(&show(&value)),
        Err(error) => format!("({error})"),
    }
}

fn without_memory(line: &str) -> String {
    match line.split_once("memoryUsage ") {
        Some((before, after)) => {
            format!("{before}memoryUsage N{}", after.trim_start_matches(|c: char| c.is_ascii_digit()))
        }
        None => line.to_owned(),
    }
}

/// Go through lines: those that begin with `> ` are sent, and the lines after each, joined by a space, must come back. After
/// each of them all values are saved and loaded again.
pub fn transcript(ctx: &Context, text: &str) {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty()).peekable();
    while let Some(line) = lines.next() {
        let command = line.strip_prefix("> ").unwrap_or_else(|| panic!("no command: {line}"));
        let mut expected = Vec::new();
        while let Some(line) = lines.next_if(|line| !line.starts_with("> ")) {
            expected.push(line);
        }
        let expected = if expected.is_empty() { "OK".to_owned() } else { expected.join(" ") };
        assert_eq!(ask(ctx, command), expected, "{command}");
        ctx.reload().unwrap_or_else(|why| panic!("{command}: {why}"));
    }
}
