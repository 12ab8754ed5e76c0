//! How far the passes with dropouts differ, as a picture.

use std::path::Path;

use image::{DynamicImage, Rgb, RgbImage};

use crate::atomic_file::WriteError;
use crate::data::image_file::write_png;
use crate::inference::Logits;
use crate::method::deviation::{RELIABLE_BELOW, TEMPERATURE};
use crate::own_file::{Overwriting, Purpose};

/// Deviation at the upper end of the colours: that of a probability between 0 and 1 is no larger, but for the correction of
/// an unbiased estimate.
const LARGEST: f32 = 0.5;

/// What `--uncertainty` is.
pub(super) fn help() -> String {
    format!(
        "Passes with active dropouts that tell how far the result can be trusted; adds `NAME_uncertainty.png` (cup left, disc \
         right, from 0 dark to {LARGEST} yellow) and two columns. It is the number that training and `report` use: the standard \
         deviation, over the passes, of the probability at temperature {TEMPERATURE}; training relies on pixels below \
         {RELIABLE_BELOW}"
    )
}

/// Writes how far the passes differ: cup on the left, disc on the right, in viridis from 0 to 0.5.
pub(super) fn write_deviations(overwriting: &Overwriting, path: &Path, logits: &Logits) -> Result<(), WriteError> {
    let (width, height) = (logits.width, logits.height);
    let picture = RgbImage::from_fn(2 * width as u32, height as u32, |x, y| {
        let (channel, x) = (x as usize / width, x as usize % width);
        let value = logits.deviation[(channel * height + y as usize) * width + x];
        Rgb(colorous::VIRIDIS.eval_continuous(f64::from((value / LARGEST).clamp(0.0, 1.0))).into_array())
    });
    write_png(overwriting, path, Purpose::Uncertainty, &DynamicImage::ImageRgb8(picture))
}
