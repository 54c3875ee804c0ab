//! Rows about the network, TLS, the process, clients, observing, and debugging.

use super::super::kind::Kind::{
    Bind, Bool, Enum, Events, Flags as Several, Int, OomValues, Percentiles, Text, TextOrEmpty,
};
use super::super::kind::Unit::{Memory, MemoryOrPercent, Octal, Plain};
use super::Effect::{Acts, Stored};
use super::texts::{any, title_template};
use super::words::{
    LogLevel, OOM_SCORE_ADJ, Protection, ShutdownFlags, Supervised, SyslogFacility, TlsAuthClients,
};
use super::{Flags, Group, row};

const MUTABLE: Flags = Flags::MUTABLE;
const IMMUTABLE: Flags = Flags::IMMUTABLE;
const INT_MAX: i128 = i32::MAX as i128;
const LONG_MAX: i128 = i64::MAX as i128;
const THREADS: Effect = Stored("worker-threads sets the number of threads; each reads, runs and writes");
const LOG: Effect = Stored("the server logs to its standard output or to logfile");
const TITLE: Effect = Stored("the process keeps the title that it was started with");
const SCORE: Effect = Stored("the server starts no children that should be killed before it");
const CRASH: Effect = Stored("a crash is reported by the runtime, not by a signal handler");
const HARNESS: Effect = Stored("it belongs to the test harness of another server");

use super::Effect;

/// Where the server listens, and how it treats connections.
#[rustfmt::skip]
pub(super) static NETWORK: Group = Group { title: "Network", rows: &[
    row("bind", Bind, "* -::*", MUTABLE, Acts,
        "The addresses to listen on. One with a `-` in front may be missing on this machine."),
    row("port", Int(0, 65535, Plain), "6379", MUTABLE, Acts, "The TCP port; 0 does not listen."),
    row("protected-mode", Bool, "yes", MUTABLE, Acts,
        "Refuse clients from other machines while the default user has no password."),
    row("unixsocket", Text(any), "", IMMUTABLE, Acts, "The path of a Unix socket to listen on."),
    row("unixsocketperm", Int(0, 0o777, Octal), "0", IMMUTABLE, Acts,
        "The mode of the Unix socket; 0 leaves it to the umask."),
    row("unixsocketgroup", Text(any), "", IMMUTABLE, Stored("the socket belongs to the group of the process"),
        "The group of the Unix socket."),
    row("tcp-backlog", Int(0, INT_MAX, Plain), "511", IMMUTABLE, Acts,
        "How many connections may wait to be accepted."),
    row("tcp-keepalive", Int(0, INT_MAX, Plain), "300", MUTABLE, Acts,
        "Seconds of silence after which a client's machine is probed; 0 never does."),
    row("timeout", Int(0, INT_MAX, Plain), "0", MUTABLE, Acts,
        "Seconds after which an idle client is disconnected; 0 never is."),
    row("socket-mark-id", Int(0, u32::MAX as i128, Plain), "0", IMMUTABLE,
        Stored("sockets are not marked"), "The mark of the server's sockets for the system's packet filter."),
    row("bind-source-addr", Text(any), "", MUTABLE,
        Stored("the server opens no connections yet"), "The address from which the server connects to others."),
    row("max-new-connections-per-cycle", Int(1, 1000, Plain), "10", MUTABLE,
        Stored("connections are accepted by a thread of its own, which delays nobody"),
        "How many connections are accepted at a time."),
    row("max-new-tls-connections-per-cycle", Int(1, 1000, Plain), "1", MUTABLE,
        Stored("handshakes run on the worker of the connection"),
        "How many TLS connections are accepted at a time."),
] };

const TLS_FILE: Flags = Flags::VOLATILE;
const CIPHERS: Effect = Stored("the TLS library offers only suites that are safe, and picks among them");
const SESSIONS: Effect = Stored("the TLS library resumes sessions by tickets");

