//! Batches: the same for any number of workers and after a resume, and errors instead of hangs.

use std::fs;
use std::sync::Arc;

use tempfile::TempDir;

use super::{mask_path, split_of};
use crate::data::colours::Colours;
use crate::data::loader::{Batch, Loader, LoaderOptions};
use crate::data::{Augment, DataError, Dataset, Labels, PhotometricCopy};
use crate::domain::Domain;

fn options() -> LoaderOptions {
    LoaderOptions {
        size: 48,
        batch: 3,
        seed: 7,
        domain: Domain::Source,
        workers: 2,
        colours: None,
        augment: Augment::Full,
        shuffle: true,
        labels: true,
        photometric_copy: PhotometricCopy::Consistency,
        cache_bytes: LoaderOptions::DEFAULT_CACHE_BYTES,
    }
}

fn loader(split: &TempDir, options: LoaderOptions) -> Loader {
    let dataset = Dataset::open(split.path(), Labels::Required).unwrap();
    Loader::new(Arc::new(dataset), options).unwrap()
}

fn batches(split: &TempDir, options: LoaderOptions, first: u64, count: usize) -> Vec<Batch> {
    loader(split, options).start(first).take(count).map(Result::unwrap).collect()
}

#[test]
fn workers_cache_and_resume_change_nothing() {
    let split = split_of(10, 64);
    let reference = batches(&split, LoaderOptions { workers: 1, ..options() }, 0, 8);
    assert_eq!(batches(&split, LoaderOptions { workers: 4, ..options() }, 0, 8), reference);
    assert_eq!(batches(&split, LoaderOptions { cache_bytes: 0, ..options() }, 0, 8), reference);
    let few = LoaderOptions { cache_bytes: 3 * 48 * 48 * 4, ..options() };
    assert_eq!(batches(&split, few, 0, 8), reference, "with room for three regions");
    for first in [1, 4, 5] {
        assert_eq!(batches(&split, options(), first, 8 - first as usize), reference[first as usize..]);
    }
}

#[test]
fn an_epoch_is_one_pass_in_a_new_order_without_the_rest() {
    let split = split_of(10, 32);
    let loader = loader(&split, options());
    assert_eq!(loader.batches_per_epoch(), 3);
    let got: Vec<Batch> = loader.start(0).take(9).map(Result::unwrap).collect();
    let numbers: Vec<_> = got.iter().map(|b| (b.number, b.epoch)).collect();
    assert_eq!(numbers, [(0, 0), (1, 0), (2, 0), (3, 1), (4, 1), (5, 1), (6, 2), (7, 2), (8, 2)]);
    let names = |epoch: usize| got[3 * epoch..][..3].iter().flat_map(|b| b.names.clone()).collect::<Vec<_>>();
    let mut sorted = names(0);
    sorted.sort();
    sorted.dedup();
    assert_eq!(sorted.len(), 9, "no region twice in an epoch");
    assert!(names(0) != names(1) && names(1) != names(2), "another order each time");
    assert_ne!(got[0].images, got[3].images);
}

