//! A split looked through before it is trained on.

use std::fs;

use image::{GrayImage, Luma, Rgb, RgbImage};

use super::{image_path, mask_path, split_of, square_mask};
use crate::data::checkup::Checkup;
use crate::data::duplicates::{repeated, shared};

#[test]
fn a_split_is_counted_and_what_is_odd_about_it_is_said() {
    let split = split_of(11, 40);
    let clean = Checkup::of(split.path()).unwrap();
    assert_eq!((clean.regions, clean.masks, clean.sizes[&(40, 40)]), (11, 11, 11));
    assert_eq!((clean.held_out, clean.warnings), (vec!["r09".to_string()], vec![]));
    assert!(clean.errors.is_empty() && clean.other_levels.is_empty() && repeated(&clean.album).is_none());
    let [cup, rim, background] = clean.areas.unwrap();
    assert!((cup - 0.0625).abs() < 1e-9 && (cup + rim - 0.25).abs() < 1e-9 && (background - 0.75).abs() < 1e-9);

    // Another size, no cup, another level, no mask, no disc, a mask as image, the same picture in another file.
    RgbImage::from_pixel(60, 40, Rgb([200, 90, 60])).save(image_path(&split, "r00.png")).unwrap();
    GrayImage::from_fn(60, 40, |x, _| Luma([if x < 20 { 128 } else { 255 }]))
        .save(mask_path(&split, "r00.png"))
        .unwrap();
    let mut other = square_mask(40, true);
    other.put_pixel(0, 0, Luma([250]));
    other.save(mask_path(&split, "r01.png")).unwrap();
    fs::remove_file(mask_path(&split, "r02.png")).unwrap();
    GrayImage::from_pixel(40, 40, Luma([255])).save(mask_path(&split, "r03.png")).unwrap();
    square_mask(40, true).save(image_path(&split, "r04.png")).unwrap();
    fs::write(image_path(&split, "r05.png"), "no picture").unwrap();
    fs::remove_file(image_path(&split, "r06.png")).unwrap();
    image::open(image_path(&split, "r07.png")).unwrap().save(image_path(&split, "r06.bmp")).unwrap();
    let found = Checkup::of(split.path()).unwrap();
    assert_eq!((found.regions, found.masks, found.sizes.len()), (11, 10, 2));
    let kinds = [
        ["`r00`: it is 60x40", "mirroring"],
        ["1 of 11 looks like a mask", "(`r04`)"],
        ["1 of 9 masks has no cup", "(`r00`)"],
        ["1 of 9 masks has grey levels beside", "(`r01`)"],
        ["1 of 11 images has no mask", "(`r02`)"],
    ];
    assert_eq!(found.warnings.len(), kinds.len(), "{:#?}", found.warnings);
    for (warning, words) in found.warnings.iter().zip(kinds) {
        assert!(words.iter().all(|word| warning.contains(word)), "{words:?} in {warning}");
    }
    let errors: Vec<String> = found.errors.iter().map(ToString::to_string).collect();
    assert!(errors.len() == 2 && errors[0].contains("r03") && errors[1].contains("r05"), "{errors:?}");
    assert_eq!(repeated(&found.album).unwrap().groups, [["r06", "r07"]]);

    // Images alone are looked through as well, and known again.
    let loose = Checkup::of(&split.path().join("ROIs/image")).unwrap();
    assert_eq!((loose.regions, loose.masks), (11, 0));
    assert!(shared(&found.album, &loose.album).unwrap().is_all_of_both());
    let refused = |path: &str| Checkup::of(&split.path().join(path)).unwrap_err().to_string();
    assert!(refused("absent").ends_with("there is no such folder"), "{}", refused("absent"));
    assert!(refused("ROIs/image/r01.png").ends_with("is a file, and no folder"));
}

#[test]
fn a_split_of_discs_alone_is_said_to_have_no_cup() {
    let split = split_of(3, 40);
    (0..3).for_each(|i| square_mask(40, false).save(mask_path(&split, &format!("r{i:02}.png"))).unwrap());
    let found = Checkup::of(split.path()).unwrap();
    assert_eq!((found.masks, found.with_cup), (3, 0));
    assert!(found.warnings.len() == 1 && found.warnings[0].contains("no mask shows a cup"), "{:?}", found.warnings);
}
