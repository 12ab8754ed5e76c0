//! The readers.

use std::path::Path;

use papilla::conformance::Case;
use papilla::data::image_file::{read_grey, read_header, read_mask, read_photograph};
use papilla::data::prepare::{Annotation, Legend};
use papilla::formats::{TensorFile, Weights, read_pytorch};
use papilla::train::{Checkpoint, Config};

use crate::seeds;

/// A reader of files, and what it may cost.
pub struct Target {
    pub name: &'static str,
    /// name of the files it is given
    pub file: &'static str,
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// reads a file, of the given content; whether it was accepted
    pub read: fn(&Path, &[u8]) -> bool,
    /// bytes that it may hold at once, whatever the file
    pub base: usize,
    /// and for each byte of the file
    pub factor: usize,
}

/// Mutants that once cost a reader too much, by its name: a TIFF of 635 bytes whose header announces a table of 23 MB.
pub const FOUND: &[(&str, &[u8])] = &[("image", include_bytes!("found/table_of_720897_entries.tif"))];

pub const TARGETS: &[Target] = &[
    Target {
        name: "pytorch",
        file: "weights.pth",
        seeds: seeds::pytorch,
        read: |path, _| read_pytorch(path).is_ok() | Weights::read(path).is_ok(),
        base: 1 << 20,
        factor: 256,
    },
    Target {
        name: "safetensors",
        file: "weights.safetensors",
        seeds: seeds::safetensors,
        read: |path, _| {
            let metadata = TensorFile::read_metadata(path).is_ok();
            TensorFile::read(path).is_ok() | Weights::read(path).is_ok() && metadata
        },
        base: 4 << 20,
        factor: 256,
    },
    Target {
        name: "checkpoint",
        file: "last.safetensors",
        seeds: seeds::checkpoint,
        read: |path, _| Checkpoint::read(path).is_ok() | Checkpoint::recognises(path),
        base: 4 << 20,
        factor: 256,
    },
    Target {
        name: "image",
        file: "region.png",
        seeds: seeds::images,
        read: |path, _| {
            let mask = read_mask(path).map(|mask| mask.upright().to_grey(path).is_ok() | read_grey(path).is_ok());
            read_header(path).is_ok() & (read_photograph(path, None).is_ok() | mask.is_ok())
        },
        base: 8 << 20,
        // Pixels of a bit each, so many of which a compressed byte can hold, as four-byte levels, and once more turned upright.
        factor: 10 * 16_384,
    },
    Target {
        name: "matlab",
        file: "mask.mat",
        seeds: seeds::matlab,
        read: |path, _| {
            let both = Annotation::Levels { mask: path.to_path_buf(), legend: Legend::levels(2, 1, Some(0)) };
            let disc = Annotation::Binary { disc: path.to_path_buf(), cup: None };
            both.mask((40, 30)).is_ok() | disc.mask((40, 30)).is_ok()
        },
        base: 8 << 20,
        // What deflate makes of a byte, as numbers of eight bytes, as levels, classes and distances.
        factor: 1032 * 100,
    },
    Target {
        name: "contour",
        file: "disc.txt",
        seeds: seeds::contours,
        read: |path, _| {
            let (disc, cup) = (path.to_path_buf(), Some(path.to_path_buf()));
            let alone = Annotation::Binary { disc: disc.clone(), cup: None };
            alone.mask((120, 100)).is_ok() & Annotation::Binary { disc, cup }.mask((120, 100)).is_ok()
        },
        base: 8 << 20,
        factor: 1024,
    },
    Target {
        name: "settings",
        file: "settings.toml",
        seeds: seeds::settings,
        read: |path, content| {
            let text = String::from_utf8_lossy(content);
            Config::from_toml(&text, path).is_ok_and(|config| config.check().is_ok() | config.to_toml().is_ok())
        },
        base: 1 << 20,
        factor: 1024,
    },
    Target {
        name: "golden",
        file: "case.safetensors",
        seeds: seeds::golden,
        read: |path, _| {
            let Ok(case) = Case::read(path) else { return false };
            let expected = ["out.", "grad_in."].map(|prefix| {
                let named = |(name, tensor): (&str, &papilla::formats::HostTensor)| {
                    (format!("{prefix}{name}"), tensor.data.clone())
                };
                case.with_prefix(prefix).map(named).collect::<Vec<_>>()
            });
            case.judge(&expected.concat().into_iter().collect()).is_ok()
        },
        base: 4 << 20,
        factor: 256,
    },
];
