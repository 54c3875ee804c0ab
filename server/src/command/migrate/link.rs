//! Connections to servers that keys go to. They block: MIGRATE has a thread of its own. One is kept for some seconds after it
//! was used, since whoever moves keys moves many; if the other end has closed it meanwhile, it is opened again.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::effects::propagate::put_command;
use crate::limits;

/// Where keys go.
pub struct Target {
    /// Its name or address.
    pub host: String,
    /// Its port; text, as nothing but the connection depends on its being a number.
    pub port: String,
    /// The database there.
    pub db: i64,
    /// What AUTH is to be given: nothing, a password, or a name and a password.
    pub auth: Vec<Vec<u8>>,
    /// How long each step may take.
    pub timeout: Duration,
}

/// A key with its value.
pub struct Parcel {
    /// The key.
    pub key: Box<[u8]>,
    /// When it expires.
    pub expire_at: Option<u64>,
    /// Its value as DUMP has it.
    pub payload: Vec<u8>,
    /// A key of that name there is replaced.
    pub replace: bool,
}

/// How an exchange went.
#[derive(Default)]
pub struct Exchanged {
    /// The answers to the first parcels, in their order; an error is its line without the sign.
    pub answers: Vec<Result<(), Vec<u8>>>,
    /// Why there are no more.
    pub failure: Option<Failure>,
}

/// What the network did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// There is no connection.
    Connect,
    /// What was to be sent could not be.
    Write,
    /// No answer came.
    Read {
        /// Because it took too long, which is no reason to try again.
        timed_out: bool,
    },
}

