//! `papilla shaders`: every shader variant in the language of a backend.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use serde_json::json;

use super::named::named;
use super::{Global, Overwrite, output};
use crate::gpu::translate::{ShaderLanguage, TranslationError};
use crate::own_file::Purpose;
use crate::variants;

/// Write every shader variant as a backend receives it; needs no adapter
///
/// A variant is a shader with one of its entry points and the constants that a launch gives it. Each is validated and
/// translated; the table tells how many of each shader's variants every backend can have.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Language to write
    #[arg(long, value_parser = named::<ShaderLanguage>(), value_name = "LANGUAGE")]
    to: ShaderLanguage,
    /// Folder for the files, one for each variant
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    overwrite: Overwrite,
}

pub(super) fn run(global: &Global, arguments: &Arguments) -> Result<ExitCode> {
    let Arguments { to, out, overwrite } = arguments;
    if out.exists() && !out.is_dir() {
        bail!("`{}` is not a folder; choose another --out", out.display());
    }
    let overwriting = overwrite.rule();
    let variants = variants::all()?;
    let translated = variants::translated(&variants);
    std::fs::create_dir_all(out).with_context(|| format!("cannot create `{}`", out.display()))?;
    let (mut list, mut written, mut failed) = (Vec::new(), 0, Vec::new());
    for (variant, translations) in variants.iter().zip(&translated) {
        let name = variant.name();
        for (language, outcome) in translations {
            match outcome {
                Ok(content) if language == to => {
                    let file = out.join(format!("{name}.{}", to.extension()));
                    overwriting.write(&file, Purpose::Shader, |file| file.write_all(content))?;
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
    let print = || -> Result<()> {
        if global.json {
            return output::json(&json!({ "to": to.name(), "variants": list }));
        }
        for line in variants::table(&variants, &translated) {
            output::line(line)?;
        }
        Ok(output::line(format_args!("{written} of {} variants written to {}", variants.len(), out.display()))?)
    };
    output::unless_closed(print())?;
    for problem in &failed {
        output::problem(problem);
    }
    Ok(if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
