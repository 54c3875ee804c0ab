//! Rows that Redis does not have: the limits of modules, and metrics.

use super::super::kind::Kind::{Int, Text, TextOrEmpty};
use super::super::kind::Unit::{Memory, Plain};
use super::Effect::Acts;
use super::texts::any;
use super::{Flags, Group, row};

const LONG_MAX: i128 = i64::MAX as i128;

/// What one module may use, unless MODULE LIMITS says otherwise.
#[rustfmt::skip]
pub(super) static MODULES: Group = Group { title: "Modules", rows: &[
    row("module-fuel", Int(10_000, LONG_MAX, Plain), "100000000", Flags::MUTABLE, Acts,
        "The fuel that one command of a module may use, about one unit for each WebAssembly instruction."),
    row("module-fuel-rate", Int(0, LONG_MAX, Plain), "0", Flags::MUTABLE, Acts,
        "The fuel that all commands of a module may use in a second; 0 is no limit."),
    row("module-memory", Int(64 << 10, 4 << 30, Memory), "64mb", Flags::MUTABLE, Acts,
        "The memory that one instance of a module may have."),
    row("module-cache-dir", Text(any), "", Flags::FIXED, Acts,
        "Where compiled modules are kept, to load them faster next time; \"\" compiles them at every start."),
    row("module-file-max-size", Int(1 << 10, 1 << 30, Memory), "64mb", Flags::FIXED, Acts,
        "The largest module that is accepted."),
    row("module-compile-time-limit", Int(1, 3600, Plain), "60", Flags::FIXED, Acts,
        "Seconds that compiling a module may take."),
    row("module-compile-memory", Int(256 << 20, 1 << 40, Memory), "4gb", Flags::FIXED, Acts,
        "The address space of the process that compiles a module."),
] };

/// Prometheus.
#[rustfmt::skip]
pub(super) static METRICS: Group = Group { title: "Metrics", rows: &[
    row("metrics-port", Int(0, 65535, Plain), "0", Flags::FIXED, Acts,
        "The port of the Prometheus endpoint; 0 does not listen."),
    row("metrics-bind", TextOrEmpty(any), "127.0.0.1", Flags::FIXED, Acts,
        "The address of the Prometheus endpoint."),
] };
