//! What a file of this program is, and how its content says so.

use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use super::open::open_existing;
use super::png;

/// What a file of this program is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose<'a> {
    /// a photograph of a synthetic clinic, or a region cut out of one
    Region,
    /// a mask in the dataset layout
    RegionMask,
    /// a predicted mask
    Mask,
    /// a photograph with outlines
    Overlay,
    /// how far passes differ
    Uncertainty,
    /// regions in small
    ContactSheet,
    /// a table with these titles
    Table(&'a [&'a str]),
    /// what a prediction has done so far
    UnderWay,
    /// the totals of an evaluation
    Evaluation,
    /// what a network says of an image
    Logits,
    /// weights as safetensors
    Weights,
    /// weights as PyTorch has them
    PyTorch,
    /// a network as ONNX
    Onnx,
    /// a page about runs
    Report,
    /// a chart of such a page
    Chart,
    /// all about an adapter
    Adapter,
    /// a page about an adapter
    AdapterPage,
    /// what ran when
    Trace,
    /// a page of the manual
    Manual,
    /// a shader in some language, which has no room for a mark
    Shader,
}

/// The metadata's key of a run's checkpoint; such a file is never replaced by anything else.
pub const CHECKPOINT: &str = "papilla_checkpoint";
/// Key of the mark where a file holds texts by key.
pub const WRITTEN_BY: &str = "written_by";

/// Bytes at the beginning of a file among which a mark lies.
const HEAD: u64 = 16 << 10;
/// Bytes at its end.
const TAIL: u64 = 64;

/// Where the mark of a kind lies.
enum Form<'a> {
    /// A PNG file, the checksum of which is in the mark.
    Picture,
    /// Near the beginning.
    Head(String),
    /// At the end.
    Tail(String),
    /// The first line, without which nothing else is the table that is meant.
    Titles(&'a [&'a str]),
    /// Nowhere.
    None,
}

impl Purpose<'_> {
    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Purpose::Region => "region",
            Purpose::RegionMask => "mask of a region",
            Purpose::Mask => "predicted mask",
            Purpose::Overlay => "overlay",
            Purpose::Uncertainty => "picture of uncertainty",
            Purpose::ContactSheet => "contact sheet",
            Purpose::Table(_) => "table with these columns",
            Purpose::UnderWay => "prediction under way",
            Purpose::Evaluation => "evaluation",
            Purpose::Logits => "file of logits",
            Purpose::Weights | Purpose::PyTorch => "file of weights",
            Purpose::Onnx => "network",
            Purpose::Report => "report",
            Purpose::Chart => "chart",
            Purpose::Adapter => "description of an adapter",
            Purpose::AdapterPage => "page about an adapter",
            Purpose::Trace => "trace",
            Purpose::Manual => "page of the manual",
            Purpose::Shader => "shader",
        }
    }

    /// The text that the content of such a file has to hold.
    pub fn mark(self) -> String {
        format!("papilla {}", self.name())
    }

    /// The bytes of a picture, marked.
    pub fn sealed(self, png: &[u8]) -> Vec<u8> {
        png::sealed(png, &self.mark())
    }

    /// Whether the file at a path is one that this program wrote, for this.
    ///
    /// # Errors
    /// What the system says.
    pub fn is_at(self, path: &Path) -> io::Result<bool> {
        let mut file = open_existing(path)?;
        let mut found = Vec::new();
        Ok(match self.form() {
            Form::Picture => {
                file.read_to_end(&mut found)?;
                png::is_sealed(&found, &self.mark())
            }
            Form::Head(mark) => {
                file.take(HEAD).read_to_end(&mut found)?;
                found.windows(mark.len()).any(|part| part == mark.as_bytes())
            }
            Form::Tail(mark) => {
                let length = file.metadata()?.len();
                file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
                file.read_to_end(&mut found)?;
                found.ends_with(mark.as_bytes())
            }
            Form::Titles(titles) => {
                file.take(HEAD).read_to_end(&mut found)?;
                let line = found.split(|byte| *byte == b'\n').next().unwrap_or_default();
                line.strip_suffix(b"\r").unwrap_or(line) == titles.join(",").as_bytes()
            }
            Form::None => false,
        })
    }

    fn form(&self) -> Form<'_> {
        let mark = self.mark();
        match self {
            Purpose::Region
            | Purpose::RegionMask
            | Purpose::Mask
            | Purpose::Overlay
            | Purpose::Uncertainty
            | Purpose::ContactSheet => Form::Picture,
            Purpose::Table(titles) => Form::Titles(titles),
            Purpose::Evaluation | Purpose::Adapter => Form::Head(format!("\"{WRITTEN_BY}\": \"{mark}\"")),
            Purpose::Logits | Purpose::Weights | Purpose::UnderWay | Purpose::Trace => {
                Form::Head(format!("\"{WRITTEN_BY}\":\"{mark}\""))
            }
            Purpose::PyTorch => Form::Tail(mark),
            // The field `producer_name`, and its length.
            Purpose::Onnx => Form::Head("\u{12}\u{7}papilla".to_string()),
            Purpose::Report | Purpose::AdapterPage => Form::Head(format!("name=\"generator\" content=\"{mark}\"")),
            Purpose::Chart => Form::Head(format!("<!-- {mark} -->")),
            Purpose::Manual => Form::Head(format!(".\\\" {mark}\n")),
            Purpose::Shader => Form::None,
        }
    }
}

/// Whether a file is the checkpoint of a run.
pub(super) fn is_checkpoint(path: &Path) -> bool {
    let mut head = Vec::new();
    let read = open_existing(path).and_then(|file| file.take(HEAD).read_to_end(&mut head));
    let key = format!("\"{CHECKPOINT}\":");
    // The length of the header, then JSON that begins with its metadata.
    read.is_ok() && head.get(8) == Some(&b'{') && head.windows(key.len()).any(|part| part == key.as_bytes())
}
