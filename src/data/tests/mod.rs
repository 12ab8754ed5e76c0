//! Tests of the module as a whole; those of single steps stand beside the steps.

mod checkup;
mod files;
mod foreign;
mod goldens;
mod kinds;
mod loading;
mod real_regions;

use std::fs;
use std::path::PathBuf;

use image::{GrayImage, Luma, Rgb, RgbImage};
use tempfile::TempDir;

/// A split folder with empty `ROIs/image` and `ROIs/mask`.
fn empty_split() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("ROIs/image")).unwrap();
    fs::create_dir_all(folder.path().join("ROIs/mask")).unwrap();
    folder
}

fn image_path(split: &TempDir, file: &str) -> PathBuf {
    split.path().join("ROIs/image").join(file)
}

fn mask_path(split: &TempDir, file: &str) -> PathBuf {
    split.path().join("ROIs/mask").join(file)
}

/// A mask with a square disc and, if asked for, a square cup in it.
fn square_mask(side: u32, with_cup: bool) -> GrayImage {
    let within = |x: u32, y: u32, margin: u32| [x, y].iter().all(|&v| v >= margin && v < side - margin);
    GrayImage::from_fn(side, side, |x, y| {
        Luma([if with_cup && within(x, y, side * 3 / 8) {
            0
        } else if within(x, y, side / 4) {
            128
        } else {
            255
        }])
    })
}

/// A split of `count` different labelled regions `r00`, `r01`, ... of `side` pixels.
fn split_of(count: u32, side: u32) -> TempDir {
    let split = empty_split();
    for i in 0..count {
        let image = RgbImage::from_fn(side, side, |x, y| Rgb([(x * 3) as u8, (y * 5) as u8, (i * 20) as u8]));
        image.save(image_path(&split, &format!("r{i:02}.png"))).unwrap();
        square_mask(side, true).save(mask_path(&split, &format!("r{i:02}.png"))).unwrap();
    }
    split
}
