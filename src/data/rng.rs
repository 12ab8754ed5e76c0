//! Random streams that depend on what they are for, not on who asks first.
//!
//! Every sample has its own generator whose 256-bit key is the run's seed, the purpose, the epoch and the index,
//! so the numbers are the same for any number of threads, after a resume, and on every platform.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::domain::Domain;

/// What a stream of random numbers is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Shuffle,
    Augment,
    PhotometricCopy,
    Appearance,
}

/// What identifies a sample among all samples of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SampleKey {
    /// Seed of the run.
    pub seed: u64,
    /// Camera of the sample: the same region draws other numbers as the other one's.
    pub domain: Domain,
    /// Pass over the data, from 0.
    pub epoch: u64,
    /// Position of the region in its data set.
    pub index: u64,
}

impl SampleKey {
    /// The generator of this sample for `purpose`: ChaCha8 keyed by (seed, domain and purpose, epoch, index), each as
    /// 8 little-endian bytes.
    pub(super) fn rng(self, purpose: Purpose) -> ChaCha8Rng {
        let domain = match self.domain {
            Domain::Source => 0,
            Domain::Target => 1,
        };
        let purpose = match purpose {
            Purpose::Shuffle => 0,
            Purpose::Augment => 1,
            Purpose::PhotometricCopy => 2,
            Purpose::Appearance => 3,
        };
        let mut key = [0u8; 32];
        let words = [self.seed, domain << 8 | purpose, self.epoch, self.index];
        for (bytes, word) in key.chunks_exact_mut(8).zip(words) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        ChaCha8Rng::from_seed(key)
    }
}
