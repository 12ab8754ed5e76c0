//! Any folders of images, with masks in another folder, or discs and cups in two.
//!
//! What a file is, the names of its folders say, in any case and any nesting, or folders that are named by options;
//! without any folder for masks the images are taken, and discs are found. Files and folders that are not used are listed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::annotation::{Annotation, is_annotation_file, is_contour};
use super::error::{OptionError, PrepareError};
use super::listing::{Extent, Listing, Photograph, SCALE};
use super::options::{Options, ValidationPart};
use super::reason::{Reason, Remedy};
use super::tree::Tree;
use super::unused::{Skipped, Unused, UnusedKind};
use crate::data::DataError;
use crate::data::dataset::Split;
use crate::data::folder::{ends_in, has_image_extension, is_image_by_name};
use crate::data::matching::{Match, Matching, matched};
use crate::data::names::stem;
use crate::data::structure::Structure;
use crate::data::words::{self, Part, is_image, is_mask, words};

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Image,
    /// of a structure, where its folder says which
    Mask(Option<Structure>),
    /// no folder says it
    Unknown,
}

#[derive(Debug, Clone)]
struct File {
    path: PathBuf,
    kind: Kind,
    part: Option<Part>,
    /// names of folders that say nothing about kind and part
    place: Vec<String>,
}

/// A folder that an option names.
struct Named {
    folder: PathBuf,
    kind: Kind,
    /// found by its name wherever it lies, as within `train` and `test`
    anywhere: bool,
}

pub(super) fn list(tree: &Tree, options: &Options) -> Result<Listing, PrepareError> {
    let named = named_folders(tree, options)?;
    let eyes = has_eyes(tree);
    let mut files: Vec<File> = tree.files().iter().map(|path| place(tree, path, &named, options, eyes)).collect();
    for outside in named.iter().filter(|named| !named.anywhere && !named.folder.starts_with(&tree.root)) {
        let other = Tree::read(&outside.folder)?;
        files.extend(other.files().iter().map(|path| place(tree, path, &named, options, eyes)));
    }
    let (mut files, others): (Vec<File>, Vec<File>) = files.into_iter().partition(is_read);
    without_doubles(&mut files);
    let (mut images, masks, mut strays) = sorted(files, options);
    images.sort_by(|a, b| a.path.cmp(&b.path));
    check_wanted(&images, &masks, &others, options)?;
    check_stems(&images)?;
    check_stems(&masks)?;
    if images.is_empty() {
        let wanted = "images in a folder such as `images` (also within `train` and `test`), or in one that is named";
        let input = options.input.clone();
        return Err(PrepareError::Layout { input, layout: "pairs", wanted, found: tree.describe(), other: None });
    }
    let mut listing = Listing::default();
    let is_divided = images.iter().any(|image| image.part.is_some());
    if is_divided {
        let (with, without): (Vec<File>, Vec<File>) = images.into_iter().partition(|image| image.part.is_some());
        images = with;
        strays.extend(without.into_iter().map(|file| file.path));
    }
    let (mut used, mut further) = (BTreeSet::new(), BTreeSet::new());
    let parts: BTreeSet<Option<Part>> = images.iter().map(|image| image.part).collect();
    for part in parts {
        let of_part = |file: &&File| part.is_none() || file.part.is_none() || file.part == part;
        let own: Vec<&File> = images.iter().filter(|image| image.part == part).collect();
        add(&mut listing, &own, &masks.iter().filter(of_part).collect::<Vec<_>>(), options, &mut used, &mut further)?;
    }
    let left: Vec<PathBuf> = masks.iter().map(|mask| mask.path.clone()).filter(|mask| !used.contains(mask)).collect();
    if used.is_empty()
        && let (Some(mask), Some(image)) = (left.iter().find(|mask| !is_table(mask)), images.first())
    {
        let (image, mask) = (image.path.clone(), mask.clone());
        return Err(DataError::NoMaskMatches { images: images.len(), masks: left.len(), image, mask }.into());
    }
    let unused = |kind: UnusedKind| move |file: PathBuf| Unused { file, kind };
    // Tables among masks are of something else, as of diagnoses, unless their names go with images.
    let (tables, left): (Vec<PathBuf>, Vec<PathBuf>) = left.into_iter().partition(|mask| is_table(mask));
    listing.unused.extend(tables.into_iter().map(unused(UnusedKind::NotRead)));
    let (further, left): (Vec<PathBuf>, Vec<PathBuf>) = left.into_iter().partition(|mask| further.contains(mask));
    listing.unused.extend(further.into_iter().map(unused(UnusedKind::Further)));
    listing.unused.extend(left.into_iter().map(unused(UnusedKind::Mask)));
    listing.unused.extend(strays.into_iter().map(unused(UnusedKind::Stray)));
    for File { path, kind, .. } in others {
        match kind {
            Kind::Mask(_) => listing.unused.push(Unused { file: path, kind: UnusedKind::NotRead }),
            Kind::Image => listing.unused.push(Unused { file: path, kind: UnusedKind::NoImage }),
            Kind::Unknown => {}
        }
    }
    name_apart(&mut listing, tree);
    if !is_divided {
        listing.divide_every(options.test_every);
    }
    Ok(listing)
}

