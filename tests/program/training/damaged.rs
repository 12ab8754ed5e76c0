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
use crate::running::{refusal, succeed, text};

/// A copy of the undisturbed run.
fn copied(job: &Job, name: &str) -> PathBuf {
    let to = job.place(name);
    copy(&job.undisturbed(), &to);
    to
}

fn last(run: &Path) -> PathBuf {
    run.join("checkpoints/last.safetensors")
}

#[test]
fn a_checkpoint_with_a_changed_byte_anywhere_is_refused_and_the_previous_one_goes_on() {
    let job = Job::plain();
    let undisturbed = job.undisturbed();
    let whole = fs::read(last(&undisturbed)).expect("the run ended");
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
        for words in ["last.safetensors", "previous checkpoint, of step 7,", "--from previous"] {
            assert!(error.contains(words), "`{words}` is not in: {error}");
        }
    }
    fs::remove_file(last(&run)).expect("the file is there");
    assert!(refusal(&["train", "--resume", text(&run)]).contains("--from previous"));
    assert!(refusal(&job_like(&job, &run)).contains("already holds a run"));

    fs::write(last(&run), &damaged[0]).expect("the file can be written");
    succeed(&["train", "--resume", text(&run), "--from", "previous"]);
    assert_same(&undisturbed, &run);
    assert_eq!(contents(&run, "previous").1, "7", "the whole one was kept, not the damaged one");

    for name in ["last", "previous"] {
        fs::write(run.join(format!("checkpoints/{name}.safetensors")), b"").expect("the file can be written");
    }
    let error = refusal(&["train", "--resume", text(&run)]);
    assert!(error.contains("last.safetensors") && error.contains("no whole previous"), "{error}");
    let error = refusal(&["train", "--resume", text(&run), "--from", "previous"]);
    assert!(error.contains("previous.safetensors"), "{error}");
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
    assert_resumes_to(&undisturbed, &run);
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
    let program = job.command(&run);
    // The signal that comes with the limit would end the program before the error does.
    let script = "trap '' XFSZ; exec \"$0\" \"$@\"";
    let mut command = Command::new("sh");
    command.args(["-c", script]).arg(program.get_program()).args(program.get_args());
    let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("a shell runs");
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
    assert_resumes_to(&undisturbed, &run);
}
