//! One image after another: read, segmented, written and listed, with no more of them in memory than fit.

use std::collections::BTreeSet;
use std::mem::take;
use std::path::Path;

use anyhow::{Result, bail};
use image::RgbImage;

use super::arguments::Arguments;
use super::inputs::Image;
use super::part::{Part, remove_parts};
use super::prediction::{Input, write_prediction};
use super::table::{GrowingTable, MadeBy, TABLE, columns, write_table};
use super::under_way::UnderWay;
use crate::cli::error::{of_defect, sentence};
use crate::data::contact_sheet::{ContactSheet, Tile};
use crate::data::content::FileContents;
use crate::data::guard::caught;
use crate::data::image_file::{read_grey, read_header, read_photograph};
use crate::data::remarks::Remarks;
use crate::inference::{InferenceError, Logits, Predictor};
use crate::own_file::{Overwriting, Purpose};
use crate::prediction::{Place, Row};

/// Bytes that images take which are in work at the same time.
const BUDGET: u64 = 2 << 30;
/// Bytes of each pixel of a region, as measured: its logits and probabilities, masks before and after they are cleaned, pictures.
const OF_REGION: u64 = 49;
/// Further ones with passes that deviate.
const OF_DEVIATIONS: u64 = 11;
/// Bytes of each pixel of a whole photograph, of which the network sees a small part; 12 were measured.
const OF_PHOTOGRAPH: u64 = 20;
/// Bytes of each pixel of the square to which a region is completed.
const OF_SQUARE: u64 = 3;

/// What helps with regions that are too large.
const TOO_LARGE: &str = "cut out the region around its disc, or scale it down";

/// What segments images.
pub(super) trait Segmentation {
    /// Images that it takes at once.
    fn batch(&self) -> usize;
    /// Logits of images, in order.
    fn logits(&self, images: &[&RgbImage]) -> Result<Vec<Logits>, InferenceError>;
}

impl Segmentation for Predictor {
    fn batch(&self) -> usize {
        Predictor::batch(self)
    }

    fn logits(&self, images: &[&RgbImage]) -> Result<Vec<Logits>, InferenceError> {
        Predictor::logits(self, images)
    }
}

/// Bytes that an image will take, unless it is too large.
fn bytes_of(path: &Path, arguments: &Arguments) -> Result<u64> {
    let (width, height) = read_header(path)?.size;
    let (pixels, longer) = (u64::from(width) * u64::from(height), u64::from(width.max(height)));
    let (of_pixel, what, advice) = match (arguments.find_disc, arguments.uncertainty) {
        (true, _) => (OF_PHOTOGRAPH, "a photograph", "scale it down"),
        (false, None) => (OF_REGION, "a region", TOO_LARGE),
        (false, Some(_)) => (OF_REGION + OF_DEVIATIONS, "a region with --uncertainty", TOO_LARGE),
    };
    let square = if arguments.find_disc || width == height { 0 } else { longer * longer * OF_SQUARE };
    let bytes = pixels * of_pixel + square;
    if bytes > BUDGET {
        let most = BUDGET / of_pixel / 1_000_000;
        bail!("`{}` is {width}x{height}, and {what} has {most} million pixels at most; {advice}", path.display());
    }
    Ok(bytes)
}

/// What has come of images so far.
#[derive(Default)]
pub(super) struct Done {
    pub rows: Vec<Row>,
    /// rows among them that an earlier call has left
    pub earlier: usize,
    /// a sentence for each image that is left out
    pub unreadable: Vec<String>,
    pub remarks: Remarks,
}

/// Images whose turn it is, and the bytes that they take.
#[derive(Default)]
struct Waiting<'a> {
    inputs: Vec<Input<'a>>,
    bytes: u64,
}

/// All that becomes of images.
pub(super) struct Work<'a> {
    arguments: &'a Arguments,
    made_by: &'a MadeBy,
    overwriting: &'a Overwriting,
    network: &'a dyn Segmentation,
    images: &'a [Image],
    /// names of other images, whose results are to go
    others: Vec<String>,
    under_way: UnderWay,
    /// as soon as there is something to write
    table: Option<GrowingTable>,
    sheet: ContactSheet,
    done: Done,
    files: FileContents,
    waiting: Waiting<'a>,
    /// bytes that images in work may take
    budget: u64,
    /// what reads an image
    read: fn(&Arguments, &'a Image, &FileContents) -> Result<Input<'a>>,
}

