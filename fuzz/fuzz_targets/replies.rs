//! Bytes from a module: rewriting them for RESP2 must yield one value or nothing. The same bytes, taken for a script of what to
//! write, must come out alike whether they are written as RESP2 or written as RESP3 and rewritten.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sandkey_fuzz::net::tests::differential::{check_reply_bytes, check_reply_script};

fuzz_target!(|data: &[u8]| {
    check_reply_bytes(data);
    check_reply_script(data);
});
