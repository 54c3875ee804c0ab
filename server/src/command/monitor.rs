//! MONITOR: every client in it sees each command once it has run.

use std::fmt::Write as _;
use std::sync::atomic::Ordering::Relaxed;

use crate::net::argv::Argv;
use crate::net::client::{Transport, flag};
use crate::server::Server;

use super::secrets;
use super::session::Session;
use super::spec::Flags;
use super::table::Command;

/// Show a command to everybody in MONITOR.
pub fn feed(server: &Server, session: &Session, command: &Command, argv: Argv<'_>, now_us: u64) {
    if command.flags.has(Flags::SKIP_MONITOR.with(Flags::ADMIN)) {
        return;
    }
    let origin = match session.client.transport {
        Transport::Unix => format!("unix:{}", session.client.addr.trim_end_matches(":0")),
        _ => session.client.addr.clone(),
    };
    let mut line = format!("+{}.{:06} [{} {origin}]", now_us / 1_000_000, now_us % 1_000_000, session.db);
    for i in 0..argv.len() {
        line.push(' ');
        quote(&mut line, secrets::shown(&command.name, argv, i));
    }
    line.push_str("\r\n");
    for client in server.clients.list() {
        if client.flags.load(Relaxed) & flag::MONITOR != 0 {
            client.post(line.as_bytes(), 0);
        }
    }
}

/// Bytes in double quotes, as redis-cli reads them back.
pub fn quote(line: &mut String, bytes: &[u8]) {
    line.push('"');
    for &byte in bytes {
        match byte {
            b'"' => line.push_str("\\\""),
            b'\\' => line.push_str("\\\\"),
            b'\n' => line.push_str("\\n"),
            b'\r' => line.push_str("\\r"),
            b'\t' => line.push_str("\\t"),
            0x07 => line.push_str("\\a"),
            0x08 => line.push_str("\\b"),
            b' '..=b'~' => line.push(char::from(byte)),
            _ => write!(line, "\\x{byte:02x}").expect("writing to a string cannot fail"),
        }
    }
    line.push('"');
}
