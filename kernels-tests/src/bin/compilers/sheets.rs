//! The variants as files, and what compilers say of them.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};

use kernels_tests::compilers::{self, COMPILERS, Compiler, Figures, Record};
use papilla::gpu::Variant;
use papilla::gpu::translate::{ShaderLanguage, TranslationError, ValidShader};
use papilla::variants;
use rayon::prelude::*;
use tempfile::TempDir;

use super::ask::{Answer, Binding, Question};
use super::unpacked::Unpacked;

/// Questions that one process answers: few enough that several processes share the longest work.
const AT_ONCE: usize = 64;

/// Every variant in SPIR-V, and in WGSL where a browser could run it.
pub struct Sheets {
    folder: TempDir,
    names: Vec<String>,
    questions: Vec<Question>,
    wgsl: Vec<(String, PathBuf)>,
}

/// What one compiler says.
#[derive(Default)]
pub struct Answers {
    pub version: String,
    pub figures: BTreeMap<String, Figures>,
    pub failed: Vec<(String, String)>,
    pub lacking: usize,
}

impl Sheets {
    /// Translates all variants.
    pub fn write() -> Result<Sheets, Box<dyn Error>> {
        let variants = variants::all()?;
        let folder = TempDir::new()?;
        let translated: Vec<_> = variants.par_iter().map(translated).collect::<Result<_, _>>()?;
        let mut sheets = Sheets { folder, names: Vec::new(), questions: Vec::new(), wgsl: Vec::new() };
        for (number, (variant, (shader, spirv, wgsl))) in variants.iter().zip(translated).enumerate() {
            let file = sheets.folder.path().join(format!("{number}.spv"));
            std::fs::write(&file, spirv)?;
            let interface = shader.interface().map_err(|error| format!("`{}`: {error}", variant.name()))?;
            let uniform = (!interface.fields.is_empty()).then_some(Binding::Uniform);
            let buffers = std::iter::repeat_n(Binding::Buffer, interface.buffers.len());
            let textures = std::iter::repeat_n(Binding::Texture, interface.textures.len());
            let bindings = uniform.into_iter().chain(buffers).chain(textures).collect();
            let matrices = variant.asks_the_adapter().then(|| matrix_size(variant.text())).flatten();
            sheets.questions.push(Question { file, entry: variant.entry.clone(), bindings, matrices });
            if !variant.asks_the_adapter() {
                let file = sheets.folder.path().join(format!("{number}.wgsl"));
                std::fs::write(&file, wgsl)?;
                sheets.wgsl.push((variant.name(), file));
            }
            sheets.names.push(variant.name());
        }
        Ok(sheets)
    }

    /// Variants that a browser could run.
    pub fn browsers(&self) -> usize {
        self.wgsl.len()
    }

    /// Those of them that Chrome's compiler refuses, and why.
    pub fn refused_by_browsers(&self, unpacked: &Unpacked) -> Result<Vec<String>, Box<dyn Error>> {
        let outputs: Vec<_> = self.wgsl.par_iter().map(|(_, file)| unpacked.tint(file)).collect::<Result<_, _>>()?;
        let refused = self.wgsl.iter().zip(outputs).filter(|(_, output)| !output.status.success());
        Ok(refused
            .map(|((name, _), output)| {
                let text = String::from_utf8_lossy(&output.stderr).into_owned();
                let reason = text.lines().find(|line| line.contains("error")).unwrap_or("it says nothing");
                format!("`{name}` in a browser: {reason}")
            })
            .collect())
    }