/// Folders that options name, which lie in the input unless they are absolute.
fn named_folders(tree: &Tree, options: &Options) -> Result<Vec<Named>, PrepareError> {
    // Masks of the folder of images itself are told by their names.
    let masks = options.masks.as_ref().filter(|masks| options.images.as_ref() != Some(*masks)).cloned();
    // A mask folder within the folder of images is one of masks.
    let given = [
        ("disc_masks", &options.disc_masks, Kind::Mask(Some(Structure::Disc))),
        ("cup_masks", &options.cup_masks, Kind::Mask(Some(Structure::Cup))),
        ("masks", &masks, Kind::Mask(None)),
        ("images", &options.images, Kind::Image),
    ];
    let mut named = Vec::new();
    for (option, folder, kind) in given {
        let Some(folder) = folder else { continue };
        let path = tree.root.join(folder);
        if path.is_dir() {
            named.push(Named { folder: path, kind, anywhere: false });
        } else if folder.is_relative() && tree.files().iter().any(|file| contains(&tree.folders(file), folder)) {
            named.push(Named { folder: folder.clone(), kind, anywhere: true });
        } else {
            return Err(OptionError::NoFolder { option, path }.into());
        }
    }
    Ok(named)
}

/// Whether folders one below the other contain those of a path.
fn contains(folders: &[String], path: &Path) -> bool {
    let wanted: Vec<String> = path.components().map(|c| c.as_os_str().to_string_lossy().into_owned()).collect();
    folders.windows(wanted.len().max(1)).any(|folders| folders == wanted)
}

/// Whether folders `OD` are of right eyes, not of optic discs: there are folders `OS` of left ones too.
fn has_eyes(tree: &Tree) -> bool {
    let folders: BTreeSet<String> = tree.files().iter().flat_map(|file| tree.lower_folders(file)).collect();
    let has = |wanted: &str| folders.iter().any(|folder| words(folder).iter().any(|word| word == wanted));
    has("os") && !has("oc")
}

/// What a file is, by its folders; `eyes` says that `OD` is one.
fn place(tree: &Tree, path: &Path, named: &[Named], options: &Options, eyes: bool) -> File {
    let by_option = named.iter().find(|named| match named.anywhere {
        true => contains(&tree.folders(path), &named.folder),
        false => path.starts_with(&named.folder),
    });
    let folders = match by_option {
        Some(Named { folder, anywhere: false, .. }) => Tree::folders_below(folder, path),
        _ => tree.folders(path),
    };
    let words: Vec<Vec<String>> = folders.iter().map(|folder| words(folder)).collect();
    let has = |is: fn(&str) -> bool| move |words: &&Vec<String>| words.iter().any(|word| is(word));
    let said = |words: &&Vec<String>| has(is_mask)(words) || has(is_image)(words);
    let structure_of = |words: &Vec<String>| {
        words::structure(words.iter().map(String::as_str).filter(|word| !(eyes && *word == "od")))
    };
    let structure = words.iter().rev().find_map(structure_of);
    let one = structure.filter(|structure| *structure != Structure::Both);
    let no_masks_named =
        [&options.masks, &options.disc_masks, &options.cup_masks].iter().all(|folder| folder.is_none());
    let kind = match by_option {
        Some(Named { kind: Kind::Mask(None), .. }) => Kind::Mask(one),
        Some(Named { kind, .. }) => *kind,
        None => match words.iter().rev().find(said) {
            Some(words) if has(is_mask)(&words) && no_masks_named => Kind::Mask(one),
            // `discs` and `cups`; eyes are called `OD` too.
            None if no_masks_named
                && words.iter().flatten().any(|word| word.starts_with("disc") || word.starts_with("cup")) =>
            {
                one.map_or(Kind::Unknown, |structure| Kind::Mask(Some(structure)))
            }
            Some(words) if !has(is_mask)(&words) && options.images.is_none() => Kind::Image,
            _ => Kind::Unknown,
        },
    };
    let part = words.iter().rev().find_map(|words| words::part(words.iter().map(String::as_str)));
    let tells = |words: &Vec<String>| {
        let strs = || words.iter().map(String::as_str);
        said(&words) || words::part(strs()).is_some() || structure_of(words).is_some()
    };
    let place =
        folders.iter().zip(&words).filter(|(_, words)| !tells(words)).map(|(folder, _)| folder.clone()).collect();
    File { path: path.to_path_buf(), kind, part, place }
}

