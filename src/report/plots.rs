//! Which charts a report has, from the logs and evaluations of its runs.

use std::collections::BTreeSet;

use super::axis::{Axis, Scale, range};
use super::chart::{Chart, Dot, Ink, Line, Rule, difference, figure};
use super::curve::{smoothed, thinned, usual_range, window};
use super::forest::{Forest, Row};
use super::log::Series;
use super::run::Run;
use super::section::Section;
use crate::data::names::counted;
use crate::method::step::TOTAL;

/// Runs beyond which raw curves would hide the smoothed ones.
const RAW_UP_TO: usize = 2;

/// Losses: name, what it is.
const LOSSES: [(&str, &str); 9] = [
    ("total", "All losses, weighted"),
    ("seg", "Segmentation and boundary, source"),
    ("adv", "Adversarial, target, weighted"),
    ("align", "Alignment of prototypes, before its weight"),
    ("discriminative", "Discriminative, source, before its weight"),
    ("consistency", "Consistency, target, before its weight"),
    ("teacher", "Labels of averaged weights, target, before its weight"),
    ("d_same", "Discriminators on the source"),
    ("d_diff", "Discriminators on the target"),
];

/// What the total is the sum of: name, what it is.
const TERMS: [(&str, &str); 6] = [
    ("seg", "segmentation"),
    ("adv", "adversarial"),
    ("align_weighted", "alignment"),
    ("discriminative_weighted", "discriminative"),
    ("consistency_weighted", "consistency"),
    ("teacher_weighted", "teacher"),
];

/// Prototypes: name, what it is, ink where colours are not those of runs.
const PROTOTYPES: [(&str, &str, Ink); 4] = [
    ("cup_object", "cup", Ink::Cup),
    ("disc_object", "disc", Ink::Disc),
    ("cup_background", "all but the cup", Ink::CupDashed),
    ("disc_background", "all but the disc", Ink::DiscDashed),
];

fn names(runs: &[Run]) -> Vec<(String, Ink)> {
    if runs.len() < 2 {
        return Vec::new();
    }
    runs.iter().enumerate().map(|(index, run)| (run.name.clone(), Ink::Run(index))).collect()
}

/// A chart for each loss that a run has: smoothed over raw.
pub(super) fn losses(runs: &[Run]) -> Vec<Chart> {
    let has_parts = |run: &Run| run.log.losses.iter().filter(|series| !series.points.is_empty()).count() > 2;
    // The same curve as the loss itself, in other units.
    let is_companion = |name: &str| name.ends_with("_weighted") || name.ends_with("_raw");
    // Of a single loss the total would be a copy.
    let total_tells_more = runs.iter().any(has_parts);
    let mut found: Vec<&str> = Vec::new();
    for series in runs.iter().flat_map(|run| &run.log.losses) {
        let is_shown =
            !series.points.is_empty() && !is_companion(&series.name) && (series.name != "total" || total_tells_more);
        if is_shown && !found.contains(&series.name.as_str()) {
            found.push(&series.name);
        }
    }
    let place = |name: &str| LOSSES.iter().position(|loss| loss.0 == name).unwrap_or(LOSSES.len());
    found.sort_by_key(|name| place(name));
    let charts = found.into_iter().map(|name| loss(runs, name));
    match runs {
        [run] => terms(run).into_iter().chain(charts).collect(),
        _ => charts.collect(),
    }
}

