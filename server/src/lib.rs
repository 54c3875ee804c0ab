//! Placeholder.
pub mod limits;
pub mod net;
