//! What is fuzzed, taken from the sources of the server and of the runtime file by file: these would bring a compiler for WebAssembly
//! along, and every one of these files needs nothing but the limits.

#[path = "../../server/src/limits.rs"]
pub mod limits;

#[path = "../../runtime/src/value_fields.rs"]
pub mod value_fields;
#[path = "../../runtime/src/value_fields_differential.rs"]
pub mod value_fields_differential;

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
