//! Files of kinds that people bring: oriented, deep, cut short, followed by something.

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use image::{DynamicImage, GrayImage, ImageBuffer, ImageFormat, Luma, Rgb, RgbImage, Rgba, RgbaImage};
use tempfile::TempDir;
use tiff::encoder::{TiffEncoder, colortype};
use tiff::tags::Tag;

use super::files::{crc32, message};
use super::{image_path, mask_path, split_of, square_mask};
use crate::data::image_file::{
    ImageNote, MaskValues, Orientation, StoredMask, read_grey, read_header, read_mask, read_photograph, read_rgb,
};
use crate::data::{Dataset, Labels, RegionPixels};

/// A file of some content in a folder of its own.
fn file(name: &str, content: &[u8]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, content).unwrap();
    (folder, path)
}

fn encoded(image: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.into().write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn of_foreign(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/data/tests/foreign").join(name)).unwrap()
}

/// The photograph of some bytes: its pixels and notes.
fn read(bytes: &[u8]) -> Result<(RgbImage, Vec<ImageNote>), String> {
    let (_folder, path) = file("a.img", bytes);
    let photograph = read_photograph(&path, None).map_err(|error| error.to_string())?;
    Ok((photograph.image, photograph.notes))
}

/// Where the coded data of a JPEG's first scan begins.
fn first_scan(jpeg: &[u8]) -> usize {
    let marker = jpeg.windows(2).position(|pair| pair == [0xFF, 0xDA]).unwrap();
    marker + 2 + usize::from(u16::from_be_bytes([jpeg[marker + 2], jpeg[marker + 3]]))
}

const JPEGS: [&str; 8] = [
    "jpeg-420.jpg",
    "jpeg-grey.jpg",
    "jpeg-progressive.jpg",
    "jpeg-grey-progressive.jpg",
    "jpeg-restarts.jpg",
    "jpeg-scans.jpg",
    "jpeg-cmyk.jpg",
    "jpeg-wide.jpg",
];

#[test]
fn what_follows_the_end_of_a_jpeg_does_not_matter() {
    for name in JPEGS {
        let whole = of_foreign(name);
        let motion = [whole.as_slice(), b"MotionPhoto_Data", &[0; 99], &[0xFF, 0xDA], &[0; 99]].concat();
        assert_eq!(read(&motion), read(&whole), "{name}");
        let other = [whole.as_slice(), &of_foreign("jpeg-444.jpg")].concat();
        assert_eq!(read(&other), read(&whole), "{name}");
        assert!(read(&whole).unwrap().1.is_empty());
    }
}

#[test]
fn a_jpeg_that_lacks_its_end_marker_alone_is_read_with_a_note() {
    for name in JPEGS {
        let whole = of_foreign(name);
        for missing in [1, 2] {
            let (pixels, notes) = read(&whole[..whole.len() - missing]).unwrap();
            assert_eq!((pixels, notes), (read(&whole).unwrap().0, vec![ImageNote::EndMarkerMissing]), "{name}");
        }
    }
}

#[test]
fn a_jpeg_that_is_cut_short_is_refused_whatever_follows() {
    let other = of_foreign("jpeg-444.jpg");
    for name in JPEGS {
        let whole = of_foreign(name);
        let first = first_scan(&whole);
        let (pixels, _) = read(&whole).unwrap();
        for cut in (2..whole.len() - 2).filter(|cut| *cut < 40 || *cut > first || cut % 17 == 0) {
            match read(&whole[..cut]) {
                Err(error) => assert!(error.contains("truncated") || error.contains("damaged"), "{error}"),
                // The last bits of a refining scan may change no pixel, whatever they are.
                Ok((read, _)) => assert!(cut + 4 > whole.len() && read == pixels, "{name}: {cut} of {}", whole.len()),
            }
        }
        // An end marker that was put back, by a program that mends files or by chance.
        let complete = whole.len() - 2;
        for cut in (first..complete - 1).filter(|cut| *cut + 200 > complete || cut % 17 == 0) {
            match read(&[&whole[..cut], &[0xFF, 0xD9]].concat()) {
                Err(error) => assert!(error.contains("truncated") || error.contains("damaged"), "{error}"),
                Ok((read, _)) => assert!(read == pixels, "{name}: {cut} of {}", whole.len()),
            }
        }
        // Another image begins where this one is cut, in its headers or in its coded data.
        for cut in [30, 100, first - 20, first - 3, first, first + (whole.len() - first) / 2] {
            let error = read(&[&whole[..cut], &other].concat()).expect_err(name);
            assert!(error.contains("truncated") || error.contains("damaged"), "{error}");
        }
    }
}

#[test]
fn a_tiff_of_jpegs_with_missing_pixels_is_refused() {
    for name in ["tiff-jpeg.tif", "tiff-jpeg-rgb.tif", "tiff-jpeg-tiles.tif", "tiff-jpeg-planes.tif"] {
        let whole = of_foreign(name);
        let start_of = |end: usize| whole[..end].windows(3).rposition(|bytes| bytes == [0xFF, 0xD8, 0xFF]).unwrap();
        let has_scan = |end: &usize| whole[start_of(*end)..*end].windows(2).any(|bytes| bytes == [0xFF, 0xDA]);
        let ends = (0..whole.len() - 1).filter(|i| whole[*i..*i + 2] == [0xFF, 0xD9]).filter(has_scan);
        for end in ends {
            // The coded data ends before its pixels do.
            let mut cut = whole.clone();
            cut[end - 12..end - 10].copy_from_slice(&[0xFF, 0xD9]);
            let error = read(&cut).map(|_| "read").expect_err(name);
            assert!(error.contains("end too early") || error.contains("damaged"), "{name} at {end}: {error}");
        }
        let mut lost = whole.clone();
        let start = lost.windows(3).rposition(|bytes| bytes == [0xFF, 0xD8, 0xFF]).unwrap();
        lost[start] = 0;
        let error = read(&lost).map(|_| "read").expect_err(name);
        assert!(error.contains("no JPEG") || error.contains("damaged"), "{name}: {error}");
    }
}

#[test]
fn a_thumbnail_within_a_segment_is_not_the_image() {
    let whole = of_foreign("jpeg-420.jpg");
    let thumbnail = [b"FPXR\0".as_slice(), &of_foreign("jpeg-grey.jpg")].concat();
    let length = (thumbnail.len() as u16 + 2).to_be_bytes();
    let with_thumbnail = [&whole[..2], &[0xFF, 0xE2], &length, &thumbnail, &whole[2..]].concat();
    assert_eq!(read(&with_thumbnail), read(&whole));
    for cut in [6 + thumbnail.len(), 6 + thumbnail.len() + first_scan(&whole)] {
        let error = read(&with_thumbnail[..cut]).unwrap_err();
        assert!(error.contains("truncated"), "{error}");
    }
}

/// EXIF metadata that hold an orientation alone.
fn exif(orientation: u8) -> Vec<u8> {
    [b"MM\0\x2A\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".as_slice(), &[orientation, 0, 0, 0, 0, 0, 0]].concat()
}

fn oriented_jpeg(image: RgbImage, orientation: u8) -> Vec<u8> {
    let jpeg = encoded(image, ImageFormat::Jpeg);
    let data = [b"Exif\0\0".as_slice(), &exif(orientation)].concat();
    [&jpeg[..2], &[0xFF, 0xE1], &(data.len() as u16 + 2).to_be_bytes(), &data, &jpeg[2..]].concat()
}

/// With the orientation after the header or, where it is to be `last`, after the pixels.
fn oriented_png(image: RgbImage, orientation: u8, last: bool) -> Vec<u8> {
    let png = encoded(image, ImageFormat::Png);
    let body = [b"eXIf".as_slice(), &exif(orientation)].concat();
    let chunk = [&(body.len() as u32 - 4).to_be_bytes()[..], &body, &crc32(&body).to_be_bytes()].concat();
    let place = if last { png.len() - 12 } else { 33 };
    [&png[..place], &chunk, &png[place..]].concat()
}

fn oriented_tiff(image: &RgbImage, orientation: u8) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let mut encoder = TiffEncoder::new(&mut bytes).unwrap();
    let mut page = encoder.new_image::<colortype::RGB8>(image.width(), image.height()).unwrap();
    page.encoder().write_tag(Tag::Orientation, u16::from(orientation)).unwrap();
    page.write_data(image.as_raw()).unwrap();
    bytes.into_inner()
}

