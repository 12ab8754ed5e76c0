//! `papilla check`: datasets looked through.

use std::fs;

use serde_json::Value;
use tempfile::TempDir;

use crate::clinics::{clinics, copy};
use crate::running::{output, succeed, text};

fn texts(list: &Value) -> Vec<&str> {
    list.as_array().expect("a list").iter().map(|text| text.as_str().expect("a text")).collect()
}

#[test]
fn datasets_are_counted_and_what_they_have_in_common_is_said() {
    let folder = TempDir::new().expect("a temporary folder");
    let clinics = clinics(&folder);
    let clean = succeed(&["check", text(&clinics)]);
    for words in [
        "clinic-a/train: 20 images of 64x64, 20 with masks: mean area cup",
        "as a source: 18 to train on, 2 held out to choose the best checkpoint (`clinic-a-train-0010` and",
        "clinic-b/test: 3 images of 64x64",
        "nothing is wrong",
    ] {
        assert!(clean.contains(words), "`{words}` is not in:\n{clean}");
    }

    // The test regions are those of training, and another camera's are stored anew; one mask is damaged.
    let [a, b] = ["clinic-a", "clinic-b"].map(|name| clinics.join(name));
    fs::remove_dir_all(a.join("test")).expect("the folder is there");
    copy(&a.join("train"), &a.join("test"));
    let image = a.join("train/ROIs/image/clinic-a-train-0001.png");
    let anew = b.join("test/ROIs/image/clinic-b-test-0001.bmp");
    image::open(&image).expect("an image").save(&anew).expect("a temporary file can be written");
    fs::remove_file(anew.with_extension("png")).expect("the file is there");
    fs::write(b.join("train/ROIs/mask/clinic-b-train-0003.png"), "no mask").expect("a temporary file can be written");
    let output = output(&["--json", "check", text(&a), text(&b), text(&b.join("test"))]);
    assert_eq!(output.status.code(), Some(1), "a mask cannot be used");
    let document: Value = serde_json::from_slice(&output.stdout).expect("one JSON document");
    assert_eq!(document["splits"].as_array().map(Vec::len), Some(4), "a split that is given twice is looked at once");
    let warnings = texts(&document["warnings"]);
    let kinds = ["test` holds the same 20 images as `", "1 of 3 images of `", "1 of 3 images of `"];
    assert_eq!(warnings.len(), kinds.len(), "{warnings:#?}");
    for (warning, words) in warnings.iter().zip(kinds) {
        assert!(warning.contains(words), "{warning}");
    }
    let errors = texts(&document["errors"]);
    assert!(errors.len() == 1 && errors[0].contains("clinic-b-train-0003.png"), "{errors:?}");
    assert_eq!(document["shared"].as_array().map(Vec::len), Some(3));
}
