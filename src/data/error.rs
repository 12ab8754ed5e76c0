//! What can go wrong between a folder of files and a batch of numbers.

use std::io;
use std::path::{Path, PathBuf};

use image::metadata::Orientation;

use super::guard::defect;
use super::names::{counted, several_files};

/// Files that hold folders, by their endings.
const ARCHIVES: [&str; 8] = [".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".7z", ".rar"];

/// Why a path is no folder, without the path.
pub fn no_folder(path: &Path) -> &'static str {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    match path.exists() {
        false => "does not exist",
        true if ARCHIVES.iter().any(|ending| name.ends_with(ending)) => "is an archive: unpack it first",
        true => "is a file, and no folder",
    }
}

/// An error of the data module; each message is one sentence naming the file or value.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "each message explains the fields of its variant")]
pub enum DataError {
    /// The folder is not a split in the dataset layout.
    #[error(
        "`{}` is not a dataset split: `{}` does not exist; {}",
        directory.display(), missing.display(), expected(directory)
    )]
    MissingFolder { directory: PathBuf, missing: PathBuf },

    /// There is nothing.
    #[error("`{}` does not exist: there is no such folder", .0.display())]
    NotThere(PathBuf),

    /// A file where a folder is meant.
    #[error("`{}` {}", .0.display(), no_folder(.0))]
    NotAFolder(PathBuf),

    /// The image folder holds nothing that can be read.
    #[error("`{}` holds no image (looked for .png, .jpg, .jpeg, .jfif, .bmp, .tif, .tiff and .webp)", .0.display())]
    Empty(PathBuf),

    /// A labelled split lacks the mask of one of its images.
    #[error(
        "the image `{}` has no mask{}: one of its name, with the same addition for all, is expected in `{}`{}",
        image.display(), and_others(*others), folder.display(), left_over(unmatched)
    )]
    MissingMask { image: PathBuf, folder: PathBuf, others: usize, unmatched: Vec<PathBuf> },

    /// There are masks, and their names have nothing to do with those of the images.
    #[error(
        "no mask belongs to an image by its name: {}, such as `{}`, and {}, such as `{}`; a mask has the name of its image, with the \
         same addition for all",
        counted(*masks, "mask"), mask.display(), counted(*images, "image"), image.display()
    )]
    NoMaskMatches { images: usize, masks: usize, image: PathBuf, mask: PathBuf },

    /// Masks of single structures where one of both is expected.
    #[error(
        "the mask `{}` of `{}` shows the cup alone, by its name, where one mask shows cup and disc (0 cup, 128 disc rim, 255 \
         background); join those of both first",
        cup.display(), image.display()
    )]
    CupApart { image: PathBuf, cup: PathBuf },

    /// Two files of one folder would have the same name.
    #[error(
        "`{}` and `{}` have the same stem, so it is unclear which one is meant; remove or rename one of them",
        first.display(), second.display()
    )]
    SameStem { first: PathBuf, second: PathBuf },

    /// A file or folder could not be read.
    #[error("cannot read `{}`: {cause}", path.display())]
    Read { path: PathBuf, cause: io::Error },

    /// The file is not an image that can be decoded.
    #[error("cannot decode `{}`, which is damaged or in an unsupported format: {reason}", path.display())]
    Decode { path: PathBuf, reason: String },

    /// The file is an image of a kind that is not read, or no image.
    #[error("`{}` {what}; {remedy}", path.display())]
    Unsupported { path: PathBuf, what: String, remedy: &'static str },

    /// The file ends before its image does.
    #[error("`{}` is truncated: the file ends before its image does ({reason})", path.display())]
    Truncated { path: PathBuf, reason: String },

    /// The header announces more pixels than will be decoded.
    #[error(
        "`{}` announces {width}x{height} pixels, more than the {limit}x{limit} pixels and 1 GiB that are decoded at most; \
         scale it down first",
        path.display()
    )]
    TooLarge { path: PathBuf, width: u32, height: u32, limit: u32 },

    /// The header announces an image without pixels.
    #[error("`{}` announces {width}x{height} pixels: there is no image in it; export it again", path.display())]
    NoPixels { path: PathBuf, width: u32, height: u32 },

    /// The file itself is too large to be an image worth reading.
    #[error("`{}` is {bytes} bytes long; image files up to 1 GiB are read", path.display())]
    FileTooLarge { path: PathBuf, bytes: u64 },

    /// A mask with colours.
    #[error(
        "the mask `{}` has the colour {colour:?} at column {x}, row {y}; expected grey levels: 0 cup, 128 disc rim, \
         255 background",
        path.display()
    )]
    ColouredMask { path: PathBuf, x: u32, y: u32, colour: [u8; 3] },

    /// Image and mask do not cover each other.
    #[error(
        "the image `{}` is {}x{} but its mask `{}` is {}x{}; both must have the same size",
        image.display(), image_size.0, image_size.1, mask.display(), mask_size.0, mask_size.1
    )]
    SizesDiffer { image: PathBuf, image_size: (u32, u32), mask: PathBuf, mask_size: (u32, u32) },

    /// An image that cannot be a region around a disc.
    #[error(
        "`{}` is {width}x{height} pixels and so no region around a disc, which has at least 16 a side and is at most four \
         times as long as wide",
        path.display()
    )]
    NoRegion { path: PathBuf, width: u32, height: u32 },

    /// Image and mask would cover each other if the orientation of one were not heeded.
    #[error(
        "the image `{}` is {}x{} and its mask `{}` {}x{}, turned as the EXIF orientations of both say ({}; 1 is upright), so one \
         of the two was made on pixels that lie otherwise: turn it, or set its EXIF orientation to what its pixels are",
        image.display(), image_size.0, image_size.1, mask.display(), mask_size.0, mask_size.1,
        format_args!("that of the image is {}, of the mask {}", orientations.0.to_exif(), orientations.1.to_exif())
    )]
    Turned {
        image: PathBuf,
        image_size: (u32, u32),
        mask: PathBuf,
        mask_size: (u32, u32),
        orientations: (Orientation, Orientation),
    },

    /// A mask without any disc pixel.
    #[error(
        "the mask `{}` has no disc: no grey level is 200 or below (expected 0 cup, 128 disc rim, 255 background)",
        .0.display()
    )]
    NoDisc(PathBuf),

    /// A mask whose four corners are cup, which no region has.
    #[error(
        "the mask `{}` is cup in all four corners, so it is inverted or numbers its classes; expected grey levels: \
         0 cup, 128 disc rim, 255 background",
        .0.display()
    )]
    MaskLevels(PathBuf),

    /// Not a single batch can be made.
    #[error(
        "`{}` has {}, fewer than one batch of {batch}; lower the batch size or add images",
        directory.display(), counted(*regions, "region")
    )]
    TooFewRegions { directory: PathBuf, regions: usize, batch: usize },

    /// A setting outside its range.
    #[error("{name} is {value}, which is out of range: {expected}")]
    Setting { name: &'static str, value: String, expected: &'static str },

    /// A worker thread panicked; this is a bug, reported instead of hanging.
    #[error("batch {batch} cannot be prepared: {}", defect(message))]
    Worker { batch: u64, message: String },
}