/// Where the first pixel of the first row belongs, and the last one of that row, in a picture of 48x16 pixels as stored: the
/// corners that EXIF 2.3 names for each orientation.
const CORNERS: [[(u32, u32); 2]; 8] = [
    [(0, 0), (47, 0)],
    [(47, 0), (0, 0)],
    [(47, 15), (0, 15)],
    [(0, 15), (47, 15)],
    [(0, 0), (0, 47)],
    [(15, 0), (15, 47)],
    [(15, 47), (15, 0)],
    [(0, 47), (0, 0)],
];

#[test]
fn every_orientation_is_applied() {
    // Blocks of 8x8 pixels, which JPEG leaves plain.
    let stored = RgbImage::from_fn(48, 16, |x, y| match (x / 8, y / 8) {
        (0, 0) => Rgb([255, 255, 255]),
        (5, 0) => Rgb([128, 128, 128]),
        _ => Rgb([0, 0, 0]),
    });
    for (value, corners) in (1..).zip(CORNERS) {
        for bytes in [
            oriented_jpeg(stored.clone(), value),
            oriented_png(stored.clone(), value, false),
            oriented_png(stored.clone(), value, true),
            oriented_tiff(&stored, value),
        ] {
            let (_folder, path) = file("a.img", &bytes);
            let photograph = read_photograph(&path, None).unwrap();
            let size = if value > 4 { (16, 48) } else { (48, 16) };
            assert_eq!((photograph.image.dimensions(), read_header(&path).unwrap().size), (size, size), "{value}");
            let seen = corners.map(|(x, y)| photograph.image.get_pixel(x, y).0[1]);
            assert!(seen[0] > 245 && seen[1].abs_diff(128) < 10, "{value}: {seen:?}");
            let orientation = Orientation::from_exif(value).unwrap();
            assert_eq!(photograph.orientation, orientation);
            let note = (value > 1).then_some(ImageNote::OrientationApplied(orientation));
            assert_eq!(photograph.notes, Vec::from_iter(note));

            let mask = read_mask(&path).unwrap();
            assert_eq!((mask.width, mask.height, mask.orientation), (48, 16, orientation));
            let StoredMask { width, height, values, orientation, .. } = mask.upright();
            assert_eq!(((width, height), orientation), (size, Orientation::NoTransforms));
            let MaskValues::Levels { values, .. } = values else { panic!("its colours are grey") };
            let seen = corners.map(|(x, y)| values[(y * width + x) as usize]);
            assert!(seen[0] > 245 && seen[1].abs_diff(128) < 10, "{value}: {seen:?}");
        }
    }
}

