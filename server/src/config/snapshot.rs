//! The configuration as the server reads it: one immutable struct with a typed field for what the server acts upon,
//! and the values of all directives behind it.
//!
//! A change makes a new snapshot; whoever holds an old one goes on with it undisturbed. See
//! [`ConfigStore`](super::ConfigStore) for how a worker notices a new one.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::events::EventFlags;
use super::kind::Value;
use super::params::Param;
use super::table::{
    self, AclPubsubDefault, AppendFsync, LogLevel, MaxmemoryPolicy, Place, Protection, ShutdownFlags,
    TlsAuthClients,
};
use super::values::{BindAddress, OutputLimits, SavePoint};

/// A type into which the value of a directive is read.
pub(crate) trait FromValue: Sized {
    /// The value as this type; `None` when the table gives the directive another kind.
    fn from_value(value: &Value) -> Option<Self>;
}

macro_rules! from_value {
    ($($pattern:pat => $type:ty = $make:expr;)+) => {
        $(impl FromValue for $type {
            fn from_value(value: &Value) -> Option<Self> {
                match value {
                    $pattern => $make,
                    _ => None,
                }
            }
        })+
    };
}

/// The path that a text stands for.
fn path(text: &[u8]) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(text))
}

from_value! {
    Value::Bool(yes) => bool = Some(*yes);
    Value::Int(number) => u8 = u8::try_from(*number).ok();
    Value::Int(number) => u16 = u16::try_from(*number).ok();
    Value::Int(number) => u32 = u32::try_from(*number).ok();
    Value::Int(number) => u64 = u64::try_from(*number).ok();
    Value::Int(number) => i64 = i64::try_from(*number).ok();
    Value::Int(number) => usize = usize::try_from(*number).ok();
    Value::Text(text) => Arc<[u8]> = Some(Arc::clone(text));
    Value::Text(text) => String = Some(String::from_utf8_lossy(text).into_owned());
    Value::Text(text) => Option<PathBuf> = Some((!text.is_empty()).then(|| path(text)));
    Value::Dir(path) => PathBuf = Some(path.to_path_buf());
    Value::Save(points) => Arc<[SavePoint]> = Some(Arc::clone(points));
    Value::OutputLimits(limits) => OutputLimits = Some(**limits);
    Value::Events(flags) => EventFlags = Some(*flags);
    Value::Bind(addresses) => Arc<[BindAddress]> = Some(Arc::clone(addresses));
    Value::Percentiles(percentiles) => Arc<[f64]> = Some(Arc::clone(percentiles));
}

