//! `papilla predict`: masks, overlays and figures of unlabelled images.

mod arguments;
mod eye;
mod findings;
mod inputs;
mod part;
mod prediction;
mod table;
mod uncertainty;
mod under_way;
mod work;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

pub(super) use self::arguments::Arguments;
use self::inputs::{Inputs, clear_the_way};
use self::table::{MadeBy, TABLE, replaced};
use self::under_way::UnderWay;
use self::work::{Done, Work};
use super::architecture::check_readable;
use super::interrupt::{Interrupts, Stopped};
use super::{Global, output, progress};
use crate::data::names::counted;
use crate::data::place::Taken;
use crate::metrics::as_written;
use crate::prediction::{BATCH, Row};
use crate::train::{CheckpointTaken, TrainedNetwork, checkpoint_at};

/// Closes what a prediction prints, quiet or not.
const DISCLAIMER: &str = "for research only: not a medical device, not for diagnosis";

/// What is to be done with whole photographs, and with regions in their place.
const WHOLE_PHOTOGRAPHS: &str = "; pass --find-disc to have the disc found in them";
const REGIONS: &str = "; leave out --find-disc, for it looks for the small disc of a whole photograph";

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
    let TrainedNetwork { predictor, calibration, config, notes: of_weights, origin } =
        arguments.architecture.load(&device, &arguments.checkpoint, BATCH, passes)?;
    notes.extend(of_weights);
    notes.extend(arguments.eye.into_iter().flat_map(|eyes| eyes.told(&images)));
    notes.extend(arguments.masks.note(calibration, &arguments.checkpoint));
    let (checkpoint, masking) = (arguments.checkpoint.clone(), arguments.masking(calibration));
    let made_by = MadeBy { checkpoint, steps: origin.steps(), masking };
    notes.extend(replaced(&arguments.out.join(TABLE), &made_by));
    std::fs::create_dir_all(&arguments.out).with_context(|| format!("cannot create `{}`", arguments.out.display()))?;
    let interrupts = Interrupts::heed();
    let names = images.iter().map(|image| image.name.as_str()).collect();
    let under_way = UnderWay::open(&arguments.out, arguments.call(&config, masking)?, &names)?;
    let bar = progress::bar(global, images.len() as u64, "predicting");
    let mut work = Work::new(arguments, &made_by, &overwriting, &predictor, under_way, &images, others);
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
    let advice = if arguments.find_disc { REGIONS } else { WHOLE_PHOTOGRAPHS };
    notes.extend(remarks.sentences(rows.len(), advice));
    for note in &notes {
        global.note(note);
    }
    if global.json {
        let list: Vec<_> = rows.iter().map(|row| row.as_json()).collect();
        let flags: Map<String, Value> =
            findings::by_flag(&rows).into_iter().map(|(flag, names)| (flag.name().to_string(), names.into())).collect();
        let document = json!({
            "notice": DISCLAIMER,
            "images": rows.len(),
            "device": device.name(),
            "checkpoint": made_by.checkpoint.display().to_string(),
            "steps": made_by.steps,
            "size": config.size,
            "masks": masking.masks.name(),
            "threshold_cup": as_written(masking.thresholds[0]),
            "threshold_disc": as_written(masking.thresholds[1]),
            "erosion": masking.erosion,
            "predictions": list,
            "flags": flags,
            "notes": notes,
            "unreadable": unreadable,
            "earlier": earlier,
        });
        output::unless_closed(output::json(&document))?;
    } else {
        output::unless_closed(print(&rows, images.len(), &arguments.out, &made_by))?;
    }
    for problem in &unreadable {
        output::problem(problem);
    }
    Ok(if unreadable.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What was done, and what to look at.
fn print(rows: &[Row], given: usize, out: &Path, made_by: &MadeBy) -> Result<()> {
    if rows.is_empty() {
        let none = if given == 1 {
            "the image could not be used".to_string()
        } else {
            format!("none of {given} images could be used")
        };
        return Ok(output::line(format_args!("{none}: nothing was written"))?);
    }
    let (count, place) = (rows.len(), out.display());
    let (checkpoint, masking) = (made_by.checkpoint.display(), made_by.masking);
    let steps = made_by.steps.map_or(String::new(), |steps| format!(" (after {})", counted(steps as usize, "step")));
    let segmented =
        if count == given { counted(count, "image") } else { format!("{count} of {}", counted(given, "image")) };
    output::line(format_args!("{segmented} segmented by `{checkpoint}`{steps}, {masking}; results in {place}"))?;
    print_places(rows)?;
    findings::summary(rows).into_iter().try_for_each(output::line)?;
    Ok(output::line(DISCLAIMER)?)
}

/// How sure the disc finder is.
fn print_places(rows: &[Row]) -> Result<()> {
    let found: Vec<f64> = rows.iter().filter_map(|row| Some(row.place?.finding.confidence)).collect();
    let (least, most) = (found.iter().copied().reduce(f64::min), found.iter().copied().reduce(f64::max));
    let (Some(least), Some(most)) = (least, most) else { return Ok(()) };
    let told = if found.len() == 1 { format!("{least:.2}") } else { format!("{least:.2} to {most:.2}") };
    Ok(output::line(format_args!("confidence of the disc finder: {told}"))?)
}