#[test]
fn regions_and_their_masks_are_upright() {
    let split = split_of(1, 32);
    let region = || RegionPixels::read(&Dataset::open(split.path(), Labels::Required).unwrap().regions()[0]);
    let marked = RgbImage::from_fn(32, 32, |x, y| if x + y == 0 { Rgb([255; 3]) } else { Rgb([0; 3]) });
    fs::write(image_path(&split, "r00.png"), oriented_png(marked, 3, false)).unwrap();
    let pixels = region().unwrap();
    assert_eq!(pixels.image.get_pixel(31, 31).0, [255; 3]);
    assert_eq!(pixels.mask.unwrap(), square_mask(32, true), "it has an orientation of its own");

    let notes = || Dataset::open(split.path(), Labels::Required).unwrap().check().unwrap();
    let told = notes();
    assert!(told.len() == 1 && told[0].contains("`r00`") && told[0].contains("upside down"), "{told:?}");

    // A disc off the middle, drawn upright or on the pixels as stored, of a square image and of another.
    for (height, exif) in [(32, 3), (32, 6), (24, 6), (24, 8), (24, 3)] {
        let is_disc = |x: u32, y: u32| (f64::from(x) - 21.0).hypot(f64::from(y) - 9.0) < 5.0;
        let upright = GrayImage::from_fn(32, height, |x, y| Luma([if is_disc(x, y) { 128 } else { 255 }]));
        let seen = |bright: bool| {
            RgbImage::from_fn(32, height, |x, y| {
                Rgb(if bright && is_disc(x, y) { [240, 200, 90] } else { [99, 60, 20] })
            })
        };
        let as_stored = |image: DynamicImage| match exif {
            3 => image.rotate180(),
            6 => image.rotate270(),
            _ => image.rotate90(),
        };
        let stored = |bright: bool| as_stored(seen(bright).into()).into_rgb8();
        fs::write(image_path(&split, "r00.png"), oriented_png(stored(true), exif, false)).unwrap();
        upright.save(mask_path(&split, "r00.png")).unwrap();
        let pixels = region().unwrap();
        assert_eq!((pixels.image, pixels.mask.as_ref()), (seen(true), Some(&upright)), "{exif}");
        let said = format!("its EXIF orientation is {exif} and its mask has none: the mask fits as drawn");
        assert!(notes().iter().any(|note| note.contains(&said)), "{:?}", notes());
        as_stored(upright.clone().into()).save(mask_path(&split, "r00.png")).unwrap();
        assert_eq!(region().unwrap().mask, Some(upright.clone()), "{exif}: it is turned with the image");
        let said = format!("pixels as stored, before their EXIF orientation, {exif}: it was turned");
        assert!(notes().iter().any(|note| note.contains(&said)), "{:?}", notes());
        if height == 32 || exif == 3 {
            fs::write(image_path(&split, "r00.png"), oriented_png(stored(false), exif, false)).unwrap();
            assert!(notes().iter().any(|note| note.contains("does not show")), "{:?}", notes());
        }
    }

    // Both say how they lie, and only one of them can be right.
    fs::write(image_path(&split, "r00.png"), oriented_png(RgbImage::new(40, 32), 6, false)).unwrap();
    let mask = image::imageops::crop_imm(&square_mask(40, true), 0, 0, 40, 32).to_image();
    let mask = DynamicImage::ImageLuma8(mask).into_rgb8();
    fs::write(mask_path(&split, "r00.png"), oriented_png(mask, 3, false)).unwrap();
    let text = message(region(), "r00.png");
    assert!(text.contains("EXIF") && text.contains("32x40") && text.contains("40x32") && text.contains('6'), "{text}");
}