/// The terms of the total, each times its weight, so that their shares can be seen; none of a single term.
fn terms(run: &Run) -> Option<Chart> {
    let of = |name: &str| run.log.losses.iter().find(|series| series.name == name && !series.points.is_empty());
    let found: Vec<_> = (TERMS.iter().enumerate())
        .filter_map(|(index, (name, title))| Some((title.to_string(), Ink::Run(index), of(name)?)))
        .collect();
    if found.len() < 2 {
        return None;
    }
    let smooth = |series: &Series| smoothed(&series.points, window(series.points.len()));
    let curves: Vec<Curve> = found.iter().map(|(title, ink, series)| (title.clone(), *ink, smooth(series))).collect();
    let values = curves.iter().flat_map(|curve| curve.2.iter().map(|point| point.1));
    let y = Axis::of_losses(values.filter(|value| *value > 0.0).collect::<Vec<_>>().into_iter());
    let label = if y.scale == Scale::Log { "Weighted loss (logarithmic)" } else { "Weighted loss" };
    let line = |(_, ink, points): &Curve| {
        let shown = points.iter().copied().filter(|point| y.scale != Scale::Log || point.1 > 0.0).collect::<Vec<_>>();
        Line { points: thinned(&shown), ink: *ink, faint: false }
    };
    let last: Vec<String> = (curves.iter())
        .filter_map(|(title, _, points)| Some(format!("{title} ends at {:.4}", points.last()?.1)))
        .collect();
    Some(Chart {
        name: "loss-terms".to_string(),
        title: "What the total is the sum of".to_string(),
        description: format!("The terms of the total, each times its weight, by training step. {}.", last.join("; ")),
        note: format!("{}, {}", run.name, run.method()),
        x: ("Training step".to_string(), steps(std::slice::from_ref(run))),
        y: (label.to_string(), y.clone()),
        lines: curves.iter().map(line).collect(),
        dots: Vec::new(),
        rules: run.log.warm_from().map(|step| Rule::Upright(step, "warm-up ends".to_string())).into_iter().collect(),
        legend: curves.into_iter().map(|(title, ink, _)| (title, ink)).collect(),
    })
}

fn loss(runs: &[Run], name: &str) -> Chart {
    let of = |run: &Run| run.log.losses.iter().find(|series| series.name == name).map(|series| series.points.clone());
    let (mut lines, mut bounds, mut last) = (Vec::new(), Vec::new(), Vec::new());
    let mut widest = 1;
    for (index, points) in runs.iter().enumerate().filter_map(|(index, run)| Some((index, of(run)?))) {
        let window = window(points.len());
        widest = widest.max(window);
        let smooth = smoothed(&points, window);
        if window > 1 && runs.len() <= RAW_UP_TO {
            lines.push(Line { points: thinned(&points), ink: Ink::Run(index), faint: true });
            bounds.extend(usual_range(&points));
        }
        bounds.push(range(smooth.iter().map(|point| point.1)));
        last.extend(smooth.last().map(|point| format!("{} ends at {:.4}", runs[index].name, point.1)));
        lines.push(Line { points: thinned(&smooth), ink: Ink::Run(index), faint: false });
    }
    let drawn: Vec<Ink> = lines.iter().map(|line| line.ink).collect();
    let y = Axis::of_losses(bounds.iter().flat_map(|bounds| [bounds.0, bounds.1]));
    if y.scale == Scale::Log {
        lines.iter_mut().for_each(|line| line.points.retain(|point| point.1 > 0.0));
    }
    let label = if y.scale == Scale::Log { "Loss (logarithmic)" } else { "Loss" };
    let title = LOSSES.iter().find(|loss| loss.0 == name).map_or(name, |loss| loss.1);
    // The same name, but not the same thing.
    let differ = name == TOTAL && runs.iter().any(|run| run.config.method != runs[0].config.method);
    let title = if differ {
        format!("{title}: sums of other terms for each method, not to be compared")
    } else {
        title.to_string()
    };
    let warm = if runs.len() == 1 { runs[0].log.warm_from() } else { None };
    Chart {
        name: format!("loss-{}", plain(name)),
        title,
        note: runs.iter().map(|run| format!("{}: {}", run.name, run.method())).collect::<Vec<_>>().join("; "),
        description: format!(
            "Loss `{name}` by training step, a running mean over {widest} steps. {}.",
            last.join("; ")
        ),
        x: ("Training step".to_string(), steps(runs)),
        y: (label.to_string(), y),
        lines,
        dots: Vec::new(),
        rules: warm.map(|step| Rule::Upright(step, "warm-up ends".to_string())).into_iter().collect(),
        legend: names(runs).into_iter().filter(|(_, ink)| drawn.contains(ink)).collect(),
    }
}

