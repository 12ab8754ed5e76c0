//! Masks as people have them, from files to regions.

use image::codecs::jpeg::JpegEncoder;
use image::{ImageBuffer, RgbaImage};

use super::*;
use crate::data::image_file::Orientation;

/// One photograph, and a place for its mask.
fn one(save: impl Fn(&Path)) -> (TempDir, Options) {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("clinic");
    save_photograph(input.join("images/a.png"));
    fs::create_dir_all(input.join("masks")).unwrap();
    save(&input.join("masks"));
    let output = folder.path().join("out");
    let options = Options { test_every: 0, scale: Some(2.0), ..options(Layout::Pairs, &input, &output) };
    (folder, options)
}

fn levels(values: [u8; 3]) -> GrayImage {
    GrayImage::from_fn(WIDTH, HEIGHT, |x, y| Luma([values[class(x, y)]]))
}

/// Shares of cup and rim in the one region, in percent, and the notes about it.
fn measured(options: &Options) -> (f64, f64, Vec<Note>) {
    let summary = run(options).expect("it is read");
    assert_eq!(summary.regions.len(), 1);
    let [cup, rim, _] = summary.shares().expect("there is a mask").map(|share| 100.0 * share);
    (cup, rim, summary.regions[0].notes.clone())
}

/// The shares of a mask that is right: circles of 15 and of 30 pixels in a square of 118.
fn assert_right((cup, rim, notes): (f64, f64, Vec<Note>), tolerance: f64, kinds: &[NoteKind]) {
    assert!((cup - 5.0).abs() < tolerance && (rim - 15.2).abs() < tolerance, "cup {cup:.2} %, rim {rim:.2} %");
    assert_eq!(notes.iter().map(Note::kind).collect::<Vec<_>>(), kinds);
}

#[test]
fn values_of_any_depth_and_kind() {
    let numbers = Legend::levels(2, 1, Some(0));
    let (_folder, wanted) = one(|masks| {
        let mask = ImageBuffer::<Luma<u16>, Vec<u16>>::from_fn(WIDTH, HEIGHT, |x, y| Luma([class(x, y) as u16]));
        mask.save(masks.join("a.png")).unwrap();
    });
    assert_right(measured(&Options { legend: numbers, ..wanted.clone() }), 0.3, &[]);
    let text = run(&Options { legend: Legend::levels(7, 8, Some(0)), ..wanted }).unwrap_err().to_string();
    assert!(text.contains("levels 0 (") && text.contains("cup 2, rim 1, background 0"), "{text}");

    let colour = |colours: [[u8; 3]; 3]| RgbImage::from_fn(WIDTH, HEIGHT, move |x, y| Rgb(colours[class(x, y)]));
    let channels = colour([[0; 3], [255, 0, 0], [255, 255, 0]]);
    let (_folder, wanted) = one(|masks| channels.save(masks.join("a.png")).unwrap());
    let [cup, disc] = ["#ffff00", "#ff0000"].map(|colour| colour.parse().expect("a colour"));
    assert_right(measured(&Options { legend: Legend { cup, disc, background: None }, ..wanted.clone() }), 0.3, &[]);
    let text = run(&wanted).unwrap_err().to_string();
    assert!(text.contains("colours #000000 (") && text.contains("cup #ffff00, rim #ff0000"), "{text}");

    let red = colour([[0; 3], [255, 0, 0], [255, 0, 0]]);
    let (_folder, wanted) = one(|masks| red.save(masks.join("a.png")).unwrap());
    let (cup, rim, _) = measured(&Options { disc_masks: Some("masks".into()), ..wanted.clone() });
    assert!(cup == 0.0 && (rim - 20.2).abs() < 0.4, "{cup}, {rim}");
    let reason = run(&wanted).unwrap_err().to_string();
    assert!(reason.contains("shows the disc alone"), "{reason}");
    let (_folder, wanted) = one(|masks| {
        let transparent = RgbaImage::from_fn(WIDTH, HEIGHT, |x, y| {
            let [r, g, b] = red.get_pixel(x, y).0;
            image::Rgba([r, g, b, 255])
        });
        transparent.save(masks.join("a.png")).unwrap();
    });
    assert!((measured(&Options { disc_masks: Some("masks".into()), ..wanted }).1 - 20.2).abs() < 0.4);
}