fn deep_png(levels: [u16; 4]) -> Vec<u8> {
    encoded(ImageBuffer::<Luma<u16>, _>::from_raw(2, 2, levels.to_vec()).unwrap(), ImageFormat::Png)
}

#[test]
fn samples_of_few_bits_in_sixteen_are_scaled() {
    let levels = |bytes: &[u8], bits| {
        let (_folder, path) = file("a.png", bytes);
        let photograph = read_photograph(&path, bits).map_err(|error| error.to_string())?;
        Ok::<_, String>((photograph.image.pixels().map(|pixel| pixel.0[0]).collect::<Vec<_>>(), photograph.notes))
    };
    let scaled = |bits| vec![ImageNote::BitsScaled { stored: 16, bits }];
    assert_eq!(levels(&deep_png([0, 1024, 2048, 4095]), None), Ok((vec![0, 64, 128, 255], scaled(12))));
    assert_eq!(levels(&deep_png([0, 4095, 8191, 16383]), None), Ok((vec![0, 64, 127, 255], scaled(14))));
    assert_eq!(levels(&deep_png([0, 1, 128, 255]), None), Ok((vec![0, 1, 128, 255], scaled(8))));
    assert_eq!(levels(&deep_png([0, 0, 0, 16384]), None), Ok((vec![0, 0, 0, 64], vec![])));
    assert_eq!(levels(&deep_png([0; 4]), None), Ok((vec![0; 4], vec![])), "black has no depth");
    assert_eq!(levels(&deep_png([0, 0, 0, 4095]), Some(14)), Ok((vec![0, 0, 0, 64], scaled(14))));
    assert_eq!(levels(&deep_png([0, 0, 0, 4095]), Some(16)), Ok((vec![0, 0, 0, 16], vec![])));
    let error = levels(&deep_png([0, 0, 0, 4096]), Some(12)).unwrap_err();
    assert!(error.contains("a.png") && error.contains("4096") && error.contains("end at 4095"), "{error}");
    assert_eq!(
        levels(&encoded(GrayImage::from_pixel(1, 1, Luma([9])), ImageFormat::Png), Some(12)),
        Ok((vec![9], vec![]))
    );
}

