//! Listing folders and reading files, good and bad.

use std::fs;
use std::path::Path;

use image::{DynamicImage, GrayImage, ImageBuffer, Luma, Rgb, RgbImage};

use super::{empty_split, image_path, mask_path, split_of, square_mask};
use crate::data::image_file::{read_grey, read_header, read_rgb};
use crate::data::{DataError, Dataset, Labels, RegionPixels, Split};

/// The message of an error, checked to be one line that names what it is about.
pub(super) fn message<T: std::fmt::Debug>(result: Result<T, DataError>, names: &str) -> String {
    let text = result.unwrap_err().to_string();
    assert!(text.contains(names) && !text.contains('\n'), "should name {names}: {text}");
    text
}

#[test]
fn regions_are_sorted_paired_by_stem_and_free_of_strays() {
    let split = empty_split();
    for name in ["b.JPG", "a.png", "c.bmp", "d.tif"] {
        RgbImage::new(20, 20).save(image_path(&split, name)).unwrap();
        square_mask(20, true).save(mask_path(&split, &format!("{}.png", &name[..1]))).unwrap();
    }
    for stray in [".hidden.png", "notes.txt", "Thumbs.db"] {
        fs::write(image_path(&split, stray), "x").unwrap();
    }
    fs::create_dir(image_path(&split, "folder.png")).unwrap();
    square_mask(20, true).save(mask_path(&split, "without-image.png")).unwrap();
    let dataset = Dataset::open(split.path(), Labels::Required).unwrap();
    let names: Vec<_> = dataset.regions().iter().map(|r| r.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "c", "d"]);
    assert_eq!(dataset.regions()[1].mask, Some(mask_path(&split, "b.png")));
    assert_eq!(dataset.check().unwrap(), Vec::<String>::new());
    let told = dataset.passed_over();
    for (sentence, words) in told.iter().zip([
        "1 mask without an image is not used: `without-image.png`",
        "1 file is left alone: `notes.txt`",
        "1 folder is not entered: `folder.png` (0 images)",
    ]) {
        assert!(sentence.ends_with(words), "{told:?}");
    }
    assert_eq!(told.len(), 3, "what is hidden and what systems leave is not told: {told:?}");
}

#[test]
#[cfg(target_os = "linux")]
fn capital_letters_match_where_that_leaves_no_choice() {
    let split = empty_split();
    for name in ["A.png", "b.png", "c.png", "C.PNG"] {
        RgbImage::new(20, 20).save_with_format(image_path(&split, name), image::ImageFormat::Png).unwrap();
    }
    for name in ["a.png", "B.png", "C.png"] {
        square_mask(20, true).save(mask_path(&split, name)).unwrap();
    }
    let dataset = Dataset::open(split.path(), Labels::Optional).unwrap();
    let masks: Vec<_> = dataset.regions().iter().map(|region| region.mask.clone()).collect();
    let mask = |name: &str| Some(mask_path(&split, name));
    // Sorted, capitals come first: A, C, b, c.
    assert_eq!(masks, [mask("a.png"), mask("C.png"), mask("B.png"), None]);
    fs::remove_file(mask_path(&split, "C.png")).unwrap();
    square_mask(20, true).save(mask_path(&split, "c.tif")).unwrap();
    square_mask(20, true).save(mask_path(&split, "D.png")).unwrap();
    let text = message(Dataset::open(split.path(), Labels::Required), "C.PNG");
    assert!(!text.contains("others"), "{text}");
    let dataset = Dataset::open(split.path(), Labels::Optional).unwrap();
    assert!(dataset.passed_over()[0].contains("`D.png`"), "{:?}", dataset.passed_over());
}

/// A split of these images and masks.
fn named(images: &[&str], masks: &[&str]) -> tempfile::TempDir {
    let split = empty_split();
    images.iter().for_each(|name| RgbImage::new(20, 20).save(image_path(&split, name)).unwrap());
    masks.iter().for_each(|name| square_mask(20, true).save(mask_path(&split, name)).unwrap());
    split
}

