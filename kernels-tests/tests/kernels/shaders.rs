//! Every WGSL file is embedded, has a header, and passes naga's validation.

use std::collections::BTreeSet;
use std::path::Path;

use naga::valid::{ValidationFlags, Validator};
use papilla::gpu::shader::SOURCES;
use papilla::gpu::translate::needed_capabilities;

#[test]
fn every_file_is_embedded() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shaders");
    let files: BTreeSet<String> = std::fs::read_dir(folder)
        .expect("the shaders lie beside the crate")
        .map(|entry| entry.expect("the folder can be listed").path())
        .filter(|path| path.extension().is_some_and(|e| e == "wgsl"))
        .map(|path| path.file_stem().expect("a file has a name").to_string_lossy().into_owned())
        .collect();
    let embedded: BTreeSet<String> = SOURCES.iter().map(|(name, _)| name.to_string()).collect();
    assert_eq!(files, embedded);
}

#[test]
fn every_file_parses_and_validates() {
    for (name, text) in SOURCES {
        let module =
            naga::front::wgsl::parse_str(text).unwrap_or_else(|e| panic!("{name}: {}", e.emit_to_string(text)));
        let mut validator = Validator::new(ValidationFlags::all(), needed_capabilities(text));
        validator.validate(&module).unwrap_or_else(|e| panic!("{name}: {}", e.emit_to_string(text)));
        assert!(!module.entry_points.is_empty(), "{name} has no entry point");
    }
}

#[test]
fn every_file_opens_with_what_it_computes() {
    for (name, text) in SOURCES {
        assert!(text.starts_with(&format!("// {name}: ")), "{name}.wgsl must open with `// {name}: …`");
        for word in ["Bindings", "invocation"] {
            assert!(text.contains(word), "the header of {name}.wgsl does not tell of {word}");
        }
    }
}
