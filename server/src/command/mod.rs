//! Commands: the table, the one place where they are executed, and one file for each family.

pub mod acl_command;
pub mod admin;
pub mod aof;
pub mod args;
mod batch;
pub mod bitfield;
pub mod bitmap;
pub mod blocking;
pub mod client;
mod client_list;
pub mod cluster;
pub mod config_command;
pub mod connection;
pub mod context;
pub mod database;
pub mod debug;
pub mod describe;
pub mod dispatch;
mod draws;
pub mod dump;
pub mod error;
pub mod expire;
pub mod generic;
pub mod geo;
pub mod geo_search;
mod geohash;
pub mod hash;
pub mod hash_expiry;
pub mod hash_walk;
mod help;
pub mod hyperloglog;
pub mod increment;
pub mod info;
pub mod introspection;
pub mod key_access;
pub mod keys;
pub mod latency_command;
pub mod lcs;
pub mod list;
pub mod list_move;
pub mod lock_plan;
pub mod long_double;
pub mod memory_command;
pub mod migrate;
pub mod module;
pub mod monitor;
mod name_key;
pub mod object;
mod permission;
mod propagate;
pub mod pubsub;
mod refusal;
mod reload;
mod resolve;
pub mod save;
pub mod scan;
pub mod scratch;
pub mod scripting;
pub mod secrets;
pub mod session;
pub mod set;
pub mod set_algebra;
pub mod set_walk;
pub mod slowlog;
pub mod slowlog_command;
pub mod sort;
#[macro_use]
pub mod spec;
pub mod stream;
pub mod string;
pub mod substring;
pub mod syntax;
pub mod table;
mod tracking;
pub mod transaction;
pub mod undo;
pub mod zset;
mod zset_bounds;
pub mod zset_combine;
mod zset_keys;
pub mod zset_pop;
pub mod zset_range;
pub mod zset_walk;

use spec::Family;

/// Every family of native commands.
pub const FAMILIES: &[Family] = &[
    acl_command::FAMILY,
    admin::FAMILY,
    aof::FAMILY,
    blocking::FAMILY,
    bitfield::FAMILY,
    bitmap::FAMILY,
    cluster::FAMILY,
    config_command::FAMILY,
    connection::FAMILY,
    database::FAMILY,
    debug::FAMILY,
    dump::FAMILY,
    expire::FAMILY,
    generic::FAMILY,
    geo::FAMILY,
    geo_search::FAMILY,
    hash::FAMILY,
    hash_expiry::FAMILY,
    hash_walk::FAMILY,
    hyperloglog::FAMILY,
    increment::FAMILY,
    info::FAMILY,
    introspection::FAMILY,
    latency_command::FAMILY,
    lcs::FAMILY,
    list::FAMILY,
    list_move::FAMILY,
    memory_command::FAMILY,
    migrate::FAMILY,
    module::FAMILY,
    object::FAMILY,
    pubsub::FAMILY,
    save::FAMILY,
    scan::FAMILY,
    set::FAMILY,
    set_algebra::FAMILY,
    set_walk::FAMILY,
    scripting::FAMILY,
    slowlog_command::FAMILY,
    sort::FAMILY,
    stream::group::FAMILY,
    stream::info::FAMILY,
    stream::log::FAMILY,
    stream::pending::FAMILY,
    stream::read::FAMILY,
    string::FAMILY,
    substring::FAMILY,
    transaction::FAMILY,
    zset::FAMILY,
    zset_combine::FAMILY,
    zset_pop::FAMILY,
    zset_range::FAMILY,
    zset_walk::FAMILY,
];