impl<'a> Work<'a> {
    /// Goes on with what an earlier call for the same has done.
    pub(super) fn new(
        arguments: &'a Arguments,
        made_by: &'a MadeBy,
        overwriting: &'a Overwriting,
        network: &'a dyn Segmentation,
        under_way: UnderWay,
        images: &'a [Image],
        others: Vec<String>,
    ) -> Self {
        Work {
            arguments,
            made_by,
            overwriting,
            network,
            images,
            others,
            under_way,
            table: None,
            sheet: ContactSheet::new(&arguments.out, overwriting),
            done: Done::default(),
            files: FileContents::default(),
            waiting: Waiting::default(),
            budget: BUDGET,
            read: Input::read,
        }
    }

    /// Does all images, unless it is asked to stop between two of them; gives whether it came to the end.
    pub(super) fn all(&mut self, mut goes_on: impl FnMut() -> bool) -> Result<bool> {
        for image in self.images {
            if !goes_on() {
                return Ok(false);
            }
            self.add(image)?;
        }
        self.segment()?;
        Ok(true)
    }

    /// Takes an image up. One damaged file among thousands must not cost the results of the others, nor must a decoder that panics.
    fn add(&mut self, image: &'a Image) -> Result<()> {
        if self.under_way.has(&image.name) {
            if let Some((row, tile)) = self.earlier(image) {
                // In the order of the images.
                self.segment()?;
                self.done.earlier += 1;
                self.done.rows.push(row);
                return Ok(self.sheet.add(tile)?);
            }
            // Of what it was before.
            remove_parts(self.overwriting, &self.arguments.out, &image.name)?;
        }
        let bytes = match bytes_of(&image.path, self.arguments) {
            Ok(bytes) => bytes,
            Err(error) => {
                self.done.unreadable.push(sentence(&error));
                return Ok(());
            }
        };
        if self.waiting.bytes + bytes > self.budget {
            self.segment()?;
        }
        match caught(|| (self.read)(self.arguments, image, &self.files)) {
            Ok(Ok(input)) => {
                self.waiting.inputs.push(input);
                self.waiting.bytes += bytes;
            }
            Ok(Err(error)) => self.done.unreadable.push(sentence(&error)),
            Err(message) => self.done.unreadable.push(of_defect(&image.path, &message)),
        }
        if self.waiting.inputs.len() == self.network.batch() { self.segment() } else { Ok(()) }
    }

    /// What an earlier call has left of an image, if all of it is there.
    fn earlier(&mut self, Image { name, path }: &Image) -> Option<(Row, Tile)> {
        let row = self.under_way.take(name, || self.files.of(path).ok())?;
        let is_there =
            |part: &Part| part.purpose().is_at(&part.path(&self.arguments.out, name)).is_ok_and(|is_ours| is_ours);
        if !self.arguments.parts().iter().all(is_there) {
            return None;
        }
        let image = read_photograph(path, self.arguments.bits).ok()?.image;
        let mask = read_grey(&Part::Mask.path(&self.arguments.out, name)).ok()?;
        if mask.dimensions() != image.dimensions() {
            return None;
        }
        let (seen, mask) = match row.place {
            Some(Place { square, .. }) => (square.cut_image(&image), square.cut_mask(&mask)),
            None => (image, mask),
        };
        let tile = row.tile(&seen, &mask);
        Some((row, tile))
    }

    /// Segments the images that wait, and writes what comes of it.
    fn segment(&mut self) -> Result<()> {
        let Waiting { inputs, .. } = take(&mut self.waiting);
        if inputs.is_empty() {
            return Ok(());
        }
        let seen: Vec<&RgbImage> = inputs.iter().map(Input::seen).collect();
        let logits = self.network.logits(&seen).map_err(|error| match error {
            InferenceError::NotFinite { image, .. } => {
                anyhow::Error::from(error).context(format!("cannot segment `{}`", inputs[image].path.display()))
            }
            error => error.into(),
        })?;
        self.begin()?;
        self.under_way.begin(inputs.iter().map(|input| input.name.to_string()).collect())?;
        for (logits, input) in logits.into_iter().zip(inputs) {
            let (name, path, content) = (input.name, input.path, input.content);
            let remarks = input.subject.remarks.clone();
            match caught(|| write_prediction(self.arguments, self.made_by.masking, self.overwriting, input, &logits)) {
                Ok(written) => {
                    let kept = written.and_then(|(row, tile)| {
                        self.under_way.add(content, &row)?;
                        self.table.iter_mut().try_for_each(|table| table.add(&row))?;
                        Ok((row, tile))
                    });
                    let (row, tile) = kept.inspect_err(|_| {
                        // Nor is anything of it left where the disk is full; the error tells enough.
                        let _ = remove_parts(self.overwriting, &self.arguments.out, name);
                    })?;
                    self.done.remarks.add(name, remarks);
                    self.done.rows.push(row);
                    self.sheet.add(tile)?;
                }
                Err(message) => {
                    // Half of its files would have no row.
                    remove_parts(self.overwriting, &self.arguments.out, name)?;
                    self.done.unreadable.push(of_defect(path, &message));
                }
            }
        }
        Ok(())
    }

