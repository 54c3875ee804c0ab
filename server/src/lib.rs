//! Sandkey: a key-value server that speaks the Redis protocol and that anyone may extend safely.

pub mod keyspace;
pub mod limits;
