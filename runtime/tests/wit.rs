//! The contract in `wit/` is well formed, whole, and versioned.

use std::path::Path;

#[test]
fn the_contract_parses() {
    let mut resolve = wit_parser::Resolve::default();
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
    let (package, _) = resolve.push_dir(&dir).unwrap_or_else(|error| panic!("{error:#}"));
    assert_eq!(resolve.packages[package].name.to_string(), "sandkey:module@0.1.0");
    for world in ["module", "configurable-module", "data-module"] {
        resolve.select_world(&[package], Some(world)).unwrap_or_else(|error| panic!("{error:#}"));
    }
}
