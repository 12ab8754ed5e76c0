//! `papilla prepare`: published photographs and annotations to disc regions.

mod notes;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;

use super::named::named;
use super::{Global, WrongFlags, output, progress};
use crate::data::Split;
use crate::data::contact_sheet::ContactSheet;
use crate::data::names::{counted, shown};
use crate::data::prepare::{
    Division, Layout, Legend, MaskValue, Options, PrepareError, Summary, TABLE, ValidationPart, prepare,
};

/// Bring full-field photographs and their annotations into the dataset layout
///
/// Each becomes a square around the disc, image and mask at one size, with a table (`prepare.csv`) and all regions at a
/// glance (`contact-sheet.png`). Photographs without any annotation are cropped where the disc is found, and have no
/// mask. One that cannot be used is named, and the exit status is then 1; the others are done.
#[derive(clap::Args)]
pub(super) struct Arguments {
    /// How the data set is laid out
    #[arg(long, value_parser = named::<Layout>(), value_name = "L")]
    layout: Layout,
    /// Folder into which the data set was unpacked
    #[arg(long, value_name = "DIR")]
    input: PathBuf,
    /// Folder for the dataset; an earlier result from the same input is replaced, anything else is refused
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Rows and columns of a region
    #[arg(long, default_value_t = 512, value_name = "PIXELS")]
    size: u32,
    /// Side of the square that is cut out, in pixels of the photograph [default: 512 for drishti-gs and the training part
    /// of refuge, as published; the whole picture for rim-one-dl; else by --scale]
    #[arg(long, value_name = "PIXELS", conflicts_with = "scale")]
    side: Option<u32>,
    /// Side of the square in median disc diameters of the photographs of one camera [default: 1.5]
    #[arg(long, value_name = "F")]
    scale: Option<f64>,
    /// drishti-gs: how many of the four experts must have drawn a pixel inside
    #[arg(long, default_value_t = 4, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=4))]
    agreement: u8,
    /// refuge, and pairs with a folder such as `val`: where the validation part goes
    #[arg(long, value_parser = named::<ValidationPart>(), default_value = ValidationPart::Test.name(), value_name = "SPLIT")]
    validation: ValidationPart,
    /// rim-one-dl: which of its divisions into training and test images
    #[arg(long, value_parser = named::<Division>(), default_value = Division::Hospital.name(), value_name = "BY")]
    partition: Division,
    /// origa, and pairs without `train` and `test`: every N-th photograph by name is a test image, with 0 none; both
    /// eyes of a patient (`12_L` and `12_R`) go together
    #[arg(long, default_value_t = 5, value_name = "N")]
    test_every: usize,
    /// Bits of the photographs' samples where they are fewer than the file has room for, as 12 in files of 16 [default: told
    /// by the largest sample]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(8..=16))]
    bits: Option<u8>,
    #[command(flatten)]
    pairs: Pairs,
}

/// Folders and values of `--layout pairs`.
#[derive(clap::Args)]
#[command(next_help_heading = "With --layout pairs")]
struct Pairs {
    /// Folder of images, in the input [default: `images`, `photos` and the like, in any nesting, else the input itself]
    #[arg(long, value_name = "DIR")]
    images: Option<PathBuf>,
    /// Folder of masks of both structures; a mask has the name of its image, with the same addition for all, as `a_mask.png`
    /// of `a.jpg` [default: `masks`, `labels`, `annotations`, `gt`, `segmentations` and the like]
    #[arg(long, value_name = "DIR", conflicts_with_all = ["disc_masks", "cup_masks"])]
    masks: Option<PathBuf>,
    /// Folder of masks of the disc alone, the cup included, or of its contours (`.txt`, `.csv`) [default: such as `masks_disc`]
    #[arg(long, value_name = "DIR")]
    disc_masks: Option<PathBuf>,
    /// Folder of masks of the cup alone, or of its contours [default: such as `masks_cup`]
    #[arg(long, value_name = "DIR", requires = "disc_masks")]
    cup_masks: Option<PathBuf>,
    /// Value of the cup in --masks: a level, a palette's index, or a colour such as "#ffff00"
    #[arg(long, default_value_t = Legend::default().cup, value_name = "VALUE")]
    cup: MaskValue,
    /// Value of the disc outside the cup in --masks
    #[arg(long, default_value_t = Legend::default().disc, value_name = "VALUE")]
    disc: MaskValue,
    /// Value of the background in --masks; other values are then refused [default: any other value]
    #[arg(long, value_name = "VALUE")]
    background: Option<MaskValue>,
}

impl Arguments {
    fn options(&self) -> Result<Options> {
        let pairs = &self.pairs;
        let given = [
            ("--images", pairs.images.is_some()),
            ("--masks", pairs.masks.is_some()),
            ("--disc-masks", pairs.disc_masks.is_some()),
            ("--cup-masks", pairs.cup_masks.is_some()),
            ("--background", pairs.background.is_some()),
            ("--cup", pairs.cup != Legend::default().cup),
            ("--disc", pairs.disc != Legend::default().disc),
        ];
        if let (Some((flag, _)), false) = (given.iter().find(|(_, given)| *given), self.layout == Layout::Pairs) {
            let problem = format!("{flag} goes with --layout pairs only; the other layouts bring their own");
            return Err(WrongFlags(anyhow::Error::msg(problem)).into());
        }
        Ok(Options {
            layout: self.layout,
            input: self.input.clone(),
            output: self.out.clone(),
            size: self.size,
            side: self.side,
            scale: self.scale,
            agreement: self.agreement,
            validation: self.validation,
            division: self.partition,
            test_every: self.test_every,
            bits: self.bits,
            legend: Legend { cup: pairs.cup, disc: pairs.disc, background: pairs.background },
            images: pairs.images.clone(),
            masks: pairs.masks.clone(),
            disc_masks: pairs.disc_masks.clone(),
            cup_masks: pairs.cup_masks.clone(),
        })
    }
}

