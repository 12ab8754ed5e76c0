//! `papilla report`: what runs did, for colleagues.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow};
use clap::ValueEnum;
use serde_json::Value;

use super::masking::MaskFlags;
use super::{Architecture, Global, Overwrite, WrongFlags, evaluate, output, progress};
use crate::data::Dataset;
use crate::data::names::counted;
use crate::data::place::Taken;
use crate::device::Device;
use crate::metrics::{LEAST_FOR_INTERVAL, Masking};
use crate::own_file::{Overwriting, Purpose};
use crate::report::{Case, Measure, Report, Run, Viewer, choose, default_split, open};
use crate::train::{ResumeFrom, calibration_at, files_of_run};

/// Show runs in one HTML file that needs nothing beside it; compare several
///
/// It holds curves, figures with intervals, worst and best images with pseudo labels and uncertainty, and settings.
/// Several runs are compared with the first over the same images.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// Folders of runs; further ones are compared with the first
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<PathBuf>,
    /// HTML file, or a folder for it [default: report.html in RUN; of several runs, in the folder that holds the first]
    #[arg(long, value_name = "FILE.html")]
    out: Option<PathBuf>,
    /// Folder for the charts as SVG files too, in colours for light paper, and of several runs their differences as
    /// `comparisons.csv`
    #[arg(long, value_name = "DIR")]
    charts: Option<PathBuf>,
    /// Use logs and earlier evaluations in the RUN folders only; needs no device
    #[arg(long)]
    no_images: bool,
    /// Labelled regions to evaluate on and to show [default: the target's `test`, or the source's]
    #[arg(long, value_name = "DIR/SPLIT")]
    data: Option<PathBuf>,
    /// Which checkpoint is evaluated and shown; where a run lacks the best one, the last [default: best, but of an adaptation
    /// last: the source chose its best one]
    #[arg(long, value_enum)]
    checkpoint: Option<Which>,
    /// Images shown of each kind: worst and best, or largest gains and losses
    #[arg(long, default_value_t = CASES, value_name = "N")]
    cases: usize,
    #[command(flatten)]
    masks: MaskFlags,
    #[command(flatten)]
    overwrite: Overwrite,
}

/// The file that a report is, where no other is named.
const PAGE: &str = "report.html";
/// Images of each kind.
const CASES: usize = 3;

/// Checkpoints of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Which {
    Best,
    Last,
}

impl Which {
    fn checkpoint(self) -> ResumeFrom {
        match self {
            Which::Best => ResumeFrom::Best,
            Which::Last => ResumeFrom::Last,
        }
    }
}

impl Arguments {
    /// The last checkpoints of runs side by side.
    pub(super) fn of_runs(runs: &[PathBuf], out: &Path) -> Arguments {
        Arguments {
            runs: runs.to_vec(),
            out: Some(out.to_path_buf()),
            charts: None,
            no_images: false,
            data: None,
            checkpoint: Some(Which::Last),
            cases: CASES,
            masks: MaskFlags::default(),
            overwrite: Overwrite::default(),
        }
    }

    /// Where the HTML file goes.
    fn page(&self) -> Result<PathBuf> {
        let is_page = |end: &OsStr| ["html", "htm"].iter().any(|page| end.eq_ignore_ascii_case(page));
        let beside = |run: &PathBuf| run.canonicalize().ok().and_then(|run| Some(run.parent()?.to_path_buf()));
        let folder = match &self.runs[..] {
            [run] => run.clone(),
            [first, ..] => beside(first).unwrap_or_default(),
            [] => PathBuf::new(),
        };
        match &self.out {
            None => Ok(folder.join(PAGE)),
            Some(out) if out.is_dir() || is_folder_by_name(out) => Ok(out.join(PAGE)),
            Some(out) if out.extension().is_some_and(is_page) => Ok(out.clone()),
            Some(out) => {
                let (out, instead) = (out.display(), out.with_extension("html"));
                let instead = instead.display();
                Err(WrongFlags(anyhow!(
                    "--out is the HTML file to write, or a folder for it, and `{out}` is neither by its name; give `{instead}`, or \
                     `{out}/`"
                ))
                .into())
            }
        }
    }