    /// Asks every compiler about every variant.
    pub fn ask(&self, unpacked: &Unpacked) -> Result<Vec<Answers>, Box<dyn Error>> {
        let starts: Vec<usize> = (0..self.questions.len()).step_by(AT_ONCE).collect();
        let tasks: Vec<(usize, usize)> =
            (0..COMPILERS.len()).flat_map(|compiler| starts.iter().map(move |&start| (compiler, start))).collect();
        let answered: Vec<_> = tasks
            .par_iter()
            .with_max_len(1)
            .map(|&(compiler, start)| {
                let end = (start + AT_ONCE).min(self.questions.len());
                self.answers(unpacked, &COMPILERS[compiler], start, end).map_err(|error| error.to_string())
            })
            .collect::<Result<_, _>>()?;
        let mut all: Vec<Answers> = COMPILERS.iter().map(|_| Answers::default()).collect();
        for ((compiler, _), answers) in tasks.iter().zip(answered) {
            let of_compiler = &mut all[*compiler];
            of_compiler.version = answers.version;
            of_compiler.figures.extend(answers.figures);
            of_compiler.failed.extend(answers.failed);
            of_compiler.lacking += answers.lacking;
        }
        Ok(all)
    }

    /// Answers to questions `start..end`. A driver that ends the process is asked on behind the question at which it did.
    fn answers(
        &self,
        unpacked: &Unpacked,
        compiler: &Compiler,
        start: usize,
        end: usize,
    ) -> Result<Answers, Box<dyn Error>> {
        let scratch = TempDir::new_in(self.folder.path())?;
        let list = scratch.path().join("questions.json");
        let mut answers = Answers::default();
        let mut next = start;
        while next < end {
            std::fs::write(&list, serde_json::to_vec(&self.questions[next..end])?)?;
            let output = unpacked.under(compiler, scratch.path(), &list)?;
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            let mut told = next;
            for line in said.lines() {
                match serde_json::from_str(line)? {
                    Answer::Version(version) => answers.version = version,
                    Answer::Lacking(number) => {
                        answers.lacking += 1;
                        told = next + number + 1;
                    }
                    Answer::Failed(number, error) => {
                        answers.failed.push((self.names[next + number].clone(), error));
                        told = next + number + 1;
                    }
                    Answer::Statistics(number, statistics) => {
                        let name = self.names[next + number].clone();
                        let figures = Figures::of(&statistics, &compiler.keys)
                            .ok_or_else(|| format!("{} has other statistics: {statistics:?}", compiler.name))?;
                        answers.figures.insert(name, figures);
                        told = next + number + 1;
                    }
                }
            }
            if answers.version.is_empty() {
                let reason = String::from_utf8_lossy(&output.stderr).into_owned();
                return Err(format!("{} says nothing: {}", compiler.name, reason.trim()).into());
            }
            if told < end {
                answers.failed.push((self.names[told].clone(), format!("the compiler ends with {}", output.status)));
                told += 1;
            }
            next = told;
        }
        Ok(answers)
    }
}

fn translated(variant: &Variant) -> Result<(ValidShader, Vec<u8>, Vec<u8>), TranslationError> {
    let shader = ValidShader::parse(variant.text(), &variant.entry)?;
    let (spirv, wgsl) = (shader.translate(ShaderLanguage::Spirv)?, shader.translate(ShaderLanguage::Wgsl)?);
    Ok((shader, spirv, wgsl))
}

/// Rows and columns of the matrices, as the shader's text has them.
fn matrix_size(text: &str) -> Option<u32> {
    let line = text.lines().find_map(|line| line.strip_prefix("const SIZE: u32 = "))?;
    line.strip_suffix("u;")?.parse().ok()
}

/// Writes the tables of both READMEs anew.
pub fn write_tables() -> Result<(), Box<dyn Error>> {
    let records: Vec<Record> = COMPILERS.iter().map(|c| Record::read(c.name)).collect::<Result<_, _>>()?;
    let records = records.try_into().map_err(|_| "a record for each compiler")?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for (file, table) in
        [("README.md", compilers::short(&records)), ("data/compilers/README.md", compilers::long(&records))]
    {
        let path = root.join(file);
        let text = std::fs::read_to_string(&path)?;
        let text = compilers::replaced(&text, &table).ok_or_else(|| format!("{file} has no place for its table"))?;
        std::fs::write(&path, text)?;
    }
    Ok(())
}
