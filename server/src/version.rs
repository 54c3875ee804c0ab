//! What the server says of itself.

/// Our own version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The version of Redis whose commands and replies these are: clients choose by it what they send.
pub const COMPATIBLE_WITH: &str = "7.2.4";

/// What HELLO calls the server: clients know no other name.
pub const SERVER_NAME: &str = "redis";
