//! Images that a run sees twice, in parts that should not know each other, and images that it has seen before.

use std::path::Path;

use super::settings::{Config, Selection};
use crate::data::content::{Album, FileContents};
use crate::data::duplicates::{Shared, repeated, shared};
use crate::data::patients::{in_both, told_apart};
use crate::data::{Dataset, Labels, Region, Split};

/// A part of a dataset as sentences name it, and its pictures, told apart by the bytes of their files: to decode them all a
/// second time would take as long as to check them. None where there is no such part.
fn album(dataset: &Path, split: Split, contents: &FileContents) -> Option<Album> {
    let part = Dataset::open_split(dataset, split, Labels::Ignored).ok()?;
    Some(Album::of_files(part.directory().display().to_string(), part.regions(), contents))
}

/// What is the same in the parts of the data of a run, a sentence each.
pub(super) fn overlaps(config: &Config, source: &Dataset, contents: &FileContents) -> Vec<String> {
    let train = Album::of_files(source.directory().display().to_string(), source.regions(), contents);
    let mut told: Vec<String> = repeated(&train).map(|found| found.sentence()).into_iter().collect();
    if config.select == Selection::Source {
        let (kept, held_out) = source.hold_out_every_tenth();
        let part = |regions: &[Region], place: &str| {
            let is_in = |name: &String| regions.binary_search_by(|region| region.name.cmp(name)).is_ok();
            let images = train.images.iter().filter(|(name, _)| is_in(name)).cloned().collect();
            Album { place: place.to_string(), images }
        };
        let found = shared(&part(kept.regions(), "trained on"), &part(held_out.regions(), "held out"));
        told.extend(found.map(|Shared { names, sizes: [_, of], .. }| {
            let count = names.len();
            format!("{count} of the {of} held-out regions are trained on under other names: they choose a checkpoint that knows them")
        }));
    }
    let test = album(&config.source, Split::Test, contents);
    let between = |first: &Album, second: Option<&Album>, so: &str| Some(shared(first, second?)?.sentence(so));
    told.extend(between(&train, test.as_ref(), "what is measured on them says nothing about new images"));
    if let Some(test) = &test {
        let both = in_both(train.names(), test.names());
        told.extend(told_apart(&both, [&train.place, &test.place]));
    }
    let Some(target) = &config.target else { return told };
    if is_same(&config.source, target) {
        told.push(format!(
            "source and target are the same dataset, `{}`: there is nothing to adapt to",
            target.display()
        ));
        return told;
    }
    let target_train = config.adapts().then(|| album(target, Split::Train, contents)).flatten();
    let target_test = album(target, Split::Test, contents);
    told.extend(between(&train, target_train.as_ref(), "source and target are to be of two cameras"));
    told.extend(between(&train, target_test.as_ref(), "what is measured on them says nothing about new images"));
    if let Some(target_train) = &target_train {
        told.extend(between(
            target_train,
            target_test.as_ref(),
            "the network has seen them, although not their labels",
        ));
    }
    told
}

fn is_same(a: &Path, b: &Path) -> bool {
    a == b || a.canonicalize().is_ok_and(|a| b.canonicalize().is_ok_and(|b| a == b))
}

/// How many of the images that are evaluated a run has seen before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// with their labels, in training
    pub trained_on: usize,
    /// as those that chose the best checkpoint
    pub chosen_by: usize,
    /// without their labels, in training
    pub adapted_to: usize,
    /// images
    pub of: usize,
}

impl Seen {
    /// A sentence for each way.
    pub fn sentences(&self) -> Vec<String> {
        let Seen { trained_on, chosen_by, adapted_to, of } = *self;
        let told = |count: usize, what: &str| (count > 0).then(|| format!("{count} of {of} images {what}"));
        let sentences = [
            told(trained_on, "were trained on by this network: figures over them say nothing about new images"),
            told(
                chosen_by,
                "were held out in its training and chose its best checkpoint: on new images it may do worse",
            ),
            told(adapted_to, "were seen by it in training, although not their labels"),
        ];
        sentences.into_iter().flatten().collect()
    }
}

