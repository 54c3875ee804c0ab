//! `cargo xtask`: what one does with a checkout, as one program, so that a newcomer, a developer and the continuous
//! integration all do the same. It calls cargo, rustup and the system's package manager, and says each call before it
//! makes it. Nothing of the server is in here, and nothing of the server depends on it.

mod bench;
mod build;
mod run;
mod setup;
mod step;
mod suite;
mod tree;

use clap::{Parser, Subcommand};
use setup::Need;
use std::process::ExitCode;
use tree::Tree;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Set up, build, run, test and measure Sandkey")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Get what is missing on this machine, saying what is done
    Setup,
    /// Build the server and the sample modules: target/release/sandkey-server, target/modules/*.wasm
    Build,
    /// Set up, build, and start the server on 6379 with the sample modules loaded
    Run {
        /// Arguments for the server, after `--`
        #[arg(last = true)]
        server: Vec<String>,
    },
    /// Set up, then check formatting and lints and run every test
    Test,
    /// Set up, build, compare with redis-server, and write benches/RESULTS.md
    Bench {
        /// Three minutes instead of twenty; the figures are coarser, and go to target/ instead
        #[arg(long)]
        quick: bool,
        /// Only these, by commas: series, memory, throttle, insert, recovery, bgsave, load, everysec
        #[arg(long, value_delimiter = ',')]
        only: Vec<String>,
    },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = Tree::find().and_then(|tree| match cli.command {
        Command::Setup => setup::setup(&tree, Need::ALL),
        Command::Build => setup::setup(&tree, Need::BUILD).and_then(|()| build::build(&tree)),
        Command::Run { server } => run::run(&tree, &server),
        Command::Test => suite::test(&tree),
        Command::Bench { quick, only } => bench::bench(&tree, quick, &only),
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nxtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
