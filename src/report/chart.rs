//! Charts as SVG: curves, points, rules and a legend, in classes whose colours the style sheet gives.

use std::fmt::Write;

use maud::{Markup, PreEscaped, html};

use super::axis::{Axis, signed};
use super::palette::{RUNS, on_light_paper};
use crate::own_file::Purpose;

/// Width of every chart in its own units, about the pixels of a telephone: letters keep their size there.
pub(super) const WIDTH: f64 = 360.0;
/// Height of the plot between its axes.
const PLOT: f64 = 158.0;
/// Average width of a letter of the charts' size.
const LETTER: f64 = 6.4;
/// Longest name in a legend.
const LONGEST: usize = 34;

/// Which colour something has, and whether its line is dashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ink {
    /// a run, by its place
    Run(usize),
    Cup,
    Disc,
    /// second quantities of the same colour
    CupDashed,
    DiscDashed,
}

impl Ink {
    /// Classes of a line.
    pub(super) fn class(self) -> String {
        match self {
            Ink::Run(index) => format!("c{}{}", index % RUNS + 1, if index < RUNS { "" } else { " dashed" }),
            Ink::Cup => "cup".to_string(),
            Ink::Disc => "disc".to_string(),
            Ink::CupDashed => "cup dashed".to_string(),
            Ink::DiscDashed => "disc dashed".to_string(),
        }
    }
}

/// A line through points.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub points: Vec<(f64, f64)>,
    pub ink: Ink,
    /// drawn thin and faint, behind the others
    pub faint: bool,
}

/// A point with a text that shows when it is pointed at.
#[derive(Clone, Debug)]
pub(super) struct Dot {
    pub at: (f64, f64),
    pub text: String,
    pub ink: Ink,
    /// a ring that stands out, rather than one of many
    pub mark: bool,
}

/// A line across the plot.
#[derive(Clone, Debug)]
pub(super) enum Rule {
    /// at a value of x, its label at the top
    Upright(f64, String),
    /// at a value of y, its label at the right
    Level(f64, String),
}

/// A chart.
#[derive(Clone, Debug)]
pub(super) struct Chart {
    /// stem of its file, and what its parts are called in the page
    pub name: String,
    pub title: String,
    /// what it shows, for who cannot see it
    pub description: String,
    /// what a copy must not be without: of what, over how many
    pub note: String,
    pub x: (String, Axis),
    pub y: (String, Axis),
    pub lines: Vec<Line>,
    pub dots: Vec<Dot>,
    pub rules: Vec<Rule>,
    pub legend: Vec<(String, Ink)>,
}

/// Places of the parts of a chart.
struct Layout {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
    height: f64,
}

impl Chart {
    /// The chart as part of a page, whose style sheet colours it.
    pub(super) fn inline(&self) -> Markup {
        self.svg(None)
    }

    /// The chart as a file of its own, for light paper, in colours that any program understands.
    /// `marks` is what nobody may miss of its runs.
    pub(super) fn file(&self, marks: &str) -> String {
        let style = on_light_paper(include_str!("chart.css"));
        file_of(&self.svg(Some(Alone { style: &style, title: &self.title, note: &self.note, marks })))
    }

