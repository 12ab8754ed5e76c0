//! Trees as published, in small, and the real photographs where they are at hand.

use std::fs;
use std::path::{Path, PathBuf};

use image::{DynamicImage, GrayImage, Luma, Rgb, RgbImage};
use tempfile::TempDir;

mod as_brought;
mod folders;
mod regions;

use super::mat_file::tests::file as matlab_file;
use super::pipeline::vcdr;
use super::*;
use crate::data::Split;
use crate::data::image_file::{read_grey, read_rgb};
use crate::data::{Dataset, Labels};

const WIDTH: u32 = 240;
const HEIGHT: u32 = 200;

fn options(layout: Layout, input: &Path, output: &Path) -> Options {
    Options {
        layout,
        input: input.to_path_buf(),
        output: output.to_path_buf(),
        size: 64,
        side: None,
        scale: None,
        agreement: 4,
        validation: ValidationPart::Test,
        bits: None,
        division: Division::Hospital,
        test_every: 5,
        legend: Legend::default(),
        images: None,
        masks: None,
        disc_masks: None,
        cup_masks: None,
    }
}

fn run(options: &Options) -> Result<Summary, PrepareError> {
    prepare(options, |_, _| {})
}

/// 2 in a cup of 30 rows, 1 in the rim of a disc of 60, 0 around it.
fn class(x: u32, y: u32) -> usize {
    let distance = (f64::from(x) - 150.0).hypot(f64::from(y) - 90.0);
    if distance < 15.0 { 2 } else { usize::from(distance < 30.0) }
}

fn save(path: PathBuf, image: impl Into<DynamicImage>) {
    fs::create_dir_all(path.parent().expect("a file lies in a folder")).expect("a temporary folder can be written");
    image.into().save(path).expect("a temporary file can be written");
}

fn save_photograph(path: PathBuf) {
    save(
        path,
        RgbImage::from_fn(WIDTH, HEIGHT, |x, y| Rgb([[90, 50, 20], [200, 120, 60], [250, 220, 160]][class(x, y)])),
    );
}

/// A mask with the levels of background, rim and cup.
fn save_mask(path: PathBuf, levels: [u8; 3]) {
    save(path, GrayImage::from_fn(WIDTH, HEIGHT, |x, y| Luma([levels[class(x, y)]])));
}

/// Checks a prepared split: the names, and that each disc lies in the middle and is a half as high as its cup.
fn assert_split(output: &Path, split: Split, names: &[&str], diameter: f64) {
    let dataset = Dataset::open_split(output, split, Labels::Required).expect("a split in the layout");
    let found: Vec<_> = dataset.regions().iter().map(|region| region.name.as_str()).collect();
    assert_eq!(found, names);
    assert_eq!(dataset.check().expect("every mask has a disc and can be read"), Vec::<String>::new());
    for region in dataset.regions() {
        let mask = read_grey(region.mask.as_ref().expect("labels were required")).expect("a mask");
        assert_eq!(mask.dimensions(), (64, 64));
        let ratio = vcdr(&mask).expect("cup and disc");
        assert!((ratio - 0.5).abs() < 0.08, "{}: {ratio}", region.name);
        let rows = (0..64).filter(|y| (0..64).any(|x| mask.get_pixel(x, *y).0[0] < 200)).count();
        assert!((rows as f64 - diameter).abs() <= 1.0, "{}: {rows} rows of disc", region.name);
        assert_eq!(read_rgb(&region.image).expect("an image").dimensions(), (64, 64));
    }
}