/// Which of some images the run with these settings has seen, as far as its datasets still lie where they lay; by the bytes of
/// their files.
pub fn seen_in_training(config: &Config, images: &[Region]) -> Seen {
    let contents = FileContents::default();
    let asked = Album::of_files(String::new(), images, &contents);
    let mut seen = Seen { of: images.len(), ..Seen::default() };
    let count = |regions: &[Region]| {
        shared(&Album::of_files(String::new(), regions, &contents), &asked).map_or(0, |found| found.names.len())
    };
    // Weights that are no checkpoint of a run have no dataset, and an empty path would be this folder.
    let is_known = |dataset: &&Path| !dataset.as_os_str().is_empty();
    let open = |dataset: &Path, split| {
        Some(dataset).filter(is_known).and_then(|dataset| Dataset::open_split(dataset, split, Labels::Ignored).ok())
    };
    if let Some(source) = open(&config.source, Split::Train) {
        match config.select {
            Selection::Source => {
                let (kept, held_out) = source.hold_out_every_tenth();
                (seen.trained_on, seen.chosen_by) = (count(kept.regions()), count(held_out.regions()));
            }
            Selection::Target => seen.trained_on = count(source.regions()),
        }
    }
    if let Some(target) = &config.target {
        if let Some(train) = config.adapts().then(|| open(target, Split::Train)).flatten() {
            seen.adapted_to = count(train.regions());
        }
        if let Some(test) = (config.select == Selection::Target).then(|| open(target, Split::Test)).flatten() {
            seen.chosen_by = count(test.regions());
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::train::Method;

    /// Two datasets of images that are told apart by a byte each.
    fn datasets(parts: &[(&str, &[u8])]) -> tempfile::TempDir {
        let root = tempfile::tempdir().expect("a temporary folder");
        for (part, contents) in parts {
            let folder = root.path().join(part).join("ROIs/image");
            fs::create_dir_all(&folder).expect("a temporary folder can be written");
            for (index, content) in contents.iter().enumerate() {
                fs::write(folder.join(format!("r{index:02}.png")), [*content])
                    .expect("a temporary file can be written");
            }
        }
        root
    }

    fn settings(root: &tempfile::TempDir) -> Config {
        Config { target: Some(root.path().join("b")), method: Method::Clr, ..Config::new(root.path().join("a")) }
    }

    fn told(config: &Config) -> Vec<String> {
        let source = Dataset::open_split(&config.source, Split::Train, Labels::Ignored).expect("a dataset");
        overlaps(config, &source, &FileContents::default())
    }

    const SOURCE: [u8; 11] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];

    #[test]
    fn parts_that_know_each_other_are_named() {
        let apart = datasets(&[("a/train", &SOURCE), ("a/test", &[20]), ("b/train", &[30, 31]), ("b/test", &[40])]);
        assert_eq!(told(&settings(&apart)), Vec::<String>::new());

        let mixed = datasets(&[("a/train", &SOURCE), ("a/test", &SOURCE), ("b/train", &[30, 5]), ("b/test", &[30, 1])]);
        let sentences = told(&settings(&mixed));
        let expected =
            ["test` holds the same 11 images as `", "1 of 2 images of `", "1 of 2 images of `", "1 of 2 images of `"];
        assert_eq!(sentences.len(), expected.len(), "{sentences:#?}");
        for (sentence, words) in sentences.iter().zip(expected) {
            assert!(sentence.contains(words), "{sentence}");
        }
        assert!(
            sentences[1].ends_with("are to be of two cameras") && sentences[2].contains("(`r01`)"),
            "{sentences:#?}"
        );
        assert!(sentences[3].ends_with("although not their labels"), "{sentences:#?}");
    }

    #[test]
    fn the_same_dataset_twice_and_the_same_region_twice_are_said() {
        let mut source = SOURCE;
        source[9] = 3;
        let root = datasets(&[("a/train", &source)]);
        let config = Config { target: Some(root.path().join("a/../a")), ..settings(&root) };
        let sentences = told(&config);
        assert!(sentences[0].contains("1 picture is there more than once (`r02` = `r09`)"), "{sentences:#?}");
        assert!(sentences[1].starts_with("1 of the 1 held-out regions"), "{sentences:#?}");
        assert!(sentences[2].starts_with("source and target are the same dataset"), "{sentences:#?}");
    }

    #[test]
    fn patients_that_are_trained_and_tested_on_are_named() {
        let root = datasets(&[("a/train", &[1]), ("a/test", &[2])]);
        for (part, name) in [("train", "12_L"), ("test", "12_R")] {
            let image = |name: &str| root.path().join("a").join(part).join("ROIs/image").join(format!("{name}.png"));
            fs::rename(image("r00"), image(name)).expect("it can be renamed");
        }
        let sentences = told(&settings(&root));
        assert!(sentences.len() == 1 && sentences[0].contains("(`12_L` and `12_R`)"), "{sentences:#?}");
    }

    #[test]
    fn what_a_run_has_seen_is_counted() {
        let root =
            datasets(&[("a/train", &SOURCE), ("b/train", &[30, 31]), ("b/test", &[40]), ("c", &[1, 10, 31, 40, 50])]);
        let asked = Dataset::open(&root.path().join("c"), Labels::Ignored).expect("a split");
        let config = settings(&root);
        let seen = seen_in_training(&config, asked.regions());
        assert_eq!(seen, Seen { trained_on: 1, chosen_by: 1, adapted_to: 1, of: 5 });
        assert!(seen.sentences()[0].starts_with("1 of 5 images were trained on"), "{:?}", seen.sentences());
        let by_target = Config { select: Selection::Target, method: Method::SourceOnly, ..config };
        let seen = seen_in_training(&by_target, asked.regions());
        assert_eq!(seen, Seen { trained_on: 2, chosen_by: 1, adapted_to: 0, of: 5 });
        let elsewhere = Config::new(root.path().join("gone"));
        assert_eq!(seen_in_training(&elsewhere, asked.regions()).sentences(), Vec::<String>::new());
    }
}
