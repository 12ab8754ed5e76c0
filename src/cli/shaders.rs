//! `papilla shaders`: every shader variant in the language of a backend.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use rayon::prelude::*;
use serde_json::json;

use super::{Global, output};
use crate::formats::write_atomically;
use crate::gpu::Variant;
use crate::gpu::translate::{ShaderLanguage, TranslationError, ValidShader};
use crate::variants;

/// Write every shader variant as a backend receives it; needs no adapter
///
/// A variant is a shader with one of its entry points and the constants that a launch gives it. Each is validated and
/// translated; the table tells how many of each shader's variants every backend can have.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Language to write
    #[arg(long, value_enum, value_name = "LANGUAGE")]
    to: ShaderLanguage,
    /// Folder for the files, one for each variant
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

type Translations = Vec<(ShaderLanguage, Result<Vec<u8>, TranslationError>)>;

pub(super) fn run(global: &Global, arguments: &Arguments) -> Result<ExitCode> {
    let Arguments { to, out } = arguments;
    if out.exists() && !out.is_dir() {
        bail!("`{}` is not a folder; choose another --out", out.display());
    }
    let variants = variants::all()?;
    let translated: Vec<Translations> = variants.par_iter().map(translations).collect();
    std::fs::create_dir_all(out).with_context(|| format!("cannot create `{}`", out.display()))?;
    let (mut list, mut written, mut failed) = (Vec::new(), 0, Vec::new());
    for (variant, translations) in variants.iter().zip(&translated) {
        let name = variant.name();
        for (language, outcome) in translations {
            match outcome {
                Ok(content) if language == to => {
                    let file = out.join(format!("{name}.{}", to.extension()));
                    write_atomically(&file, |file| file.write_all(content))?;
                    list.push(json!({ "variant": name, "file": file, "bytes": content.len() }));
                    written += 1;
                }
                Err(error) if language == to => {
                    list.push(json!({ "variant": name, "file": null, "bytes": 0, "error": error.to_string() }));
                }
                _ => {}
            }
            if let Err(error @ (TranslationError::Invalid(_) | TranslationError::Failed(_))) = outcome {
                failed.push(format!("`{name}` as {}: {error}", language.name()));
            }
        }
    }
    if global.json {
        output::json(&json!({ "to": to.name(), "variants": list }))?;
    } else {
        for line in table(&variants, &translated) {
            output::line(line)?;
        }
        output::line(format_args!("{written} of {} variants written to {}", variants.len(), out.display()))?;
    }
    for problem in &failed {
        eprintln!("error: {problem}");
    }
    Ok(if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A variant in every language.
fn translations(variant: &Variant) -> Translations {
    let shader = ValidShader::parse(&variant.text(), &variant.entry);
    let translate = |language| match &shader {
        Ok(shader) => shader.translate(language),
        Err(error) => Err(error.clone()),
    };
    ShaderLanguage::ALL.into_iter().map(|language| (language, translate(language))).collect()
}

/// How many variants of each shader there are in each language, and why not all.
fn table(variants: &[Variant], translated: &[Translations]) -> Vec<String> {
    let mut rows: BTreeMap<&str, [usize; 1 + ShaderLanguage::ALL.len()]> = BTreeMap::new();
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    for (variant, translations) in variants.iter().zip(translated) {
        let row = rows.entry(variant.shader).or_default();
        row[0] += 1;
        for (column, (_, outcome)) in translations.iter().enumerate() {
            match outcome {
                Ok(_) => row[1 + column] += 1,
                Err(error) => *reasons.entry(error.to_string()).or_default() += 1,
            }
        }
    }
    let titles: String = ShaderLanguage::ALL.map(|language| format!("{:>8}", language.name())).concat();
    let mut lines = vec![format!("{:30}{:>8}{titles}", "shader", "variants")];
    for (shader, row) in rows {
        let cells: String = row.map(|count| format!("{count:8}")).concat();
        lines.push(format!("{shader:30}{cells}"));
    }
    lines.extend(reasons.into_iter().map(|(reason, count)| format!("{count} variants not: {reason}")));
    lines
}