    /// From now on the folder holds results of this call: those of other images and calls go, and then their table, so that no
    /// mask is left without a row. What is stopped or fails before there is anything in their place has cost nothing.
    fn begin(&mut self) -> Result<()> {
        if self.table.is_some() {
            return Ok(());
        }
        // Before what is under way forgets them.
        for name in take(&mut self.others) {
            remove_parts(self.overwriting, &self.arguments.out, &name)?;
        }
        self.under_way.start()?;
        let rows = || self.done.rows.iter().chain(self.under_way.rows());
        let kept: BTreeSet<&str> = rows().map(|row| row.name.as_str()).collect();
        for image in self.images.iter().filter(|image| !kept.contains(image.name.as_str())) {
            remove_parts(self.overwriting, &self.arguments.out, &image.name)?;
        }
        let path = self.arguments.out.join(TABLE);
        self.table = Some(GrowingTable::begin(self.overwriting, path, rows(), self.made_by)?);
        Ok(())
    }

    /// Closes what is complete: the table in the order of the images, and nothing under way. Where no image could be used, it has
    /// cost nothing.
    pub(super) fn finish(mut self) -> Result<Done> {
        if self.done.rows.is_empty() && self.under_way.is_new() {
            self.under_way.leave()?;
            return Ok(self.done);
        }
        self.begin()?;
        self.write_table()?;
        let Work { done, under_way, sheet, .. } = self;
        sheet.finish()?;
        under_way.finish()?;
        Ok(done)
    }

    /// Closes what is not, so that the same call goes on; says so.
    pub(super) fn stop(mut self) -> Result<String> {
        let (of, out) = (self.images.len(), self.arguments.out.display());
        if self.under_way.is_new() {
            self.under_way.leave()?;
            return Ok(format!("stopped before the first of {of} images was done; nothing was changed in `{out}`"));
        }
        self.begin()?;
        self.write_table()?;
        self.sheet.finish()?;
        let count = self.done.rows.len() + self.under_way.rows().len();
        Ok(format!("stopped after {count} of {of} images, whose results are in `{out}`; the same command goes on"))
    }

    /// Leaves what an error has ended as it is; says that the same call goes on, if there is anything to go on from.
    pub(super) fn fail(self, error: anyhow::Error) -> anyhow::Error {
        let (count, of) = (self.done.rows.len() + self.under_way.rows().len(), self.images.len());
        if count > 0 {
            let told = format!("stopped after {count} of {of} images; the same command goes on once the cause is gone");
            return error.context(told);
        }
        // Why anything could not be removed is of less interest than why the work failed.
        if self.table.is_some() {
            let path = self.arguments.out.join(TABLE);
            let _ = self.overwriting.remove(&path, Purpose::Table(&columns()));
            let _ = self.under_way.finish();
        } else {
            let _ = self.under_way.leave();
        }
        error
    }