    fn svg(&self, alone: Option<Alone>) -> Markup {
        let legend = legend_rows(&self.legend);
        let layout = self.layout(legend.len());
        let x = |value: f64| layout.left + self.x.1.position(value) * (layout.right - layout.left);
        let y = |value: f64| layout.bottom - self.y.1.position(value) * (layout.bottom - layout.top);
        let clip = format!("{}-plot", self.name);
        let body = html! {
            text class="name" x="2" y="11" { (self.y.0) }
            @for (row, keys) in legend.iter().enumerate() {
                @for (at, name, ink) in keys { (legend_key(*at, 27.0 + 15.0 * row as f64, name, *ink)) }
            }
            @for (tick, label) in self.y.1.ticks.iter().zip(self.y.1.labels()) {
                path class=(if *tick == 0.0 { "zero" } else { "grid" })
                    d=(format!("M{:.1} {:.1}H{:.1}", layout.left, y(*tick), layout.right)) {}
                text x=(n(layout.left - 6.0)) y=(n(y(*tick) + 3.8)) text-anchor="end" { (label) }
            }
            @for (tick, label) in self.x.1.ticks.iter().zip(self.x.1.labels()) {
                path class="grid" d=(format!("M{:.1} {:.1}v4", x(*tick), layout.bottom)) {}
                text x=(n(x(*tick))) y=(n(layout.bottom + 16.0)) text-anchor="middle" { (label) }
            }
            text class="name" x=(n(layout.right)) y=(n(layout.bottom + 31.0)) text-anchor="end" { (self.x.0) }
            clipPath id=(clip) {
                rect x=(n(layout.left - 2.0)) y=(n(layout.top - 2.0)) width=(n(layout.right - layout.left + 4.0))
                    height=(n(layout.bottom - layout.top + 4.0)) {}
            }
            @for rule in &self.rules { (rule.draw(&layout, x, y)) }
            g clip-path=(format!("url(#{clip})")) {
                @for line in self.lines.iter().filter(|line| line.faint).chain(self.lines.iter().filter(|l| !l.faint)) {
                    path class=(format!("line {}{}", if line.faint { "thin " } else { "" }, line.ink.class()))
                        d=(path(line.points.iter().map(|point| (x(point.0), y(point.1))))) {}
                }
            }
            @for dot in &self.dots {
                circle class=(format!("{} {}", if dot.mark { "mark" } else { "dot" }, dot.ink.class()))
                    cx=(n(x(dot.at.0))) cy=(n(y(dot.at.1))) r=(if dot.mark { "4" } else { "3.2" }) {
                    title { (dot.text) }
                }
            }
        };
        framed(&self.name, &self.title, &self.description, layout.height, alone, body)
    }

    fn layout(&self, legend_rows: usize) -> Layout {
        let longest = self.y.1.labels().iter().map(|label| label.chars().count()).max().unwrap_or(0);
        let levels = self.rules.iter().filter_map(|rule| match rule {
            Rule::Level(_, label) => Some(label.chars().count()),
            Rule::Upright(..) => None,
        });
        let beside = levels.max().map_or(10.0, |letters| letters as f64 * LETTER + 10.0);
        let top = 24.0 + 15.0 * legend_rows as f64;
        let bottom = top + PLOT;
        let left = longest as f64 * LETTER + 12.0;
        Layout { left, right: WIDTH - beside, top, bottom, height: bottom + 38.0 }
    }
}

impl Rule {
    fn draw(&self, layout: &Layout, x: impl Fn(f64) -> f64, y: impl Fn(f64) -> f64) -> Markup {
        match self {
            Rule::Upright(value, label) => {
                let at = x(*value);
                let (anchor, shift) = if at > WIDTH / 2.0 { ("end", -4.0) } else { ("start", 4.0) };
                html! {
                    path class="rule" d=(format!("M{at:.1} {:.1}V{:.1}", layout.top, layout.bottom)) {}
                    text x=(n(at + shift)) y=(n(layout.top + 9.0)) text-anchor=(anchor) { (label) }
                }
            }
            Rule::Level(value, label) => html! {
                path class="rule" d=(format!("M{:.1} {:.1}H{:.1}", layout.left, y(*value), layout.right)) {}
                text x=(n(layout.right + 5.0)) y=(n(y(*value) + 3.8)) { (label) }
            },
        }
    }
}

/// What stands in a picture that has no page around it.
#[derive(Clone, Copy)]
pub(super) struct Alone<'a> {
    pub style: &'a str,
    pub title: &'a str,
    pub note: &'a str,
    pub marks: &'a str,
}

/// Height of a line of text above a picture.
const TEXT_LINE: f64 = 15.0;

/// Text in lines that fit the width of a picture.
fn lines_of(text: &str) -> Vec<String> {
    let most = ((WIDTH - 4.0) / LETTER) as usize;
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= most => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_string()),
        }
    }
    lines
}

