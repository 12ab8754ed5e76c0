//! Which compilers there are, and how their answers are read.

use super::statistics::Keys;

/// A compiler, by the driver that holds it and the chip that its shim stands in for.
pub struct Compiler {
    /// name of its file in `data/compilers/`
    pub name: &'static str,
    /// what people call it
    pub title: &'static str,
    /// `libvulkan_DRIVER.so`
    pub driver: &'static str,
    /// `libSHIM_noop_drm_shim.so`
    pub shim: &'static str,
    /// the environment variable by which the shim is told the chip, and the chip
    pub chip: Option<(&'static str, &'static str)>,
    /// names of its statistics
    pub keys: Keys,
}

const AMD: Keys = Keys {
    instructions: "Instructions",
    registers: "VGPRs",
    waves: "Subgroups per SIMD",
    spills: &["Spilled SGPRs", "Spilled VGPRs"],
    private: Some("Scratch size"),
    shared: Some("LDS size"),
};

const fn amd(name: &'static str, title: &'static str, chip: &'static str) -> Compiler {
    Compiler { name, title, driver: "radeon", shim: "amdgpu", chip: Some(("AMDGPU_GPU_ID", chip)), keys: AMD }
}

/// All that are asked.
pub const COMPILERS: [Compiler; 6] = [
    amd("amd-vega10", "AMD GCN 5", "vega10"),
    amd("amd-navi21", "AMD RDNA 2", "navi21"),
    amd("amd-navi31", "AMD RDNA 3", "navi31"),
    Compiler {
        name: "nvidia-ga102",
        title: "NVIDIA Ampere",
        driver: "nouveau",
        shim: "nouveau",
        chip: Some(("NOUVEAU_CHIPSET", "172")),
        keys: Keys {
            instructions: "Instruction count",
            registers: "Number of GPRs",
            waves: "Max warps/SM",
            spills: &["Spills to memory"],
            private: Some("SLM size"),
            shared: None,
        },
    },
    Compiler {
        name: "apple-m1",
        title: "Apple M1",
        driver: "asahi",
        shim: "asahi",
        chip: None,
        keys: Keys {
            instructions: "Instructions",
            registers: "GPRs",
            waves: "Threads",
            spills: &["Spills"],
            private: Some("Scratch"),
            shared: None,
        },
    },
    Compiler {
        name: "adreno-660",
        title: "Adreno 660",
        driver: "freedreno",
        shim: "freedreno",
        chip: Some(("FD_GPU_ID", "660")),
        keys: Keys {
            instructions: "Instruction Count",
            registers: "Registers used",
            waves: "Max Waves Per Core",
            spills: &["STP Count"],
            private: None,
            shared: None,
        },
    },
];

/// The kernel of a variant, by its name: convolutions in tiles by tile.
pub fn kernel(variant: &str) -> String {
    let shader = variant.split('.').next().unwrap_or_default();
    let has = |constant: &str| variant.split('.').any(|part| part == constant);
    // Of the constants of `register_tile` a name has those that are not the large tile's.
    let tile = [("ROWS-1", "thin"), ("COLUMNS-8", "wide"), ("THREADS_N-32", "flat"), ("THREADS_N-8", "small")];
    match shader {
        "conv2d_tiled" | "conv2d_tiled_weight_grad" => {
            let other = if has("THREADS_M-8") { "medium" } else { "large" };
            format!("{shader}, {}", tile.iter().find(|(constant, _)| has(constant)).map_or(other, |(_, name)| name))
        }
        _ => shader.to_owned(),
    }
}
