//! A small blocking client: one connection, RESP2 or RESP3, with everything that a test wants to see.
//! It hides nothing: pushes stay in order with replies when they are read one by one, bytes can be sent that
//! are no command, and what came is kept as it came. A surprise panics with the command and the reply, so that a
//! test reads as a list of expectations. It is not a client for programs: it neither reconnects nor retries.

use crate::server::eventually;
use crate::value::{self, Protocol, Value};
use crate::words::{quote, split_line};
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long a reply may take before a test gives up. Two busy cores run everything at once, so it is generous.
pub const REPLY_TIMEOUT: Duration = Duration::from_secs(30);

/// What a connection runs over.
#[derive(Debug)]
enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Socket {
    fn try_clone(&self) -> io::Result<Socket> {
        Ok(match self {
            Socket::Tcp(s) => Socket::Tcp(s.try_clone()?),
            Socket::Unix(s) => Socket::Unix(s.try_clone()?),
        })
    }

    fn set_read_timeout(&self, timeout: Duration) -> io::Result<()> {
        // A timeout of zero means "for ever" to the system, which is the opposite of what a caller wants.
        let timeout = Some(timeout.max(Duration::from_millis(1)));
        match self {
            Socket::Tcp(s) => s.set_read_timeout(timeout),
            Socket::Unix(s) => s.set_read_timeout(timeout),
        }
    }

    fn set_write_timeout(&self, timeout: Duration) -> io::Result<()> {
        match self {
            Socket::Tcp(s) => s.set_write_timeout(Some(timeout)),
            Socket::Unix(s) => s.set_write_timeout(Some(timeout)),
        }
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        match self {
            Socket::Tcp(s) => s.shutdown(how),
            Socket::Unix(s) => s.shutdown(how),
        }
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(s) => s.read(buffer),
            Socket::Unix(s) => s.read(buffer),
        }
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Socket::Tcp(s) => s.write(bytes),
            Socket::Unix(s) => s.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Why there is no value to read.
#[derive(Debug)]
pub enum ReadError {
    /// The server closed the connection.
    Closed,
    /// Nothing came in time.
    Timeout,
    /// What came is no RESP.
    Malformed(value::Malformed),
    /// The connection broke in some other way.
    Io(io::Error),
}

impl std::fmt::Display for ReadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ReadError::Closed => write!(f, "the server closed the connection"),
            ReadError::Timeout => write!(f, "no reply in time"),
            ReadError::Malformed(why) => write!(f, "{why}"),
            ReadError::Io(why) => write!(f, "{why}"),
        }
    }
}

impl std::error::Error for ReadError {}

/// A connection to a server.
#[derive(Debug)]
pub struct Client {
    socket: Socket,
    protocol: Protocol,
    input: Vec<u8>,
    at: usize,
    pushes: VecDeque<Value>,
    timeout: Duration,
}

impl Client {
    /// Connect over TCP. Nothing is sent.
    #[track_caller]
    pub fn connect(address: SocketAddr) -> Client {
        let socket = TcpStream::connect_timeout(&address, REPLY_TIMEOUT)
            .unwrap_or_else(|e| panic!("cannot connect to {address}: {e}"));
        socket.set_nodelay(true).unwrap_or_else(|e| panic!("TCP_NODELAY: {e}"));
        Client::over(Socket::Tcp(socket))
    }

    /// Connect over a Unix socket.
    #[track_caller]
    pub fn connect_unix(path: &Path) -> Client {
        let socket =
            UnixStream::connect(path).unwrap_or_else(|e| panic!("cannot connect to {}: {e}", path.display()));
        Client::over(Socket::Unix(socket))
    }

    fn over(socket: Socket) -> Client {
        socket
            .set_write_timeout(REPLY_TIMEOUT)
            .unwrap_or_else(|e| panic!("the socket takes no timeout: {e}"));
        Client {
            socket,
            protocol: Protocol::Resp2,
            input: Vec::new(),
            at: 0,
            pushes: VecDeque::new(),
            timeout: REPLY_TIMEOUT,
        }
    }

    /// Say HELLO if the protocol asks for it.
    #[track_caller]
    pub fn speaking(mut self, protocol: Protocol) -> Client {
        if protocol == Protocol::Resp3 {
            self.hello(protocol);
        }
        self
    }

    /// Switch to a protocol; the reply of HELLO.
    #[track_caller]
    pub fn hello(&mut self, protocol: Protocol) -> Value {
        self.send(&["HELLO", protocol.number()]);
        // The reply is already in the new protocol.
        self.protocol = protocol;
        let reply = self.read();
        assert!(reply.error().is_none(), "HELLO {}: {}", protocol.number(), reply.cli());
        reply
    }