macro_rules! config {
    ($($(#[$doc:meta])* $field:ident: $type:ty = $name:literal,)+) => {
        /// The configuration at one moment.
        #[derive(Clone, Debug)]
        pub struct Config {
            $($(#[$doc])* pub $field: $type,)+
            /// The values of all directives, in the order of the table.
            pub(crate) values: Arc<[Value]>,
            /// The parameters of modules, by `module.name`.
            pub(crate) params: Arc<BTreeMap<String, Param>>,
        }

        impl Config {
            /// The directives that have a field.
            #[cfg(test)]
            pub(crate) const FIELDS: &'static [&'static str] = &[$($name,)+];

            /// Read the fields out of the values.
            pub(crate) fn new(values: Arc<[Value]>, params: Arc<BTreeMap<String, Param>>) -> Self {
                Self {
                    $($field: read(&values, $name),)+
                    values,
                    params,
                }
            }
        }
    };
}

config! {
    /// The addresses to listen on; none means no TCP at all.
    bind: Arc<[BindAddress]> = "bind",
    /// The TCP port; 0 does not listen.
    port: u16 = "port",
    /// Refuse clients from elsewhere while the default user has no password.
    protected_mode: bool = "protected-mode",
    /// The Unix socket.
    unixsocket: Option<PathBuf> = "unixsocket",
    /// Its mode; 0 leaves it to the umask.
    unixsocketperm: u32 = "unixsocketperm",
    /// How many connections may wait to be accepted.
    tcp_backlog: u32 = "tcp-backlog",
    /// Seconds between probes of silent clients; 0 never.
    tcp_keepalive: u32 = "tcp-keepalive",
    /// Seconds after which idle clients are disconnected; 0 never.
    timeout: u32 = "timeout",

    /// The port for TLS; 0 does not listen.
    tls_port: u16 = "tls-port",
    /// The certificate chain.
    tls_cert_file: Option<PathBuf> = "tls-cert-file",
    /// Its key.
    tls_key_file: Option<PathBuf> = "tls-key-file",
    /// Who signs clients' certificates.
    tls_ca_cert_file: Option<PathBuf> = "tls-ca-cert-file",
    /// A directory of such files.
    tls_ca_cert_dir: Option<PathBuf> = "tls-ca-cert-dir",
    /// Whether clients show a certificate.
    tls_auth_clients: TlsAuthClients = "tls-auth-clients",
    /// The versions allowed, in words; empty is the library's default.
    tls_protocols: String = "tls-protocols",

    /// Where the process id is written.
    pidfile: Option<PathBuf> = "pidfile",
    /// The least important messages to log.
    loglevel: LogLevel = "loglevel",
    /// The log; `None` is the standard output.
    logfile: Option<PathBuf> = "logfile",
    /// How many databases there are.
    databases: usize = "databases",
    /// Show the banner even where the log is no terminal.
    always_show_logo: bool = "always-show-logo",
    /// Who may change protected directives.
    enable_protected_configs: Protection = "enable-protected-configs",
    /// Who may run DEBUG.
    enable_debug_command: Protection = "enable-debug-command",
    /// Who may run MODULE.
    enable_module_command: Protection = "enable-module-command",
    /// Turns of cron in a second, 1 to 500.
    hz: u32 = "hz",
    /// Threads that serve clients; 0 is one for each core.
    worker_threads: usize = "worker-threads",

    /// How many clients may be connected.
    maxclients: u32 = "maxclients",
    /// The default user's password; empty is none.
    requirepass: Arc<[u8]> = "requirepass",
    /// The file of the users.
    aclfile: Option<PathBuf> = "aclfile",
    /// The channels of a new user.
    acl_pubsub_default: AclPubsubDefault = "acl-pubsub-default",
    /// How many refusals ACL LOG keeps.
    acllog_max_len: u64 = "acllog-max-len",
    /// The longest argument.
    proto_max_bulk_len: usize = "proto-max-bulk-len",
    /// Bytes that all clients may use together; 0 is no limit, and a negative number a share of `maxmemory` in percent.
    maxmemory_clients: i64 = "maxmemory-clients",
    /// The most keys that are remembered for clients that may have copies of them; 0 is no limit.
    tracking_table_max_keys: usize = "tracking-table-max-keys",
    /// The most that is read of a client before it is run.
    client_query_buffer_limit: usize = "client-query-buffer-limit",
    /// The most output that waits for a client.
    client_output_buffer_limit: OutputLimits = "client-output-buffer-limit",

    /// The classes of events to publish.
    notify_keyspace_events: EventFlags = "notify-keyspace-events",
    /// Microseconds from which a command is slow; -1 never.
    slowlog_log_slower_than: i64 = "slowlog-log-slower-than",
    /// How many slow commands are kept.
    slowlog_max_len: usize = "slowlog-max-len",
    /// Milliseconds from which LATENCY keeps an event; 0 never.
    latency_monitor_threshold: u64 = "latency-monitor-threshold",
    /// Keep histograms of commands' latencies.
    latency_tracking: bool = "latency-tracking",
    /// The percentiles that INFO shows.
    latency_tracking_info_percentiles: Arc<[f64]> = "latency-tracking-info-percentiles",

    /// The fuel of one module command.
    module_fuel: u64 = "module-fuel",
    /// A module's fuel in a second; 0 is no limit.
    module_fuel_rate: u64 = "module-fuel-rate",
    /// Bytes of memory of one instance.
    module_memory: usize = "module-memory",
    /// Where compiled modules are kept.
    module_cache_dir: Option<PathBuf> = "module-cache-dir",
    /// Bytes of the largest module.
    module_file_max_size: usize = "module-file-max-size",
    /// Seconds of CPU for compiling one.
    module_compile_time_limit: u64 = "module-compile-time-limit",
    /// Bytes of memory for compiling one.
    module_compile_memory: u64 = "module-compile-memory",

    /// The port of the metrics; 0 does not listen.
    metrics_port: u16 = "metrics-port",
    /// The address of the metrics.
    metrics_bind: String = "metrics-bind",

    /// The most memory before keys are evicted; 0 is no limit.
    maxmemory: u64 = "maxmemory",
    /// Which keys are evicted.
    maxmemory_policy: MaxmemoryPolicy = "maxmemory-policy",
    /// Keys compared to find one to evict.
    maxmemory_samples: usize = "maxmemory-samples",
    /// How long one command may evict, 0 to 100.
    maxmemory_eviction_tenacity: u8 = "maxmemory-eviction-tenacity",
    /// How many uses count as one more.
    lfu_log_factor: u32 = "lfu-log-factor",
    /// Minutes after which the count of uses goes down.
    lfu_decay_time: u32 = "lfu-decay-time",
    /// How hard to look for expired keys, 1 to 10.
    active_expire_effort: u32 = "active-expire-effort",
    /// Evicted keys are unlinked.
    lazyfree_lazy_eviction: bool = "lazyfree-lazy-eviction",
    /// Expired keys are unlinked.
    lazyfree_lazy_expire: bool = "lazyfree-lazy-expire",
    /// GETDEL unlinks.
    lazyfree_lazy_user_del: bool = "lazyfree-lazy-user-del",
    /// FLUSHALL and FLUSHDB free in the background.
    lazyfree_lazy_user_flush: bool = "lazyfree-lazy-user-flush",
    /// The most fields of a compact hash.
    hash_max_listpack_entries: usize = "hash-max-listpack-entries",
    /// The longest field or value of a compact hash.
    hash_max_listpack_value: usize = "hash-max-listpack-value",
    /// The size of a list's nodes.
    list_max_listpack_size: i64 = "list-max-listpack-size",
    /// The most members of a set of integers.
    set_max_intset_entries: usize = "set-max-intset-entries",
    /// The most members of a compact set.
    set_max_listpack_entries: usize = "set-max-listpack-entries",
    /// The longest member of a compact set.
    set_max_listpack_value: usize = "set-max-listpack-value",
    /// The most members of a compact sorted set.
    zset_max_listpack_entries: usize = "zset-max-listpack-entries",
    /// The longest member of a compact sorted set.
    zset_max_listpack_value: usize = "zset-max-listpack-value",
    /// The most bytes of a stream's block.
    stream_node_max_bytes: usize = "stream-node-max-bytes",
    /// The most entries of a stream's block.
    stream_node_max_entries: usize = "stream-node-max-entries",
    /// The longest sparse HyperLogLog.
    hll_sparse_max_bytes: usize = "hll-sparse-max-bytes",

    /// Whether changes are appended to a file.
    appendonly: bool = "appendonly",
    /// The beginning of its files' names.
    appendfilename: String = "appendfilename",
    /// The directory of its files.
    appenddirname: String = "appenddirname",
    /// When it is forced to disk.
    appendfsync: AppendFsync = "appendfsync",
    /// Not while it is rewritten.
    no_appendfsync_on_rewrite: bool = "no-appendfsync-on-rewrite",
    /// Percent that it grows before it is rewritten; 0 never.
    auto_aof_rewrite_percentage: u64 = "auto-aof-rewrite-percentage",
    /// The size below which it is not.
    auto_aof_rewrite_min_size: u64 = "auto-aof-rewrite-min-size",
    /// A file whose end is missing is cut and loaded.
    aof_load_truncated: bool = "aof-load-truncated",
    /// The base is an RDB.
    aof_use_rdb_preamble: bool = "aof-use-rdb-preamble",
    /// Times are written into it.
    aof_timestamp_enabled: bool = "aof-timestamp-enabled",
    /// The base is forced to disk piece by piece.
    aof_rewrite_incremental_fsync: bool = "aof-rewrite-incremental-fsync",
    /// Files that are no longer needed stay.
    aof_disable_auto_gc: bool = "aof-disable-auto-gc",

    /// The directory of the server's files, absolute.
    dir: PathBuf = "dir",
    /// When to take a snapshot.
    save: Arc<[SavePoint]> = "save",
    /// The snapshot's name.
    dbfilename: Option<PathBuf> = "dbfilename",
    /// Compress long texts in it.
    rdbcompression: bool = "rdbcompression",
    /// End it with a checksum, and compare that when it is loaded.
    rdbchecksum: bool = "rdbchecksum",
    /// Force it to disk piece by piece.
    rdb_save_incremental_fsync: bool = "rdb-save-incremental-fsync",
    /// Refuse writes while the last snapshot failed.
    stop_writes_on_bgsave_error: bool = "stop-writes-on-bgsave-error",
    /// Microseconds to wait at each key that is saved; one in so many waits if negative.
    rdb_key_save_delay: i64 = "rdb-key-save-delay",
    /// The same for each key that is loaded.
    key_load_delay: i64 = "key-load-delay",
    /// What SIGINT asks for.
    shutdown_on_sigint: ShutdownFlags = "shutdown-on-sigint",
    /// What SIGTERM asks for.
    shutdown_on_sigterm: ShutdownFlags = "shutdown-on-sigterm",
}

/// One field. That the table's kinds and bounds fit the fields' types is what a test makes sure of.
fn read<T: FromValue>(values: &[Value], name: &str) -> T {
    value_of(values, name.as_bytes()).and_then(T::from_value).expect("the table's kind fits the field's type")
}

fn value_of<'v>(values: &'v [Value], name: &[u8]) -> Option<&'v Value> {
    let (place, _) = table::lookup(name)?;
    values.get(place)
}

impl Default for Config {
    /// All defaults, with `/` as the directory.
    fn default() -> Self {
        Self::new(Arc::clone(&table::DEFAULTS), Arc::default())
    }
}

impl Config {
    /// The value of any directive as CONFIG GET prints it; `None` when there is no such directive.
    #[must_use]
    pub fn text_of(&self, name: &str) -> Option<Vec<u8>> {
        let (place, directive) = table::lookup(name.as_bytes())?;
        Some(directive.kind.format(self.values.get(place)?))
    }

    /// How many workers there will be: `worker-threads`, or one for each core.
    #[must_use]
    pub fn workers(&self) -> usize {
        match self.worker_threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            n => n,
        }
    }

    /// Where a file of the server is: a relative path is relative to `dir`.
    #[must_use]
    pub fn in_dir(&self, path: impl AsRef<Path>) -> PathBuf {
        self.dir.join(path)
    }

    /// The same configuration with another value in one place.
    #[cfg(test)]
    pub(crate) fn with(&self, place: Place, value: Value) -> Self {
        let mut values = self.values.to_vec();
        values[place] = value;
        Self::new(values.into(), Arc::clone(&self.params))
    }

    /// The directives that somebody set although nothing follows from them, each with the reason.
    /// A server says so in its log when it starts.
    #[must_use]
    pub fn inert(&self) -> Vec<(&'static str, &'static str)> {
        let defaults = &*table::DEFAULTS;
        let rows = table::directives().zip(self.values.iter().zip(defaults.iter()));
        rows.filter(|(_, (value, default))| value != default)
            .filter_map(|(directive, _)| match directive.effect {
                table::Effect::Stored(reason) => Some((directive.name, reason)),
                table::Effect::Acts => None,
            })
            .collect()
    }
}

