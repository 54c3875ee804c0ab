//! A piece of a series: samples of ascending timestamps, compressed or as they are, up to a size in bytes. A chunk is never
//! empty. What lies between chunks is `samples`; what the bits of a compressed one mean is `compressed`.

use crate::compressed::{self, Compressed};
use crate::sample::Sample;

/// How the samples of a series are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// As differences.
    Compressed,
    /// As they are: 16 bytes each.
    Uncompressed,
}

/// What new chunks are made like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Form {
    /// How samples are written.
    pub encoding: Encoding,
    /// How many bytes they may take.
    pub bytes: usize,
}

/// Samples in one piece.
#[derive(Debug, Clone)]
pub enum Chunk {
    /// As differences.
    Compressed(Compressed),
    /// As they are.
    Plain(Vec<Sample>),
}

impl Chunk {
    /// One sample.
    pub fn new(sample: Sample, form: Form) -> Self {
        match form.encoding {
            Encoding::Compressed => Self::Compressed(Compressed::new(sample)),
            Encoding::Uncompressed => Self::Plain(vec![sample]),
        }
    }

    /// As few chunks as hold these samples; if one is not enough, halves.
    pub fn fill(samples: &[Sample], form: Form) -> Vec<Self> {
        let Some((first, rest)) = samples.split_first() else { return Vec::new() };
        let mut chunk = Self::new(*first, form);
        if rest.iter().all(|sample| chunk.push(*sample, form.bytes)) {
            return vec![chunk];
        }
        // Two samples fit into the smallest chunk, so this comes to an end.
        let (earlier, later) = samples.split_at(samples.len() / 2);
        let mut chunks = Self::fill(earlier, form);
        chunks.extend(Self::fill(later, form));
        chunks
    }

    /// Add a sample that is later than all, if `bytes` are enough.
    #[inline]
    pub fn push(&mut self, sample: Sample, bytes: usize) -> bool {
        match self {
            Self::Compressed(chunk) => chunk.push(sample, bytes),
            Self::Plain(samples) => {
                let fits = (samples.len() + 1) * size_of::<Sample>() <= bytes;
                if fits {
                    samples.push(sample);
                }
                fits
            }
        }
    }

    /// Set the value at a timestamp within this chunk, if that can be done in place.
    pub fn set_in_place(&mut self, sample: Sample, bytes: usize) -> bool {
        match self {
            Self::Compressed(chunk) => {
                chunk.last().timestamp == sample.timestamp && chunk.replace_last(sample.value, bytes)
            }
            Self::Plain(samples) => {
                let place = samples.binary_search_by_key(&sample.timestamp, |sample| sample.timestamp);
                match place {
                    Ok(at) => samples[at] = sample,
                    Err(at) if (samples.len() + 1) * size_of::<Sample>() <= bytes => {
                        samples.insert(at, sample)
                    }
                    Err(_) => return false,
                }
                true
            }
        }
    }

    /// The first timestamp.
    pub fn first(&self) -> i64 {
        match self {
            Self::Compressed(chunk) => chunk.first(),
            Self::Plain(samples) => samples.first().map_or(0, |sample| sample.timestamp),
        }
    }

    /// The last sample.
    pub fn last(&self) -> Sample {
        match self {
            Self::Compressed(chunk) => chunk.last(),
            Self::Plain(samples) => *samples.last().expect("a chunk is never empty"),
        }
    }

    /// How many samples.
    pub fn count(&self) -> usize {
        match self {
            Self::Compressed(chunk) => chunk.count() as usize,
            Self::Plain(samples) => samples.len(),
        }
    }

    /// How many bytes the samples take.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Compressed(chunk) => chunk.bytes(),
            Self::Plain(samples) => samples.len() * size_of::<Sample>(),
        }
    }

    /// The samples from a timestamp on, and perhaps some before it.
    pub fn iter_about(&self, from: i64) -> Iter<'_> {
        match self {
            Self::Compressed(chunk) => Iter::Compressed(chunk.iter()),
            Self::Plain(samples) => {
                let start = samples.partition_point(|sample| sample.timestamp < from);
                Iter::Plain(samples[start..].iter())
            }
        }
    }

    /// All samples.
    pub fn iter(&self) -> Iter<'_> {
        self.iter_about(i64::MIN)
    }
}

/// The samples of a chunk.
#[derive(Debug, Clone)]
pub enum Iter<'c> {
    /// Decoded one by one.
    Compressed(compressed::Iter<'c>),
    /// As they are.
    Plain(std::slice::Iter<'c, Sample>),
}

impl Iterator for Iter<'_> {
    type Item = Sample;

    #[inline]
    fn next(&mut self) -> Option<Sample> {
        match self {
            Self::Compressed(samples) => samples.next(),
            Self::Plain(samples) => samples.next().copied(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(range: std::ops::Range<i64>) -> Vec<Sample> {
        range.map(|timestamp| Sample { timestamp, value: (timestamp * timestamp) as f64 * 1e-3 }).collect()
    }

    #[test]
    fn what_does_not_fit_is_split_in_halves() {
        for encoding in [Encoding::Compressed, Encoding::Uncompressed] {
            let form = Form { encoding, bytes: 128 };
            for len in 1..200 {
                let samples = samples(0..len);
                let chunks = Chunk::fill(&samples, form);
                assert!(chunks.iter().all(|chunk| chunk.bytes() <= 128));
                let back: Vec<Sample> = chunks.iter().flat_map(Chunk::iter).collect();
                assert_eq!(back, samples);
                assert!(chunks.windows(2).all(|pair| pair[0].last().timestamp < pair[1].first()));
            }
        }
        assert!(Chunk::fill(&[], Form { encoding: Encoding::Compressed, bytes: 48 }).is_empty());
    }

    #[test]
    fn a_plain_chunk_takes_samples_anywhere_while_there_is_room() {
        let form = Form { encoding: Encoding::Uncompressed, bytes: 48 };
        let mut chunk = Chunk::new(Sample { timestamp: 10, value: 1.0 }, form);
        assert!(chunk.set_in_place(Sample { timestamp: 5, value: 2.0 }, 48));
        assert!(chunk.set_in_place(Sample { timestamp: 7, value: 3.0 }, 48));
        assert!(!chunk.set_in_place(Sample { timestamp: 8, value: 4.0 }, 48));
        assert!(chunk.set_in_place(Sample { timestamp: 7, value: 5.0 }, 48));
        let pairs: Vec<_> = chunk.iter().map(|sample| (sample.timestamp, sample.value)).collect();
        assert_eq!(pairs, [(5, 2.0), (7, 5.0), (10, 1.0)]);
        assert_eq!(chunk.iter_about(6).count(), 2);
    }

    #[test]
    fn a_compressed_chunk_replaces_its_last_value_only() {
        let form = Form { encoding: Encoding::Compressed, bytes: 4096 };
        let mut chunk = Chunk::fill(&samples(0..10), form).remove(0);
        assert!(chunk.set_in_place(Sample { timestamp: 9, value: -1.0 }, 4096));
        assert_eq!(chunk.last(), Sample { timestamp: 9, value: -1.0 });
        assert!(!chunk.set_in_place(Sample { timestamp: 8, value: -1.0 }, 4096));
    }
}
