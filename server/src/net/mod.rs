//! The network side: bytes to requests, replies to bytes. What a command means is not known here.

pub mod argv;
pub mod double;
pub mod downgrade;
pub mod inline;
pub mod reply;
pub mod resp;

#[cfg(test)]
mod tests;
