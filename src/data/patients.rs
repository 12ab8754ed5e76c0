//! Which images are of one patient, by their names: those that differ by the mark of an eye alone, as `12_L` and `12_R`; and
//! which eye a name says.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::names::{counted, several};
use super::words::words;
use crate::metrics::Eye;

/// Words for an eye in names: left and right in English, Latin, Spanish, Portuguese, French and German; one is for both.
const EYES: [(&str, Option<Eye>); 13] = [
    ("l", Some(Eye::Left)),
    ("r", Some(Eye::Right)),
    ("left", Some(Eye::Left)),
    ("right", Some(Eye::Right)),
    ("od", Some(Eye::Right)),
    ("os", Some(Eye::Left)),
    ("le", Some(Eye::Left)),
    ("re", Some(Eye::Right)),
    ("oi", Some(Eye::Left)),
    ("oe", Some(Eye::Left)),
    ("og", Some(Eye::Left)),
    ("li", Some(Eye::Left)),
    ("ou", None),
];

/// What a name says about an eye.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EyeInName {
    /// whether a word for an eye is in it
    pub is_named: bool,
    /// the eye, unless the words are of both
    pub eye: Option<Eye>,
}

/// Which eye a name says. A letter before a number counts something else (`r1_12`, of a first release).
pub fn eye_of(name: &str) -> EyeInName {
    let runs = name.split(|letter: char| !letter.is_alphanumeric());
    let mut found = runs.flat_map(|run| {
        let words = words(run);
        let last = words.len().saturating_sub(1);
        let stands = move |(place, word): &(usize, String)| word.len() > 1 || *place == last;
        words
            .into_iter()
            .enumerate()
            .filter(stands)
            .filter_map(|(_, word)| Some(EYES.iter().find(|(eye, _)| *eye == word)?.1))
    });
    match found.next() {
        None => EyeInName { is_named: false, eye: None },
        Some(first) => EyeInName { is_named: true, eye: first.filter(|eye| found.all(|other| other == Some(*eye))) },
    }
}

/// What the names of one patient's images have in common: their words, without which eye it is.
fn patient(name: &str) -> Vec<String> {
    let is_eye = |word: &str| EYES.iter().any(|(eye, _)| *eye == word);
    let unmarked = |word: String| if is_eye(&word) { String::new() } else { word };
    words(name).into_iter().map(unmarked).collect()
}

/// Of names in their order, which are chosen so that it is every `n`-th, and none or all of a patient's: without marks of eyes
/// the n-th, the 2n-th and so on; with 0 none. A patient is chosen when so many have gone by that one more is due.
pub fn every_nth<'a>(names: impl IntoIterator<Item = &'a str>, n: usize) -> Vec<bool> {
    let patients: Vec<Vec<String>> = names.into_iter().map(patient).collect();
    let mut places: HashMap<&[String], Vec<usize>> = HashMap::new();
    for (place, patient) in patients.iter().enumerate() {
        places.entry(patient).or_default().push(place);
    }
    let mut chosen = vec![false; patients.len()];
    let (mut gone_by, mut count) = (0, 0);
    for (first, patient) in patients.iter().enumerate() {
        let of_patient = &places[patient.as_slice()];
        if of_patient[0] != first || n == 0 {
            continue;
        }
        gone_by += of_patient.len();
        if gone_by / n > count {
            of_patient.iter().for_each(|place| chosen[*place] = true);
            count += of_patient.len();
        }
    }
    chosen
}

/// Whether there are two images of a patient among these.
pub fn has_pairs<'a>(names: impl IntoIterator<Item = &'a str>) -> bool {
    let mut seen = BTreeSet::new();
    !names.into_iter().all(|name| seen.insert(patient(name)))
}

/// Patients of whom one part holds an eye and the other another, by an image of each. Where both hold the same name, names
/// are counted anew in each part and say nothing.
pub fn in_both<'a>(
    first: impl IntoIterator<Item = &'a str>,
    second: impl IntoIterator<Item = &'a str>,
) -> Vec<[String; 2]> {
    let by_patient = |names: &mut dyn Iterator<Item = &'a str>| {
        let mut patients: BTreeMap<Vec<String>, BTreeSet<&str>> = BTreeMap::new();
        names.for_each(|name| _ = patients.entry(patient(name)).or_default().insert(name));
        patients
    };
    let (first, second) = (by_patient(&mut first.into_iter()), by_patient(&mut second.into_iter()));
    let both = first.iter().filter_map(|(patient, names)| Some((names, second.get(patient)?)));
    let apart = both.filter(|(a, b)| a.is_disjoint(b));
    apart.filter_map(|(a, b)| Some([a.first()?, b.first()?].map(|name| (*name).to_string()))).collect()
}

