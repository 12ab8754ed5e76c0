//! `papilla conformance`: golden cases on a device.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use globset::Glob;
use serde_json::json;

use super::error::in_words;
use super::named::named;
use super::{Global, WrongFlags, output};
use crate::conformance::{cases, run_case};
use crate::gpu::{ConvVariant, GpuOptions};

/// Run golden cases and compare every value with the expected one
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Folders of cases
    #[arg(required = true, value_name = "DIR")]
    folders: Vec<PathBuf>,
    /// Only cases whose names match, for example `conv2d_*`
    #[arg(long, value_name = "GLOB")]
    filter: Option<String>,
    /// Compute convolutions in this way, not in the one that suits the adapter
    #[arg(long, value_parser = named::<ConvVariant>(), value_name = "VARIANT")]
    convolution: Option<ConvVariant>,
}

pub(super) fn run(global: &Global, arguments: &Arguments) -> Result<ExitCode> {
    let filter = match &arguments.filter {
        Some(text) => {
            let glob = Glob::new(text).with_context(|| format!("--filter `{text}` is not a glob"));
            Some(glob.map_err(WrongFlags)?.compile_matcher())
        }
        None => None,
    };
    let mut paths = Vec::new();
    for folder in &arguments.folders {
        paths.extend(cases(folder)?);
    }
    let name_of = |path: &PathBuf| path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    paths.retain(|path| filter.as_ref().is_none_or(|f| f.is_match(name_of(path))));
    if paths.is_empty() {
        bail!("no case matches `{}`", arguments.filter.as_deref().unwrap_or("*"));
    }
    let conv = arguments.convolution;
    let matrices = conv == Some(ConvVariant::Cooperative);
    let device = global.open_device_with(GpuOptions { conv, matrices, ..GpuOptions::default() })?;
    let width = paths.iter().map(|p| name_of(p).len()).max().unwrap_or(0);
    let (mut passed, mut list) = (0, Vec::new());
    for path in &paths {
        let name = name_of(path);
        let outcome = run_case(path, &device);
        let ok = outcome.as_ref().is_ok_and(|v| v.passed());
        passed += usize::from(ok);
        let (line, entry) = match &outcome {
            Ok(verdict) => (
                format!("error/tolerance {:8.4}  in {}", verdict.ratio, verdict.value),
                json!({ "case": name, "passed": ok, "ratio": verdict.ratio, "value": verdict.value }),
            ),
            Err(error) => (in_words(error), json!({ "case": name, "passed": false, "error": in_words(error) })),
        };
        list.push(entry);
        if !global.json {
            output::line(format_args!("{} {name:width$}  {line}", if ok { "pass" } else { "FAIL" }))?;
        }
    }
    let failed = paths.len() - passed;
    if global.json {
        let document = json!({ "device": device.name(), "passed": passed, "failed": failed, "cases": list });
        output::json(&document)?;
    } else {
        output::line(format_args!("{passed} passed, {failed} failed"))?;
    }
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