#[test]
fn refuge_as_published() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("refuge"), folder.path().join("out"));
    let levels = [255, 128, 0];
    for (diagnosis, name) in [("Glaucoma", "g0001"), ("Non-Glaucoma", "n0001")] {
        save_photograph(input.join(format!("Training400/{diagnosis}/{name}.jpg")));
        save_mask(input.join(format!("Annotation-Training400/Disc_Cup_Masks/{diagnosis}/{name}.bmp")), levels);
    }
    save_photograph(input.join("REFUGE-Validation400/V0001.jpg"));
    save_mask(input.join("REFUGE-Validation400-GT/Disc_Cup_Masks/V0001.bmp"), levels);
    for name in ["T0001", "T0002"] {
        save_photograph(input.join(format!("Test400/{name}.jpg")));
        save_mask(input.join(format!("REFUGE-Test-GT/Disc_Cup_Masks/G/{name}.bmp")), levels);
    }
    // A mask of another size, and one that is not there.
    save(
        input.join("REFUGE-Test-GT/Disc_Cup_Masks/G/T0002.bmp"),
        GrayImage::from_fn(99, 99, |x, y| Luma([if x == 50 && y == 50 { 128 } else { 255 }])),
    );
    save_photograph(input.join("Test400/T0003.jpg"));

    let wanted = Options { side: Some(96), ..options(Layout::Refuge, &input, &output) };
    let summary = run(&wanted).unwrap();
    assert_split(&output, Split::Train, &["g0001", "n0001"], 59.0 * 64.0 / 96.0);
    assert_split(&output, Split::Test, &["T0001", "V0001"], 59.0 * 64.0 / 96.0);
    let reasons: Vec<String> = summary.skipped.iter().map(|s| s.reason.to_string()).collect();
    assert_eq!(reasons.len(), 2, "{reasons:?}");
    assert!(reasons[0].contains("no annotation") && reasons[1].contains("99x99"), "{reasons:?}");
    assert!(output.join("contact-sheet.png").is_file());
    let table = fs::read_to_string(output.join(TABLE)).unwrap();
    assert_eq!(table.lines().count(), 5, "{table}");

    // Again, in another way: the earlier result is replaced, not mixed with.
    let summary = run(&Options { validation: ValidationPart::None, ..wanted }).unwrap();
    assert!(summary.skipped.iter().any(|s| s.reason.remedy == Some(Remedy::Validation)));
    assert_split(&output, Split::Test, &["T0001"], 59.0 * 64.0 / 96.0);
}

#[test]
fn refuge_as_others_hand_it_on() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("REFUGE"), folder.path().join("out"));
    for (images, masks) in [("images", "mask"), ("Images", "gts")] {
        for (part, name) in [("train", "g0001"), ("val", "V0001"), ("test", "T0001")] {
            save_photograph(input.join(part).join(images).join(format!("{name}.jpg")));
            save_mask(input.join(part).join(masks).join(format!("{name}.bmp")), [255, 128, 0]);
        }
        run(&Options { side: Some(96), ..options(Layout::Refuge, &input, &output) }).unwrap();
        assert_split(&output, Split::Train, &["g0001"], 59.0 * 64.0 / 96.0);
        assert_split(&output, Split::Test, &["T0001", "V0001"], 59.0 * 64.0 / 96.0);
        fs::remove_dir_all(&input).unwrap();
    }
}

#[test]
fn rim_one_dl_as_published() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("RIM-ONE_DL"), folder.path().join("out"));
    let images = input.join("RIM-ONE_DL_images");
    let masks = input.join("RIM-ONE_DL_reference_segmentations");
    for (place, name) in [("training_set/normal", "r2_Im001"), ("test_set/glaucoma", "r1_Im002")] {
        save_photograph(images.join("partitioned_by_hospital").join(place).join(format!("{name}.png")));
        let other = if place.starts_with("test") { "training_set/glaucoma" } else { "test_set/normal" };
        save_photograph(images.join("partitioned_randomly").join(other).join(format!("{name}.png")));
        let diagnosis = place.rsplit('/').next().expect("a part");
        save_mask(masks.join(format!("{diagnosis}/{name}-1-Disc-T.png")), [0, 255, 255]);
        save_mask(masks.join(format!("{diagnosis}/{name}-1-Cup-T.png")), [0, 0, 255]);
    }
    let wanted = options(Layout::RimOneDl, &input, &output);
    // The whole picture is taken: 240 pixels to 64.
    let summary = run(&wanted).unwrap();
    assert_eq!((summary.skipped.len(), summary.sides.len()), (0, 0));
    assert_split(&output, Split::Train, &["r2_Im001"], 59.0 * 64.0 / 240.0);
    assert_split(&output, Split::Test, &["r1_Im002"], 59.0 * 64.0 / 240.0);
    run(&Options { division: Division::Random, ..wanted }).unwrap();
    assert_split(&output, Split::Train, &["r1_Im002"], 59.0 * 64.0 / 240.0);
}

