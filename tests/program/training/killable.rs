//! Runs that are killed at a moment of their own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::runs::{clinics, text};

/// A run with a checkpoint after each step: its flags without `--out`, and where it goes.
pub struct Killable {
    flags: Vec<String>,
    folder: TempDir,
}

impl Killable {
    pub fn new(flags: &[&str]) -> Killable {
        Killable::saving_every("0.00001", flags)
    }

    /// With other minutes between checkpoints.
    pub fn saving_every(minutes: &str, flags: &[&str]) -> Killable {
        let folder = TempDir::new().expect("a temporary folder");
        let clinics = clinics(&folder);
        let (source, target) = (clinics.join("clinic-a"), clinics.join("clinic-b"));
        let data = ["train", "--checkpoint-every", minutes, "--source", text(&source), "--target", text(&target)];
        let flags = data.iter().chain(flags).map(|flag| flag.to_string()).collect();
        Killable { flags, folder }
    }

    pub fn command(&self, run: &Path) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin("papilla"));
        command.args(&self.flags).args(["--out", text(run)]).stderr(Stdio::null()).stdout(Stdio::null());
        command
    }

    pub fn undisturbed(&self) -> PathBuf {
        let run = self.folder.path().join("undisturbed");
        assert!(self.command(&run).status().expect("the program runs").success());
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
        let run = self.folder.path().join(name);
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
