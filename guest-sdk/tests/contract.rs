//! Where the SDK relies on an order in the contract, the contract is read and compared.

use sandkey::Flags;
use std::fs;
use std::path::Path;

/// The names in the body of a variant, enum or flags of wit/, in order.
fn cases(file: &str, head: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit").join(file);
    let text = fs::read_to_string(&path).expect("the contract is beside the SDK");
    let body = text.split_once(head).unwrap_or_else(|| panic!("{head} in {file}")).1;
    let body = body.split_once('{').expect("a body begins").1.split_once('}').expect("a body ends").0;
    body.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with("//"))
        .flat_map(|line| line.split(','))
        .map(|case| case.split('(').next().unwrap_or_default().trim().trim_start_matches('%').to_owned())
        .filter(|case| !case.is_empty())
        .collect()
}

#[test]
fn replies_are_numbered_as_the_export_numbers_them() {
    assert_eq!(cases("types.wit", "variant reply"), sandkey::expanded::REPLY_CASES);
}

#[test]
fn errors_are_numbered_as_the_export_numbers_them() {
    assert_eq!(cases("types.wit", "variant error"), sandkey::expanded::ERROR_CASES);
}

#[test]
fn flags_have_the_bits_of_the_contract() {
    let ours = [
        ("write", Flags::WRITE),
        ("readonly", Flags::READONLY),
        ("denyoom", Flags::DENYOOM),
        ("admin", Flags::ADMIN),
        ("fast", Flags::FAST),
        ("loading", Flags::LOADING),
        ("stale", Flags::STALE),
        ("noscript", Flags::NOSCRIPT),
        ("no-multi", Flags::NO_MULTI),
        ("skip-monitor", Flags::SKIP_MONITOR),
        ("skip-slowlog", Flags::SKIP_SLOWLOG),
        ("all-keys", Flags::ALL_KEYS),
        ("finds-keys", Flags::FINDS_KEYS),
    ];
    let theirs = cases("manifest.wit", "flags command-flags");
    assert_eq!(theirs, ours.map(|(name, _)| name));
    for (bit, (name, flag)) in ours.iter().enumerate() {
        assert_eq!(flag.0, 1 << bit, "{name}");
    }
}
