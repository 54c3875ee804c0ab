//! The format as a whole: what was written is read, and what others wrote too.

mod dumps;
mod files;
