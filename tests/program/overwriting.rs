//! What lies where a verb is to write: nothing is lost, whichever verb it is and whatever lies there.

use std::fs;
use std::path::{Path, PathBuf};

use papilla::own_file::{CHECKPOINT, Purpose};
use tempfile::TempDir;

use crate::clinics::clinics;
use crate::running::{output, refused, succeed, text};

/// A call that would write a file, and whether it has `--force`. Those that need weights name absent ones: what is in their way is
/// found before.
struct Call {
    arguments: Vec<String>,
    file: PathBuf,
    has_force: bool,
}

fn calls(folder: &TempDir) -> Vec<Call> {
    let (root, data) = (folder.path(), clinics(folder).join("clinic-a"));
    let run = root.join("run");
    fs::create_dir(&run).expect("a folder");
    fs::write(run.join("config.toml"), "source = 'clinic'").expect("a file");
    let image =
        fs::read_dir(data.join("test/ROIs/image")).expect("a folder").flatten().next().expect("an image").path();
    let name = image.file_stem().expect("a name").to_string_lossy().into_owned();
    let (absent, split) = (root.join("absent.safetensors"), data.join("test"));
    let call = |arguments: &[&str], file: &str, has_force| {
        let arguments = arguments.iter().map(|argument| argument.to_string()).collect();
        Call { arguments, file: root.join(file), has_force }
    };
    let (page, weights) = (root.join("page.html"), root.join("weights.pth"));
    let (some, adapted, trace) =
        (root.join("some.safetensors"), root.join("adapted.safetensors"), root.join("trace.json"));
    fs::write(&some, "no weights").expect("a file");
    let adapt = ["adapt", "--colours", "--source", text(&data), "--checkpoint", text(&some), "--out", text(&adapted)];
    let [measured, drawn, manual, charts, made] =
        ["measured", "drawn", "manual", "charts", "made"].map(|name| root.join(name));
    let evaluate = ["evaluate", "--checkpoint", text(&absent), "--data", text(&split), "--out", text(&measured)];
    let predict = ["predict", "--checkpoint", text(&absent), text(&image), "--out", text(&drawn)];
    let synth = ["synth", "--out", text(&made), "--size", "32", "--train", "1", "--test", "0"];
    vec![
        call(&["report", "--no-images", text(&run), "--out", text(&page)], "page.html", true),
        call(&["report", "--no-images", text(&run), "--charts", text(&charts)], "run/report.html", true),
        call(&["convert", text(&absent), text(&weights)], "weights.pth", true),
        call(&adapt, "adapted.safetensors", true),
        call(&["bench", "--step", "--trace", text(&trace)], "trace.json", true),
        call(&evaluate, "measured/summary.json", true),
        call(&evaluate, "measured/metrics.csv", true),
        call(&predict, &format!("drawn/{name}_mask.png"), true),
        call(&predict, "drawn/contact-sheet.png", true),
        call(&predict, "drawn/predictions.csv", true),
        call(&predict, "drawn/predictions.under-way.jsonl", true),
        call(&["man", "--out", text(&manual)], "manual/papilla.1", true),
        call(&synth, "made/clinic-a/train/ROIs/image/clinic-a-train-1.png", false),
    ]
}

/// What lies there.
#[derive(Clone, Copy, Debug)]
enum Obstacle {
    Foreign,
    /// this program's, for something else
    OtherPurpose,
    Checkpoint,
    Folder,
    #[cfg(unix)]
    Link,
    #[cfg(unix)]
    Dangling,
    #[cfg(unix)]
    Device,
    #[cfg(unix)]
    Pipe,
}

impl Obstacle {
    #[cfg(unix)]
    const ALL: [Obstacle; 8] = [
        Obstacle::Foreign,
        Obstacle::OtherPurpose,
        Obstacle::Checkpoint,
        Obstacle::Folder,
        Obstacle::Link,
        Obstacle::Dangling,
        Obstacle::Device,
        Obstacle::Pipe,
    ];
    #[cfg(not(unix))]
    const ALL: [Obstacle; 4] = [Obstacle::Foreign, Obstacle::OtherPurpose, Obstacle::Checkpoint, Obstacle::Folder];