fn tiff_of<C: colortype::ColorType>(pages: &[&[C::Inner]], width: u32) -> Vec<u8>
where
    [C::Inner]: tiff::encoder::TiffValue,
{
    let mut bytes = Cursor::new(Vec::new());
    let mut encoder = TiffEncoder::new(&mut bytes).unwrap();
    for page in pages {
        let height = (page.len() / C::SAMPLE_FORMAT.len()) as u32 / width;
        encoder.write_image::<C>(width, height, page).unwrap();
    }
    bytes.into_inner()
}

#[test]
fn labels_keep_their_true_levels() {
    let levels = |bytes: &[u8]| {
        let (_folder, path) = file("a.tif", bytes);
        let mask = read_mask(&path).map_err(|error| error.to_string())?;
        assert_eq!((mask.width, mask.lossy), (3, false));
        match mask.values {
            MaskValues::Levels { values, palette: None, largest } => Ok::<_, String>((values, largest)),
            other => panic!("{other:?}"),
        }
    };
    let sixteen = ImageBuffer::<Luma<u16>, _>::from_raw(3, 1, vec![0u16, 1, 2]).unwrap();
    for bytes in [encoded(sixteen.clone(), ImageFormat::Png), encoded(sixteen, ImageFormat::Tiff)] {
        assert_eq!(levels(&bytes), Ok((vec![0, 1, 2], 65_535)));
    }
    assert_eq!(levels(&tiff_of::<colortype::Gray32>(&[&[0, 1, 70_000]], 3)), Ok((vec![0, 1, 70_000], u32::MAX)));
    assert_eq!(levels(&tiff_of::<colortype::GrayI16>(&[&[0, 1, 2]], 3)), Ok((vec![0, 1, 2], 65_535)));
    assert_eq!(levels(&tiff_of::<colortype::GrayI32>(&[&[0, 1, 2]], 3)), Ok((vec![0, 1, 2], u32::MAX)));
    assert_eq!(levels(&tiff_of::<colortype::Gray32Float>(&[&[0.0, 1.0, 2.0]], 3)), Ok((vec![0, 1, 2], 255)));
    assert_eq!(levels(&tiff_of::<colortype::Gray64Float>(&[&[0.0, 1.0, 1.0]], 3)), Ok((vec![0, 1, 1], 1)));
    let shares = tiff_of::<colortype::Gray32Float>(&[&[0.0, 0.5, 1.0]], 3);
    assert_eq!(levels(&shares), Ok((vec![0, 128, 255], 255)));
    let (_folder, path) = file("a.tif", &shares);
    assert_eq!(read_mask(&path).unwrap().notes, [ImageNote::SharesOfWhite]);
    for (bytes, what) in [
        (tiff_of::<colortype::Gray32Float>(&[&[0.0, 0.5, 2.0]], 3), "the real number 0.5"),
        (tiff_of::<colortype::Gray32Float>(&[&[0.0, f32::NAN, 1.0]], 3), "the real number NaN"),
        (tiff_of::<colortype::GrayI16>(&[&[0, -1, 2]], 3), "levels below 0"),
    ] {
        let error = levels(&bytes).unwrap_err();
        assert!(error.contains("a.tif") && error.contains(what) && error.contains("; save"), "{error}");
    }
}

