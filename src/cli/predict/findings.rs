//! What was found in all images, and which of them somebody should look at.

use super::flag::Flag;
use super::table::Row;
use crate::data::names::several;

/// Each flag that images have, and their names.
pub(super) fn by_flag(rows: &[Row]) -> Vec<(Flag, Vec<&str>)> {
    let names = |flag: &Flag| rows.iter().filter(|row| row.flags.contains(flag)).map(|row| row.name.as_str()).collect();
    let listed = Flag::all().map(|flag| (flag, names(&flag)));
    listed.filter(|(_, names): &(Flag, Vec<&str>)| !names.is_empty()).collect()
}

/// A sentence on what there is to look at.
pub(super) fn summary(rows: &[Row]) -> String {
    let flagged = rows.iter().filter(|row| !row.flags.is_empty()).count();
    if flagged == 0 {
        return "no mask is empty or implausible".to_string();
    }
    let reasons: Vec<String> = by_flag(rows)
        .iter()
        .map(|(flag, names)| format!("{}: {} ({})", names.len(), flag.words(), several(names)))
        .collect();
    format!("look at {flagged} of {}, see the column `flag`: {}", rows.len(), reasons.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Doubt;

    #[test]
    fn images_to_look_at_are_counted_and_a_few_named() {
        let row = |name: &str, flags: &[Flag]| Row { flags: flags.to_vec(), ..Row::empty(name) };
        let none = Flag::Doubt(Doubt::NoDisc);
        let mut rows: Vec<Row> = (0..5).map(|index| row(&format!("n{index}"), &[none])).collect();
        rows.push(row("fine", &[]));
        rows.push(row("small", &[Flag::WholePhotograph, Flag::Doubt(Doubt::SmallDisc)]));
        assert_eq!(
            summary(&rows),
            "look at 6 of 7, see the column `flag`: 1: whole photograph (`small`); 5: no disc (`n0`, `n1`, `n2` and 2 more); \
             1: implausibly small disc (`small`)"
        );
        assert_eq!(summary(&rows[5..6]), "no mask is empty or implausible");
    }
}
