//! A RUN folder as a report sees it.

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, bail};

use super::evaluation::{Evaluation, last_components};
use super::log::RunLog;
use crate::data::names::counted;
use crate::metrics::Masks;
use crate::train::{Config, Environment, ResumeFrom, RunSettingsError, Selection, runs_in, settings_of_run};

/// What a run's folder holds.
#[derive(Clone, Debug)]
pub struct Run {
    /// where it lies
    pub folder: PathBuf,
    /// what tells it from the other runs of the report
    pub name: String,
    /// the same for names of files, letters and digits
    pub slug: String,
    /// its settings
    pub config: Config,
    /// what it was computed with, if that was kept
    pub environment: Option<Environment>,
    /// losses, validations and distances of prototypes
    pub log: RunLog,
    /// figures of images on splits
    pub evaluations: Vec<Evaluation>,
    /// what is missing or damaged, a sentence each
    pub notes: Vec<String>,
}

impl Run {
    /// Reads a run, finished or not, with figures of images of such masks.
    ///
    /// # Errors
    /// A folder that holds no run, and settings that cannot be read.
    pub fn read(folder: &Path, masks: Masks) -> Result<Run> {
        if let Some(instead) = instead_of(folder) {
            bail!("{instead}");
        }
        let (config, of_settings) = settings_of_run(folder).map_err(|error| match error {
            RunSettingsError::NoRun { .. } => anyhow!("{error}; name a folder that `train --out` has made"),
            error => error.into(),
        })?;
        let mut log = RunLog::read(folder)?;
        let (evaluations, mut notes) = Evaluation::in_run(folder, masks)?;
        notes.splice(0..0, of_settings.into_iter().chain(std::mem::take(&mut log.notes)));
        let (environment, folder) = (Environment::read(folder), folder.to_path_buf());
        Ok(Run { name: String::new(), slug: String::new(), folder, config, environment, log, evaluations, notes })
    }

    /// Reads several, and gives each a name of its own: as much of the ends of their paths as it takes.
    ///
    /// # Errors
    /// As [`Run::read`]; and a folder that is named twice.
    pub fn read_all(folders: &[PathBuf], masks: Masks) -> Result<Vec<Run>> {
        let mut runs = folders.iter().map(|folder| Run::read(folder, masks)).collect::<Result<Vec<_>>>()?;
        let paths: Vec<PathBuf> =
            folders.iter().map(|folder| folder.canonicalize().unwrap_or_else(|_| folder.clone())).collect();
        if let Some(index) = (1..paths.len()).find(|&index| paths[..index].contains(&paths[index])) {
            bail!("`{}` is named twice; name each run once", folders[index].display());
        }
        let mut slugs = Vec::new();
        for (index, run) in runs.iter_mut().enumerate() {
            let name = |path: &PathBuf, count| last_components(path, count);
            let is_unique = |count: &usize| {
                let own = name(&paths[index], *count);
                paths.iter().enumerate().all(|(other, path)| other == index || name(path, *count) != own)
            };
            let count = (1..=paths[index].components().count()).find(is_unique).unwrap_or(1);
            run.name = name(&paths[index], count);
            run.slug = unique_slug(&run.name, &mut slugs);
        }
        Ok(runs)
    }

    /// Whether it has come to the end that its settings name.
    pub fn is_finished(&self) -> bool {
        let by_steps = self.config.steps.is_some_and(|steps| self.log.steps >= steps);
        // The last step is followed by a validation.
        by_steps || self.log.validations.iter().any(|validation| validation.epochs >= self.config.epochs)
    }

    /// The method, and from when on it was all that its name says.
    pub fn method(&self) -> String {
        let name = self.config.method.name();
        match (self.config.has_category_losses(), self.log.category_losses) {
            (false, _) => name.to_string(),
            (true, Some([_, 0])) => format!("{name} (category-level losses from the first step on)"),
            (true, Some([epoch, step])) => format!("{name} (category-level losses from epoch {epoch}, step {step})"),
            (true, None) => format!("{name} without its category-level losses"),
        }
    }

