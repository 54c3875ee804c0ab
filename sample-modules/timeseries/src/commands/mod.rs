//! The commands, one file a family.

pub mod add;
pub mod create;
pub mod get;
pub mod increment;
pub mod info;
pub mod madd;
pub mod multi;
pub mod range;
pub mod remove;
pub mod rule;
