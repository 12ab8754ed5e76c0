//! The HTML of a report.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::cases::{Case, Kind, MOST_STD, View};
use super::chart::{Chart, figure};
use super::comparison::not_in_both;
use super::glossary;
use super::palette::variables;
use super::threshold_plots::over_thresholds;
use super::{Report, Run, Section, evaluation, plots, tables};
use crate::metrics::LEAST_FOR_INTERVAL;
use crate::own_file::Purpose;

/// What no reader of a report may miss.
const DISCLAIMER: &str =
    "For research only. Not a medical device: nothing in this report may be used for diagnosis or treatment.";

impl Report {
    /// The whole page.
    pub fn page(&self) -> Markup {
        let sections = self.sections();
        let title = self.title();
        let curves = [
            plots::losses(&self.runs),
            plots::validations(&self.runs),
            plots::unlabelled(&self.runs),
            plots::prototypes(&self.runs),
        ];
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="generator" content=(Purpose::Report.mark());
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    title { (title) @for mark in self.marks() { " · " (mark) } }
                    // Not escaped: this program's own sheets, which hold no markup.
                    style { (PreEscaped(variables())) (PreEscaped(include_str!("chart.css"))) (PreEscaped(include_str!("report.css"))) }
                }
                body {
                    header {
                        p class="kind" { @if self.runs.len() == 1 { "Training report" } @else { "Comparison of " (self.runs.len()) " runs" } }
                        h1 { (title) @for mark in self.marks() { " " span class="mark" { (mark) } } }
                        (self.summary(&sections))
                    }
                    main {
                        (self.remarks())
                        @for (index, section) in sections.iter().enumerate() { (self.section(section, index == 0)) }
                        (training(&self.runs, curves))
                        section aria-labelledby="settings" {
                            h2 id="settings" { "Settings and machine" }
                            @if self.runs.len() > 1 { p class="lead" { "Rows in which the runs differ are highlighted." } }
                            (tables::settings(&self.runs))
                        }
                        (glossary::section())
                    }
                    footer {
                        p { strong { (DISCLAIMER) } }
                        p { "Made by papilla " (env!("CARGO_PKG_VERSION")) ". Colours after Okabe and Ito; intervals by bootstrap over images." }
                    }
                    script { (PreEscaped(include_str!("report.js"))) }
                }
            }
        }
    }

    fn title(&self) -> String {
        self.runs.iter().map(|run| run.name.as_str()).collect::<Vec<_>>().join(" · ")
    }

    /// What must not be missed, of each run.
    pub(super) fn marks(&self) -> Vec<String> {
        let of = |run: &Run| {
            let marks = run.marks().into_iter();
            match self.runs.len() {
                1 => marks.collect::<Vec<_>>(),
                _ => marks.map(|mark| format!("{}: {mark}", run.name)).collect(),
            }
        };
        self.runs.iter().flat_map(of).collect()
    }

    /// What was trained on what, and how it came out.
    fn summary(&self, sections: &[Section]) -> Markup {
        html! {
            ul class="runs" {
                @for (index, run) in self.runs.iter().enumerate() {
                    li {
                        @if self.runs.len() > 1 { (tables::run_name(run, index, true)) ": " }
                        strong { (run.method()) } ", " (run.config.backbone.name())
                        ", trained on " (evaluation::last_components(&run.config.source, 1))
                        @if let Some(target) = &run.config.target {
                            @if run.config.method == crate::train::Method::SourceOnly { ", target " } @else { ", adapted to " }
                            (evaluation::last_components(target, 1))
                        }
                        ", " (run.log.steps) " steps, seed " (run.config.seed)
                    }
                }
            }
            @if let ([_], Some(section)) = (&self.runs[..], sections.first()) {
                @for (run, evaluation) in &section.chosen {
                    (tables::tiles(evaluation))
                    p class="aside" {
                        "on " (section.name) ", " (evaluation.masking) ", "
                        @if evaluation.images.len() < LEAST_FOR_INTERVAL { "too few images for intervals" } @else { "with 95 % intervals" }
                        "; checkpoint " (evaluation.checkpoint_told(self.runs[*run].log.steps))
                    }
                }
            }
        }
    }

    fn remarks(&self) -> Markup {
        let of_runs = self.runs.iter().flat_map(|run| run.notes.iter().map(move |note| (Some(&run.name), note)));
        let all: Vec<_> = of_runs.chain(self.notes.iter().map(|note| (None, note))).collect();
        html! {
            @if !all.is_empty() {
                aside class="remarks" aria-label="Remarks" {
                    ul { @for (run, note) in all { li { @if let (Some(run), true) = (run, self.runs.len() > 1) { strong { (run) } ": " } (glossary::with_code(note)) } } }
                }
            }
        }
    }

    fn section(&self, section: &Section, is_first: bool) -> Markup {
        let id = format!("evaluation-{}", section.slug);
        let agreement = plots::agreement(section, &self.runs);
        let over_thresholds = over_thresholds(section, &self.runs);
        html! {
            section aria-labelledby=(id) {
                h2 id=(id) { "Evaluation on " (section.name) }
                (tables::totals(section, &self.runs))
                (self.compared(section))
                @if !over_thresholds.is_empty() {
                    h3 { "Thresholds" }
                    p class="lead" { "Mean Dice of raw masks at each threshold; rings mark the thresholds of the figures above. A threshold that is chosen here is chosen by the labels of these regions: its Dice is an upper bound." }
                    div class="charts" { @for chart in &over_thresholds { (figure_of(chart)) } }
                }
                @if !agreement.is_empty() {
                    h3 { "Vertical cup-to-disc ratio" }
                    p class="lead" { "Of " (section.masks()) "; " (section.checkpoints(&self.runs)) ". Bland-Altman plots: each point is an image, dashed lines are the bias and, of " (LEAST_FOR_INTERVAL) " images or more, the limits of agreement (bias ± 1.96 standard deviations). An image in which the cup or the disc was not found has no ratio." }
                    div class="charts" { @for chart in &agreement { (figure_of(chart)) } }
                }
                @if is_first { (self.cases()) }
                h3 { "Image by image" }
                (tables::images(section, &self.runs))
            }
        }
    }

    fn compared(&self, section: &Section) -> Markup {
        let comparisons = section.comparisons();
        let forests = plots::differences(section, &self.runs);
        html! {
            @if let Some(first) = comparisons.first() {
                h3 { "Differences from " (self.runs[first.baseline].name) }
                p class="lead" {
                    "Of " (section.masks()) "; " (section.checkpoints(&self.runs)) ". Differences are paired: each is the mean over those images that have \
                     the figure in both runs. Dice is better above 0, errors and distances below. In the worst case an image without a \
                     figure counts as bad as it can be. Of fewer than " (LEAST_FOR_INTERVAL) " images there is no interval, and nothing \
                     can be told."
                }
                @for comparison in &comparisons {
                    @if let Err(reason) = &comparison.differences {
                        p class="remarks" { (self.runs[comparison.baseline].name) " and " (self.runs[comparison.other].name) ": " (reason) "." }
                    }
                }
                div class="charts" {
                    @for forest in &forests {
                        figure { figcaption { (forest.title) } (forest.inline()) }
                    }
                }
                @for comparison in &comparisons {
                    @if let Ok(differences) = &comparison.differences {
                        details {
                            summary { "Figures: " (self.runs[comparison.other].name) " − " (self.runs[comparison.baseline].name) }
                            (tables::differences(differences))
                            @if let Some(missing) = not_in_both(differences) { p class="aside" { (missing) "." } }
                        }
                    }
                }
            }
        }
    }

    fn cases(&self) -> Markup {
        let kinds = [Kind::Gain, Kind::Loss, Kind::Worst, Kind::Best];
        html! {
            @if !self.cases.is_empty() {
                h3 { "Single images" }
                p class="lead" {
                    "Solid: outlines of " (self.sections().first().map_or(String::new(), |section| format!("{} ({})", section.masks(), section.checkpoints(&self.runs)))) ", "
                    span class="key disc-line" { "disc" } " and " span class="key cup-line" { "cup" }
                    ". Dashed white: ground truth. Pseudo label: where the network without dropout exceeds 0.75, at the size of its \
                     features. Uncertainty: standard deviation over dropout passes with running statistics, at temperature 2, as " code { "predict --uncertainty" } " prints it, whose pictures have colours up to 0.5."
                }
                p class="scale" { "0 " span class="viridis" {} " " (figure(f64::from(MOST_STD), 1)) " and more" }
                @for kind in kinds {
                    @let cases: Vec<_> = self.cases.iter().enumerate().filter(|(_, case)| case.kind == kind).collect();
                    @if !cases.is_empty() {
                        h4 { (kind.title()) }
                        @for (index, case) in cases { (self.case(case, index)) }
                    }
                }
            }
        }
    }

    fn case(&self, case: &Case, index: usize) -> Markup {
        let sections = self.sections();
        let row = |run: usize| {
            let chosen = sections.first()?.chosen.iter().find(|(index, _)| *index == run)?;
            chosen.1.images.iter().find(|row| row.name == case.name)
        };
        let photograph = format!("photograph-{index}");
        html! {
            article class="case" {
                @for (place, (run, view)) in case.views.iter().enumerate() {
                    div class="view" {
                        p class="caption" {
                            @if place == 0 { strong { (case.name) } " " }
                            @if self.runs.len() > 1 { span class="run" { (tables::run_name(&self.runs[*run], *run, true)) } }
                            @if let Some(row) = row(*run) {
                                @let dice = [("cup", row.cup_dice), ("disc", row.disc_dice)];
                                @let dice = dice.into_iter().filter_map(|(of, dice)| Some(format!("Dice {of} {}", figure(dice?, 3))));
                                @let vcdr = row.vcdr_error.map(|error| format!("vCDR off by {}", figure(error, 3)));
                                span class="aside" { (dice.chain(vcdr).collect::<Vec<_>>().join(", ")) }
                            }
                        }
                        (tiles(case, view, &photograph, place == 0))
                    }
                }
            }
        }
    }
}

