//! Attacks with broken things: traps, handles, and replies that are not what they say.
use sandkey::prelude::*;

use crate::raw;

/// Panic. One error line; the log has the message and the module's own function names.
#[command("hostile.panic")]
pub fn panic(_ctx: &Context, message: Option<&str>) -> Result<()> {
    panic!("{}", message.unwrap_or("told to panic"))
}

/// Trap without a word. One error line.
#[command("hostile.unreachable")]
pub fn unreachable(_ctx: &Context) -> Result<()> {
    raw::unreachable()
}

/// Read outside of the memory. One error line.
#[command("hostile.outside")]
pub fn outside(_ctx: &Context) -> Result<i64> {
    Ok(i64::from(raw::read_outside()))
}

/// Divide. By 0, one error line.
#[command("hostile.divide")]
pub fn divide(_ctx: &Context, dividend: i64, divisor: i64) -> Result<i64> {
    Ok(dividend / divisor)
}

/// Replies that claim to be one RESP3 value and are not.
pub const BROKEN: [&[u8]; 24] = [
    b"",
    b"\r\n",
    b"+OK",
    b"+OK\n",
    b":1\r\n:2\r\n",
    b":one\r\n",
    b":99999999999999999999\r\n",
    b"$5\r\nabc\r\n",
    b"$3\r\nabcdef\r\n",
    b"$3\r\nabc",
    b"$-2\r\n",
    b"$99999999999\r\nx\r\n",
    b"*2\r\n:1\r\n",
    b"*-1\r\n",
    b"*4294967295\r\n",
    b"%1\r\n:1\r\n",
    b"+a\nb\r\n",
    b"-ERR a\rb\r\n",
    b">1\r\n+message\r\n",
    b"|1\r\n+key\r\n+value\r\n:1\r\n",
    b"$?\r\n;3\r\nabc\r\n;0\r\n",
    b"#yes\r\n",
    b",\r\n",
    b"PING\r\n",
];

/// Reply with broken RESP3, one of 24 kinds. One error line instead, and the connection goes on.
#[command("hostile.resp3")]
pub fn resp3(_ctx: &Context, kind: usize) -> Result<Reply> {
    let bytes = BROKEN.get(kind).ok_or_else(|| error!("ERR there are {} kinds", BROKEN.len()))?;
    Ok(Reply::resp3(bytes.to_vec()))
}

/// Reply with so many arrays in each other. Up to 32 it arrives; beyond, one error line.
#[command("hostile.deep")]
pub fn deep(_ctx: &Context, depth: usize) -> Result<Reply> {
    Ok(Reply::resp3([b"*1\r\n".repeat(depth).as_slice(), b":1\r\n"].concat()))
}

/// Reply with a status line that has a line break in it. One error line instead.
#[command("hostile.line")]
pub fn line(_ctx: &Context) -> Result<Reply> {
    Ok(raw::two_lines())
}

/// Use a handle that was never given out. A trap: one error line.
#[command("hostile.handle", readonly)]
pub fn handle(_ctx: &Context, _key: ReadKey, handle: u32) -> Result<Option<Vec<u8>>> {
    raw::use_handle(handle)
}

/// Refuse with a text that would be several lines. It arrives as one.
#[command("hostile.error")]
pub fn text(_ctx: &Context, text: &str) -> Result<()> {
    bail!("{text}\r\n+OK\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_broken_reply_is_broken_for_our_own_parser_too() {
        for bytes in BROKEN {
            // The null array is RESP2; the SDK's parser is lenient there, and the server may not be.
            if bytes != b"*-1\r\n" {
                assert!(Value::parse(bytes).is_err(), "{}", bytes.escape_ascii());
            }
        }
    }

    #[test]
    fn deep_replies_are_fine_up_to_the_limit() {
        let ctx = Context::test();
        assert!(ctx.run::<deep>(["32"]).is_ok());
        assert!(ctx.run::<deep>(["33"]).is_err());
    }

    #[test]
    fn errors_are_one_line() {
        let error = Context::test().run::<text>(["ERR a"]).expect_err("it always fails");
        assert_eq!(error.to_string(), "ERR a  +OK  ");
    }
}
