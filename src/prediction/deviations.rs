//! How far the passes with dropouts differ, as figures.

use crate::data::boundary::{BoundaryBand, boundary_target};
use crate::inference::Logits;
use crate::metrics::BinaryMask;

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
