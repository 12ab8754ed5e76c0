//! Photographs and folders as people bring them, given to `predict` and `evaluate`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use image::{GrayImage, ImageBuffer, Luma, Rgb, RgbImage};
use papilla::formats::{Facts, TensorFile};
use serde_json::Value;
use tempfile::TempDir;

use crate::clinics::clinics;
use crate::running::{DEFECT, output, papilla, refused, text};
use crate::whole_photographs::{DISC_EVERYWHERE, photograph, table, weights};

/// A region of one size with a bright middle.
fn region(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let middle = x.abs_diff(width / 2).max(y.abs_diff(height / 2)) < width.min(height) / 4;
        Rgb(if middle { [240, 200, 150] } else { [160, (80 + x % 40) as u8, (40 + y % 20) as u8] })
    })
}

fn save(image: &RgbImage, path: &Path) {
    image.save(path).expect("a temporary file can be written");
}

/// A JPEG file that says how it is to be turned.
fn save_turned(image: &RgbImage, orientation: u8, path: &Path) {
    let mut jpeg = Vec::new();
    let encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut jpeg, 100);
    image.write_with_encoder(encoder).expect("it can be encoded");
    let mut exif = b"\xff\xe1\0\x22Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    exif.extend([orientation, 0, 0, 0, 0, 0, 0]);
    jpeg.splice(2..2, exif);
    fs::write(path, jpeg).expect("a temporary file can be written");
}

/// What was said on stderr, the lines of the driver left out.
fn said(output: &Output) -> Vec<String> {
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!text.contains(DEFECT), "{text}");
    text.lines().filter(|line| !line.contains("XDG_RUNTIME_DIR")).map(str::to_owned).collect()
}

/// The one line that contains all words.
fn line<'a>(lines: &'a [String], words: &[&str]) -> &'a str {
    let found: Vec<_> = lines.iter().filter(|line| words.iter().all(|word| line.contains(word))).collect();
    assert_eq!(found.len(), 1, "{words:?} in {lines:#?}");
    found[0]
}

fn predict(weights: &Path, out: &Path, more: &[&Path]) -> Output {
    let begin = ["--json", "predict", "--size", "64", "--checkpoint", text(weights), "--out", text(out)];
    papilla(&begin).args(more).output().expect("the program runs")
}

fn document(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!("{error}: {}", String::from_utf8_lossy(&output.stderr));
    })
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array().expect("a list").iter().map(|name| name.as_str().expect("a name")).collect()
}

