//! SLOWLOG: the latest commands that took longer than `slowlog-log-slower-than`.

use std::collections::VecDeque;

use parking_lot::Mutex;

use crate::config::Config;
use crate::limits;
use crate::net::argv::Argv;

use super::secrets;
use super::session::Session;

/// One slow command.
#[derive(Debug, Clone)]
pub struct Record {
    /// Its number, never given twice.
    pub id: u64,
    /// When, in seconds since 1970.
    pub time_s: u64,
    /// How long, in microseconds.
    pub micros: u64,
    /// Its arguments, shortened.
    pub args: Vec<Vec<u8>>,
    /// Where the client connected from.
    pub addr: String,
    /// What the client called itself.
    pub name: String,
}

/// The list, newest first.
#[derive(Debug, Default)]
pub struct Slowlog {
    records: Mutex<(u64, VecDeque<Record>)>,
}

impl Slowlog {
    /// Add a command, and forget the oldest beyond `slowlog-max-len`.
    pub fn record(
        &self,
        session: &Session,
        command: &str,
        argv: Argv<'_>,
        micros: u64,
        time_s: u64,
        config: &Config,
    ) {
        let kept = if argv.len() > limits::SLOWLOG_ARGS { limits::SLOWLOG_ARGS - 1 } else { argv.len() };
        let mut args: Vec<Vec<u8>> = (0..kept).map(|i| shortened(secrets::shown(command, argv, i))).collect();
        if kept < argv.len() {
            args.push(format!("... ({} more arguments)", argv.len() - kept).into_bytes());
        }
        let mut records = self.records.lock();
        let id = records.0;
        records.0 += 1;
        records.1.push_front(Record {
            id,
            time_s,
            micros,
            args,
            addr: session.client.addr.clone(),
            name: session.client.names.lock().name.clone(),
        });
        records.1.truncate(config.slowlog_max_len);
    }

    /// The newest `count`, or all.
    pub fn get(&self, count: Option<usize>) -> Vec<Record> {
        self.records.lock().1.iter().take(count.unwrap_or(usize::MAX)).cloned().collect()
    }

    /// How many are kept.
    pub fn len(&self) -> usize {
        self.records.lock().1.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forget all.
    pub fn reset(&self) {
        self.records.lock().1.clear();
    }
}

fn shortened(arg: &[u8]) -> Vec<u8> {
    if arg.len() <= limits::SLOWLOG_ARG_BYTES {
        return arg.to_vec();
    }
    let mut short = arg[..limits::SLOWLOG_ARG_BYTES].to_vec();
    short.extend_from_slice(format!("... ({} more bytes)", arg.len() - limits::SLOWLOG_ARG_BYTES).as_bytes());
    short
}
