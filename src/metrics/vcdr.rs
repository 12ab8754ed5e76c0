//! Vertical cup-to-disc ratio, the number a clinician reads from an optic disc.

use super::BinaryMask;

/// Height of the cup over the height of the disc, each from its topmost to its bottommost row, inclusive.
/// `None` when either mask is empty, because the ratio does not exist then.
pub fn vertical_cup_to_disc_ratio(cup: &BinaryMask, disc: &BinaryMask) -> Option<f64> {
    Some(f64::from(height_in_rows(cup)?) / f64::from(height_in_rows(disc)?))
}

/// Number of rows from the first to the last that holds a pixel of the mask.
fn height_in_rows(mask: &BinaryMask) -> Option<u32> {
    let occupied = |&y: &u32| (0..mask.width()).any(|x| mask.contains(x, y));
    let first = (0..mask.height()).find(occupied)?;
    let last = (0..mask.height()).rfind(occupied)?;
    Some(last - first + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratio_of_heights_ignores_widths_and_gaps() {
        let disc = BinaryMask::from_fn(9, 12, |_, y| (1..11).contains(&y));
        let cup = BinaryMask::from_fn(9, 12, |x, y| x == 3 && (y == 4 || y == 8));
        assert_eq!(vertical_cup_to_disc_ratio(&cup, &disc), Some(0.5));
    }

    #[test]
    fn an_empty_mask_has_no_ratio() {
        let (empty, full) = (BinaryMask::from_fn(4, 4, |_, _| false), BinaryMask::from_fn(4, 4, |_, _| true));
        assert_eq!(vertical_cup_to_disc_ratio(&empty, &full), None);
        assert_eq!(vertical_cup_to_disc_ratio(&full, &empty), None);
        assert_eq!(vertical_cup_to_disc_ratio(&full, &full), Some(1.0));
    }
}
