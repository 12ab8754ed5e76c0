//! `predict --find-disc`, from whole photographs to masks of their size, and photographs in which there is no disc.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use image::{DynamicImage, GrayImage, ImageBuffer, Rgb, RgbImage};
use papilla::data::synth::{Clinic, Split, generate};
use papilla::formats::{HostTensor, TensorFile};
use papilla::nn::Norm;
use papilla::nn::deeplab::{Backbone, DeepLab};
use papilla::nn::init::hashed_values;
use serde_json::Value;
use tempfile::TempDir;

use crate::running::{papilla, succeeded, text};

/// Columns and rows of a photograph.
const SIZE: (u32, u32) = (900, 800);
/// Radius of the round field in its middle.
const FIELD: f32 = 380.0;
/// Side of the synthetic region in it.
const REGION: u32 = 300;
/// Where the region's middle lies.
const PLACE: (u32, u32) = (300, 420);

/// A network whose logits of cup and disc are `constant` everywhere; else made up.
pub fn weights(folder: &TempDir, constant: Option<[f32; 2]>) -> PathBuf {
    let network = DeepLab { backbone: Backbone::MobileNetV2, output_stride: 16, norm: Norm::Batch };
    let tensors = network.tensors().expect("the backbone has this output stride");
    let value = |name: &str, shape: &[usize]| match (name, constant) {
        ("decoder.last_conv.3.weight", Some(_)) => vec![0.0; shape.iter().product()],
        ("decoder.last_conv.3.bias", Some(logits)) => logits.to_vec(),
        ("decoder.last_conv.3.bias", None) => DISC_EVERYWHERE.to_vec(),
        _ => hashed_values(name, shape),
    };
    let tensors = tensors.iter().map(|spec| {
        (spec.name.clone(), HostTensor { shape: spec.shape.to_vec(), data: value(&spec.name, &spec.shape) })
    });
    let path = folder.path().join("weights.safetensors");
    let file = TensorFile { tensors: tensors.collect(), metadata: BTreeMap::new() };
    file.write(&path).expect("the folder is writable");
    path
}

/// Logits of no cup, and of disc.
pub const DISC_EVERYWHERE: [f32; 2] = [-3.0, 3.0];

/// A number in [0, 1] that follows from a place.
fn noise(x: u32, y: u32) -> f32 {
    let mixed = (x.wrapping_mul(0x9E37_79B1) ^ y.wrapping_mul(0x85EB_CA77)).wrapping_mul(0xC2B2_AE3D);
    (mixed >> 8) as f32 / (1 << 24) as f32
}

/// A round field of view, dark around it, with what `retina` shows at a place.
fn field(retina: impl Fn(u32, u32) -> [f32; 3]) -> RgbImage {
    RgbImage::from_fn(SIZE.0, SIZE.1, |x, y| {
        let distance = (x as f32 - SIZE.0 as f32 / 2.0).hypot(y as f32 - SIZE.1 as f32 / 2.0);
        if distance > FIELD { Rgb([4, 3, 3]) } else { Rgb(retina(x, y).map(|level| level.round() as u8)) }
    })
}

/// A photograph with a synthetic disc; its centre, and its diameter.
pub fn photograph(index: u64) -> (RgbImage, (f64, f64), f64) {
    let (region, mask) = generate(5, Clinic::A, Split::Test, index, REGION);
    let first = (PLACE.0 - REGION / 2, PLACE.1 - REGION / 2);
    let edge: Vec<[u8; 3]> = (0..REGION).flat_map(|i| [region.get_pixel(i, 0).0, region.get_pixel(0, i).0]).collect();
    let around = [0, 1, 2].map(|c| edge.iter().map(|pixel| f32::from(pixel[c])).sum::<f32>() / edge.len() as f32);
    let photograph = field(|x, y| {
        let (u, v) = (x.wrapping_sub(first.0), y.wrapping_sub(first.1));
        if u >= REGION || v >= REGION {
            return around;
        }
        // The region fades into the retina around it.
        let middle = REGION as f32 / 2.0;
        let distance = (u as f32 - middle).hypot(v as f32 - middle) / middle;
        let share = ((1.0 - distance) / 0.2).clamp(0.0, 1.0);
        let seen = region.get_pixel(u, v).0;
        [0, 1, 2].map(|c| share * f32::from(seen[c]) + (1.0 - share) * around[c])
    });
    let inside = |mask: &GrayImage| -> Vec<(u32, u32)> {
        mask.enumerate_pixels().filter(|(_, _, level)| level.0[0] < 200).map(|(x, y, _)| (x, y)).collect()
    };
    let disc = inside(&mask);
    let middle = |values: Vec<u32>, first: u32| {
        let (low, high) = (*values.iter().min().expect("a disc"), *values.iter().max().expect("a disc"));
        (f64::from(low + high) / 2.0 + f64::from(first), f64::from(high - low + 1))
    };
    let (x, width) = middle(disc.iter().map(|place| place.0).collect(), first.0);
    let (y, height) = middle(disc.iter().map(|place| place.1).collect(), first.1);
    (photograph, (x, y), width.max(height))
}