/// TLS.
#[rustfmt::skip]
pub(super) static TLS: Group = Group { title: "TLS", rows: &[
    row("tls-port", Int(0, 65535, Plain), "0", MUTABLE, Acts, "The port of TLS connections; 0 does not listen."),
    row("tls-cert-file", Text(any), "", TLS_FILE, Acts, "The server's certificate chain, PEM."),
    row("tls-key-file", Text(any), "", TLS_FILE, Acts, "The key of the certificate, PEM."),
    row("tls-key-file-pass", Text(any), "", Flags::SENSITIVE,
        Stored("encrypted keys are not read: decrypt the file"), "The password of the key file."),
    row("tls-ca-cert-file", Text(any), "", TLS_FILE, Acts, "Certificates that sign those of clients, PEM."),
    row("tls-ca-cert-dir", Text(any), "", TLS_FILE, Acts, "A directory of such files."),
    row("tls-auth-clients", Enum(TlsAuthClients::WORDS), "yes", MUTABLE, Acts,
        "Whether clients must show a certificate."),
    row("tls-protocols", Text(any), "", MUTABLE, Acts, "The versions allowed: TLSv1.2, TLSv1.3 or both."),
    row("tls-ciphers", Text(any), "", MUTABLE, CIPHERS, "Cipher suites of TLS 1.2."),
    row("tls-ciphersuites", Text(any), "", MUTABLE, CIPHERS, "Cipher suites of TLS 1.3."),
    row("tls-prefer-server-ciphers", Bool, "no", MUTABLE, CIPHERS, "Whether the server's order of suites counts."),
    row("tls-session-caching", Bool, "yes", MUTABLE, SESSIONS, "Whether clients may resume a session."),
    row("tls-session-cache-size", Int(0, INT_MAX, Plain), "20480", MUTABLE, SESSIONS, "How many sessions are kept."),
    row("tls-session-cache-timeout", Int(0, INT_MAX, Plain), "300", MUTABLE, SESSIONS,
        "Seconds that a session is kept."),
    row("tls-dh-params-file", Text(any), "", TLS_FILE,
        Stored("key exchange uses elliptic curves only"), "Parameters of Diffie-Hellman key exchange."),
    row("tls-client-cert-file", Text(any), "", TLS_FILE,
        Stored("the server opens no TLS connections yet"), "The certificate that the server shows to others."),
    row("tls-client-key-file", Text(any), "", TLS_FILE,
        Stored("the server opens no TLS connections yet"), "The key of that certificate."),
    row("tls-client-key-file-pass", Text(any), "", Flags::SENSITIVE,
        Stored("the server opens no TLS connections yet"), "The password of that key."),
    row("tls-replication", Bool, "no", MUTABLE, Stored("there is no replication yet"),
        "Whether a replica connects to its primary with TLS."),
    row("tls-cluster", Bool, "no", MUTABLE, Stored("there is no cluster mode yet"),
        "Whether the nodes of a cluster talk TLS."),
] };

