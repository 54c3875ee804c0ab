//! The comparison of Sandkey with its peers: servers side by side on one machine, one load at a time, in turns.
//!
//! What is compared first is the CPU time that a server spends on a request (user and system, over all its threads). On a
//! machine that is shared with the load generator and perhaps with others, that figure holds still where requests per second
//! do not. The peers take turns within each round, so that whatever changes on the machine meets all of them, and a
//! ratio is the median of the ratios of the rounds.
//!
//! The load comes from redis-benchmark, which people know and trust, and which all servers here speak with. The
//! criterion benches, about pieces of the server, are in benches/ and share nothing with this.

pub mod bgsave;
pub mod collections;
pub mod dataset;
pub mod everysec;
pub mod experiments;
pub mod folder;
pub mod insert;
pub mod load;
pub mod loading;
pub mod measure;
pub mod memory;
pub mod plan;
pub mod process;
pub mod recovery;
pub mod report;
pub mod stats;
pub mod throttle;