    /// What nobody may miss who copies a figure, for the title.
    pub fn marks(&self) -> Vec<String> {
        let (log, config, mut marks) = (&self.log, &self.config, Vec::new());
        let is_finished = self.is_finished();
        if log.steps == 0 {
            marks.push("no step is logged".to_string());
        }
        marks.extend(self.unfinished());
        if config.has_category_losses() && log.category_losses.is_none() && log.steps > 0 {
            let end = if is_finished { "never ran" } else { "have not run yet" };
            marks.push(format!("warm-up only: the category-level losses of {} {end}", config.method.name()));
        }
        if config.select == Selection::Target {
            marks.push("best checkpoint chosen by target labels".to_string());
        }
        marks
    }

    /// How far it has come, if that is not the end.
    pub fn unfinished(&self) -> Option<String> {
        let (log, config) = (&self.log, &self.config);
        (log.steps > 0 && !self.is_finished()).then(|| match config.steps {
            Some(all) => format!("unfinished: {} of {} done", log.steps, counted(all as usize, "step")),
            None => format!(
                "unfinished: {} done, in pass {} of {} over the source",
                counted(log.steps as usize, "step"),
                log.last_epoch + 1,
                config.epochs
            ),
        })
    }

    /// The checkpoint that is taken unless another is named.
    pub fn recommended(&self) -> ResumeFrom {
        ResumeFrom::recommended(&self.config)
    }

    /// Path of a checkpoint, if the run has it.
    pub fn checkpoint(&self, which: ResumeFrom) -> Option<PathBuf> {
        Some(which.path(&self.folder)).filter(|path| path.is_file())
    }
}

/// Which run is meant by what is none: the one that a path lies in, or those that lie in a folder.
fn instead_of(path: &Path) -> Option<String> {
    let is_run = |folder: &Path| folder.join("config.toml").is_file() || folder.join("checkpoints").is_dir();
    if is_run(path) {
        return None;
    }
    let shown = path.display();
    if let Some(run) = path.ancestors().skip(1).take(2).find(|folder| is_run(folder)) {
        return Some(format!("`{shown}` is a part of a run; give the run: `{}`", run.display()));
    }
    let inside: Vec<String> = runs_in(path).iter().map(|run| run.display().to_string()).collect();
    (!inside.is_empty()).then(|| {
        format!("`{shown}` is no run, but holds some, of which one or several are meant: {}", inside.join(" "))
    })
}