/// The process.
#[rustfmt::skip]
pub(super) static GENERAL: Group = Group { title: "General", rows: &[
    row("daemonize", Bool, "no", IMMUTABLE,
        Stored("a service manager runs servers in the background"), "Go to the background at the start."),
    row("supervised", Enum(Supervised::WORDS), "no", IMMUTABLE,
        Stored("the server writes when it is ready, to its log only"), "Who is told when the server is ready."),
    row("pidfile", Text(any), "", IMMUTABLE, Acts, "The file that holds the process id while the server runs."),
    row("loglevel", Enum(LogLevel::WORDS), "notice", MUTABLE, Acts, "The least important messages to log."),
    row("logfile", TextOrEmpty(any), "", IMMUTABLE, Acts, "The log; \"\" is the standard output."),
    row("syslog-enabled", Bool, "no", IMMUTABLE, LOG, "Log to the system's log too."),
    row("syslog-ident", TextOrEmpty(any), "redis", IMMUTABLE, LOG, "The server's name in the system's log."),
    row("syslog-facility", Enum(SyslogFacility::WORDS), "local0", IMMUTABLE, LOG, "The facility of the system's log."),
    row("hide-user-data-from-log", Bool, "yes", MUTABLE, Stored("the server never logs what clients keep in it"),
        "Keep users' data out of the log."),
    row("databases", Int(1, INT_MAX, Plain), "16", IMMUTABLE, Acts, "How many databases SELECT can choose from."),
    row("always-show-logo", Bool, "no", IMMUTABLE, Acts, "Show the banner even where the log is no terminal."),
    row("set-proc-title", Bool, "yes", IMMUTABLE, TITLE, "Show the server's state in the list of processes."),
    row("proc-title-template", TextOrEmpty(title_template), "{title} {listen-addr} {server-mode}", MUTABLE, TITLE,
        "What to show there."),
    row("locale-collate", TextOrEmpty(any), "", MUTABLE, Stored("texts are compared byte by byte"),
        "The locale by which texts are sorted."),
    row("enable-protected-configs", Enum(Protection::WORDS), "no", IMMUTABLE, Acts,
        "Who may change `dir` and `dbfilename`, and see modules' secrets, with CONFIG."),
    row("enable-debug-command", Enum(Protection::WORDS), "no", IMMUTABLE, Acts, "Who may run DEBUG."),
    row("enable-module-command", Enum(Protection::WORDS), "local", IMMUTABLE, Acts,
        "Who may run MODULE. Modules run in a sandbox, so clients on this machine may load them."),
    row("hz", Int(0, INT_MAX, Plain), "10", MUTABLE, Acts,
        "How often in a second the server looks after expired keys and idle clients; at least 1, at most 500."),
    row("dynamic-hz", Bool, "yes", MUTABLE, Stored("cron looks at a client in some nanoseconds, so that hz need not follow their number"),
        "Raise hz with the number of clients."),
    row("shutdown-timeout", Int(0, INT_MAX, Plain), "10", MUTABLE,
        Stored("there are no replicas to wait for yet"), "Seconds that a shutdown waits for replicas."),
    row("shutdown-on-sigint", Several(ShutdownFlags::WORDS), "default", MUTABLE, Acts,
        "What SIGINT does, in the words of SHUTDOWN."),
    row("shutdown-on-sigterm", Several(ShutdownFlags::WORDS), "default", MUTABLE, Acts,
        "What SIGTERM does, in the words of SHUTDOWN."),
    row("worker-threads", Int(0, 1024, Plain), "0", Flags::FIXED, Acts,
        "How many threads may serve clients, as many of them as the load needs; 0 is one for each core."),
    row("io-threads", Int(1, 128, Plain), "1", IMMUTABLE, THREADS, "Threads that read and write."),
    row("io-threads-do-reads", Bool, "no", Flags::FIXED, THREADS, "Whether those threads read too."),
    row("events-per-io-thread", Int(0, INT_MAX, Plain), "2", MUTABLE, THREADS, "Events that wake another thread."),
    row("prefetch-batch-max-size", Int(0, 128, Plain), "16", MUTABLE,
        Stored("the size of a batch is fixed where it was measured to be best"),
        "How many commands are prefetched together."),
    row("server_cpulist", Text(any), "", IMMUTABLE, Stored("threads run where the system puts them"),
        "The cores of the threads that serve clients.").alias("server-cpulist"),
    row("bio_cpulist", Text(any), "", IMMUTABLE, Stored("threads run where the system puts them"),
        "The cores of the threads in the background.").alias("bio-cpulist"),
    row("oom-score-adj", Enum(OOM_SCORE_ADJ), "no", MUTABLE, SCORE,
        "Whether the server tells Linux whom to kill first when memory is out."),
    row("oom-score-adj-values", OomValues, "0 200 800", MUTABLE, SCORE,
        "The scores of a primary, a replica, and a child."),
    row("disable-thp", Bool, "yes", IMMUTABLE, Stored("huge pages are left as the system has them"),
        "Turn transparent huge pages off for the process."),
    row("ignore-warnings", TextOrEmpty(any), "", MUTABLE, Stored("no warning stops the start"),
        "Warnings that do not stop the start."),
    row("extended-redis-compatibility", Bool, "no", MUTABLE,
        Stored("the server presents itself in one way only"), "Present the server as Redis to old clients."),
    row("availability-zone", TextOrEmpty(any), "", MUTABLE, Stored("no reply carries it"),
        "The zone that clients are told."),
] };

