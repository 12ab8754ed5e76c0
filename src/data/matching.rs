//! Which mask belongs to which image, by their names.
//!
//! Equal names first, then without regard to case; then what stands before and after them in the names of masks is taken
//! off, the same for all: `a_mask` of `a`, `a` of `a_0000`, `anotExpert1_001` of `image_001`. An image's name loses only
//! what says that it is an image, since `G-1-L` and `N-1-L` are two patients. Of all such affixes those win that bring the
//! most masks to an image each. Where two do equally well, and not with the same masks, neither is taken, unless they
//! differ by a number only, as those of two experts: then the first.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use unicode_normalization::UnicodeNormalization;

use super::structure::Structure;
use super::words::{is_image, is_mask, structure, words};

/// A mask of an image, by their places in two lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Match {
    pub image: usize,
    pub mask: usize,
    pub structure: Structure,
}

/// What is taken off names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
struct Affixes {
    before: String,
    after: String,
}

/// What is taken off the names of images, and off those of masks.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
struct Rule {
    image: Affixes,
    mask: Affixes,
}

impl Affixes {
    fn words(&self) -> Vec<String> {
        [words(&self.before), words(&self.after)].concat()
    }

    fn len(&self) -> usize {
        self.before.chars().count() + self.after.chars().count()
    }
}

impl Rule {
    fn structure(&self) -> Structure {
        structure(self.mask.words().iter().map(String::as_str)).unwrap_or(Structure::Both)
    }

    /// What is taken off masks, without numbers.
    fn unnumbered(&self) -> Vec<String> {
        self.mask.words().into_iter().filter(|word| !is_number(word)).collect()
    }

    /// Whether nothing is taken off masks but what says that they are masks, and numbers them.
    fn is_plain(&self) -> bool {
        let tells = |word: &String| is_mask(word) || is_person(word) || structure([word.as_str()]).is_some();
        let counts =
            |word: &String| is_number(word) || ["t", "exp", "expert", "avg", "average"].contains(&word.as_str());
        let words = self.mask.words();
        words.is_empty() || words.iter().any(tells) && words.iter().all(|word| tells(word) || counts(word))
    }
}

/// Whether a word is for those who draw masks.
fn is_person(word: &str) -> bool {
    ["expert", "rater", "reader", "observer", "grader", "annotator"].contains(&word.trim_end_matches('s'))
}

fn is_number(word: &str) -> bool {
    word.chars().all(char::is_numeric)
}

/// What belongs together.
#[derive(Debug, Default)]
pub(super) struct Matching {
    /// at most one mask of each structure for an image
    pub matches: Vec<Match>,
    /// places of further masks of images that have one
    pub others: BTreeSet<usize>,
}

/// Pairs masks with images; `shows` is what all of these masks show, where that is known.
pub(super) fn matched(images: &[String], masks: &[String], shows: Option<Structure>) -> Matching {
    let mut found: Vec<Match> = Vec::new();
    // Equal names are not taken apart any further, whatever is in them.
    let place: HashMap<&String, usize> = images.iter().zip(0..).collect();
    for (mask, name) in masks.iter().enumerate() {
        let equal =
            place.get(name).map(|image| Match { image: *image, mask, structure: shows.unwrap_or(Structure::Both) });
        found.extend(equal);
    }
    if found.len() == masks.len() {
        return Matching { matches: found, others: BTreeSet::new() };
    }
    let candidates = candidates(images, masks);
    let alone = images.len() == 1 && masks.len() == 1;
    while let Some(best) = best(&candidates, &found, shows, alone) {
        found.extend(best);
    }
    found.sort();
    let used: BTreeSet<usize> = found.iter().map(|m| m.mask).collect();
    let has_one: BTreeSet<usize> = found.iter().map(|m| m.image).collect();
    let likely =
        candidates.iter().filter(|(rule, pairs)| pairs.len() > 1 || rule.is_plain()).flat_map(|(_, pairs)| pairs);
    let others =
        likely.filter(|(image, mask)| has_one.contains(image) && !used.contains(mask)).map(|pair| pair.1).collect();
    Matching { matches: found, others }
}

/// Pairs that each rule makes. A name without regard to case is a rule that takes nothing off.
fn candidates(images: &[String], masks: &[String]) -> BTreeMap<Rule, Vec<(usize, usize)>> {
    let mut cores: HashMap<String, Vec<(Affixes, usize)>> = HashMap::new();
    for (image, name) in images.iter().enumerate() {
        for (affixes, core) in image_cores(&pieces(name)) {
            cores.entry(core).or_default().push((affixes, image));
        }
    }
    let mut rules: BTreeMap<Rule, Vec<(usize, usize)>> = BTreeMap::new();
    for (mask, name) in masks.iter().enumerate() {
        let pieces = pieces(name);
        for start in 0..pieces.len() {
            for end in start + 1..=pieces.len() {
                let Some(images) = cores.get(&pieces[start..end].concat()) else { continue };
                let affixes = Affixes { before: pieces[..start].concat(), after: pieces[end..].concat() };
                for (image_affixes, image) in images {
                    let rule = Rule { image: image_affixes.clone(), mask: affixes.clone() };
                    rules.entry(rule).or_default().push((*image, mask));
                }
            }
        }
    }
    rules
}