/// Values that are accepted and then pulled into a narrower range, as Redis does.
const SETTLED: [(&str, i128, i128); 2] = [("hz", 1, 500), ("repl-backlog-size", 16 << 10, i64::MAX as i128)];

/// The value that an accepted value becomes.
pub(crate) fn settle(place: Place, value: Value) -> Value {
    let Value::Int(number) = value else { return value };
    let range =
        SETTLED.iter().find(|(name, ..)| table::lookup(name.as_bytes()).is_some_and(|(at, _)| at == place));
    Value::Int(range.map_or(number, |(_, min, max)| number.clamp(*min, *max)))
}

#[cfg(test)]
mod tests {
    use super::super::kind::Kind;
    use super::super::table::{Effect, directives, lookup};
    use super::*;

    #[test]
    fn every_field_takes_the_whole_range_of_its_directive() {
        let config = Config::default();
        for name in Config::FIELDS {
            let (place, directive) = lookup(name.as_bytes()).expect("a field's directive is in the table");
            match directive.kind {
                Kind::Int(min, max, _) => {
                    for bound in [min, max] {
                        let _ = config.with(place, settle(place, Value::Int(bound)));
                    }
                }
                Kind::Enum(words) | Kind::Flags(words) => {
                    for (_, number) in words {
                        let _ = config.with(place, Value::Word(*number));
                    }
                }
                _ => {}
            }
        }
    }

