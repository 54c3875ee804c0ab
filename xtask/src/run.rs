//! `cargo xtask run`: from a fresh checkout to a server with modules in it. This process becomes the server, so
//! Ctrl-C and signals go where they are meant to go.

use crate::build;
use crate::setup::{self, Need};
use crate::step::Step;
use crate::tree::Tree;
use anyhow::{Context as _, Result, bail};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt;
use std::process::Stdio;

const PORT: u16 = 6379;

/// Set up, build, say how to talk to it, and become the server.
pub(crate) fn run(tree: &Tree, server_args: &[String]) -> Result<()> {
    setup::setup(tree, Need::RUN)?;
    build::build(tree)?;

    let port = chosen_port(server_args);
    // Redis's packages start a service on this port. Better said here than by a server that gives up.
    if port.is_none() && TcpListener::bind((Ipv4Addr::LOCALHOST, PORT)).is_err() {
        bail!("port {PORT} is in use; choose another one: cargo xtask run -- --port 6380");
    }
    let modules = tree.modules_for_use()?;
    // Its snapshots and its append-only file belong among what was built, not into the sources.
    let data = tree.target().join("data");
    std::fs::create_dir_all(&data).with_context(|| format!("cannot make {}", tree.shown(&data)))?;
    let mut step = Step::of(tree, "run", tree.server());
    step = step.arg("--dir").arg(&data);
    // Like redis-server, Sandkey takes no modules from clients unless told to. Whoever runs this wants to try some.
    step = step.arg("--enable-module-command").arg("local");
    for name in &modules {
        step = step.arg("--loadmodule").arg(tree.module(name));
    }
    for arg in server_args {
        step = step.arg(arg);
    }
    let port = port.unwrap_or(PORT);
    eprintln!("\n{}\n", how_to_talk(port, &modules));
    let error = step.command().stdin(Stdio::inherit()).exec();
    bail!("cannot start {}: {error}", tree.shown(&tree.server()))
}

/// The value of the last `--port`, if there is one.
fn chosen_port(args: &[String]) -> Option<u16> {
    let at = args.iter().rposition(|arg| arg == "--port")?;
    args.get(at + 1)?.parse().ok()
}

fn how_to_talk(port: u16, modules: &[String]) -> String {
    let cli = if port == PORT { "redis-cli".to_owned() } else { format!("redis-cli -p {port}") };
    format!(
        "Sandkey on port {port}, with these modules: {}. It saves to target/data.\n\
         In another terminal:\n\n  \
         {cli} SET greeting hello\n  \
         {cli} MODULE LIST\n  \
         {cli} HELLO.GREET Ada\n  \
         {cli} CL.THROTTLE user:1 15 30 60\n\n\
         Ctrl-C stops it.",
        modules.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::chosen_port;

    #[test]
    fn the_last_port_counts() {
        let args = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(chosen_port(&args("--save 60")), None);
        assert_eq!(chosen_port(&args("--port 7000 --port 7001")), Some(7001));
        assert_eq!(chosen_port(&args("--port")), None);
    }
}
