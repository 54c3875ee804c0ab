//! What stands in a DUMP payload before the footer, which is made right: it must be refused, or come back as it was.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sandkey_fuzz::rdb_properties::check_value;

fuzz_target!(|data: &[u8]| {
    if let [rdb_type, value @ ..] = data {
        check_value(*rdb_type, value);
    }
});
