//! What a module may write into the server's log: whole lines, cut and escaped, and not too many of them.
//!
//! The limit of lines is one for all instances of a module. Time is the host's, so nothing here asks a clock.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::host::{Host, LogLevel};
use crate::limits::{LOG_LINE_BYTES, LOG_LINES_PER_SECOND};

/// Shared by the instances of a module.
#[derive(Clone, Debug)]
pub(crate) struct LogGate(Option<Arc<Mutex<Second>>>);

/// The second that is being counted.
#[derive(Debug, Default)]
struct Second {
    begin_us: u64,
    written: u32,
    left_out: u64,
}

impl LogGate {
    pub(crate) fn new() -> Self {
        Self(Some(Arc::default()))
    }

    /// One that lets nothing through.
    pub(crate) const SHUT: Self = Self(None);

    /// Write a line, or count it.
    pub(crate) fn write(&self, host: &mut dyn Host, level: LogLevel, message: &str) {
        let Some(second) = &self.0 else { return };
        let now = host.now_us();
        let mut second = second.lock();
        // A clock that steps back begins a new second too; otherwise it would silence the module for that long.
        if now.checked_sub(second.begin_us).is_none_or(|elapsed| elapsed >= 1_000_000) {
            let left_out = second.left_out;
            *second = Second { begin_us: now, written: 0, left_out: 0 };
            if left_out > 0 {
                host.log(LogLevel::Warning, &format!("{left_out} lines were left out: too many in a second"));
            }
        }
        if second.written == LOG_LINES_PER_SECOND {
            second.left_out += 1;
            return;
        }
        second.written += 1;
        drop(second);
        host.log(level, &escape(message));
    }
}

/// A message as one line: control characters escaped, cut at the limit, and marked when it was.
fn escape(message: &str) -> String {
    let mut line = String::with_capacity(message.len().min(LOG_LINE_BYTES) + 8);
    for c in message.chars() {
        if line.len() + c.len_utf8() > LOG_LINE_BYTES {
            line.push_str("...");
            break;
        }
        if c.is_control() { line.extend(c.escape_default()) } else { line.push(c) }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestHost;

    #[test]
    fn a_line_is_escaped_and_cut() {
        assert_eq!(escape("a\nb\u{1b}[0m"), "a\\nb\\u{1b}[0m");
        let long = escape(&"x".repeat(2 * LOG_LINE_BYTES));
        assert_eq!(long.len(), LOG_LINE_BYTES + 3);
        assert!(long.ends_with("x..."));
    }

    #[test]
    fn lines_past_the_limit_are_counted() {
        let (gate, mut host) = (LogGate::new(), TestHost::default());
        host.now_us = 5_000_000;
        for _ in 0..LOG_LINES_PER_SECOND + 7 {
            gate.write(&mut host, LogLevel::Notice, "x");
        }
        assert_eq!(host.lines.len(), LOG_LINES_PER_SECOND as usize);
        host.now_us = 5_999_999;
        gate.clone().write(&mut host, LogLevel::Notice, "one instance more");
        assert_eq!(host.lines.len(), LOG_LINES_PER_SECOND as usize);
        host.now_us = 6_000_000;
        gate.write(&mut host, LogLevel::Notice, "y");
        let last = &host.lines[LOG_LINES_PER_SECOND as usize..];
        assert_eq!(last, ["warning 8 lines were left out: too many in a second", "notice y"]);
    }
}
