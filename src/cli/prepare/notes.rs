//! What the owner of photographs should know of how they were used: each kind once, whatever its count.

use std::collections::BTreeMap;
use std::path::Path;

use super::super::error::of_reason;
use crate::data::disc_finder::LOW_CONFIDENCE;
use crate::data::names::{counted, several};
use crate::data::patients::told_apart;
use crate::data::prepare::{Note, NoteKind, Prepared, Skipped, Summary, UnusedKind};
use crate::data::remarks::{Remark, Remarks};
use crate::named::Named;

/// Names that are given as examples.
const SHOWN: usize = 3;
/// Failures that are told one by one.
const FAILURES: usize = 10;

/// What was assumed, mended, left out and not looked at, a sentence each.
pub(super) fn notes(summary: &Summary, validation: &str) -> Vec<String> {
    let mut told = Vec::new();
    let mut remarks = Remarks::default();
    for region in &summary.regions {
        let of_file = region.notes.iter().filter_map(|note| match note {
            Note::Photograph(note) => Some(Remark::File(*note)),
            _ => None,
        });
        remarks.add(&region.name, of_file);
    }
    told.extend(remarks.sentences(summary.regions.len(), ""));
    for (kind, regions) in summary.noted().into_iter().filter(|(kind, _)| *kind != NoteKind::Photograph) {
        let example = |(region, note): &(&Prepared, &Note)| match note.to_string() {
            particulars if particulars.is_empty() => format!("`{}`", region.name),
            particulars => format!("`{}` ({particulars})", region.name),
        };
        let examples = listed(regions.iter().map(example));
        told.push(format!("{}: {}: {examples}", counted(regions.len(), "region"), kind.help().unwrap_or(kind.name())));
    }
    let mut left_out: BTreeMap<String, Vec<&Path>> = BTreeMap::new();
    for skipped in summary.skipped.iter().filter(|skipped| !skipped.failed) {
        left_out.entry(of_reason(&skipped.reason)).or_default().push(&skipped.file);
    }
    for (reason, files) in left_out {
        told.push(format!("{} left out: {reason}: {}", counted(files.len(), "photograph"), paths(&files)));
    }
    for kind in UnusedKind::ALL {
        let files: Vec<&Path> = summary.unused.iter().filter(|u| u.kind == kind).map(|u| u.file.as_path()).collect();
        if !files.is_empty() {
            let what = kind.help().unwrap_or(kind.name());
            let masks = match kind {
                UnusedKind::Stray if summary.masks()[0] == 0 => {
                    "; no region has a mask: --masks names a folder of masks"
                }
                _ => "",
            };
            told.push(format!("{} not used: {what}: {}{masks}", counted(files.len(), "file"), paths(&files)));
        }
    }
    let without_cup = summary.without_cup();
    if !without_cup.is_empty() {
        let [masks, _] = summary.masks();
        let shows = if without_cup.len() == 1 { "shows" } else { "show" };
        told.push(format!(
            "{} of {} {shows} no cup: {}",
            without_cup.len(),
            counted(masks, "mask"),
            several(&without_cup)
        ));
    }
    told.extend(told_apart(&summary.in_both_parts(), ["train", "test"]));
    let of_validation = summary.regions.iter().filter(|region| region.is_validation).count();
    if of_validation > 0 {
        let regions = counted(of_validation, "region");
        told.push(format!("{regions} of the validation part went to `{validation}`; --validation says where to"));
    }
    told
}

/// Where the disc may be elsewhere, the least certain first.
pub(super) fn unsure_places(summary: &Summary) -> Option<String> {
    let doubtful = summary.doubtful();
    let one = |(region, confidence): &(&Prepared, f64)| {
        // Never as large as the limit.
        format!("`{}` ({:.2})", region.source.display(), (confidence * 100.0).floor() / 100.0)
    };
    (!doubtful.is_empty()).then(|| {
        let (regions, examples) = (counted(doubtful.len(), "region"), listed(doubtful.iter().map(one)));
        format!("look at {regions}, where the disc was found with a confidence below {LOW_CONFIDENCE}: {examples}")
    })
}

/// Photographs that were to be used and could not.
pub(super) fn failures(summary: &Summary) -> Vec<String> {
    let failed: Vec<_> = summary.skipped.iter().filter(|skipped| skipped.failed).collect();
    let one = |skipped: &&Skipped| {
        let (file, reason) = (skipped.file.display().to_string(), of_reason(&skipped.reason));
        if reason.contains(&file) { reason } else { format!("`{file}` cannot be used: {reason}") }
    };
    let mut told: Vec<String> = failed.iter().take(FAILURES).map(one).collect();
    if failed.len() > FAILURES {
        told.push(format!("{} more photographs cannot be used; --json lists all of them", failed.len() - FAILURES));
    }
    told
}

fn paths(files: &[&Path]) -> String {
    listed(files.iter().map(|file| format!("`{}`", file.display())))
}

/// The first of some examples, and how many more there are.
fn listed(examples: impl ExactSizeIterator<Item = String>) -> String {
    let more = examples.len().saturating_sub(SHOWN);
    let shown: Vec<String> = examples.take(SHOWN).collect();
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{rest}", shown.join(", "))
}