#[test]
fn names_of_masks_are_matched_as_those_of_pairs() {
    for (images, masks) in [
        (["a.png", "b.png"], ["a_mask.png", "b_mask.png"]),
        (["a.png", "b.png"], ["mask_a.png", "mask_b.tif"]),
        (["IDRiD_01.png", "IDRiD_02.png"], ["IDRiD_01_OD.tif", "IDRiD_02_OD.tif"]),
        (["a_0000.png", "b_0000.png"], ["a.png", "b.png"]),
        (["N-1-L.png", "N-2-R.png"], ["N-1-L-1-Disc-T.png", "N-2-R-1-Disc-T.png"]),
        (["a.png", "B.png"], ["A-SEG.png", "b-seg.png"]),
        (["截图.png", "é1.png"], ["截图_mask.png", "é1_mask.png"]),
    ] {
        let split = named(&images, &masks);
        let dataset = Dataset::open(split.path(), Labels::Required).unwrap();
        let mut found: Vec<_> = dataset.regions().iter().map(|r| (r.image.clone(), r.mask.clone().unwrap())).collect();
        found.sort_by_key(|(image, _)| images.map(|name| image_path(&split, name)).iter().position(|p| p == image));
        let wanted = images.iter().zip(masks).map(|(image, mask)| (image_path(&split, image), mask_path(&split, mask)));
        assert_eq!(found, wanted.collect::<Vec<_>>());
        assert_eq!(dataset.passed_over(), Vec::<String>::new());
    }
}

#[test]
fn masks_and_images_that_stay_unmatched_are_named_on_both_sides() {
    let split = named(&["a.png", "b.png", "c.png"], &["a_mask.png", "x_mask.png", "y_mask.png"]);
    let text = message(Dataset::open(split.path(), Labels::Required), "b.png");
    assert!(
        text.contains("nor has 1 other:") && text.contains("`x_mask.png` and `y_mask.png` there belong to no"),
        "{text}"
    );
    let dataset = Dataset::open(split.path(), Labels::Optional).unwrap();
    assert_eq!(dataset.regions().iter().filter(|region| region.mask.is_some()).count(), 1);
    let told = dataset.passed_over();
    assert!(
        told.len() == 1 && told[0].ends_with("2 masks without an image are not used: `x_mask.png` and `y_mask.png`")
    );

    let split = named(&["a.png", "b.png"], &["a.png", "b.png", "a_label.png", "b_label.png"]);
    let told = Dataset::open(split.path(), Labels::Required).unwrap().passed_over();
    assert!(
        told.len() == 1 && told[0].ends_with("that have another are not used: `a_label.png` and `b_label.png`"),
        "{told:?}"
    );

    let split = named(&["a.png", "b.png"], &["x.png", "y.png"]);
    for labels in [Labels::Required, Labels::Optional] {
        let text = message(Dataset::open(split.path(), labels), "x.png");
        assert!(text.contains("2 masks, such as") && text.contains("2 images") && text.contains("a.png"), "{text}");
    }
    assert_eq!(Dataset::open(split.path(), Labels::Ignored).unwrap().len(), 2);
    let split = named(&["a.png", "b.png"], &["a-Disc-T.png", "b-Disc-T.png", "a-Cup-T.png", "b-Cup-T.png"]);
    let text = message(Dataset::open(split.path(), Labels::Optional), "a-Cup-T.png");
    assert!(text.contains("cup alone") && text.contains("128 disc rim"), "{text}");
}

#[test]
fn regions_that_are_not_square_are_mirrored_and_said_so() {
    let split = split_of(2, 40);
    let wide = RgbImage::from_fn(60, 40, |x, y| Rgb([(x * 4) as u8, (y * 6) as u8, 90]));
    wide.save(image_path(&split, "r01.png")).unwrap();
    let mask =
        GrayImage::from_fn(60, 40, |x, y| Luma([if (20..40).contains(&x) && (10..30).contains(&y) { 0 } else { 255 }]));
    mask.save(mask_path(&split, "r01.png")).unwrap();
    let dataset = Dataset::open(split.path(), Labels::Required).unwrap();
    let warnings = dataset.check().unwrap();
    assert!(warnings.len() == 1 && warnings[0].contains("`r01`") && warnings[0].contains("60x40"), "{warnings:?}");
    assert_eq!(dataset.check_readable().unwrap(), warnings);

    let pixels = RegionPixels::read(&dataset.regions()[1]).unwrap().resized(60);
    let (image, resized) = (pixels.image, pixels.mask.unwrap());
    assert_eq!(image.get_pixel(7, 25), wide.get_pixel(7, 15), "nothing is stretched");
    assert_eq!(image.get_pixel(7, 9), wide.get_pixel(7, 0), "the edge is mirrored");
    assert_eq!(image.get_pixel(7, 0), wide.get_pixel(7, 9));
    assert_eq!(resized.iter().filter(|level| **level == 0).count(), 400);
    assert_eq!(RegionPixels::read(&dataset.regions()[1]).unwrap().resized(30).image.dimensions(), (30, 30));

    for (width, height) in [(1, 1), (15, 15), (200, 40), (16, 80)] {
        RgbImage::new(width, height).save(image_path(&split, "r01.png")).unwrap();
        let text = message(RegionPixels::read(&dataset.regions()[1]), "r01.png");
        assert!(text.contains(&format!("{width}x{height}")), "{text}");
    }
}

