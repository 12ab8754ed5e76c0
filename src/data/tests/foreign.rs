//! Files of other encoders, in `foreign/` with the program that made them.

use std::fs;
use std::path::{Path, PathBuf};

use image::RgbImage;

use crate::data::image_file::{MaskValues, read_header, read_mask, read_photograph, read_rgb};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/data/tests/foreign")
}

/// Image files by name, those that are refused apart.
fn files() -> (Vec<PathBuf>, Vec<PathBuf>) {
    let entries = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_string();
    let mut paths: Vec<PathBuf> =
        entries.filter(|path| !["make_files.py", "expected.png"].contains(&name(path).as_str())).collect();
    paths.sort();
    assert!(paths.len() > 50, "few of them are there");
    paths.into_iter().partition(|path| !name(path).starts_with("refused-"))
}

/// Levels by which pixels may differ: decoders round, and some smooth colours of which fewer were stored.
fn tolerance(name: &str) -> u8 {
    match name.split('.').next().unwrap() {
        "webp-lossless" => 0,
        // Two inks are multiplied, and each may be off.
        "jpeg-cmyk" | "jpeg-cmyk-progressive" | "jpeg-ycck" | "tiff-jpeg-cmyk" => 4,
        name if name.starts_with("jpeg") || name.starts_with("tiff-jpeg") || name == "webp-lossy" => 3,
        name if name.starts_with("tiff-ycbcr") || name.starts_with("tiff-cmyk") => 1,
        _ => 0,
    }
}

#[test]
fn pixels_are_those_of_other_programs() {
    let expected = read_rgb(&folder().join("expected.png")).unwrap();
    let mut top = 0;
    for path in files().0 {
        let name = path.file_name().unwrap().to_str().unwrap();
        let photograph = read_photograph(&path, None).unwrap();
        let (width, height) = photograph.image.dimensions();
        assert_eq!(read_header(&path).unwrap().size, (width, height), "{name}");
        assert!(photograph.notes.is_empty(), "{name}: {:?}", photograph.notes);
        let wanted = image::imageops::crop_imm(&expected, 0, top, width, height).to_image();
        let most = photograph.image.iter().zip(wanted.iter()).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
        assert!(most <= tolerance(name), "{name}: pixels differ by up to {most} levels");
        top += height;
    }
    assert_eq!(top, expected.height(), "each file has its pixels");
}

#[test]
fn what_is_not_read_is_refused_by_name() {
    let sentences = [
        ("refused-jpeg-12-bit.jpg", "12 bits a sample"),
        ("refused-jpeg-arithmetic.jpg", "arithmetic coding"),
        ("refused-jpeg-arithmetic-progressive.jpg", "arithmetic coding"),
        ("refused-jpeg-sampled-between.jpg", "unusual sampling"),
        ("refused-tiff-group-3.tif", "fax codes of Group 3"),
        ("refused-tiff-zstd.tif", "Zstandard"),
    ];
    let refused = files().1;
    assert_eq!(refused.len(), sentences.len());
    for (name, sentence) in sentences {
        let text = read_rgb(&folder().join(name)).unwrap_err().to_string();
        assert!(text.contains(name) && text.contains(sentence) && text.contains("; save it"), "{text}");
    }
}

/// The classes of `make_files.py`: 0 outside, 1 on a ring, 2 within it.
fn class(x: u32, y: u32) -> u32 {
    let distance = f64::hypot(f64::from(x) - 20.0, f64::from(y) - 8.0);
    u32::from(distance < 7.0) + u32::from(distance < 4.0)
}

#[test]
fn masks_keep_their_levels() {
    let classes: Vec<u32> = (0..19).flat_map(|y| (0..35).map(move |x| class(x, y))).collect();
    let rings: Vec<u32> = classes.iter().map(|class| u32::from(*class > 0)).collect();
    let levels = |name: &str| match read_mask(&folder().join(name)).unwrap().values {
        MaskValues::Levels { values, palette, largest } => (values, palette, largest),
        MaskValues::Colours(_) => panic!("{name} has levels"),
    };
    for name in [
        "png-1-bit.png",
        "png-interlaced.png",
        "tiff-1-bit.tif",
        "tiff-1-bit-low-bits-first.tif",
        "tiff-group-4.tif",
        "tiff-group-4-strips.tif",
        "tiff-group-4-low-bits-first.tif",
    ] {
        assert_eq!(levels(name), (rings.clone(), None, 1), "{name}");
    }
    let (values, palette, largest) = levels("bmp-1-bit.bmp");
    assert_eq!((values, palette.unwrap().len(), largest), (rings, 2, 1));
    let voc = [[0, 0, 0], [128, 0, 0], [0, 128, 0]];
    for (name, depth) in [("png-palette-2-bit.png", 3), ("tiff-palette-4-bit.tif", 15), ("bmp-palette.bmp", 255)] {
        let (values, palette, largest) = levels(name);
        assert_eq!((values, largest), (classes.clone(), depth), "{name}");
        assert_eq!(palette.unwrap()[..3], voc, "{name}");
    }
    let colours = match read_mask(&folder().join("webp-lossless.webp")).unwrap() {
        mask if mask.lossy => panic!("it is lossless"),
        mask => mask.values,
    };
    assert_eq!(colours, MaskValues::Colours(classes.iter().map(|class| voc[*class as usize]).collect()));
    let grey: RgbImage = read_rgb(&folder().join("bmp-grey.bmp")).unwrap();
    let grey = grey.pixels().map(|pixel| u32::from(pixel.0[0])).collect();
    assert_eq!(levels("bmp-grey.bmp"), (grey, None, 255), "a palette of greys is no palette");
}
