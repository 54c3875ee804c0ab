//! What is fuzzed, taken from the server's sources file by file: the server itself would bring a compiler for WebAssembly along,
//! and every one of these files needs nothing but the limits.

#[path = "../../server/src/limits.rs"]
pub mod limits;

#[path = "../../server/src/net"]
pub mod net {
    pub mod argv;
    pub mod double;
    pub mod downgrade;
    pub mod inline;
    pub mod reply;
    pub mod resp;

    pub mod tests {
        pub mod differential;
    }
}