#[test]
fn whole_photographs_among_regions_are_said_so() {
    let split = split_of(3, 40);
    let photograph = RgbImage::from_fn(40, 40, |x, y| {
        let distance = (f64::from(x) - 19.5).hypot(f64::from(y) - 19.5);
        Rgb(if distance < 18.0 { [170, 80, 40] } else { [0; 3] })
    });
    photograph.save(image_path(&split, "r01.png")).unwrap();
    let warnings = Dataset::open(split.path(), Labels::Required).unwrap().check().unwrap();
    assert!(warnings.len() == 1 && warnings[0].contains("1 of 3 looks like a whole photograph"), "{warnings:?}");
}

#[test]
fn a_split_lies_in_its_dataset() {
    let split = split_of(1, 16);
    let dataset = tempfile::tempdir().unwrap();
    fs::rename(split.path(), dataset.path().join("test")).unwrap();
    assert_eq!(Dataset::open_split(dataset.path(), Split::Test, Labels::Required).unwrap().len(), 1);
    let text = message(Dataset::open_split(dataset.path(), Split::Train, Labels::Required), "train");
    assert!(text.contains("ROIs/image/NAME.png"), "says what is expected: {text}");
}

#[test]
fn missing_masks_matter_only_where_they_are_required() {
    let split = split_of(3, 16);
    fs::remove_file(mask_path(&split, "r01.png")).unwrap();
    message(Dataset::open(split.path(), Labels::Required), "r01.png");
    let optional = Dataset::open(split.path(), Labels::Optional).unwrap();
    assert_eq!(optional.regions().iter().map(|r| r.mask.is_some()).collect::<Vec<_>>(), [true, false, true]);
    fs::remove_dir_all(split.path().join("ROIs/mask")).unwrap();
    let ignored = Dataset::open(split.path(), Labels::Ignored).unwrap();
    assert!(ignored.len() == 3 && ignored.regions().iter().all(|r| r.mask.is_none()));
    message(Dataset::open(split.path(), Labels::Required), "mask");
}

#[test]
fn empty_and_ambiguous_folders_are_refused() {
    let split = empty_split();
    message(Dataset::open(split.path(), Labels::Required), "image");
    for name in ["eye.png", "eye.bmp"] {
        RgbImage::new(4, 4).save(image_path(&split, name)).unwrap();
    }
    let text = message(Dataset::open(split.path(), Labels::Ignored), "eye.png");
    assert!(text.contains("eye.bmp"), "{text}");
}

#[test]
fn every_tenth_region_is_held_out() {
    let split = split_of(23, 4);
    let (train, held_out) = Dataset::open(split.path(), Labels::Required).unwrap().hold_out_every_tenth();
    assert_eq!(held_out.regions().iter().map(|r| r.name.as_str()).collect::<Vec<_>>(), ["r09", "r19"]);
    assert_eq!(train.len(), 21);
    assert!(train.regions().iter().all(|r| !held_out.regions().contains(r)));
}

#[test]
fn both_eyes_of_a_patient_are_held_out_together() {
    let split = empty_split();
    let image = RgbImage::new(4, 4);
    for (patient, eye) in (0..12).flat_map(|patient| ["L", "R"].map(|eye| (patient, eye))) {
        image.save(image_path(&split, &format!("p{patient:02}_{eye}.png"))).unwrap();
    }
    let (train, held_out) = Dataset::open(split.path(), Labels::Ignored).unwrap().hold_out_every_tenth();
    assert_eq!(held_out.regions().iter().map(|r| r.name.as_str()).collect::<Vec<_>>(), ["p04_L", "p04_R"]);
    assert_eq!(train.len(), 22);
}

