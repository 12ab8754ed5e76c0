//! Files from strangers, mutated: no reader panics, hangs, or takes memory that the file's size does not warrant.
//!
//! `PROPTEST_CASES` sets the mutants of each reader, `FUZZ_SECONDS` lets `for_a_while` go on for so long.

#![allow(clippy::disallowed_methods, reason = "tests write files as others do")]

mod allocation;
mod mutation;
mod seeds;
mod targets;

use std::path::Path;
use std::time::{Duration, Instant};

use proptest::test_runner::{Config, TestCaseError, TestError, TestRunner};

use allocation::Meter;
use mutation::{Mutation, mutants, mutated};
use targets::{TARGETS, Target};

#[global_allocator]
static ALLOCATOR: allocation::Counting = allocation::Counting;

/// Time after which a reader counts as hanging.
const PATIENCE: Duration = Duration::from_secs(20);

/// Mutants of each reader, unless `PROPTEST_CASES` says otherwise.
const CASES: u32 = 400;

/// What a reader does wrong with a file of some content, if anything.
fn fault(target: &Target, file: &Path, content: &[u8]) -> Option<String> {
    std::fs::write(file, content).expect("a temporary file can be written");
    let begun = Instant::now();
    let meter = Meter::start();
    let read = std::panic::catch_unwind(|| (target.read)(file, content));
    let (largest, held) = meter.stop();
    if read.is_err() {
        return Some("it panics".to_string());
    }
    if begun.elapsed() > PATIENCE {
        return Some(format!("it takes {:?}", begun.elapsed()));
    }
    let allowed = target.base + target.factor * content.len();
    let fault = format!("{} bytes make it allocate {largest} at once, {held} in all", content.len());
    (largest.max(held) > allowed).then_some(fault)
}

/// Gives a reader some mutants of its seeds.
fn attack(target: &Target, cases: u32) {
    let seeds = (target.seeds)();
    let folder = tempfile::tempdir_in(memory_backed()).expect("a temporary folder");
    let file = folder.path().join(target.file);
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 2000, ..Config::default() };
    let outcome = TestRunner::new(config).run(&mutants(seeds.len()), |(seed, mutations)| {
        let content = mutated(&seeds, seed, &mutations);
        fault(target, &file, &content).map_or(Ok(()), |reason| Err(TestCaseError::fail(reason)))
    });
    if let Err(TestError::Fail(reason, (seed, mutations))) = outcome {
        let content = mutated(&seeds, seed, &mutations);
        let kept = std::env::temp_dir().join(format!("papilla-fuzz-{}", target.file));
        std::fs::write(&kept, &content).expect("a temporary file can be written");
        panic!("{}: {reason}; the mutant is {} ({mutations:?} of seed {seed})", target.name, kept.display());
    }
}

/// A folder that no disk lies behind, where there is one.
fn memory_backed() -> std::path::PathBuf {
    let shared = std::path::PathBuf::from("/dev/shm");
    if shared.is_dir() { shared } else { std::env::temp_dir() }
}

fn attack_by_name(name: &str) {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(CASES);
    attack(target(name), cases);
}

fn target(name: &str) -> &'static Target {
    TARGETS.iter().find(|target| target.name == name).expect("a target of this name")
}

#[test]
fn what_was_found_stays_mended() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, content) in targets::FOUND {
        let target = target(name);
        assert_eq!(fault(target, &folder.path().join(target.file), content), None, "{name}");
    }
}

#[test]
fn pytorch_checkpoints() {
    attack_by_name("pytorch");
}

#[test]
fn safetensors_files() {
    attack_by_name("safetensors");
}

#[test]
fn checkpoints_of_runs() {
    attack_by_name("checkpoint");
}

#[test]
fn images_and_masks() {
    attack_by_name("image");
}

#[test]
fn masks_of_matlab() {
    attack_by_name("matlab");
}

#[test]
fn contours() {
    attack_by_name("contour");
}

#[test]
fn settings() {
    attack_by_name("settings");
}

#[test]
fn golden_cases() {
    attack_by_name("golden");
}

#[test]
fn the_seeds_themselves_are_read() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for target in TARGETS {
        let file = folder.path().join(target.file);
        for (index, seed) in (target.seeds)().iter().enumerate() {
            std::fs::write(&file, seed).expect("a temporary file can be written");
            assert!((target.read)(&file, seed), "seed {index} of {} is refused", target.name);
            assert!(seed.len() < 100_000, "seed {index} of {} is no small file", target.name);
        }
    }
    let nothing: Vec<Mutation> = Vec::new();
    assert_eq!(mutated(&[vec![1, 2]], 0, &nothing), [1, 2]);
}

/// All readers in turn for `FUZZ_SECONDS`; says how many mutants that were.
#[test]
fn for_a_while() {
    let Some(seconds) = std::env::var("FUZZ_SECONDS").ok().and_then(|seconds| seconds.parse().ok()) else { return };
    let begun = Instant::now();
    let mut rounds = 0u64;
    while begun.elapsed() < Duration::from_secs(seconds) {
        TARGETS.iter().for_each(|target| attack(target, 500));
        rounds += 1;
        if rounds.is_multiple_of(20) {
            eprintln!("{} mutants of each of {} readers in {:?}", rounds * 500, TARGETS.len(), begun.elapsed());
        }
    }
    eprintln!("{} mutants of each of {} readers in {:?}", rounds * 500, TARGETS.len(), begun.elapsed());
}