    /// The protocol that replies are read in.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// Read replies in this protocol from now on, because the test has sent its own HELLO or RESET.
    pub fn set_protocol(&mut self, protocol: Protocol) {
        self.protocol = protocol;
    }

    /// How long to wait for replies from now on.
    pub fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
    }

    /// Send a command and read its reply; pushes that come before it are kept for [`Client::push`].
    #[track_caller]
    pub fn call<A: AsRef<[u8]>>(&mut self, args: &[A]) -> Value {
        self.send(args);
        match self.try_reply() {
            Ok(value) => value,
            Err(why) => panic!("{}: {why}", shown(args)),
        }
    }

    /// Send a command written as in redis-cli, and give what redis-cli would print.
    #[track_caller]
    pub fn run(&mut self, line: &str) -> String {
        self.value(line).cli()
    }

    /// Send a command written as in redis-cli.
    #[track_caller]
    pub fn value(&mut self, line: &str) -> Value {
        let args = split_line(line).unwrap_or_else(|| panic!("quotes do not match in {line:?}"));
        self.call(&args)
    }

    /// Send a command and expect that integer in return.
    #[track_caller]
    pub fn int(&mut self, line: &str) -> i64 {
        let reply = self.value(line);
        reply.int().unwrap_or_else(|| panic!("{line}: {}", reply.cli()))
    }

    /// A field of INFO.
    #[track_caller]
    pub fn info(&mut self, field: &str) -> String {
        let text = self.value("INFO everything").text();
        let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
        line.unwrap_or_else(|| panic!("INFO has no {field}:\n{text}")).to_owned()
    }

    /// A field of INFO that is a number.
    #[track_caller]
    pub fn info_int(&mut self, field: &str) -> i64 {
        let text = self.info(field);
        text.parse().unwrap_or_else(|_| panic!("INFO has no number {field}, but {text}"))
    }

    /// Wait until no rewrite of the append-only file is under way, or going to be.
    #[track_caller]
    pub fn await_rewrite(&mut self) {
        eventually("the rewrite has ended", Duration::from_secs(30), || {
            self.info("aof_rewrite_in_progress") == "0" && self.info("aof_rewrite_scheduled") == "0"
        });
    }

    /// Send a command without reading a reply.
    #[track_caller]
    pub fn send<A: AsRef<[u8]>>(&mut self, args: &[A]) {
        self.send_raw(&encode(args));
    }

    /// Send bytes as they are.
    #[track_caller]
    pub fn send_raw(&mut self, bytes: &[u8]) {
        if let Err(why) = self.try_send_raw(bytes) {
            panic!("cannot send {} bytes: {why}", bytes.len());
        }
    }

    /// Send bytes as they are; the server may have closed the connection.
    pub fn try_send_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.socket.write_all(bytes)
    }

    /// Send all requests while another thread reads, and give as many replies. Any number of them works, as
    /// neither side waits for the other.
    #[track_caller]
    pub fn pipeline<A: AsRef<[u8]>>(&mut self, requests: &[Vec<A>]) -> Vec<Value> {
        let mut bytes = Vec::new();
        for request in requests {
            encode_into(request, &mut bytes);
        }
        self.pipeline_raw(bytes, requests.len())
    }

    /// The same for requests that are bytes already.
    #[track_caller]
    pub fn pipeline_raw(&mut self, bytes: Vec<u8>, replies: usize) -> Vec<Value> {
        let mut writer = self.socket.try_clone().unwrap_or_else(|e| panic!("cannot clone the socket: {e}"));
        let sender = std::thread::spawn(move || writer.write_all(&bytes));
        let mut values = Vec::with_capacity(replies);
        for i in 0..replies {
            match self.try_reply() {
                Ok(value) => values.push(value),
                Err(why) => panic!("reply {i} of {replies}: {why}"),
            }
        }
        if let Err(why) = sender.join().expect("the sender does not panic") {
            panic!("cannot send: {why}");
        }
        values
    }

    /// The next value, push or not.
    #[track_caller]
    pub fn read(&mut self) -> Value {
        self.try_read().unwrap_or_else(|why| panic!("{why}"))
    }

    /// The next value that is no push.
    pub fn try_reply(&mut self) -> Result<Value, ReadError> {
        loop {
            match self.try_read_wire()? {
                push @ Value::Push(_) => self.pushes.push_back(push),
                value => return Ok(value),
            }
        }
    }

    /// The next push or, in RESP2, message: one that was kept first.
    #[track_caller]
    pub fn push(&mut self) -> Value {
        self.read()
    }

    /// The next value, pushes that were kept first.
    pub fn try_read(&mut self) -> Result<Value, ReadError> {
        match self.pushes.pop_front() {
            Some(push) => Ok(push),
            None => self.try_read_wire(),
        }
    }

    fn try_read_wire(&mut self) -> Result<Value, ReadError> {
        let deadline = Instant::now() + self.timeout;
        loop {
            let decoded =
                value::decode(&self.input[self.at..], self.protocol).map_err(ReadError::Malformed)?;
            if let Some((value, length)) = decoded {
                self.at += length;
                return Ok(value);
            }
            self.fill(deadline)?;
        }
    }

    /// Wait for more bytes and append them to the input.
    fn fill(&mut self, deadline: Instant) -> Result<(), ReadError> {
        self.input.drain(..self.at);
        self.at = 0;
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ReadError::Timeout);
        }
        self.socket.set_read_timeout(left).map_err(ReadError::Io)?;
        let before = self.input.len();
        self.input.resize(before + (256 << 10), 0);
        let got = self.socket.read(&mut self.input[before..]);
        self.input.truncate(before + *got.as_ref().unwrap_or(&0));
        match got {
            Ok(0) => Err(ReadError::Closed),
            Ok(_) => Ok(()),
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                Err(ReadError::Timeout)
            }
            Err(e) if e.kind() == ErrorKind::Interrupted => Ok(()),
            Err(e) if matches!(e.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => {
                Err(ReadError::Closed)
            }
            Err(e) => Err(ReadError::Io(e)),
        }
    }

    /// The next `length` bytes of the stream, whatever they are.
    #[track_caller]
    pub fn read_raw(&mut self, length: usize) -> Vec<u8> {
        let deadline = Instant::now() + self.timeout;
        while self.input.len() - self.at < length {
            if let Err(why) = self.fill(deadline) {
                panic!("{} of {length} bytes, then {why}", self.input.len() - self.at);
            }
        }
        let bytes = self.input[self.at..self.at + length].to_vec();
        self.at += length;
        bytes
    }

    /// Everything up to the end of the stream.
    #[track_caller]
    pub fn read_to_end(&mut self) -> Vec<u8> {
        let deadline = Instant::now() + self.timeout;
        loop {
            match self.fill(deadline) {
                Ok(()) => {}
                Err(ReadError::Closed) => return std::mem::take(&mut self.input),
                Err(why) => panic!("{} bytes, then {why}", self.input.len()),
            }
        }
    }

    /// The server must have closed the connection, with nothing more to read.
    #[track_caller]
    pub fn expect_closed(&mut self) {
        match self.try_read() {
            Err(ReadError::Closed) => {}
            Err(why) => panic!("the connection should be closed, but: {why}"),
            Ok(value) => panic!("the connection should be closed, but it said {}", value.cli()),
        }
    }

    /// Nothing may come for that long.
    #[track_caller]
    pub fn expect_silence(&mut self, time: Duration) {
        let timeout = std::mem::replace(&mut self.timeout, time);
        let read = self.try_read();
        self.timeout = timeout;
        match read {
            Err(ReadError::Timeout) => {}
            Err(why) => panic!("the connection should be silent, but: {why}"),
            Ok(value) => panic!("the connection should be silent, but it said {}", value.cli()),
        }
    }

    /// Tell the server that nothing more will be sent.
    #[track_caller]
    pub fn finish_sending(&self) {
        if let Err(why) = self.socket.shutdown(Shutdown::Write) {
            panic!("cannot shut down: {why}");
        }
    }
}

/// A command as it is sent.
pub fn encode<A: AsRef<[u8]>>(args: &[A]) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_into(args, &mut bytes);
    bytes
}

/// Append a command as it is sent.
pub fn encode_into<A: AsRef<[u8]>>(args: &[A], bytes: &mut Vec<u8>) {
    bytes.extend_from_slice(format!("*{}\r\n", args.len()).as_bytes());
    for arg in args {
        let arg = arg.as_ref();
        bytes.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
        bytes.extend_from_slice(arg);
        bytes.extend_from_slice(b"\r\n");
    }
}

/// A command as people read it, cut where it is long.
pub fn shown<A: AsRef<[u8]>>(args: &[A]) -> String {
    let words: Vec<String> = args
        .iter()
        .map(|arg| {
            let arg = arg.as_ref();
            let plain = !arg.is_empty() && arg.iter().all(|b| b.is_ascii_graphic() && !b"\"'\\".contains(b));
            match arg {
                _ if arg.len() > 120 => format!("{}...({} bytes)", quote(&arg[..80]), arg.len()),
                _ if plain => String::from_utf8_lossy(arg).into_owned(),
                _ => quote(arg),
            }
        })
        .collect();
    words.join(" ")
}