    fn put(self, file: &Path, target: &Path) {
        fs::create_dir_all(file.parent().expect("it lies in a folder")).expect("a folder");
        fs::write(target, "mine").expect("a file");
        match self {
            Obstacle::Foreign => fs::write(file, "mine"),
            Obstacle::OtherPurpose => fs::write(file, Purpose::AdapterPage.mark()),
            Obstacle::Checkpoint => {
                let header = format!("{{\"__metadata__\":{{\"{CHECKPOINT}\":\"2\"}}}}");
                fs::write(file, [&(header.len() as u64).to_le_bytes(), header.as_bytes()].concat())
            }
            Obstacle::Folder => fs::create_dir(file),
            #[cfg(unix)]
            Obstacle::Link => std::os::unix::fs::symlink(target, file),
            #[cfg(unix)]
            Obstacle::Dangling => std::os::unix::fs::symlink("nowhere", file),
            #[cfg(unix)]
            Obstacle::Device => std::os::unix::fs::symlink("/dev/null", file),
            #[cfg(unix)]
            Obstacle::Pipe => {
                let mode = rustix::fs::Mode::from_raw_mode(0o600);
                rustix::fs::mkfifoat(rustix::fs::CWD, file, mode).map_err(Into::into)
            }
        }
        .expect("the folder is writable");
    }

    fn gives_way_to_force(self) -> bool {
        matches!(self, Obstacle::Foreign | Obstacle::OtherPurpose)
    }
}

/// Kind, content and target of whatever lies there.
fn state(file: &Path) -> (fs::FileType, Option<Vec<u8>>, Option<PathBuf>) {
    let kind = fs::symlink_metadata(file).expect("it is still there").file_type();
    (kind, kind.is_file().then(|| fs::read(file).expect("a file")), fs::read_link(file).ok())
}

fn remove(file: &Path) {
    let removed = if fs::symlink_metadata(file).is_ok_and(|found| found.is_dir()) {
        fs::remove_dir(file)
    } else {
        fs::remove_file(file)
    };
    removed.expect("it is there");
}

#[test]
fn no_verb_replaces_what_is_not_its_own() {
    let folder = TempDir::new().expect("a temporary folder");
    let target = folder.path().join("target");
    for Call { arguments, file, has_force } in calls(&folder) {
        let is_page = arguments.iter().any(|argument| Path::new(argument) == file);
        for obstacle in Obstacle::ALL {
            // A report goes into a folder that is named as its file.
            if is_page && arguments[0] == "report" && matches!(obstacle, Obstacle::Folder) {
                continue;
            }
            obstacle.put(&file, &target);
            let before = state(&file);
            for force in [false, true] {
                if force && (!has_force || obstacle.gives_way_to_force()) {
                    continue;
                }
                let force = if force { &["--force".to_string()][..] } else { &[] };
                let error = refused(&output(&[&arguments, force].concat()), 1);
                let name = file.file_name().expect("a name").to_string_lossy();
                assert!(error.contains(&*name), "{arguments:?} on {obstacle:?}: {error}");
                assert_eq!(state(&file), before, "{arguments:?} on {obstacle:?}");
                assert_eq!(fs::read(&target).expect("a file"), b"mine", "{arguments:?} on {obstacle:?}");
            }
            remove(&file);
        }
    }
}

#[test]
fn what_is_read_is_kept_and_force_replaces_the_rest() {
    let folder = TempDir::new().expect("a temporary folder");
    let calls = calls(&folder);
    let weights = folder.path().join("weights.safetensors");
    fs::write(&weights, "mine").expect("a file");
    let error = refused(&output(&["convert", text(&weights), text(&weights), "--force"]), 1);
    assert!(error.contains("weights.safetensors") && error.contains("while it is read"), "{error}");
    assert_eq!(fs::read(&weights).expect("a file"), b"mine");
    for Call { arguments, file, .. } in calls.iter().filter(|call| ["report", "man"].contains(&&*call.arguments[0])) {
        fs::create_dir_all(file.parent().expect("it lies in a folder")).expect("a folder");
        fs::write(file, "mine").expect("a file");
        succeed(&[&arguments[..], &["--force".to_string()]].concat());
        assert_ne!(fs::read(file).expect("a file"), b"mine");
        // What is this program's needs no force.
        succeed(arguments);
    }
}