    /// The table in the order of the images; rows that an earlier call has left, and that were not come to, stay.
    fn write_table(&mut self) -> Result<()> {
        self.table = None;
        let mut rows: Vec<&Row> = self.done.rows.iter().chain(self.under_way.rows()).collect();
        rows.sort_by(|a, b| a.name.cmp(&b.name));
        write_table(self.overwriting, &self.arguments.out.join(TABLE), rows.into_iter(), self.made_by)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::BTreeMap;
    use std::fs;

    use clap::Parser;
    use image::Rgb;
    use serde_json::json;
    use tempfile::TempDir;

    use super::*;
    use crate::data::overlay::write_mask;

    #[derive(Parser)]
    struct Call {
        #[command(flatten)]
        arguments: Arguments,
    }

    fn arguments(out: &Path) -> Arguments {
        let out = out.to_str().expect("temporary paths are UTF-8");
        Call::parse_from(["predict", "--checkpoint", "none", "none.png", "--out", out]).arguments
    }

    /// Sees a disc in the middle of every image; keeps how many images it was given at once.
    struct Fake {
        calls: RefCell<Vec<usize>>,
        /// of its calls, the one that fails
        fails: Option<usize>,
    }

    impl Fake {
        fn new(fails: Option<usize>) -> Self {
            Self { calls: RefCell::default(), fails }
        }
    }

    impl Segmentation for Fake {
        fn batch(&self) -> usize {
            2
        }

        fn logits(&self, images: &[&RgbImage]) -> Result<Vec<Logits>, InferenceError> {
            let mut calls = self.calls.borrow_mut();
            calls.push(images.len());
            if self.fails == Some(calls.len()) {
                return Err(InferenceError::NotFinite { image: 0, of: images.len() });
            }
            let of = |image: &&RgbImage| {
                let (width, height) = (image.width() as usize, image.height() as usize);
                let plane = |share: usize| {
                    let near = move |v: usize, side: usize| v.abs_diff(side / 2) < side / share;
                    (0..width * height)
                        .map(move |i| if near(i % width, width) && near(i / width, height) { 4.0 } else { -4.0 })
                };
                // Of an odd one too little, about which whoever takes it for whole panics.
                let mask = if width % 2 == 1 { Vec::new() } else { plane(8).chain(plane(4)).collect() };
                Logits { width, height, mask, boundary: vec![0.0; width * height], deviation: Vec::new() }
            };
            Ok(images.iter().map(of).collect())
        }
    }

    /// Images of these names and sides in a folder.
    fn images(folder: &TempDir, sides: &[(&str, u32)]) -> Vec<Image> {
        let image = |(name, side): &(&str, u32)| {
            let path = folder.path().join(format!("{name}.png"));
            let colour = |x: u32, y: u32| Rgb([150 + (x % 64) as u8, 80 + (y % 32) as u8, 40]);
            RgbImage::from_fn(*side, *side, colour).save(&path).expect("the folder is writable");
            Image { name: name.to_string(), path }
        };
        sides.iter().map(image).collect()
    }

    /// The work of a call on images, with results in a folder.
    fn with_work<T>(out: &Path, network: &Fake, images: &[Image], call: u32, then: impl FnOnce(Work<'_>) -> T) -> T {
        fs::create_dir_all(out).expect("the folder is writable");
        let (arguments, overwriting) = (arguments(out), Overwriting::default());
        let under_way = UnderWay::open(out, json!(call), &images.iter().map(|image| image.name.as_str()).collect())
            .expect("the folder is writable");
        let made_by = MadeBy { checkpoint: "none".into(), steps: None, masking: arguments.masking(None) };
        then(Work::new(&arguments, &made_by, &overwriting, network, under_way, images, vec!["other".to_string()]))
    }

    /// The files of a folder, and what they hold.
    fn files(out: &Path) -> BTreeMap<String, Vec<u8>> {
        let entry = |path: std::path::PathBuf| {
            let name = path.file_name().expect("it has a name").to_string_lossy().into_owned();
            (name, fs::read(path).expect("it is a file"))
        };
        fs::read_dir(out).expect("a folder").map(|found| entry(found.expect("listed").path())).collect()
    }

    /// Names that the table lists, once it is known that these are the images that have masks.
    fn listed(out: &Path) -> Vec<String> {
        let files = files(out);
        let table = files.get(TABLE).map_or(String::new(), |table| String::from_utf8_lossy(table).into_owned());
        let rows: Vec<String> =
            table.lines().skip(1).map(|row| row.split(',').next().unwrap_or_default().to_string()).collect();
        let masks: Vec<&str> = files.keys().filter_map(|name| name.strip_suffix("_mask.png")).collect();
        assert_eq!(rows, masks);
        rows
    }

    const SIDES: [(&str, u32); 5] = [("a", 64), ("b", 64), ("c", 64), ("d", 64), ("e", 64)];

    #[test]
    fn a_panic_about_one_image_costs_one_line_and_not_the_batch() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let out = folder.path().join("out");
        let images = images(&folder, &[("a", 64), ("b", 64), ("c", 65), ("d", 64), ("e", 64)]);
        let done = with_work(&out, &Fake::new(None), &images, 1, |mut work| {
            work.read = |arguments, image, files| match image.name.as_str() {
                "b" => panic!("a bug in\n a decoder"),
                _ => Input::read(arguments, image, files),
            };
            assert!(work.all(|| true).expect("the others are done"));
            work.finish().expect("the folder is writable")
        });
        assert_eq!(listed(&out), ["a", "d", "e"]);
        assert_eq!(done.rows.len(), 3);
        let [decoding, writing] = &done.unreadable[..] else { panic!("one line each: {:?}", done.unreadable) };
        for (line, words) in [(decoding, ["b.png", "a bug in a decoder"]), (writing, ["c.png", "out of range"])] {
            let is_told = words.iter().chain(&["defect of papilla"]).all(|word| line.contains(word));
            assert!(is_told && !line.contains('\n'), "{line}");
        }
        assert!(!files(&out).keys().any(|name| name.starts_with("b_") || name.starts_with("c_")), "half of its files");
    }

    #[test]
    fn results_of_other_images_stay_until_there_is_something_in_their_place() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (out, images) = (folder.path().join("out"), images(&folder, &SIDES));
        fs::create_dir(&out).expect("the folder is writable");
        let other = Part::Mask.path(&out, "other");
        write_mask(&Overwriting::default(), &other, (1, 1), &[true], &[true]).expect("the folder is writable");
        with_work(&out, &Fake::new(Some(1)), &images, 1, |mut work| {
            let error = work.all(|| true).expect_err("the network fails");
            work.fail(error)
        });
        assert!(other.exists(), "it has cost nothing");
        with_work(&out, &Fake::new(None), &images, 1, |mut work| {
            assert!(work.all(|| true).expect("all can be done"));
            work.finish().expect("the folder is writable")
        });
        assert_eq!(listed(&out), ["a", "b", "c", "d", "e"]);
    }

