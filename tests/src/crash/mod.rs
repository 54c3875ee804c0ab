//! A server that is killed again and again while clients write to it, and an oracle that knows what must be there afterwards.
//!
//! ```text
//! commands  what a client can send
//! collections   those on lists, sets, sorted sets and streams, and what they do
//! effect    what each command does to the model, and what the server must reply
//! model     the keys of one client as they must be
//! script    which commands a client sends: a stream that follows from a seed
//! worker    a client: sends, reads, and remembers what was acknowledged when
//! look      the keys of one client as the server has them
//! oracle    whether these are what some moment of the client's history left behind, and how far back that is
//! disturb   what else goes on: saving, rewriting, upgrades, the module leaving and coming back
//! power     what a power cut takes away beside what kill -9 does
//! campaign  all of it together, for so many kills
//! ```
//!
//! Every client writes to keys of its own, one command after the other, so what is there after a crash must be exactly what some
//! prefix of its commands has left: not a command too few in the middle, and none done by half. How long the prefix must be is
//! what the ways of saving differ in.

mod campaign;
mod collections;
mod commands;
mod disturb;
mod effect;
mod look;
mod model;
mod oracle;
mod power;
mod script;
mod worker;

pub use campaign::{Campaign, Promise, Report};
pub use disturb::Disturbance;
pub use script::Mix;
