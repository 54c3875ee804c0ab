//! Starting: open the sockets, start the workers, load the modules, say that we are ready; then keep time until somebody
//! asks for the end. Connections are accepted by a thread of its own, see `listen`.

use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use anyhow::Context as _;
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::mpsc;

use crate::command::dispatch::Executor;
use crate::config::{Config, Startup};
use crate::cron;
use crate::limits;
use crate::listen::{Accepted, Listening, Sockets, WorkerQueue};
use crate::metrics;
use crate::module::{LoadRequest, Source};
use crate::net::connection::{Worker, serve};
use crate::reactions;
use crate::server::Server;

/// The lines that tools wait for: ` PID: <pid>` first, as a part of the banner where there is one.
pub fn greet(config: &Config) -> anyhow::Result<()> {
    use std::io::{IsTerminal, Write};
    let version = env!("CARGO_PKG_VERSION");
    tracing::warn!("Sandkey is starting");
    tracing::warn!("Sandkey version={version}, bits=64, pid={}", std::process::id());
    let banner = format!(
        "\n   .-----.\n   |  s  |   Sandkey {version} (64 bit)\n   |  k  |   Port: {}\n   `-----'   PID: {}\n\n",
        config.port,
        std::process::id()
    );
    if config.logfile.is_none() && (config.always_show_logo || std::io::stdout().is_terminal()) {
        std::io::stdout().write_all(banner.as_bytes())?;
    } else {
        tracing::info!("Running mode=standalone, port={}, PID: {}", config.port, std::process::id());
    }
    for (name, reason) in config.inert() {
        tracing::warn!("The directive '{name}' is accepted and has no effect: {reason}");
    }
    Ok(())
}

/// Run a server until it is told to stop.
pub fn run(server: &'static Server, startup: &Startup) -> anyhow::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let config = server.config.current();
        let sockets = Sockets::open(&config)?;
        let metrics = metrics::open(&config)?;
        load_modules(server, startup)?;
        tracing::info!("Server initialized");
        let workers: Vec<_> =
            (0..server.workers()).map(|index| spawn_worker(server, index)).collect::<Result<_, _>>()?;
        reactions::install(server, Listening::start(server, sockets, workers)?);
        if let Some(socket) = metrics {
            tokio::task::spawn(metrics::serve(server, socket));
        }
        cron::spawn(server);
        tracing::info!("Ready to accept connections");
        tokio::select! {
            () = server.stopped() => {}
            signal = termination() => tracing::warn!("Received {signal} scheduling shutdown..."),
        }
        shut_down(server).await;
        Ok(())
    })
}

/// The modules of `loadmodule`, each with its parameters. One that cannot be loaded stops the start.
fn load_modules(server: &'static Server, startup: &Startup) -> anyhow::Result<()> {
    let mut params: Vec<_> = startup.module_configs.iter().collect();
    for wanted in &startup.load_modules {
        let request = LoadRequest {
            source: Source::File(server.config.current().in_dir(&wanted.path)),
            args: wanted.args.clone(),
            configs: Vec::new(),
        };
        let given = |module: &str| {
            let prefix = format!("{module}.").to_ascii_lowercase();
            let own = params.iter().filter(|param| param.name.to_ascii_lowercase().starts_with(&prefix));
            own.map(|param| (param.name.clone().into_bytes(), param.value.clone())).collect::<Vec<_>>()
        };
        let loaded = server.tenant.modules.load_with(server, request, given);
        let module = loaded.map_err(|reason| {
            wanted.origin.fail(format!("Can't load module from {}: {reason}", wanted.path.display()))
        })?;
        let prefix = format!("{}.", module.name).to_ascii_lowercase();
        params.retain(|param| !param.name.to_ascii_lowercase().starts_with(&prefix));
    }
    match params.first() {
        None => Ok(()),
        Some(param) => Err(param
            .origin
            .fail(format!("No module that is loaded has the parameter '{}'", param.name))
            .into()),
    }
}

async fn termination() -> &'static str {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut term), Ok(mut int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        // Without handlers the signals end the process by themselves.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = term.recv() => "SIGTERM",
        _ = int.recv() => "SIGINT",
    }
}

/// Let the replies that are on their way go out, then end.
async fn shut_down(server: &'static Server) {
    tracing::warn!("User requested shutdown...");
    for client in server.clients.list() {
        client.kill();
    }
    let config = server.config.current();
    for _ in 0..20 {
        if server.clients.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    for path in [&config.unixsocket, &config.pidfile].into_iter().flatten() {
        let _ = std::fs::remove_file(config.in_dir(path));
    }
    tracing::warn!("Sandkey is now ready to exit, bye bye...");
}

fn spawn_worker(server: &'static Server, index: usize) -> anyhow::Result<WorkerQueue> {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let body = move || {
        let runtime = match Builder::new_current_thread().enable_all().build_local(LocalOptions::default()) {
            Ok(runtime) => runtime,
            Err(error) => {
                tracing::error!("worker {index} cannot start: {error}");
                return server.stop();
            }
        };
        let worker = Rc::new(Worker::new(Executor::new(server, index)));
        runtime.block_on(async move {
            while let Some(accepted) = receiver.recv().await {
                tokio::task::spawn_local(serve_accepted(server, accepted, Rc::clone(&worker), index));
            }
        });
    };
    std::thread::Builder::new()
        .name(format!("worker-{index}"))
        .spawn(body)
        .context("cannot start a worker")?;
    Ok(sender)
}

async fn serve_accepted(server: &'static Server, accepted: Accepted, worker: Rc<Worker>, index: usize) {
    let id = match &accepted {
        Accepted::Tcp(_, client) | Accepted::Tls(_, client, _) | Accepted::Unix(_, client) => client.id,
    };
    let result: std::io::Result<()> = async {
        match accepted {
            Accepted::Tcp(stream, client) => {
                serve(tokio::net::TcpStream::from_std(stream)?, worker, client).await;
            }
            Accepted::Unix(stream, client) => {
                serve(tokio::net::UnixStream::from_std(stream)?, worker, client).await;
            }
            Accepted::Tls(stream, client, tls) => {
                let stream = tokio::net::TcpStream::from_std(stream)?;
                let handshake = tokio::time::timeout(limits::TLS_HANDSHAKE_MAX, tls.accept(stream)).await;
                let stream = handshake.map_err(|_| std::io::Error::from(std::io::ErrorKind::TimedOut))??;
                serve(stream, worker, client).await;
            }
        }
        Ok(())
    }
    .await;
    if let Err(error) = result {
        tracing::debug!("Error accepting a client connection: {error}");
    }
    server.clients.leave(id);
    server.connections[index].fetch_sub(1, Relaxed);
}
