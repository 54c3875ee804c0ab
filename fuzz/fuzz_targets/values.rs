//! Bytes that a module gives as a value: whether they are whole fields and nothing else decides whether a file can be read again. The
//! same bytes, taken for a script of fields to write, must be accepted, and refused wherever they are cut.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sandkey_fuzz::value_fields_differential::{check_value_bytes, check_value_script};

fuzz_target!(|data: &[u8]| {
    check_value_bytes(data);
    check_value_script(data);
});
