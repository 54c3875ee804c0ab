//! Bytes to compress, and the same bytes as if they were compressed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sandkey_fuzz::rdb_properties::check_lzf;

fuzz_target!(|data: &[u8]| check_lzf(data));
