//! The server is killed at random moments while clients write, and what it brings back is compared with what it had acknowledged.
//! How that works is told in `sandkey_tests::crash`. How long it takes, and how it is repeated, in `sandkey_tests::extent`.
//!
//! kill -9 loses what the process has in its memory, and nothing of what it has handed to the system. A power cut loses that too,
//! unless it was forced to disk.

use sandkey_tests::crash::{Campaign, Disturbance, Mix, Promise, Report};
use sandkey_tests::extent::{long, seed};
use sandkey_tests::modules::skip;
use std::time::Duration;

/// How often the server is killed under one policy.
fn kills() -> usize {
    if long() { 200 } else { 20 }
}

fn campaign(name: &'static str, args: &[&'static str], promise: Promise) -> Campaign {
    Campaign {
        name,
        args: args.to_vec(),
        promise,
        kills: kills(),
        clients: 4,
        depth: 16,
        life: Duration::from_millis(if long() { 2500 } else { 1000 }),
        mix: Mix::Everything,
        power_cuts: false,
        disturbances: Vec::new(),
        seed: seed(),
    }
}

const FILES: [Disturbance; 3] = [Disturbance::BgSave, Disturbance::Rewrite, Disturbance::Trap];

/// A campaign in which little was written proves little.
fn check(report: &Report, campaign: &Campaign) {
    assert!(report.acked > campaign.kills * 50, "only {} units were acknowledged", report.acked);
    for kind in &campaign.disturbances {
        assert!(report.done.contains_key(kind), "{kind:?} never happened");
    }
}

#[test]
fn with_always_nothing_acknowledged_is_lost() {
    if skip() {
        return;
    }
    let args = ["--appendonly", "yes", "--appendfsync", "always"];
    let mut campaign = campaign("always", &args, Promise::Everything);
    campaign.disturbances = FILES.to_vec();
    check(&campaign.run(), &campaign);
}

#[test]
fn with_everysec_a_second_is_lost_at_most() {
    if skip() {
        return;
    }
    let args = ["--appendonly", "yes", "--appendfsync", "everysec"];
    // A busy machine may be late by as much again.
    let mut campaign = campaign("everysec", &args, Promise::AllBut(Duration::from_secs(2)));
    campaign.disturbances = FILES.to_vec();
    check(&campaign.run(), &campaign);
}

#[test]
fn without_fsync_some_moment_is_left() {
    if skip() {
        return;
    }
    let args = ["--appendonly", "yes", "--appendfsync", "no", "--aof-use-rdb-preamble", "no"];
    let mut campaign = campaign("no", &args, Promise::SomeMoment);
    campaign.disturbances = FILES.to_vec();
    check(&campaign.run(), &campaign);
}

#[test]
fn a_snapshot_is_of_one_moment() {
    if skip() {
        return;
    }
    let mut campaign = campaign("snapshots", &["--save", "1 1"], Promise::Saved);
    campaign.disturbances = vec![Disturbance::Save, Disturbance::BgSave, Disturbance::Trap];
    check(&campaign.run(), &campaign);
}

#[test]
fn with_always_power_cuts_lose_nothing_acknowledged() {
    if skip() {
        return;
    }
    let args = ["--appendonly", "yes", "--appendfsync", "always"];
    let mut campaign = campaign("always-power", &args, Promise::Everything);
    campaign.power_cuts = true;
    campaign.disturbances = FILES.to_vec();
    check(&campaign.run(), &campaign);
}

#[test]
fn with_everysec_power_cuts_lose_a_second_at_most() {
    if skip() {
        return;
    }
    let args = ["--appendonly", "yes", "--appendfsync", "everysec"];
    let mut campaign = campaign("everysec-power", &args, Promise::AllBut(Duration::from_secs(2)));
    campaign.power_cuts = true;
    campaign.life = Duration::from_millis(3000);
    campaign.disturbances = FILES.to_vec();
    check(&campaign.run(), &campaign);
}

#[test]
fn power_cuts_leave_a_whole_snapshot() {
    if skip() {
        return;
    }
    let mut campaign = campaign("snapshots-power", &["--save", "1 1"], Promise::Saved);
    campaign.power_cuts = true;
    campaign.disturbances = vec![Disturbance::Save, Disturbance::BgSave];
    check(&campaign.run(), &campaign);
}

/// The module is upgraded, unloaded and loaded all the time.
#[test]
fn modules_come_and_go_while_the_server_crashes() {
    if skip() {
        return;
    }
    let args = ["--appendonly", "yes", "--appendfsync", "always"];
    let mut campaign = campaign("modules", &args, Promise::Everything);
    campaign.life = Duration::from_secs(3);
    campaign.disturbances = vec![
        Disturbance::Upgrade,
        Disturbance::FailedUpgrade,
        Disturbance::Away,
        Disturbance::Rewrite,
        Disturbance::BgSave,
        Disturbance::Trap,
    ];
    check(&campaign.run(), &campaign);
}

/// Commands of a module are ended by their fuel wherever they are, again and again; between crashes, and across them.
#[test]
fn trapped_commands_leave_nothing_behind() {
    if skip() {
        return;
    }
    let args = ["--appendonly", "yes", "--appendfsync", "always"];
    let mut campaign = campaign("traps", &args, Promise::Everything);
    campaign.mix = Mix::Traps;
    campaign.depth = 8;
    campaign.disturbances = vec![Disturbance::Rewrite, Disturbance::Trap];
    let (wanted, mut ended) = if long() { (100_000, 0) } else { (3_000, 0) };
    campaign.kills = 5;
    campaign.life = Duration::from_secs(4);
    while ended < wanted {
        let report = campaign.run();
        assert!(report.ended > 0, "nothing is ended by its fuel");
        ended += report.ended;
        campaign.seed = campaign.seed.wrapping_add(1);
    }
    eprintln!("{ended} commands were ended");
}
