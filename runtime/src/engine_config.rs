//! How wasmtime is set up. One function, because the process that compiles and the server that runs must agree to the
//! last switch.
//!
//! What is off is off because a guest could hurt with it (threads), because a replay would not be exact (relaxed SIMD,
//! NaN payloads), or because nobody needs it yet and less surface is safer.

use std::num::NonZeroUsize;

use wasmtime::{Config, OperatorCost, VariableOperatorCost, WasmBacktraceDetails, WasmFeatures};

use crate::limits::{BACKTRACE_FRAMES, STACK_BYTES};

/// The engine of this process.
pub(crate) fn engine() -> wasmtime::Result<wasmtime::Engine> {
    wasmtime::Engine::new(&config())
}

fn config() -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        // The largest single cost of a call: 2.5 to 3 times as much with it.
        .concurrency_support(false)
        .consume_fuel(true)
        .operator_cost(operator_cost())
        .cranelift_nan_canonicalization(true)
        .max_wasm_stack(STACK_BYTES)
        .wasm_backtrace_max_frames(NonZeroUsize::new(BACKTRACE_FRAMES))
        // Names come from the name section. A hostile module's DWARF is nothing that a server should parse.
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        .wasm_tail_call(true)
        .wasm_simd(true)
        .wasm_relaxed_simd(false)
        .relaxed_simd_deterministic(true)
        .wasm_multi_memory(false)
        .wasm_memory64(false)
        .wasm_custom_page_sizes(false)
        .wasm_wide_arithmetic(false)
        .wasm_features(
            WasmFeatures::THREADS
                | WasmFeatures::SHARED_EVERYTHING_THREADS
                | WasmFeatures::GC
                | WasmFeatures::FUNCTION_REFERENCES
                | WasmFeatures::EXCEPTIONS
                | WasmFeatures::LEGACY_EXCEPTIONS
                | WasmFeatures::STACK_SWITCHING
                | WasmFeatures::CM_ASYNC
                | WasmFeatures::CM_ERROR_CONTEXT
                | WasmFeatures::CM_GC,
            false,
        );
    config
}

/// Fuel of the instructions. wasmtime counts one for each, and one for each byte or element of the bulk instructions;
/// those that enter the host cost as much as their entry takes, or a loop of them would outlive its budget.
fn operator_cost() -> OperatorCost {
    const ENTRY: u8 = 20;
    OperatorCost {
        MemoryGrow: 200,
        TableGrow: 200,
        MemoryFill: ENTRY,
        MemoryCopy: ENTRY,
        MemoryInit: ENTRY,
        TableFill: ENTRY,
        TableCopy: ENTRY,
        TableInit: ENTRY,
        DataDrop: ENTRY,
        ElemDrop: ENTRY,
        variable: VariableOperatorCost { memory_grow_per_page: 250, ..VariableOperatorCost::new() },
        ..OperatorCost::new()
    }
}