    /// The checkpoint of a run that is evaluated.
    fn checkpoint_of(&self, run: &Run) -> Option<PathBuf> {
        let wanted = self.checkpoint.map_or_else(|| run.recommended(), Which::checkpoint);
        run.checkpoint(wanted).or_else(|| run.checkpoint(ResumeFrom::Last))
    }
}

/// Whether a report shows single images.
fn shows_images(page: &Path) -> bool {
    let text = crate::input_file::read(page).unwrap_or_default();
    String::from_utf8_lossy(&text).contains("<article class=\"case\">")
}

/// Whether a path that does not exist names a folder: it ends in a slash, or has no extension.
fn is_folder_by_name(path: &Path) -> bool {
    let text = path.as_os_str().to_string_lossy();
    !path.exists() && (text.ends_with(std::path::is_separator) || path.extension().is_none())
}

pub(super) fn run(global: &Global, arguments: &Arguments) -> Result<ExitCode> {
    let (document, page) = write(global, arguments)?;
    if global.json {
        output::json(&document)?;
    } else {
        print_comparisons(&document)?;
        output::line(format_args!("report in {}", page.display()))?;
        if let (Some(charts), Some(folder)) = (document["charts"].as_array(), &arguments.charts) {
            output::line(format_args!("{} in {}", counted(charts.len(), "chart"), folder.display()))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// How further runs differ from the first, and over how many images each difference is.
fn print_comparisons(document: &Value) -> Result<()> {
    for comparison in document["comparisons"].as_array().into_iter().flatten() {
        let text = |key: &str| comparison[key].as_str().unwrap_or_default();
        let between = format!("{} − {} on {}", named(comparison, "run"), named(comparison, "baseline"), text("data"));
        if let Some(reason) = comparison["not_paired"].as_str() {
            output::line(format_args!("{between}: {reason}"))?;
            continue;
        }
        let has_intervals = Measure::ALL.iter().any(|one| comparison[one.name()]["difference_ci95"].is_array());
        let intervals = match has_intervals {
            true => "95 % intervals in brackets".to_string(),
            false => format!("too few images for intervals, which take {LEAST_FOR_INTERVAL}"),
        };
        output::line(format_args!("{between}, {}, paired {}, {intervals}", text("masks"), text("paired")))?;
        for measure in Measure::ALL {
            let found = &comparison[measure.name()];
            let Some(mean) = found["difference"].as_f64() else { continue };
            let interval = |ends: &Value| {
                let ends = ends[0].as_f64().zip(ends[1].as_f64());
                ends.map_or(String::new(), |(low, high)| format!(" [{low:+.4}, {high:+.4}]"))
            };
            let (ends, images, of) = (interval(&found["difference_ci95"]), &found["images"], &found["of"]);
            let worst =
                found["worst_case_difference"].as_f64().filter(|_| images != of).map_or(String::new(), |worst| {
                    format!("; in the worst case {worst:+.4}{}", interval(&found["worst_case_difference_ci95"]))
                });
            output::line(format_args!("  {:11} {mean:+.4}{ends} over {images} of {of}{worst}", measure.title()))?;
        }
        if let Some(missing) = comparison["missing"].as_str() {
            output::line(format_args!("  {missing}"))?;
        }
    }
    Ok(())
}

/// A run of a comparison with the checkpoint that was evaluated, and what it is not.
fn named(comparison: &Value, which: &str) -> String {
    let of = |key: &str| comparison[format!("{which}_{key}")].as_str();
    let about: Vec<&str> = [of("checkpoint"), of("unfinished")].into_iter().flatten().collect();
    let name = comparison[which].as_str().unwrap_or_default();
    if about.is_empty() { name.to_string() } else { format!("{name} ({})", about.join("; ")) }
}

/// Writes a report and its charts; gives its figures, and where it is.
pub(super) fn write(global: &Global, arguments: &Arguments) -> Result<(Value, PathBuf)> {
    let masks = arguments.masks.masks();
    let mut runs = Run::read_all(&arguments.runs, masks)?;
    let (page, overwriting) =
        (arguments.page()?, arguments.overwrite.reading(arguments.runs.iter().flat_map(|run| files_of_run(run))));
    overwriting.check(&page, Purpose::Report)?;
    let (mut notes, mut cases) = (Vec::new(), Vec::new());
    let data = match &arguments.data {
        Some(given) => {
            let taken = Taken::split(given)?;
            notes.extend(taken.note);
            taken.path
        }
        None => default_split(&runs),
    };
    if !arguments.no_images {
        match (Dataset::open_partly_labelled(&data), &arguments.data) {
            (Ok(dataset), _) => {
                let device = global.open_tuned()?;
                let renewed = renew_stale(global, &device, &runs, arguments.overwrite)?;
                if !renewed.is_empty() {
                    runs = Run::read_all(&arguments.runs, masks)?;
                }
                notes.extend(renewed);
                notes.extend(evaluate_all(global, &device, &dataset, &data, &runs, arguments)?);
                runs = Run::read_all(&arguments.runs, masks)?;
                cases = look(global, &device, &dataset, &data, &runs, arguments)?;
            }
            (Err(error), Some(_)) => return Err(error.into()),
            (Err(error), None) => notes.push(format!("no images are shown: {error}")),
        }
    }
    let mut report = Report::new(runs, arguments.checkpoint.map(Which::checkpoint));
    (report.first, report.notes, report.cases) = (data, notes, cases);
    for note in report.runs.iter().flat_map(|run| &run.notes).chain(&report.notes) {
        global.note(note);
    }
    if let Some(out) = arguments.out.as_ref().filter(|out| is_folder_by_name(out)) {
        std::fs::create_dir_all(out).with_context(|| format!("cannot create `{}`", out.display()))?;
    }
    let had_images = report.cases.is_empty() && shows_images(&page);
    report.write(&overwriting, &page)?;
    if had_images {
        global.note(&format!("`{}` showed single images, and shows none now", page.display()));
    }
    let mut document = report.document();
    // As they are shown: JSON holds no name that is not text.
    document["report"] = page.display().to_string().into();
    if let Some(folder) = &arguments.charts {
        let charts = report.write_charts(&overwriting, folder)?;
        document["charts"] = charts.iter().map(|chart| chart.display().to_string()).collect();
        if let Some(table) = report.write_comparisons(&overwriting, folder)? {
            document["comparisons_table"] = table.display().to_string().into();
        }
    }
    Ok((document, page))
}

/// Curves and settings of a run that has just ended, and where they are. A run that cannot be shown is no failure.
pub(super) fn of_training(global: &Global, run: &Path) -> Option<(PathBuf, Run)> {
    let page = run.join(PAGE);
    let written = Run::read_all(&[run.to_path_buf()], Masking::USUAL.masks).and_then(|runs| {
        let report = Report::new(runs, None);
        report.write(&Overwriting::default(), &page)?;
        report.runs.into_iter().next().context("a run was named")
    });
    match written {
        Ok(run) => Some((page, run)),
        Err(error) => {
            global.note(&format!("there is no report: {error:#}"));
            None
        }
    }
}

/// Does evaluations again that are older than the checkpoints which they evaluate. One whose regions are gone stays out of the
/// report, which says so.
fn renew_stale(global: &Global, device: &Device, runs: &[Run], overwrite: Overwrite) -> Result<Vec<String>> {
    let mut notes = Vec::new();
    for own in runs.iter().flat_map(|run| &run.evaluations).filter(|own| own.is_stale) {
        let Ok(dataset) = Dataset::open_partly_labelled(&own.data) else { continue };
        let request = evaluate::Arguments {
            checkpoint: own.checkpoint.clone(),
            data: own.data.clone(),
            out: Some(own.folder.clone()),
            masks: MaskFlags::of(own.given_masking(), own.given_thresholds()),
            architecture: Architecture::default(),
            overwrite,
        };
        evaluate::measure(global, device, &dataset, &request, Vec::new())?;
        let (folder, checkpoint) = (own.folder.display(), own.checkpoint.display());
        notes.push(format!("`{folder}` was older than `{checkpoint}`, which it evaluates, and was done again"));
    }
    Ok(notes)
}

/// Evaluates the checkpoints whose evaluations are not in their RUN folders yet, or are of other weights or thresholds.
fn evaluate_all(
    global: &Global,
    device: &Device,
    dataset: &Dataset,
    data: &Path,
    runs: &[Run],
    arguments: &Arguments,
) -> Result<Vec<String>> {
    let mut notes = Vec::new();
    for run in runs {
        let Some(checkpoint) = arguments.checkpoint_of(run) else {
            notes.push(format!("`{}` has no checkpoint; it is not evaluated", run.folder.display()));
            continue;
        };
        let masking = arguments.masks.masking(calibration_at(&checkpoint)?);
        if run.evaluations.iter().any(|own| own.answers(&checkpoint, data, masking)) {
            continue;
        }
        let parts = [data.parent().and_then(Path::file_name), data.file_name(), checkpoint.file_stem()];
        let name = parts
            .into_iter()
            .flatten()
            .fold("evaluation".to_string(), |name, part| format!("{name}-{}", part.to_string_lossy()));
        let request = evaluate::Arguments {
            checkpoint,
            data: data.canonicalize().with_context(|| format!("cannot find `{}`", data.display()))?,
            out: Some(run.folder.join(name)),
            masks: arguments.masks,
            architecture: Architecture::default(),
            overwrite: arguments.overwrite,
        };
        let document = evaluate::measure(global, device, dataset, &request, Vec::new())?;
        let left_out = document["left_out"].as_array().map_or(0, Vec::len);
        if left_out > 0 {
            let (of, data) = (dataset.len(), data.display());
            notes.push(format!(
                "{left_out} of {of} regions of `{data}` are left out: they have no mask, or cannot be read"
            ));
        }
    }
    Ok(notes)
}

/// The images that say most, as every run sees them.
fn look(
    global: &Global,
    device: &Device,
    dataset: &Dataset,
    data: &Path,
    runs: &[Run],
    arguments: &Arguments,
) -> Result<Vec<Case>> {
    let mut seen = Vec::new();
    for (index, run) in runs.iter().enumerate() {
        let Some(checkpoint) = arguments.checkpoint_of(run) else { continue };
        let masking = arguments.masks.masking(calibration_at(&checkpoint)?);
        if let Some(own) = run.evaluations.iter().find(|own| own.answers(&checkpoint, data, masking)) {
            seen.push((index, checkpoint, masking, own));
        }
    }
    let evaluations: Vec<_> = seen.iter().map(|entry| entry.3).collect();
    let (mut cases, mut images) = (Vec::new(), Vec::new());
    for (kind, name) in choose(&evaluations, arguments.cases) {
        if let Some(region) = dataset.regions().iter().find(|region| region.name == name) {
            let (case, image) = open(kind, region)?;
            cases.push(case);
            images.push(image);
        }
    }
    if cases.is_empty() {
        return Ok(cases);
    }
    let images: Vec<_> = images.iter().collect();
    let bar = progress::bar(global, (images.len() * seen.len()) as u64, "looking at images");
    for (index, checkpoint, masking, _) in seen {
        let viewer = Viewer::load(device, &checkpoint, &runs[index].config, masking)?;
        let views = viewer.views(&images, |count| bar.inc(count as u64))?;
        for (case, view) in cases.iter_mut().zip(views) {
            case.views.push((index, view));
        }
    }
    bar.finish_and_clear();
    Ok(cases)
}