pub(super) fn run(global: &Global, arguments: &Arguments) -> Result<ExitCode> {
    let options = arguments.options()?;
    let bar = progress::bar(global, 0, "preparing");
    let outcome = prepare(&options, |done, total| {
        bar.set_length(total as u64);
        bar.set_position(done as u64);
    });
    bar.finish_and_clear();
    let summary = outcome.map_err(|error| match error {
        PrepareError::Option(_) => anyhow::Error::from(WrongFlags(error.into())),
        _ => error.into(),
    })?;
    if global.json {
        let mut document = summary.as_json();
        document["output"] = serde_json::to_value(&options.output)?;
        document["size"] = options.size.into();
        output::unless_closed(output::json(&document))?;
    } else {
        output::unless_closed(print(&summary, &options.output, options.size))?;
    }
    for note in notes::notes(&summary, arguments.validation.name()) {
        global.note(&shown(&format!("note: {note}")));
    }
    for failure in notes::failures(&summary) {
        output::problem(shown(&failure));
    }
    Ok(if summary.has_failures() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn print(summary: &Summary, output: &Path, size: u32) -> Result<()> {
    let (train, test) = (summary.count(Split::Train), summary.count(Split::Test));
    let say = |text: String| output::line(text);
    let (regions, found) = (train + test, train + test + summary.skipped.len());
    let place = output.display();
    say(format!(
        "{} of {size}x{size} from {}: {train} train, {test} test, in {place}",
        counted(regions, "region"),
        counted(found, "photograph")
    ))?;
    if let Some(division) = division(summary) {
        say(division)?;
    }
    for (part, side) in &summary.sides {
        let photographs = if summary.test_every.is_some() { "photographs".to_string() } else { format!("`{part}`") };
        say(format!("cut out of the {photographs}: squares of {side} pixels"))?;
    }
    let [masks, with_cup] = summary.masks();
    if let Some(shares) = summary.shares() {
        say(format!("mean area over {}: {}", counted(masks, "mask"), areas(shares, with_cup > 0)))?;
    }
    if let Some([low, mean, high]) = summary.vcdr_range() {
        say(match with_cup {
            1 => format!("vertical cup-to-disc ratio: {mean:.3}"),
            _ => format!("vertical cup-to-disc ratio over {with_cup} masks: {low:.3} to {high:.3}, mean {mean:.3}"),
        })?;
    }
    let unlabelled = summary.regions.iter().filter(|region| region.areas.is_none()).count();
    if unlabelled > 0 {
        say(format!("{} without a mask, cut out where the disc was found", counted(unlabelled, "region")))?;
    }
    if let Some([low, mean, high]) = summary.confidence_range() {
        say(match low == high {
            true => format!("confidence of the disc finder: {mean:.2}"),
            false => format!("confidence of the disc finder: {low:.2} to {high:.2}, mean {mean:.2}"),
        })?;
    }
    let mirrored = summary.regions.iter().filter(|region| region.mirrored).count();
    if mirrored > 0 {
        let regions = counted(mirrored, "region");
        say(format!("{regions} partly beyond the border of the photograph, mirrored there"))?;
    }
    if let Some(doubt) = notes::unsure_places(summary) {
        say(doubt)?;
    }
    let sheets = ContactSheet::pages(output, regions).map(|page| page.display().to_string()).collect::<Vec<_>>();
    let sheets = match &sheets[..] {
        [first, .., last] => format!("{} contact sheets, {first} to {last}", sheets.len()),
        sheets => sheets.concat(),
    };
    Ok(say(format!("look at {sheets}; {TABLE} says where each region was"))?)
}

/// By which rule photographs are divided, where the data set does not say it.
fn division(summary: &Summary) -> Option<String> {
    let together = if summary.has_pairs() {
        "; photographs whose names differ by an eye alone (L and R, OD and OS, left and right) are of one patient and go together"
    } else {
        ""
    };
    summary.test_every.map(|every| match every {
        0 => "divided by name: none is a test image (--test-every 0)".to_string(),
        every => format!("divided by name: one in {every} is a test image (--test-every){together}"),
    })
}

/// Mean shares of the classes; a cup that nobody has drawn has none.
pub(super) fn areas(shares: [f64; 3], has_cup: bool) -> String {
    let [cup, rim, background] = shares.map(|share| 100.0 * share);
    match has_cup {
        true => format!("cup {cup:.1} %, rim {rim:.1} %, background {background:.1} %"),
        false => format!(
            "disc {rim:.1} %, background {background:.1} %; no mask shows a cup, so that there are no figures of cups"
        ),
    }
}
