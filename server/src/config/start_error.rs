//! Why the server does not start, in the form in which redis-server says it, followed by what only we say: in which
//! file, and what would have been right.

use std::fmt;
use std::path::PathBuf;

use super::line::trim;

/// Where a line of the configuration comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A file.
    File(PathBuf),
    /// What was piped in.
    Stdin,
    /// Arguments of the program.
    CommandLine,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "In the file {}", path.display()),
            Self::Stdin => f.write_str("In the configuration from the standard input"),
            Self::CommandLine => f.write_str("On the command line"),
        }
    }
}

/// A line of the configuration. What is wrong with it may show only later, when the commands or the modules are
/// known; [`fail`](Self::fail) makes the same error then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Where it stands.
    pub source: Source,
    /// Its number there. Options of the command line are counted on from the end of the file, as in Redis.
    pub line: usize,
    /// Its text.
    pub text: Vec<u8>,
}

impl Origin {
    /// This line is wrong, for this reason.
    #[must_use]
    pub fn fail(&self, reason: impl Into<String>) -> StartError {
        StartError::Fatal { at: Some(Box::new(self.clone())), reason: reason.into(), hint: None }
    }
}

/// Why the server does not start. `Display` is what goes to the standard error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartError {
    /// The configuration is wrong.
    Fatal {
        /// The line that is wrong, when it is one.
        at: Option<Box<Origin>>,
        /// Redis's text.
        reason: String,
        /// What would be right.
        hint: Option<String>,
    },
    /// A file cannot be read.
    CannotOpen {
        /// The file.
        path: PathBuf,
        /// The system's text.
        reason: String,
        /// The line that includes it.
        included: Option<Box<Origin>>,
    },
}

impl StartError {
    /// Add what would be right.
    pub(crate) fn with_hint(mut self, text: impl Into<String>) -> Self {
        if let Self::Fatal { hint, .. } = &mut self {
            *hint = Some(text.into());
        }
        self
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fatal { at, reason, hint } => {
                let version = env!("CARGO_PKG_VERSION");
                writeln!(f, "\n*** FATAL CONFIG FILE ERROR (Sandkey {version}) ***")?;
                if let Some(at) = at {
                    writeln!(f, "Reading the configuration file, at line {}", at.line)?;
                    writeln!(f, ">>> '{}'", String::from_utf8_lossy(trim(&at.text)))?;
                }
                write!(f, "{reason}")?;
                if let Some(at) = at {
                    write!(f, "\n{}", at.source)?;
                    f.write_str(if hint.is_some() { ": " } else { "." })?;
                } else if hint.is_some() {
                    f.write_str("\n")?;
                }
                f.write_str(hint.as_deref().unwrap_or_default())
            }
            Self::CannotOpen { path, reason, included } => {
                write!(f, "Fatal error, can't open config file '{}': {reason}", path.display())?;
                match included {
                    Some(at) => write!(f, "\n{}, at line {}.", at.source, at.line),
                    None => Ok(()),
                }
            }
        }
    }
}

impl std::error::Error for StartError {}
