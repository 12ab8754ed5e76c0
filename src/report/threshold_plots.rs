//! Charts of Dice over thresholds: where the best ones of these regions lie, and where those lie that were used.

use super::axis::Axis;
use super::chart::{Chart, Dot, Ink, Line, figure};
use super::evaluation::Evaluation;
use super::plots::dice_axis;
use super::run::Run;
use super::section::Section;
use crate::data::names::counted;

/// The structures, in the order of masks.
const STRUCTURES: [(&str, Ink); 2] = [("cup", Ink::Cup), ("disc", Ink::Disc)];

/// A curve, what it is called, and the threshold of its masks.
struct Curve {
    name: String,
    ink: Ink,
    points: Vec<(f64, f64)>,
    used: f64,
}

/// Mean Dice of raw masks over thresholds: of one run a chart of both structures, of several a chart for each.
pub(super) fn over_thresholds(section: &Section, runs: &[Run]) -> Vec<Chart> {
    let curve = |(run, own): &(usize, &Evaluation), class: usize| {
        let (points, used) = (own.dice_over_thresholds()[class].clone(), f64::from(own.masking.thresholds[class]));
        let (name, ink) = match runs.len() {
            1 => (STRUCTURES[class].0.to_string(), STRUCTURES[class].1),
            _ => (runs[*run].name.clone(), Ink::Run(*run)),
        };
        Some(Curve { name, ink, points, used }).filter(|curve| !curve.points.is_empty())
    };
    let of = |class: usize| section.chosen.iter().filter_map(move |one| curve(one, class)).collect::<Vec<_>>();
    let both = [of(0), of(1)];
    let y = dice_axis(both.iter().flatten().flat_map(|curve| &curve.points).map(|point| point.1));
    let images: Vec<usize> = section.chosen.iter().map(|(_, own)| own.images.len()).collect();
    let over = images.first().map_or(String::new(), |count| format!(", {}", counted(*count, "image")));
    let note = format!("Raw masks on {}{over}; {}", section.name, section.checkpoints(runs));
    let charts = match (runs.len(), both) {
        (1, [cup, disc]) => vec![(String::new(), String::new(), cup.into_iter().chain(disc).collect())],
        (_, [cup, disc]) => vec![
            ("-cup".to_string(), " of the cup".to_string(), cup),
            ("-disc".to_string(), " of the disc".to_string(), disc),
        ],
    };
    let charts = charts.into_iter().filter(|(_, _, curves): &(_, _, Vec<Curve>)| !curves.is_empty());
    charts
        .map(|(end, of_what, curves)| {
            let title = format!("Dice{of_what} over thresholds");
            let name = format!("thresholds-{}{end}", section.slug);
            chart([name, title, note.clone()], curves, &y)
        })
        .collect()
}

fn chart([name, title, note]: [String; 3], curves: Vec<Curve>, y: &Axis) -> Chart {
    let highest = |curve: &Curve| curve.points.iter().copied().reduce(|a, b| if b.1 > a.1 { b } else { a });
    let at_used = |curve: &Curve| {
        let distance = |point: &&(f64, f64)| (point.0 - curve.used).abs();
        curve.points.iter().min_by(|a, b| distance(a).total_cmp(&distance(b))).copied()
    };
    let told = |curve: &Curve| {
        let ((best, most), (_, own)) = highest(curve).zip(at_used(curve))?;
        let (name, used) = (&curve.name, figure(curve.used, 2));
        Some(format!("{name}: {} at {used}, highest {} at {}", figure(own, 4), figure(most, 4), figure(best, 2)))
    };
    let dot = |curve: &Curve| Some(Dot { at: at_used(curve)?, text: told(curve)?, ink: curve.ink, mark: true });
    Chart {
        name,
        description: format!(
            "{title}, means over images, rings at the thresholds that are used. {}.",
            curves.iter().filter_map(told).collect::<Vec<_>>().join("; ")
        ),
        title,
        note,
        x: ("Threshold".to_string(), Axis::linear(0.0, 1.0, 5, false)),
        y: ("Dice coefficient".to_string(), y.clone()),
        lines: curves.iter().map(|own| Line { points: own.points.clone(), ink: own.ink, faint: false }).collect(),
        dots: curves.iter().filter_map(dot).collect(),
        rules: Vec::new(),
        legend: curves.into_iter().map(|curve| (curve.name, curve.ink)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::super::section::sections;
    use super::*;
    use crate::metrics::Masks;

    /// A run with an evaluation whose curves peak at a half.
    fn run(folder: &Path) -> Run {
        let own = folder.join("evaluation");
        fs::create_dir_all(&own).expect("it is writable");
        let summary = serde_json::json!({
            "images": 1, "data": "a/clinic/test", "checkpoint": "best.safetensors", "steps": 4, "erosion": 0,
            "threshold_cup": 0.26, "threshold_disc": 0.5,
            "dice_over_thresholds": { "thresholds": [0.25, 0.5, 0.75], "cup": [0.5, 0.75, 0.25], "disc": [0.75, 0.875, 0.5] }
        });
        fs::write(own.join("summary.json"), summary.to_string()).expect("it is writable");
        let table = "name,cup_dice,disc_dice,vcdr_predicted,vcdr_true,vcdr_error\na,1,1,,,\n";
        fs::write(own.join("metrics.csv"), table).expect("it is writable");
        fs::write(folder.join("config.toml"), "source = 'a'").expect("it is writable");
        Run::read(folder, Masks::Raw).expect("a run")
    }

    #[test]
    fn curves_have_a_ring_at_the_threshold_that_is_used() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let runs = [run(&root.path().join("one")), run(&root.path().join("two"))];
        let charts = |runs: &[Run]| over_thresholds(&sections(runs, Path::new(""), None)[0], runs);
        let single = charts(&runs[..1]);
        assert_eq!(single.len(), 1);
        assert_eq!((single[0].lines.len(), single[0].dots.len()), (2, 2));
        assert_eq!((single[0].dots[0].at, single[0].dots[1].at), ((0.25, 0.5), (0.5, 0.875)));
        assert_eq!(single[0].dots[0].text, "cup: 0.5000 at 0.26, highest 0.7500 at 0.50");
        assert!(single[0].note.starts_with("Raw masks on clinic/test, 1 image; best, after 4"), "{}", single[0].note);
        let both = charts(&runs);
        let titles: Vec<_> = both.iter().map(|chart| (chart.title.as_str(), chart.lines.len())).collect();
        assert_eq!(titles, [("Dice of the cup over thresholds", 2), ("Dice of the disc over thresholds", 2)]);
    }
}