fn predict(weights: &Path, inputs: &[&Path], out: &Path, more: &[&str]) -> Output {
    let begin = ["predict", "--find-disc", "--size", "64", "--checkpoint", text(weights), "--out", text(out)];
    papilla(&begin).args(inputs).args(more).output().expect("the program runs")
}

/// Rows of the table by the names of its columns.
pub fn table(out: &Path) -> Vec<BTreeMap<String, String>> {
    let mut reader = csv::Reader::from_path(out.join("predictions.csv")).expect("the table is written");
    reader.deserialize().map(|row| row.expect("every row has all columns")).collect()
}

fn number(row: &BTreeMap<String, String>, column: &str) -> f64 {
    row[column].parse().unwrap_or_else(|_| panic!("`{column}` is no number: {row:?}"))
}

/// Checks that a mask has its photograph's size and shows disc in the row's region and nowhere else.
fn assert_disc_fills_region(out: &Path, row: &BTreeMap<String, String>, size: (u32, u32)) {
    let name = &row["name"];
    let mask = image::open(out.join(format!("{name}_mask.png"))).expect("a mask is written").to_luma8();
    assert_eq!(mask.dimensions(), size, "{name}");
    let [left, top, side] = ["region_left", "region_top", "region_side"].map(|column| number(row, column) as i64);
    let within = |v: u32, first: i64| (first..first + side).contains(&i64::from(v));
    let wrong = mask.enumerate_pixels().find(|(x, y, level)| {
        let wanted = if within(*x, left) && within(*y, top) { 128 } else { 255 };
        level.0[0] != wanted
    });
    assert_eq!(wrong, None, "{name}: {row:?}");
    assert_eq!(mask.pixels().filter(|level| level.0[0] == 128).count() as f64, number(row, "disc_area"));
    let overlay = image::open(out.join(format!("{name}_overlay.png"))).expect("an overlay is written").to_rgb8();
    assert_eq!(overlay.dimensions(), size, "{name}");
}

#[test]
fn masks_lie_where_the_disc_was_found_whatever_the_format() {
    let folder = TempDir::new().expect("a temporary folder");
    let (inputs, out) = (folder.path().join("photographs"), folder.path().join("out"));
    fs::create_dir(&inputs).expect("a folder");
    let (photograph, centre, diameter) = photograph(0);
    let deep: ImageBuffer<Rgb<u16>, Vec<u16>> = ImageBuffer::from_fn(SIZE.0, SIZE.1, |x, y| {
        Rgb(photograph.get_pixel(x, y).0.map(|level| u16::from(level) * 257))
    });
    let deep = DynamicImage::ImageRgb16(deep);
    for (image, name) in [(&photograph.clone().into(), "a.png"), (&deep, "b.png"), (&deep, "c.tiff")] {
        let image: &DynamicImage = image;
        image.save(inputs.join(name)).expect("a temporary file can be written");
    }
    for name in ["d.bmp", "e.jpg"] {
        photograph.save(inputs.join(name)).expect("a temporary file can be written");
    }
    let weights = weights(&folder, Some(DISC_EVERYWHERE));
    let told = succeeded(predict(&weights, &[&inputs], &out, &["--raw"]));
    for words in ["5 images segmented", "confidence of the disc finder: 0.", "not a medical device"] {
        assert!(told.contains(words), "`{words}` is not in: {told}");
    }
    let rows = table(&out);
    assert_eq!(rows.iter().map(|row| row["name"].as_str()).collect::<Vec<_>>(), ["a", "b", "c", "d", "e"]);
    for row in &rows {
        let side = number(row, "region_side");
        let found = [("region_left", centre.0), ("region_top", centre.1)]
            .map(|(column, truth)| number(row, column) + (side - 1.0) / 2.0 - truth);
        let off = found[0].hypot(found[1]) / (diameter / 2.0);
        assert!(off < 0.5, "the region's middle is {off} disc radii from the disc's: {row:?}");
        assert!((0.7..1.4).contains(&(side / 1.5 / diameter)), "the disc is {diameter} wide: {row:?}");
        assert_disc_fills_region(&out, row, SIZE);
        assert_eq!((row["cup_area"].as_str(), row["vcdr"].as_str()), ("0", ""), "there is no cup");
        assert_eq!((row["rim_inferior"].as_str(), row["uncertainty_disc"].as_str()), ("", ""));
    }
    // Depth and lossless formats change nothing.
    for row in &rows[1..4] {
        let without_name = |row: &BTreeMap<String, String>| {
            row.iter().filter(|(k, _)| *k != "name").map(|(_, v)| v.clone()).collect::<Vec<_>>()
        };
        assert_eq!(without_name(row), without_name(&rows[0]));
    }
}

