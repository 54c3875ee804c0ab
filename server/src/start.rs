//! Starting: open the sockets, start the workers, load the modules, say that we are ready; then accept and keep
//! time until somebody asks for the end.

use std::net::ToSocketAddrs;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::mpsc;
use tokio::task::LocalSet;

use crate::command::dispatch::Executor;
use crate::config::{Config, Startup};
use crate::cron;
use crate::limits;
use crate::module::{LoadRequest, Source};
use crate::net::client::{Client, Transport};
use crate::net::connection::{Worker, serve};
use crate::net::tls::Tls;
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

/// A connection on its way to a worker.
enum Accepted {
    Tcp(std::net::TcpStream, Arc<Client>),
    Tls(std::net::TcpStream, Arc<Client>, Tls),
    Unix(std::os::unix::net::UnixStream, Arc<Client>),
}

/// Run a server until it is told to stop.
pub fn run(server: &'static Server, startup: &Startup) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let config = server.config.current();
        let listeners = Listeners::open(&config).await?;
        reactions::install(server);
        load_modules(server, startup)?;
        tracing::info!("Server initialized");
        let workers: Vec<_> =
            (0..server.workers()).map(|index| spawn_worker(server, index)).collect::<Result<_, _>>()?;
        for task in listeners.into_tasks(server, workers) {
            tokio::task::spawn(task);
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

fn spawn_worker(server: &'static Server, index: usize) -> anyhow::Result<mpsc::UnboundedSender<Accepted>> {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let body = move || {
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => {
                tracing::error!("worker {index} cannot start: {error}");
                return server.stop();
            }
        };
        let worker = Rc::new(Worker::new(Executor::new(server, index)));
        LocalSet::new().block_on(&runtime, async move {
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

/// The open sockets.
struct Listeners {
    tcp: Vec<TcpListener>,
    tls: Vec<(TcpListener, Tls)>,
    unix: Option<UnixListener>,
}

impl Listeners {
    async fn open(config: &Config) -> anyhow::Result<Self> {
        let mut listeners = Self { tcp: Vec::new(), tls: Vec::new(), unix: None };
        if config.port != 0 {
            listeners.tcp = bind_all(config, config.port)?;
        }
        if config.tls_port != 0 {
            let tls = Tls::from_config(config)?;
            let sockets = bind_all(config, config.tls_port)?;
            listeners.tls = sockets.into_iter().map(|socket| (socket, tls.clone())).collect();
        }
        if let Some(path) = &config.unixsocket {
            let path = config.in_dir(path);
            let _ = std::fs::remove_file(&path);
            let socket = UnixListener::bind(&path)
                .with_context(|| format!("Failed opening Unix socket: {}", path.display()))?;
            if config.unixsocketperm != 0 {
                let mode = std::fs::Permissions::from_mode(config.unixsocketperm);
                std::fs::set_permissions(&path, mode)?;
            }
            listeners.unix = Some(socket);
        }
        Ok(listeners)
    }

    fn into_tasks(
        self,
        server: &'static Server,
        workers: Vec<mpsc::UnboundedSender<Accepted>>,
    ) -> Vec<std::pin::Pin<Box<dyn Future<Output = ()> + Send>>> {
        let acceptor = Acceptor { server, workers: workers.into() };
        let mut tasks: Vec<std::pin::Pin<Box<dyn Future<Output = ()> + Send>>> = Vec::new();
        for socket in self.tcp {
            tasks.push(Box::pin(acceptor.clone().accept_tcp(socket, None)));
        }
        for (socket, tls) in self.tls {
            tasks.push(Box::pin(acceptor.clone().accept_tcp(socket, Some(tls))));
        }
        if let Some(socket) = self.unix {
            tasks.push(Box::pin(acceptor.accept_unix(socket)));
        }
        tasks
    }
}

/// Open one socket for each configured address. An address with `-` in front may be missing.
fn bind_all(config: &Config, port: u16) -> anyhow::Result<Vec<TcpListener>> {
    let mut sockets = Vec::new();
    for address in config.bind.iter() {
        let name = match address.host.as_str() {
            "*" => "0.0.0.0",
            "::*" => "::",
            name => name,
        };
        match open(name, port, config) {
            Ok(socket) => sockets.push(socket),
            Err(error) if address.optional => tracing::debug!("Could not listen on {name}:{port}: {error}"),
            Err(error) => {
                tracing::error!(
                    "Warning: Could not create server TCP listening socket {name}:{port}: bind: {error}"
                );
                anyhow::bail!("Failed listening on port {port} (tcp), aborting.");
            }
        }
    }
    anyhow::ensure!(!sockets.is_empty(), "Failed listening on port {port} (tcp), aborting.");
    Ok(sockets)
}

fn open(host: &str, port: u16, config: &Config) -> std::io::Result<TcpListener> {
    let address = (host, port).to_socket_addrs()?.next().ok_or(std::io::ErrorKind::AddrNotAvailable)?;
    let socket = socket2::Socket::new(socket2::Domain::for_address(address), socket2::Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(i32::try_from(config.tcp_backlog).unwrap_or(511))?;
    TcpListener::from_std(socket.into())
}

/// Takes connections in and hands them to the workers.
#[derive(Clone)]
struct Acceptor {
    server: &'static Server,
    workers: Arc<[mpsc::UnboundedSender<Accepted>]>,
}

impl Acceptor {
    async fn accept_tcp(self, socket: TcpListener, tls: Option<Tls>) {
        loop {
            let (stream, peer) = match socket.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!("Accepting client connection: {error}");
                    tokio::time::sleep(limits::ACCEPT_BACKOFF).await;
                    continue;
                }
            };
            let config = self.server.config.current();
            // Neither can fail on a socket that is open, and a connection without them still works.
            let _ = stream.set_nodelay(true);
            if config.tcp_keepalive > 0 {
                let time = Duration::from_secs(u64::from(config.tcp_keepalive));
                let _ = socket2::SockRef::from(&stream)
                    .set_tcp_keepalive(&socket2::TcpKeepalive::new().with_time(time).with_interval(time / 3));
            }
            let laddr = stream.local_addr().map_or_else(|_| String::new(), |addr| addr.to_string());
            let Ok(stream) = stream.into_std() else { continue };
            let transport = if tls.is_some() { Transport::Tls } else { Transport::Tcp };
            let Some(client) = self.enter(peer.to_string(), laddr, stream.as_raw_fd(), transport) else {
                refuse(stream);
                continue;
            };
            self.hand_over(match &tls {
                None => Accepted::Tcp(stream, client),
                Some(tls) => Accepted::Tls(stream, client, tls.clone()),
            });
        }
    }

    async fn accept_unix(self, socket: UnixListener) {
        let config = self.server.config.current();
        let path = config
            .unixsocket
            .as_deref()
            .map(|path| config.in_dir(path).display().to_string())
            .unwrap_or_default();
        loop {
            let stream = match socket.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!("Accepting client connection: {error}");
                    tokio::time::sleep(limits::ACCEPT_BACKOFF).await;
                    continue;
                }
            };
            let Ok(stream) = stream.into_std() else { continue };
            let addr = format!("{path}:0");
            match self.enter(addr.clone(), addr, stream.as_raw_fd(), Transport::Unix) {
                Some(client) => self.hand_over(Accepted::Unix(stream, client)),
                None => refuse(stream),
            }
        }
    }

    /// Enter the client, unless there are too many.
    fn enter(&self, addr: String, laddr: String, fd: i32, transport: Transport) -> Option<Arc<Client>> {
        let server = self.server;
        let client = Client::new(server.clients.next_id(), addr, laddr, fd, transport, server.clock.now_ms());
        let client = Arc::new(client);
        let max = server.config.current().maxclients as usize;
        if server.clients.enter(Arc::clone(&client), max) {
            server.accepted.fetch_add(1, Relaxed);
            Some(client)
        } else {
            server.rejected.fetch_add(1, Relaxed);
            None
        }
    }

    /// To the worker with the fewest connections.
    fn hand_over(&self, accepted: Accepted) {
        let counts = self.server.connections.iter().map(|count| count.load(Relaxed));
        let (index, _) = counts.enumerate().min_by_key(|&(_, count)| count).unwrap_or_default();
        self.server.connections[index].fetch_add(1, Relaxed);
        if self.workers[index].send(accepted).is_err() {
            tracing::error!("worker {index} is gone");
        }
    }
}

/// Say why, and close. A socket that has just been opened takes this line without waiting.
fn refuse(mut stream: impl std::io::Write) {
    let _ = stream.write_all(b"-ERR max number of clients reached\r\n");
}
