//! Taking connections in: the sockets that are listened on, and the thread that accepts on them and hands each connection
//! to a worker that `balance` chooses. CONFIG SET may change addresses, ports and certificates while all of that goes on.
//!
//! The thread waits for no lock on keys, so a worker may wait for it whatever it has locked itself.

use std::net::{SocketAddr, ToSocketAddrs};
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use anyhow::Context as _;
use parking_lot::RwLock;
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::config::Config;
use crate::limits;
use crate::net::client::{Client, Transport};
use crate::net::connection::ConnectionState;
use crate::net::tls::Tls;
use crate::server::Server;

/// A connection on its way to a worker.
pub struct Arrival {
    /// Its socket, known to no event loop.
    pub socket: Socket,
    /// What is known of its client.
    pub visitor: Visitor,
}

/// The socket of a connection.
pub enum Socket {
    /// TCP.
    Tcp(std::net::TcpStream),
    /// TCP, and the TLS handshake comes next.
    Tls(std::net::TcpStream, Tls),
    /// The Unix socket.
    Unix(std::os::unix::net::UnixStream),
}

/// The client of a connection.
pub enum Visitor {
    /// One that has just connected.
    New(Arc<Client>),
    /// One that another worker served until now.
    Moved(Box<ConnectionState>),
}

/// What a worker takes connections from.
pub type WorkerQueue = mpsc::UnboundedSender<Arrival>;

/// The open sockets.
pub struct Sockets {
    plain: Vec<std::net::TcpListener>,
    tls: Vec<std::net::TcpListener>,
    unix: Option<std::os::unix::net::UnixListener>,
}

impl Sockets {
    /// Open what the configuration says.
    pub fn open(config: &Config) -> anyhow::Result<Self> {
        let mut sockets = Self::open_tcp(config)?;
        if let Some(path) = &config.unixsocket {
            let path = config.in_dir(path);
            let _ = std::fs::remove_file(&path);
            let socket = std::os::unix::net::UnixListener::bind(&path)
                .with_context(|| format!("Failed opening Unix socket: {}", path.display()))?;
            socket.set_nonblocking(true)?;
            if config.unixsocketperm != 0 {
                let mode = std::fs::Permissions::from_mode(config.unixsocketperm);
                std::fs::set_permissions(&path, mode)?;
            }
            sockets.unix = Some(socket);
        }
        Ok(sockets)
    }

    /// Whether anybody could connect.
    pub fn is_any(&self) -> bool {
        self.unix.is_some() || !self.plain.is_empty() || !self.tls.is_empty()
    }

    fn open_tcp(config: &Config) -> anyhow::Result<Self> {
        let open = |port| if port == 0 { Ok(Vec::new()) } else { bind_all(config, port) };
        Ok(Self { plain: open(config.port)?, tls: open(config.tls_port)?, unix: None })
    }
}

