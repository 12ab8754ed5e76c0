//! What launches take of an adapter: operations, and bytes of memory.

use std::iter::Sum;
use std::ops::Add;

use super::kernel_family::KernelFamily;

/// Operations and traffic, as if every launch read each of its operands once and wrote each of its results once, in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// floating-point operations, two for each multiply-add
    pub flops: u64,
    /// bytes read
    pub read_bytes: u64,
    /// bytes written
    pub written_bytes: u64,
}

impl Work {
    /// Bytes read and written.
    pub fn bytes(&self) -> u64 {
        self.read_bytes + self.written_bytes
    }

    /// A share of it.
    pub(crate) fn share(&self, part: u64, of: u64) -> Work {
        let share = |all: u64| (u128::from(all) * u128::from(part) / u128::from(of.max(1))) as u64;
        Work { flops: share(self.flops), read_bytes: share(self.read_bytes), written_bytes: share(self.written_bytes) }
    }
}

impl Add for Work {
    type Output = Work;

    fn add(self, other: Work) -> Work {
        Work {
            flops: self.flops + other.flops,
            read_bytes: self.read_bytes + other.read_bytes,
            written_bytes: self.written_bytes + other.written_bytes,
        }
    }
}

impl Sum for Work {
    fn sum<I: Iterator<Item = Work>>(all: I) -> Work {
        all.fold(Work::default(), Add::add)
    }
}

/// What a launch takes, and the kind of kernel that does it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaunchWork {
    /// the kind of kernel
    pub family: KernelFamily,
    /// what it takes
    pub work: Work,
}

/// What all launches of a family take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FamilyWork {
    /// the kind of kernel
    pub family: KernelFamily,
    /// how many launches
    pub launches: usize,
    /// what they take together
    pub work: Work,
}

impl FamilyWork {
    /// The families among launches, in order of their declaration.
    pub fn of(launches: &[LaunchWork]) -> Vec<FamilyWork> {
        let of = |family: KernelFamily| {
            let own = launches.iter().filter(|launch| launch.family == family);
            FamilyWork { family, launches: own.clone().count(), work: own.map(|launch| launch.work).sum() }
        };
        KernelFamily::ALL.into_iter().map(of).filter(|family| family.launches > 0).collect()
    }
}
