//! Tables of a report: totals, paired differences, images, settings.

use maud::{Markup, html};
use serde_json::Value;

use super::chart::{Ink, difference, figure};
use super::comparison::{Difference, Measure};
use super::evaluation::{Evaluation, ImageRow};
use super::run::Run;
use super::section::Section;
use crate::data::names::counted;
use crate::metrics::{LEAST_FOR_INTERVAL, Masking, Masks, MeanInterval, MeanOfFound, ToldMean};

/// Rows of the table of images that are seen without scrolling.
const SEEN: usize = 14;

/// A mean and its interval.
fn mean(mean: Option<MeanInterval>, decimals: usize) -> Markup {
    let figure = |value| figure(value, decimals);
    html! {
        @match mean {
            Some(MeanInterval { mean, ci95 }) => {
                (figure(mean))
                @if let Some([low, high]) = ci95 { " " span class="interval" { (figure(low)) " to " (figure(high)) } }
            }
            None => span class="missing" { "not measured" },
        }
    }
}

/// The same of a figure that not every image has.
fn mean_of_found(mean: MeanOfFound, decimals: usize) -> Markup {
    let ToldMean { mean, interval, over, worst_case } = mean.told(|value| figure(value, decimals));
    html! {
        (mean)
        @if let Some([low, high]) = interval { " " span class="interval" { (low) " to " (high) } }
        " " span class="interval" { (over) }
        @if let Some(worst) = worst_case { " " span class="interval" { "worst case " (worst) } }
    }
}

/// The colour and the name of a run.
pub(crate) fn run_name(run: &Run, index: usize, several: bool) -> Markup {
    html! {
        @if several { span class=(format!("swatch {}", Ink::Run(index).class())) {} }
        (run.name)
    }
}

/// Both kinds of masks, that of the report first.
fn both_kinds(first: Masks) -> [Masks; 2] {
    match first {
        Masks::Raw => [Masks::Raw, Masks::Postprocessed],
        Masks::Postprocessed => [Masks::Postprocessed, Masks::Raw],
    }
}

