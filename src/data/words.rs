//! What the words in names of files and folders mean.

use super::structure::Structure;

/// Words of a name in lower case: runs of letters, divided before capitals, and runs of digits.
pub(super) fn words(name: &str) -> Vec<String> {
    let letters: Vec<char> = name.chars().collect();
    let mut words: Vec<String> = Vec::new();
    let mut open = false;
    for (i, letter) in letters.iter().enumerate() {
        if !letter.is_alphanumeric() {
            open = false;
            continue;
        }
        let begins = i == 0 || {
            let (before, after) = (letters[i - 1], letters.get(i + 1));
            let capital = letter.is_uppercase() && (before.is_lowercase() || after.is_some_and(|a| a.is_lowercase()));
            capital || before.is_numeric() != letter.is_numeric()
        };
        if begins || !open {
            words.push(String::new());
        }
        open = true;
        words.last_mut().expect("the first letter begins one").extend(letter.to_lowercase());
    }
    words
}

/// Whether a word is for photographs.
pub(super) fn is_image(word: &str) -> bool {
    const WORDS: [&str; 15] = [
        "image",
        "images",
        "img",
        "imgs",
        "photo",
        "photos",
        "photograph",
        "photographs",
        "fundus",
        "picture",
        "pictures",
        "rgb",
        "cfp",
        "original",
        "originals",
    ];
    WORDS.contains(&word)
}

/// Whether a word is for annotations.
pub(super) fn is_mask(word: &str) -> bool {
    const WORDS: [&str; 18] = [
        "mask",
        "masks",
        "label",
        "labels",
        "lbl",
        "lbls",
        "gt",
        "gts",
        "truth",
        "truths",
        "groundtruth",
        "groundtruths",
        "seg",
        "segs",
        "segmentation",
        "segmentations",
        "contour",
        "contours",
    ];
    WORDS.contains(&word) || word.starts_with("annot") || word.starts_with("anot") || word.starts_with("manual")
}

/// The structure that words say is shown, both where they name both.
pub(super) fn structure<'a>(words: impl IntoIterator<Item = &'a str> + Clone) -> Option<Structure> {
    let has = |names: &[&str]| words.clone().into_iter().any(|word| names.contains(&word));
    let disc = has(&["disc", "discs", "disk", "disks", "od", "opticdisc", "opticdisk"]);
    let cup = has(&["cup", "cups", "oc", "opticcup"]);
    match (disc, cup) {
        (true, true) => Some(Structure::Both),
        (true, false) => Some(Structure::Disc),
        (false, true) => Some(Structure::Cup),
        (false, false) => None,
    }
}

/// A part of a data set that a folder may be called after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    Training,
    Validation,
    Test,
}

/// The part that words name.
pub(super) fn part<'a>(words: impl IntoIterator<Item = &'a str>) -> Option<Part> {
    words.into_iter().find_map(|word| match word {
        "train" | "training" | "tr" => Some(Part::Training),
        "val" | "valid" | "validation" | "dev" => Some(Part::Validation),
        "test" | "testing" | "ts" => Some(Part::Test),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_divided_where_a_reader_would() {
        for (name, want) in [
            ("imagesTr", vec!["images", "tr"]),
            ("1. Original Images", vec!["1", "original", "images"]),
            ("Disc_Cup_Masks", vec!["disc", "cup", "masks"]),
            ("ODMask12", vec!["od", "mask", "12"]),
            ("NAME-1-Disc-T", vec!["name", "1", "disc", "t"]),
            ("截图é1", vec!["截图é", "1"]),
            ("", vec![]),
        ] {
            assert_eq!(words(name), want, "{name}");
        }
    }

    #[test]
    fn words_say_what_is_shown_and_which_part_it_is() {
        let of = |name: &str| structure(words(name).iter().map(String::as_str));
        assert_eq!(of("Disc_Cup_Masks"), Some(Structure::Both));
        assert_eq!((of("masks_disc"), of("OC"), of("discovery")), (Some(Structure::Disc), Some(Structure::Cup), None));
        let of = |name: &str| part(words(name).iter().map(String::as_str));
        assert_eq!(
            [of("a. Training Set"), of("VAL"), of("testing"), of("Trains")],
            [Some(Part::Training), Some(Part::Validation), Some(Part::Test), None]
        );
    }
}