    #[test]
    fn what_is_stopped_goes_on_and_ends_as_if_it_had_not_been() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let images = images(&folder, &SIDES);
        let (whole, out) = (folder.path().join("whole"), folder.path().join("out"));
        let to_the_end = |out: &Path, call: u32| {
            with_work(out, &Fake::new(None), &images, call, |mut work| {
                assert!(work.all(|| true).expect("all can be done"));
                work.finish().expect("the folder is writable")
            })
        };
        assert_eq!(to_the_end(&whole, 1).earlier, 0);

        // A signal before the fourth image; the third was only read.
        let mut left = 3;
        let told = with_work(&out, &Fake::new(None), &images, 1, |mut work| {
            let goes_on = || {
                left -= 1;
                left >= 0
            };
            assert!(!work.all(goes_on).expect("some can be done"));
            work.stop().expect("the folder is writable")
        });
        assert!(
            told.starts_with("stopped after 2 of 5 images") && told.ends_with("the same command goes on"),
            "{told}"
        );
        assert_eq!(listed(&out), ["a", "b"]);
        // An error in the midst of the next.
        let error = with_work(&out, &Fake::new(Some(1)), &images, 1, |mut work| {
            let error = work.all(|| true).expect_err("the network fails");
            work.fail(error)
        });
        let error = sentence(&error);
        assert!(error.starts_with("stopped after 2 of 5 images") && error.contains("is not finite"), "{error}");
        assert_eq!(listed(&out), ["a", "b"]);
        // And one about the files of one image.
        let error = with_work(&out, &Fake::new(None), &images, 1, |mut work| {
            fs::write(out.join("c_overlay.png"), "mine").expect("the folder is writable");
            let error = work.all(|| true).expect_err("somebody's file is in the way");
            work.fail(error)
        });
        assert!(sentence(&error).contains("c_overlay.png"), "{error:#}");
        assert_eq!(listed(&out), ["a", "b"]);
        assert_eq!(files(&out)["c_overlay.png"], b"mine");
        fs::remove_file(out.join("c_overlay.png")).expect("it is there");
        // A mask that was being written as the power failed, and one that somebody has removed.
        fs::write(out.join("c_mask.png"), &files(&whole)["c_mask.png"]).expect("the folder is writable");
        fs::remove_file(out.join("b_mask.png")).expect("it is there");
        assert_eq!(to_the_end(&out, 1).earlier, 1);
        assert!(files(&out) == files(&whole), "{:?}", files(&out).keys());

