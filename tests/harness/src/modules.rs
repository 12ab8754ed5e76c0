//! A file that no `mod` names is not compiled, and its tests would be missed by nobody.

use std::fs;
use std::path::Path;

/// Rust files and folders below that of a `main.rs` or `mod.rs` which no `mod` names.
pub fn forgotten_modules(folder: &Path) -> Vec<String> {
    let root = ["main.rs", "mod.rs"].map(|name| folder.join(name)).into_iter().find(|path| path.exists());
    let Some(root) = root else { return Vec::new() };
    let text = fs::read_to_string(&root).expect("sources can be read");
    let named: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_suffix(';')?.trim_start_matches("pub ").strip_prefix("mod "))
        .collect();
    let mut forgotten = Vec::new();
    for entry in fs::read_dir(folder).expect("sources can be listed") {
        let path = entry.expect("sources can be listed").path();
        let source = path.extension().is_some_and(|extension| extension == "rs") && path != root;
        if !source && !path.join("mod.rs").exists() {
            continue;
        }
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        if !named.contains(&&*name) {
            forgotten.push(path.display().to_string());
        }
        if path.is_dir() {
            forgotten.extend(forgotten_modules(&path));
        }
    }
    forgotten
}