#[test]
fn a_folder_with_all_sorts_of_files() {
    let folder = TempDir::new().expect("a temporary folder");
    let (inputs, out) = (folder.path().join("in"), folder.path().join("out"));
    fs::create_dir_all(inputs.join("sub/deeper")).expect("a folder");
    let at = |name: &str| inputs.join(name);
    let long = format!("{}é", "l".repeat(243));
    for name in ["fine.png", "截图.PNG", "two\nlines \u{1b}[31m.png", &format!("{long}.png")] {
        save(&region(64, 64), &at(name));
    }
    save(&photograph(0).0, &at("whole.jpg"));
    save(&region(60, 40), &at("wide.png"));
    save(&RgbImage::from_pixel(40, 40, Rgb([7; 3])), &at("plain.bmp"));
    save(&RgbImage::new(1, 1), &at("tiny.png"));
    save(&region(400, 20), &at("strip.png"));
    for name in ["broken.jpg", "empty.png", "._fine.png", ".DS_Store", "Thumbs.db", "noext", "notes.txt"] {
        fs::write(at(name), if name == "empty.png" { "" } else { "no picture" }).expect("a file");
    }
    save(&region(48, 48), &at("sub/a.png"));
    save(&region(48, 48), &at("sub/deeper/b.png"));

    let weights = weights(&folder, Some(DISC_EVERYWHERE));
    let mut file = TensorFile::read(&weights).expect("just written");
    file.metadata.insert(Facts::THRESHOLDS.into(), "cup 0.41, disc 0.63, on 28 regions".into());
    file.write(&weights).expect("the folder is writable");
    let output = predict(&weights, &out, &[&inputs]);
    let lines = said(&output);
    assert_eq!(output.status.code(), Some(1), "{lines:?}");
    let errors: Vec<_> = lines.iter().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(errors.len(), 4, "{errors:?}");
    for (name, word) in [("broken.jpg", "decode"), ("empty.png", ""), ("tiny.png", "1x1"), ("strip.png", "400x20")] {
        line(&lines, &["error: ", name, word]);
    }
    line(&lines, &["2 files", "left alone", "`noext` and `notes.txt`"]);
    line(&lines, &["1 folder is not entered", "`sub`", "2 images"]);
    line(&lines, &["1 of 7 looks like a whole photograph", "`whole`", "--find-disc"]);
    line(&lines, &["`wide`", "60x40", "mirroring"]);
    line(&lines, &["regions of 2 of 7", "fewer than 64 pixels a side", "`plain` and `wide`"]);
    line(&lines, &["too long", &long, "`llll"]);
    assert!(!lines.iter().any(|line| line.contains("._fine") || line.contains("Thumbs") || line.contains('\u{1b}')));

    let document = document(&output);
    assert_eq!(document["images"], 7);
    assert_eq!(names(&document["unreadable"]).len(), 4);
    assert_eq!(names(&document["flags"]["whole-photograph"]), ["whole"]);
    assert_eq!(names(&document["flags"]["few-pixels"]), ["plain", "wide"]);
    assert_eq!(names(&document["flags"]["no-cup"]).len(), 7, "the network finds none");
    assert_eq!(names(&document["notes"]).len(), 7);
    line(&lines, &["calibrated on 28 held-out regions of the source: cup 0.41, disc 0.63"]);
    let by = ["checkpoint", "masks", "threshold_cup", "size", "steps"].map(|key| document[key].to_string());
    assert_eq!(by, [&format!("\"{}\"", text(&weights)), "\"postprocessed\"", "0.41", "64", "null"]);
    for prediction in document["predictions"].as_array().expect("a list") {
        let name = prediction["name"].as_str().expect("a name");
        assert_eq!(names(&prediction["flag"]).contains(&"whole-photograph"), name == "whole", "{prediction}");
        let remarks: &[&str] = match name {
            "whole" => &["whole photograph"],
            "wide" => &["60x40 and was completed", "only 60x40 pixels"],
            "plain" => &["only 40x40 pixels"],
            _ => &[],
        };
        let notes = names(&prediction["notes"]);
        assert!(notes.len() == remarks.len() && remarks.iter().zip(&notes).all(|(r, n)| n.contains(r)), "{notes:?}");
        assert!(name.len() <= 239 && out.join(format!("{name}_overlay.png")).is_file(), "{name}");
    }
    let mask = |name: &str| image::image_dimensions(out.join(format!("{name}_mask.png"))).expect("a mask");
    assert_eq!((mask("wide"), mask("whole")), ((60, 40), (900, 800)));
    let rows = table(&out);
    let whole = rows.iter().find(|row| row["name"] == "whole").expect("a row");
    assert_eq!(whole["flag"], "whole-photograph; large-disc; disc-at-border; no-cup");
    assert_eq!([&whole["rim_inferior"], &whole["rim_left"]], ["", ""], "nothing is known of a rim without its cup");
    assert_eq!([&whole["masks"], &whole["checkpoint"]], ["postprocessed", text(&weights)]);
    assert!(whole["notes"].contains("whole photograph") && out.join("contact-sheet.png").is_file());

    // The same again gives the same names; results that the table would no longer list, and what somebody has worked on, are in
    // its way, and go only if that is wanted.
    let (empty, fine, force) = (folder.path().join("empty"), inputs.join("../in/fine.png"), Path::new("--force"));
    fs::create_dir(&empty).expect("a folder");
    let error = refused(&predict(&weights, &out, &[&fine]), 1);
    assert!(error.contains("results of 6 other images") && error.contains("--force"), "{error}");
    let drawn_over = out.join("fine_mask.png");
    image::open(&drawn_over).expect("a mask").save(&drawn_over).expect("a file");
    let error = refused(&predict(&weights, &out, &[&inputs]), 1);
    assert!(error.contains("fine_mask.png") && error.contains("--force"), "{error}");
    let mine = out.join("wide_mask.png");
    fs::write(&mine, "mine").expect("a file");
    let again = predict(&weights, &out, &[&at("fine.png"), &at("Thumbs.db"), &empty, &fine, force]);
    let mut left: Vec<_> = fs::read_dir(&out).expect("a folder").flatten().map(|entry| entry.file_name()).collect();
    left.sort();
    let results = ["contact-sheet.png", "fine_mask.png", "fine_overlay.png", "predictions.csv", "wide_mask.png"];
    assert_eq!(left, results);
    assert_eq!(fs::read(&mine).expect("a file"), b"mine");
    assert!(again.status.success(), "{:?}", said(&again));
    line(&said(&again), &["empty` holds no image"]);
    assert_eq!(self::document(&again)["images"], 1, "one file under two names is one image");
    let error = refused(&predict(&weights, &out, &[&empty]), 1);
    assert!(error.contains("no image is given") && error.contains("empty` holds no image"), "{error}");
}

