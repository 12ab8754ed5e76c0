//! Every WGSL file is embedded, has a header, and passes naga's validation; what shaders share stands once, and they know
//! the kinds that Rust knows.

use std::collections::BTreeSet;
use std::path::Path;

use naga::valid::{ValidationFlags, Validator};
use papilla::gpu::shader::{KINDS, PARTS, SOURCES, imports, rewritten, source, with_imports};
use papilla::gpu::translate::needed_capabilities;

use super::bare_kernel::results;

/// Switches that have not all kinds of their list, because launchers ask for no others.
const PARTIAL: [&str; 1] = ["binary_texture"];

#[test]
fn every_file_is_embedded() {
    for (folder, embedded) in [("", SOURCES), ("parts", PARTS)] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shaders").join(folder);
        let files: BTreeSet<String> = std::fs::read_dir(folder)
            .expect("the shaders lie beside the crate")
            .map(|entry| entry.expect("the folder can be listed").path())
            .filter(|path| path.extension().is_some_and(|e| e == "wgsl"))
            .map(|path| path.file_stem().expect("a file has a name").to_string_lossy().into_owned())
            .collect();
        let embedded: BTreeSet<String> = embedded.iter().map(|(name, _)| name.to_string()).collect();
        assert_eq!(files, embedded);
    }
}

fn check_validity(name: &str, text: &str) -> naga::Module {
    let module = naga::front::wgsl::parse_str(text).unwrap_or_else(|e| panic!("{name}: {}", e.emit_to_string(text)));
    let mut validator = Validator::new(ValidationFlags::all(), needed_capabilities(text));
    validator.validate(&module).unwrap_or_else(|e| panic!("{name}: {}", e.emit_to_string(text)));
    module
}

#[test]
fn every_kernel_parses_and_validates() {
    for (name, _) in SOURCES {
        let module = check_validity(name, source(name).unwrap_or_else(|e| panic!("{e}")));
        assert!(!module.entry_points.is_empty(), "{name} has no entry point");
    }
}

#[test]
fn every_file_opens_with_what_it_computes() {
    for (name, text) in SOURCES.iter().chain(PARTS) {
        assert!(text.starts_with(&format!("// {name}: ")), "{name}.wgsl must open with `// {name}: …`");
    }
    for (name, text) in SOURCES {
        for word in ["indings", "nvocation"] {
            assert!(text.contains(word), "the header of {name}.wgsl does not tell of {word}");
        }
    }
}

#[test]
fn every_part_serves_several_files() {
    let users = |part: &str| {
        let imports = SOURCES.iter().chain(PARTS).filter(|(_, text)| imports(text).iter().any(|import| import == part));
        imports.count()
    };
    for (part, _) in PARTS {
        assert!(users(part) >= 2, "{part} serves {} files", users(part));
    }
}

/// The constant that a switch looks at, the names that it has cases for and what it does otherwise.
fn switches(text: &str) -> Vec<(&str, Vec<&str>, &str)> {
    let mut found = Vec::new();
    let mut lines = text.lines().map(str::trim);
    while let Some(line) = lines.next() {
        let Some(over) = line.strip_prefix("switch ").and_then(|rest| rest.strip_suffix(" {")) else { continue };
        let mut cases = Vec::new();
        let otherwise = loop {
            let line = lines.next().expect("a switch has a default");
            if let Some(body) = line.strip_prefix("default: ") {
                break body;
            }
            cases.extend(line.strip_prefix("case ").and_then(|rest| Some(rest.split_once(": ")?.0)));
        };
        found.push((over, cases, otherwise));
    }
    found
}

#[test]
fn every_switch_has_every_kind_and_a_default_that_is_not_a_number() {
    let mut seen = 0;
    for (name, text) in SOURCES.iter().chain(PARTS) {
        for (over, cases, otherwise) in switches(text) {
            seen += 1;
            assert!(otherwise.contains("not_a_number()"), "{name}: `switch {over}` takes {otherwise} for any other");
            let own = KINDS.iter().find(|(list, _)| imports(text).iter().any(|import| import == list));
            let (list, kinds) = own.unwrap_or_else(|| panic!("{name} imports no list of kinds for `switch {over}`"));
            let lacking: Vec<_> = kinds.iter().filter(|kind| !cases.contains(kind)).collect();
            assert!(
                lacking.is_empty() || PARTIAL.contains(name),
                "{name}: `switch {over}` lacks {lacking:?} of {list}"
            );
        }
    }
    assert_eq!(seen, 8, "switches");
}

#[test]
fn every_kind_that_is_launched_has_its_case() {
    let variants = &*super::translations::VARIANTS;
    let mut seen = BTreeSet::new();
    for variant in variants {
        for (over, cases, _) in switches(variant.text()) {
            let start = format!("const {over}: u32 = ");
            let line = variant.text().lines().find_map(|line| line.strip_prefix(&start)?.strip_suffix(';'));
            let kind = line.unwrap_or_else(|| panic!("{} has no constant {over}", variant.name()));
            assert!(cases.contains(&kind), "{} has no case for {kind}", variant.name());
            seen.insert((variant.shader, over, kind));
        }
    }
    let launched = |shader: &str| seen.iter().filter(|(other, over, _)| (*other, *over) == (shader, "KIND")).count();
    assert_eq!(["unary", "binary"].map(launched), [9, 9]);
    assert!(launched("binary_texture") >= 2);
}

#[test]
fn an_unknown_kind_gives_no_number() {
    let text = "// Imports: activation
        alias Value = f32;
        @group(0) @binding(0) var<storage, read_write> out: array<f32, 64>;
        @compute @workgroup_size(64)
        fn main(@builtin(local_invocation_index) lane: u32) {
            out[lane] = activate(f32(lane) - 32.0) + slope(f32(lane) - 32.0);
        }";
    let text = with_imports("probe", text).expect("it has these parts");
    let with = |kind: &str| text.replace("ACTIVATION: u32 = IDENTITY", &format!("ACTIVATION: u32 = {kind}"));
    assert!(results(&with("4u")).iter().all(|y| y.is_nan()));
    let expected: Vec<f32> = (0..64u8).map(|lane| if lane > 32 { f32::from(lane) - 31.0 } else { 0.0 }).collect();
    assert_eq!(results(&with("RELU")), expected);
}

/// The shader of the tutorial is one that can keep its maps in 16 bits.
#[test]
fn the_tutorial_s_shader_is_valid_in_32_and_16_bits() {
    let tutorial = include_str!("../../README.md");
    let (_, rest) = tutorial.split_once("```wgsl\n").expect("the tutorial has a shader");
    let (text, _) = rest.split_once("```").expect("which ends");
    let text = with_imports("channel_softmax", text).expect("it imports what there is");
    check_validity("channel_softmax", &text);
    let half = rewritten("channel_softmax", &text, &[], &[1, 2]).expect("both maps can be in 16 bits");
    check_validity("channel_softmax", &half);
    assert!(half.starts_with("enable f16;"));
}
