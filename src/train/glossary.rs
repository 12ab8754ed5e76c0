//! What a run logs, column by column: the one text that the program's help, its reports and the README show.

/// Columns of `log.csv`, which are keys of `metrics.jsonl` and, but for counters and words, tags of TensorBoard: names, and what they
/// hold. Those that a method or a kind of row does not have are empty or absent.
pub static LOG_COLUMNS: [(&str, &str); 22] = [
    ("`step`", "step of training, counted from 0; in the row of a validation, steps done before it"),
    ("`epoch`", "pass over the source, counted from 0"),
    (
        "`phase`",
        "of methods with category-level losses: `warm-up` while these are not computed yet, then `category-level`",
    ),
    (
        "`total`",
        "what the network is trained on: `seg` + `adv` + `align_weighted` + `discriminative_weighted` + `consistency_weighted` + \
         `teacher_weighted`",
    ),
    ("`seg`", "segmentation and boundary loss on the source; its weight is 1"),
    ("`adv`", "adversarial loss on the target times its weight, as the total has it"),
    ("`adv_raw`", "the same before its weight"),
    ("`align`", "distance between the class prototypes of both cameras, before its weight"),
    ("`discriminative`", "prototype-guided discriminative loss on the source, before its weight"),
    ("`consistency`", "loss of the target under photometric changes, before its weight"),
    ("`teacher`", "loss of the target under strong changes, by the labels of averaged weights, before its weight"),
    (
        "`align_weighted`, `discriminative_weighted`, `consistency_weighted`, `teacher_weighted`",
        "the four above times their weights, as the total has them",
    ),
    (
        "`d_same`, `d_diff`",
        "what the two discriminators are trained on, for the source and for the target; no part of the total",
    ),
    ("`lr`", "learning rate of the network"),
    ("`seconds`", "duration of the step, waiting for its batch included"),
    (
        "`prototype_distance`",
        "mean squared difference of each class's prototypes of both cameras, at every fifth step; not in `log.csv`",
    ),
    ("`masks`", "of a validation: which masks its figures are of"),
    ("`regions`", "of a validation: how many regions of `target` and of `source` it is over; not in `log.csv`"),
    (
        "`cup_dice`, `disc_dice`, `mean_dice`, `cup_iou`, `disc_iou`, `cup_pixel_accuracy`, `disc_pixel_accuracy`",
        "of a validation: means over the regions of `dataset`, `mean_dice` over cup and disc; of a structure that no mask shows there are \
         none; the same with `source_` or `target_` before them say whose they are; `log.csv` has the first two",
    ),
    (
        "`unlabelled_cup_entropy`, `unlabelled_disc_entropy`, `unlabelled_cup_area`, `unlabelled_disc_area`, `unlabelled_vcdr`, \
         `unlabelled_vcdr_deviation`, `unlabelled_implausible`",
        "of the validation of a run that adapts: what the target's training images tell without masks. Means of the entropy in bits a \
         pixel, of the share of the region, and of the vertical cup-to-disc ratio with its deviation, and the share of images whose \
         masks nobody would have drawn so; not in `log.csv`",
    ),
    (
        "`thresholds`",
        "of a validation: those at which raw masks of the held-out source regions agree best, and over how many regions; none of \
         fewer than 10; not in `log.csv`",
    ),
    (
        "`dataset`, `select`",
        "of a validation: `target` (its test regions, if all have masks) or `source` (held-out training regions), and by whose \
         `mean_dice` the best checkpoint is chosen; `log.csv` has the first",
    ),
];

#[cfg(test)]
mod tests {
    use super::super::logs::new_titles;
    use super::super::settings::{Config, Method};
    use super::*;
    use crate::method::step;

    #[test]
    fn every_column_of_the_log_is_explained() {
        let config = Config { method: Method::Clr, size: 64, batch: 2, ..Config::new("clinic".into()) };
        let losses = step::trace(&config.step_settings(true)).expect("there is such a step").losses;
        for title in new_titles(&losses, true) {
            let named = format!("`{title}`");
            let told = LOG_COLUMNS.iter().filter(|(names, _)| names.split(", ").any(|name| name == named)).count();
            assert_eq!(told, 1, "{named}");
        }
    }
}