#[test]
fn photographs_are_upright_and_what_is_not_found_has_no_figure() {
    let folder = TempDir::new().expect("a temporary folder");
    let (inputs, out) = (folder.path().join("in"), folder.path().join("out"));
    fs::create_dir(&inputs).expect("a folder");
    let upright = RgbImage::from_fn(64, 48, |x, y| Rgb(if x < 32 && y < 24 { [250, 200, 20] } else { [140, 70, 200] }));
    // Stored so that a viewer that heeds orientation 6 or 3 shows it upright.
    save_turned(&image::imageops::rotate270(&upright), 6, &inputs.join("a.jpg"));
    save_turned(&image::imageops::rotate180(&upright), 3, &inputs.join("b.jpg"));
    save(&upright, &inputs.join("c.png"));
    let deep: ImageBuffer<Luma<u16>, Vec<u16>> =
        ImageBuffer::from_fn(48, 48, |x, _| Luma([if x < 24 { 900 } else { 4080 }]));
    deep.save(inputs.join("d.png")).expect("a temporary file can be written");

    let weights = weights(&folder, Some([-3.0, -3.0]));
    let output = predict(&weights, &out, &[&inputs]);
    let lines = said(&output);
    assert_eq!(output.status.code(), Some(0), "{lines:?}");
    line(&lines, &["`a`: its EXIF orientation, 6", "1 more: `b`"]);
    line(&lines, &["`d`", "12 bits"]);
    for name in ["a", "b", "c"] {
        // Nothing is drawn where nothing is found.
        let seen = image::open(out.join(format!("{name}_overlay.png"))).expect("an overlay").to_rgb8();
        assert_eq!(seen.dimensions(), (64, 48), "{name}");
        for (x, y) in [(4, 4), (60, 4), (4, 44), (60, 44)] {
            let (seen, wanted) = (seen.get_pixel(x, y).0, upright.get_pixel(x, y).0);
            assert!(seen.iter().zip(wanted).all(|(a, b)| a.abs_diff(b) < 12), "{name} at {x}, {y}: {seen:?}");
        }
    }
    let light = image::open(out.join("d_overlay.png")).expect("an overlay").to_rgb8();
    assert!(light.get_pixel(40, 9).0[0] > 250 && light.get_pixel(9, 9).0[0].abs_diff(56) < 3);
    let document = document(&output);
    assert_eq!(names(&document["flags"]["no-disc"]), ["a", "b", "c", "d"]);
    for (prediction, row) in document["predictions"].as_array().expect("a list").iter().zip(table(&out)) {
        assert!(prediction["confidence"].is_null() && prediction["vcdr"].is_null(), "{prediction}");
        assert_eq!((row["confidence"].as_str(), row["flag"].as_str()), ("", "few-pixels; no-disc"));
    }

    // With other bits than those that the levels speak of; and in words.
    let begin =
        ["predict", "--size", "64", "--bits", "14", "--force", "--checkpoint", text(&weights), "--out", text(&out)];
    let told = papilla(&begin).arg(inputs.join("d.png")).output().expect("the program runs");
    let told = crate::running::succeeded(told);
    let lines =
        ["look at 1 of 1 image, by the column `flag`:", "  few-pixels: 1 image (`d`)", "  no-disc: 1 image (`d`)"];
    assert!(told.contains(&lines.join("\n")), "{told}");
    let dark = image::open(out.join("d_overlay.png")).expect("an overlay").to_rgb8();
    assert!(dark.get_pixel(40, 9).0[0].abs_diff(63) < 3, "{:?}", dark.get_pixel(40, 9));
}

