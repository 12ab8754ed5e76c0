//! Folders and names as people have them.

use super::*;

/// Writes photographs and masks at these paths below a folder, and the options to prepare them as pairs.
fn tree(photographs: &[&str], masks: &[&str]) -> (TempDir, Options) {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("clinic");
    photographs.iter().for_each(|path| save_photograph(input.join(path)));
    masks.iter().for_each(|path| save_mask(input.join(path), [255, 128, 0]));
    let output = folder.path().join("out");
    let options = Options { test_every: 0, scale: Some(2.0), ..options(Layout::Pairs, &input, &output) };
    (folder, options)
}

/// `split/name`, with a `-` where a region has no mask.
fn told(summary: &Summary) -> Vec<String> {
    let one = |r: &Prepared| {
        let mask = if r.areas.is_some() { "" } else { "-" };
        format!("{}/{}{mask}", r.split.folder(), r.name)
    };
    let mut told: Vec<String> = summary.regions.iter().map(one).collect();
    told.sort();
    told
}

fn unused(summary: &Summary, kind: UnusedKind) -> Vec<String> {
    let of_kind = summary.unused.iter().filter(|unused| unused.kind == kind);
    of_kind.map(|unused| unused.file.file_name().unwrap().to_string_lossy().into_owned()).collect()
}

#[test]
fn kinds_and_splits_are_read_in_any_case_and_nesting() {
    for (photographs, masks, want) in [
        (vec!["images/a.png"], vec!["Masks/a.png"], vec!["train/a"]),
        (vec!["IMGS/a.png"], vec!["ground_truth/a.png"], vec!["train/a"]),
        (vec!["photos/a.png"], vec!["Annotations/a.png"], vec!["train/a"]),
        (vec!["a.png"], vec!["labels/a.png"], vec!["train/a"]),
        (
            vec!["train/images/a.png", "val/images/b.png"],
            vec!["train/masks/a.png", "val/masks/b.png"],
            vec!["test/b", "train/a"],
        ),
        (
            vec!["images/Training/a.png", "images/Testing/b.png"],
            vec!["gt/Training/a.png", "gt/Testing/b.png"],
            vec!["test/b", "train/a"],
        ),
        (
            vec!["imagesTr/a_0000.png", "imagesTs/b_0000.png"],
            vec!["labelsTr/a.png", "labelsTs/b.png"],
            vec!["test/b_0000", "train/a_0000"],
        ),
        (vec!["train/a.png", "test/b.png"], vec!["train/masks/a.png", "test/masks/b.png"], vec!["test/b", "train/a"]),
        (
            vec!["train/images/a.png", "valid/images/a.png", "test/images/a.png"],
            vec!["masks/a.png"],
            vec!["test/test_images_a", "test/valid_images_a", "train/a"],
        ),
        (
            vec!["images/p1/L.png", "images/p2/L.png"],
            vec!["masks/p1/L.png", "masks/p2/L.png"],
            vec!["train/images_p1_L", "train/images_p2_L"],
        ),
        (vec!["a.png", "b.png"], vec!["a_mask.png", "b_mask.png"], vec!["train/a", "train/b"]),
    ] {
        let (_folder, wanted) = tree(&photographs, &masks);
        let summary = run(&wanted).expect("it is read");
        assert_eq!(told(&summary), want, "{photographs:?} {masks:?}");
        assert!(summary.unused.is_empty(), "{photographs:?} {masks:?}: {:?}", summary.unused);
    }
}

