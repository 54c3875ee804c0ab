//! docs/writing-a-module.md, followed to the letter: every command in it is run, and every reply is what it says.

use sandkey_tests::guide;
use sandkey_tests::modules::{skip, start_with};
use sandkey_tests::paths;

#[test]
fn writing_a_module_works_as_written() {
    if skip() {
        return;
    }
    let server = start_with(&[], &[]);
    guide::follow(&paths::workspace().join("docs/writing-a-module.md"), &server);
}
