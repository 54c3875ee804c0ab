//! The network side: connections, bytes to requests, replies to bytes. What a command means is not known here.

pub mod argv;
mod buffer;
pub mod client;
pub mod connection;
pub mod double;
pub mod downgrade;
pub mod inline;
pub mod reply;
pub mod resp;
pub mod tls;

#[cfg(test)]
mod tests;