#[test]
fn origa_with_masks_and_as_published() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("ORIGA"), folder.path().join("out"));
    for index in 1..=5 {
        save_photograph(input.join(format!("Images/{index:03}.jpg")));
        save_mask(input.join(format!("Masks/{index:03}.png")), [0, 1, 2]);
        save_photograph(input.join(format!("Images_Cropped/{index:03}.jpg")));
    }
    let wanted = options(Layout::Origa, &input, &output);
    let summary = run(&wanted).unwrap();
    assert_eq!(summary.sides["all"], 89, "one and a half times 59");
    assert_split(&output, Split::Train, &["001", "002", "003", "004"], 59.0 * 64.0 / 89.0);
    assert_split(&output, Split::Test, &["005"], 59.0 * 64.0 / 89.0);

    // As published: the same as MATLAB files.
    fs::remove_dir_all(input.join("Masks")).unwrap();
    let annotations = input.join("Semi-automatic-annotations");
    fs::create_dir(&annotations).unwrap();
    for index in 1..=5 {
        let file = matlab_file("mask", HEIGHT, WIDTH, |x, y| class(x, y) as u8, index % 2 == 0);
        fs::write(annotations.join(format!("{index:03}.mat")), file).unwrap();
    }
    fs::write(annotations.join("002.mat"), "MATLAB 7.3 MAT-file, Platform: GLNXA64").unwrap();
    let summary = run(&wanted).unwrap();
    assert_split(&output, Split::Train, &["001", "003", "004"], 59.0 * 64.0 / 89.0);
    assert_split(&output, Split::Test, &["005"], 59.0 * 64.0 / 89.0);
    let reason = summary.skipped[0].reason.to_string();
    assert!(
        summary.has_failures() && reason.contains("002.mat") && reason.contains("save it again with `-v7`"),
        "{reason}"
    );
}

/// A folder of images and one of masks with the given levels.
fn pairs(levels: [u8; 3]) -> (TempDir, Options) {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("clinic");
    for name in ["a", "b"] {
        save_photograph(input.join(format!("images/{name}.png")));
        save_mask(input.join(format!("masks/{name}.png")), levels);
    }
    let output = folder.path().join("out");
    let options = Options { test_every: 2, scale: Some(2.0), ..options(Layout::Pairs, &input, &output) };
    (folder, options)
}

#[test]
fn pairs_with_a_legend_and_with_a_mask_for_each_structure() {
    let (_folder, wanted) = pairs([0, 128, 255]);
    let legend = Legend::levels(255, 128, Some(0));
    run(&Options { legend, ..wanted.clone() }).unwrap();
    assert_split(&wanted.output, Split::Train, &["a"], 32.0);
    assert_split(&wanted.output, Split::Test, &["b"], 32.0);

    for name in ["a", "b"] {
        save_mask(wanted.input.join(format!("discs/{name}.png")), [0, 255, 255]);
        save_mask(wanted.input.join(format!("cups/{name}.png")), [0, 0, 255]);
    }
    let (discs, cups) = (Some("discs".into()), Some("cups".into()));
    run(&Options { disc_masks: discs, cup_masks: cups, ..wanted.clone() }).unwrap();
    assert_split(&wanted.output, Split::Test, &["b"], 32.0);
}

#[test]
fn a_wrong_legend_names_the_levels_and_writes_nothing() {
    let (_folder, wanted) = pairs([0, 128, 255]);
    let text =
        run(&Options { legend: Legend { background: None, ..Legend::default() }, ..wanted.clone() }).unwrap_err();
    let text = text.to_string();
    for word in ["a.png", "four corners", "levels 0 (", "say what the levels mean"] {
        assert!(text.contains(word), "`{word}` is not in: {text}");
    }
    assert!(!wanted.output.exists());
    let left: Vec<_> = fs::read_dir(wanted.output.parent().unwrap()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["clinic"], "nothing temporary is left");
}