#[test]
fn what_completes_a_square_is_background_in_its_mask() {
    let split = empty_split();
    RgbImage::from_fn(40, 30, |x, y| Rgb([x as u8, y as u8, 0])).save(image_path(&split, "a.png")).unwrap();
    let disc = GrayImage::from_fn(40, 30, |x, y| Luma([if (10..30).contains(&x) && y < 20 { 128 } else { 255 }]));
    disc.save(mask_path(&split, "a.png")).unwrap();
    let dataset = Dataset::open(split.path(), Labels::Required).unwrap();
    let whole = RegionPixels::read(&dataset.regions()[0]).unwrap().squared();
    let mask = whole.mask.expect("there is one");
    assert_eq!(mask.dimensions(), (40, 40));
    assert_eq!(mask.iter().filter(|level| **level == 128).count(), 20 * 20, "the disc once");
    assert_eq!(whole.image.get_pixel(3, 0).0, [3, 4, 0], "and the image is mirrored");
}

#[test]
fn masks_without_cup_are_named_and_kept_and_without_disc_refused() {
    let split = split_of(3, 32);
    square_mask(32, false).save(mask_path(&split, "r01.png")).unwrap();
    let dataset = Dataset::open(split.path(), Labels::Required).unwrap();
    let warnings = dataset.check().unwrap();
    assert!(warnings.len() == 1 && warnings[0].contains("r01.png") && warnings[0].contains("no cup"), "{warnings:?}");
    GrayImage::from_pixel(32, 32, Luma([255])).save(mask_path(&split, "r02.png")).unwrap();
    assert!(message(dataset.check(), "r02.png").contains("no disc"));
}

#[test]
fn image_and_mask_of_different_sizes_are_refused() {
    let split = split_of(1, 32);
    square_mask(40, true).save(mask_path(&split, "r00.png")).unwrap();
    let dataset = Dataset::open(split.path(), Labels::Required).unwrap();
    let text = message(RegionPixels::read(&dataset.regions()[0]), "r00.png");
    assert!(text.contains("32x32") && text.contains("40x40"), "{text}");
}

#[test]
fn resizing_keeps_levels_and_reaches_the_size() {
    let split = split_of(1, 100);
    let dataset = Dataset::open(split.path(), Labels::Required).unwrap();
    let region = RegionPixels::read(&dataset.regions()[0]).unwrap();
    for size in [37, 100, 128] {
        let resized = region.clone().resized(size);
        assert_eq!(resized.image.dimensions(), (size, size));
        let mask = resized.mask.unwrap();
        assert_eq!(mask.dimensions(), (size, size));
        assert!(mask.iter().all(|level| [0, 128, 255].contains(level)));
    }
}

#[test]
fn masks_in_colour_must_be_grey() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.png");
    let grey = square_mask(16, true);
    let mut rgb = RgbImage::from_fn(16, 16, |x, y| Rgb([grey.get_pixel(x, y).0[0]; 3]));
    rgb.save(&path).unwrap();
    assert_eq!(read_grey(&path).unwrap(), grey);
    rgb.put_pixel(5, 6, Rgb([255, 0, 0]));
    rgb.save(&path).unwrap();
    let text = message(read_grey(&path), "m.png");
    assert!(text.contains("column 5, row 6") && text.contains("128 disc rim"), "{text}");
}

#[test]
fn sixteen_bit_images_become_bytes() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["deep.png", "deep.tif"] {
        let path = folder.path().join(name);
        let deep: ImageBuffer<Rgb<u16>, Vec<u16>> = ImageBuffer::from_pixel(2, 2, Rgb([65535, 32896, 0]));
        DynamicImage::ImageRgb16(deep).save(&path).unwrap();
        assert_eq!(read_rgb(&path).unwrap().get_pixel(1, 1).0, [255, 128, 0], "{name}");
        let deep: ImageBuffer<Luma<u16>, Vec<u16>> = ImageBuffer::from_pixel(2, 2, Luma([32896]));
        DynamicImage::ImageLuma16(deep).save(&path).unwrap();
        assert_eq!(read_rgb(&path).unwrap().get_pixel(1, 1).0, [128; 3], "{name}, grey");
    }
}

