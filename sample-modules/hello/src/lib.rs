//! The first module that anybody writes.
use sandkey::prelude::*;

/// Greet somebody.
#[command("hello.greet", fast)]
fn greet(_ctx: &Context, name: &str) -> Result<String> {
    Ok(format!("Hello, {name}!"))
}

/// Count how often somebody was greeted, and reply with the sum.
#[command("hello.count", write, fast, denyoom)]
fn count(_ctx: &Context, key: Key, by: Option<i64>) -> Result<i64> {
    key.incr_by(by.unwrap_or(1))
}

module! { name: "hello", version: 1, commands: [greet, count] }