/// The frame of a picture of a given height: what it is called, what it shows, what it looks like. One that stands alone has its
/// title and what must not be missed above it.
pub(super) fn framed(
    name: &str,
    title: &str,
    description: &str,
    height: f64,
    alone: Option<Alone>,
    body: Markup,
) -> Markup {
    let style = alone.map(|alone| alone.style);
    let texts = alone.map_or([""; 3], |alone| [alone.title, alone.note, alone.marks]);
    let lines: Vec<_> = (texts.into_iter().enumerate())
        .flat_map(|(place, text)| lines_of(text).into_iter().map(move |line| (place == 0, line)))
        .collect();
    let above = if lines.is_empty() { 0.0 } else { TEXT_LINE * lines.len() as f64 + 6.0 };
    let height = height + above;
    html! {
        svg xmlns=[style.map(|_| "http://www.w3.org/2000/svg")] class="chart" role="img"
            viewBox=(format!("0 0 {WIDTH} {height:.0}"))
            width=[style.map(|_| WIDTH)] height=[style.map(|_| n(height))]
            aria-labelledby=(format!("{name}-title {name}-description")) {
            title id=(format!("{name}-title")) { (title) }
            desc id=(format!("{name}-description")) { (description) }
            // Not escaped: the style sheet is this program's own, and holds no markup.
            @if let Some(style) = style { style { (PreEscaped(style)) } }
            @for (row, (is_title, line)) in lines.iter().enumerate() {
                text class=[is_title.then_some("name")] font-weight=[is_title.then_some("bold")] x="2" y=(n(TEXT_LINE * row as f64 + 11.0)) { (line) }
            }
            @if lines.is_empty() { (body) } @else { g transform=(format!("translate(0 {above:.1})")) { (body) } }
        }
    }
}

/// A chart as a file.
pub(super) fn file_of(svg: &Markup) -> String {
    let mark = Purpose::Chart.mark();
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- {mark} -->\n{}\n", svg.0)
}

/// Names and inks in rows: the x of each key within its row.
fn legend_rows(keys: &[(String, Ink)]) -> Vec<Vec<(f64, String, Ink)>> {
    let mut rows: Vec<Vec<(f64, String, Ink)>> = Vec::new();
    let mut at = WIDTH;
    for (name, ink) in keys {
        let name = shortened(name, LONGEST);
        let width = 24.0 + name.chars().count() as f64 * LETTER + 10.0;
        if at + width > WIDTH {
            rows.push(Vec::new());
            at = 2.0;
        }
        if let Some(row) = rows.last_mut() {
            row.push((at, name, *ink));
        }
        at += width;
    }
    rows
}

fn legend_key(x: f64, y: f64, name: &str, ink: Ink) -> Markup {
    html! {
        path class=(format!("line {}", ink.class())) d=(format!("M{x:.1} {:.1}h16", y - 3.8)) {}
        text x=(n(x + 21.0)) y=(n(y)) { (name) }
    }
}

/// A name of at most `most` letters, cut in its middle: what tells runs apart is often at their names' ends.
pub(super) fn shortened(name: &str, most: usize) -> String {
    let letters: Vec<char> = name.chars().collect();
    if letters.len() <= most {
        return name.to_string();
    }
    let (front, back) = (most / 2, most - most / 2 - 1);
    letters[..front].iter().chain(['…'].iter()).chain(&letters[letters.len() - back..]).collect()
}

/// A path through points on the paper.
fn path(points: impl Iterator<Item = (f64, f64)>) -> String {
    points.enumerate().fold(String::new(), |mut path, (i, (x, y))| {
        // A point that is alone shows as the round end of its line.
        write!(
            path,
            "{}{x:.1} {y:.1}",
            if i == 0 {
                "M"
            } else if i == 1 {
                "L"
            } else {
                " "
            }
        )
        .expect("writing to a string succeeds");
        path
    })
}

/// A length on the paper.
pub(super) fn n(value: f64) -> String {
    format!("{value:.1}")
}

/// A figure for readers, with a minus sign.
pub(super) fn figure(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    // No "−0.000".
    let is_zero = text.trim_start_matches('-').chars().all(|c| c == '0' || c == '.');
    if is_zero { text.trim_start_matches('-').to_string() } else { signed(&text) }
}

