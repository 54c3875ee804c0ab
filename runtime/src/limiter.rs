//! The memory of one instance, counted and held below its limit.
//!
//! Past the limit a growth fails inside the guest, as it would on a machine that has no more. Guests rarely expect
//! that and trap, so the limiter remembers: a trap that follows is reported as what it is.

use wasmtime::ResourceLimiter;

use crate::limits::Limits;

/// Bytes that an element of a table takes in the host.
const ELEMENT_BYTES: usize = 8;

/// What an instance has and may have.
pub(crate) struct Limiter {
    memory: usize,
    memory_max: usize,
    /// What it had when it was new.
    memory_at_first: usize,
    elements: usize,
    elements_max: usize,
    /// The growth that was last allowed, to be taken back if the system refuses it.
    memory_last: usize,
    elements_last: usize,
    refused: bool,
    /// The smallest growth of memory that was refused.
    refused_growth: usize,
    instances: usize,
    memories: usize,
    tables: usize,
}

impl Limiter {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            memory: 0,
            memory_max: limits.memory_bytes,
            memory_at_first: 0,
            elements: 0,
            elements_max: limits.table_elements,
            memory_last: 0,
            elements_last: 0,
            refused: false,
            refused_growth: usize::MAX,
            instances: limits.instances,
            memories: limits.memories,
            tables: limits.tables,
        }
    }

    /// Bytes of all memories and tables.
    pub(crate) fn bytes(&self) -> usize {
        self.memory + self.elements * ELEMENT_BYTES
    }

    /// Bytes that its memories can ever have: what they may have, or have already.
    pub(crate) fn memory_max(&self) -> usize {
        self.memory_max.max(self.memory)
    }

    /// Forget what was refused before.
    pub(crate) fn begin(&mut self) {
        self.refused = false;
        self.refused_growth = usize::MAX;
    }

    /// The instance is complete.
    pub(crate) fn finish(&mut self) {
        self.memory_at_first = self.memory;
    }

    /// Whether the guest wanted more than it may have.
    pub(crate) fn refused(&self) -> bool {
        self.refused
    }

    /// Whether something was refused that a new instance would have room for.
    pub(crate) fn is_crowded(&self) -> bool {
        self.refused_growth <= self.memory_max.saturating_sub(self.memory_at_first)
    }

    /// A changed limit counts from the next growth on.
    pub(crate) fn set_memory(&mut self, bytes: usize) {
        self.memory_max = bytes;
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let growth = desired.saturating_sub(current);
        if maximum.is_some_and(|maximum| desired > maximum) {
            // The module's own limit, not ours.
            return Ok(false);
        }
        if growth > self.memory_max.saturating_sub(self.memory) {
            self.refused = true;
            self.refused_growth = self.refused_growth.min(growth);
            return Ok(false);
        }
        self.memory += growth;
        self.memory_last = growth;
        Ok(true)
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.memory -= std::mem::take(&mut self.memory_last);
        Ok(())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let growth = desired.saturating_sub(current);
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        if growth > self.elements_max.saturating_sub(self.elements) {
            self.refused = true;
            return Ok(false);
        }
        self.elements += growth;
        self.elements_last = growth;
        Ok(true)
    }

    fn table_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.elements -= std::mem::take(&mut self.elements_last);
        Ok(())
    }

    fn instances(&self) -> usize {
        self.instances
    }

    fn tables(&self) -> usize {
        self.tables
    }

    fn memories(&self) -> usize {
        self.memories
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_memories_together_stay_below_the_limit() {
        let mut limiter =
            Limiter::new(&Limits { memory_bytes: 100, table_elements: 10, ..Limits::default() });
        let mut grow =
            |from, to, max| limiter.memory_growing(from, to, max).expect("the limiter never fails");
        assert!(grow(0, 60, None));
        assert!(grow(0, 40, None));
        assert!(!grow(40, 41, None));
        assert!(limiter.refused());
        limiter.begin();
        assert!(!limiter.memory_growing(40, 50, Some(45)).expect("the limiter never fails"));
        assert!(!limiter.refused(), "its own maximum is not our limit");
        assert!(limiter.table_growing(0, 10, None).expect("the limiter never fails"));
        assert_eq!(limiter.bytes(), 180);
        assert!(!limiter.table_growing(10, 11, None).expect("the limiter never fails"));
        assert!(limiter.refused());
    }

    #[test]
    fn a_growth_that_the_system_refuses_is_not_counted() {
        let mut limiter = Limiter::new(&Limits { memory_bytes: 100, ..Limits::default() });
        assert!(limiter.memory_growing(0, 70, None).expect("the limiter never fails"));
        limiter.memory_grow_failed(wasmtime::Error::msg("no memory")).expect("the limiter never fails");
        assert_eq!(limiter.bytes(), 0);
        assert!(limiter.memory_growing(0, 100, None).expect("the limiter never fails"));
    }
}