#[test]
fn folders_of_others_are_not_overwritten() {
    let (_folder, wanted) = pairs([255, 128, 0]);
    let wanted = Options { test_every: 3, ..wanted };
    for kind in ["images", "masks"] {
        // A formula to a spreadsheet, and not so in the table.
        fs::rename(wanted.input.join(kind).join("b.png"), wanted.input.join(kind).join("=b.png")).unwrap();
    }
    fs::create_dir(&wanted.output).unwrap();
    run(&wanted).expect("an empty folder is taken");
    assert!(fs::read_to_string(wanted.output.join(TABLE)).unwrap().contains("train,'=b,"));
    fs::write(wanted.output.join("notes.txt"), "mine").unwrap();
    let text = run(&wanted).unwrap_err().to_string();
    assert!(text.contains("notes.txt"), "{text}");
    assert!(wanted.output.join("train/ROIs/image/a.png").exists(), "the earlier result stays");
    fs::remove_file(wanted.output.join("notes.txt")).unwrap();
    // Nor is a mask that somebody has corrected; and nothing is waited for.
    let mask = wanted.output.join("train/ROIs/mask/a.png");
    let written = fs::read(&mask).unwrap();
    image::open(&mask).unwrap().save(&mask).unwrap();
    assert!(run(&wanted).unwrap_err().to_string().contains("a.png"));
    fs::write(&mask, &written).unwrap();
    #[cfg(unix)]
    {
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        for (name, is_link) in [("pipe", false), ("link.png", true), ("train/ROIs/mask/link.png", true)] {
            let there = wanted.output.join(name);
            match is_link {
                true => std::os::unix::fs::symlink(&mask, &there).unwrap(),
                false => rustix::fs::mkfifoat(rustix::fs::CWD, &there, mode).unwrap(),
            }
            let text = run(&wanted).unwrap_err().to_string();
            assert!(text.contains(name), "{text}");
            fs::remove_file(&there).unwrap();
        }
    }
    run(&wanted).expect("its own result is replaced");
    assert_eq!(fs::read(&mask).unwrap(), written);
    fs::write(wanted.output.join("notes.txt"), "mine").unwrap();
    let file = Options { output: wanted.output.join("notes.txt"), ..wanted.clone() };
    assert!(run(&file).unwrap_err().to_string().contains("notes.txt` is a file"));
    let inside = Options { output: wanted.input.join("out"), ..wanted.clone() };
    assert!(run(&inside).unwrap_err().to_string().contains("lies in the input"));
}

#[test]
fn what_a_killed_program_left_is_mended() {
    let (_folder, wanted) = pairs([255, 128, 0]);
    run(&wanted).unwrap();
    let parent = wanted.output.parent().unwrap();
    let name = wanted.output.file_name().unwrap().to_str().unwrap();
    let staging = parent.join(format!(".papilla-{name}"));
    let there = |path: &Path| path.join("train/ROIs/image/a.png").exists();
    // Killed between two renames: the earlier dataset is aside, and the new one was not finished.
    fs::create_dir_all(staging.join("dataset/train/ROIs/image")).unwrap();
    fs::write(staging.join("dataset/train/ROIs/image/.papilla-a1B2c3.tmp"), "half").unwrap();
    fs::rename(&wanted.output, staging.join("earlier")).unwrap();
    let nothing = Options { images: Some("nowhere".into()), ..wanted.clone() };
    assert!(run(&nothing).is_err());
    run(&wanted).unwrap();
    assert!(there(&wanted.output) && !staging.exists());
    // Killed after an exchange: the earlier one is where the new one was.
    fs::create_dir(&staging).unwrap();
    fs::rename(&wanted.output, staging.join("dataset")).unwrap();
    run(&wanted).unwrap();
    assert!(there(&wanted.output) && !staging.exists());
    // What somebody has put there is nobody's to remove.
    for foreign in ["notes.txt", "dataset/notes.txt"] {
        fs::create_dir_all(staging.join("dataset")).unwrap();
        fs::write(staging.join(foreign), "mine").unwrap();
        let text = run(&wanted).unwrap_err().to_string();
        assert!(text.contains("notes.txt") && there(&wanted.output), "{text}");
        assert_eq!(fs::read(staging.join(foreign)).unwrap(), b"mine");
        fs::remove_dir_all(&staging).unwrap();
    }
}

#[test]
#[cfg(unix)]
fn an_output_that_is_a_link_stays_one() {
    let (folder, wanted) = pairs([255, 128, 0]);
    let (disk, link) = (folder.path().join("disk"), folder.path().join("link"));
    fs::create_dir_all(disk.join("place")).unwrap();
    std::os::unix::fs::symlink(disk.join("place"), &link).unwrap();
    let linked = Options { output: link.clone(), ..wanted.clone() };
    for _ in 0..2 {
        run(&linked).unwrap();
        assert!(link.is_symlink() && disk.join("place/train/ROIs/image/a.png").exists());
        assert_eq!(fs::read_dir(&disk).unwrap().count(), 1);
    }
    std::os::unix::fs::symlink(folder.path().join("nowhere"), folder.path().join("dangling")).unwrap();
    let dangling = Options { output: folder.path().join("dangling"), ..wanted };
    assert!(run(&dangling).unwrap_err().to_string().contains("dangling"));
}