#[test]
fn structures_are_told_by_folders_and_by_names() {
    let (both, disc, cup) = ([255, 128, 0], [0, 255, 255], [0, 0, 255]);
    for (discs, cups) in [
        ("masks_disc/train/a.png", "masks_cup/train/a.png"),
        ("train/Disc/a.png", "train/Cup/a.png"),
        ("train/masks/a-1-Disc-T.png", "train/masks/a-1-Cup-T.png"),
        ("gt/train/a_OD.png", "gt/train/a_OC.png"),
    ] {
        let (_folder, wanted) = tree(&["images/train/a.png"], &[]);
        save_mask(wanted.input.join(discs), disc);
        save_mask(wanted.input.join(cups), cup);
        run(&wanted).expect("it is read");
        assert_split(&wanted.output, Split::Train, &["a"], 32.0);
    }
    // Folders that are named lie within the splits or around them.
    for place in ["train/od/a.png", "od/train/a.png"] {
        let (_folder, wanted) = tree(&["images/train/a.png"], &["masks/train/a.png"]);
        save_mask(wanted.input.join(place), disc);
        save_mask(wanted.input.join(place.replace("od", "oc")), cup);
        let named = Options { disc_masks: Some("od".into()), cup_masks: Some("oc".into()), ..wanted.clone() };
        let summary = run(&named).expect("it is read");
        assert_split(&wanted.output, Split::Train, &["a"], 32.0);
        assert_eq!(unused(&summary, UnusedKind::Stray), ["a.png"], "the folder that was not named");
        save_mask(wanted.input.join("masks/train/a.png"), both);
    }
    let (_folder, wanted) = tree(&["images/a.png", "images/b.png"], &[]);
    for name in ["a", "b"] {
        save_mask(wanted.input.join(format!("gt/{name}_OD.png")), disc);
    }
    let summary = run(&wanted).expect("discs alone");
    assert!(summary.regions.iter().all(|region| region.areas.is_some_and(|[cup, rim, _]| cup == 0 && rim > 700)));
}

#[test]
fn what_stays_unmatched_is_named_on_both_sides() {
    let (_folder, wanted) = tree(&["images/a.png", "images/b.png"], &["masks/a_mask.png", "masks/c_mask.png"]);
    save_photograph(wanted.input.join("screenshots/x.png"));
    let summary = run(&wanted).expect("one of two");
    assert_eq!(told(&summary), ["train/a"]);
    assert_eq!(unused(&summary, UnusedKind::Mask), ["c_mask.png"]);
    assert_eq!(unused(&summary, UnusedKind::Stray), ["x.png"]);
    let left: Vec<_> = summary.skipped.iter().map(|s| (s.file.file_name().unwrap().to_owned(), s.failed)).collect();
    assert_eq!(left, [("b.png".into(), false)]);
    assert!(!summary.has_failures());
    let document = summary.as_json();
    assert_eq!(document["unused"].as_array().map(Vec::len), Some(2), "{document}");

    // Two experts: the first is taken, and the other is told of.
    let (_folder, wanted) = tree(&["images/image_01.png", "images/image_02.png"], &[]);
    for expert in [1, 2] {
        for name in [1, 2] {
            let file = wanted.input.join(format!("experts_anotation/anotExpert{expert}_0{name}.txt"));
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "120 , 60\n180 , 60\n180 , 120\n120 , 120\n").unwrap();
        }
    }
    let summary = run(&wanted).expect("contours of discs");
    assert!(summary.regions.iter().all(|region| region.areas.is_some_and(|[cup, rim, _]| cup == 0 && rim > 1000)));
    assert_eq!(unused(&summary, UnusedKind::Further), ["anotExpert2_01.txt", "anotExpert2_02.txt"]);

    let (_folder, wanted) = tree(&["images/G-1.png", "images/G-2.png"], &["masks/N-1.png", "masks/N-2.png"]);
    let text = run(&wanted).unwrap_err().to_string();
    assert!(text.contains("2 masks, such as") && text.contains("N-1.png") && text.contains("G-1.png"), "{text}");
    assert!(!wanted.output.exists());
    let (_folder, wanted) = tree(&["images/a.png"], &["masks/one/a.png", "masks/two/a.png"]);
    let text = run(&wanted).unwrap_err().to_string();
    assert!(text.contains("has two masks") && text.contains("one") && text.contains("two"), "{text}");
}

#[test]
fn what_systems_leave_is_passed_over_and_what_labelling_tools_write_is_named() {
    let (_folder, wanted) = tree(&["images/a.png", "images/b.png"], &["masks/a.png", "masks/b.png"]);
    for name in ["images/Thumbs.db", "masks/thumbs.db", "masks/desktop.ini", "__MACOSX/masks/._a.png", "notes.doc"] {
        let file = wanted.input.join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, "x").unwrap();
    }
    assert_eq!(run(&wanted).expect("two pairs").unused, []);
    fs::write(wanted.input.join("masks/a.json"), "{}").unwrap();
    assert_eq!(unused(&run(&wanted).expect("two pairs"), UnusedKind::NotRead), ["a.json"]);

    // A mask of a kind that is not read is that image's mask, and not none.
    fs::write(wanted.input.join("masks/a.gif"), "GIF89a").unwrap();
    assert_eq!(told(&run(&wanted).expect("two pairs")), ["train/a", "train/b"], "there is a PNG of it too");
    fs::remove_file(wanted.input.join("masks/a.png")).unwrap();
    let summary = run(&wanted).expect("one of two");
    let reason = summary.skipped[0].reason.to_string();
    assert!(told(&summary) == ["train/b"] && summary.has_failures() && reason.contains("GIF image"), "{reason}");
}