#[test]
fn unshuffled_and_plain_batches_are_the_files_themselves() {
    let split = split_of(5, 48);
    let without_copies = LoaderOptions { photometric_copy: PhotometricCopy::None, ..options() };
    let plain = LoaderOptions { augment: Augment::None, shuffle: false, batch: 2, ..without_copies };
    let got = batches(&split, plain, 0, 3);
    assert_eq!(got.iter().map(|b| b.names.join(" ")).collect::<Vec<_>>(), ["r00 r01", "r02 r03", "r00 r01"]);
    assert_eq!(got[0].images, got[2].images, "epochs without augmentation are alike");
    let batch = &got[0];
    let plane = 48 * 48;
    assert_eq!(batch.images.len(), 2 * 3 * plane);
    assert_eq!((batch.masks.len(), batch.boundaries.len()), (2 * 2 * plane, 2 * plane));
    assert!(batch.images_augmented.is_empty());
    // Pixel (x 10, y 20) of region 1 is (30, 100, 20).
    let at = |channel: usize| batch.images[3 * plane + channel * plane + 20 * 48 + 10];
    for (channel, byte) in [30.0f32, 100.0, 20.0].into_iter().enumerate() {
        assert_eq!(at(channel), byte / 127.5 - 1.0);
    }
    // Cup and disc are the squares from 18 and from 12 on, and the boundary peaks along their outlines.
    let mask = |channel: usize, x: usize| batch.masks[channel * plane + 24 * 48 + x];
    assert_eq!([mask(0, 17), mask(0, 18), mask(1, 11), mask(1, 12)], [0.0, 1.0, 0.0, 1.0]);
    let boundary = |x: usize| batch.boundaries[24 * 48 + x];
    assert!(boundary(12) > 0.9 && boundary(2) == 0.0 && boundary(24) < 0.1);
}

#[test]
fn augmented_values_stay_in_range() {
    let split = split_of(6, 64);
    let strong = LoaderOptions { augment: Augment::Strong, ..options() };
    for batch in [batches(&split, options(), 0, 20), batches(&split, strong, 0, 20)].concat() {
        assert!(batch.images.iter().chain(&batch.images_augmented).all(|v| (-1.0..=1.0).contains(v)));
        assert!(batch.masks.iter().all(|v| *v == 0.0 || *v == 1.0));
        assert!(batch.boundaries.iter().all(|v| (0.0..=1.0).contains(v)));
        let plane = 48 * 48;
        for sample in batch.masks.chunks_exact(2 * plane) {
            assert!((0..plane).all(|i| sample[i] <= sample[plane + i]), "the disc contains the cup");
        }
    }
}

#[test]
fn images_are_brought_to_colours_before_they_are_augmented() {
    let split = split_of(4, 48);
    let wanted: Colours = "0.1 -0.2 -0.4 0.3 0.2 0.1".parse().unwrap();
    let plain = LoaderOptions { augment: Augment::None, batch: 4, ..options() };
    let brought = LoaderOptions { colours: Some(wanted), ..plain.clone() };
    let (plain, brought_batches) = (batches(&split, plain, 0, 1).remove(0), batches(&split, brought.clone(), 0, 2));
    assert_eq!((&plain.masks, &plain.names), (&brought_batches[0].masks, &brought_batches[0].names));
    let images = |batch: &Batch| batch.images.chunks_exact(3 * 48 * 48).map(<[f32]>::to_vec).collect::<Vec<_>>();
    for (mut image, brought) in images(&plain).into_iter().zip(images(&brought_batches[0])) {
        wanted.bring(&mut image);
        let apart = image.iter().zip(&brought).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(apart < 0.51 / 127.5, "by more than rounding: {apart}");
    }
    let without_cache = LoaderOptions { cache_bytes: 0, ..brought.clone() };
    assert_eq!(batches(&split, without_cache, 0, 2), brought_batches);
    // What is moved alone keeps to the range of values.
    let strong = LoaderOptions { augment: Augment::Strong, ..brought };
    let moved = batches(&split, LoaderOptions { photometric_copy: PhotometricCopy::Strong, ..strong }, 0, 1).remove(0);
    for (image, seen) in images(&brought_batches[0]).iter().zip(images(&moved)) {
        let (low, high) = image[..48 * 48].iter().fold((1.0f32, -1.0f32), |(a, b), v| (a.min(*v), b.max(*v)));
        assert!(seen[..48 * 48].iter().all(|v| (low - 0.01..=high + 0.01).contains(v)), "moved after it was brought");
    }
}

#[test]
fn domains_and_seeds_draw_different_numbers() {
    let split = split_of(6, 48);
    let first = |options: LoaderOptions| batches(&split, options, 0, 1).remove(0);
    let reference = first(options());
    let target = first(LoaderOptions { domain: Domain::Target, ..options() });
    let other_seed = first(LoaderOptions { seed: 8, ..options() });
    assert!(reference.images != target.images && reference.images != other_seed.images);
}