/// A name in a log, which anybody may have written, as part of a file's name.
fn plain(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' }).collect()
}

fn steps(runs: &[Run]) -> Axis {
    let last = runs.iter().map(|run| run.log.steps.saturating_sub(1)).max().unwrap_or(0);
    Axis::tight(0.0, last as f64, 5)
}

/// Dice of the validations: of one run cup and disc in a chart for each dataset, of several a chart for each of both.
pub(super) fn validations(runs: &[Run]) -> Vec<Chart> {
    let datasets = [("target", "target test regions"), ("source", "held-out source regions")];
    let structures = [("cup", Ink::Cup), ("disc", Ink::Disc)];
    let all = structures.iter().flat_map(|(structure, _)| {
        datasets.iter().flat_map(move |(dataset, _)| {
            let name = format!("{dataset}_{structure}_dice");
            runs.iter().flat_map(move |run| run.log.validation(&name)).map(|point| point.1)
        })
    });
    // One for all charts, so that they can be compared.
    let axis = dice_axis(all);
    let mut charts = Vec::new();
    for (dataset, what) in datasets {
        let values = |run: &Run, structure: &str| run.log.validation(&format!("{dataset}_{structure}_dice"));
        let what = format!("{what}{}", over(runs, dataset));
        let note = masks_of(runs);
        if let [run] = runs {
            let series = structures.map(|(structure, ink)| (structure.to_string(), ink, values(run, structure)));
            let best = run.log.best().filter(|_| run.log.validations.len() > 1);
            let rule = best.map(|(epochs, _)| Rule::Upright(epochs, "best".to_string()));
            let title = format!("Dice on the {what}");
            charts.extend(dice(format!("dice-{dataset}"), [title, note], series.into(), rule, &axis));
        } else {
            for (structure, _) in structures {
                let series = runs.iter().enumerate();
                let series = series.map(|(i, run)| (run.name.clone(), Ink::Run(i), values(run, structure))).collect();
                let title = format!("Dice of the {structure} on the {what}");
                charts.extend(dice(format!("dice-{dataset}-{structure}"), [title, note.clone()], series, None, &axis));
            }
        }
    }
    charts
}

/// Figures of the target's training images, which need no mask: a chart of one run.
struct Unlabelled {
    name: &'static str,
    title: &'static str,
    unit: &'static str,
    /// name in the log, what it is, and its ink
    figures: &'static [(&'static str, &'static str, Ink)],
}

const UNLABELLED: [Unlabelled; 3] = [
    Unlabelled {
        name: "shape",
        title: "What the target's images tell without masks",
        unit: "Share, or ratio",
        figures: &[
            ("unlabelled_cup_area", "cup, share of the region", Ink::Cup),
            ("unlabelled_disc_area", "disc, share of the region", Ink::Disc),
            ("unlabelled_vcdr", "vertical cup-to-disc ratio", Ink::CupDashed),
        ],
    },
    Unlabelled {
        name: "implausible",
        title: "Images of the target with masks that nobody would have drawn so",
        unit: "Share of the images",
        figures: &[("unlabelled_implausible", "implausible", Ink::Disc)],
    },
    Unlabelled {
        name: "entropy",
        title: "How unsure the network is of the target's images",
        unit: "Entropy, bits a pixel",
        figures: &[("unlabelled_cup_entropy", "cup", Ink::Cup), ("unlabelled_disc_entropy", "disc", Ink::Disc)],
    },
];