#[test]
fn a_photograph_without_a_disc_is_listed_for_checking() {
    let folder = TempDir::new().expect("a temporary folder");
    let out = folder.path().join("out");
    let [with, without, region] = ["with_OD.png", "without.png", "region.png"].map(|name| folder.path().join(name));
    generate(5, Clinic::A, Split::Test, 0, 128).0.save(&region).expect("a temporary file can be written");
    photograph(0).0.save(&with).expect("a temporary file can be written");
    let bare = field(|x, y| {
        let speckle = noise(x / 6, y / 6) - 0.5;
        [150.0 + 30.0 * speckle, 75.0 + 24.0 * speckle, 40.0 + 10.0 * speckle]
    });
    bare.save(&without).expect("a temporary file can be written");
    let weights = weights(&folder, None);
    let told = succeeded(predict(&weights, &[&with, &without, &region], &out, &["--uncertainty", "2"]));
    for line in ["  unsure-place: 1 image (`without`)", "  already-region: 1 image (`region`)"] {
        assert!(told.lines().any(|told| told == line), "`{line}` is not in: {told}");
    }

    for row in table(&out) {
        let confidence = number(&row, "finder_confidence");
        assert_eq!(confidence < 0.3, row["flag"].contains("unsure-place"), "{row:?}");
        assert_eq!(row["flag"].contains("already-region"), row["name"] == "region", "{row:?}");
        for column in ["uncertainty_disc", "uncertainty_outline"] {
            assert!((0.0..=0.5).contains(&number(&row, column)), "{row:?}");
        }
        let name = &row["name"];
        let deviations = image::open(out.join(format!("{name}_uncertainty.png"))).expect("a picture").to_rgb8();
        let side = number(&row, "region_side") as u32;
        assert_eq!(deviations.dimensions(), (2 * side, side), "cup beside disc, of the region");
    }

    let told = succeeded(predict(
        &weights,
        &[&with],
        &out,
        &["--uncertainty", "2", "--eye", "from-name", "--json", "--force"],
    ));
    let document: Value = serde_json::from_str(&told).expect("--json prints one document");
    assert!(document["notice"].as_str().is_some_and(|notice| notice.contains("not a medical device")));
    let row = &table(&out)[0];
    let prediction = document["predictions"][0].as_object().expect("an object for each image");
    let of_call = ["masks", "threshold_cup", "threshold_disc", "erosion", "checkpoint", "steps"];
    let columns: BTreeSet<&str> = row.keys().map(String::as_str).filter(|column| !of_call.contains(column)).collect();
    assert_eq!(prediction.keys().map(String::as_str).collect::<BTreeSet<_>>(), columns);
    assert_eq!((&prediction["eye"], row["eye"].as_str()), (&"right".into(), "right"));
    // Nobody draws a disc as large as the region: there is nothing to be confident of. It lies left, as in left eyes.
    assert!(row["flag"].contains("large-disc") && row["flag"].contains("other-eye"), "{row:?}");
    assert!(prediction["confidence"].is_null() && row["confidence"].is_empty(), "{row:?}");
    for column in ["uncertainty_disc", "uncertainty_outline", "finder_confidence", "region_side"] {
        let value = prediction[column].as_f64().unwrap_or_else(|| panic!("`{column}` is no number: {prediction:?}"));
        assert!((value - number(row, column)).abs() < 1e-4, "{column}: {value} but {row:?}");
    }
}

#[test]
fn real_photographs() {
    let Some(raw) = harness::shared("realdata/raw") else { return };
    // Centre and diameter: of Drishti from the experts' maps, of REFUGE as read off the photographs.
    let discs = [
        ("Drishti-GS1/Test/Images/ALL/drishtiGS_007.png", (1043.5, 887.0), 415.0),
        ("Drishti-GS1/Training/Images/ALL/drishtiGS_008.png", (1093.5, 962.5), 344.0),
        ("REFUGE/T0001.jpg", (448.0, 765.0), 230.0),
    ];
    let folder = TempDir::new().expect("a temporary folder");
    let out = folder.path().join("out");
    let inputs = discs.map(|(file, ..)| raw.join(file));
    let paths: Vec<&Path> = inputs.iter().map(PathBuf::as_path).collect();
    let told = succeeded(predict(&weights(&folder, Some(DISC_EVERYWHERE)), &paths, &out, &["--raw"]));
    assert!(!told.contains("unsure-place") && !told.contains("already-region"), "{told}");
    let rows = table(&out);
    assert_eq!(rows.len(), discs.len());
    for (path, (_, centre, diameter)) in inputs.iter().zip(discs) {
        let name = path.file_stem().expect("a file has a name").to_string_lossy();
        let row = rows.iter().find(|row| row["name"] == name).expect("a row for each");
        let middle = |column: &str| number(row, column) + (number(row, "region_side") - 1.0) / 2.0;
        let off = (middle("region_left") - centre.0).hypot(middle("region_top") - centre.1) / (diameter / 2.0);
        assert!(off < 0.5, "{name}: {off} disc radii off");
        assert_disc_fills_region(&out, row, image::image_dimensions(path).expect("an image"));
    }
}
