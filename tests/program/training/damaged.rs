//! Checkpoints that are damaged or could not be written: what is whole is found, and the run ends as if nothing had been.

use std::ffi::OsString;
use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use papilla::formats::{CHECKSUM, TensorFile};
use papilla::train::Checkpoint;

use super::resume::{assert_resumes_to, assert_same, contents};
use crate::clinics::copy;
use crate::jobs::Job;
use crate::running::{output, refusal, succeed, text};

/// A copy of the undisturbed run.
fn copied(job: &Job, name: &str) -> PathBuf {
    let to = job.place(name);
    copy(job.undisturbed(), &to);
    to
}

fn last(run: &Path) -> PathBuf {
    run.join("checkpoints/last.safetensors")
}

#[test]
fn a_checkpoint_with_a_changed_byte_anywhere_is_refused_and_the_previous_one_goes_on() {
    let job = Job::plain();
    let undisturbed = job.undisturbed();
    let whole = fs::read(last(undisturbed)).expect("the run ended");
    let header = 8 + u64::from_le_bytes(whole[..8].try_into().expect("eight bytes")) as usize;
    let find = |text: &str| {
        let found = whole[..header].windows(text.len()).position(|window| window == text.as_bytes());
        found.unwrap_or_else(|| panic!("`{text}` is in the header"))
    };

    let run = copied(&job, "damaged");
    let mut content = whole.clone();
    // The header's length, its JSON, a setting, a count, the checksum and its name, the version, offsets, elements.
    let places = [
        0,
        7,
        8,
        find("batch = "),
        find("\"step\":\"") + 8,
        find(CHECKSUM) + CHECKSUM.len() + 3,
        find(CHECKSUM) + 2,
        find("papilla_checkpoint\":\"") + 21,
        find("data_offsets") + 16,
        header - 1,
        header,
        header + (whole.len() - header) / 2,
        whole.len() - 1,
    ];
    let mut file = fs::OpenOptions::new().write(true).open(last(&run)).expect("the file can be written");
    let mut put = |place: usize, byte: u8| {
        file.seek(SeekFrom::Start(place as u64))
            .and_then(|_| file.write_all(&[byte]))
            .expect("the file can be written");
    };
    for place in places {
        for flip in [0x01, 0x80] {
            put(place, whole[place] ^ flip);
            match Checkpoint::read(&last(&run)) {
                Ok(_) => panic!("accepted with byte {place} of {} changed by {flip:#x}", whole.len()),
                Err(error) => assert!(error.to_string().contains("last.safetensors"), "{error}"),
            }
        }
        put(place, whole[place]);
    }
    assert!(Checkpoint::read(&last(&run)).is_ok(), "every byte is as it was");

    content[header + 1000] ^= 4;
    let damaged = [content, whole[..whole.len() - 1].to_vec(), whole[..header / 2].to_vec(), Vec::new()];
    for content in &damaged {
        fs::write(last(&run), content).expect("the file can be written");
        let error = refusal(&["train", "--resume", text(&run)]);
        for words in ["last.safetensors", "previous checkpoint, of step 5,", "--from previous"] {
            assert!(error.contains(words), "`{words}` is not in: {error}");
        }
    }
    fs::remove_file(last(&run)).expect("the file is there");
    assert!(refusal(&["train", "--resume", text(&run)]).contains("--from previous"));
    assert!(refusal(&job_like(&job, &run)).contains("already holds a run"));

    fs::write(last(&run), &damaged[0]).expect("the file can be written");
    succeed(&["train", "--resume", text(&run), "--from", "previous"]);
    assert_same(undisturbed, &run);
    assert_eq!(contents(&run, "previous").1, "5", "the whole one was kept, not the damaged one");

    for name in ["last", "previous"] {
        fs::write(run.join(format!("checkpoints/{name}.safetensors")), b"").expect("the file can be written");
    }
    let best = Checkpoint::read(&run.join("checkpoints/best.safetensors")).expect("it is whole").progress.step;
    for (arguments, damaged) in [(&[][..], "last.safetensors"), (&["--from", "previous"], "previous.safetensors")] {
        let error = refusal(&[&["train", "--resume", text(&run)], arguments].concat());
        for words in [damaged, &format!("the best checkpoint, of step {best}, is whole"), "--from best"] {
            assert!(error.contains(words), "`{words}` is not in: {error}");
        }
    }
    // What was logged after it is lost with the last lines of the log, which a whole checkpoint does not need.
    let log = fs::read(run.join("metrics.jsonl")).expect("the run logs");
    fs::write(run.join("metrics.jsonl"), &log[..log.len() / 4]).expect("the file can be written");
    let said = output(&["train", "--resume", text(&run), "--from", "best"]);
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(said.contains("metrics.jsonl") && said.contains("curves of this run have a gap"), "{said}");
    for checkpoint in ["last", "best"] {
        assert!(contents(&run, checkpoint).0 == contents(undisturbed, checkpoint).0, "{checkpoint}");
    }
    for name in ["last", "previous", "best"] {
        fs::write(run.join(format!("checkpoints/{name}.safetensors")), b"").expect("the file can be written");
    }
    let error = refusal(&["train", "--resume", text(&run)]);
    assert!(error.contains("last.safetensors") && error.contains("no other whole checkpoint"), "{error}");
}