impl Failure {
    /// The line of the error.
    pub fn line(self) -> &'static str {
        match self {
            Failure::Connect => "IOERR error or timeout connecting to the client",
            Failure::Write => "IOERR error or timeout writing to target instance",
            Failure::Read { .. } => "IOERR error or timeout reading to target instance",
        }
    }

    fn of_read(error: &io::Error) -> Self {
        Failure::Read { timed_out: is_timeout(error) }
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// The connections that are kept.
#[derive(Default)]
pub struct Links(Mutex<Vec<Kept>>);

struct Kept {
    host: String,
    port: String,
    link: Link,
    since: Instant,
}

impl Links {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.lock().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Close those that nobody has used for a while.
    pub fn close_idle(&self) {
        self.0.lock().retain(|kept| kept.since.elapsed() <= limits::MIGRATE_LINK_IDLE);
    }

    /// Send parcels and wait for the answers. If the connection turns out to be dead before the first of them, a second is
    /// tried.
    pub fn exchange(&self, target: &Target, parcels: &[Parcel], now_ms: u64) -> Exchanged {
        let first = self.try_exchange(target, parcels, now_ms);
        match first.failure {
            Some(Failure::Write | Failure::Read { timed_out: false }) if first.answers.is_empty() => {
                self.try_exchange(target, parcels, now_ms)
            }
            _ => first,
        }
    }

    fn try_exchange(&self, target: &Target, parcels: &[Parcel], now_ms: u64) -> Exchanged {
        let mut exchanged = Exchanged::default();
        let link = match self.take(target) {
            Some(link) => Ok(link),
            None => Link::connect(target),
        };
        match link {
            Ok(mut link) => {
                exchanged.failure = link.exchange(target, parcels, now_ms, &mut exchanged.answers).err();
                if exchanged.failure.is_none() {
                    self.keep(target, link);
                }
            }
            Err(failure) => exchanged.failure = Some(failure),
        }
        exchanged
    }

    fn take(&self, target: &Target) -> Option<Link> {
        let mut kept = self.0.lock();
        let at = kept.iter().position(|kept| kept.host == target.host && kept.port == target.port)?;
        Some(kept.swap_remove(at).link)
    }

    fn keep(&self, target: &Target, link: Link) {
        let mut all = self.0.lock();
        if all.len() >= limits::MIGRATE_LINKS {
            all.remove(0);
        }
        let (host, port) = (target.host.clone(), target.port.clone());
        all.push(Kept { host, port, link, since: Instant::now() });
    }
}

struct Link {
    stream: BufReader<TcpStream>,
    /// The database that is selected there, if that is known.
    db: Option<i64>,
}

impl Link {
    fn connect(target: &Target) -> Result<Self, Failure> {
        // Redis finds out that nobody listens when it writes, and says so.
        let refused = |error: io::Error| if is_timeout(&error) { Failure::Connect } else { Failure::Write };
        let port: u16 = target.port.parse().map_err(|_| Failure::Write)?;
        let addresses = (target.host.as_str(), port).to_socket_addrs().map_err(|_| Failure::Connect)?;
        let mut failure = Failure::Connect;
        for address in addresses {
            match TcpStream::connect_timeout(&address, target.timeout) {
                Ok(stream) => {
                    stream.set_nodelay(true).map_err(refused)?;
                    return Ok(Link { stream: BufReader::new(stream), db: None });
                }
                Err(error) => failure = refused(error),
            }
        }
        Err(failure)
    }

    fn exchange(
        &mut self,
        target: &Target,
        parcels: &[Parcel],
        now_ms: u64,
        answers: &mut Vec<Result<(), Vec<u8>>>,
    ) -> Result<(), Failure> {
        let select = self.db != Some(target.db);
        // It is known again when all has gone well.
        self.db = None;
        self.send(&requests(target, select, parcels, now_ms), target.timeout).map_err(|_| Failure::Write)?;
        let mut refused = None;
        for _ in 0..usize::from(!target.auth.is_empty()) + usize::from(select) {
            refused = refused.or(self.answer()?.err());
        }
        for _ in parcels {
            let answer = self.answer()?;
            // A RESTORE that was accepted went to another database.
            answers.push(refused.clone().map_or(answer, Err));
        }
        if answers.iter().all(Result::is_ok) {
            self.db = Some(target.db);
        }
        Ok(())
    }

    fn send(&mut self, bytes: &[u8], timeout: Duration) -> io::Result<()> {
        let stream = self.stream.get_mut();
        stream.set_write_timeout(Some(timeout))?;
        stream.set_read_timeout(Some(timeout))?;
        stream.write_all(bytes)
    }

    /// The next answer, which is a line; an error without its sign.
    fn answer(&mut self) -> Result<Result<(), Vec<u8>>, Failure> {
        let mut line = Vec::new();
        let mut limited = (&mut self.stream).take(limits::LINE_LEN_MAX as u64);
        limited.read_until(b'\n', &mut line).map_err(|error| Failure::of_read(&error))?;
        match line.strip_suffix(b"\n").map(|line| line.strip_suffix(b"\r").unwrap_or(line)) {
            Some([b'-', error @ ..]) => Ok(Err(error.to_vec())),
            Some(_) => Ok(Ok(())),
            None => Err(Failure::Read { timed_out: false }),
        }
    }
}

/// All that is sent at once.
fn requests(target: &Target, select: bool, parcels: &[Parcel], now_ms: u64) -> Vec<u8> {
    let mut out = Vec::new();
    let mut digits = itoa::Buffer::new();
    if !target.auth.is_empty() {
        let args: Vec<&[u8]> =
            [&b"AUTH"[..]].into_iter().chain(target.auth.iter().map(Vec::as_slice)).collect();
        put_command(&mut out, args.into_iter());
    }
    if select {
        put_command(&mut out, [&b"SELECT"[..], digits.format(target.db).as_bytes()].into_iter());
    }
    for parcel in parcels {
        // 0 is never.
        let ttl = parcel.expire_at.map_or(0, |at| at.saturating_sub(now_ms).max(1));
        let args = [&b"RESTORE"[..], &parcel.key, digits.format(ttl).as_bytes(), &parcel.payload, b"REPLACE"];
        let len = if parcel.replace { 5 } else { 4 };
        put_command(&mut out, args[..len].iter().copied());
    }
    out
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn target(port: u16, auth: &[&str]) -> Target {
        let auth = auth.iter().map(|word| word.as_bytes().to_vec()).collect();
        Target {
            host: "127.0.0.1".to_owned(),
            port: port.to_string(),
            db: 2,
            auth,
            timeout: Duration::from_millis(200),
        }
    }

    fn parcels(count: usize) -> Vec<Parcel> {
        let parcel = |n: usize| Parcel {
            key: format!("key{n}").into_bytes().into(),
            expire_at: (n == 1).then_some(1500),
            payload: b"payload".to_vec(),
            replace: n == 1,
        };
        (0..count).map(parcel).collect()
    }

    /// Answers each connection with the next of these scripts, and tells what it was sent.
    fn server(scripts: &'static [&'static [u8]]) -> (u16, std::thread::JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let thread = std::thread::spawn(move || {
            let serve = |script: &&[u8]| {
                let (mut stream, _) = listener.accept().expect("somebody connects");
                let mut bytes = [0; 4096];
                let read = stream.read(&mut bytes).expect("he sends something");
                stream.write_all(script).expect("he reads");
                String::from_utf8_lossy(&bytes[..read]).into_owned()
            };
            scripts.iter().map(serve).collect()
        });
        (port, thread)
    }

    #[test]
    fn requests_are_those_of_redis() {
        let text =
            |select| String::from_utf8(requests(&target(1, &["me", "secret"]), select, &parcels(2), 1000));
        let expected = "*3\r\n$4\r\nAUTH\r\n$2\r\nme\r\n$6\r\nsecret\r\n*2\r\n$6\r\nSELECT\r\n$1\r\n2\r\n\
                        *4\r\n$7\r\nRESTORE\r\n$4\r\nkey0\r\n$1\r\n0\r\n$7\r\npayload\r\n\
                        *5\r\n$7\r\nRESTORE\r\n$4\r\nkey1\r\n$3\r\n500\r\n$7\r\npayload\r\n$7\r\nREPLACE\r\n";
        assert_eq!(text(true).as_deref(), Ok(expected));
        assert!(!text(false).expect("only text").contains("SELECT"));
    }

    #[test]
    fn answers_belong_to_parcels() {
        let (port, thread) = server(&[b"+OK\r\n+OK\r\n-BUSYKEY there\r\n"]);
        let links = Links::default();
        let exchanged = links.exchange(&target(port, &[]), &parcels(2), 0);
        assert_eq!(exchanged.failure, None);
        assert_eq!(exchanged.answers, [Ok(()), Err(b"BUSYKEY there".to_vec())]);
        assert_eq!(links.len(), 1);
        thread.join().expect("it has not panicked");
    }

    #[test]
    fn what_stands_before_decides_for_all() {
        let (port, thread) = server(&[b"-WRONGPASS no\r\n+OK\r\n+OK\r\n+OK\r\n"]);
        let exchanged = Links::default().exchange(&target(port, &["x"]), &parcels(2), 0);
        assert_eq!(exchanged.answers, vec![Err(b"WRONGPASS no".to_vec()); 2]);
        thread.join().expect("it has not panicked");
    }

    #[test]
    fn a_dead_connection_is_opened_again_and_a_late_one_is_not() {
        let (port, thread) = server(&[b"", b"+OK\r\n+OK\r\n"]);
        let links = Links::default();
        let exchanged = links.exchange(&target(port, &[]), &parcels(1), 0);
        assert_eq!((exchanged.failure, exchanged.answers), (None, vec![Ok(())]));
        assert_eq!(thread.join().expect("it has not panicked").len(), 2);

        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let exchanged = links.exchange(&target(port, &[]), &parcels(1), 0);
        assert_eq!(exchanged.failure, Some(Failure::Read { timed_out: true }));
        drop(listener);
        let exchanged = links.exchange(&target(port, &[]), &parcels(1), 0);
        assert_eq!(exchanged.failure, Some(Failure::Write));
    }

    #[test]
    fn half_of_the_answers_are_kept() {
        let (port, thread) = server(&[b"+OK\r\n+OK\r\n"]);
        let exchanged = Links::default().exchange(&target(port, &[]), &parcels(2), 0);
        assert_eq!(exchanged.answers, [Ok(())]);
        assert_eq!(exchanged.failure, Some(Failure::Read { timed_out: false }));
        thread.join().expect("it has not panicked");
    }
}
