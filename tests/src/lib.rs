//! What the tests of this package share: servers to talk to, a client to talk with, transcripts, the generator of
//! random requests, the models of the sample modules, the crashes. The tests themselves are in tests/.
//! Nothing here knows how the server works inside; it is all on the other side of a socket.

pub mod aof;
pub mod cli;
pub mod client;
pub mod compare;
pub mod crash;
pub mod differential;
pub mod episodes;
pub mod extent;
pub mod generator;
pub mod guide;
pub mod model;
pub mod modules;
pub mod paths;
pub mod pattern;
pub mod server;
pub mod transcript;
pub mod value;
pub mod words;

mod arguments;
mod known;
mod model_requests;
mod templates;

pub use client::Client;
pub use server::{Peer, Server, eventually};
pub use value::{Protocol, Value};
