//! Whether images are the same, whatever they are called.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hasher};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

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
    /// Of pixels, in whatever kind of file they are stored.
    pub fn of_pixels(image: &RgbImage) -> Self {
        let mut hasher = DefaultHasher::new();
        // Pictures of as many pixels in other rows are others.
        hasher.write_u32(image.width());
        hasher.write(image.as_raw());
        Self { hash: hasher.finish(), length: image.as_raw().len() as u64 }
    }
}

/// What is in a file, byte by byte: quick, but a picture that was stored anew is another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileContent {
    /// what tells it from other files
    pub content: Content,
    /// CRC-32C, which stays the same from version to version
    pub checksum: u32,
}

/// Bytes of a file that are taken in at once.
const CHUNK: usize = 1 << 16;

impl FileContent {
    fn of(path: &Path) -> io::Result<Self> {
        let mut file = input_file::open(path)?;
        let (mut hasher, mut checksum, mut length) = (DefaultHasher::new(), 0, 0);
        let mut chunk = vec![0; CHUNK];
        loop {
            let bytes = match file.read(&mut chunk)? {
                0 => return Ok(Self { content: Content { hash: hasher.finish(), length }, checksum }),
                read => &chunk[..read],
            };
            hasher.write(bytes);
            checksum = crc32c::crc32c_append(checksum, bytes);
            length += bytes.len() as u64;
        }
    }

    /// Bytes of the file.
    pub fn length(&self) -> u64 {
        self.content.length
    }
}

/// What is in files, each of which is read once, however often it is asked for.
#[derive(Debug, Default)]
pub struct FileContents(Mutex<HashMap<PathBuf, FileContent>>);

impl FileContents {
    /// What is in a file.
    ///
    /// # Errors
    /// [`DataError::Read`].
    pub fn of(&self, path: &Path) -> Result<FileContent, DataError> {
        let known = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(content) = known().get(path) {
            return Ok(*content);
        }
        let content = FileContent::of(path).map_err(|cause| DataError::read(path, cause))?;
        known().insert(path.to_path_buf(), content);
        Ok(content)
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
    pub fn of_files(place: String, regions: &[Region], files: &FileContents) -> Self {
        let content = |region: &Region| Some((region.name.clone(), files.of(&region.image).ok()?.content));
        Self { place, images: regions.par_iter().filter_map(content).collect() }
    }

    /// Names of its images.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.images.iter().map(|(name, _)| name.as_str())
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
        let files = FileContents::default();
        let [a, b, c] = ["a", "b", "c"].map(|name| files.of(&at(name)).unwrap());
        assert!(a == b && b != c);
        assert_eq!((a.length(), a.checksum), (1, crc32c::crc32c(b"x")));
        assert!(files.of(&at("absent")).is_err() && files.of(folder.path()).is_err());
        std::fs::write(at("a"), "y").unwrap();
        assert_eq!(files.of(&at("a")).unwrap(), a, "it is read once");
        assert_eq!(FileContents::default().of(&at("a")).unwrap(), c);
    }
}
