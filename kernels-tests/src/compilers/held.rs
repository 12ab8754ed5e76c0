//! New figures held against recorded ones.

use std::fmt;

use super::compiler::{Compiler, kernel};
use super::record::Record;
use super::statistics::Figures;

/// Kernels that need more registers than a compiler has, and why that harms nobody or little: their spills may not grow.
pub struct Known {
    /// beginnings of their names
    kernels: &'static [&'static str],
    /// names of the compilers; none for all of them
    compilers: &'static [&'static str],
    /// whether they are launched on adapters that the compiler is for
    pub launched: bool,
    /// in a few words
    pub reason: &'static str,
}

const KNOWN: [Known; 5] = [
    Known {
        kernels: &["conv2d_broadcast", "conv2d_texture", "winograd_"],
        compilers: &[],
        launched: false,
        reason: "launched on software adapters alone",
    },
    Known {
        kernels: &[
            "conv2d_tiled, flat",
            "conv2d_tiled, large",
            "conv2d_tiled, wide",
            "conv2d_tiled_weight_grad, flat",
            "conv2d_tiled_weight_grad, large",
            "conv2d_tiled_weight_grad, wide",
        ],
        compilers: &["adreno-660"],
        launched: false,
        reason: "not launched on Qualcomm's adapters, whose largest tile is the medium one",
    },
    Known {
        kernels: &["conv2d_tiled, wide", "conv2d_tiled_weight_grad, wide"],
        compilers: &["apple-m1"],
        launched: false,
        reason: "not launched on Apple's adapters, whose largest tile is the large one",
    },
    Known {
        kernels: &["conv2d_tiled_weight_grad, flat", "conv2d_tiled_weight_grad, small"],
        compilers: &["apple-m1"],
        launched: true,
        reason: "at most 5 values, of strided kernels",
    },
    Known {
        kernels: &["conv2d_tiled, wide"],
        compilers: &["nvidia-ga102"],
        launched: true,
        reason: "256 bytes of sums, which the end of some kernels reads in a loop that is not unrolled",
    },
];

/// Why a variant may spill on a compiler, if it may.
pub fn known_spill(compiler: &str, variant: &str) -> Option<&'static Known> {
    let kernel = kernel(variant);
    KNOWN.iter().find(|known| {
        known.kernels.iter().any(|start| kernel.starts_with(start))
            && (known.compilers.is_empty() || known.compilers.contains(&compiler))
    })
}

/// What is worse than it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Complaint {
    /// It keeps values in memory.
    Spills {
        /// values, and bytes of private memory
        now: (u64, u64),
        /// as many as are allowed
        allowed: (u64, u64),
    },
    /// It needs notably more registers.
    Registers {
        /// now
        now: u64,
        /// recorded
        before: u64,
    },
    /// Notably fewer waves run at once.
    Waves {
        /// now
        now: u64,
        /// recorded
        before: u64,
    },
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Complaint::Spills { now: (values, bytes), allowed } => {
                write!(
                    f,
                    "keeps {values} values and {bytes} bytes in private memory, {} and {} allowed",
                    allowed.0, allowed.1
                )
            }
            Complaint::Registers { now, before } => write!(f, "{now} registers, {before} before"),
            Complaint::Waves { now, before } => write!(f, "{now} waves at once, {before} before"),
        }
    }
}

/// What is worse than recorded, by variant. Of a compiler of another version registers and waves are not held against the
/// record, as the compiler may have changed them; spills are.
pub fn held(compiler: &Compiler, now: &Record, before: &Record) -> Vec<(String, Complaint)> {
    let same_version = now.version == before.version;
    let mut complaints = Vec::new();
    for (variant, figures) in &now.figures {
        let recorded = before.figures.get(variant);
        let allowed = allowed(compiler.name, variant, recorded, before);
        let spilled = figures.in_memory();
        if spilled.0 > allowed.0 || spilled.1 > allowed.1 {
            complaints.push((variant.clone(), Complaint::Spills { now: spilled, allowed }));
        }
        let Some(recorded) = recorded.filter(|_| same_version) else { continue };
        if figures.registers > recorded.registers + (recorded.registers / 10).max(4) {
            let (now, before) = (figures.registers, recorded.registers);
            complaints.push((variant.clone(), Complaint::Registers { now, before }));
        }
        if figures.waves * 10 < recorded.waves * 9 {
            let (now, before) = (figures.waves, recorded.waves);
            complaints.push((variant.clone(), Complaint::Waves { now, before }));
        }
    }
    complaints
}

/// Values and bytes in private memory that a variant may have: none, but for known kernels what is recorded, or if that
/// variant is new, the most of its kernel.
fn allowed(compiler: &str, variant: &str, recorded: Option<&Figures>, before: &Record) -> (u64, u64) {
    if known_spill(compiler, variant).is_none() {
        return (0, 0);
    }
    recorded.map(Figures::in_memory).unwrap_or_else(|| {
        let kernel_name = kernel(variant);
        let of_kernel = before.figures.iter().filter(|(other, _)| kernel(other) == kernel_name);
        of_kernel.fold((0, 0), |most, (_, figures)| {
            let own = figures.in_memory();
            (most.0.max(own.0), most.1.max(own.1))
        })
    })
}