/// What unlabelled images of the target tell at each validation: of one run in three charts, of several a chart for each figure.
pub(super) fn unlabelled(runs: &[Run]) -> Vec<Chart> {
    let chart = |Unlabelled { name, title, unit, figures }: &Unlabelled| {
        let drawn = |name: String, title: String, series: Vec<Curve>| {
            let values: Vec<f64> = series.iter().flat_map(|curve| &curve.2).map(|point| point.1).collect();
            let axis = Axis::linear(0.0, range(values.into_iter()).1.max(0.1), 5, false);
            over_epochs(name, [title, String::new()], series, None, (unit, &axis))
        };
        if let [run] = runs {
            let series = figures.iter().map(|(name, what, ink)| (what.to_string(), *ink, run.log.validation(name)));
            return drawn(format!("unlabelled-{name}"), title.to_string(), series.collect()).into_iter().collect();
        }
        let of_figure = |(name, what, _): &(&str, &str, Ink)| {
            let series = runs.iter().enumerate();
            let series = series.map(|(index, run)| (run.name.clone(), Ink::Run(index), run.log.validation(name)));
            drawn(name.replace('_', "-"), format!("{title}: {what}"), series.collect())
        };
        figures.iter().filter_map(of_figure).collect::<Vec<_>>()
    };
    UNLABELLED.iter().flat_map(chart).collect()
}

/// Over how many regions validations are, where the logs agree.
fn over(runs: &[Run], dataset: &str) -> String {
    let counts = runs.iter().flat_map(|run| &run.log.validations).filter_map(|one| one.regions.get(dataset));
    let counts: BTreeSet<u64> = counts.copied().collect();
    match counts.into_iter().collect::<Vec<_>>()[..] {
        [count] => format!(" ({count})"),
        _ => String::new(),
    }
}

/// Which masks the figures of validations are of.
pub(super) fn masks_of(runs: &[Run]) -> String {
    let all: BTreeSet<&str> = runs.iter().flat_map(|run| &run.log.validations).map(|one| one.masks.as_str()).collect();
    let all: Vec<&str> = all.into_iter().collect();
    if all.is_empty() { String::new() } else { format!("of {}", all.join(" and ")) }
}

/// A name, an ink and points.
type Curve = (String, Ink, Vec<(f64, f64)>);

fn dice(name: String, words: [String; 2], series: Vec<Curve>, rule: Option<Rule>, axis: &Axis) -> Option<Chart> {
    over_epochs(name, words, series, rule, ("Dice coefficient", axis))
}

/// Values of validations.
fn over_epochs(
    name: String,
    [title, note]: [String; 2],
    series: Vec<Curve>,
    rule: Option<Rule>,
    (unit, axis): (&str, &Axis),
) -> Option<Chart> {
    let series: Vec<Curve> = series.into_iter().filter(|curve| !curve.2.is_empty()).collect();
    let last: Vec<String> =
        series.iter().filter_map(|(name, _, points)| Some(format!("{name} ends at {:.4}", points.last()?.1))).collect();
    let all = || series.iter().flat_map(|curve| &curve.2);
    let end = all().map(|point| point.0).reduce(f64::max)?;
    let begin = all().map(|point| point.0).reduce(f64::min)?;
    let dot = |name: &str, ink, at: (f64, f64)| {
        let unit = if at.0 == 1.0 { "epoch" } else { "epochs" };
        let text = format!("{name}: {} after {} {unit}", figure(at.1, 4), at.0);
        Dot { at, text, ink, mark: false }
    };
    // Points only where there are few: they are what was measured.
    let dots = series.iter().filter(|curve| curve.2.len() <= 40);
    let dots = dots.flat_map(|(name, ink, points)| points.iter().map(|at| dot(name, *ink, *at))).collect();
    Some(Chart {
        name,
        description: format!("{title}, by epochs done. {}.", last.join("; ")),
        title,
        note,
        x: ("Epochs done".to_string(), Axis::tight(begin, end, 5)),
        y: (unit.to_string(), axis.clone()),
        lines: series
            .iter()
            .map(|(_, ink, points)| Line { points: thinned(points), ink: *ink, faint: false })
            .collect(),
        dots,
        rules: rule.into_iter().collect(),
        legend: series.into_iter().map(|(name, ink, _)| (name, ink)).collect(),
    })
}