impl DataError {
    pub(crate) fn read(path: &Path, cause: io::Error) -> Self {
        Self::Read { path: path.to_path_buf(), cause }
    }

    /// An image and a mask of different sizes, each the upright one, and the orientations of the two files. Where a quarter
    /// turn would bring the sizes together, that is what the error says.
    pub fn sizes_differ(
        (image, mask): (&Path, &Path),
        (image_size, mask_size): ((u32, u32), (u32, u32)),
        orientations: (Orientation, Orientation),
    ) -> Self {
        let (image, mask) = (image.to_path_buf(), mask.to_path_buf());
        let turned = (image_size.1, image_size.0) == mask_size;
        let upright = (Orientation::NoTransforms, Orientation::NoTransforms);
        if turned && orientations != upright {
            return Self::Turned { image, image_size, mask, mask_size, orientations };
        }
        Self::SizesDiffer { image, image_size, mask, mask_size }
    }
}

/// How many more have the same fault.
fn and_others(others: usize) -> String {
    match others {
        0 => String::new(),
        1 => ", nor has 1 other".to_string(),
        others => format!(", nor have {others} others"),
    }
}

/// Masks that belong to no image.
fn left_over(masks: &[PathBuf]) -> String {
    match masks.len() {
        0 => String::new(),
        1 => format!("; {} there belongs to no image", several_files(masks)),
        _ => format!("; {} there belong to no image", several_files(masks)),
    }
}

/// Whether a folder holds the images of a split.
fn holds_images(split: &Path) -> bool {
    split.join("ROIs/image").is_dir()
}

/// A split that lies in a folder.
fn split_in(folder: &Path) -> Option<PathBuf> {
    ["test", "train"].map(|split| folder.join(split)).into_iter().find(|split| holds_images(split))
}

/// The split that lies in a folder which is none itself, or beside it.
pub fn other_split(directory: &Path) -> Option<PathBuf> {
    let beside = || directory.parent().filter(|_| !holds_images(directory)).and_then(split_in);
    split_in(directory).or_else(beside)
}

/// What a split should hold, or which one was meant where the folder of the dataset was given.
fn expected(directory: &Path) -> String {
    let layout = "images are expected as `ROIs/image/NAME.png` and masks as `ROIs/mask/NAME.png`";
    match (split_in(directory), other_split(directory)) {
        (Some(split), _) => format!("it is a dataset, of which one split is needed: `{}`", split.display()),
        (None, Some(split)) => format!("{layout}, as in the only split of its dataset, `{}`", split.display()),
        (None, None) => layout.to_string(),
    }
}