/// Clients and their security.
#[rustfmt::skip]
pub(super) static CLIENTS: Group = Group { title: "Clients and security", rows: &[
    row("maxclients", Int(1, u32::MAX as i128, Plain), "10000", MUTABLE, Acts,
        "How many clients may be connected at once."),
    row("requirepass", Text(any), "", Flags::SENSITIVE, Acts, "The password of the default user."),
    row("aclfile", TextOrEmpty(any), "", IMMUTABLE, Acts, "The file with the users, instead of `user` lines."),
    row("acl-pubsub-default", Enum(super::AclPubsubDefault::WORDS), "resetchannels", MUTABLE, Acts,
        "The channels that a new user may use."),
    row("acllog-max-len", Int(0, LONG_MAX, Plain), "128", MUTABLE, Acts, "How many refusals ACL LOG keeps."),
    row("proto-max-bulk-len", Int(1 << 20, LONG_MAX, Memory), "512mb", MUTABLE, Acts, "The longest argument."),
    row("client-query-buffer-limit", Int(1 << 20, LONG_MAX, Memory), "1gb", MUTABLE, Acts,
        "How much may be read of a client before it is run."),
    row("client-output-buffer-limit", super::Kind::OutputLimits, "normal 0 0 0 slave 256mb 64mb 60 pubsub 32mb 8mb 60",
        MUTABLE, Acts, "When output that waits ends its client: at once over the hard limit, after these seconds over the soft one; 0 is no limit."),
    row("maxmemory-clients", Int(-100, LONG_MAX, MemoryOrPercent), "0", MUTABLE, Acts,
        "How much memory all clients may use together, or which share of `maxmemory`; 0 is no limit."),
    row("tracking-table-max-keys", Int(0, LONG_MAX, Plain), "1000000", MUTABLE, Acts,
        "How many keys are remembered for clients that cache them; 0 is no limit."),
    row("busy-reply-threshold", Int(0, LONG_MAX, Plain), "5000", MUTABLE,
        Stored("module-fuel bounds how long a module's command runs, and there are no scripts yet"),
        "Milliseconds after which others are told that a script is busy.").alias("lua-time-limit"),
    row("client-default-resp", Int(2, 3, Plain), "2", IMMUTABLE.and(Flags::HIDDEN), HARNESS,
        "The protocol of a new connection."),
] };

/// What the server tells of itself.
#[rustfmt::skip]
pub(super) static OBSERVING: Group = Group { title: "Observing", rows: &[
    row("notify-keyspace-events", Events, "", MUTABLE, Acts, "The classes of events to publish."),
    row("slowlog-log-slower-than", Int(-1, LONG_MAX, Plain), "10000", MUTABLE, Acts,
        "Microseconds from which a command is slow; 0 is every one, -1 none."),
    row("slowlog-max-len", Int(0, LONG_MAX, Plain), "128", MUTABLE, Acts, "How many slow commands are kept."),
    row("latency-monitor-threshold", Int(0, LONG_MAX, Plain), "0", MUTABLE, Acts,
        "Milliseconds from which LATENCY keeps an event; 0 keeps none."),
    row("latency-tracking", Bool, "yes", MUTABLE, Acts, "Whether each command's latency is kept as a histogram."),
    row("latency-tracking-info-percentiles", Percentiles, "50 99 99.9", MUTABLE, Acts,
        "The percentiles that INFO latencystats shows."),
] };

/// What is there for tests and for finding faults.
#[rustfmt::skip]
pub(super) static DEBUGGING: Group = Group { title: "Testing and debugging", rows: &[
    row("crash-log-enabled", Bool, "yes", MUTABLE, CRASH, "Report what the server did when it crashes."),
    row("crash-memcheck-enabled", Bool, "yes", MUTABLE, CRASH, "Test the memory after a crash."),
    row("use-exit-on-panic", Bool, "no", Flags::HIDDEN, CRASH, "Exit instead of aborting."),
    row("watchdog-period", Int(0, INT_MAX, Plain), "0", Flags::HIDDEN, CRASH,
        "Milliseconds after which a stuck server reports where it is."),
    row("enable-debug-assert", Bool, "no", IMMUTABLE.and(Flags::HIDDEN), HARNESS, "Check more than production does."),
    row("req-res-logfile", Text(any), "", IMMUTABLE.and(Flags::HIDDEN), HARNESS,
        "A file for all requests and replies."),
    row("debug-context", TextOrEmpty(any), "", Flags::HIDDEN, HARNESS, "A word for the crash report."),
] };
