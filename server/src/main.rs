//! The command line of the server: `sandkey-server [file.conf] [--directive value ...]`.

use std::io::Write as _;
use std::os::unix::ffi::OsStringExt;
use std::process::ExitCode;

use sandkey_server::config::{ConfigStore, Invocation, Startup, command_line};
use sandkey_server::server::Server;
use sandkey_server::{logging, start};

/// Measured against others: see the architecture's page on memory.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    // The server starts itself anew to compile a module, within limits.
    sandkey_runtime::compile_child::main_if_asked();
    let args: Vec<Vec<u8>> = std::env::args_os().skip(1).map(OsStringExt::into_vec).collect();
    let cwd = std::env::current_dir().unwrap_or_else(|_| "/".into());
    match command_line::read(&args, &cwd, &mut std::io::stdin()) {
        Ok(Invocation::Help) => print(&command_line::help()),
        Ok(Invocation::Version) => print(&command_line::version()),
        Ok(Invocation::Run(startup)) => match run(&startup) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                tracing::error!("{error:#}");
                complain(&format!("{error:#}"))
            }
        },
        Err(error) => complain(&error.to_string()),
    }
}

fn run(startup: &Startup) -> anyhow::Result<()> {
    let config = &startup.config;
    logging::start(config)?;
    if let Some(path) = &config.pidfile {
        std::fs::write(config.in_dir(path), format!("{}\n", std::process::id()))?;
    }
    start::greet(config)?;
    let store = ConfigStore::new(startup.config.clone(), startup.config_file.clone());
    let server = Server::new(store)?;
    start::run(server, startup)
}

fn print(text: &str) -> ExitCode {
    match writeln!(std::io::stdout(), "{}", text.trim_end()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn complain(text: &str) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "{text}");
    ExitCode::FAILURE
}
