//! Colours that are not red, green and blue.

use super::fault::Fault;

/// The colour of an index.
pub(super) fn looked_up(index: u32, palette: &[[u8; 3]]) -> Result<[u8; 3], Fault> {
    let colour = usize::try_from(index).ok().and_then(|index| palette.get(index));
    colour.copied().ok_or_else(|| Fault::Damaged(format!("it uses colour {index} of a palette of {}", palette.len())))
}

/// CMYK without a profile, as other programs show it: ink takes light away, and black ink from all three colours.
pub(super) fn rgb_of_cmyk(inks: [u8; 4]) -> [u8; 3] {
    let [c, m, y, k] = inks.map(|ink| u32::from(u8::MAX - ink));
    [c, m, y].map(|light| ((light * k + 127) / 255) as u8)
}

/// The same of 16 bits.
pub(super) fn rgb16_of_cmyk(inks: [u16; 4]) -> [u16; 3] {
    let [c, m, y, k] = inks.map(|ink| u64::from(u16::MAX - ink));
    [c, m, y].map(|light| ((light * k + 32_767) / 65_535) as u16)
}

/// Luma and two chroma of full range (ITU-R BT.601, as JFIF has it).
pub(super) fn rgb_of_ycbcr([y, cb, cr]: [u8; 3]) -> [u8; 3] {
    let (y, cb, cr) = (f32::from(y), f32::from(cb) - 128.0, f32::from(cr) - 128.0);
    let rgb = [y + 1.402 * cr, y - 0.344_136 * cb - 0.714_136 * cr, y + 1.772 * cb];
    rgb.map(|value| value.round().clamp(0.0, 255.0) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_those_of_other_programs() {
        assert_eq!(rgb_of_cmyk([0; 4]), [255; 3]);
        assert_eq!(rgb_of_cmyk([255, 0, 0, 0]), [0, 255, 255]);
        assert_eq!(rgb_of_cmyk([51, 102, 153, 51]), [163, 122, 82]);
        assert_eq!(rgb16_of_cmyk([0, 0, 0, 65_535]), [0; 3]);
        assert_eq!(rgb16_of_cmyk([0, 0, 65_535, 0]), [65_535, 65_535, 0]);
        assert_eq!(rgb_of_ycbcr([76, 85, 255]), [254, 0, 0]);
        assert_eq!(rgb_of_ycbcr([200, 128, 128]), [200; 3]);
    }
}