#[test]
fn masks_that_were_compressed_or_scaled_smoothly() {
    let (_folder, wanted) = one(|masks| {
        let file = fs::File::create(masks.join("a.jpg")).unwrap();
        JpegEncoder::new_with_quality(file, 75).encode_image(&levels([255, 128, 0])).unwrap();
    });
    assert_right(measured(&wanted), 0.5, &[NoteKind::NearestValue]);
    let table = fs::read_to_string(wanted.output.join(TABLE)).unwrap();
    assert!(table.contains("nearest-value: ") && table.contains(" pixels"), "{table}");
    let smooth = |factor: u32, filter| {
        let small =
            image::imageops::resize(&levels([255, 128, 0]), WIDTH / factor, HEIGHT / factor, image::imageops::Nearest);
        image::imageops::resize(&small, WIDTH, HEIGHT, filter)
    };
    for filter in [image::imageops::Triangle, image::imageops::CatmullRom] {
        let (_folder, wanted) = one(|masks| smooth(2, filter).save(masks.join("a.png")).unwrap());
        assert_right(measured(&wanted), 1.0, &[NoteKind::NearestValue]);
    }
}

#[test]
fn masks_of_another_size() {
    for (width, height) in [(WIDTH / 2, HEIGHT / 2), (WIDTH - 2, HEIGHT), (2 * WIDTH, 2 * HEIGHT)] {
        let (_folder, wanted) = one(|masks| {
            image::imageops::resize(&levels([255, 128, 0]), width, height, image::imageops::Nearest)
                .save(masks.join("a.png"))
                .unwrap();
        });
        let (cup, rim, notes) = measured(&wanted);
        assert_eq!(notes, [Note::Scaled { from: (width, height), to: (WIDTH, HEIGHT) }]);
        assert_right((cup, rim, Vec::new()), 0.7, &[]);
    }
    let (_folder, wanted) = one(|masks| levels([255; 3]).save(masks.join("a.png")).unwrap());
    let stereo = image::imageops::crop_imm(&levels([255, 128, 0]), WIDTH / 2, 0, WIDTH / 2, HEIGHT).to_image();
    stereo.save(wanted.input.join("masks/a.png")).unwrap();
    let text = run(&wanted).unwrap_err().to_string();
    assert!(text.contains("240x200") && text.contains("120x200") && text.contains("stereo pair"), "{text}");
}

#[test]
fn outlines_and_rims() {
    let distance = |x: u32, y: u32| (f64::from(x) - 150.0).hypot(f64::from(y) - 90.0);
    let ring = |radius: f64| move |x: u32, y: u32| (radius - 2.0..radius).contains(&distance(x, y));
    let drawn = |value: &dyn Fn(u32, u32) -> u8| GrayImage::from_fn(WIDTH, HEIGHT, |x, y| Luma([value(x, y)]));
    let outline = drawn(&|x, y| if ring(15.0)(x, y) { 0 } else { 255 - 127 * u8::from(ring(30.0)(x, y)) });
    let (_folder, wanted) = one(|masks| outline.save(masks.join("a.png")).unwrap());
    assert_right(measured(&wanted), 0.3, &[NoteKind::OutlineFilled]);
    let open = drawn(&|x, y| if ring(30.0)(x, y) && x < 170 { 128 } else { 255 });
    let (_folder, wanted) = one(|masks| open.save(masks.join("a.png")).unwrap());
    let text = run(&wanted).unwrap_err().to_string();
    assert!(text.contains("line that does not close") && text.contains("a.png"), "{text}");

    let (_folder, wanted) = one(|masks| {
        for (kind, levels_) in [("discs", [0, 255, 0]), ("cups", [0, 0, 255])] {
            save(masks.with_file_name(kind).join("a.png"), levels(levels_));
        }
        fs::remove_dir(masks).unwrap();
    });
    assert_right(measured(&wanted), 0.3, &[NoteKind::RimWithoutCup]);
}

#[test]
fn contours_in_text_files() {
    let points = |radius: f64, count: u32| {
        let angle = move |i: u32| std::f64::consts::TAU * f64::from(i) / f64::from(count);
        (0..count).map(move |i| (150.0 + radius * angle(i).cos(), 90.0 + radius * angle(i).sin()))
    };
    let rows = |radius: f64| points(radius, 60).map(|(x, y)| format!("{x:.3} , {y:.3}\r\n")).collect::<String>();
    let (_folder, wanted) = one(|masks| {
        for (kind, radius) in [("discs", 30.0), ("cups", 15.0)] {
            let file = masks.with_file_name(kind).join("anotExpert1_a.txt");
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, rows(radius)).unwrap();
        }
        fs::remove_dir(masks).unwrap();
    });
    fs::rename(wanted.input.join("images/a.png"), wanted.input.join("images/image_a.png")).unwrap();
    assert_right(measured(&wanted), 0.7, &[NoteKind::OtherName]);

    // RIM-ONE DL's, where the pictures made of them are missing.
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("RIM-ONE_DL"), folder.path().join("out"));
    save_photograph(input.join("partitioned_by_hospital/test_set/normal/r1_Im002.png"));
    for (kind, radius) in [("Disc", 29.5), ("Cup", 14.8)] {
        let file = input.join(format!("reference_segmentations/normal/r1_Im002-1-{kind}-T.txt"));
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        let rows: String = points(radius, 16).map(|(x, y)| format!("{:.0}\r\n{:.0}\r\n", x + 1.0, y + 1.0)).collect();
        fs::write(file, format!("Intersection points\r\n151\r\n91\r\n{rows}")).unwrap();
    }
    run(&options(Layout::RimOneDl, &input, &output)).unwrap();
    assert_split(&output, Split::Test, &["r1_Im002"], 59.0 * 64.0 / 240.0);
}

