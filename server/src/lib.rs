//! Sandkey: a key-value server that speaks the Redis protocol and that anyone may extend safely.
//! This library is the server; `main` is its command line. docs/architecture.md follows a command through it.

pub mod acl;
pub mod allocator;
pub mod balance;
pub mod clock;
pub mod command;
pub mod config;
pub mod cron;
pub mod digest;
pub mod effects;
pub mod evict;
mod evict_clients;
pub mod figures;
pub mod histogram;
pub mod keyspace;
pub mod latency;
pub mod limits;
pub mod listen;
pub mod logging;
pub mod memory;
pub mod metrics;
pub mod module;
pub mod net;
pub mod persistence;
pub mod reactions;
pub mod rusage;
pub mod server;
pub mod shutdown;
pub mod start;
pub mod stats;
pub mod tenant;
pub mod users;
pub mod version;