fn is_table(path: &Path) -> bool {
    ends_in(path, &["csv"])
}

/// Whether a file is an image or, among masks, an annotation.
fn is_read(file: &File) -> bool {
    is_image_by_name(&file.path) || matches!(file.kind, Kind::Mask(_)) && is_annotation_file(&file.path)
}

/// What is published both as a picture and in another way is taken as the picture.
fn without_doubles(files: &mut Vec<File>) {
    let whole = |path: &Path| path.with_extension("");
    let pictures: BTreeSet<PathBuf> =
        files.iter().filter(|file| has_image_extension(&file.path)).map(|file| whole(&file.path)).collect();
    files.retain(|file| has_image_extension(&file.path) || !pictures.contains(&whole(&file.path)));
}

/// Images, masks, and what is neither.
fn sorted(files: Vec<File>, options: &Options) -> (Vec<File>, Vec<File>, Vec<PathBuf>) {
    let (masks, others): (Vec<File>, Vec<File>) =
        files.into_iter().partition(|file| matches!(file.kind, Kind::Mask(_)));
    let (images, unknown): (Vec<File>, Vec<File>) = others.into_iter().partition(|file| file.kind == Kind::Image);
    let named = [&options.images, &options.masks, &options.disc_masks, &options.cup_masks];
    match (images.is_empty(), masks.is_empty()) {
        (false, false) => (images, masks, unknown.into_iter().map(|file| file.path).collect()),
        (false, true) => {
            // Masks may lie beside the images.
            let (images, masks) = by_names(images);
            (images, masks, unknown.into_iter().map(|file| file.path).collect())
        }
        (true, true) if named.iter().all(|folder| folder.is_none()) => {
            let (images, masks) = by_names(unknown);
            (images, masks, Vec::new())
        }
        (true, _) if options.images.is_none() => (unknown, masks, Vec::new()),
        (true, _) => (Vec::new(), masks, Vec::new()),
    }
}

/// Divides files of one folder into images and masks, where the names of masks say so and each has an image.
fn by_names(files: Vec<File>) -> (Vec<File>, Vec<File>) {
    let says = |file: &File| {
        let words = words(&stem(&file.path));
        words.iter().any(|word| is_mask(word)) || words::structure(words.iter().map(String::as_str)).is_some()
    };
    let (masks, images): (Vec<&File>, Vec<&File>) = files.iter().partition(|file| says(file));
    let names = |files: &[&File]| files.iter().map(|file| stem(&file.path)).collect::<Vec<_>>();
    let found = matched(&names(&images), &names(&masks), None);
    if masks.is_empty() || found.matches.len() < masks.len() {
        return (files, Vec::new());
    }
    let (images, masks): (Vec<File>, Vec<File>) = files.into_iter().partition(|file| !says(file));
    (images, masks.into_iter().map(|file| File { kind: Kind::Mask(None), ..file }).collect())
}