/// Four pictures of an image: prediction, pseudo label, uncertainty of cup and disc, each with the ground truth. The
/// photograph is in the page once.
fn tiles(case: &Case, view: &View, photograph: &str, is_first: bool) -> Markup {
    let [width, height] = case.size;
    let frame = |title: &str, back: Markup, outlines: Option<&[String; 2]>| {
        html! {
            figure {
                svg class="tile" role="img" viewBox=(format!("0 0 {width} {height}")) aria-label=(format!("{title} of {}", case.name)) {
                    (back)
                    @for path in &case.truth { path class="truth shade" d=(path) {} path class="truth" d=(path) {} }
                    @if let Some([cup, disc]) = outlines { path class="disc-line" d=(disc) {} path class="cup-line" d=(cup) {} }
                }
                figcaption { (title) }
            }
        }
    };
    let picture = html! {
        @if is_first { image id=(photograph) href=(case.photograph) width=(width) height=(height) preserveAspectRatio="none" {} }
        @else { use href=(format!("#{photograph}")) {} }
    };
    let again = html! { use href=(format!("#{photograph}")) {} };
    let map = |uri: &str| html! { image href=(uri) width=(width) height=(height) preserveAspectRatio="none" {} };
    html! {
        div class="tiles-of-case" {
            (frame("Prediction", picture, Some(&view.prediction)))
            (frame("Pseudo label", again, Some(&view.pseudo_label)))
            @if let Some([cup, disc]) = &view.uncertainty {
                (frame("Uncertainty, cup", map(cup), None))
                (frame("Uncertainty, disc", map(disc), None))
            }
        }
    }
}

