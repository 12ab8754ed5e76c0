//! How far the passes with dropouts differ: as a picture, and as figures.

use std::path::Path;

use image::{DynamicImage, Rgb, RgbImage};

use crate::atomic_file::WriteError;
use crate::data::boundary::{BoundaryBand, boundary_target};
use crate::data::image_file::write_png;
use crate::inference::Logits;
use crate::method::deviation::{RELIABLE_BELOW, TEMPERATURE};
use crate::metrics::BinaryMask;
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

/// Mean deviation of cup and disc over the pixels of the disc, and over the band along both outlines.
pub(super) fn mean_deviations(logits: &Logits, masks: &[BinaryMask; 2]) -> [Option<f64>; 2] {
    let (width, height) = (logits.width, logits.height);
    let planes: Vec<f32> =
        masks.iter().flat_map(|mask| mask.pixels().map(|inside| f32::from(u8::from(inside)))).collect();
    let band = boundary_target(&planes, height, width, BoundaryBand::for_size(width.max(height) as u32));
    let in_disc: Vec<bool> = masks[1].pixels().collect();
    let on_outline: Vec<bool> = band.iter().map(|value| *value > 0.5).collect();
    [in_disc, on_outline].map(|wanted| mean_where(logits, &wanted))
}

/// Mean of both channels over the pixels that are wanted; `None` without one.
fn mean_where(logits: &Logits, wanted: &[bool]) -> Option<f64> {
    let plane = wanted.len();
    let of = |i: usize| f64::from(logits.deviation[i] + logits.deviation[plane + i]) / 2.0;
    let values: Vec<f64> = (0..plane).filter(|i| wanted[*i]).map(of).collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_are_taken_in_the_disc_and_along_the_outlines() {
        let side = 64u32;
        let block = |from: u32, to: u32| {
            BinaryMask::from_fn(side, side, |x, y| (from..to).contains(&x) && (from..to).contains(&y))
        };
        let plane = (side * side) as usize;
        // The cup's passes agree; the disc's differ in its left half.
        let mut deviation = vec![0.0; 2 * plane];
        for i in 0..plane {
            deviation[plane + i] = if i % 64 < 32 { 0.4 } else { 0.0 };
        }
        let none = Vec::new();
        let logits = Logits { width: 64, height: 64, mask: none.clone(), boundary: none, deviation };
        let [disc, outline] = mean_deviations(&logits, &[block(24, 40), block(8, 56)]);
        assert!((disc.expect("a disc") - 0.1).abs() < 1e-6);
        assert!((outline.expect("outlines") - 0.1).abs() < 0.01, "{outline:?}");
        let empty = BinaryMask::from_fn(side, side, |_, _| false);
        assert_eq!(mean_deviations(&logits, &[empty.clone(), empty]), [None, None]);
    }
}
