use std::fs;
use std::io::{self, Cursor};
use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::atomic_file::WriteError;

const COLUMNS: [&str; 2] = ["name", "vcdr"];

/// One of each form.
const PURPOSES: [Purpose; 8] = [
    Purpose::Mask,
    Purpose::Overlay,
    Purpose::Table(&COLUMNS),
    Purpose::Evaluation,
    Purpose::Weights,
    Purpose::PyTorch,
    Purpose::Report,
    Purpose::Shader,
];

/// Some content that says what it is for.
fn content(purpose: Purpose, seed: u8) -> Vec<u8> {
    let mark = purpose.mark();
    let text = match purpose {
        Purpose::Mask | Purpose::Overlay => {
            let mut png = Vec::new();
            let picture = image::GrayImage::from_pixel(5, 4, image::Luma([seed]));
            picture.write_to(&mut Cursor::new(&mut png), image::ImageFormat::Png).unwrap();
            return purpose.sealed(&png);
        }
        Purpose::Table(_) => format!("name,vcdr\na,{seed}\n"),
        Purpose::Evaluation => format!("{{\n  \"written_by\": \"{mark}\",\n  \"images\": {seed}\n}}"),
        Purpose::Weights => format!("\0\0\0\0\0\0\0\0{{\"__metadata__\":{{\"written_by\":\"{mark}\"}}}}{seed}"),
        Purpose::PyTorch => format!("PK{seed}{}{mark}", "\n".repeat(100)),
        Purpose::Report => format!("<head><meta name=\"generator\" content=\"{mark}\">{seed}"),
        _ => format!("{seed}"),
    };
    text.into_bytes()
}

fn write(rule: &Overwriting, path: &Path, purpose: Purpose, content: &[u8]) -> Result<(), WriteError> {
    rule.write(path, purpose, |file| file.write_all(content))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is there and whatever comes: only what this program wrote for the same, unchanged where that can be told,
    /// is ever replaced without force, and a refusal leaves everything as it was.
    #[test]
    fn only_own_files_are_replaced(earlier in 0..PURPOSES.len(), later in 0..PURPOSES.len(), seed in any::<u8>(),
                                   cut in 0usize..80, forced in any::<bool>()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let (earlier, later) = (PURPOSES[earlier], PURPOSES[later]);
        let mut there = content(earlier, seed);
        // Now and then cut short, or drawn over.
        if cut > 70 { there.truncate(1 + cut % 7); }
        if cut == 60 && matches!(earlier, Purpose::Mask | Purpose::Overlay) { let last = there.len() - 20; there[last] ^= 1; }
        fs::write(&path, &there).unwrap();
        let new = content(later, seed ^ 1);
        let may = earlier == later && later != Purpose::Shader && there == content(earlier, seed);
        let outcome = write(&Overwriting::forced(forced), &path, later, &new);
        prop_assert_eq!(outcome.is_ok(), may || forced, "{:?} over {:?}: {:?}", later, earlier, outcome);
        prop_assert_eq!(fs::read(&path).unwrap(), if outcome.is_ok() { new } else { there });
        prop_assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}

#[test]
fn the_same_content_and_an_empty_file_are_no_loss() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    for purpose in PURPOSES {
        fs::write(&path, "").unwrap();
        for _ in 0..2 {
            write(&Overwriting::default(), &path, purpose, &content(purpose, 3)).unwrap();
        }
    }
}

#[test]
fn what_is_read_and_checkpoints_are_kept_even_if_forced() {
    let folder = tempfile::tempdir().unwrap();
    let (read, checkpoint) = (folder.path().join("read.html"), folder.path().join("last.safetensors"));
    let new = content(Purpose::Report, 1);
    fs::write(&read, content(Purpose::Report, 0)).unwrap();
    let header = format!("{{\"__metadata__\":{{\"config\":\"\",\"{CHECKPOINT}\":\"2\"}}}}");
    fs::write(&checkpoint, [&(header.len() as u64).to_le_bytes(), header.as_bytes()].concat()).unwrap();
    let rule = Overwriting::forced(true).reading([folder.path().join("../").join(folder.path()).join("read.html")]);
    for (path, refusal) in [(&read, Refusal::Read), (&checkpoint, Refusal::Checkpoint)] {
        let before = fs::read(path).unwrap();
        let error = write(&rule, path, Purpose::Report, &new).unwrap_err();
        assert_eq!(Refusal::of(&error), Some(&refusal));
        assert_eq!(Refusal::of(&rule.check(path, Purpose::Report).unwrap_err()), Some(&refusal));
        assert!(!rule.remove(path, Purpose::Report).unwrap());
        assert_eq!(fs::read(path).unwrap(), before);
    }
}

#[test]
#[cfg(unix)]
fn links_pipes_and_devices_are_kept_even_if_forced() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::write(at("target.html"), content(Purpose::Report, 0)).unwrap();
    symlink(at("target.html"), at("link.html")).unwrap();
    symlink(at("nowhere"), at("dangling.html")).unwrap();
    fs::create_dir(at("folder.html")).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, at("pipe.html"), rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    let before = fs::read_dir(folder.path()).unwrap().count();
    let rule = Overwriting::forced(true);
    for name in ["link.html", "dangling.html", "folder.html", "pipe.html", "/dev/null", "/dev/full"] {
        let path = at(name);
        let error = write(&rule, &path, Purpose::Report, &content(Purpose::Report, 1)).unwrap_err();
        assert!(matches!(Refusal::of(&error), Some(Refusal::Link(_) | Refusal::NotAFile(_))), "{name}: {error}");
        assert!(rule.check(&path, Purpose::Report).is_err() && !rule.remove(&path, Purpose::Report).unwrap());
        assert!(open_existing(&path).is_err() && open_to_go_on(&path).is_err(), "{name}");
    }
    assert_eq!(fs::read(at("target.html")).unwrap(), content(Purpose::Report, 0));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), before);
}

#[test]
fn a_file_that_comes_meanwhile_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.html");
    let error = Overwriting::default().write(&path, Purpose::Report, |file| {
        fs::write(&path, "mine")?;
        file.write_all(&content(Purpose::Report, 1))
    });
    assert_eq!(Refusal::of(&error.unwrap_err()), Some(&Refusal::Foreign("report")));
    assert_eq!(fs::read(&path).unwrap(), b"mine");
}

/// A file system that takes nothing more.
#[test]
fn a_content_that_cannot_be_written_leaves_what_was_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.html");
    fs::write(&path, content(Purpose::Report, 1)).unwrap();
    let failed = Overwriting::default()
        .write(&path, Purpose::Report, |_| Err(io::Error::from(io::ErrorKind::StorageFull)))
        .unwrap_err();
    assert_eq!(Refusal::of(&failed), None);
    assert_eq!(fs::read(&path).unwrap(), content(Purpose::Report, 1));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}