    #[test]
    fn what_the_server_acts_upon_has_a_field_and_nothing_else() {
        for directive in directives() {
            let has_field = Config::FIELDS.contains(&directive.name);
            assert_eq!(has_field, directive.effect == Effect::Acts, "{}", directive.name);
        }
    }

    #[test]
    fn defaults() {
        let config = Config::default();
        assert_eq!((config.port, config.maxmemory, config.hz), (6379, 0, 10));
        assert_eq!(config.proto_max_bulk_len, 512 << 20);
        assert_eq!(config.maxmemory_policy, MaxmemoryPolicy::NoEviction);
        assert_eq!(config.client_output_buffer_limit.pubsub.soft_seconds, 60);
        assert_eq!((config.bind.len(), config.bind[1].optional), (2, true));
        assert_eq!(config.text_of("SLAVE-priority").as_deref(), Some(&b"100"[..]));
        assert_eq!(config.inert(), []);
        assert_eq!(config.in_dir("a"), Path::new("/a"));
    }

    #[test]
    fn what_is_set_in_vain_is_known() {
        let (place, _) = lookup(b"lazyfree-lazy-server-del").expect("known");
        let config = Config::default().with(place, Value::Bool(true));
        assert_eq!(config.inert().first().map(|(name, _)| *name), Some("lazyfree-lazy-server-del"));
    }
}
