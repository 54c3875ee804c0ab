//! Commands: the table, the one place where they are executed, and one file for each family.

pub mod args;
pub mod client;
pub mod config_command;
pub mod connection;
pub mod context;
pub mod describe;
pub mod dispatch;
pub mod error;
mod help;
pub mod info;
pub mod introspection;
pub mod keys;
pub mod module;
pub mod monitor;
pub mod pubsub;
pub mod session;
pub mod slowlog;
#[macro_use]
pub mod spec;
pub mod string;
pub mod syntax;
pub mod table;
pub mod transaction;
pub mod undo;

use spec::Family;

/// Every family of native commands. Lists, sets, sorted sets, streams and their kin have their place here.
pub const FAMILIES: &[Family] = &[
    connection::FAMILY,
    module::FAMILY,
    pubsub::FAMILY,
    string::FAMILY,
    transaction::FAMILY,
    config_command::FAMILY,
    info::FAMILY,
    introspection::FAMILY,
];
