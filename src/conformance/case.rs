//! One golden case: reading it, and judging what a device gave.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::error::{CaseError, Result, malformed};
use super::operation::Operation;
use crate::formats::{HostTensor, TensorFile};

/// Values by their name in the case: `out.y`, `grad_in.x`, …
pub(super) type Values = BTreeMap<String, Vec<f32>>;

/// A golden case.
pub struct Case {
    /// file that holds it
    pub path: PathBuf,
    /// operation that it is about, from the file's metadata
    pub op: Operation,
    attrs: Value,
    rtol: f64,
    atol: f64,
    tensors: BTreeMap<String, HostTensor>,
}

/// How far the values of a case are from the expected ones.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// largest error over its tolerance; the case passes up to 1
    pub ratio: f64,
    /// value in which it occurs
    pub value: String,
}

impl Verdict {
    /// Whether every value is within its tolerance.
    pub fn passed(&self) -> bool {
        self.ratio <= 1.0
    }
}

impl Case {
    /// Whether a safetensors file names an operation.
    pub fn is_case(path: &Path) -> Result<bool> {
        Ok(TensorFile::read_metadata(path)?.contains_key("op"))
    }

    /// Reads a case.
    pub fn read(path: &Path) -> Result<Case> {
        let TensorFile { tensors, metadata } = TensorFile::read(path)?;
        let text = |key: &str| {
            metadata.get(key).ok_or_else(|| malformed(format!("`{}` has no `{key}` in its metadata", path.display())))
        };
        let number = |key: &str| -> Result<f64> {
            text(key)?.parse().map_err(|_| malformed(format!("`{key}` of `{}` is not a number", path.display())))
        };
        let attrs = serde_json::from_str(text("attrs")?)
            .map_err(|error| malformed(format!("the attributes of `{}` are not JSON: {error}", path.display())))?;
        let op = text("op")?;
        let op =
            op.parse().map_err(|_| malformed(format!("the operation `{op}` of `{}` is not known", path.display())))?;
        let (rtol, atol) = (number("rtol")?, number("atol")?);
        Ok(Case { path: path.to_path_buf(), op, attrs, rtol, atol, tensors })
    }

    /// Tensors whose names begin with a prefix, without it.
    pub fn with_prefix<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a HostTensor)> {
        self.tensors.iter().filter_map(move |(name, tensor)| Some((name.strip_prefix(prefix)?, tensor)))
    }

    /// A tensor that the operation needs.
    pub fn tensor(&self, name: &str) -> Result<&HostTensor> {
        self.tensors.get(name).ok_or_else(|| malformed(format!("`{}` has no tensor `{name}`", self.path.display())))
    }

    /// Whether the case has a tensor of this name.
    pub fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    fn attr(&self, name: &str) -> Result<&Value> {
        self.attrs.get(name).ok_or_else(|| malformed(format!("`{}` has no attribute `{name}`", self.path.display())))
    }

    fn wrong(&self, name: &str, kind: &str) -> CaseError {
        malformed(format!("attribute `{name}` of `{}` is not {kind}", self.path.display()))
    }

    /// A number among the attributes.
    pub fn number(&self, name: &str) -> Result<f32> {
        self.attr(name)?.as_f64().map(|v| v as f32).ok_or_else(|| self.wrong(name, "a number"))
    }

    /// A count among the attributes.
    pub fn count(&self, name: &str) -> Result<usize> {
        self.attr(name)?.as_u64().map(|v| v as usize).ok_or_else(|| self.wrong(name, "a count"))
    }

    /// A yes or no among the attributes.
    pub fn flag(&self, name: &str) -> Result<bool> {
        self.attr(name)?.as_bool().ok_or_else(|| self.wrong(name, "true or false"))
    }

    /// A text among the attributes.
    pub fn text(&self, name: &str) -> Result<&str> {
        self.attr(name)?.as_str().ok_or_else(|| self.wrong(name, "a text"))
    }

    /// Two extents among the attributes, rows first.
    pub fn pair(&self, name: &str) -> Result<[usize; 2]> {
        let list = self.attr(name)?.as_array().ok_or_else(|| self.wrong(name, "a list"))?;
        let values: Option<Vec<usize>> = list.iter().map(|v| v.as_u64().map(|v| v as usize)).collect();
        let pair = values.and_then(|v| <[usize; 2]>::try_from(v).ok());
        pair.ok_or_else(|| self.wrong(name, "a pair of counts"))
    }

    /// Tolerances of a value's elements: one for all, or one for each.
    fn tolerances(&self, name: &str, want: &HostTensor) -> Result<Vec<f64>> {
        let largest = want.data.iter().fold(0.0f64, |m, v| m.max(f64::from(v.abs())));
        let listed = self.attrs.get("atol_of").and_then(|of| {
            let bare = name.strip_prefix("out.").unwrap_or(name);
            of.get(name).or_else(|| of.get(bare))
        });
        match listed {
            None => Ok(vec![self.atol + self.rtol * largest]),
            Some(Value::Array(each)) => {
                let numbers: Option<Vec<f64>> = each.iter().map(Value::as_f64).collect();
                let numbers = numbers.filter(|n| n.len() == want.data.len());
                numbers.ok_or_else(|| self.wrong("atol_of", "one tolerance for each element"))
            }
            Some(one) => Ok(vec![one.as_f64().ok_or_else(|| self.wrong("atol_of", "a number"))?]),
        }
    }

    /// Compares every expected value with what was got. Where a NaN is expected, a value that does not exist, one must
    /// be got.
    pub fn judge(&self, got: &Values) -> Result<Verdict> {
        let mut worst = Verdict { ratio: 0.0, value: "nothing".to_string() };
        let expected = self.tensors.iter().filter(|(name, _)| {
            name.starts_with("out.") || name.starts_with("grad_in.") || name.starts_with("grad_param.")
        });
        let mut compared = 0;
        for (name, want) in expected {
            let Some(values) = got.get(name) else {
                return Err(malformed(format!("`{name}` is expected, but `{}` does not give it", self.op)));
            };
            if values.len() != want.data.len() {
                return Err(malformed(format!(
                    "`{name}` has {} values where {} are expected",
                    values.len(),
                    want.data.len()
                )));
            }
            let tolerances = self.tolerances(name, want)?;
            for (index, (got, want)) in values.iter().zip(&want.data).enumerate() {
                let tolerance = tolerances[index.min(tolerances.len() - 1)];
                let error = (f64::from(*got) - f64::from(*want)).abs();
                // An exact comparison has tolerance 0: any error is beyond it.
                let ratio = match error {
                    0.0 => 0.0,
                    _ if want.is_nan() && got.is_nan() => 0.0,
                    e if e.is_nan() || got.is_nan() => f64::INFINITY,
                    e => e / tolerance,
                };
                if ratio > worst.ratio || compared == 0 {
                    worst = Verdict { ratio, value: name.clone() };
                }
                compared += 1;
            }
        }
        if compared == 0 {
            return Err(malformed(format!("`{}` expects nothing", self.path.display())));
        }
        Ok(worst)
    }
}