#[test]
fn what_is_moved_and_how_it_looks_are_apart_where_a_strong_copy_is_asked_for() {
    let split = split_of(6, 64);
    let with = |augment, photometric_copy| {
        let options = LoaderOptions { augment, photometric_copy, ..options() };
        let got = batches(&split, options.clone(), 0, 3);
        assert_eq!(batches(&split, LoaderOptions { workers: 1, ..options }, 1, 2), got[1..]);
        got
    };
    let (none, consistency, strong) = (PhotometricCopy::None, PhotometricCopy::Consistency, PhotometricCopy::Strong);
    let apart = with(Augment::Strong, strong);
    for (apart, at_once) in apart.iter().zip(with(Augment::Strong, none)) {
        assert_eq!(apart.images_augmented, at_once.images, "what a network learns from without copies");
        assert_eq!((&apart.masks, &apart.boundaries), (&at_once.masks, &at_once.boundaries));
        assert_ne!(apart.images, at_once.images);
        assert!(at_once.images_augmented.is_empty());
    }
    assert_eq!(with(Augment::Strong, consistency)[0].images, apart[0].images_augmented);
    for augment in [Augment::Full, Augment::Light, Augment::None] {
        let [plain, copied, otherwise] = [none, strong, consistency].map(|copy| with(augment, copy).remove(0));
        assert!(plain.images == copied.images && plain.images == otherwise.images, "{augment:?}");
        assert!(copied.images_augmented != copied.images && copied.images_augmented != otherwise.images_augmented);
    }
}

#[test]
fn unlabelled_batches_have_the_same_images_and_no_masks() {
    let split = split_of(6, 48);
    let augmentations = [Augment::Full, Augment::Strong];
    let labelled = augmentations.map(|augment| batches(&split, LoaderOptions { augment, ..options() }, 0, 3));
    fs::write(mask_path(&split, "r00.png"), "not read").unwrap();
    for (augment, labelled) in augmentations.into_iter().zip(labelled) {
        let unlabelled = batches(&split, LoaderOptions { augment, labels: false, ..options() }, 0, 3);
        for (with, without) in labelled.iter().zip(&unlabelled) {
            assert_eq!((&with.images, &with.images_augmented), (&without.images, &without.images_augmented));
            assert!(without.masks.is_empty() && without.boundaries.is_empty());
        }
    }
}

#[test]
fn impossible_options_are_refused() {
    let split = split_of(3, 32);
    let refuse = |labels, options| {
        let dataset = Arc::new(Dataset::open(split.path(), labels).unwrap());
        Loader::new(dataset, options).unwrap_err().to_string()
    };
    let text = refuse(Labels::Required, LoaderOptions { batch: 4, ..options() });
    assert!(text.contains("3 regions") && text.contains("batch of 4"), "{text}");
    assert!(refuse(Labels::Required, LoaderOptions { batch: 0, ..options() }).contains("batch"));
    assert!(refuse(Labels::Required, LoaderOptions { size: 8, ..options() }).contains("size is 8"));
    assert!(refuse(Labels::Ignored, options()).contains("r00.png"));
}

#[test]
fn a_file_that_breaks_during_a_run_is_an_error_of_its_batch() {
    let split = split_of(4, 32);
    let loader = loader(&split, LoaderOptions { batch: 2, shuffle: false, ..options() });
    fs::write(mask_path(&split, "r02.png"), "damaged").unwrap();
    let mut stream = loader.start(0);
    assert!(stream.next().unwrap().is_ok());
    let error = stream.next().unwrap().unwrap_err();
    assert!(matches!(error, DataError::Decode { .. }) && error.to_string().contains("r02.png"), "{error}");
    assert!(stream.next().unwrap().is_ok(), "the next epoch's first batch is whole");
}