/// The same with a sign in any case, for differences.
pub(super) fn difference(value: f64, decimals: usize) -> String {
    let text = figure(value, decimals);
    if value > 0.0 && text.chars().any(|c| ('1'..='9').contains(&c)) { format!("+{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart() -> Chart {
        let line = |points: &[(f64, f64)], ink| Line { points: points.to_vec(), ink, faint: false };
        Chart {
            name: "loss-seg".to_string(),
            title: "A <loss> & \"more\"".to_string(),
            description: "It's > 0".to_string(),
            note: "of 51 images".to_string(),
            x: ("Step".to_string(), Axis::tight(0.0, 10.0, 5)),
            y: ("Loss".to_string(), Axis::linear(0.0, 1.0, 4, false)),
            lines: vec![line(&[(0.0, 1.0), (10.0, 0.0)], Ink::Run(0)), line(&[(5.0, 0.5)], Ink::Run(7))],
            dots: vec![Dot { at: (5.0, 0.5), text: "eye <1>".to_string(), ink: Ink::Cup, mark: false }],
            rules: vec![Rule::Upright(5.0, "here".to_string()), Rule::Level(0.5, "bias 0.5".to_string())],
            legend: vec![("run <a>".to_string(), Ink::Run(0)), ("b".repeat(40), Ink::Run(7))],
        }
    }

    #[test]
    fn a_file_is_xml_that_names_describes_and_colours_itself() {
        let text = chart()
            .file("a: unfinished, as far as it has come, which is told at such a length that it needs two lines");
        let document = roxmltree::Document::parse(&text).expect("the file is XML");
        let root = document.root_element();
        assert_eq!((root.tag_name().name(), root.tag_name().namespace()), ("svg", Some("http://www.w3.org/2000/svg")));
        let child = |name: &str| root.children().find(|node| node.has_tag_name(("http://www.w3.org/2000/svg", name)));
        assert_eq!(child("title").and_then(|node| node.text()), Some("A <loss> & \"more\""));
        assert_eq!(child("desc").and_then(|node| node.text()), Some("It's > 0"));
        assert!(child("style").and_then(|node| node.text()).is_some_and(|css| css.contains("#0072b2")));
        assert!(!text.contains("var("));
        let shown: Vec<&str> =
            root.children().filter(|node| node.tag_name().name() == "text").filter_map(|node| node.text()).collect();
        assert_eq!(shown[..2], ["A <loss> & \"more\"", "of 51 images"]);
        assert!(
            shown.len() == 4 && shown[2].starts_with("a: unfinished") && shown[3].ends_with("two lines"),
            "{shown:?}"
        );
        let inline = chart().inline().into_string();
        assert!(!inline.contains("http:") && !inline.contains("<style"), "the page's own sheet colours it");
    }

    #[test]
    fn values_lie_where_the_axes_say() {
        let chart = chart();
        let text = chart.file("");
        let document = roxmltree::Document::parse(&text).expect("the file is XML");
        let layout = chart.layout(legend_rows(&chart.legend).len());
        let lines: Vec<_> =
            document.descendants().filter(|n| n.parent().is_some_and(|p| p.has_attribute("clip-path"))).collect();
        let (left, right, top, bottom) = (layout.left, layout.right, layout.top, layout.bottom);
        assert_eq!(lines[0].attribute("d"), Some(format!("M{left:.1} {top:.1}L{right:.1} {bottom:.1}").as_str()));
        assert_eq!(lines[1].attribute("class"), Some("line c2 dashed"), "the eighth run has the second colour, dashed");
        let numbers = |node: roxmltree::Node| {
            ["x", "y", "cx", "cy"]
                .into_iter()
                .filter_map(|a| node.attribute(a)?.parse::<f64>().ok())
                .collect::<Vec<_>>()
        };
        for node in document.descendants() {
            assert!(
                numbers(node).iter().all(|v| (0.0..=WIDTH).contains(v)),
                "{:?} is beyond the picture",
                node.tag_name()
            );
        }
    }

    #[test]
    fn figures_have_minus_signs_and_no_negative_zero() {
        assert_eq!((figure(-0.25, 2), figure(-0.0004, 3)), ("−0.25".to_string(), "0.000".to_string()));
        assert_eq!(difference(0.25, 2), "+0.25");
        assert_eq!((difference(-0.25, 2), difference(0.0001, 2)), ("−0.25".to_string(), "0.00".to_string()));
        assert_eq!(shortened("a-very-long-name-of-a-run", 11), "a-ver…a-run");
    }
}