fn figure_of(chart: &Chart) -> Markup {
    html! { figure { figcaption { (chart.title) } (chart.inline()) } }
}

/// By what a single run chose its best checkpoint.
fn chosen_by(runs: &[Run]) -> String {
    let [run] = runs else { return String::new() };
    let by = run.config.select.regions();
    let dice = run.log.best().map_or(String::new(), |(epochs, dice)| {
        format!(", {} after {epochs} {}", figure(dice, 4), if epochs == 1.0 { "epoch" } else { "epochs" })
    });
    format!(" by the mean Dice of cup and disc on {by}{dice}")
}

fn training(runs: &[Run], [losses, validations, unlabelled, prototypes]: [Vec<Chart>; 4]) -> Markup {
    html! {
        section aria-labelledby="training" {
            h2 id="training" { "Training" }
            @if losses.is_empty() { p class="lead" { "Nothing is logged yet." } }
            @if !validations.is_empty() {
                h3 { "Validation" }
                p class="lead" { "Mean over images " (plots::masks_of(runs)) "; “best” is the checkpoint that was chosen" (chosen_by(runs)) "." }
                div class="charts" { @for chart in &validations { (figure_of(chart)) } }
            }
            @if !unlabelled.is_empty() {
                h3 { "The target without labels" }
                p class="lead" { "Means over the target’s training images. Masks that shrink, grow or break, and a network that becomes less sure, are signs of an adaptation that goes wrong." }
                div class="charts" { @for chart in &unlabelled { (figure_of(chart)) } }
            }
            @if !losses.is_empty() {
                h3 { "Losses" }
                p class="lead" { "Running means; single steps, where they are shown, lie faint behind." }
                div class="charts" { @for chart in &losses { (figure_of(chart)) } }
            }
            @if !prototypes.is_empty() {
                h3 { "Prototypes" }
                p class="lead" { "How far the mean features of a class lie apart between the two cameras. Alignment brings them together." }
                div class="charts" { @for chart in &prototypes { (figure_of(chart)) } }
            }
        }
    }
}
