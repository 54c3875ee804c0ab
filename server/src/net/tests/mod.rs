//! Tests of the protocol: transcripts in [`resp`] and [`reply`], and in [`differential`] the properties that the fuzz
//! targets share. [`against_redis`] asks a real redis-server and runs by hand.

mod against_redis;
pub(super) mod differential;
mod properties;
mod reply;
mod resp;