/// From a round number below the values to 1, or 0 to 1 where they spread.
pub(super) fn dice_axis(values: impl Iterator<Item = f64>) -> Axis {
    let lowest = values.fold(1.0, f64::min);
    Axis::linear(if lowest > 0.5 { lowest } else { 0.0 }, 1.0, 5, false)
}

/// Distances of both cameras' prototypes: of one run all in one chart, of several a chart for each.
pub(super) fn prototypes(runs: &[Run]) -> Vec<Chart> {
    let of = |run: &Run, name: &str| -> Vec<(f64, f64)> {
        let series: Option<&Series> = run.log.prototypes.iter().find(|series| series.name == name);
        series.map_or(Vec::new(), |series| thinned(&series.points))
    };
    if let [run] = runs {
        let series = PROTOTYPES.map(|(name, title, ink)| (title.to_string(), ink, of(run, name)));
        let title = "Distance of the prototypes of both cameras".to_string();
        let note = format!("{}, {}", run.name, run.method());
        return distances("prototype-distance".to_string(), [title, note], series.into()).into_iter().collect();
    }
    let chart = |(name, title, _): (&str, &str, Ink)| {
        let series = runs.iter().enumerate().map(|(i, run)| (run.name.clone(), Ink::Run(i), of(run, name))).collect();
        let title = format!("Distance of the prototypes: {title}");
        distances(format!("prototype-distance-{name}"), [title, String::new()], series)
    };
    PROTOTYPES.into_iter().filter_map(chart).collect()
}

fn distances(name: String, [title, note]: [String; 2], series: Vec<Curve>) -> Option<Chart> {
    let mut series: Vec<Curve> = series.into_iter().filter(|curve| !curve.2.is_empty()).collect();
    let all = || series.iter().flat_map(|curve| &curve.2);
    let begin = all().map(|point| point.0).reduce(f64::min)?;
    let end = all().map(|point| point.0).reduce(f64::max)?;
    let y = Axis::of_losses(all().map(|point| point.1).collect::<Vec<_>>().into_iter());
    if y.scale == Scale::Log {
        series.iter_mut().for_each(|curve| curve.2.retain(|point| point.1 > 0.0));
    }
    Some(Chart {
        name,
        description: format!("{title}, mean over the channels of the squared difference, by training step."),
        title,
        note,
        x: ("Training step".to_string(), Axis::tight(begin, end, 5)),
        y: ("Mean squared difference".to_string(), y),
        lines: series.iter().map(|(_, ink, points)| Line { points: points.clone(), ink: *ink, faint: false }).collect(),
        dots: Vec::new(),
        rules: Vec::new(),
        legend: series.into_iter().map(|(name, ink, _)| (name, ink)).collect(),
    })
}