#[test]
fn truncated_files_are_refused_whatever_their_format() {
    let folder = tempfile::tempdir().unwrap();
    let picture = RgbImage::from_fn(200, 200, |x, y| Rgb([(x * y) as u8, (x ^ y) as u8, (x * 7 + y * 3) as u8]));
    for name in ["cut.png", "cut.jpg", "cut.bmp", "cut.tif"] {
        let path = folder.path().join(name);
        picture.save(&path).unwrap();
        assert_eq!(read_rgb(&path).unwrap().dimensions(), (200, 200), "{name} is whole");
        let bytes = fs::read(&path).unwrap();
        for part in [2, 3] {
            fs::write(&path, &bytes[..bytes.len() * (part - 1) / part]).unwrap();
            message(read_rgb(&path), name);
        }
        fs::write(&path, b"").unwrap();
        message(read_rgb(&path), name);
    }
    message(read_rgb(&folder.path().join("absent.png")), "absent.png");
}

/// CRC-32 as PNG wants it (ISO 3309), one bit at a time.
pub(super) fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg());
    !bytes.iter().fold(!0u32, |crc, &byte| (0..8).fold(crc ^ u32::from(byte), |crc, _| step(crc)))
}

/// A PNG that is valid as far as its header chunk and the start of its data.
fn png_announcing(width: u32, height: u32) -> Vec<u8> {
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut chunk = |kind: &[u8; 4], data: &[u8]| {
        png.extend((data.len() as u32).to_be_bytes());
        let body = [kind.as_slice(), data].concat();
        png.extend(&body);
        png.extend(crc32(&body).to_be_bytes());
    };
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes()[..], &[8, 2, 0, 0, 0]].concat();
    chunk(b"IHDR", &header);
    chunk(b"IDAT", &[0x78, 0x9C, 0x63, 0, 0]);
    chunk(b"IEND", &[]);
    png
}

/// A JPEG up to its frame header.
fn jpeg_announcing(width: u16, height: u16) -> Vec<u8> {
    let mut jpeg = b"\xFF\xD8\xFF\xC0\x00\x11\x08".to_vec();
    jpeg.extend(height.to_be_bytes());
    jpeg.extend(width.to_be_bytes());
    jpeg.extend(b"\x03\x01\x11\x00\x02\x11\x00\x03\x11\x00");
    jpeg.extend(b"\xFF\xDA\x00\x0C\x03\x01\x00\x02\x00\x03\x00\x00\x3F\x00\x00\xFF\xD9");
    jpeg
}

/// An uncompressed BMP header.
fn bmp_announcing(width: i32, height: i32) -> Vec<u8> {
    let mut bmp = b"BM\x36\x00\x00\x00\x00\x00\x00\x00\x36\x00\x00\x00\x28\x00\x00\x00".to_vec();
    bmp.extend(width.to_le_bytes());
    bmp.extend(height.to_le_bytes());
    bmp.extend(b"\x01\x00\x18\x00");
    bmp.extend([0; 24]);
    bmp
}

#[test]
fn headers_asking_for_too_much_or_nothing_are_refused_before_decoding() {
    let folder = tempfile::tempdir().unwrap();
    let check = |name: &str, bytes: Vec<u8>, size: &str| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        for text in [message(read_rgb(&path), name), message(read_header(&path), name)] {
            assert!(text.contains(size), "names the size: {text}");
        }
    };
    check("huge.png", png_announcing(60_000, 60_000), "60000x60000");
    check("wide.png", png_announcing(16_385, 1), "16385x1");
    check("huge.jpg", jpeg_announcing(60_000, 60_000), "60000x60000");
    check("huge.bmp", bmp_announcing(60_000, 60_000), "60000x60000");
    check("flat.bmp", bmp_announcing(40, 0), "40x0");
    check("thin.bmp", bmp_announcing(0, 40), "0x40");
}

#[test]
fn not_an_image_is_said_so() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("text.png");
    fs::write(&path, "this is no picture").unwrap();
    message(read_rgb(&path), "text.png");
    message(read_rgb(Path::new("/")), "/");
}