#[test]
fn one_region_in_many_that_cannot_be_evaluated() {
    let folder = TempDir::new().expect("a temporary folder");
    let data = clinics(&folder).join("clinic-a/test");
    let out = folder.path().join("out");
    let rois = data.join("ROIs");
    let listed = |kind: &str| -> Vec<PathBuf> {
        let mut files: Vec<_> =
            fs::read_dir(rois.join(kind)).expect("a folder").map(|entry| entry.expect("listed").path()).collect();
        files.sort();
        files
    };
    let (images, masks) = (listed("image"), listed("mask"));
    assert_eq!((images.len(), masks.len()), (3, 3));
    // One damaged, one without its mask, one that is not square; a whole photograph, and strays.
    fs::write(&images[0], "no picture").expect("a file");
    fs::rename(&masks[1], rois.join("mask/other.png")).expect("it can be renamed");
    save(&region(96, 64), &images[2]);
    let disc = GrayImage::from_fn(96, 64, |x, _| Luma([if (20..40).contains(&x) { 128 } else { 255 }]));
    disc.save(&masks[2]).expect("a temporary file can be written");
    save(&photograph(0).0, &rois.join("image/Whole.png"));
    GrayImage::from_fn(900, 800, |x, _| Luma([if x < 400 && x > 9 { 128 } else { 255 }]))
        .save(rois.join("mask/whole.png"))
        .expect("a temporary file can be written");
    fs::write(rois.join("image/readme"), "x").expect("a file");

    let weights = weights(&folder, Some(DISC_EVERYWHERE));
    let arguments = [
        "--json",
        "evaluate",
        "--size",
        "64",
        "--checkpoint",
        text(&weights),
        "--data",
        text(&data),
        "--out",
        text(&out),
    ];
    let output = output(&arguments);
    let lines = said(&output);
    assert_eq!(output.status.code(), Some(1), "{lines:?}");
    let name = |path: &Path| path.file_name().expect("a name").to_string_lossy().into_owned();
    line(&lines, &["error: ", &name(&images[0])]);
    line(&lines, &["error: ", &name(&images[1]), "no mask"]);
    line(&lines, &["1 mask without an image is not used: `other.png`"]);
    line(&lines, &["1 file is left alone", "`readme`"]);
    line(&lines, &["96x64", "mirroring"]);
    line(&lines, &["1 of 4 looks like a whole photograph", "`Whole`", "papilla prepare"]);
    let document = document(&output);
    assert_eq!((&document["images"], &document["regions"]), (&2.into(), &4.into()));
    assert_eq!(names(&document["left_out"]).len(), 2);
    assert_eq!(names(&document["whole_photographs"]), ["Whole"]);
    line(&lines, &["does not say what it was trained on"]);
    line(&lines, &["weights.safetensors` keeps no calibrated thresholds: 0.75 is taken, as published"]);
    assert_eq!(names(&document["notes"]).len(), 7, "{document}");
    let rows = csv::Reader::from_path(out.join("metrics.csv")).expect("a table").into_records().count();
    assert_eq!(rows, 2);

    // Totals say over how many they are; without any there are none.
    let told = crate::running::output(&arguments[1..8]);
    assert!(String::from_utf8_lossy(&told.stdout).contains("2 of 4 images"), "{told:?}");
    for image in ["Whole.png".into(), name(&images[2])] {
        fs::write(rois.join("image").join(image), "no picture").expect("a file");
    }
    let error = refused(&crate::running::output(&arguments), 1);
    assert!(error.contains("none of the 4 regions") && error.contains("Whole.png"), "{error}");
}

#[test]
#[cfg(target_os = "linux")]
fn names_that_are_no_text_have_results_of_their_own() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let folder = TempDir::new().expect("a temporary folder");
    let (inputs, out) = (folder.path().join("in"), folder.path().join("out"));
    fs::create_dir(&inputs).expect("a folder");
    for name in [&b"\xff.png"[..], b"\xfe.png"] {
        let encoded = folder.path().join("region.png");
        save(&region(32, 32), &encoded);
        fs::rename(encoded, inputs.join(OsStr::from_bytes(name))).expect("it can be renamed");
    }
    let output = predict(&weights(&folder, Some(DISC_EVERYWHERE)), &out, &[&inputs]);
    assert!(output.status.success(), "{:?}", said(&output));
    assert_eq!(fs::read_dir(&out).expect("it was made").count(), 2 * 2 + 2);
}
