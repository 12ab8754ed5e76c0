//! Turning pixels upright.

use image::imageops::{flip_horizontal_in_place, flip_vertical_in_place, rotate90, rotate180_in_place, rotate270};
use image::metadata::Orientation;
use image::{ImageBuffer, Pixel};

/// Whether an orientation swaps width and height.
pub fn quarter_turned(orientation: Orientation) -> bool {
    use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
    matches!(orientation, Rotate90 | Rotate270 | Rotate90FlipH | Rotate270FlipH)
}

/// The upright size of what is stored at a size.
pub fn upright_size((width, height): (u32, u32), orientation: Orientation) -> (u32, u32) {
    if quarter_turned(orientation) { (height, width) } else { (width, height) }
}

/// The pixels as a viewer that heeds the orientation shows them.
pub fn upright<P: Pixel + 'static>(
    mut image: ImageBuffer<P, Vec<P::Subpixel>>,
    orientation: Orientation,
) -> ImageBuffer<P, Vec<P::Subpixel>> {
    match orientation {
        Orientation::NoTransforms => {}
        Orientation::Rotate180 => rotate180_in_place(&mut image),
        Orientation::FlipHorizontal => flip_horizontal_in_place(&mut image),
        Orientation::FlipVertical => flip_vertical_in_place(&mut image),
        Orientation::Rotate90 => return rotate90(&image),
        Orientation::Rotate270 => return rotate270(&image),
        Orientation::Rotate90FlipH => {
            image = rotate90(&image);
            flip_horizontal_in_place(&mut image);
        }
        Orientation::Rotate270FlipH => {
            image = rotate270(&image);
            flip_horizontal_in_place(&mut image);
        }
    }
    image
}
