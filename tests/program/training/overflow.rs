//! Values that overflow: the run stops by name, and what it keeps is finite.

use std::path::Path;

use papilla::formats::TensorFile;
use papilla::train::Checkpoint;
use tempfile::TempDir;

use super::metrics;
use crate::clinics::clinics;
use crate::running::{refusal, succeed, text};

#[test]
fn a_loss_that_overflows_is_named_and_the_last_good_checkpoint_stays() {
    let folder = TempDir::new().expect("a temporary folder");
    let (source, run) = (clinics(&folder).join("clinic-a"), folder.path().join("run"));
    // The first step changes every weight by about the rate: whatever the network then computes, either a logit is not
    // finite or the sum over the pixels overflows.
    let flags = "--size 32 --batch 4 --steps 4 --seed 3 --augment none --checkpoint-every 0.00001 --lr 2e36";
    let mut arguments = vec!["train", "--source", text(&source), "--out", text(&run)];
    arguments.extend(flags.split(' '));
    let error = refusal(&arguments);
    for words in ["`seg` became", "at step 1", "last.safetensors", "--lr"] {
        assert!(error.contains(words), "`{words}` is not in: {error}");
    }
    assert!(!error.contains("`total`"), "the total only follows: {error}");
    assert_eq!(metrics(&run).len(), 2, "the step that overflowed is logged");

    let last = Checkpoint::read(&run.join("checkpoints/last.safetensors")).expect("the checkpoint loads");
    assert_eq!(last.progress.step, 1);
    assert_eq!(last.first_not_finite(), None);
    // Resumed, it fails in the same way and keeps the same checkpoint.
    assert_eq!(refusal(&["train", "--resume", text(&run)]), error);
    let again = Checkpoint::read(&run.join("checkpoints/last.safetensors")).expect("the checkpoint loads");
    assert!(last.tensors.iter().all(|(name, tensor)| tensor.same_bits(&again.tensors[name])));
}

/// Makes a value of a checkpoint's tensor NaN and writes the rest as it is.
fn spoilt(checkpoint: &Path, tensor: &str, out: &Path) {
    let mut file = TensorFile::read(checkpoint).expect("the run ended");
    file.tensors.get_mut(tensor).expect("the network has this tensor").data[0] = f32::NAN;
    file.write(out).expect("the folder is writable");
}

#[test]
fn weights_that_are_not_finite_are_refused_by_name() {
    let folder = TempDir::new().expect("a temporary folder");
    let (source, run) = (clinics(&folder).join("clinic-a"), folder.path().join("run"));
    let flags = ["--size", "32", "--batch", "4", "--steps", "1"];
    let begin = ["train", "--source", text(&source), "--out"];
    succeed(&[&begin[..], &[text(&run)], &flags].concat());

    let (weights, out) = (folder.path().join("spoilt.safetensors"), folder.path().join("from-them"));
    spoilt(&run.join("checkpoints/last.safetensors"), "generator.aspp.conv1.weight", &weights);
    let test = source.join("test");
    let train = [&begin[..], &[text(&out)], &flags, &["--init", text(&weights)]].concat();
    for arguments in [train, vec!["evaluate", "--checkpoint", text(&weights), "--data", text(&test)]] {
        let error = refusal(&arguments);
        assert!(error.contains("spoilt.safetensors") && error.contains("`aspp.conv1.weight`"), "{error}");
    }
    assert!(!out.exists(), "nothing is begun with them");
}
