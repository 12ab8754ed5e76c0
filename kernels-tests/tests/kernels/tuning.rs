//! The choice of kernels: measured among all of them, kept for the next run, and right whichever was chosen.

use std::sync::Arc;
use std::time::Duration;

use kernels_tests::{Case, adapter};
use papilla::conformance::ROUNDING;
use papilla::gpu::{ConvChoice, Gpu, GpuOptions, Tuner};
use papilla::graph::ConvSpec;

const LONG: Duration = Duration::from_secs(600);

/// Two convolutions and their gradients: six classes, or five where one input's gradient is not asked for.
fn case() -> Case {
    let mut case = Case::new(1);
    let (x, w, v) = (case.input([2, 9, 12, 10]), case.input([17, 9, 3, 3]), case.input([5, 17, 1, 1]));
    let spec = ConvSpec { stride: [2, 2], padding: [1, 1], ..ConvSpec::default() };
    let y = case.graph.conv2d(x, w, None, spec).expect("shapes fit");
    let y = case.graph.conv2d(y, v, None, ConvSpec::default()).expect("shapes fit");
    case.output_with_gradients(y, &[x, w, v]).expect("shapes fit");
    case
}

fn open() -> Tuner {
    let wanted = std::env::var("PAPILLA_DEVICE").ok();
    let options = GpuOptions { checked_shaders: true, ..GpuOptions::default() };
    Tuner::new(Arc::new(Gpu::open(wanted.as_deref(), options).expect("tests need an adapter")))
}

#[test]
fn choices_are_made_kept_and_right() {
    let folder = tempfile::tempdir().expect("a folder");
    let case = case();
    let tuner = open();
    tuner.keep_choices(folder.path());
    assert!(tuner.choices().is_empty());
    tuner.tune_among(&case.graph, &ConvChoice::ALL, LONG).expect("kernels run");
    let made = tuner.choices();
    assert_eq!(made.len(), 6, "{made:?}");
    case.check_with(tuner.gpu(), &tuner.capabilities(), ROUNDING);

    let next = open();
    next.keep_choices(folder.path());
    assert_eq!(next.choices(), made);
    // Nothing is left to measure, even with no time to do it in.
    next.tune_among(&case.graph, &ConvChoice::ALL, Duration::ZERO).expect("kernels run");
    assert_eq!(next.choices(), made);
    case.check_with(next.gpu(), &next.capabilities(), ROUNDING);
}

#[test]
fn without_time_or_choice_the_table_holds() {
    let case = case();
    let tuner = open();
    tuner.tune_among(&case.graph, &ConvChoice::ALL, Duration::ZERO).expect("nothing to do");
    tuner.tune_among(&case.graph, &[ConvChoice::Direct], LONG).expect("nothing to do");
    assert!(tuner.choices().is_empty());
    case.check_with(tuner.gpu(), &tuner.capabilities(), ROUNDING);
}

/// A continued run computes with the kernels it began with, whatever has been found to be faster since.
#[test]
fn fixed_choices_stay() {
    let folder = tempfile::tempdir().expect("a folder");
    let case = case();
    let tuner = open();
    tuner.keep_choices(folder.path());
    let class = {
        tuner.tune_among(&case.graph, &[ConvChoice::Direct, ConvChoice::Small], LONG).expect("kernels run");
        *tuner.choices().keys().next().expect("a class")
    };
    let next = open();
    next.keep_choices(folder.path());
    let earlier = [(class, ConvChoice::Large)].into_iter().collect();
    next.fix_choices(std::collections::BTreeMap::clone(&earlier));
    next.tune_among(&case.graph, &ConvChoice::ALL, LONG).expect("nothing to do");
    assert_eq!(*next.choices(), earlier);
    case.check_with(next.gpu(), &next.capabilities(), ROUNDING);
}

/// Choices of another driver, and files that are none.
#[test]
fn damaged_and_foreign_choices_are_not_used() {
    let folder = tempfile::tempdir().expect("a folder");
    let case = case();
    let tuner = open();
    tuner.keep_choices(folder.path());
    tuner.tune_among(&case.graph, &[ConvChoice::Direct, ConvChoice::Small], LONG).expect("kernels run");
    let file = std::fs::read_dir(folder.path()).expect("there").next().expect("a file").expect("readable").path();
    let text = std::fs::read_to_string(&file).expect("text");
    for changed in ["", "{", &text.replace("\"driver\": \"", "\"driver\": \"older "), &text[..text.len() / 2]] {
        std::fs::write(&file, changed).expect("writable");
        let next = open();
        next.keep_choices(folder.path());
        assert!(next.choices().is_empty(), "{changed}");
    }
    assert!(adapter(None, None).capabilities().choices.is_empty(), "other openings of the adapter are left alone");
}
