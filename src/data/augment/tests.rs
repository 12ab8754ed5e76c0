//! The whole chain: what it does to image and mask together, and how often.

use image::{GrayImage, Luma, Rgb, RgbImage};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::augment;

/// A red image whose disc (off-centre, not round) is brighter and whose cup is brighter still, and its mask.
fn eye(side: u32) -> (RgbImage, GrayImage) {
    let within = |x: u32, y: u32, radius: f64| {
        let scale = f64::from(side);
        let (dx, dy) = (f64::from(x) / scale - 0.55, f64::from(y) / scale - 0.45);
        dx * dx + 1.4 * dy * dy < radius * radius
    };
    let level = |x, y| {
        if within(x, y, 0.15) {
            0
        } else if within(x, y, 0.3) {
            128
        } else {
            255u8
        }
    };
    let mask = GrayImage::from_fn(side, side, |x, y| Luma([level(x, y)]));
    let image = RgbImage::from_fn(side, side, |x, y| match level(x, y) {
        0 => Rgb([250, 240, 230]),
        128 => Rgb([250, 130, 60]),
        _ => Rgb([120, 40, 10]),
    });
    (image, mask)
}

#[test]
fn masks_keep_their_three_levels_and_images_follow_them() {
    let mut agreement = 0.0;
    let rounds = 150;
    for seed in 0..rounds {
        let (mut image, mut mask) = eye(96);
        augment(&mut image, Some(&mut mask), &mut ChaCha8Rng::seed_from_u64(seed));
        assert_eq!((image.dimensions(), mask.dimensions()), ((96, 96), (96, 96)));
        assert!(mask.iter().all(|level| [0, 128, 255].contains(level)), "seed {seed}");
        // Gamma keeps the order of grey values, so class means of green must still rise from background to cup.
        let mut sums = [(0.0, 0.0); 3];
        for (pixel, level) in image.pixels().zip(mask.iter()) {
            let sum = &mut sums[usize::from(*level) / 127];
            *sum = (sum.0 + f64::from(pixel.0[1]), sum.1 + 1.0);
        }
        let mean = |(sum, count): (f64, f64)| sum / count;
        let [cup, rim, background] = sums;
        if cup.1 < 50.0 || rim.1 < 50.0 || (mean(cup) > mean(rim) && mean(rim) > mean(background)) {
            agreement += 1.0;
        }
    }
    // An erased rectangle may hide most of a small cup, now and then.
    assert!(agreement >= 0.97 * rounds as f64, "image and mask agree in {agreement} of {rounds}");
}

#[test]
fn drawing_does_not_depend_on_the_mask() {
    for seed in 0..40 {
        let (image, mut mask) = eye(64);
        let (mut with, mut without) = (image.clone(), image);
        augment(&mut with, Some(&mut mask), &mut ChaCha8Rng::seed_from_u64(seed));
        augment(&mut without, None, &mut ChaCha8Rng::seed_from_u64(seed));
        assert_eq!(with, without, "seed {seed}");
    }
}

#[test]
fn steps_happen_as_often_as_stated() {
    let rounds = 3000;
    let (mut moved, mut unchanged, mut recoloured) = (0, 0, 0);
    for seed in 0..rounds {
        let (image, mask) = eye(32);
        let (mut changed_image, mut changed_mask) = (image.clone(), mask.clone());
        augment(&mut changed_image, Some(&mut changed_mask), &mut ChaCha8Rng::seed_from_u64(seed));
        moved += u32::from(changed_mask != mask);
        unchanged += u32::from(changed_image == image);
        recoloured += u32::from(changed_mask == mask && changed_image != image);
    }
    let part = |count: u32| f64::from(count) / rounds as f64;
    // Nothing moves with probability 1/2 (scale), 1/2 (turn), 1/4 (flips), 1/2 (elastic); besides these 1/32, a half
    // turn undone by both flips (1/2 * 1/2 * 1/3 * 1/4 * 1/2 = 1/96).
    assert!((part(moved) - (1.0 - 1.0 / 32.0 - 1.0 / 96.0)).abs() < 0.012, "{}", part(moved));
    // Nor is anything recoloured with probability 1/2 (specks), 1/2 (gamma), 1/2 (erasing).
    assert!((part(recoloured) - (1.0 / 32.0 + 1.0 / 96.0) * 7.0 / 8.0).abs() < 0.012, "{}", part(recoloured));
    assert!((part(unchanged) - (1.0 / 32.0 + 1.0 / 96.0) / 8.0).abs() < 0.006, "{}", part(unchanged));
}

#[test]
fn a_quarter_gets_salt_and_another_quarter_pepper() {
    let rounds = 2000;
    let (mut salted, mut peppered) = (0, 0);
    for seed in 0..rounds {
        let mut image = RgbImage::from_pixel(64, 64, Rgb([100; 3]));
        augment(&mut image, None, &mut ChaCha8Rng::seed_from_u64(seed));
        let at = |x: u32, y: u32| image.get_pixel(x, y).0[0];
        // Padding and erased rectangles are black or white in blocks, specks stand alone.
        let alone = |x: u32, y: u32, value: u8| {
            let around = [(x - 1, y), (x + 1, y), (x, y - 1), (x, y + 1)];
            at(x, y) == value && around.iter().all(|&(x, y)| at(x, y) != value)
        };
        let has = |value: u8| (1..63).any(|y| (1..63).any(|x| alone(x, y, value)));
        salted += u32::from(has(255));
        peppered += u32::from(has(0));
    }
    let part = |count: u32| f64::from(count) / rounds as f64;
    assert!((part(salted) - 0.25).abs() < 0.04, "{}", part(salted));
    assert!((part(peppered) - 0.25).abs() < 0.05, "{}", part(peppered));
}
