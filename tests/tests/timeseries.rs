//! The module timeseries on the server: as its clients see it, in both protocols, and across restarts. What its commands do
//! in every case is tested where they are; here it is that the server gives them their keys, and keeps their values.

use sandkey_tests::transcript::{Run, Transcript};
use sandkey_tests::{Protocol, modules, paths};

#[test]
fn series_and_their_rules_survive_restarts() {
    if modules::skip() {
        return;
    }
    let transcript = Transcript::load(&paths::workspace().join("tests/transcripts/modules/timeseries.txt"));
    let runs: [(Run, &[&str]); 3] = [
        (Run::Fresh, &[]),
        (Run::AfterAof, &["--appendonly", "yes"]),
        (Run::AfterRdb, &["--save", "3600 1"]),
    ];
    for (run, args) in runs {
        for protocol in Protocol::BOTH {
            let mut server = modules::start_with(&["timeseries"], args);
            transcript.run_on(&mut server, protocol, run, &[]);
        }
    }
}
