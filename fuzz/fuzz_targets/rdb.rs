//! An RDB file behind its header: it must be read or refused, and the same whether it comes at once or in pieces. The first byte
//! chooses whose file it is.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sandkey_fuzz::rdb_properties::check_file;

fuzz_target!(|data: &[u8]| {
    let [choice, items @ ..] = data else {
        return;
    };
    let header = [b"REDIS0010", b"REDIS0012", b"REDIS0003", b"VALKEY080"][usize::from(choice % 4)];
    check_file(&[header, items].concat());
});