/// The pairs of the best rule among images and masks that are still free; `None` where no rule makes any, or it is unclear
/// which is the best.
fn best(
    candidates: &BTreeMap<Rule, Vec<(usize, usize)>>,
    found: &[Match],
    shows: Option<Structure>,
    alone: bool,
) -> Option<Vec<Match>> {
    let masks: BTreeSet<usize> = found.iter().map(|m| m.mask).collect();
    let taken: BTreeSet<(usize, Structure)> = found.iter().map(|m| (m.image, m.structure)).collect();
    let free = |image: usize, structure: Structure| match structure {
        Structure::Both => {
            [Structure::Both, Structure::Disc, Structure::Cup].iter().all(|s| !taken.contains(&(image, *s)))
        }
        _ => !taken.contains(&(image, Structure::Both)) && !taken.contains(&(image, structure)),
    };
    let mut ranked: Vec<((usize, usize), &Rule, Vec<Match>)> = Vec::new();
    for (rule, pairs) in candidates {
        let structure = shows.unwrap_or_else(|| rule.structure());
        let open = |(image, mask): &&(usize, usize)| !masks.contains(mask) && free(*image, structure);
        let open: Vec<(usize, usize)> = pairs.iter().filter(open).copied().collect();
        let mut uses: HashMap<(bool, usize), u32> = HashMap::new();
        open.iter().flat_map(|p| [(false, p.0), (true, p.1)]).for_each(|place| *uses.entry(place).or_default() += 1);
        let single = |p: &&(usize, usize)| uses[&(false, p.0)] == 1 && uses[&(true, p.1)] == 1;
        let matches: Vec<Match> =
            open.iter().filter(single).map(|&(image, mask)| Match { image, mask, structure }).collect();
        // What a single pair has in common may be chance.
        let is_sure = matches.len() > 1 || alone || rule.is_plain();
        if !matches.is_empty() && is_sure {
            ranked.push(((usize::MAX - matches.len(), rule.image.len() + rule.mask.len()), rule, matches));
        }
    }
    ranked.sort();
    let (rank, rule, first) = ranked.first()?;
    let contradicts = |other: &Vec<Match>| {
        let same = |o: &Match, f: &Match| f.image == o.image && f.structure == o.structure;
        other.iter().any(|o| first.iter().any(|f| same(o, f) != (f.mask == o.mask)))
    };
    // Experts are numbered; what one rule takes for an expert's number must not be the image's for another.
    let is_further = |other: &Rule, matches: &Vec<Match>| {
        other.unnumbered() == rule.unnumbered() && !matches.iter().any(|o| first.iter().any(|f| f.mask == o.mask))
    };
    let equals = ranked.iter().skip(1).take_while(|(other, ..)| other == rank);
    let unclear =
        equals.filter(|(_, other, matches)| !is_further(other, matches)).any(|(.., other)| contradicts(other));
    (!unclear).then(|| first.clone())
}

/// A name in lower case in pieces: runs of letters, runs of digits, and what stands between. A letter with its accent is one
/// letter, however a system writes it: macOS takes them apart.
fn pieces(name: &str) -> Vec<String> {
    let kind = |letter: char| (letter.is_alphabetic(), letter.is_numeric());
    let mut pieces: Vec<String> = Vec::new();
    let mut before = None;
    for letter in name.nfc() {
        if before != Some(kind(letter)) {
            pieces.push(String::new());
        }
        before = Some(kind(letter));
        pieces.last_mut().expect("the first letter begins one").extend(letter.to_lowercase());
    }
    pieces
}

