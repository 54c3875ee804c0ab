//! Starting: open the sockets, start the workers, load the modules, say that we are ready; then keep time until somebody
//! asks for the end. Connections are accepted by a thread of its own, see `listen`.

use std::rc::Rc;
use std::sync::Arc;

use anyhow::Context as _;
use tokio::net::{TcpStream, UnixStream};
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::mpsc;

use crate::balance;
use crate::command::dispatch::Executor;
use crate::config::{Config, Startup};
use crate::cron;
use crate::limits;
use crate::listen::{Arrival, Listening, Socket, Sockets, Visitor, WorkerQueue};
use crate::metrics;
use crate::module::{LoadRequest, Source};
use crate::net::connection::{ConnectionState, Worker, serve};
use crate::reactions;
use crate::server::Server;
use crate::shutdown::Signals;
use crate::users;

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
        let signals = Signals::listen()?;
        let config = server.config.current();
        let sockets = Sockets::open(&config)?;
        let metrics = metrics::open(&config)?;
        users::rename_commands(server, startup)?;
        load_modules(server, startup)?;
        users::load(server, startup)?;
        anyhow::ensure!(sockets.is_any(), "Configured to not listen anywhere, exiting.");
        tracing::info!("Server initialized");
        // From the first connection on, clients are told to wait for the data.
        server.persistence.begin_loading(0, server.clock.now_us() / 1_000_000);
        let workers = spawn_workers(server)?;
        reactions::install(server, Listening::start(server, sockets, workers)?);
        if let Some(socket) = metrics {
            tokio::task::spawn(metrics::serve(server, socket));
        }
        cron::spawn(server);
        balance::spawn(server);
        // Earlier there is nothing to save, and that must not take the place of what is in the files.
        signals.follow(server);
        until_end(server, load_data(server)).await?;
        tracing::info!("Ready to accept connections");
        until_end(server, std::future::pending()).await
    })
}

/// Load what is in the files, in a thread of its own.
async fn load_data(server: &'static Server) -> anyhow::Result<()> {
    let load = tokio::task::spawn_blocking(move || -> anyhow::Result<()> {
        let _counted = server.memory.guest();
        if server.config.current().appendonly {
            server.load_aof()?;
            server.open_aof()?;
        } else {
            server.load_snapshot()?;
        }
        Ok(())
    });
    load.await.context("loading was interrupted")??;
    server.persistence.end_loading(server.dirty(), server.clock.now_us() / 1_000_000);
    Ok(())
}

/// Wait for the end of `work`, or of a server that cannot go on.
async fn until_end(
    server: &'static Server,
    work: impl Future<Output = anyhow::Result<()>>,
) -> anyhow::Result<()> {
    tokio::select! {
        done = work => done,
        () = server.stopped() => {
            server.remove_traces();
            anyhow::bail!("the server cannot go on")
        }
    }
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

/// Start the workers. Each is reached through its queue, by the acceptor and by the others.
fn spawn_workers(server: &'static Server) -> anyhow::Result<Arc<[WorkerQueue]>> {
    let (queues, arrivals): (Vec<_>, Vec<_>) =
        (0..server.workers()).map(|_| mpsc::unbounded_channel()).unzip();
    let queues: Arc<[WorkerQueue]> = queues.into();
    for (index, arrivals) in arrivals.into_iter().enumerate() {
        let queues = Arc::clone(&queues);
        std::thread::Builder::new()
            .name(format!("worker-{index}"))
            .spawn(move || run_worker(server, index, arrivals, &queues))
            .context("cannot start a worker")?;
    }
    Ok(queues)
}

fn run_worker(
    server: &'static Server,
    index: usize,
    mut arrivals: mpsc::UnboundedReceiver<Arrival>,
    queues: &Arc<[WorkerQueue]>,
) {
    let runtime = match Builder::new_current_thread().enable_all().build_local(LocalOptions::default()) {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!("worker {index} cannot start: {error}");
            return server.stop();
        }
    };
    server.balance.start_worker(index);
    let worker = Rc::new(Worker::new(Executor::new(server, index)));
    runtime.block_on(async move {
        while let Some(arrival) = arrivals.recv().await {
            tokio::task::spawn_local(serve_arrival(server, arrival, Rc::clone(&worker), Arc::clone(queues)));
        }
    });
}

/// Serve a connection on this worker until it ends or goes to another one.
async fn serve_arrival(
    server: &'static Server,
    arrival: Arrival,
    worker: Rc<Worker>,
    queues: Arc<[WorkerQueue]>,
) {
    let index = worker.executor.borrow().worker;
    let mut state = match arrival.visitor {
        Visitor::New(client) => Box::new(ConnectionState::new(client, &worker)),
        Visitor::Moved(state) => state,
    };
    let ended = serve_socket(arrival.socket, worker, &mut state).await;
    server.balance.leave(index);
    match ended {
        Ok(Some((socket, to))) => {
            server.balance.arrive(to);
            if queues[to].send(Arrival { socket, visitor: Visitor::Moved(state) }).is_err() {
                tracing::error!("worker {to} is gone");
            }
        }
        Ok(None) => state.disconnect(server, index),
        Err(error) => {
            tracing::debug!("Error accepting a client connection: {error}");
            state.disconnect(server, index);
        }
    }
}

/// The same by kind of socket. One that moves leaves this worker's event loop.
async fn serve_socket(
    socket: Socket,
    worker: Rc<Worker>,
    state: &mut ConnectionState,
) -> std::io::Result<Option<(Socket, usize)>> {
    match socket {
        Socket::Tcp(stream) => {
            let moved = serve(TcpStream::from_std(stream)?, worker, state, true).await;
            moved.map(|(stream, to)| Ok((Socket::Tcp(stream.into_std()?), to))).transpose()
        }
        Socket::Unix(stream) => {
            let moved = serve(UnixStream::from_std(stream)?, worker, state, true).await;
            moved.map(|(stream, to)| Ok((Socket::Unix(stream.into_std()?), to))).transpose()
        }
        Socket::Tls(stream, tls) => {
            let handshake = tls.accept(TcpStream::from_std(stream)?);
            let stream = tokio::time::timeout(limits::TLS_HANDSHAKE_MAX, handshake).await;
            let stream = stream.map_err(|_| std::io::Error::from(std::io::ErrorKind::TimedOut))??;
            serve(stream, worker, state, false).await;
            Ok(None)
        }
    }
}
