//! Tables of the recorded figures, for READMEs.

use std::collections::BTreeMap;

use papilla::gpu::Tile;

use super::compiler::{COMPILERS, kernel};
use super::held::known_spill;
use super::record::Record;

/// Of all variants of a kernel: the most registers, the fewest waves, whether one spills.
#[derive(Clone, Copy)]
struct Worst {
    variants: usize,
    registers: u64,
    waves: u64,
    spills: bool,
}

fn by_kernel(record: &Record) -> BTreeMap<String, Worst> {
    let mut kernels: BTreeMap<String, Worst> = BTreeMap::new();
    for (variant, figures) in &record.figures {
        let none = Worst { variants: 0, registers: 0, waves: u64::MAX, spills: false };
        let worst = kernels.entry(kernel(variant)).or_insert(none);
        *worst = Worst {
            variants: worst.variants + 1,
            registers: worst.registers.max(figures.registers),
            waves: worst.waves.min(figures.waves),
            spills: worst.spills || figures.spills(),
        };
    }
    kernels
}

/// A row for each kernel: registers and waves on each compiler.
pub fn long(records: &[Record; COMPILERS.len()]) -> String {
    let kernels = records.each_ref().map(by_kernel);
    let mut names: Vec<&String> = kernels.iter().flat_map(BTreeMap::keys).collect();
    names.sort();
    names.dedup();
    let titles: String = COMPILERS.iter().map(|compiler| format!(" {} |", compiler.title)).collect();
    let mut lines =
        vec![format!("| kernel | variants |{titles}"), format!("|---|---|{}", "---|".repeat(COMPILERS.len()))];
    for name in names {
        let variants = kernels.iter().filter_map(|of| of.get(name)).map(|worst| worst.variants).max().unwrap_or(0);
        let cells: String = kernels.iter().map(|of| format!(" {} |", cell(of.get(name)))).collect();
        lines.push(format!("| `{name}` | {variants} |{cells}"));
    }
    lines.join("\n")
}

fn cell(worst: Option<&Worst>) -> String {
    match worst {
        None => "–".to_owned(),
        Some(worst) => {
            let mark = if worst.spills { ", spills" } else { "" };
            format!("{}, {}{mark}", worst.registers, worst.waves)
        }
    }
}

/// A row for each compiler: how many variants it takes, how many of these spill, the tiles of convolutions.
pub fn short(records: &[Record; COMPILERS.len()]) -> String {
    let mut lines = vec![
        "| code generator | variants | spilling where they are launched | `conv2d_tiled`: registers and waves of the tiles, from few sums to many |".to_owned(),
        "|---|---|---|---|".to_owned(),
    ];
    for (compiler, record) in COMPILERS.iter().zip(records) {
        let launched = |variant: &str| known_spill(compiler.name, variant).is_none_or(|known| known.launched);
        let spilling = record.figures.iter().filter(|(variant, f)| f.spills() && launched(variant)).count();
        let kernels = by_kernel(record);
        let tiles = Tile::ALL.map(|tile| {
            kernels
                .get(&format!("conv2d_tiled, {}", tile.name()))
                .map_or("–".to_owned(), |w| format!("{}, {}", w.registers, w.waves))
        });
        let (title, variants) = (compiler.title, record.figures.len());
        lines.push(format!("| {title} | {variants} | {spilling} | {} |", tiles.join("; ")));
    }
    lines.join("\n")
}

/// A text in which the lines between `<!-- compilers -->` and `<!-- /compilers -->` are others; `None` without these marks.
pub fn replaced(text: &str, table: &str) -> Option<String> {
    let (begin, end) = ("<!-- compilers -->\n", "\n<!-- /compilers -->");
    let (before, rest) = text.split_once(begin)?;
    let (_, after) = rest.split_once(end)?;
    Some(format!("{before}{begin}{table}{end}{after}"))
}
