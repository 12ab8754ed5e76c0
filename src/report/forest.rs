//! Differences between runs with their intervals, a row each.

use maud::{Markup, html};

use super::axis::Axis;
use super::chart::{Alone, Ink, WIDTH, difference, file_of, framed, n};
use super::palette::on_light_paper;

/// Height of a row.
const ROW: f64 = 24.0;
/// Widths of the labels and of the figures beside the plot.
const LABELS: f64 = 140.0;
const FIGURES: f64 = 52.0;

/// A row: a mean difference and its interval.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub label: String,
    pub mean: f64,
    /// none of too few images
    pub interval: Option<[f64; 2]>,
    pub ink: Ink,
}

/// A chart of differences.
#[derive(Clone, Debug)]
pub(super) struct Forest {
    pub name: String,
    pub title: String,
    pub description: String,
    /// what a copy must not be without: data, masks, checkpoints
    pub note: String,
    /// name of the axis
    pub axis: String,
    pub rows: Vec<Row>,
}

impl Forest {
    /// The chart as part of a page.
    pub(super) fn inline(&self) -> Markup {
        self.svg(None)
    }

    /// The chart as a file of its own.
    pub(super) fn file(&self, marks: &str) -> String {
        let style = on_light_paper(include_str!("chart.css"));
        file_of(&self.svg(Some(Alone { style: &style, title: &self.title, note: &self.note, marks })))
    }

    fn svg(&self, alone: Option<Alone>) -> Markup {
        let values = || self.rows.iter().flat_map(|row| row.interval.unwrap_or([row.mean; 2]));
        let (low, high) = (values().fold(0.0, f64::min), values().fold(0.0, f64::max));
        let axis = Axis::linear(low, high, 4, false);
        let (left, right) = (LABELS, WIDTH - FIGURES);
        let x = |value: f64| left + axis.position(value) * (right - left);
        let bottom = 6.0 + ROW * self.rows.len() as f64;
        let body = html! {
            @for (tick, label) in axis.ticks.iter().zip(axis.labels()) {
                path class=(if *tick == 0.0 { "zero" } else { "grid" }) d=(format!("M{:.1} 6V{bottom:.1}", x(*tick))) {}
                text x=(n(x(*tick))) y=(n(bottom + 15.0)) text-anchor="middle" { (label) }
            }
            text class="name" x=(n((left + right) / 2.0)) y=(n(bottom + 31.0)) text-anchor="middle" { (self.axis) }
            @for (index, row) in self.rows.iter().enumerate() {
                @let y = 6.0 + ROW * (index as f64 + 0.5);
                text class="name" x="2" y=(n(y + 3.8)) { (row.label) }
                @if let Some([low, high]) = row.interval {
                    path class=(format!("line {}", row.ink.class())) d=(format!("M{:.1} {y:.1}H{:.1}", x(low), x(high))) {}
                }
                circle class=(format!("mark {}", row.ink.class())) cx=(n(x(row.mean))) cy=(n(y)) r="4" {}
                text class="name" x=(n(WIDTH - 2.0)) y=(n(y + 3.8)) text-anchor="end" { (difference(row.mean, 3)) }
            }
        };
        framed(&self.name, &self.title, &self.description, bottom + 38.0, alone, body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_spans_its_interval_and_the_file_is_xml() {
        let row = Row { label: "Dice, <cup>".to_string(), mean: 0.1, interval: Some([0.0, 0.2]), ink: Ink::Run(1) };
        let (name, title, axis) = ("difference".to_string(), "Differences".to_string(), "Difference".to_string());
        let few = Row { interval: None, mean: 0.05, ..row.clone() };
        let note = "of 12 images".to_string();
        let rows = vec![row, few];
        let text = Forest { name, title: title.clone(), description: title, note, axis, rows }.file("unfinished");
        let document = roxmltree::Document::parse(&text).expect("the file is XML");
        let line =
            document.descendants().find(|node| node.attribute("class") == Some("line c2")).expect("the interval");
        assert_eq!(line.attribute("d"), Some(format!("M{LABELS:.1} 18.0H{:.1}", WIDTH - FIGURES).as_str()));
        let has = |text: &str| {
            document
                .descendants()
                .any(|node| node.has_tag_name(("http://www.w3.org/2000/svg", "text")) && node.text() == Some(text))
        };
        for text in ["+0.100", "+0.050", "Differences", "of 12 images", "unfinished"] {
            assert!(has(text), "{text}");
        }
        let lines = document.descendants().filter(|node| node.attribute("class") == Some("line c2")).count();
        assert_eq!(lines, 1, "of too few images there is no interval");
    }
}