/// Bland-Altman plots of the vertical cup-to-disc ratio, one for each run, on the same axes.
pub(super) fn agreement(section: &Section, runs: &[Run]) -> Vec<Chart> {
    let found: Vec<_> = section.chosen.iter().filter_map(|(i, e)| Some((*i, *e, e.agreement()?))).collect();
    let points = || found.iter().flat_map(|(_, _, agreement)| &agreement.points);
    let (low, high) = range(points().map(|point| point.0));
    let x = Axis::linear(low, high, 5, false);
    let limits = found.iter().filter_map(|(_, _, agreement)| agreement.limits()).flatten();
    let (low, high) = range(points().map(|point| point.1).chain(limits).chain([0.0]));
    let y = Axis::linear(low, high, 5, false);
    let chart = |(index, evaluation, agreement): &(usize, &super::evaluation::Evaluation, super::BlandAltman)| {
        let rows = evaluation.images.iter().filter(|row| row.vcdr_predicted.is_some() && row.vcdr_true.is_some());
        let dots = rows.zip(&agreement.points).map(|(row, at)| Dot {
            at: *at,
            text: format!("{}: {}", row.name, difference(at.1, 3)),
            ink: Ink::Run(*index),
            mark: false,
        });
        let name = &runs[*index].name;
        let all = runs[*index].log.steps;
        let shown = format!(
            "{} of {}, {}",
            agreement.points.len(),
            counted(evaluation.images.len(), "image"),
            evaluation.checkpoint_told(all)
        );
        let title = if runs.len() == 1 { shown } else { format!("{name}: {shown}") };
        let label = |what: &str, value: f64| format!("{what} {}", difference(value, 3));
        let mut rules = vec![Rule::Level(agreement.bias, label("bias:", agreement.bias))];
        let limits = match agreement.limits() {
            Some([low, high]) => {
                // Labels that lie on each other say nothing.
                let apart = (y.position(high) - y.position(agreement.bias)) > 0.09;
                for (what, value) in [("+1.96 SD:", high), ("−1.96 SD:", low)] {
                    rules.push(Rule::Level(value, if apart { label(what, value) } else { String::new() }));
                }
                format!("limits of agreement {} to {}", difference(low, 3), difference(high, 3))
            }
            None => "too few images for limits of agreement".to_string(),
        };
        Chart {
            name: format!("bland-altman-{}-{}", section.slug, runs[*index].slug),
            description: format!(
                "Bland-Altman plot of predicted and true vertical cup-to-disc ratios of {} of {} by {name}: bias {}, {limits}.",
                counted(agreement.points.len(), "image"),
                section.name,
                difference(agreement.bias, 3),
            ),
            title,
            note: format!("Vertical cup-to-disc ratio on {}, {}", section.name, evaluation.masking),
            x: ("Mean of predicted and true vCDR".to_string(), x.clone()),
            y: ("Predicted − true vCDR".to_string(), y.clone()),
            lines: Vec::new(),
            dots: dots.collect(),
            rules,
            legend: Vec::new(),
        }
    };
    found.iter().map(chart).collect()
}

/// Paired differences from the first run, a chart for each further run.
pub(super) fn differences(section: &Section, runs: &[Run]) -> Vec<Forest> {
    let forest = |comparison: super::Comparison| {
        // Pixels would need an axis of their own; the table has them.
        let differences = comparison.differences.ok()?.into_iter().filter(|d| !d.measure.is_in_pixels());
        let differences: Vec<super::Difference> = differences.collect();
        if differences.is_empty() {
            return None;
        }
        let (baseline, other) = (&runs[comparison.baseline].name, &runs[comparison.other].name);
        let ink = Ink::Run(comparison.other);
        let row = |d: &super::Difference| {
            let interval = d.interval;
            Row {
                label: format!("{} ({})", d.measure.title(), d.over()),
                mean: interval.mean,
                interval: interval.ci95,
                ink,
            }
        };
        let told: Vec<String> = (differences.iter())
            .map(|d| {
                let ends = d.interval.ci95.map(|ends| ends.map(|end| difference(end, 3)));
                let interval = ends.map_or(String::new(), |[low, high]| format!(", interval {low} to {high}"));
                let (title, mean, over) = (d.measure.title(), difference(d.interval.mean, 3), d.over());
                format!("{title} {mean}{interval}, over {over} images")
            })
            .collect();
        Some(Forest {
            name: format!("difference-{}-{}", section.slug, runs[comparison.other].slug),
            title: format!("{other} − {baseline}"),
            description: format!(
                "Mean paired differences, with 95 % bootstrap intervals of enough images: {}.",
                told.join("; ")
            ),
            note: format!("On {}, {}; {}", section.name, section.masks(), section.checkpoints(runs)),
            axis: match differences.iter().any(|d| d.interval.ci95.is_some()) {
                true => "Mean paired difference, 95 % interval".to_string(),
                false => "Mean paired difference; too few images for intervals".to_string(),
            },
            rows: differences.iter().map(row).collect(),
        })
    };
    section.comparisons().into_iter().filter_map(forest).collect()
}