/// A photograph that is stored turned, as a JPEG that says so.
fn save_turned(path: &Path, orientation: Orientation) {
    let inverse = match orientation {
        Orientation::Rotate90 => Orientation::Rotate270,
        other => other,
    };
    let upright =
        RgbImage::from_fn(WIDTH, HEIGHT, |x, y| Rgb([[90, 50, 20], [200, 120, 60], [250, 220, 160]][class(x, y)]));
    let mut stored = DynamicImage::ImageRgb8(upright);
    stored.apply_orientation(inverse);
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, 95).encode_image(&stored).unwrap();
    // A segment of EXIF that holds nothing but the orientation goes after the first marker.
    let mut exif = b"\xFF\xE1\x00\x22Exif\0\0II\x2A\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
    exif.extend([orientation.to_exif(), 0, 0, 0, 0, 0, 0, 0]);
    jpeg.splice(2..2, exif);
    fs::write(path, jpeg).unwrap();
}

#[test]
fn photographs_that_are_stored_turned() {
    for (orientation, on_stored) in [
        (Orientation::Rotate180, false),
        (Orientation::Rotate180, true),
        (Orientation::Rotate90, false),
        (Orientation::Rotate90, true),
    ] {
        let (_folder, wanted) = one(|masks| {
            let mut mask = DynamicImage::ImageLuma8(levels([255, 128, 0]));
            if on_stored {
                let inverse = if orientation == Orientation::Rotate90 { Orientation::Rotate270 } else { orientation };
                mask.apply_orientation(inverse);
            }
            mask.save(masks.join("a.png")).unwrap();
        });
        fs::remove_file(wanted.input.join("images/a.png")).unwrap();
        save_turned(&wanted.input.join("images/a.jpg"), orientation);
        let kind = if on_stored { NoteKind::DrawnOnStored } else { NoteKind::DrawnUpright };
        assert_right(measured(&wanted), 0.3, &[NoteKind::Photograph, kind]);
        let region = read_rgb(&wanted.output.join("train/ROIs/image/a.png")).unwrap();
        let [middle, corner] = [(32, 32), (2, 2)].map(|(x, y)| region.get_pixel(x, y).0[0]);
        assert!(middle > 240 && corner < 110, "the disc lies in the middle: {middle}, {corner}");
    }
}

#[test]
fn what_lies_apart_from_the_disc_is_told_for_what_it_is() {
    let drawn = |side: u32, level: u8, classes: [u8; 3]| {
        let within = move |x: u32, y: u32| (20..20 + side).contains(&x) && (20..20 + side).contains(&y);
        one(|masks| {
            let mask = GrayImage::from_fn(WIDTH, HEIGHT, |x, y| {
                Luma([if within(x, y) { level } else { classes[class(x, y)] }])
            });
            mask.save(masks.join("a.png")).unwrap();
        })
    };
    let with = |side: u32, level: u8| drawn(side, level, [255, 128, 0]);
    let (_folder, wanted) = with(4, 0);
    assert_right(measured(&wanted), 0.3, &[NoteKind::Apart]);
    for (level, words) in [(0, "36 % of the cup"), (128, "more than one disc")] {
        let (_folder, wanted) = with(20, level);
        let text = run(&wanted).unwrap_err().to_string();
        assert!(text.contains(words) && !text.contains("does not close"), "{text}");
    }
    // The whole cup, smaller than the disc and larger.
    for side in [20, 60] {
        let (_folder, wanted) = drawn(side, 0, [255, 128, 128]);
        let text = run(&wanted).unwrap_err().to_string();
        assert!(text.contains("100 % of the cup") && !text.contains("say what the levels mean"), "{text}");
    }
}
