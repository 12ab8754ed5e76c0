//! Every variant of every shader reaches every backend that can express it, and none takes more than the limits that
//! WebGPU guarantees.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use papilla::gpu::Variant;
use papilla::gpu::translate::{ShaderLanguage, TranslationError, Usage, ValidShader};
use papilla::variants::{self, Translations};
use rayon::prelude::*;
use tempfile::TempDir;

/// Every variant; planning all graphs takes seconds.
pub(super) static VARIANTS: LazyLock<Vec<Variant>> =
    LazyLock::new(|| variants::all().expect("every graph can be planned"));

/// Every variant in every language.
static TRANSLATED: LazyLock<Vec<Translations>> = LazyLock::new(|| variants::translated(&VARIANTS));

/// Why a language cannot have a variant.
fn lacking(variant: &Variant, language: ShaderLanguage) -> Option<&'static str> {
    let half = variant.text().contains("enable f16;");
    match (language, variant.asks_the_adapter()) {
        (ShaderLanguage::Hlsl | ShaderLanguage::Glsl, true) => Some("cooperative matrices"),
        (ShaderLanguage::Glsl, false) if half => Some("16-bit floats"),
        (ShaderLanguage::Glsl, false) if variant.text().contains("@builtin(subgroup_") => Some("subgroups"),
        _ => None,
    }
}

#[test]
fn every_backend_has_every_variant_that_it_can_express() {
    let (variants, translated) = (&*VARIANTS, &*TRANSLATED);
    for line in variants::table(variants, translated) {
        println!("{line}");
    }
    assert!(variants.len() > 100, "{} variants", variants.len());
    let mut names: Vec<String> = variants.iter().map(Variant::name).collect();
    // The longest extension and a dot fit a file name too.
    let longest = names.iter().max_by_key(|name| name.len()).expect("there are variants");
    assert!(longest.len() < 240, "{longest}");
    names.dedup();
    assert_eq!(names.len(), variants.len());
    for (variant, translations) in variants.iter().zip(translated) {
        for (language, outcome) in translations {
            match (lacking(variant, *language), outcome) {
                (None, Ok(content)) => assert!(!content.is_empty(), "{}", variant.name()),
                (Some(expected), Err(TranslationError::Inexpressible { what, .. })) if *what == expected => {}
                (_, outcome) => panic!("{} as {}: {outcome:?}", variant.name(), language.name()),
            }
        }
    }
}

#[test]
fn no_variant_needs_more_than_the_limits_of_webgpu() {
    let mut most = Usage::default();
    for variant in VARIANTS.iter() {
        let name = variant.name();
        let shader = ValidShader::parse(variant.text(), &variant.entry).unwrap_or_else(|e| panic!("{name}: {e}"));
        let usage = shader.usage();
        let Usage { workgroup, workgroup_bytes, uniform_buffers, storage_buffers, storage_textures } = usage;
        assert!(workgroup_bytes <= 16384, "{name}: {usage:?}");
        assert!(uniform_buffers <= 12 && storage_buffers <= 8 && storage_textures <= 4, "{name}: {usage:?}");
        // Its workgroup is four of the adapter's subgroups, if those are within the adapter's limit.
        if !variant.asks_the_adapter() {
            let [x, y, z] = workgroup;
            assert!(x * y * z <= 256 && x <= 256 && y <= 256 && z <= 64, "{name}: {usage:?}");
        }
        most.workgroup_bytes = most.workgroup_bytes.max(workgroup_bytes);
        most.storage_buffers = most.storage_buffers.max(storage_buffers);
        most.storage_textures = most.storage_textures.max(storage_textures);
    }
    println!("most of all variants: {most:?}");
    assert!(most.workgroup_bytes > 4096 && most.storage_buffers >= 5 && most.storage_textures >= 2, "{most:?}");
}

/// Writes the variants that a language can have.
fn written(folder: &Path, language: ShaderLanguage) -> Vec<(&'static Variant, PathBuf)> {
    let (variants, translated) = (&*VARIANTS, &*TRANSLATED);
    let mut files = Vec::new();
    for (variant, translations) in variants.iter().zip(translated) {
        for (_, outcome) in translations.iter().filter(|(own, _)| *own == language) {
            let Ok(content) = outcome else { continue };
            let path = folder.join(format!("{}.{}", variant.name(), language.extension()));
            std::fs::write(&path, content).expect("a temporary file can be written");
            files.push((variant, path));
        }
    }
    files
}

/// Gives every file to a validator, if there is one, as many at once as it takes; the arguments are those of the first.
fn validated(
    program: &str,
    language: ShaderLanguage,
    at_once: usize,
    arguments: impl Fn(&Variant) -> Vec<&'static str> + Sync,
) {
    if Command::new(program).arg("--version").output().is_err() {
        return harness::skip(format_args!("no {program} (Debian has it in spirv-tools or glslang-tools)"));
    }
    let folder = TempDir::new().expect("a temporary folder");
    let files = written(folder.path(), language);
    assert!(files.len() > 100);
    let unknown = AtomicUsize::new(0);
    let complaints: Vec<String> = files
        .par_chunks(at_once)
        .filter_map(|chunk| {
            let (variant, paths) = (chunk[0].0, chunk.iter().map(|(_, path)| path));
            let output = Command::new(program).args(arguments(variant)).args(paths).output().expect("it ran before");
            let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
            // Validators older than the extension refuse its capability by number.
            if variant.asks_the_adapter() && text.contains("Invalid capability operand: 6022") {
                unknown.fetch_add(1, Ordering::Relaxed);
                return None;
            }
            (!output.status.success()).then(|| format!("{}: {text}", variant.name()))
        })
        .collect();
    assert!(complaints.is_empty(), "{} of {}: {}", complaints.len(), files.len(), complaints.join("\n"));
    let unknown = unknown.into_inner();
    if unknown > 0 {
        harness::skip(format_args!("{unknown} files with cooperative matrices, which this {program} does not know"));
    }
    println!("{program} passed {} files", files.len() - unknown);
}

#[test]
fn spirv_passes_its_validator() {
    validated("spirv-val", ShaderLanguage::Spirv, 1, |variant| {
        vec!["--target-env", if variant.asks_the_adapter() { "vulkan1.3" } else { "vulkan1.1" }]
    });
}

#[test]
fn glsl_passes_its_validator() {
    // It spends its time on starting.
    validated("glslangValidator", ShaderLanguage::Glsl, 64, |_| Vec::new());
}
