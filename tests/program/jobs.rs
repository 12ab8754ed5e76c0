//! Runs that are killed at a moment of their own, beside one that nothing disturbs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::clinics::{clinics, shared};
use crate::running::{papilla, text};

/// A short run from one clinic to the other: eight steps and two validations.
pub const SETTINGS: [&str; 10] =
    ["--size", "32", "--batch", "4", "--epochs", "2", "--validate-every", "1", "--seed", "3"];

/// Minutes between checkpoints that pass in every step.
const EACH_STEP: &str = "0.00001";

/// What runs of the same flags have in common: their clinics, and the run that nothing disturbs.
struct Undisturbed {
    flags: Vec<String>,
    folder: TempDir,
    ended: OnceLock<()>,
}

impl Undisturbed {
    fn new(flags: &[&str]) -> Undisturbed {
        let folder = TempDir::new().expect("a temporary folder");
        clinics(&folder);
        let flags = flags.iter().map(|flag| flag.to_string()).collect();
        Undisturbed { flags, folder, ended: OnceLock::new() }
    }
}

/// Runs of the same flags, with a checkpoint after each step, and a folder for them.
pub struct Job {
    undisturbed: Arc<Undisturbed>,
    checkpoint_every: &'static str,
    folder: TempDir,
}

impl Job {
    /// A job of these flags.
    pub fn new(flags: &[&str]) -> Job {
        Job::beside(Arc::new(Undisturbed::new(flags)))
    }

    /// The job of [`SETTINGS`]; tests that run at the same time share the undisturbed run, and must not change it.
    pub fn plain() -> Job {
        static PLAIN: Mutex<Weak<Undisturbed>> = Mutex::new(Weak::new());
        Job::beside(shared(&PLAIN, || Undisturbed::new(&SETTINGS)))
    }

    fn beside(undisturbed: Arc<Undisturbed>) -> Job {
        Job { undisturbed, checkpoint_every: EACH_STEP, folder: TempDir::new().expect("a temporary folder") }
    }

    /// With other minutes between checkpoints than those of the undisturbed run.
    pub fn saving_every(self, checkpoint_every: &'static str) -> Job {
        Job { checkpoint_every, ..self }
    }

    /// A place for a run or file of this test.
    pub fn place(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The folder of a clinic.
    pub fn clinic(&self, name: &str) -> PathBuf {
        self.undisturbed.folder.path().join("clinics").join(name)
    }

    fn saving(&self, minutes: &str, run: &Path) -> Command {
        self.with_flags(&self.undisturbed.flags, minutes, run)
    }

    fn with_flags(&self, flags: &[String], minutes: &str, run: &Path) -> Command {
        let (source, target) = (self.clinic("clinic-a"), self.clinic("clinic-b"));
        let mut command = papilla(&["train", "--checkpoint-every", minutes]);
        command.args(["--source", text(&source), "--target", text(&target)]).args(flags);
        // Nothing that a run says can be written where there is such a device, which costs it nothing.
        let full = fs::File::options().write(true).open("/dev/full").map_or_else(|_| Stdio::null(), Stdio::from);
        command.args(["--out", text(run)]).stderr(full).stdout(Stdio::null());
        command
    }

    /// A run that has ended, with another value of one flag.
    pub fn ended_with(&self, name: &str, flag: &str, value: &str) -> PathBuf {
        let (run, mut flags) = (self.place(name), self.undisturbed.flags.clone());
        let place = flags.iter().position(|given| given == flag).expect("the flag is given");
        flags[place + 1] = value.to_string();
        let status = self.with_flags(&flags, self.checkpoint_every, &run).status().expect("the program runs");
        assert!(status.success(), "{name}");
        run
    }

    pub fn command(&self, run: &Path) -> Command {
        self.saving(self.checkpoint_every, run)
    }

    /// The run that nothing disturbs; it has ended.
    pub fn undisturbed(&self) -> PathBuf {
        let run = self.undisturbed.folder.path().join("undisturbed");
        self.undisturbed.ended.get_or_init(|| {
            assert!(self.saving(EACH_STEP, &run).status().expect("the program runs").success());
        });
        run
    }

    /// Starts a run and kills it as soon as `due` says so of its folder.
    pub fn killed(&self, name: &str, due: impl Fn(&Path) -> bool) -> PathBuf {
        let (run, mut child) = self.reached(name, due);
        child.kill().expect("the child can be killed");
        child.wait().expect("the child ends");
        run
    }

    /// Starts a run and gives it while it goes on, as soon as `due` says so of its folder. What it says is kept.
    pub fn reached(&self, name: &str, due: impl Fn(&Path) -> bool) -> (PathBuf, Child) {
        let run = self.place(name);
        let mut child = self.command(&run).stderr(Stdio::piped()).spawn().expect("the program runs");
        let begun = Instant::now();
        while !due(&run) && child.try_wait().expect("the child can be asked").is_none() {
            assert!(begun.elapsed() < Duration::from_secs(300), "{name}: the moment did not come");
            std::thread::sleep(Duration::from_millis(2));
        }
        (run, child)
    }
}

/// Steps that a run has logged.
pub fn logged(run: &Path) -> usize {
    fs::read_to_string(run.join("log.csv")).map_or(0, |text| text.lines().count().saturating_sub(1))
}