#[test]
fn another_layout_says_what_was_looked_for_and_found() {
    let (_folder, wanted) = pairs([255, 128, 0]);
    for (layout, words) in [
        (Layout::DrishtiGs, ["Training/Images", "2 images in `images`"]),
        (Layout::Refuge, ["Disc_Cup_Masks", "2 images in `masks`"]),
        (Layout::RimOneDl, ["partitioned_by_hospital", "2 images in `images`"]),
    ] {
        let text = run(&Options { layout, ..wanted.clone() }).unwrap_err().to_string();
        assert!(words.iter().all(|word| text.contains(word)), "{text}");
    }
    let empty = tempfile::tempdir().unwrap();
    let nothing = Options { input: empty.path().to_path_buf(), ..wanted.clone() };
    assert!(run(&nothing).unwrap_err().to_string().ends_with("found nothing"));
    let absent = Options { input: wanted.input.join("absent"), ..wanted };
    assert!(run(&absent).unwrap_err().to_string().ends_with("absent` does not exist"));
    let archive = empty.path().join("data.ZIP");
    fs::write(&archive, "PK").unwrap();
    let packed = Options { input: archive, ..absent };
    assert!(run(&packed).unwrap_err().to_string().ends_with("is an archive: unpack it first"));
}

#[test]
fn the_cup_to_disc_ratios_of_drishti_lie_between_those_of_its_experts() {
    let Some(input) = harness::shared("realdata/raw/Drishti-GS1") else { return };
    let folder = tempfile::tempdir().unwrap();
    let wanted = Options { size: 512, ..options(Layout::DrishtiGs, &input, &folder.path().join("out")) };
    let summary = run(&wanted).unwrap();
    assert_eq!((summary.count(Split::Train), summary.count(Split::Test), summary.skipped.len()), (2, 2, 0));
    for (part, number, expected) in
        [("Test", 6, 0.559), ("Test", 7, 0.682), ("Training", 8, 0.494), ("Training", 10, 0.888)]
    {
        let name = format!("drishtiGS_{number:03}");
        let truth = input.join(part).join("GT").join(&name);
        let experts = fs::read_to_string(truth.join(format!("{name}_cdrValues.txt"))).unwrap();
        let experts: Vec<f64> = experts.split_whitespace().map(|v| v.parse().unwrap()).collect();
        let (low, high) = (experts.iter().copied().fold(1.0, f64::min), experts.iter().copied().fold(0.0, f64::max));
        let map = |structure: &str| truth.join("SoftMap").join(format!("{name}_{structure}segSoftmap.png"));
        let annotation = Annotation::SoftMaps { disc: map("OD"), cup: map("cup"), agreement: 4, experts: 4 };
        let before = vcdr(&annotation.mask((0, 0)).unwrap().expect("there is one")).expect("cup and disc");
        assert!((before - expected).abs() < 0.001, "{name}: {before}");
        let split = if part == "Test" { "test" } else { "train" };
        let mask = read_grey(&wanted.output.join(split).join("ROIs/mask").join(format!("{name}.png"))).unwrap();
        let after = vcdr(&mask).expect("cup and disc");
        for ratio in [before, after] {
            assert!((low..=high).contains(&ratio), "{name}: {ratio} is not between {low} and {high}");
        }
    }
}

#[test]
fn drishtis_centres_serve_where_there_is_no_map() {
    let Some(real) = harness::shared("realdata/raw/Drishti-GS1") else { return };
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("drishti");
    let name = "drishtiGS_008";
    let centre = format!("GT/{name}/AvgBoundary/{name}_diskCenter.txt");
    let image = format!("Images/ALL/{name}.png");
    for file in [&centre, &image] {
        let to = input.join("Training").join(file);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(real.join("Training").join(file), to).unwrap();
    }
    let summary = run(&options(Layout::DrishtiGs, &input, &folder.path().join("out"))).unwrap();
    let region = &summary.regions[0];
    assert_eq!((region.found, region.disc.centre), (Found::CentreFile, (1099.0, 960.0)));
    assert!(region.areas.is_none() && !folder.path().join("out/train/ROIs/mask").exists());
    assert_eq!(summary.confidence_range(), None, "the finder was not needed");
}
