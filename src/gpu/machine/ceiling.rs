//! What an adapter can do at best, and how near to it kernels are expected to come.

use crate::gpu::kernel::{KernelFamily, LaunchWork};

/// Rates that no kernel on the adapter exceeds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ceiling {
    /// multiply-adds in registers, two operations each
    pub gflops: f64,
    /// a copy from one buffer to another, bytes read and written
    pub gigabytes_per_second: f64,
}

/// Shares of the two rates, 0 to 1, that a kind of kernel is expected to reach where that rate binds it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Attained {
    /// of arithmetic
    pub arithmetic: f64,
    /// of copying
    pub copying: f64,
}

impl Attained {
    /// An assumption until measured on hardware, made from what peers' kernels reach and from the instructions that compilers make of
    /// ours: `data/benchmarks/README.md` says how.
    pub fn by(family: KernelFamily) -> Attained {
        match family {
            KernelFamily::Convolution => Attained { arithmetic: 0.5, copying: 0.7 },
            KernelFamily::Depthwise => Attained { arithmetic: 0.2, copying: 0.5 },
            KernelFamily::Transform => Attained { arithmetic: 0.3, copying: 0.5 },
            KernelFamily::Normalisation
            | KernelFamily::Elementwise
            | KernelFamily::Resampling
            | KernelFamily::Sum
            | KernelFamily::Update
            | KernelFamily::Copy
            | KernelFamily::PackWeights
            | KernelFamily::PackMaps => Attained { arithmetic: 0.2, copying: 0.7 },
        }
    }
}

impl Ceiling {
    /// Seconds that launches are expected to take one after the other, each bound by the one of the two that takes it longer.
    pub fn expected_seconds<'l>(&self, launches: impl IntoIterator<Item = &'l LaunchWork>) -> f64 {
        let seconds = |LaunchWork { family, work }: &LaunchWork| {
            let Attained { arithmetic, copying } = Attained::by(*family);
            let computing = work.flops as f64 * 1e-9 / (self.gflops * arithmetic);
            computing.max(work.bytes() as f64 * 1e-9 / (self.gigabytes_per_second * copying))
        };
        launches.into_iter().map(seconds).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::kernel::Work;

    #[test]
    fn a_launch_takes_as_long_as_what_binds_it() {
        let ceiling = Ceiling { gflops: 1000.0, gigabytes_per_second: 100.0 };
        let family = KernelFamily::Convolution;
        let Attained { arithmetic, copying } = Attained::by(family);
        let of = |flops, read_bytes| LaunchWork { family, work: Work { flops, read_bytes, written_bytes: 0 } };
        let [computes, reads] = [of(500_000_000_000, 1), of(1, 50_000_000_000)];
        let is =
            |launches: &[LaunchWork], seconds: f64| (ceiling.expected_seconds(launches) / seconds - 1.0).abs() < 1e-12;
        assert!(is(&[computes], 0.5 / arithmetic) && is(&[reads], 0.5 / copying));
        assert!(is(&[computes, reads], 0.5 / arithmetic + 0.5 / copying));
    }
}