#[test]
fn real_numbers_are_light() {
    let bytes = |pixels: &[f32; 3]| {
        let (image, notes) = read(&tiff_of::<colortype::Gray32Float>(&[pixels], 3))?;
        assert!(notes.is_empty());
        Ok::<_, String>(image.pixels().map(|pixel| pixel.0[2]).collect::<Vec<_>>())
    };
    assert_eq!(bytes(&[0.0, 0.5, 1.0]), Ok(vec![0, 128, 255]));
    assert_eq!(bytes(&[0.0, 99.6, 255.0]), Ok(vec![0, 100, 255]));
    assert_eq!(bytes(&[0.0, 257.0, 65_535.0]), Ok(vec![0, 1, 255]));
    assert!(bytes(&[0.0, -0.5, 1.0]).unwrap_err().contains("the real number -0.5"));
}

#[test]
fn of_many_pages_the_first_is_read() {
    let (image, notes) = read(&tiff_of::<colortype::Gray8>(&[&[7; 6], &[8; 6], &[9; 6]], 3)).unwrap();
    assert_eq!((image, notes), (RgbImage::from_pixel(3, 2, Rgb([7; 3])), vec![ImageNote::OtherPages { pages: 3 }]));
}

/// A chunk of a WebP file.
fn webp_chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u32).to_le_bytes();
    [&kind[..], &length, data, &[0][..data.len() % 2]].concat()
}

#[test]
fn of_a_film_the_first_picture_is_read() {
    let mut frames = Vec::new();
    for level in [7, 9] {
        let still = encoded(RgbImage::from_pixel(3, 2, Rgb([level; 3])), ImageFormat::WebP);
        // Place, width and height less 1, duration, no blending; then the still without its header.
        let frame = [&[0, 0, 0, 0, 0, 0, 2, 0, 0, 1, 0, 0, 9, 0, 0, 2][..], &still[12..]].concat();
        frames.extend(webp_chunk(b"ANMF", &frame));
    }
    let size = webp_chunk(b"VP8X", &[2, 0, 0, 0, 2, 0, 0, 1, 0, 0]);
    let body = [&b"WEBP"[..], &size, &webp_chunk(b"ANIM", &[0; 6]), &frames].concat();
    let (image, notes) = read(&webp_chunk(b"RIFF", &body)).unwrap();
    assert_eq!((image, notes), (RgbImage::from_pixel(3, 2, Rgb([7; 3])), vec![ImageNote::OtherPages { pages: 2 }]));
}

#[test]
fn transparent_pixels_are_told() {
    for format in [ImageFormat::Png, ImageFormat::Tiff, ImageFormat::WebP] {
        let mut image = RgbaImage::from_pixel(4, 3, Rgba([1, 2, 3, 255]));
        assert!(read(&encoded(image.clone(), format)).unwrap().1.is_empty(), "{format:?}");
        image.put_pixel(2, 1, Rgba([4, 5, 6, 254]));
        let (pixels, notes) = read(&encoded(image, format)).unwrap();
        assert_eq!((pixels.get_pixel(2, 1).0, notes), ([4, 5, 6], vec![ImageNote::AlphaDropped]), "{format:?}");
    }
    let deep = ImageBuffer::<Rgba<u16>, _>::from_pixel(4, 3, Rgba([65_535, 257, 0, 9]));
    let (pixels, notes) = read(&encoded(deep, ImageFormat::Png)).unwrap();
    assert_eq!((pixels.get_pixel(0, 0).0, notes), ([255, 1, 0], vec![ImageNote::AlphaDropped]));
}

#[test]
fn a_mask_of_one_colour_is_as_opaque_as_it_is_drawn() {
    let drawn = RgbaImage::from_fn(4, 3, |x, _| Rgba([9, 9, 9, if x < 2 { 255 } else { 0 }]));
    let (_folder, path) = file("a.png", &encoded(drawn, ImageFormat::Png));
    let mask = read_mask(&path).unwrap();
    let values = [255, 255, 0, 0].repeat(3);
    assert_eq!(mask.values, MaskValues::Levels { values, palette: None, largest: 255 });
    assert_eq!(mask.notes, [ImageNote::AlphaIsMask]);
    assert_eq!(read_photograph(&path, None).unwrap().notes, [ImageNote::AlphaDropped]);
}

