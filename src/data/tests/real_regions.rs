//! The published regions, where they are at hand.

use rayon::prelude::*;

use crate::data::disc_finder::is_whole_photograph;
use crate::data::mask::decode_mask;
use crate::data::{Dataset, Labels, RegionPixels, Split};
use crate::metrics::{BinaryMask, Doubt, doubts};

/// Regions that end within the disc.
const CUT_OFF: [(&str, &str); 2] = [("Drishti-GS", "gdrishtiGS_005"), ("Drishti-GS", "gdrishtiGS_032")];

#[test]
fn published_regions_are_all_there_and_readable() {
    let Some(folder) = harness::shared("realdata") else { return };
    let sets = [
        ("refuge", Split::Train, 288),
        ("refuge", Split::Test, 33),
        ("Drishti-GS", Split::Train, 50),
        ("Drishti-GS", Split::Test, 51),
        ("RIM-ONE-r3", Split::Train, 92),
        ("RIM-ONE-r3", Split::Test, 45),
    ];
    for (name, split, count) in sets {
        let dataset = Dataset::open_split(&folder.join(name), split, Labels::Required).unwrap();
        assert_eq!(dataset.len(), count, "{name} {}", split.folder());
        dataset.regions().par_iter().for_each(|region| {
            let pixels = RegionPixels::read(region).unwrap();
            assert_eq!(pixels.image.dimensions(), (512, 512), "{}", region.name);
            assert!(!is_whole_photograph(&pixels.image), "{}", region.name);
            let planes = decode_mask(pixels.mask.as_ref().unwrap().as_raw());
            let masks = [0, 1]
                .map(|plane| BinaryMask::above(&planes[plane * 512 * 512..][..512 * 512], 512, 512, 0.5).unwrap());
            let is_cut_off = CUT_OFF.contains(&(name, region.name.as_str()));
            let doubted = if is_cut_off { &[Doubt::DiscAtBorder][..] } else { &[] };
            assert_eq!(doubts(&masks, &masks), doubted, "{}", region.name);
            let small = pixels.resized(128);
            assert_eq!(small.bytes(), 128 * 128 * 4, "{}", region.name);
            assert!(small.summary().is_some_and(|mask| mask.has_cup && mask.has_disc), "{}", region.name);
        });
    }
}
