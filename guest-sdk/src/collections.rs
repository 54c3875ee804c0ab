//! Hash maps and sets whose order an attacker cannot foresee: the server seeds them when an instance begins.
//! `std`'s own would have the same order in every instance of every module, for want of randomness in the sandbox.
//!
//! The order differs from instance to instance and from run to run. So never let it decide what a command writes:
//! sort first, or use a `BTreeMap`.

use std::hash::BuildHasher;
use std::sync::OnceLock;

use foldhash::SharedSeed;
use foldhash::quality::{FoldHasher, SeedableRandomState};

/// A hash map seeded by the server. `HashMap::default()` makes one.
pub type HashMap<K, V> = std::collections::HashMap<K, V, Seeded>;

/// A hash set seeded by the server. `HashSet::default()` makes one.
pub type HashSet<T> = std::collections::HashSet<T, Seeded>;

static SEED: OnceLock<(u64, SharedSeed)> = OnceLock::new();

/// Called once, when an instance begins. It cannot wait for the first map: that would take numbers out of a
/// command's random sequence, and a replay in another instance would see different ones.
#[cfg(target_arch = "wasm32")]
pub(crate) fn seed(own: u64, shared: u64) {
    // An instance begins once, so nothing is there yet.
    let _ = SEED.set((own, SharedSeed::from_u64(shared)));
}

/// Makes the hashers of [`HashMap`] and [`HashSet`].
#[derive(Debug, Clone)]
pub struct Seeded(SeedableRandomState);

impl Default for Seeded {
    fn default() -> Self {
        let (own, shared) = SEED.get_or_init(|| (0, SharedSeed::from_u64(0)));
        Self(SeedableRandomState::with_seed(*own, shared))
    }
}

impl BuildHasher for Seeded {
    type Hasher = FoldHasher<'static>;

    fn build_hasher(&self) -> Self::Hasher {
        self.0.build_hasher()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_decides() {
        let hash =
            |own, shared: &'static SharedSeed| SeedableRandomState::with_seed(own, shared).hash_one("key");
        static ONE: SharedSeed = SharedSeed::from_u64(1);
        static TWO: SharedSeed = SharedSeed::from_u64(2);
        assert_ne!(hash(1, &ONE), hash(2, &ONE));
        assert_ne!(hash(1, &ONE), hash(1, &TWO));
        let map: HashMap<&str, i64> = [("a", 1)].into_iter().collect();
        assert_eq!(map["a"], 1);
    }
}
