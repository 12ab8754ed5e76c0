//! `papilla predict`: masks, overlays and figures of unlabelled images.

mod arguments;
mod findings;
mod flag;
mod inputs;
mod part;
mod prediction;
mod table;
mod uncertainty;
mod under_way;
mod whole_photograph;
mod work;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

pub(super) use self::arguments::Arguments;
use self::inputs::{Inputs, clear_the_way};
use self::table::Row;
use self::under_way::UnderWay;
use self::work::{Done, Work};
use super::architecture::check_readable;
use super::interrupt::{Interrupts, Stopped};
use super::{Global, output, progress};
use crate::data::names::{counted, shown};
use crate::data::place::Taken;
use crate::train::{CheckpointTaken, TrainedNetwork, checkpoint_at};

/// Images computed at once.
const BATCH: usize = 4;

/// Closes what a prediction prints, quiet or not.
const DISCLAIMER: &str = "for research only: not a medical device, not for diagnosis";

/// What is to be done with whole photographs.
const WHOLE_PHOTOGRAPHS: &str = "; pass --find-disc to have the disc found in them";

pub(super) fn run(global: &Global, arguments: &Arguments) -> Result<ExitCode> {
    let taken = arguments.inputs.iter().map(|input| Taken::images(input)).collect::<Result<Vec<_>, _>>()?;
    let inputs: Vec<PathBuf> = taken.iter().map(|taken| taken.path.clone()).collect();
    let Inputs { images, mut notes } = Inputs::collect(&inputs)?;
    notes.splice(0..0, taken.into_iter().filter_map(|taken| taken.note));
    let CheckpointTaken { path: checkpoint, note } = checkpoint_at(&arguments.checkpoint)?;
    notes.extend(note);
    let arguments = &Arguments { checkpoint, ..arguments.clone() };
    let parts = arguments.parts();
    let given = (&inputs[..], &images[..]);
    let (overwriting, others) =
        clear_the_way(&arguments.out, &parts, given, &arguments.checkpoint, arguments.overwrite)?;
    // Before an adapter is opened, and says so.
    arguments.architecture.config()?;
    check_readable(&arguments.checkpoint)?;
    let device = global.open_tuned()?;
    let passes = arguments.uncertainty.map_or(0, usize::from);
    let TrainedNetwork { predictor, config, notes: of_weights, .. } =
        arguments.architecture.load(&device, &arguments.checkpoint, BATCH, passes)?;
    notes.extend(of_weights);
    std::fs::create_dir_all(&arguments.out).with_context(|| format!("cannot create `{}`", arguments.out.display()))?;
    let interrupts = Interrupts::heed();
    let names = images.iter().map(|image| image.name.as_str()).collect();
    let under_way = UnderWay::open(&arguments.out, arguments.call(&config)?, &names)?;
    let bar = progress::bar(global, images.len() as u64, "predicting");
    let mut work = Work::new(arguments, &overwriting, &predictor, under_way, &images, others);
    let ended = work.all(|| {
        bar.inc(1);
        interrupts.signal().is_none()
    });
    bar.finish_and_clear();
    let signal = interrupts.signal();
    let Done { rows, earlier, unreadable, remarks } = match ended {
        Ok(true) => work.finish()?,
        Ok(false) => return Err(Stopped { signal: signal.unwrap_or_default(), told: work.stop()? }.into()),
        Err(error) => return Err(work.fail(error)),
    };
    interrupts.pass();
    if earlier > 0 {
        let done = counted(earlier, "image");
        notes.push(format!("{done} of {} had been done by an earlier call, which was stopped", images.len()));
    }
    notes.extend(remarks.sentences(rows.len(), WHOLE_PHOTOGRAPHS));
    for note in &notes {
        global.note(note);
    }
    if global.json {
        let list: Vec<_> = rows.iter().map(|row| row.as_json(arguments.eye)).collect();
        let flags: Map<String, Value> =
            findings::by_flag(&rows).into_iter().map(|(flag, names)| (flag.name().to_string(), names.into())).collect();
        let document = json!({
            "notice": DISCLAIMER,
            "images": rows.len(),
            "device": device.name(),
            "masks": arguments.masking().to_string(),
            "predictions": list,
            "flags": flags,
            "notes": notes,
            "unreadable": unreadable,
            "earlier": earlier,
        });
        output::unless_closed(output::json(&document))?;
    } else {
        output::unless_closed(print(&rows, images.len(), arguments))?;
    }
    for problem in &unreadable {
        output::problem(problem);
    }
    Ok(if unreadable.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What was done, and what to look at.
fn print(rows: &[Row], given: usize, arguments: &Arguments) -> Result<()> {
    let (count, place) = (rows.len(), arguments.out.display());
    let segmented =
        if count == given { counted(count, "image") } else { format!("{count} of {}", counted(given, "image")) };
    output::line(format_args!("{segmented} segmented, {}; results in {place}", arguments.masking()))?;
    print_places(rows)?;
    if !rows.is_empty() {
        output::line(findings::summary(rows))?;
    }
    Ok(output::line(DISCLAIMER)?)
}

/// How sure the disc finder is, and which photographs somebody should look at, the least certain first.
fn print_places(rows: &[Row]) -> Result<()> {
    let mut found: Vec<_> = rows.iter().filter_map(|row| Some((row, row.place?))).collect();
    found.sort_by(|a, b| a.1.finding.confidence.total_cmp(&b.1.finding.confidence));
    let (Some((_, least)), Some((_, most))) = (found.first(), found.last()) else { return Ok(()) };
    let [low, high] = [least, most].map(|place| place.finding.confidence);
    output::line(format_args!("confidence of the disc finder: {low:.2} to {high:.2}"))?;
    for (row, place) in found.iter().filter(|(_, place)| place.is_doubtful()) {
        let (name, confidence) = (shown(&row.name), place.finding.confidence);
        output::line(format_args!("check `{name}`: the disc was found with a confidence of only {confidence:.2}"))?;
    }
    Ok(())
}
