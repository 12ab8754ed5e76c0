//! Figures of every variant as a file: the compiler's version, then a line for each variant.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::statistics::Figures;

const HEADER: &str = "variant,instructions,registers,waves,spills,private,shared";

/// What one compiler makes of the variants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// the driver's own words
    pub version: String,
    /// by name of the variant
    pub figures: BTreeMap<String, Figures>,
}

/// Why there is no record.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// It cannot be read or written.
    #[error("`{path}`: {source}")]
    File {
        /// the file
        path: PathBuf,
        /// what the system says
        source: std::io::Error,
    },
    /// It is not what [`Record::text`] writes.
    #[error("line {line} of the record is not `{HEADER}`")]
    Line {
        /// counted from 1
        line: usize,
    },
}

impl Record {
    /// Where the record of a compiler lies.
    pub fn path(compiler: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/compilers").join(compiler).with_extension("csv")
    }

    /// The record of a compiler.
    ///
    /// # Errors
    /// [`RecordError`].
    pub fn read(compiler: &str) -> Result<Record, RecordError> {
        let path = Record::path(compiler);
        let text = std::fs::read_to_string(&path).map_err(|source| RecordError::File { path, source })?;
        Record::parse(&text)
    }

    /// Replaces the record of a compiler.
    ///
    /// # Errors
    /// [`RecordError::File`].
    #[expect(clippy::disallowed_methods, reason = "the file is under version control")]
    pub fn write(&self, compiler: &str) -> Result<(), RecordError> {
        let path = Record::path(compiler);
        std::fs::write(&path, self.text()).map_err(|source| RecordError::File { path, source })
    }

    /// The file's text.
    pub fn text(&self) -> String {
        let optional = |value: Option<u64>| value.map(|value| value.to_string()).unwrap_or_default();
        let line = |(variant, f): (&String, &Figures)| {
            let (private, shared) = (optional(f.private), optional(f.shared));
            let Figures { instructions, registers, waves, spills, .. } = f;
            format!("{variant},{instructions},{registers},{waves},{spills},{private},{shared}\n")
        };
        let lines: String = self.figures.iter().map(line).collect();
        format!("# {}\n{HEADER}\n{lines}", self.version)
    }

    /// The record of a text.
    ///
    /// # Errors
    /// [`RecordError::Line`].
    pub fn parse(text: &str) -> Result<Record, RecordError> {
        let mut lines = text.lines();
        let version = lines.next().and_then(|line| line.strip_prefix("# "));
        let version = version.ok_or(RecordError::Line { line: 1 })?.to_owned();
        if lines.next() != Some(HEADER) {
            return Err(RecordError::Line { line: 2 });
        }
        let figures = lines.enumerate().map(|(index, line)| figures(line).ok_or(RecordError::Line { line: index + 3 }));
        Ok(Record { version, figures: figures.collect::<Result<_, _>>()? })
    }
}

fn figures(line: &str) -> Option<(String, Figures)> {
    let cells: Vec<&str> = line.split(',').collect();
    let [variant, instructions, registers, waves, spills, private, shared] = cells[..] else { return None };
    let number = |cell: &str| cell.parse().ok();
    let optional = |cell: &str| if cell.is_empty() { Some(None) } else { number(cell).map(Some) };
    let figures = Figures {
        instructions: number(instructions)?,
        registers: number(registers)?,
        waves: number(waves)?,
        spills: number(spills)?,
        private: optional(private)?,
        shared: optional(shared)?,
    };
    Some((variant.to_owned(), figures))
}
