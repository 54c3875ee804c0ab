//! The format as a whole: what was written is read, and what others wrote too. [`redis`] starts the real programs, which
//! `cargo xtask setup` gets.

mod against_redis;
mod dumps;
mod encodings;
mod files;
mod properties;
mod redis;
mod streams;
