//! Bytes from a client: cut anywhere they must give the same commands, and those that redis-protocol finds in them.
//! The first three bytes of the input say how it is cut and what the limits are.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sandkey_fuzz::net::resp::RequestLimits;
use sandkey_fuzz::net::tests::differential::check_requests;

fuzz_target!(|data: &[u8]| {
    let [first, second, flags, input @ ..] = data else {
        return;
    };
    let limits = RequestLimits {
        unauthenticated: flags & 1 == 1,
        bulk_len_max: if flags & 2 == 2 { 16 } else { RequestLimits::default().bulk_len_max },
    };
    check_requests(input, &[usize::from(*first), usize::from(*second)], limits);
});
