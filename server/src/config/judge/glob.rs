//! Patterns, against KEYS.

use super::super::glob::matches;
use super::{Redis, Reply};

/// Numbers that are the same in every run: what fails once fails again.
struct Sequence(u64);

impl Sequence {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or_default() % end
    }

    fn text(&mut self, letters: &[u8], longest: usize) -> Vec<u8> {
        (0..self.below(longest + 1)).map(|_| letters[self.below(letters.len())]).collect()
    }
}

#[test]
fn patterns_match_what_they_match_in_redis() {
    let mut redis = Redis::start(&[]);
    let mut sequence = Sequence(1);
    let mut keys: Vec<Vec<u8>> = (0..400).map(|_| sequence.text(b"aabbc]^-\\[\x80\xff*?", 6)).collect();
    keys.sort();
    keys.dedup();
    let words = keys.iter().flat_map(|key| [key.clone(), b"1".to_vec()]);
    let mset: Vec<Vec<u8>> = std::iter::once(b"MSET".to_vec()).chain(words).collect();
    assert_eq!(redis.call(&mset), Reply::Text(b"OK".to_vec()));
    let mut matched = 0;
    for _ in 0..4_000 {
        let pattern = sequence.text(b"abc**?[[]]^-\\\x80\xff", 9);
        if pattern == b"*" {
            // KEYS does not match then, it lists everything.
            continue;
        }
        let Reply::Array(found) = redis.call(&[&b"KEYS"[..], &pattern]) else {
            panic!("KEYS answers with an array")
        };
        let mut theirs: Vec<Vec<u8>> = Vec::new();
        for reply in found {
            match reply {
                Reply::Text(key) => theirs.push(key),
                other => panic!("a key, not {other:?}"),
            }
        }
        theirs.sort();
        let mine: Vec<Vec<u8>> = keys.iter().filter(|key| matches(&pattern, key, false)).cloned().collect();
        matched += mine.len();
        assert_eq!(mine, theirs, "pattern {}", pattern.escape_ascii());
    }
    assert!(matched > 1_000, "the patterns match too little to say anything: {matched}");
}
