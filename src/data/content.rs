//! Whether images are the same, whatever they are called.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;

use image::RgbImage;
use rayon::prelude::*;

use super::error::DataError;
use super::region::Region;
use crate::input_file;

/// What tells a picture from others: 64 bits of a hash, and how long it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Content {
    hash: u64,
    length: u64,
}

impl Content {
    fn of_bytes(bytes: &[u8]) -> Self {
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        Self { hash: hasher.finish(), length: bytes.len() as u64 }
    }

    /// Of a file, byte by byte: quick, but a picture that was stored anew is another.
    ///
    /// # Errors
    /// [`DataError::Read`].
    pub fn of_file(path: &Path) -> Result<Self, DataError> {
        Ok(Self::of_bytes(&input_file::read(path).map_err(|cause| DataError::read(path, cause))?))
    }

    /// Of pixels, in whatever kind of file they are stored.
    pub fn of_pixels(image: &RgbImage) -> Self {
        let Self { hash, length } = Self::of_bytes(image.as_raw());
        // Pictures of as many pixels in other rows are others.
        Self { hash: hash ^ u64::from(image.width()), length }
    }
}

/// Images of one place by their names, and what is in them.
#[derive(Debug, Clone)]
pub struct Album {
    /// how sentences name the place
    pub place: String,
    /// names and contents
    pub images: Vec<(String, Content)>,
}

impl Album {
    /// The images of regions by the bytes of their files; those that cannot be read are left out, for others name them.
    pub fn of_files(place: String, regions: &[Region]) -> Self {
        let content = |region: &Region| Some((region.name.clone(), Content::of_file(&region.image).ok()?));
        Self { place, images: regions.par_iter().filter_map(content).collect() }
    }
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    #[test]
    fn pictures_are_told_apart_by_their_pixels() {
        let of = |w, h, level| Content::of_pixels(&RgbImage::from_pixel(w, h, Rgb([level; 3])));
        assert_eq!(of(3, 4, 9), of(3, 4, 9));
        assert!(of(3, 4, 9) != of(3, 4, 8) && of(3, 4, 9) != of(4, 3, 9) && of(3, 4, 9) != of(3, 5, 9));
    }

    #[test]
    fn files_are_told_apart_by_their_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for (name, text) in [("a", "x"), ("b", "x"), ("c", "y")] {
            std::fs::write(at(name), text).unwrap();
        }
        let [a, b, c] = ["a", "b", "c"].map(|name| Content::of_file(&at(name)).unwrap());
        assert!(a == b && b != c);
        assert!(Content::of_file(&at("absent")).is_err() && Content::of_file(folder.path()).is_err());
    }
}