        // Another call takes nothing over, and as soon as it has done something the results of the former are gone.
        let stopped_after = |images_read: usize| {
            let mut left = images_read + 1;
            with_work(&out, &Fake::new(None), &images, 2, |mut work| {
                let goes_on = || {
                    left = left.saturating_sub(1);
                    left > 0
                };
                assert!(!work.all(goes_on).expect("some can be done"));
                work.stop().expect("the folder is writable")
            })
        };
        assert!(stopped_after(1).starts_with("stopped before the first of 5 images"));
        assert!(files(&out) == files(&whole), "nothing was changed");
        assert!(stopped_after(2).starts_with("stopped after 2 of 5 images"));
        assert_eq!(listed(&out), ["a", "b"]);
        // An image that has been changed since, and cannot be read.
        fs::write(&images[0].path, "no image").expect("the folder is writable");
        assert_eq!(to_the_end(&out, 2).earlier, 1);
        assert_eq!(listed(&out), ["b", "c", "d", "e"]);
    }

    #[test]
    fn what_fails_at_once_leaves_nothing() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (images, out) = (images(&folder, &SIDES), folder.path().join("out"));
        let error = with_work(&out, &Fake::new(Some(1)), &images, 1, |mut work| {
            let error = work.all(|| true).expect_err("the network fails");
            work.fail(error)
        });
        assert!(sentence(&error).starts_with("cannot segment `"), "{error:#}");
        assert_eq!(files(&out).len(), 0);
        let error = with_work(&out, &Fake::new(None), &images, 1, |mut work| {
            fs::write(out.join("a_overlay.png"), "mine").expect("the folder is writable");
            let error = work.all(|| true).expect_err("somebody's file is in the way");
            work.fail(error)
        });
        assert!(sentence(&error).contains("a_overlay.png"), "{error:#}");
        assert_eq!(files(&out).into_keys().collect::<Vec<_>>(), ["a_overlay.png"]);
    }

    #[test]
    fn where_no_image_can_be_used_nothing_is_written() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (images, out) = (images(&folder, &SIDES[..1]), folder.path().join("out"));
        fs::write(&images[0].path, "no image").expect("the folder is writable");
        let done = with_work(&out, &Fake::new(None), &images, 1, |mut work| {
            assert!(work.all(|| true).expect("there is nothing to do"));
            work.finish().expect("the folder is writable")
        });
        assert_eq!((done.rows.len(), done.unreadable.len(), files(&out).len()), (0, 1, 0));
    }

    #[test]
    fn images_in_work_take_no_more_than_the_budget() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (images, network) = (images(&folder, &[("a", 64), ("b", 128), ("c", 64), ("d", 64)]), Fake::new(None));
        with_work(&folder.path().join("out"), &network, &images, 1, |mut work| {
            work.budget = 128 * 128 * OF_REGION;
            assert!(work.all(|| true).expect("all can be done"));
        });
        assert_eq!(*network.calls.borrow(), [1, 1, 2]);
    }

    #[test]
    fn what_takes_more_than_the_budget_is_refused_by_its_header() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("huge.png");
        let chunk = |kind: &[u8], data: &[u8]| {
            let mut crc = flate2::Crc::new();
            crc.update(kind);
            crc.update(data);
            [&(data.len() as u32).to_be_bytes(), kind, data, &crc.sum().to_be_bytes()].concat()
        };
        let image = |width: u32, height: u32| {
            let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 2, 0, 0, 0]].concat();
            let parts = [b"\x89PNG\r\n\x1a\n".to_vec(), chunk(b"IHDR", &header), chunk(b"IDAT", &[0; 300_000])];
            fs::write(&path, parts.concat()).expect("the folder is writable");
        };
        image(16_384, 16_384);
        let mut asked = arguments(folder.path());
        for (find_disc, uncertainty, told) in [
            (false, None, "a region has 43 million"),
            (false, Some(2), "a region with --uncertainty has 35 million"),
            (true, None, "a photograph has 107 million"),
        ] {
            (asked.find_disc, asked.uncertainty) = (find_disc, uncertainty);
            let error = bytes_of(&path, &asked).expect_err("it is too large").to_string();
            assert!(error.contains("huge.png") && error.contains("16384x16384") && error.contains(told), "{error}");
        }
        let asked = arguments(folder.path());
        image(6_000, 6_000);
        assert_eq!(bytes_of(&path, &asked).expect("it is a region"), 36_000_000 * OF_REGION);
        // Four times as long as wide: its square takes room too.
        image(8_000, 2_000);
        assert_eq!(bytes_of(&path, &asked).expect("it is a region"), 16_000_000 * OF_REGION + 64_000_000 * OF_SQUARE);
    }
}