/// A sentence about patients that are [in two parts](in_both), which are named.
pub fn told_apart(patients: &[[String; 2]], [first, second]: [&str; 2]) -> Option<String> {
    let names: Vec<String> = patients.iter().map(|names| names.join("` and `")).collect();
    let (count, told) = (counted(patients.len(), "patient"), several(&names));
    let is = if patients.len() == 1 { "is" } else { "are" };
    (!patients.is_empty()).then(|| {
        format!(
            "{count} {is} in both `{first}` and `{second}`, by names that differ by an eye alone ({told}): the eyes of a patient are \
             alike, and what is measured on the second says too little about new patients"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(names: &[&str], n: usize) -> Vec<String> {
        let chosen = every_nth(names.iter().copied(), n);
        names.iter().zip(chosen).filter(|(_, chosen)| *chosen).map(|(name, _)| (*name).to_string()).collect()
    }

    #[test]
    fn words_of_names_say_which_eye_it_is() {
        let named = |eye| EyeInName { is_named: true, eye };
        for (name, eye) in [
            ("12_L", named(Some(Eye::Left))),
            ("12R", named(Some(Eye::Right))),
            ("OD 7", named(Some(Eye::Right))),
            ("p001-os-macula", named(Some(Eye::Left))),
            ("imageRight", named(Some(Eye::Right))),
            ("OD_right_3", named(Some(Eye::Right))),
            ("OD_and_OS", named(None)),
            ("OU", named(None)),
            ("r1_Im012", EyeInName { is_named: false, eye: None }),
            ("bright", EyeInName { is_named: false, eye: None }),
            ("g0001", EyeInName { is_named: false, eye: None }),
            ("", EyeInName { is_named: false, eye: None }),
        ] {
            assert_eq!(eye_of(name), eye, "{name}");
        }
    }

    #[test]
    fn without_marks_of_eyes_it_is_the_nth_and_with_them_a_whole_patient() {
        let plain: Vec<String> = (0..23).map(|i| format!("r1_Im{i:02}")).collect();
        let plain: Vec<&str> = plain.iter().map(String::as_str).collect();
        assert_eq!(chosen(&plain, 10), ["r1_Im09", "r1_Im19"]);
        assert_eq!((chosen(&plain, 0).len(), chosen(&plain, 1).len()), (0, 23));
        // A fifth of all, whichever way the names are sorted, and of a few patients one.
        for (left, right) in [("{}_L", "{}_R"), ("OD{}", "OS{}"), ("left {}", "right {}"), ("{}-re", "{}-li")] {
            let name = |pattern: &str, i: usize| pattern.replace("{}", &format!("{i:02}"));
            let mut names: Vec<String> = (0..20).flat_map(|i| [name(left, i), name(right, i)]).collect();
            names.sort();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let test = chosen(&names, 5);
            assert_eq!(test.len(), 8, "{test:?}");
            let is_test = |name: &String| test.contains(name);
            assert!((0..20).all(|i| is_test(&name(left, i)) == is_test(&name(right, i))), "{test:?}");
        }
        assert_eq!(chosen(&["a_L", "a_R", "b_L", "c_L", "c_R"], 5), ["c_L", "c_R"]);
    }

    #[test]
    fn patients_of_two_parts_are_found() {
        assert!(
            has_pairs(["p1_L", "p2_L", "p1_R"]) && !has_pairs(["p1_L", "p2_R", "l", "p1"]) && !has_pairs(["1", "12"])
        );
        let both = in_both(["p1_L", "p2_L", "p3"], ["p1_R", "p3", "p4_R"]);
        assert_eq!(both, [["p1_L".to_string(), "p1_R".to_string()]]);
        let told = told_apart(&both, ["train", "test"]).expect("there is one");
        assert!(
            told.starts_with("1 patient is in both `train` and `test`, ") && told.contains("(`p1_L` and `p1_R`)"),
            "{told}"
        );
        assert_eq!(told_apart(&[], ["train", "test"]), None);
        assert!(in_both(["1_L", "1_R"], ["1_L"]).is_empty(), "counted anew in each part");
    }
}
