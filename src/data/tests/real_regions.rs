//! The published regions, where they are at hand.

use super::beside_the_repository;
use crate::data::{Dataset, Labels, RegionPixels, Split};

#[test]
fn published_regions_are_all_there_and_readable() {
    let Some(folder) = beside_the_repository("realdata") else { return };
    let sets = [
        ("refuge", Split::Train, 288),
        ("refuge", Split::Test, 33),
        ("Drishti-GS", Split::Train, 50),
        ("Drishti-GS", Split::Test, 51),
    ];
    for (name, split, count) in sets {
        let dataset = Dataset::open_split(&folder.join(name), split, Labels::Required).unwrap();
        assert_eq!(dataset.len(), count, "{name} {}", split.folder());
        assert_eq!(dataset.check().unwrap(), Vec::<String>::new());
        let region = RegionPixels::read(&dataset.regions()[count / 2]).unwrap();
        assert_eq!(region.image.dimensions(), (512, 512));
        let small = region.resized(128);
        assert!(small.summary().is_some_and(|mask| mask.has_cup && mask.has_disc));
        assert_eq!(small.bytes(), 128 * 128 * 4);
    }
}
