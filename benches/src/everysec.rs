//! What SET costs when every write goes into an append-only file that is forced to disk each second. Both servers write
//! theirs; neither rewrites it meanwhile, which redis-server would do in a process of its own and we in a thread.

use crate::experiments::{Finding, Programs};
use crate::folder::Folder;
use crate::load::{self, ANY_KEY, KEYS, Load, Sample};
use crate::measure::Effort;
use crate::process::Server;
use crate::report;
use crate::stats::{cpu, ratio};
use anyhow::{Context, Result, ensure};
use std::path::Path;

/// The value that is there and the one that is written.
const VALUE: &str = "xyz";
const PIPELINE: u32 = 16;
const ARGS: [&str; 6] =
    ["--appendonly", "yes", "--appendfsync", "everysec", "--auto-aof-rewrite-percentage", "0"];

/// In turns.
pub fn experiment(programs: &Programs, effort: Effort) -> Result<Finding> {
    // The servers go before their folders do.
    let folders = [Folder::new("everysec-ours")?, Folder::new("everysec-theirs")?];
    let servers = [
        Server::start_in(&folders[0], &programs.sandkey, &ARGS)?,
        Server::start_in(&folders[1], &programs.redis, &ARGS)?,
    ];
    let argv = ["SET", ANY_KEY, VALUE].map(str::to_owned).to_vec();
    let mut loads = Vec::new();
    for server in &servers {
        load::fill(server, KEYS, VALUE.as_bytes())?;
        let mut load = Load { argv: argv.clone(), pipeline: PIPELINE, requests: 200_000, keys: KEYS };
        load.requests = effort.requests(load::run(server, &load)?.per_second);
        loads.push(load);
    }
    let mut samples: [Vec<Sample>; 2] = Default::default();
    for round in 0..effort.rounds {
        eprintln!("   round {} of {}", round + 1, effort.rounds);
        // Every other round backwards, so that nobody always runs after the same one.
        for at in if round % 2 == 0 { [0, 1] } else { [1, 0] } {
            samples[at].push(load::run(&servers[at], &loads[at])?);
        }
    }
    let sizes = [written(&folders[0])?, written(&folders[1])?];
    let rows = ["Sandkey", "redis-server"].into_iter().zip(&samples);
    let text = format!(
        "SET of 3 B with `appendfsync everysec`, without rewrites. The files had {:.0} and {:.0} MB in the end.\n\n{}",
        sizes[0],
        sizes[1],
        report::table(rows.map(|(name, samples)| (name, PIPELINE, samples.as_slice())))
    );
    let [ours, theirs] = samples.each_ref().map(|samples| cpu(samples));
    Ok(Finding { today: vec![ratio(&ours, &theirs)], text })
}

/// MB of the append-only file. Every request must be in it, or it was not measured.
fn written(folder: &Path) -> Result<f64> {
    let files = std::fs::read_dir(folder.join("appendonlydir")).context("there is no append-only file")?;
    let mut bytes = 0;
    for file in files {
        bytes += file?.metadata()?.len();
    }
    let of_keys = KEYS * ANY_KEY.len() as u64;
    ensure!(bytes > of_keys, "the append-only file has {bytes} bytes only");
    Ok(bytes as f64 / 1e6)
}