/// Adds the photographs of a part with their annotations.
fn add(
    listing: &mut Listing,
    images: &[&File],
    masks: &[&File],
    options: &Options,
    used: &mut BTreeSet<PathBuf>,
    further: &mut BTreeSet<PathBuf>,
) -> Result<(), PrepareError> {
    let shows = |wanted: Option<Structure>| {
        masks.iter().filter(|mask| mask.kind == Kind::Mask(wanted)).copied().collect::<Vec<&File>>()
    };
    let (both, discs, cups) = (shows(None), shows(Some(Structure::Disc)), shows(Some(Structure::Cup)));
    let mut found: BTreeMap<(usize, Structure), &Path> = BTreeMap::new();
    // What folders say is shown goes before what names say.
    let lists = match discs.is_empty() && cups.is_empty() {
        true => vec![(both, None)],
        false => vec![(discs, Some(Structure::Disc)), (cups, Some(Structure::Cup))],
    };
    for (masks, shows) in &lists {
        let (image_names, mask_names) = (keys(images, images), keys(masks, images));
        let Matching { matches, others } = matched(&image_names, &mask_names, *shows);
        further.extend(others.into_iter().map(|mask| masks[mask].path.clone()));
        for Match { image, mask, structure } in matches {
            let mask = masks[mask].path.as_path();
            if let Some(first) = found.insert((image, structure), mask) {
                let [image, first, second] = [&images[image].path, first, mask].map(Path::to_path_buf);
                return Err(PrepareError::SeveralMasks { image, first, second });
            }
            used.insert(mask.to_path_buf());
        }
    }
    let cups_are_drawn = found.keys().any(|(_, structure)| *structure == Structure::Cup);
    for (index, image) in images.iter().enumerate() {
        let mask = |structure| found.get(&(index, structure)).map(|mask| mask.to_path_buf());
        let annotation = match (mask(Structure::Both), mask(Structure::Disc), mask(Structure::Cup)) {
            // A contour shows one structure.
            (Some(disc), _, _) if is_contour(&disc) => Annotation::Binary { disc, cup: None },
            (Some(mask), _, _) => Annotation::Levels { mask, legend: options.legend },
            (None, Some(disc), cup) if cup.is_some() || !cups_are_drawn => Annotation::Binary { disc, cup },
            (None, disc, cup) => Annotation::missing(disc.or(cup)),
        };
        let split = match (image.part, options.validation) {
            (None | Some(Part::Training), _) | (Some(Part::Validation), ValidationPart::Train) => Split::Train,
            (Some(Part::Test), _) | (Some(Part::Validation), ValidationPart::Test) => Split::Test,
            (Some(Part::Validation), ValidationPart::None) => {
                let reason = Reason::with(Remedy::Validation, "the validation part is left out");
                listing.skipped.push(Skipped::left_out(image.path.clone(), reason));
                continue;
            }
        };
        listing.photographs.push(Photograph {
            name: stem(&image.path),
            split,
            part: split.folder().to_string(),
            image: image.path.clone(),
            annotation,
            centre: None,
            extent: Extent::Diameters(SCALE),
            is_validation: image.part == Some(Part::Validation),
        });
    }
    Ok(())
}

/// Names by which files are paired: their stems, and where images of several folders have the same, those folders too.
fn keys(files: &[&File], images: &[&File]) -> Vec<String> {
    let stems: BTreeSet<String> = images.iter().map(|image| stem(&image.path)).collect();
    let key = |file: &&File| match stems.len() == images.len() {
        true => stem(&file.path),
        false => [file.place.as_slice(), &[stem(&file.path)]].concat().join("/"),
    };
    files.iter().map(key).collect()
}

/// Regions of one split need names of their own: those of several folders get the folders' names.
fn name_apart(listing: &mut Listing, tree: &Tree) {
    let mut counts: BTreeMap<(String, &'static str), usize> = BTreeMap::new();
    for photograph in &listing.photographs {
        *counts.entry((photograph.name.clone(), photograph.split.folder())).or_default() += 1;
    }
    for photograph in &mut listing.photographs {
        if counts[&(photograph.name.clone(), photograph.split.folder())] > 1 {
            let folders = tree.folders(&photograph.image);
            photograph.name = [folders, vec![photograph.name.clone()]].concat().join("_");
        }
    }
}

/// That nobody wanted masks, where none is read: neither by an option nor by giving them the names of images.
///
/// # Errors
/// [`PrepareError::NoMasks`] and [`PrepareError::MasksNotRead`].
fn check_wanted(images: &[File], masks: &[File], others: &[File], options: &Options) -> Result<(), PrepareError> {
    let names = |files: &[&File]| files.iter().map(|file| stem(&file.path)).collect::<Vec<_>>();
    let images: Vec<&File> = images.iter().collect();
    let are_of_images = |files: &[&File]| !matched(&names(&images), &names(files), None).matches.is_empty();
    let tables: Vec<&File> = masks.iter().collect();
    if masks.iter().any(|mask| !is_table(&mask.path)) || are_of_images(&tables) {
        return Ok(());
    }
    let not_read: Vec<&File> = others.iter().filter(|file| matches!(file.kind, Kind::Mask(_))).collect();
    let named = [&options.masks, &options.disc_masks].into_iter().find_map(Option::as_ref);
    match (not_read.first(), named) {
        (Some(first), named) if named.is_some() || are_of_images(&not_read) => {
            Err(PrepareError::MasksNotRead { count: not_read.len(), file: first.path.clone() })
        }
        (_, Some(folder)) => Err(PrepareError::NoMasks(folder.clone())),
        _ => Ok(()),
    }
}

/// Two files of one folder with one name.
///
/// # Errors
/// [`DataError::SameStem`].
fn check_stems(files: &[File]) -> Result<(), PrepareError> {
    let mut seen: BTreeMap<PathBuf, &Path> = BTreeMap::new();
    for file in files {
        if let Some(first) = seen.insert(file.path.with_extension(""), &file.path) {
            let (first, second) = (first.to_path_buf(), file.path.clone());
            return Err(DataError::SameStem { first, second }.into());
        }
    }
    Ok(())
}