#[test]
fn a_large_mask_of_few_bits_is_read_however_short_its_file() {
    for (depth, per_byte) in [(png::BitDepth::One, 8), (png::BitDepth::Two, 4)] {
        let (width, height) = (2124_u32, 2056_u32);
        let row_bytes = width.div_ceil(per_byte) as usize;
        let mut rows = vec![0u8; row_bytes * height as usize];
        rows.chunks_exact_mut(row_bytes).skip(800).take(400).for_each(|row| row[100..150].fill(0xFF));
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, width, height);
        encoder.set_color(png::ColorType::Grayscale);
        encoder.set_depth(depth);
        encoder.set_compression(png::Compression::High);
        encoder.set_filter(png::Filter::NoFilter);
        encoder.write_header().unwrap().write_image_data(&rows).unwrap();
        assert!(4096 * bytes.len() < 3 * (width * height) as usize, "{} bytes are no test", bytes.len());
        let (_folder, path) = file("a.png", &bytes);
        let MaskValues::Levels { values, largest, .. } = read_mask(&path).unwrap().values else { panic!("levels") };
        let area = values.iter().filter(|value| **value == largest).count();
        assert_eq!(area, 400 * 50 * per_byte as usize);
    }
}

#[test]
fn grey_levels_of_every_depth_reach_from_black_to_white() {
    let (_folder, path) = file("a.png", &of_foreign("png-1-bit.png"));
    let grey = read_grey(&path).unwrap();
    assert_eq!((grey.get_pixel(0, 0).0, grey.get_pixel(20, 8).0), ([0], [255]));
    let (_folder, path) = file("a.png", &deep_png([0, 257, 32_896, 65_535]));
    assert_eq!(read_grey(&path).unwrap().into_raw(), [0, 1, 128, 255]);
    let (_folder, path) = file("a.png", &of_foreign("png-palette-2-bit.png"));
    let text = message(read_grey(&path), "a.png");
    assert!(text.contains("[128, 0, 0]") && text.contains("column 17, row 2"), "{text}");
}

#[test]
fn a_mask_that_jpeg_has_changed_is_grey_and_said_to_be_lossy() {
    let mask = RgbImage::from_fn(32, 32, |x, _| Rgb([if x < 13 { 0 } else { 255 }; 3]));
    let (_folder, path) = file("a.jpg", &encoded(mask, ImageFormat::Jpeg));
    let mask = read_mask(&path).unwrap();
    assert!(mask.lossy && matches!(mask.values, MaskValues::Levels { palette: None, largest: 255, .. }), "{mask:?}");
}

#[test]
fn files_that_are_no_images_are_named_for_what_they_are() {
    let mut dicom = vec![0; 128];
    dicom.extend(b"DICM");
    for (content, what) in [
        (b"GIF89a".as_slice(), "is a GIF image"),
        (b"\0\0\0\x18ftypheic", "HEIC"),
        (b"\0\0\0\x1Cftypavif", "AVIF"),
        (b"\0\0\0\x0CjP  \r\n", "JPEG 2000"),
        (&dicom, "DICOM"),
        (b"%PDF-1.7", "PDF"),
        (b"\n <!DOCTYPE html>", "page of the web"),
        (b"version https://git-lfs.github.com/spec/v1", "`git lfs pull`"),
        (b"PK\x03\x04", "is a zip archive; unpack it"),
        (b"P6\n4 4\n255\n", "is a PNM image"),
        (b"", "is empty; copy or download it again"),
    ] {
        let (_folder, path) = file("a.png", content);
        let text = message(read_rgb(&path), "a.png");
        assert!(text.contains(what) && text == message(read_header(&path), "a.png"), "{text}");
    }
}