/// Letters and digits of a name, for files and for parts of a page, unlike those in `taken`.
pub(super) fn unique_slug(name: &str, taken: &mut Vec<String>) -> String {
    let kept: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let slug = kept.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-").to_lowercase();
    let mut candidates = std::iter::once(slug.clone()).chain((2..).map(|number| format!("{slug}-{number}")));
    let found = candidates.find(|candidate| !candidate.is_empty() && !taken.contains(candidate));
    let found = found.expect("there is always a further number");
    taken.push(found.clone());
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(folder: &Path) -> PathBuf {
        std::fs::create_dir_all(folder).expect("the folder is writable");
        std::fs::write(folder.join("config.toml"), "source = 'clinic'").expect("the folder is writable");
        folder.to_path_buf()
    }

    #[test]
    fn names_are_as_long_as_it_takes() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let folders = ["x/first", "y/first", "y/second"].map(|name| run(&root.path().join(name)));
        let names: Vec<String> =
            Run::read_all(&folders, Masks::Raw).expect("runs").into_iter().map(|run| run.name).collect();
        assert_eq!(names, ["x/first", "y/first", "second"]);
        let twice = [folders[0].clone(), root.path().join("y/../x/first")];
        assert!(Run::read_all(&twice, Masks::Raw).expect_err("the same folder").to_string().contains("is named twice"));
        let told = |path: &Path| Run::read(path, Masks::Raw).expect_err("it is no run").to_string();
        let inside = told(&root.path().join("y"));
        assert!(inside.ends_with(&format!("{} {}", folders[1].display(), folders[2].display())), "{inside}");
        let checkpoint = folders[0].join("checkpoints/best.safetensors");
        assert!(told(&checkpoint).ends_with(&format!("give the run: `{}`", folders[0].display())));
        assert!(told(&root.path().join("absent")).contains("does not exist"));
    }

    #[test]
    fn slugs_are_plain_and_differ() {
        let mut taken = Vec::new();
        let slugs = ["a/B.1", "a-b 1", "<&>", "é"].map(|name| unique_slug(name, &mut taken));
        assert_eq!(slugs, ["a-b-1", "a-b-1-2", "-2", "-3"]);
    }

    #[test]
    fn a_folder_without_a_run_is_refused_by_name() {
        let root = tempfile::tempdir().expect("a temporary folder");
        let error = Run::read(root.path(), Masks::Raw).expect_err("the folder is empty").to_string();
        assert!(error.contains("holds no `config.toml`") && error.contains("train --out"), "{error}");
        let error = Run::read(&root.path().join("absent"), Masks::Raw).expect_err("nothing is there").to_string();
        assert!(error.contains("does not exist"), "{error}");
        let damaged = run(root.path());
        std::fs::write(damaged.join("config.toml"), "source = ").expect("the folder is writable");
        let error = Run::read(&damaged, Masks::Raw).expect_err("the settings are cut off").to_string();
        assert!(error.contains("config.toml"), "{error}");
    }

    /// The marks of a run of two epochs with these further settings and steps of its log; two steps in an epoch.
    fn marks(settings: &str, steps: &[&str]) -> Vec<String> {
        let root = tempfile::tempdir().expect("a temporary folder");
        let folder = run(root.path());
        let settings = format!("source = 'clinic'\ntarget = 'other'\nepochs = 2\n{settings}");
        std::fs::write(folder.join("config.toml"), settings).expect("the folder is writable");
        let line = |(index, losses): (usize, &&str)| match *losses {
            "validation" => format!("{{\"epoch\":{},\"validation\":{{}}}}\n", index / 3),
            _ => format!("{{\"step\":{},\"epoch\":{},\"seg\":1{losses}}}\n", index - index / 3, index / 3),
        };
        let lines: String = steps.iter().enumerate().map(line).collect();
        std::fs::write(folder.join("metrics.jsonl"), lines).expect("the folder is writable");
        Run::read(&folder, Masks::Raw).expect("a run").marks()
    }

    #[test]
    fn what_a_run_is_not_is_marked() {
        let (plain, aligned) = ("", ",\"align\":0.5");
        let whole = [plain, plain, "validation", aligned, aligned, "validation"];
        let warm = [plain, plain, "validation", plain, plain, "validation"];
        assert!(marks("", &warm).is_empty() && marks("method = 'clr'", &whole).is_empty());
        assert_eq!(marks("", &warm[..1]), ["unfinished: 1 step done, in pass 1 of 2 over the source"]);
        assert_eq!(marks("", &warm[..4]), ["unfinished: 3 steps done, in pass 2 of 2 over the source"]);
        assert_eq!(marks("steps = 4", &warm[..4]), ["unfinished: 3 of 4 steps done"]);
        assert!(marks("steps = 3", &warm[..4]).is_empty());
        assert_eq!(marks("method = 'clr'", &warm), ["warm-up only: the category-level losses of clr never ran"]);
        let begun = marks("method = 'align'", &warm[..2]);
        assert_eq!(begun[1..], ["warm-up only: the category-level losses of align have not run yet"]);
        assert!(
            marks("method = 'clr'\nalign_weight = 0\ndiscriminative_weight = 0\nconsistency_weight = 0", &warm)
                .is_empty()
        );
        assert_eq!(marks("select = 'target'", &warm), ["best checkpoint chosen by target labels"]);
        assert_eq!(marks("", &[]), ["no step is logged"]);
    }

    #[test]
    fn a_method_is_named_with_what_ran_of_it() {
        let named = |method: &str, category_losses| {
            let root = tempfile::tempdir().expect("a temporary folder");
            let folder = run(root.path());
            std::fs::write(folder.join("config.toml"), format!("source = 'clinic'\nmethod = '{method}'"))
                .expect("it is writable");
            let mut run = Run::read(&folder, Masks::Raw).expect("a run");
            run.log.category_losses = category_losses;
            run.method()
        };
        assert_eq!(named("beal", None), "beal");
        assert_eq!(named("clr", None), "clr without its category-level losses");
        assert_eq!(named("clr", Some([0, 0])), "clr (category-level losses from the first step on)");
        assert_eq!(named("align", Some([1, 32])), "align (category-level losses from epoch 1, step 32)");
    }
}
