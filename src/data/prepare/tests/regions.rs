//! Into which part regions go, and how they are cut out.

use super::*;

/// A clinic of these photographs, and masks of those of them that are wanted.
fn clinic(names: &[String], has_mask: impl Fn(usize) -> bool) -> (TempDir, Options) {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("clinic");
    for (index, name) in names.iter().enumerate() {
        save_photograph(input.join(format!("images/{name}.png")));
        if has_mask(index) {
            save_mask(input.join(format!("masks/{name}.png")), [255, 128, 0]);
        }
    }
    let options = Options { scale: Some(2.0), ..options(Layout::Pairs, &input, &folder.path().join("out")) };
    (folder, options)
}

fn of_split(summary: &Summary, split: Split) -> Vec<&str> {
    summary.regions.iter().filter(|r| r.split == split).map(|r| r.name.as_str()).collect()
}

fn kinds(summary: &Summary) -> Vec<NoteKind> {
    summary.noted().into_keys().collect()
}

#[test]
fn both_eyes_of_a_patient_go_into_one_part() {
    let names: Vec<String> = (0..5).flat_map(|i| ["L", "R"].map(|eye| format!("p{i}_{eye}"))).collect();
    let (_folder, wanted) = clinic(&names, |_| true);
    let summary = run(&wanted).unwrap();
    assert_eq!(of_split(&summary, Split::Test), ["p2_L", "p2_R"]);
    assert_eq!((summary.has_pairs(), summary.test_every), (true, Some(5)));
    assert!(summary.in_both_parts().is_empty());

    // What folders say stays, and is told of.
    let (_folder, wanted) = clinic(&[], |_| false);
    for (part, name) in [("train", "p1_L"), ("train", "p2_L"), ("test", "p1_R")] {
        save_photograph(wanted.input.join(part).join(format!("images/{name}.png")));
        save_mask(wanted.input.join(part).join(format!("masks/{name}.png")), [255, 128, 0]);
    }
    let summary = run(&wanted).unwrap();
    assert_eq!((of_split(&summary, Split::Test), summary.test_every), (vec!["p1_R"], None));
    assert_eq!(summary.in_both_parts(), [["p1_L".to_string(), "p1_R".to_string()]]);
}

#[test]
fn photographs_without_annotation_are_left_out_of_both_parts_alike() {
    let names: Vec<String> = (0..10).map(|i| format!("{i}")).collect();
    let (_folder, wanted) = clinic(&names, |index| index == 2);
    let summary = run(&wanted).unwrap();
    assert_eq!((of_split(&summary, Split::Train), of_split(&summary, Split::Test).len()), (vec!["2"], 0));
    assert_eq!(summary.skipped.len(), 9);
    assert_eq!((summary.masks(), summary.without_cup().len()), ([1, 1], 0));
}

#[test]
fn discs_alone_have_no_figures_of_cups() {
    let (_folder, wanted) = clinic(&["a".to_string(), "b".to_string()], |_| false);
    for name in ["a", "b"] {
        save_mask(wanted.input.join(format!("discs/{name}.png")), [0, 255, 255]);
    }
    let summary = run(&wanted).unwrap();
    assert_eq!((summary.masks(), summary.vcdr_range(), summary.without_cup().len()), ([2, 0], None, 0));
    assert!(summary.as_json()["mean_share"]["cup"].is_null());
    save_mask(wanted.input.join("cups/a.png"), [0, 0, 255]);
    let summary = run(&wanted).unwrap();
    assert_eq!((summary.masks(), summary.skipped.len()), ([1, 1], 1), "one of two structures");
}

/// A photograph with its disc at a place, and the mask of that.
fn with_disc_at(wanted: &Options, (width, height): (u32, u32), centre: (f64, f64), radius: f64) {
    let distance = |x: u32, y: u32| (f64::from(x) - centre.0).hypot(f64::from(y) - centre.1);
    let class = |x: u32, y: u32| usize::from(distance(x, y) < radius) + usize::from(distance(x, y) < radius / 2.0);
    let colours = [[90, 50, 20], [200, 120, 60], [250, 220, 160]];
    save(wanted.input.join("images/a.png"), RgbImage::from_fn(width, height, |x, y| Rgb(colours[class(x, y)])));
    let levels = [255, 128, 0];
    save(wanted.input.join("masks/a.png"), GrayImage::from_fn(width, height, |x, y| Luma([levels[class(x, y)]])));
}

#[test]
fn what_is_mirrored_in_is_background_in_the_mask_and_told() {
    let (_folder, wanted) = clinic(&[], |_| false);
    let wanted = Options { test_every: 0, scale: None, ..wanted };
    // At the left border, in a square twice as wide as the disc.
    with_disc_at(&wanted, (240, 200), (31.0, 100.0), 30.0);
    let summary = run(&Options { scale: Some(4.0), size: 240, ..wanted.clone() }).unwrap();
    assert_eq!(kinds(&summary), [NoteKind::DiscMirrored]);
    let mask = read_grey(&wanted.output.join("train/ROIs/mask/a.png")).unwrap();
    let disc = mask.iter().filter(|level| **level != 255).count() as f64;
    assert!((disc / (std::f64::consts::PI * 30.0 * 30.0) - 1.0).abs() < 0.05, "{disc} pixels: one disc");
    with_disc_at(&wanted, (240, 200), (46.0, 100.0), 30.0);
    assert_eq!(kinds(&run(&wanted).unwrap()), [], "nothing of it is mirrored");
}

#[test]
fn sizes_that_make_no_sense_are_refused_or_told() {
    let (_folder, wanted) = clinic(&[], |_| false);
    let wanted = Options { test_every: 0, scale: None, ..wanted };
    with_disc_at(&wanted, (240, 200), (120.0, 100.0), 30.0);
    let text = run(&Options { side: Some(5000), ..wanted.clone() }).unwrap_err().to_string();
    assert!(text.contains("5000 pixels") && text.contains("240x200") && text.contains("smaller side"), "{text}");
    let summary = run(&Options { side: Some(40), size: 64, ..wanted.clone() }).unwrap();
    assert_eq!(kinds(&summary), [NoteKind::DiscCut, NoteKind::FewPixels]);
    let summary = run(&Options { size: 512, ..wanted.clone() }).unwrap();
    assert_eq!(kinds(&summary), [NoteKind::Enlarged]);

    // A region is no photograph to cut one out of, nor are a few pixels.
    with_disc_at(&wanted, (200, 200), (100.0, 100.0), 66.0);
    assert_eq!(kinds(&run(&wanted).unwrap()), [NoteKind::AlreadyRegion]);
    fs::remove_dir_all(wanted.input.join("masks")).unwrap();
    let brighter =
        |x: u32, y: u32| if x.abs_diff(100).max(y.abs_diff(100)) < 60 { 220 } else { 120 + (x * y % 40) as u8 };
    save(wanted.input.join("images/a.png"), RgbImage::from_fn(200, 200, |x, y| Rgb([brighter(x, y), 90, 40])));
    if let Ok(summary) = run(&wanted) {
        assert!(kinds(&summary).contains(&NoteKind::AlreadyRegion), "{:?}", kinds(&summary));
    }
    with_disc_at(&wanted, (12, 12), (6.0, 6.0), 2.0);
    let text = run(&wanted).unwrap_err().to_string();
    assert!(text.contains("12x12") && text.contains("at least 16 a side"), "{text}");
}
