//! What is fuzzed, taken from the sources of the server and of the runtime file by file: these would bring a compiler for WebAssembly
//! along, and these files need nothing but the limits and a few small crates.

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

#[path = "../../server/src/keyspace/mod.rs"]
pub mod keyspace;

#[path = "../../server/src/effects"]
pub mod effects {
    pub mod rdb;
}

#[path = "../../server/src/effects/rdb/tests/properties.rs"]
pub mod rdb_properties;
