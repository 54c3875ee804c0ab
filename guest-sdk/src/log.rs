//! Lines in the server's log. In unit tests they are kept, and `Context::logs` gives them back.

/// Redis's log levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// For developers.
    Debug,
    /// Rarely of interest.
    Verbose,
    /// What an operator may want to know.
    Notice,
    /// What an operator should know.
    Warning,
}

/// Write a line. The macros are shorter.
pub fn write(level: Level, message: &str) {
    crate::host::log(level, message);
}

/// A line at level debug: `debug!("took {n}")`.
#[macro_export]
macro_rules! debug {
    ($($format:tt)+) => { $crate::log::write($crate::log::Level::Debug, &::std::format!($($format)+)) };
}

/// A line at level verbose.
#[macro_export]
macro_rules! verbose {
    ($($format:tt)+) => { $crate::log::write($crate::log::Level::Verbose, &::std::format!($($format)+)) };
}

/// A line at level notice.
#[macro_export]
macro_rules! notice {
    ($($format:tt)+) => { $crate::log::write($crate::log::Level::Notice, &::std::format!($($format)+)) };
}

/// A line at level warning.
#[macro_export]
macro_rules! warning {
    ($($format:tt)+) => { $crate::log::write($crate::log::Level::Warning, &::std::format!($($format)+)) };
}
