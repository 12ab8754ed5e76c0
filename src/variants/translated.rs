//! Variants in the languages of the backends.

use std::collections::BTreeMap;

use rayon::prelude::*;

use crate::gpu::Variant;
use crate::gpu::translate::{ShaderLanguage, TranslationError, ValidShader};

/// One variant in every language, or why not.
pub type Translations = Vec<(ShaderLanguage, Result<Vec<u8>, TranslationError>)>;

/// Variants in every language.
pub fn translated(variants: &[Variant]) -> Vec<Translations> {
    variants.par_iter().map(translations).collect()
}

fn translations(variant: &Variant) -> Translations {
    let shader = ValidShader::parse(variant.text(), &variant.entry);
    let translate = |language| match &shader {
        Ok(shader) => shader.translate(language),
        Err(error) => Err(error.clone()),
    };
    ShaderLanguage::ALL.into_iter().map(|language| (language, translate(language))).collect()
}

/// How many variants of each shader there are in each language, and why not all: lines of text.
pub fn table(variants: &[Variant], translated: &[Translations]) -> Vec<String> {
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