/// Open one socket for each configured address, of which there may be none. An address with `-` in front may be missing.
fn bind_all(config: &Config, port: u16) -> anyhow::Result<Vec<std::net::TcpListener>> {
    let mut sockets = Vec::new();
    for address in config.bind.iter() {
        let name = match address.host.as_str() {
            "*" => "0.0.0.0",
            "::*" => "::",
            name => name,
        };
        match bind_one(name, port, config) {
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
    Ok(sockets)
}

fn bind_one(host: &str, port: u16, config: &Config) -> std::io::Result<std::net::TcpListener> {
    let address = (host, port).to_socket_addrs()?.next().ok_or(std::io::ErrorKind::AddrNotAvailable)?;
    let socket = socket2::Socket::new(socket2::Domain::for_address(address), socket2::Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(i32::try_from(config.tcp_backlog).unwrap_or(511))?;
    Ok(socket.into())
}

/// A request to listen elsewhere, and where the answer goes.
struct Move {
    from: Config,
    to: Config,
    answer: std::sync::mpsc::Sender<Result<(), String>>,
}

/// The way to the thread that accepts.
pub struct Listening {
    moves: mpsc::UnboundedSender<Move>,
    tls: Arc<RwLock<Option<Tls>>>,
}

impl Listening {
    /// Begin to accept.
    pub fn start(
        server: &'static Server,
        sockets: Sockets,
        workers: Arc<[WorkerQueue]>,
    ) -> anyhow::Result<Self> {
        let config = server.config.current();
        let tls = if config.tls_port == 0 { None } else { Some(Tls::from_config(&config)?) };
        let tls = Arc::new(RwLock::new(tls));
        let acceptor = Acceptor { server, workers, tls: Arc::clone(&tls) };
        let (moves, requests) = mpsc::unbounded_channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::Builder::new()
            .name("acceptor".to_owned())
            .spawn(move || runtime.block_on(acceptor.run(sockets, requests)))
            .context("cannot start the acceptor")?;
        Ok(Self { moves, tls })
    }

    /// Listen where `to` says instead of where `from` says. On an error everything is as it was.
    pub fn move_to(&self, from: &Config, to: &Config) -> Result<(), String> {
        let (answer, answered) = std::sync::mpsc::channel();
        let gone = |_| "the thread that accepts connections is gone".to_owned();
        self.moves.send(Move { from: from.clone(), to: to.clone(), answer }).map_err(|_| gone(()))?;
        answered.recv().map_err(|_| gone(()))?
    }

    /// Use the certificates that `config` names for handshakes from now on.
    pub fn renew_tls(&self, config: &Config) -> Result<(), String> {
        let tls = if config.tls_port == 0 { None } else { Some(read_tls(config)?) };
        *self.tls.write() = tls;
        Ok(())
    }
}

fn read_tls(config: &Config) -> Result<Tls, String> {
    Tls::from_config(config).map_err(|error| {
        tracing::warn!("Failed to configure TLS: {error:#}");
        "Unable to update TLS configuration. Check server logs.".to_owned()
    })
}

/// Takes connections in and hands them to the workers.
#[derive(Clone)]
struct Acceptor {
    server: &'static Server,
    workers: Arc<[WorkerQueue]>,
    tls: Arc<RwLock<Option<Tls>>>,
}

impl Acceptor {
    async fn run(self, mut sockets: Sockets, mut requests: mpsc::UnboundedReceiver<Move>) {
        if let Some(socket) = sockets.unix.take() {
            tokio::task::spawn(self.clone().accept_unix(socket));
        }
        let mut tasks = self.accept_all(sockets);
        while let Some(request) = requests.recv().await {
            // Closed first: a new address may overlap with an old one.
            for task in tasks.drain(..) {
                task.abort();
                // It ends as cancelled, which is what was asked for.
                let _ = task.await;
            }
            let opened = Sockets::open_tcp(&request.to);
            let answer = match &opened {
                Ok(_) => Ok(()),
                Err(error) => {
                    tracing::warn!("{error:#}");
                    let elsewhere = request.from.bind != request.to.bind;
                    Err(if elsewhere { NOT_BOUND } else { NOT_LISTENING }.to_owned())
                }
            };
            match opened.or_else(|_| Sockets::open_tcp(&request.from)) {
                Ok(sockets) => tasks = self.accept_all(sockets),
                Err(error) => tracing::error!("The server listens on no port any more: {error:#}"),
            }
            // Whoever asked may have gone.
            let _ = request.answer.send(answer);
        }
    }

    fn accept_all(&self, sockets: Sockets) -> Vec<JoinHandle<()>> {
        let plain = sockets.plain.into_iter().map(|socket| (socket, Transport::Tcp));
        let tls = sockets.tls.into_iter().map(|socket| (socket, Transport::Tls));
        plain
            .chain(tls)
            .map(|(socket, transport)| tokio::task::spawn(self.clone().accept_tcp(socket, transport)))
            .collect()
    }

    async fn accept_tcp(self, socket: std::net::TcpListener, transport: Transport) {
        let socket = match TcpListener::from_std(socket) {
            Ok(socket) => socket,
            Err(error) => return tracing::error!("A socket cannot be listened on: {error}"),
        };
        loop {
            match socket.accept().await {
                Ok((stream, peer)) => self.take_in(stream, peer, transport),
                Err(error) => {
                    tracing::warn!("Accepting client connection: {error}");
                    tokio::time::sleep(limits::ACCEPT_BACKOFF).await;
                }
            }
        }
    }

    fn take_in(&self, stream: tokio::net::TcpStream, peer: SocketAddr, transport: Transport) {
        let config = self.server.config.current();
        // Neither can fail on a socket that is open, and a connection without them still works.
        let _ = stream.set_nodelay(true);
        if config.tcp_keepalive > 0 {
            let time = Duration::from_secs(u64::from(config.tcp_keepalive));
            let _ = socket2::SockRef::from(&stream)
                .set_tcp_keepalive(&socket2::TcpKeepalive::new().with_time(time).with_interval(time / 3));
        }
        let laddr = stream.local_addr().map_or_else(|_| String::new(), |addr| addr.to_string());
        let Ok(stream) = stream.into_std() else { return };
        let tls = match transport {
            Transport::Tls => self.tls.read().clone(),
            _ => None,
        };
        if transport == Transport::Tls && tls.is_none() {
            return;
        }
        let stranger = config.protected_mode
            && !peer.ip().to_canonical().is_loopback()
            && self.server.tenant.acl.default_user().needs_no_password();
        if stranger {
            self.server.rejected.fetch_add(1, Relaxed);
            return refuse(stream, tls.is_some(), PROTECTED);
        }
        match self.enter(peer.to_string(), laddr, stream.as_raw_fd(), transport) {
            None => refuse(stream, tls.is_some(), FULL),
            Some(client) => self.hand_over(
                match tls {
                    None => Socket::Tcp(stream),
                    Some(tls) => Socket::Tls(stream, tls),
                },
                client,
            ),
        }
    }

    async fn accept_unix(self, socket: std::os::unix::net::UnixListener) {
        let socket = match UnixListener::from_std(socket) {
            Ok(socket) => socket,
            Err(error) => return tracing::error!("The Unix socket cannot be listened on: {error}"),
        };
        let config = self.server.config.current();
        let path = config.unixsocket.as_deref().map(|path| config.in_dir(path).display().to_string());
        let addr = format!("{}:0", path.unwrap_or_default());
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
            match self.enter(addr.clone(), addr.clone(), stream.as_raw_fd(), Transport::Unix) {
                Some(client) => self.hand_over(Socket::Unix(stream), client),
                None => refuse(stream, false, FULL),
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

    fn hand_over(&self, socket: Socket, client: Arc<Client>) {
        // A TLS connection stays where it is: half of its state is in the library.
        let worker = self.server.balance.enter(!matches!(socket, Socket::Tls(..)));
        if self.workers[worker].send(Arrival { socket, visitor: Visitor::New(client) }).is_err() {
            tracing::error!("worker {worker} is gone");
        }
    }
}

/// Why CONFIG SET of `bind` or of a port failed.
const NOT_BOUND: &str = "Failed to bind to specified addresses.";
const NOT_LISTENING: &str = "Unable to listen on this port. Check server logs.";

const FULL: &[u8] = b"-ERR max number of clients reached\r\n";

const PROTECTED: &[u8] =
    b"-DENIED Sandkey is running in protected mode: the default user has no password, so clients on other machines are \
      refused. Set one with 'requirepass', in the configuration file or by CONFIG SET from the server's own machine; or \
      turn the protection off with 'protected-mode no' where no stranger can reach the port.\r\n";

/// Say why, and close. A socket that has just been opened takes this line without waiting; in TLS nothing can be said
/// before the handshake.
fn refuse(mut stream: impl std::io::Write, tls: bool, line: &[u8]) {
    if !tls {
        let _ = stream.write_all(line);
    }
}