/// Totals of every evaluation of a split, raw and post-processed.
pub(crate) fn totals(section: &Section, runs: &[Run]) -> Markup {
    html! {
        p class="lead" {
            "Means over images; below them 95 % bootstrap intervals, which take " (LEAST_FOR_INTERVAL) " images. ASD and HD95 are in "
            (section.all.first().map_or(String::new(), |(_, evaluation)| evaluation.pixels()))
            ". Dice is smoothed by 1, so that of a cup that is missed is a little above 0. Where a mask is empty, the distances and the \
             vCDR do not exist. Means of these say over how many of the images they are. The worst case is over all images: each in \
             which the figure does not exist counts as bad as it can be (the image's diagonal; a vCDR of 0 or 1). Compare such means \
             only over the same images, or in the worst case."
        }
        div class="scroll" tabindex="0" role="region" aria-label=(format!("Means on {}", section.name)) {
            table class="figures" {
                thead {
                    tr {
                        th scope="col" { "Run" } th scope="col" { "Masks" }
                        @for title in Measure::ALL.map(Measure::title) {
                            th scope="col" class="number" { (title) }
                        }
                    }
                }
                tbody {
                    @for (index, evaluation) in &section.all {
                        @for (place, masks) in both_kinds(evaluation.masking.masks).into_iter().enumerate() {
                            @let means = evaluation.summary(masks);
                            tr {
                                th scope="row" {
                                    @if place == 0 {
                                        (run_name(&runs[*index], *index, runs.len() > 1))
                                        span class="aside" {
                                            " " (evaluation.checkpoint_told(runs[*index].log.steps)) ", "
                                            (counted(evaluation.images.len(), "image"))
                                            @if let Some(unfinished) = runs[*index].unfinished() { "; " (unfinished) }
                                        }
                                    }
                                }
                                td class="masks" { (Masking { masks, ..evaluation.masking }) }
                                td class="number" { (mean(means.cup.dice, 3)) }
                                td class="number" { (mean(means.disc.dice, 3)) }
                                td class="number" { (mean_of_found(means.vcdr_mae, 3)) }
                                @for distance in [means.cup.asd, means.disc.asd, means.cup.hd95, means.disc.hd95] {
                                    td class="number" { (mean_of_found(distance, 2)) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The figures that matter most of a single evaluation.
pub(crate) fn tiles(evaluation: &Evaluation) -> Markup {
    let (means, images) = (evaluation.summary(evaluation.masking.masks), evaluation.images.len());
    let ToldMean { mean, interval, over, worst_case } = means.vcdr_mae.told(|value| figure(value, 3));
    html! {
        dl class="tiles" {
            @for (title, dice) in [("Dice, cup", means.cup.dice), ("Dice, disc", means.disc.dice)] {
                div {
                    dt { (title) }
                    dd {
                        strong { (dice.map_or("not measured".to_string(), |dice| figure(dice.mean, 3))) }
                        @if let Some([low, high]) = dice.and_then(|dice| dice.ci95) { span class="interval" { (figure(low, 3)) " to " (figure(high, 3)) } }
                        @if dice.is_some() { span class="interval" { "over " (images) " of " (counted(images, "image")) } }
                    }
                }
            }
            div {
                dt { "vCDR, absolute error" }
                dd {
                    strong { (mean) }
                    @if let Some([low, high]) = interval { span class="interval" { (low) " to " (high) } }
                    span class="interval" { (over) @if images == 1 { " image" } @else { " images" } @if let Some(worst) = worst_case { ", worst case " (worst) } }
                }
            }
        }
    }
}

/// Paired differences of a run from the first.
pub(crate) fn differences(all: &[Difference]) -> Markup {
    html! {
        table class="figures" {
            thead {
                tr {
                    th scope="col" { "Figure" } th scope="col" class="number" { "Difference" }
                    th scope="col" class="number" { "95 % interval" } th scope="col" class="number" { "Images both have" }
                    th scope="col" { "Better" } th scope="col" class="number" { "In the worst case" }
                }
            }
            tbody {
                @for one in all {
                    tr {
                        th scope="row" { (one.measure.title()) }
                        td class="number" { (difference(one.interval.mean, 4)) }
                        td class="number" {
                            @match one.interval.ci95 {
                                Some([low, high]) => { (difference(low, 4)) " to " (difference(high, 4)) }
                                None => span class="missing" { "too few images" },
                            }
                        }
                        td class="number" { (one.over()) }
                        td { @match one.verdict() { Some(true) => "yes", Some(false) => "no, worse", None => "cannot be told" } }
                        td class="number" {
                            @match one.worst_case {
                                Some(MeanInterval { mean, ci95 }) => {
                                    (difference(mean, 4))
                                    @if let Some([low, high]) = ci95 {
                                        " " span class="interval" { (difference(low, 4)) " to " (difference(high, 4)) }
                                    }
                                }
                                None => span class="missing" { "not told" },
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A cell with a figure by which the table can be sorted.
fn cell(value: Option<f64>) -> Markup {
    html! {
        @match value {
            Some(value) => td class="number" data-value=(value) { (figure(value, 3)) },
            None => td class="number missing" { "missing" },
        }
    }
}

/// Every image of a split, the worst mean Dice first: of one run in full, of several side by side.
pub(crate) fn images(section: &Section, runs: &[Run]) -> Markup {
    let several = section.chosen.len() > 1;
    let lowest = |name: &str| {
        let rows = section.chosen.iter().filter_map(|(_, e)| find(e, name)).filter_map(ImageRow::mean_dice);
        rows.fold(f64::INFINITY, f64::min)
    };
    let mut names: Vec<(f64, &str)> = Vec::new();
    for row in section.chosen.iter().flat_map(|(_, evaluation)| &evaluation.images) {
        if !names.iter().any(|(_, name)| *name == row.name) {
            names.push((lowest(&row.name), &row.name));
        }
    }
    names.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(b.1)));
    html! {
        p class="lead" {
            @if !section.chosen.is_empty() { "Of " (section.masks()) "; " (section.checkpoints(runs)) ". " }
            "Worst first: by the mean Dice of cup and disc"
            @if several { ", the lowest of the runs" } ". " (counted(names.len(), "image"))
            @if names.len() > SEEN { ", in a box that scrolls" } "."
        }
        div class="scroll tall" tabindex="0" role="region" aria-label=(format!("Images of {}", section.name)) {
            table class="figures images" data-sortable {
                thead {
                    @if several {
                        tr {
                            td {}
                            @for (index, _) in &section.chosen {
                                th scope="colgroup" colspan="4" { (run_name(&runs[*index], *index, true)) }
                            }
                        }
                    }
                    tr {
                        th scope="col" data-sort="text" { "Image" }
                        @for (place, _) in section.chosen.iter().enumerate() {
                            @let sorted = (!several && place == 0).then_some("ascending");
                            th scope="col" class="number" data-sort="number" aria-sort=[sorted] { "Mean Dice" }
                            th scope="col" class="number" data-sort="number" { "Dice, cup" }
                            th scope="col" class="number" data-sort="number" { "Dice, disc" }
                            @if !several {
                                th scope="col" class="number" data-sort="number" { "vCDR" }
                                th scope="col" class="number" data-sort="number" { "True vCDR" }
                            }
                            th scope="col" class="number" data-sort="number" { "vCDR, absolute error" }
                        }
                    }
                }
                tbody {
                    @for (_, name) in &names {
                        tr {
                            th scope="row" { (name) }
                            @for (_, evaluation) in &section.chosen {
                                @let row = find(evaluation, name);
                                (cell(row.and_then(ImageRow::mean_dice)))
                                (cell(row.and_then(|row| row.cup_dice)))
                                (cell(row.and_then(|row| row.disc_dice)))
                                @if !several {
                                    (cell(row.and_then(|row| row.vcdr_predicted)))
                                    (cell(row.and_then(|row| row.vcdr_true)))
                                }
                                (cell(row.and_then(|row| row.vcdr_error)))
                            }
                        }
                    }
                }
            }
        }
    }
}

fn find<'a>(evaluation: &'a Evaluation, name: &str) -> Option<&'a ImageRow> {
    // Rows are sorted by name.
    let at = evaluation.images.binary_search_by(|row| row.name.as_str().cmp(name)).ok()?;
    evaluation.images.get(at)
}

/// Settings of all runs, and what computed them; what differs stands out.
pub(crate) fn settings(runs: &[Run]) -> Markup {
    let columns: Vec<Vec<(String, String)>> = runs.iter().map(rows_of).collect();
    let mut keys: Vec<&str> = Vec::new();
    for (key, _) in columns.iter().flatten() {
        if !keys.contains(&key.as_str()) {
            keys.push(key);
        }
    }
    let value = |column: &[(String, String)], key: &str| {
        column.iter().find(|(own, _)| own == key).map_or("—".to_string(), |(_, value)| value.clone())
    };
    html! {
        div class="scroll" tabindex="0" role="region" aria-label="Settings" {
            table class="settings" {
                @if runs.len() > 1 {
                    thead {
                        tr {
                            td {}
                            @for (index, run) in runs.iter().enumerate() { th scope="col" { (run_name(run, index, true)) } }
                        }
                    }
                }
                tbody {
                    @for key in keys {
                        @let values: Vec<String> = columns.iter().map(|column| value(column, key)).collect();
                        tr class=[values.iter().any(|v| *v != values[0]).then_some("differs")] {
                            th scope="row" { (key) }
                            @for value in &values { td { (value) } }
                        }
                    }
                }
            }
        }
    }
}

fn rows_of(run: &Run) -> Vec<(String, String)> {
    let mut rows = Vec::new();
    let mut row = |key: &str, value: String| rows.push((key.to_string(), value));
    let missing = || "not recorded".to_string();
    let environment = run.environment.as_ref();
    let of =
        |text: fn(&crate::train::Environment) -> Option<String>| environment.and_then(text).unwrap_or_else(missing);
    row("folder", run.folder.display().to_string());
    row("adapter", of(|e| Some(format!("{}{}", e.device, if e.software { " (software)" } else { "" }))));
    row(
        "driver",
        of(|e| Some([e.backend.as_ref()?, e.driver.as_ref()?, e.driver_info.as_ref()?].map(String::as_str).join(" "))),
    );
    row("system", of(|e| Some(e.system.clone())));
    row("papilla", of(|e| Some(e.papilla.clone())));
    row("steps done", run.log.steps.to_string());
    row("seconds of a step", run.log.median_seconds().map_or_else(missing, |s| format!("{s:.3} (median)")));
    // Settings are known by the names of their flags.
    if let Ok(Value::Object(settings)) = serde_json::to_value(&run.config) {
        for (key, value) in settings {
            let text = match value {
                Value::String(text) => text,
                // f32 settings have more digits as f64 than were given.
                Value::Number(number) if number.is_f64() => {
                    number.as_f64().map_or_else(missing, |v| (v as f32).to_string())
                }
                other => other.to_string(),
            };
            row(&key, text);
        }
    }
    rows
}
