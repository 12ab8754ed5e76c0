//! `papilla check`: datasets looked through before anything is trained on them.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use serde_json::{Value, json};

use super::error::in_words;
use super::prepare::areas;
use super::{Global, output, progress};
use crate::data::checkup::Checkup;
use crate::data::duplicates::{Repeated, Shared, repeated, shared};
use crate::data::names::{counted, several, shown, shown_path};
use crate::data::patients::{has_pairs, in_both, told_apart};
use crate::data::place::splits_at;

/// Look through datasets before training: counts, sizes, masks, the same picture twice, what is held out
///
/// Every image and mask is read. The same picture twice is found by its pixels, within each split and between all that are
/// given: a picture that is trained on must not be tested on. What cannot be used is named, and the exit status is then 1;
/// warnings leave it 0. `train` warns of the same, but finds pictures that are there twice only where their files are equal.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Datasets, splits of them, folders of images, or folders of datasets
    #[arg(required = true, value_name = "DATASET")]
    datasets: Vec<PathBuf>,
}

pub(super) fn run(global: &Global, arguments: &Arguments) -> Result<ExitCode> {
    let mut seen = BTreeSet::new();
    let mut splits: Vec<PathBuf> = arguments.datasets.iter().flat_map(|given| splits_at(given)).collect();
    splits.retain(|split| seen.insert(split.canonicalize().unwrap_or_else(|_| split.clone())));
    let bar = progress::bar(global, splits.len() as u64, "checking");
    let (mut checkups, mut errors) = (Vec::new(), Vec::new());
    for split in &splits {
        match Checkup::of(split) {
            Ok(checkup) => checkups.push(checkup),
            Err(error) => errors.push(in_words(&error)),
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    let twice: Vec<Repeated> = checkups.iter().filter_map(|checkup| repeated(&checkup.album)).collect();
    let pairs = || checkups.iter().enumerate().flat_map(|(i, a)| checkups[i + 1..].iter().map(move |b| (a, b)));
    let both: Vec<(Shared, bool)> = pairs()
        .filter_map(|(a, b)| Some((shared(&a.album, &b.album)?, a.directory.parent() == b.directory.parent())))
        .collect();
    let patients = pairs().filter(|(a, b)| a.directory.parent() == b.directory.parent());
    let patients = patients
        .filter_map(|(a, b)| told_apart(&in_both(a.album.names(), b.album.names()), [&a.album.place, &b.album.place]));
    let patients: Vec<String> = patients.collect();
    let so = |is_one_dataset: bool| match is_one_dataset {
        true => "what is measured on them says nothing about new images",
        false => "train on one of the two and test on, or adapt to, another",
    };
    let mut warnings: Vec<String> = checkups.iter().flat_map(|checkup| checkup.warnings.clone()).collect();
    warnings.extend(twice.iter().map(Repeated::sentence));
    warnings.extend(patients);
    warnings.extend(both.iter().map(|(shared, is_one_dataset)| shared.sentence(so(*is_one_dataset))));
    errors.extend(checkups.iter().flat_map(|checkup| checkup.errors.iter().map(|error| in_words(error))));
    if global.json {
        output::json(&json!({
            "splits": checkups.iter().map(as_json).collect::<Vec<_>>(),
            "repeated": twice.iter().map(|r| json!({ "place": r.place, "groups": r.groups })).collect::<Vec<_>>(),
            "shared": both.iter().map(|(s, _)| json!({ "places": s.places, "sizes": s.sizes, "names": s.names })).collect::<Vec<_>>(),
            "warnings": warnings,
            "errors": errors,
        }))?;
    } else {
        checkups.iter().try_for_each(print)?;
        for warning in &warnings {
            output::line(format_args!("warning: {}", shown(warning)))?;
        }
        output::line(match (warnings.len(), errors.len()) {
            (0, 0) => "nothing is wrong".to_string(),
            (warnings, errors) => format!("{}, {}", counted(warnings, "warning"), counted(errors, "error")),
        })?;
    }
    for error in &errors {
        output::problem(shown(error));
    }
    Ok(if errors.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Sizes that are told before the rest is counted.
const SIZES: usize = 3;

/// What a split holds, in a line or two.
fn print(checkup: &Checkup) -> Result<()> {
    let sizes = checkup.sizes.iter().map(|((w, h), count)| match checkup.sizes.len() {
        1 => format!("{w}x{h}"),
        _ => format!("{w}x{h} ({count})"),
    });
    let mut sizes: Vec<String> = sizes.collect();
    let more = sizes.split_off(sizes.len().min(SIZES)).len();
    if more > 0 {
        sizes.push(format!("{more} other sizes"));
    }
    let has_cup = checkup.with_cup > 0;
    let areas = checkup.areas.map_or(String::new(), |shares| format!(": mean area {}", areas(shares, has_cup)));
    output::line(format_args!(
        "{}: {} of {}, {} with masks{areas}",
        shown_path(&checkup.directory),
        counted(checkup.regions, "image"),
        sizes.join(", "),
        checkup.masks
    ))?;
    if is_source(checkup) {
        let (held_out, of) = (checkup.held_out.len(), checkup.regions);
        output::line(match held_out {
            0 => format!("  too few for a source: every tenth would be held out, and there are {of}"),
            _ => {
                let together = if has_pairs(checkup.album.names()) {
                    "; both eyes of a patient, by the names, go together"
                } else {
                    ""
                };
                format!(
                    "  as a source: {} to train on, {held_out} held out to choose the best checkpoint ({}){together}",
                    of - held_out,
                    several(&checkup.held_out)
                )
            }
        })?;
    }
    Ok(())
}

/// Whether a split can be trained on with labels.
fn is_source(checkup: &Checkup) -> bool {
    checkup.masks == checkup.regions && checkup.directory.file_name().is_some_and(|name| name == "train")
}

fn as_json(checkup: &Checkup) -> Value {
    let sizes = checkup.sizes.iter().map(|((w, h), count)| json!({ "width": w, "height": h, "images": count }));
    json!({
        "directory": checkup.directory,
        "images": checkup.regions,
        "masks": checkup.masks,
        "sizes": sizes.collect::<Vec<_>>(),
        "with_cup": checkup.with_cup,
        "mean_areas": checkup.areas.map(|[cup, rim, background]| {
            json!({ "cup": (checkup.with_cup > 0).then_some(cup), "rim": rim, "background": background })
        }),
        "other_levels": checkup.other_levels,
        "held_out": if is_source(checkup) { &checkup.held_out[..] } else { &[] },
        "errors": checkup.errors.iter().map(|error| in_words(error)).collect::<Vec<_>>(),
        "warnings": checkup.warnings,
    })
}
