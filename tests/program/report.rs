//! Reports of small runs: whole HTML that needs nothing beside it, with the figures of logs and evaluations.

use std::fs;
use std::path::{Path, PathBuf};

use scraper::{ElementRef, Html, Selector};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::clinics::copy;
use crate::jobs::Job;
use crate::running::{output, refusal, succeed, text};

/// A name with everything that HTML gives a meaning to; a file system of Windows takes none of it.
const NAME: &str = if cfg!(unix) { "a <b> & \"c\" 'd'" } else { "a & 'd'" };

/// Two runs on the same clinics, the first with an awkward name.
struct Runs {
    folder: TempDir,
}

impl Runs {
    fn new() -> Runs {
        let folder = TempDir::new().expect("a temporary folder");
        for (name, job) in [(NAME, Job::plain()), ("clr", Job::adapted())] {
            copy(job.undisturbed(), &folder.path().join(name));
        }
        Runs { folder }
    }

    fn run(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// Parses a page and checks that it is whole and needs nothing beside it.
fn page(path: &Path) -> Html {
    let text = fs::read_to_string(path).expect("the page is written");
    let page = Html::parse_document(&text);
    assert!(page.errors.is_empty(), "{}: {:?}", path.display(), page.errors);
    for outside in ["@import", "url(http", "http://", "https://", "<link", "<iframe"] {
        assert!(!text.contains(outside), "{outside}");
    }
    for attribute in ["src", "href"] {
        for element in page.select(&selector(&format!("[{attribute}]"))) {
            let target = element.attr(attribute).unwrap_or_default();
            assert!(target.starts_with("data:image/") || target.starts_with('#'), "{target}");
            if let Some(id) = target.strip_prefix('#') {
                assert_eq!(page.select(&selector(&format!("#{id}"))).count(), 1, "{id}");
            }
        }
    }
    let mut ids: Vec<&str> = page.select(&selector("[id]")).filter_map(|element| element.attr("id")).collect();
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count, "names of parts are unique");
    assert!(all_text(page.root_element()).contains("Not a medical device"));
    page
}

fn selector(text: &str) -> Selector {
    Selector::parse(text).expect("the selector is valid")
}

fn all_text(element: ElementRef) -> String {
    element.text().collect()
}

fn headings(page: &Html) -> Vec<String> {
    page.select(&selector("h2, h3, h4")).map(all_text).collect()
}

/// Values without the last digits, which change as text is read and written.
fn rounded(value: &Value) -> Value {
    match value {
        Value::Number(number) => format!("{:.12}", number.as_f64().expect("a number")).into(),
        Value::Array(values) => values.iter().map(rounded).collect(),
        Value::Object(values) => values.iter().map(|(name, value)| (name.clone(), rounded(value))).collect(),
        other => other.clone(),
    }
}

/// Rows of the table of images: cells of each.
fn image_rows(page: &Html) -> Vec<Vec<String>> {
    let row = selector("table[data-sortable] tbody tr");
    page.select(&row).map(|row| row.select(&selector("th, td")).map(all_text).collect()).collect()
}

#[test]
fn runs_become_pages_charts_and_figures() {
    let runs = Runs::new();
    let (first, second) = (runs.run(NAME), runs.run("clr"));
    one_run(&first);
    two_runs(&runs, &first, &second);
    damaged_and_unfinished(&runs, &second);
}

fn one_run(run: &Path) {
    // Training leaves the curves.
    let curves = page(&run.join("report.html"));
    assert!(headings(&curves).contains(&"Losses".to_string()) && image_rows(&curves).is_empty());

    let charts = run.join("charts");
    let printed = succeed(&["--json", "report", text(run), "--charts", text(&charts), "--cases", "1"]);
    let document: Value = serde_json::from_str(&printed).expect("--json prints one document");
    let page = page(&run.join("report.html"));

    assert_eq!(page.select(&selector("h1")).next().map(all_text).as_deref(), Some(NAME), "escaped once");
    let evaluation = &document["evaluations"][0];
    let best = run.join("checkpoints/best.safetensors");
    let data = evaluation["data"].as_str().expect("the regions are named");
    let evaluated = succeed(&["--json", "evaluate", "--checkpoint", text(&best), "--data", data]);
    let evaluated: Value = serde_json::from_str(&evaluated).expect("--json prints one document");
    for stage in ["raw", "postprocessed"] {
        assert_eq!(rounded(&evaluation[stage]), rounded(&evaluated[stage]), "{stage}");
    }
    assert_eq!(evaluated["thresholds_of"], json!({ "cup": "published", "disc": "published" }), "too few are held out");
    let curves = &evaluated["dice_over_thresholds"];
    let [on_curve, dice] = [&curves["disc"][74], &evaluated["raw"]["disc"]["dice"]].map(Value::as_f64);
    let is_same = on_curve.zip(dice).is_some_and(|(on_curve, dice)| (on_curve - dice).abs() < 1e-6);
    assert!(is_same && curves["thresholds"][74] == 0.75, "{on_curve:?} and {dice:?}");
    let first = &evaluated[evaluated["masks"].as_str().expect("masks are named")];
    let dice = format!("{:.3}", first["disc"]["dice"].as_f64().expect("a mean"));
    let tiles: Vec<String> = page.select(&selector(".tiles strong")).map(all_text).collect();
    assert_eq!((tiles.len(), &tiles[1]), (3, &dice));
    let found = first["vcdr_mae_n"].as_u64().expect("a number of images");
    let ratio = page.select(&selector(".tiles dd")).nth(2).map(all_text).expect("a tile for the ratio");
    assert!(ratio.contains(&format!("over {found} of 3 images")), "{ratio}");
    let card = page.select(&selector(".tiles dd")).next().map(all_text).expect("a tile for the cup");
    assert!(card.contains("over 3 of 3 images"), "{card}");
    let header = page.select(&selector("header")).next().map(all_text).expect("a header");
    assert!(header.contains("post-processed masks at 0.75"), "{header}");
    assert_eq!(
        [&document["runs"][0]["finished"], &document["runs"][0]["marks"]],
        [&true.into(), &Value::Array(vec![])]
    );
    let dice = page.select(&selector("#training ~ p")).map(all_text).collect::<String>();
    assert!(dice.contains("post-processed masks at 0.75") && dice.contains("held-out source regions"), "{dice}");

    let logged = fs::read_to_string(run.join("metrics.jsonl")).expect("the run logs");
    let lines: Vec<Value> = logged.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let last = lines.iter().rev().find(|line| line.get("seg").is_some()).expect("a step");
    assert_eq!(rounded(&document["runs"][0]["last_losses"]["seg"]), rounded(&last["seg"]));
    let validation = lines.iter().rev().find_map(|line| line.get("validation")).expect("a validation");
    assert_eq!(rounded(&document["runs"][0]["last_validation"]["values"]), rounded(validation));

    let rows = image_rows(&page);
    let means: Vec<f64> = rows.iter().map(|row| row[1].parse().expect("a figure")).collect();
    assert_eq!(rows.len(), 3);
    assert!(means.is_sorted(), "the worst image is first: {means:?}");
    let title = selector("table[data-sortable] th[data-sort]");
    let sorted: Vec<_> = page.select(&title).map(|title| (title.attr("data-sort"), title.attr("aria-sort"))).collect();
    assert_eq!(sorted.len(), rows[0].len());
    assert_eq!(sorted[..2], [(Some("text"), None), (Some("number"), Some("ascending"))]);
    for cell in page.select(&selector("td[data-value]")) {
        let value: f64 = cell.attr("data-value").and_then(|v| v.parse().ok()).expect("a number to sort by");
        assert_eq!(all_text(cell).replace('−', "-"), format!("{value:.3}"));
    }

    let cases = page.select(&selector(".case")).count();
    let pictures = page.select(&selector(".case svg.tile")).count();
    assert_eq!((cases, pictures), (2, 8), "the worst and the best, four pictures of each");
    assert!(page.select(&selector(".tile path.truth")).all(|path| path.attr("d").is_some_and(|d| d.starts_with('M'))));

    let files = document["charts"].as_array().expect("charts are listed");
    for name in ["loss-seg.svg", "dice-target.svg", "dice-source.svg"] {
        assert!(files.iter().any(|file| file.as_str().is_some_and(|file| file.ends_with(name))), "{name}: {files:?}");
    }
    assert!(files.iter().any(|file| file.as_str().is_some_and(|file| file.contains("/thresholds-"))), "{files:?}");
    for file in files {
        let text = fs::read_to_string(file.as_str().expect("a path")).expect("the chart is written");
        let chart = roxmltree::Document::parse(&text).expect("an SVG file is XML");
        assert!(chart.root_element().children().any(|node| node.tag_name().name() == "desc"));
    }
}

fn two_runs(runs: &Runs, first: &Path, second: &Path) {
    // Its evaluation is now older than what it evaluates, and is done again.
    let best = fs::File::options().append(true).open(first.join("checkpoints/best.safetensors")).expect("it is there");
    best.set_modified(std::time::SystemTime::now()).expect("times can be set");
    let printed = succeed(&["--json", "report", text(first), text(second), "--cases", "1"]);
    let document: Value = serde_json::from_str(&printed).expect("--json prints one document");
    let notes = document["notes"].as_array().expect("a list");
    assert!(notes.iter().any(|note| note.as_str().is_some_and(|note| note.ends_with("was done again"))), "{notes:?}");
    let path = runs.folder.path().join("report.html");
    assert_eq!(document["report"], text(&path.canonicalize().expect("beside the runs")));
    let both = page(&path);
    let comparison = &document["comparisons"][0];
    assert_eq!([&comparison["baseline"], &comparison["run"]], [NAME, "clr"]);
    let mean = |index: usize| document["evaluations"][index]["postprocessed"]["disc"]["dice"].as_f64().expect("a mean");
    let difference = comparison["disc_dice"]["difference"].as_f64().expect("a difference");
    // Tables of images have six decimals.
    assert!((difference - (mean(1) - mean(0))).abs() < 2e-6, "{document}");
    assert_eq!([&comparison["disc_dice"]["images"], &comparison["disc_dice"]["of"]], [3, 3]);
    assert!(comparison["disc_dice"]["difference_ci95"].is_null(), "three images are too few for an interval");
    let checkpoints = [&comparison["baseline_checkpoint"], &comparison["run_checkpoint"]].map(|told| told.as_str());
    assert!(checkpoints[0].is_some_and(|told| told.starts_with("best, after ") && told.ends_with(" of 6 steps")));
    assert_eq!(checkpoints[1], Some("last, after 6 of 6 steps"), "of an adaptation");
    assert!(document["runs"][1]["last_prototype_distance"]["cup_background"].as_f64().is_some_and(|d| d >= 0.0));
    let names: Vec<String> = both.select(&selector("figcaption")).map(all_text).collect();
    assert!(names.iter().any(|name| name.starts_with("Distance of the prototypes")), "{names:?}");
    assert!(names.contains(&format!("clr − {NAME}")), "{names:?}");
    let differing: Vec<String> = both.select(&selector(".differs th")).map(all_text).collect();
    assert!(differing.contains(&"method".to_string()) && !differing.contains(&"seed".to_string()), "{differing:?}");

    let charts = runs.folder.path().join("charts");
    let arguments = ["report", "--no-images", text(first), text(second), "--charts", text(&charts)];
    let printed = succeed(&arguments);
    assert!(
        printed.contains("post-processed masks at 0.75, paired over those images that have the figure in both"),
        "{printed}"
    );
    assert!(printed.lines().any(|line| line.starts_with("  Dice, disc") && line.contains("over 3 of 3")), "{printed}");
    let differences = fs::read_to_string(charts.join("comparisons.csv")).expect("the table is written");
    let row = differences.lines().find(|row| row.contains(",disc_dice,")).expect("a row");
    assert!(row.contains(",post-processed masks at 0.75,") && row.contains(",clr,last,6,"), "{row}");
    assert!(row.contains(",,,3,3,"), "no interval of three images: {row}");

    // The same images are needed for pairs.
    let table = second.join("evaluation-clinic-b-test-last/metrics_postprocessed.csv");
    let csv = fs::read_to_string(&table).expect("the evaluation is kept");
    let renamed = csv.replacen("\nb", "\nanother-b", 1).replacen("\nc", "\nanother-c", 1);
    let renamed = if renamed == csv { csv.replacen('\n', "\nanother-", 1) } else { renamed };
    fs::write(&table, renamed).expect("the folder is writable");
    let printed = succeed(&["--json", "report", "--no-images", text(first), text(second)]);
    let document: Value = serde_json::from_str(&printed).expect("--json prints one document");
    let reason = document["comparisons"][0]["not_paired"].as_str().expect("a reason");
    assert!(reason.contains("different images (3 and 3, 2 in common)"), "{reason}");
    assert!(all_text(page(&path).root_element()).contains(reason));
    fs::write(&table, csv).expect("the folder is writable");
}

fn damaged_and_unfinished(runs: &Runs, run: &Path) {
    let metrics = run.join("metrics.jsonl");
    let text_before = fs::read_to_string(&metrics).expect("the run logs");
    let mut lines: Vec<&str> = text_before.lines().collect();
    lines[1] = "{\"step\":";
    let half = lines.pop().map(|line| &line[..line.len() / 2]).expect("a line");
    fs::write(&metrics, format!("{}\n{half}", lines.join("\n"))).expect("the folder is writable");
    fs::write(run.join("evaluation-clinic-b-test-last/summary.json"), "{").expect("the folder is writable");
    let out = runs.folder.path().join("unfinished.html");
    let output = output(&["report", "--no-images", text(run), "--out", text(&out)]);
    assert!(output.status.success());
    let title = page(&out).select(&selector("h1")).next().map(all_text).expect("a title");
    assert!(
        title.starts_with("clr ") && title.contains("unfinished: 6 steps done, in pass 2 of 2 over the source"),
        "{title}"
    );
    let remarks: Vec<String> = page(&out).select(&selector(".remarks li")).map(all_text).collect();
    assert_eq!(remarks.len(), 3, "{remarks:?}");
    for (remark, wanted) in remarks.iter().zip(["half written", "(the first is line 2)", "summary.json"]) {
        assert!(remark.contains(wanted), "{remark}");
        let told = String::from_utf8_lossy(&output.stderr).replace('`', "");
        assert!(told.contains(remark.as_str()), "said on stderr too: {remark}");
    }

    let empty = runs.folder.path().join("empty");
    fs::create_dir(&empty).expect("the folder is writable");
    assert!(refusal(&["report", text(&empty)]).contains("is no run"));
    assert!(!empty.join("report.html").exists());
    assert!(refusal(&["report", text(run), text(run)]).contains("is named twice"));
    let absent = runs.folder.path().join("absent/test");
    assert!(refusal(&["report", text(run), "--data", text(&absent)]).contains(text(&absent)));
    let unwritable = runs.folder.path().join("absent/report.html");
    assert!(refusal(&["report", "--no-images", text(run), "--out", text(&unwritable)]).contains("report.html"));
}