/// What an image may be called without what says that it is an image: the word, and what stands between it and the rest;
/// nnU-Net's number of the channel.
fn image_cores(pieces: &[String]) -> Vec<(Affixes, String)> {
    let is_between = |piece: &String| !piece.chars().any(char::is_alphanumeric);
    let first = usize::from(pieces.first().is_some_and(|piece| is_image(piece)));
    let start = first + usize::from(first == 1 && pieces.get(1).is_some_and(is_between));
    let is_last = |piece: &String| is_image(piece) || piece == "0000";
    let mut end = pieces.len() - usize::from(pieces.last().is_some_and(is_last));
    if end < pieces.len() && end > 0 && is_between(&pieces[end - 1]) {
        end -= 1;
    }
    let ranges = BTreeSet::from([(0, pieces.len()), (start, pieces.len()), (0, end), (start, end)]);
    let wanted = ranges
        .into_iter()
        .filter(|(start, end)| start < end && pieces[*start..*end].iter().any(|piece| !is_between(piece)));
    wanted
        .map(|(start, end)| {
            let affixes = Affixes { before: pieces[..start].concat(), after: pieces[end..].concat() };
            (affixes, pieces[start..end].concat())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|name| (*name).to_string()).collect()
    }

    /// `image=mask`, with what the mask shows where it isn't both.
    fn told(images: &[&str], masks: &[&str]) -> Vec<String> {
        let found = matched(&names(images), &names(masks), None).matches;
        let one = |m: &Match| {
            let shown = if m.structure == Structure::Both { String::new() } else { format!(" {:?}", m.structure) };
            format!("{}={}{shown}", images[m.image], masks[m.mask])
        };
        found.iter().map(one).collect()
    }

    #[test]
    fn affixes_of_any_kind_are_taken_off() {
        for (images, masks) in [
            (["a", "b"], ["a", "b"]),
            (["A", "b"], ["a", "B"]),
            (["a", "b"], ["a_mask", "b_mask"]),
            (["a", "b"], ["mask_a", "mask_b"]),
            (["a", "b"], ["a_seg", "b_seg"]),
            (["a", "b"], ["A-GT", "B-GT"]),
            (["a", "b"], ["a.label", "b.label"]),
            (["a_0000", "b_0000"], ["a", "b"]),
            (["image_001", "image_002"], ["anotExpert1_001", "anotExpert1_002"]),
            (["Image12", "Image13"], ["Label12", "Label13"]),
            (["12_image", "13_image"], ["12_mask", "13_mask"]),
            (["1", "12"], ["1_1", "12_1"]),
            (["截图1", "é2"], ["截图1_mask", "é2_mask"]),
            (["p1_OD", "p1_OS"], ["p1_OD_mask", "p1_OS_mask"]),
            (["p1_OD", "p1_OS"], ["p1_OD", "p1_OS"]),
            (["M\u{fc}ller", "J\u{fc}rg"], ["Mu\u{308}ller", "Ju\u{308}rg"]),
            (["Mu\u{308}ller", "anna"], ["M\u{fc}ller_mask", "anna_mask"]),
            (["x", "y"], ["case of clinic 7 x final", "case of clinic 7 y final"]),
        ] {
            let want: Vec<String> = images.iter().zip(masks).map(|(image, mask)| format!("{image}={mask}")).collect();
            assert_eq!(told(&images, &masks), want);
        }
    }

    #[test]
    fn affixes_say_which_structure_is_shown() {
        assert_eq!(
            told(&["IDRiD_01", "IDRiD_02"], &["IDRiD_01_OD", "IDRiD_02_OD"]),
            ["IDRiD_01=IDRiD_01_OD Disc", "IDRiD_02=IDRiD_02_OD Disc"]
        );
        let masks = ["N-1-L-1-Cup-T", "N-1-L-1-Disc-T", "N-2-R-1-Cup-T", "N-2-R-1-Disc-T"];
        assert_eq!(
            told(&["N-1-L", "N-2-R"], &masks),
            [
                "N-1-L=N-1-L-1-Cup-T Cup",
                "N-1-L=N-1-L-1-Disc-T Disc",
                "N-2-R=N-2-R-1-Cup-T Cup",
                "N-2-R=N-2-R-1-Disc-T Disc"
            ]
        );
    }

    #[test]
    fn of_several_experts_the_first_is_taken_and_the_others_are_told() {
        let images = names(&["image_001", "image_002"]);
        let masks = names(&["anotExpert1_001", "anotExpert1_002", "anotExpert2_001", "anotExpert2_002", "notes"]);
        let Matching { matches, others } = matched(&images, &masks, None);
        assert_eq!(matches.iter().map(|m| (m.image, m.mask)).collect::<Vec<_>>(), [(0, 0), (1, 1)]);
        assert_eq!(others, BTreeSet::from([2, 3]));
        let masks = ["N-1-L-1-Disc-exp1", "N-1-L-1-Disc-exp2", "N-1-L-1-Cup-exp1", "N-1-L-1-Cup-exp2"];
        assert_eq!(told(&["a"], &["a_expert1", "a_expert2"]), ["a=a_expert1"]);
        assert_eq!(told(&["N-1-L"], &masks), ["N-1-L=N-1-L-1-Disc-exp1 Disc", "N-1-L=N-1-L-1-Cup-exp1 Cup"]);
    }

    #[test]
    fn what_is_another_patients_or_unclear_stays_apart() {
        let nothing = Vec::<String>::new();
        assert_eq!(told(&["G-1-L", "G-2-L"], &["N-1-L", "N-2-L"]), nothing);
        assert_eq!(told(&["a", "b"], &["a_x", "a_y", "b_x", "b_y"]), nothing, "two sets that do equally well");
        assert_eq!(
            told(&["image_1", "image_2"], &["expert1_1", "expert1_2", "expert2_1", "expert2_2"]),
            nothing,
            "which number?"
        );
        assert_eq!(told(&["a", "b"], &["a_mask", "c_mask"]), ["a=a_mask"], "the rest is left");
        assert_eq!(told(&["a1", "b1"], &["a12", "b11"]), nothing, "numbers are not taken apart");
        assert_eq!(told(&["a", "b", "c"], &["a", "b_mask", "c_label"]), ["a=a", "b=b_mask", "c=c_label"]);
        assert_eq!(told(&[], &["a"]), nothing);
        assert_eq!(told(&["1", "2"], &["1", "1_2"]), ["1=1"], "an equal name is its own, and a chance is none");
    }
}
