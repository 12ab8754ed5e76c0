//! What was found in all images, and which of them somebody should look at.

use crate::data::names::{counted, several};
use crate::prediction::{Flag, Row, Unfit};

/// Each flag that images have, and their names; where the place of the disc is unsure, the least sure first.
pub(super) fn by_flag(rows: &[Row]) -> Vec<(Flag, Vec<&str>)> {
    let names = |flag: Flag| {
        let mut flagged: Vec<&Row> = rows.iter().filter(|row| row.flags.contains(&flag)).collect();
        if flag == Flag::Unfit(Unfit::UnsurePlace) {
            let confidence = |row: &Row| row.place.map_or(0.0, |place| place.finding.confidence);
            flagged.sort_by(|a, b| confidence(a).total_cmp(&confidence(b)));
        }
        flagged.into_iter().map(|row| row.name.as_str()).collect()
    };
    let listed = Flag::all().map(|flag| (flag, names(flag)));
    listed.filter(|(_, names): &(Flag, Vec<&str>)| !names.is_empty()).collect()
}

/// What there is to look at, a line for each flag.
pub(super) fn summary(rows: &[Row]) -> Vec<String> {
    let flagged = rows.iter().filter(|row| !row.flags.is_empty()).count();
    if flagged == 0 {
        return vec!["nothing is flagged: no mask is empty or implausible".to_string()];
    }
    let line = |(flag, names): (Flag, Vec<&str>)| {
        format!("  {}: {} ({})", flag.name(), counted(names.len(), "image"), several(&names))
    };
    let title = format!("look at {flagged} of {}, by the column `flag`:", counted(rows.len(), "image"));
    std::iter::once(title).chain(by_flag(rows).into_iter().map(line)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::disc_finder::{Disc, Finding};
    use crate::data::square::Square;
    use crate::metrics::Doubt;
    use crate::prediction::Place;

    #[test]
    fn images_to_look_at_are_counted_and_a_few_named() {
        let row = |name: &str, flags: &[Flag]| Row { flags: flags.to_vec(), ..Row::empty(name) };
        let none = Flag::Doubt(Doubt::NoDisc);
        let mut rows: Vec<Row> = (0..5).map(|index| row(&format!("n{index}"), &[none])).collect();
        rows.push(row("fine", &[]));
        rows.push(row("small", &[Flag::Unfit(Unfit::WholePhotograph), Flag::Doubt(Doubt::SmallDisc)]));
        for (name, confidence) in [("less", 0.2), ("least", 0.1)] {
            let disc = Disc { centre: (0.0, 0.0), diameter: 1.0 };
            let place = Place { finding: Finding { disc, confidence }, square: Square { left: 0, top: 0, side: 1 } };
            rows.push(Row { place: Some(place), ..row(name, &[Flag::Unfit(Unfit::UnsurePlace)]) });
        }
        let want = [
            "look at 8 of 9 images, by the column `flag`:",
            "  whole-photograph: 1 image (`small`)",
            "  unsure-place: 2 images (`least` and `less`)",
            "  no-disc: 5 images (`n0`, `n1`, `n2` and 2 more)",
            "  small-disc: 1 image (`small`)",
        ];
        assert_eq!(summary(&rows), want);
        assert_eq!(summary(&rows[5..6]), ["nothing is flagged: no mask is empty or implausible"]);
    }
}