#[test]
fn the_validation_part_goes_where_it_is_wanted() {
    let paths = ["train/images/a.png", "val/images/b.png"];
    let (_folder, wanted) =
        tree(&paths, &paths.map(|path| path.replace("images", "masks")).each_ref().map(String::as_str));
    for (validation, want) in [
        (ValidationPart::Test, vec!["test/b", "train/a"]),
        (ValidationPart::Train, vec!["train/a", "train/b"]),
        (ValidationPart::None, vec!["train/a"]),
    ] {
        let summary = run(&Options { validation, ..wanted.clone() }).expect("it is read");
        assert_eq!(told(&summary), want);
        assert_eq!(summary.skipped.iter().any(|s| s.reason.remedy == Some(Remedy::Validation)), want.len() == 1);
        assert_eq!(summary.regions.iter().filter(|region| region.is_validation).count(), want.len() - 1);
    }
}

#[test]
fn names_in_any_script_are_read_or_named_as_strays() {
    let (_folder, wanted) = tree(&[], &[]);
    save_photograph(wanted.input.join("train/images/g0001.jpg"));
    save_mask(wanted.input.join("train/mask/g0001.bmp"), [255, 128, 0]);
    for name in ["截图.png", "é1.jpg", "ß.png", "1.png", "🩺2.png"] {
        save_photograph(wanted.input.join(name));
    }
    let refuge = Options { layout: Layout::Refuge, side: Some(96), scale: None, ..wanted.clone() };
    let summary = run(&refuge).expect("one is REFUGE's");
    assert_eq!(told(&summary), ["train/g0001"]);
    assert_eq!(unused(&summary, UnusedKind::Stray).len(), 5);
    for layout in [Layout::DrishtiGs, Layout::RimOneDl, Layout::Origa] {
        // Whatever they make of it, they do not fall over it.
        let _ = run(&Options { layout, ..refuge.clone() });
    }
    let (_folder, wanted) = tree(&["images/截图.png", "images/é1.png"], &["masks/截图_mask.png", "masks/É1_MASK.png"]);
    assert_eq!(told(&run(&wanted).expect("any names")), ["train/é1", "train/截图"]);
}

#[test]
fn one_unreadable_photograph_does_not_stop_the_others() {
    let (_folder, wanted) = tree(&["images/a.png", "images/b.png"], &["masks/a.png", "masks/b.png", "masks/c.png"]);
    fs::write(wanted.input.join("images/c.png"), b"no picture").unwrap();
    let summary = run(&wanted).expect("the others");
    assert_eq!(told(&summary), ["train/a", "train/b"]);
    assert!(summary.has_failures());
    assert!(summary.skipped[0].reason.to_string().contains("c.png"), "{:?}", summary.skipped);
}

#[test]
fn folders_of_right_and_left_eyes_are_no_optic_discs() {
    let paths = ["images/OD/1.png", "images/OS/1.png"];
    let masks = paths.map(|path| path.replace("images", "masks"));
    let (_folder, wanted) = tree(&paths, &masks.each_ref().map(String::as_str));
    for masks in [None, Some("masks".into())] {
        let summary = run(&Options { masks, test_every: 1, ..wanted.clone() }).expect("masks of both structures");
        assert_eq!(told(&summary), ["test/images_OD_1", "test/images_OS_1"]);
        assert!(summary.has_pairs(), "of one patient");
    }
}

#[test]
fn one_folder_may_be_named_for_photographs_and_masks() {
    let (_folder, wanted) = tree(&["all/a.png", "all/b.png"], &["all/a_mask.png", "all/b_mask.png"]);
    let both = Options { images: Some("all".into()), masks: Some("all".into()), ..wanted.clone() };
    assert_eq!(told(&run(&both).expect("names tell them apart")), ["train/a", "train/b"]);
    ["a", "b"].iter().for_each(|name| fs::remove_file(wanted.input.join(format!("all/{name}_mask.png"))).unwrap());
    let text = run(&both).unwrap_err().to_string();
    assert!(text.contains("no mask in the folder `all`"), "{text}");
    let file = Options { masks: Some("all/a.png".into()), ..wanted };
    let text = run(&file).unwrap_err().to_string();
    assert!(text.ends_with("is a file, and no folder"), "{text}");
}