#[test]
fn a_run_is_not_gone_on_with_on_other_regions_or_settings_than_it_began_with_unless_asked() {
    let job = Job::plain();
    let run = copied(&job, "changed");
    let previous = run.join("checkpoints/previous.safetensors");
    fs::copy(&previous, last(&run)).expect("both are there");

    // The clinic of the run, with two regions more and another one changed.
    let mut file = TensorFile::read(&last(&run)).expect("the run ended");
    let clinic = job.place("clinic-a");
    copy(&job.clinic("clinic-a"), &clinic);
    let moved = |settings: &str| settings.replace(text(&job.clinic("clinic-a")), text(&clinic));
    let config = moved(&file.metadata["config"]);
    file.metadata.insert("config".to_string(), config);
    file.write(&last(&run)).expect("the file can be written");
    let resume = ["train", "--resume", text(&run)];
    let error = refusal(&resume);
    for words in ["config.toml", "contradicts", "last.safetensors", "`source` is"] {
        assert!(error.contains(words), "`{words}` is not in: {error}");
    }
    let settings = moved(&fs::read_to_string(run.join("config.toml")).expect("the run has its settings"));
    fs::write(run.join("config.toml"), &settings).expect("the file can be written");
    for other in [settings.replace("source-only", "clr"), settings.replace("batch = 6", "batch = 5")] {
        fs::write(run.join("config.toml"), &other).expect("the file can be written");
        let errors = [refusal(&resume), refusal(&["report", "--no-images", text(&run)])];
        assert!(errors.iter().all(|error| error.contains("contradicts")), "{errors:?}");
    }
    fs::remove_file(run.join("config.toml")).expect("it is there");

    let rois = clinic.join("train/ROIs");
    let mut names: Vec<_> =
        fs::read_dir(rois.join("image")).expect("a split").map(|entry| entry.expect("listed").file_name()).collect();
    names.sort();
    for kind in ["image", "mask"] {
        for name in ["x-1.png", "x-2.png"] {
            fs::copy(rois.join(kind).join(&names[0]), rois.join(kind).join(name)).expect("it can be copied");
        }
    }
    fs::copy(rois.join("image").join(&names[1]), rois.join("image").join(&names[0])).expect("it can be copied");
    let error = refusal(&resume);
    for words in [
        "of 44 files for training on the source, 4 are new (`ROIs/image/x-1.png`, `ROIs/image/x-2.png`, `ROIs/mask/x-1.png` and 1 more)",
        "1 has another content",
        "--changed-data",
    ] {
        assert!(error.contains(words), "`{words}` is not in: {error}");
    }
    let again = output(&[&resume[..], &["--changed-data"]].concat());
    let said = String::from_utf8_lossy(&again.stderr);
    assert!(again.status.success() && said.contains("the run goes on with other regions"), "{said}");
    assert_eq!(fs::read_to_string(run.join("config.toml")).expect("it is written again"), settings);
    // From now on these are its regions.
    succeed(&resume);
}

/// Arguments of a new run into a folder, on the data of a job.
fn job_like(job: &Job, run: &Path) -> Vec<OsString> {
    let source = job.clinic("clinic-a");
    ["train".as_ref(), "--source".as_ref(), source.as_os_str(), "--out".as_ref(), run.as_os_str()]
        .map(OsString::from)
        .into()
}

#[test]
fn a_checkpoint_of_before_there_were_checksums_goes_on() {
    let job = Job::plain();
    let undisturbed = job.undisturbed();
    let run = copied(&job, "earlier");
    fs::rename(run.join("checkpoints/previous.safetensors"), last(&run)).expect("both are there");
    let mut file = TensorFile::read(&last(&run)).expect("the run ended");
    file.metadata.remove(CHECKSUM).expect("it has a checksum");
    file.write(&last(&run)).expect("the file can be written");
    let error = refusal(&["train", "--resume", text(&run)]);
    assert!(error.contains("last.safetensors") && error.contains(CHECKSUM), "one is missing: {error}");
    file.metadata.insert("papilla_checkpoint".to_string(), "1".to_string());
    file.write(&last(&run)).expect("the file can be written");
    assert_resumes_to(undisturbed, &run);
}

/// A limit on file sizes, set while the run goes on, stands in for a disk that fills up.
#[test]
#[cfg(target_os = "linux")]
fn a_disk_that_fills_up_leaves_a_run_that_goes_on() {
    use std::process::{Command, Stdio};

    use crate::jobs::logged;

    if Command::new("prlimit").arg("--version").output().is_err() {
        return harness::skip("there is no `prlimit`");
    }
    let job = Job::plain();
    let undisturbed = job.undisturbed();
    let run = job.place("full");
    let mut program = job.command(&run);
    let child = program.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the program runs");
    while logged(&run) < 3 {
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    let limit = Command::new("prlimit").args(["--fsize=100000", "--pid", &child.id().to_string()]).status();
    assert!(limit.expect("prlimit runs").success());
    let output = child.wait_with_output().expect("the program ends");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let error = said.lines().find(|l| l.starts_with("error: ") && !l.contains("XDG_RUNTIME_DIR")).expect("it says why");
    for words in ["cannot write", ".safetensors", "papilla train --resume"] {
        assert!(error.contains(words), "`{words}` is not in: {error}");
    }
    let left = fs::read_dir(run.join("checkpoints")).expect("the folder is there");
    assert!(left.into_iter().all(|e| e.is_ok_and(|e| e.path().extension().is_some_and(|e| e == "safetensors"))));
    assert_resumes_to(undisturbed, &run);
}
