//! Runs that are killed at a moment of their own, beside one that nothing disturbs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{LazyLock, OnceLock};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::clinics::unchanged_clinics;
use crate::lasting::lasting_folder;
use crate::running::{papilla, succeed, text};

/// A short run from one clinic to the other: six steps and two validations.
const SETTINGS: [&str; 10] = ["--size", "32", "--batch", "6", "--epochs", "2", "--validate-every", "1", "--seed", "3"];

/// What makes an adaptation of it, with pictures for TensorBoard: the second of its two epochs computes all losses.
const ADAPTED: [&str; 8] =
    ["--method", "clr", "--warmup-epochs", "0", "--stochastic-passes", "2", "--pictures-every", "2"];

/// Minutes between checkpoints that pass in every step.
const EACH_STEP: &str = "0.00001";

/// What runs of the same flags have in common. Tests share it and must not change it.
struct Common {
    flags: Vec<&'static str>,
    folder: PathBuf,
    undisturbed: OnceLock<PathBuf>,
    resumed: OnceLock<PathBuf>,
}

impl Common {
    fn new(name: &str, flags: &[&[&'static str]]) -> Common {
        let [undisturbed, resumed] = [OnceLock::new(), OnceLock::new()];
        Common { flags: flags.concat(), folder: lasting_folder(name), undisturbed, resumed }
    }
}

/// Runs of the same flags, with a checkpoint after each step, and a folder for them.
pub struct Job {
    common: &'static Common,
    checkpoint_every: &'static str,
    folder: TempDir,
}

impl Job {
    /// The job of [`SETTINGS`].
    pub fn plain() -> Job {
        static PLAIN: LazyLock<Common> = LazyLock::new(|| Common::new("plain", &[&SETTINGS]));
        Job::of(&PLAIN)
    }

    /// An adaptation.
    pub fn adapted() -> Job {
        static JOB: LazyLock<Common> = LazyLock::new(|| Common::new("adapted", &[&SETTINGS, &ADAPTED]));
        Job::of(&JOB)
    }

    /// An adaptation with statistics of each camera, averages over its weights, strong augmentation, and images brought to the source's
    /// colours.
    pub fn with_trans_norm() -> Job {
        static JOB: LazyLock<Common> = LazyLock::new(|| {
            let others = ["--norm", "trans", "--ema-decay", "0.9", "--augment", "strong", "--match-colours", "source"];
            Common::new("trans-norm", &[&SETTINGS, &ADAPTED, &others])
        });
        Job::of(&JOB)
    }

    fn of(common: &'static Common) -> Job {
        Job { common, checkpoint_every: EACH_STEP, folder: TempDir::new().expect("a temporary folder") }
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
        unchanged_clinics().join(name)
    }

    fn saving(&self, minutes: &str, run: &Path) -> Command {
        self.with_flags(&self.common.flags, minutes, run)
    }

    fn with_flags(&self, flags: &[&str], minutes: &str, run: &Path) -> Command {
        let (source, target) = (self.clinic("clinic-a"), self.clinic("clinic-b"));
        let mut command = papilla(&["train", "--checkpoint-every", minutes]);
        command.args(["--source", text(&source), "--target", text(&target)]).args(flags);
        // Nothing that a run says can be written where there is such a device, which costs it nothing.
        let full = fs::File::options().write(true).open("/dev/full").map_or_else(|_| Stdio::null(), Stdio::from);
        command.args(["--out", text(run)]).stderr(full).stdout(Stdio::null());
        command
    }

    /// A run that has ended, with another value of one flag.
    pub fn ended_with(&self, name: &str, flag: &str, value: &'static str) -> PathBuf {
        let (run, mut flags) = (self.place(name), self.common.flags.clone());
        let place = flags.iter().position(|given| *given == flag).expect("the flag is given");
        flags[place + 1] = value;
        let status = self.with_flags(&flags, self.checkpoint_every, &run).status().expect("the program runs");
        assert!(status.success(), "{name}");
        run
    }

    pub fn command(&self, run: &Path) -> Command {
        self.saving(self.checkpoint_every, run)
    }

    /// The run that nothing disturbs; it has ended.
    pub fn undisturbed(&self) -> &'static Path {
        self.common.undisturbed.get_or_init(|| {
            let run = self.common.folder.join("undisturbed");
            assert!(self.saving(EACH_STEP, &run).status().expect("the program runs").success());
            run
        })
    }

    /// A run that was killed in its second epoch, resumed, and has ended.
    pub fn resumed(&self) -> &'static Path {
        self.common.resumed.get_or_init(|| {
            let run = self.common.folder.join("resumed");
            self.kill(&run, |run| logged(run) >= 5);
            succeed(&["train", "--resume", text(&run)]);
            run
        })
    }

    /// Starts a run and kills it as soon as `due` says so of its folder.
    pub fn killed(&self, name: &str, due: impl Fn(&Path) -> bool) -> PathBuf {
        let run = self.place(name);
        self.kill(&run, due);
        run
    }

    fn kill(&self, run: &Path, due: impl Fn(&Path) -> bool) {
        let mut child = self.start(run, due);
        child.kill().expect("the child can be killed");
        child.wait().expect("the child ends");
    }

    /// Starts a run and gives it while it goes on, as soon as `due` says so of its folder. What it says is kept.
    pub fn reached(&self, name: &str, due: impl Fn(&Path) -> bool) -> (PathBuf, Child) {
        let run = self.place(name);
        let child = self.start(&run, due);
        (run, child)
    }

    fn start(&self, run: &Path, due: impl Fn(&Path) -> bool) -> Child {
        let mut child = self.command(run).stderr(Stdio::piped()).spawn().expect("the program runs");
        let begun = Instant::now();
        while !due(run) && child.try_wait().expect("the child can be asked").is_none() {
            assert!(begun.elapsed() < Duration::from_secs(300), "{}: the moment did not come", run.display());
            std::thread::sleep(Duration::from_millis(2));
        }
        child
    }
}

/// Rows that a run has logged: steps and validations.
pub fn logged(run: &Path) -> usize {
    fs::read_to_string(run.join("log.csv")).map_or(0, |text| text.lines().count().saturating_sub(1))
}