#[test]
fn masks_of_kinds_that_are_not_read_are_no_dataset_without_masks() {
    let (_folder, wanted) = tree(&["images/a.png", "images/b.png"], &[]);
    let write = |name: &str| {
        let file = wanted.input.join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, "x").unwrap();
    };
    write("labels/diagnoses.csv");
    write("images/readme.md");
    let summary = run(&Options { scale: Some(1.5), ..wanted.clone() });
    // A table of diagnoses is no mask; whether discs are found in such pictures does not matter here.
    if let Ok(summary) = summary {
        assert_eq!(unused(&summary, UnusedKind::NotRead), ["diagnoses.csv"]);
        assert_eq!(unused(&summary, UnusedKind::NoImage), ["readme.md"]);
    }
    ["labels/a.npy", "labels/b.npy"].into_iter().for_each(write);
    let text = run(&wanted).unwrap_err().to_string();
    assert!(text.contains("none of the masks can be read (2 files, such as ") && text.contains("a.npy"), "{text}");
}

#[test]
fn another_layout_that_fits_is_named() {
    let (_folder, wanted) = tree(&["images/a.png"], &["masks/a.png"]);
    let text = run(&Options { layout: Layout::Refuge, ..wanted.clone() }).unwrap_err().to_string();
    assert!(text.ends_with("the files lie as in the layout `pairs`"), "{text}");
    fs::remove_dir_all(&wanted.input).unwrap();
    let of = |file: &str| wanted.input.join("Training").join(file);
    for name in ["x", "y"] {
        save_photograph(of(&format!("Images/{name}.png")));
        for map in ["OD", "cup"] {
            save_mask(of(&format!("GT/{name}/SoftMap/{name}_{map}segSoftmap.png")), [0, 255, 255]);
        }
        fs::write(of(&format!("GT/{name}/{name}_cdrValues.txt")), "0.5 0.6 0.7 0.8").unwrap();
    }
    let text = run(&wanted).unwrap_err().to_string();
    assert!(text.ends_with("the files lie as in the layout `drishti-gs`"), "{text}");
}

#[test]
fn a_dataset_of_other_photographs_is_not_replaced() {
    let (_folder, first) = tree(&["images/a.png"], &["masks/a.png"]);
    let (_other, second) = tree(&["images/b.png"], &["masks/b.png"]);
    run(&first).unwrap();
    let text = run(&Options { output: first.output.clone(), ..second.clone() }).unwrap_err().to_string();
    assert!(text.contains("prepared from elsewhere") && text.contains("images/a.png"), "{text}");
    assert!(first.output.join("train/ROIs/image/a.png").exists());
    fs::remove_dir_all(&first.input).unwrap();
    run(&Options { output: first.output.clone(), ..second }).expect("what it was made of is gone");
}

#[test]
fn a_mask_among_the_photographs_is_none() {
    let (_folder, wanted) = tree(&["images/a.png"], &["masks/a.png"]);
    save_mask(wanted.input.join("images/a.png"), [255, 128, 0]);
    let text = run(&wanted).unwrap_err().to_string();
    assert!(text.contains("looks like a mask, not like a photograph"), "{text}");
    // Here and there it has the value of a cup.
    let noise = |x: u32, y: u32| {
        Rgb(if (3 * x + 5 * y).is_multiple_of(11) { [0; 3] } else { [x, y, x * y].map(|v| (v * 7919 % 251) as u8) })
    };
    save(wanted.input.join("masks/a.png"), RgbImage::from_fn(WIDTH, HEIGHT, noise));
    save_photograph(wanted.input.join("images/a.png"));
    let any_background = Legend { background: None, ..wanted.legend };
    for named in [
        wanted.clone(),
        Options { legend: any_background, ..wanted.clone() },
        Options { disc_masks: Some("masks".into()), ..wanted },
    ] {
        let text = run(&named).unwrap_err().to_string();
        assert!(text.contains("looks like a photograph") && !text.contains("disc alone"), "{text}");
    }
}
