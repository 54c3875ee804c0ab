//! The log, in the form that redis-server writes: `<pid>:M <day> <month> <year> <time> <level> <message>`.
//! Tools read these lines, so the levels have Redis's signs: `.` debug, `-` verbose, `*` notice, `#` warning.

use std::fmt;
use std::fs::OpenOptions;
use std::io::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};

use anyhow::Context as _;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::{Layer, Registry};

use crate::config::{Config, LogLevel};

/// Begin to log as the configuration says: to a file, or to standard output.
pub fn start(config: &Config) -> anyhow::Result<()> {
    let sink: Box<dyn Write + Send> = match &config.logfile {
        None => Box::new(std::io::stdout()),
        Some(path) => Box::new(
            OpenOptions::new()
                .create(true)
                .append(true)
                .open(config.in_dir(path))
                .with_context(|| format!("Can't open the log file: {}", path.display()))?,
        ),
    };
    set_level(config.loglevel);
    let layer = Lines { sink: Mutex::new(sink) };
    tracing::subscriber::set_global_default(Registry::default().with(layer))
        .context("the log is started once")
}

/// How much is logged: 0 is nothing, 5 is everything.
static VERBOSITY: AtomicU8 = AtomicU8::new(3);

/// Log only what is at least as important as this from now on.
pub fn set_level(least: LogLevel) {
    let verbosity = match least {
        LogLevel::Nothing => 0,
        LogLevel::Warning => 2,
        LogLevel::Notice => 3,
        LogLevel::Verbose => 4,
        LogLevel::Debug => 5,
    };
    VERBOSITY.store(verbosity, Relaxed);
}

/// What a message's level needs `VERBOSITY` to be.
fn verbosity_of(level: Level) -> u8 {
    match level {
        Level::ERROR => 1,
        Level::WARN => 2,
        Level::INFO => 3,
        Level::DEBUG => 4,
        Level::TRACE => 5,
    }
}

struct Lines {
    sink: Mutex<Box<dyn Write + Send>>,
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let level = *event.metadata().level();
        // Other crates speak of their own matters; only their warnings are for operators.
        let ours = event.metadata().target().starts_with("sandkey");
        if verbosity_of(level) > VERBOSITY.load(Relaxed) || !ours && level > Level::WARN {
            return;
        }
        let sign = match level {
            Level::ERROR | Level::WARN => '#',
            Level::INFO => '*',
            Level::DEBUG => '-',
            Level::TRACE => '.',
        };
        let mut message = Message(String::new());
        event.record(&mut message);
        let line = format!("{}:M {} {sign} {}\n", std::process::id(), LocalTime::now(), message.0);
        if let Ok(mut sink) = self.sink.lock() {
            // There is nobody to tell that the log cannot be written.
            let _ = sink.write_all(line.as_bytes()).and_then(|()| sink.flush());
        }
    }
}

struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        use fmt::Write as _;
        let written = match field.name() {
            "message" => write!(self.0, "{value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
        written.expect("writing to a string cannot fail");
    }
}

/// The time as redis-server writes it, in UTC.
struct LocalTime {
    seconds: u64,
    millis: u32,
}

impl LocalTime {
    fn now() -> Self {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Self { seconds: since.as_secs(), millis: since.subsec_millis() }
    }
}

impl fmt::Display for LocalTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MONTHS: [&str; 12] =
            ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let (year, month, day) = civil_date(self.seconds / 86_400);
        let (hour, minute, second) = (self.seconds / 3600 % 24, self.seconds / 60 % 60, self.seconds % 60);
        let name = MONTHS[month - 1];
        write!(f, "{day:02} {name} {year} {hour:02}:{minute:02}:{second:02}.{:03}", self.millis)
    }
}

/// Year, month and day of a day since 1970 (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn civil_date(days: u64) -> (u64, usize, u64) {
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month as usize, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_become_dates() {
        for (days, date) in
            [(0, (1970, 1, 1)), (59, (1970, 3, 1)), (11_016, (2000, 2, 29)), (20_778, (2026, 11, 21))]
        {
            assert_eq!(civil_date(days), date);
        }
    }
}
