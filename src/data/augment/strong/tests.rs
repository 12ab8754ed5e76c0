//! Each part for itself, and both on a region with its mask.

use image::{GrayImage, Luma, Rgb, RgbImage};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::appearance::Appearance;
use super::field::SmoothField;
use super::warp::Warp;
use super::{change_appearance, move_region};

const SIDE: u32 = 96;

fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// A mask of a disc with a cup, right of the middle and above it, and an image whose channels are its levels.
fn eye() -> (RgbImage, GrayImage) {
    let level = |x: u32, y: u32| {
        let (dx, dy) = (f64::from(x) / f64::from(SIDE) - 0.55, f64::from(y) / f64::from(SIDE) - 0.45);
        match dx * dx + 1.4 * dy * dy {
            0.0..0.0225 => 0,
            0.0225..0.09 => 128,
            _ => 255,
        }
    };
    let mask = GrayImage::from_fn(SIDE, SIDE, |x, y| Luma([level(x, y)]));
    (RgbImage::from_fn(SIDE, SIDE, |x, y| Rgb([level(x, y); 3])), mask)
}

/// A map that moves nothing.
fn still() -> Warp {
    let bend = [SmoothField::flat(), SmoothField::flat()];
    Warp { turn: 0.0, zoom: 1.0, stretch: 0.0, shear: 0.0, shift: [0.0; 2], flips: [false; 2], bend }
}

/// Nothing is changed.
fn same() -> Appearance {
    Appearance {
        sigma: None,
        slope: [0.0; 2],
        vignette: 0.0,
        gain: [1.0; 3],
        offset: [0.0; 3],
        brightness: 0.0,
        contrast: 1.0,
        saturation: 1.0,
        hue: 0.0,
        gamma: 1.0,
        noise: 0.0,
        is_covered: false,
    }
}

/// Where the disc is and how large: its middle, its width and its height, as parts of the side.
fn disc(mask: &GrayImage) -> [f64; 4] {
    let of_disc: Vec<(u32, u32)> = mask.enumerate_pixels().filter(|p| p.2.0[0] < 200).map(|(x, y, _)| (x, y)).collect();
    let span = |axis: fn(&(u32, u32)) -> u32| {
        let (low, high) = (of_disc.iter().map(axis).min().unwrap(), of_disc.iter().map(axis).max().unwrap() + 1);
        [f64::from(low + high) / 2.0, f64::from(high - low)].map(|pixels| pixels / f64::from(SIDE))
    };
    let ([x, width], [y, height]) = (span(|p| p.0), span(|p| p.1));
    [x, y, width, height]
}

/// The disc of the eye, moved.
fn moved(warp: Warp) -> [f64; 4] {
    let (mut image, mut mask) = eye();
    warp.apply(&mut image, Some(&mut mask));
    disc(&mask)
}

fn assert_near(got: [f64; 4], want: [f64; 4], what: &str) {
    let close = got.iter().zip(want).all(|(got, want)| (got - want).abs() < 1.1 / f64::from(SIDE));
    assert!(close, "{what}: {got:?}, want {want:?}");
}

#[test]
fn masks_keep_their_levels_and_stay_on_the_image() {
    for seed in 0..150 {
        let (mut image, mut mask) = eye();
        move_region(&mut image, Some(&mut mask), &mut rng(seed));
        assert!(mask.iter().all(|level| [0, 128, 255].contains(level)), "seed {seed}");
        let nearest = |byte: u8| [0u8, 128, 255].into_iter().min_by_key(|level| level.abs_diff(byte)).unwrap();
        let agree = image.pixels().zip(mask.iter()).filter(|(pixel, level)| nearest(pixel.0[1]) == **level).count();
        assert!(agree as f64 > 0.97 * f64::from(SIDE * SIDE), "seed {seed}: {agree} pixels agree");
    }
}

#[test]
fn each_part_moves_as_it_says() {
    let (image, mask) = eye();
    let (mut same_image, mut same_mask) = (image.clone(), mask.clone());
    still().apply(&mut same_image, Some(&mut same_mask));
    assert!(same_image == image && same_mask == mask, "nothing moves by itself");
    let [x, y, width, height] = disc(&mask);
    let zoomed = |zoom: f64| [0.5 + zoom * (x - 0.5), 0.5 + zoom * (y - 0.5), zoom * width, zoom * height];
    for zoom in [0.9, 1.3] {
        assert_near(moved(Warp { zoom, ..still() }), zoomed(f64::from(zoom)), "zoomed");
    }
    let shift = [0.1, -0.05];
    assert_near(moved(Warp { shift, ..still() }), [x + 0.1, y - 0.05, width, height], "shifted");
    let flips = |across, down| moved(Warp { flips: [across, down], ..still() });
    assert_near(flips(true, false), [1.0 - x, y, width, height], "left and right exchanged");
    assert_near(flips(false, true), [x, 1.0 - y, width, height], "top and bottom exchanged");
    let grown = f64::from(libm::expf(0.08));
    let stretched = [0.5 + (x - 0.5) / grown, 0.5 + (y - 0.5) * grown, width / grown, height * grown];
    assert_near(moved(Warp { stretch: 0.08, ..still() }), stretched, "stretched");
    // A quarter turn takes what is right of the middle below it.
    assert_near(moved(Warp { turn: 90.0, ..still() }), [1.0 - y, x, height, width], "turned");
    let mut columns = RgbImage::from_fn(SIDE, SIDE, |x, _| Rgb([x as u8; 3]));
    Warp { shear: 0.1, ..still() }.apply(&mut columns, None);
    assert_eq!(
        [8, 88].map(|y| columns.get_pixel(48, y).0[0]),
        [44, 52],
        "what is above goes right, what is below left"
    );
    let bent = |seed: u64| {
        moved(Warp { bend: [2 * seed, 2 * seed + 1].map(|seed| SmoothField::random(&mut rng(seed))), ..still() })
    };
    let most = (0..20).map(|seed| (bent(seed)[0] - x).abs()).fold(0.0, f64::max);
    assert!((0.005..0.03).contains(&most), "bent by {most}");
}

#[test]
fn what_lies_outside_is_mirrored() {
    let image = RgbImage::from_fn(SIDE, SIDE, |x, y| Rgb([x as u8, y as u8, 9]));
    let mut mask = GrayImage::from_fn(SIDE, SIDE, |x, _| Luma([if x < 10 { 0 } else { 255 }]));
    let mut shifted = image.clone();
    let warp = Warp { shift: [20.0 / SIDE as f32, 0.0], ..still() };
    warp.apply(&mut shifted, Some(&mut mask));
    for x in 0..20 {
        assert_eq!(shifted.get_pixel(x, 30).0, [19 - x as u8, 30, 9], "column {x}");
        assert_eq!(mask.get_pixel(x, 30).0[0], if x < 10 { 255 } else { 0 }, "column {x}");
    }
}

#[test]
fn shrinking_averages_instead_of_picking() {
    let stripes = RgbImage::from_fn(SIDE, SIDE, |x, _| Rgb([if x % 2 == 0 { 0 } else { 255 }; 3]));
    let spread = |zoom: f32| {
        let mut image = stripes.clone();
        Warp { zoom, ..still() }.apply(&mut image, None);
        let squares: f64 = image.iter().map(|byte| (f64::from(*byte) - 127.5).powi(2)).sum();
        (squares / image.len() as f64).sqrt()
    };
    assert!(spread(0.7) < 45.0 && spread(1.0) == 127.5, "{}", spread(0.7));
}

/// The mean of each channel of what becomes of an image.
fn means(image: &RgbImage) -> [f64; 3] {
    [0, 1, 2].map(|channel| {
        image.pixels().map(|pixel| f64::from(pixel.0[channel])).sum::<f64>() / f64::from(image.width() * image.height())
    })
}

#[test]
fn each_part_changes_what_it_says() {
    let flat = RgbImage::from_pixel(SIDE, SIDE, Rgb([200, 100, 50]));
    let of = |appearance: Appearance, image: &RgbImage| {
        let mut image = image.clone();
        appearance.apply(&mut image, &mut rng(1));
        image
    };
    let becomes = |appearance: Appearance| of(appearance, &flat).get_pixel(40, 40).0;
    let (textured, _) = eye();
    assert_eq!(of(same(), &textured), textured, "nothing changes by itself");
    assert_eq!(becomes(Appearance { gain: [1.25, 1.0, 0.8], ..same() }), [250, 100, 40]);
    assert_eq!(becomes(Appearance { offset: [0.08, -0.08, -0.3], ..same() }), [220, 80, 0], "and is cut off");
    assert_eq!(becomes(Appearance { brightness: 0.08, ..same() }), [220, 120, 70]);
    // The grey that stays is the mean of all values, 116.7.
    assert_eq!(becomes(Appearance { contrast: 0.5, ..same() }), [158, 108, 83]);
    assert_eq!(becomes(Appearance { saturation: 0.0, ..same() }), [124; 3], "0.299 R + 0.587 G + 0.114 B");
    assert_eq!(becomes(Appearance { hue: 120.0, ..same() }), [50, 200, 100], "red becomes green");
    assert_eq!(becomes(Appearance { gamma: 2.0, ..same() }), [157, 39, 10]);
    let tinted = becomes(Appearance { saturation: 0.0, gain: [1.2, 0.8, 1.1], offset: [0.1, 0.0, 0.0], ..same() });
    assert!(tinted[0] == tinted[1] && tinted[1] == tinted[2], "what has lost its colour is grey: {tinted:?}");
    let sloped = of(Appearance { slope: [0.2, -0.1], ..same() }, &flat);
    let red = |image: &RgbImage, x: u32, y: u32| f64::from(image.get_pixel(x, y).0[0]) / 200.0;
    let last = SIDE - 1;
    assert!((red(&sloped, last, 48) - 1.2).abs() < 0.01 && (red(&sloped, 48, last) - 0.9).abs() < 0.01);
    let corners = of(Appearance { vignette: -0.3, ..same() }, &flat);
    assert!((red(&corners, 0, 0) - 0.8).abs() < 0.02 && (red(&corners, 48, 48) - 1.1).abs() < 0.01);
    assert!((means(&corners)[0] / 200.0 - 1.0).abs() < 0.01, "as much light as before");
    let noisy = of(Appearance { noise: 0.04, ..same() }, &flat);
    let deviation = noisy.pixels().map(|p| (f64::from(p.0[1]) - 100.0).powi(2)).sum::<f64>() / f64::from(SIDE * SIDE);
    assert!((deviation.sqrt() / (0.04 * 255.0) - 1.0).abs() < 0.03, "{}", deviation.sqrt());
    assert!((means(&noisy)[1] - 100.0).abs() < 0.5);
    let edges = |image: &RgbImage| image.as_raw().windows(4).filter(|w| w[0].abs_diff(w[3]) > 60).count();
    let blurred = of(Appearance { sigma: Some(1.5 / 96.0), ..same() }, &textured);
    assert!(edges(&textured) > 200 && edges(&blurred) == 0 && (means(&blurred)[0] - means(&textured)[0]).abs() < 0.5);
    let covered = of(Appearance { is_covered: true, ..same() }, &flat);
    let part = covered.pixels().zip(flat.pixels()).filter(|(a, b)| a != b).count() as f64 / f64::from(SIDE * SIDE);
    assert!((0.015..0.06).contains(&part), "{part}");
}

/// Values drawn lie within a range and reach nearly to its ends.
fn fills(values: &[f32], low: f32, high: f32, what: &str) {
    let (least, most) = values.iter().fold((f32::MAX, f32::MIN), |(a, b), v| (a.min(*v), b.max(*v)));
    assert!(low <= least && most <= high, "{what}: {least} to {most}");
    assert!(most - least > 0.95 * (high - low), "{what}: {least} to {most}, of {low} to {high}");
}

#[test]
fn ranges_are_those_that_are_stated() {
    let rounds = 4000;
    let mut stream = rng(17);
    let warps: Vec<Warp> = (0..rounds).map(|_| Warp::random(&mut stream)).collect();
    let of = |value: fn(&Warp) -> f32| warps.iter().map(value).collect::<Vec<f32>>();
    fills(&of(|w| w.turn), -20.0, 20.0, "turn");
    fills(&of(|w| w.zoom), 0.7, 1.4, "zoom");
    fills(&of(|w| w.stretch), -0.08, 0.08, "stretch");
    fills(&of(|w| w.shear), -0.1, 0.1, "shear");
    fills(&of(|w| w.shift[0]), -0.1, 0.1, "shift across");
    fills(&of(|w| w.shift[1]), -0.1, 0.1, "shift down");
    let part = |count: usize| count as f64 / f64::from(rounds);
    let larger = part(warps.iter().filter(|w| w.zoom > 0.99).count());
    assert!((larger - 0.5).abs() < 0.03, "half of them lie above the middle by factors: {larger}");
    let flipped = [0, 1].map(|axis| part(warps.iter().filter(|w| w.flips[axis]).count()));
    assert!((flipped[0] - 0.5).abs() < 0.03 && (flipped[1] - 0.25).abs() < 0.03, "{flipped:?}");

    let looks: Vec<Appearance> = (0..rounds).map(|_| Appearance::random(&mut stream)).collect();
    let of = |value: fn(&Appearance) -> f32| looks.iter().map(value).collect::<Vec<f32>>();
    fills(&of(|a| libm::logf(a.gamma)), -0.6001, 0.6001, "logarithm of gamma");
    fills(&of(|a| libm::logf(a.contrast)), -0.2501, 0.2501, "logarithm of contrast");
    fills(&of(|a| a.gain[0]), 0.75, 1.25, "gain");
    fills(&of(|a| a.offset[2]), -0.06, 0.06, "offset");
    fills(&of(|a| a.brightness), -0.06, 0.06, "brightness");
    fills(&of(|a| a.hue), -8.0, 8.0, "hue");
    fills(&of(|a| a.vignette), -0.3, 0.3, "vignette");
    fills(&of(|a| a.slope[0]), -0.3, 0.3, "slope across");
    fills(&of(|a| a.slope[1]), -0.3, 0.3, "slope down");
    fills(&of(|a| a.noise), 0.0, 0.04, "noise");
    let coloured: Vec<f32> = looks.iter().map(|a| a.saturation).filter(|s| *s > 0.0).collect();
    fills(&coloured, 0.65, 1.35, "saturation");
    let sigmas: Vec<f32> = looks.iter().filter_map(|a| Some(128.0 * a.sigma?)).collect();
    fills(&sigmas, 0.3, 1.5, "sigma");
    let covered = looks.iter().filter(|a| a.is_covered).count();
    for (count, want) in [(coloured.len(), 0.9), (sigmas.len(), 0.5), (covered, 0.25)] {
        assert!((part(count) - want).abs() < 0.03, "{} for {want}", part(count));
    }
}

#[test]
fn drawing_does_not_depend_on_the_mask_and_differs_from_sample_to_sample() {
    let (image, mask) = eye();
    let draw = |seed: u64, mut mask: Option<GrayImage>| {
        let (mut image, mut stream) = (image.clone(), rng(seed));
        move_region(&mut image, mask.as_mut(), &mut stream);
        change_appearance(&mut image, &mut stream);
        image
    };
    for seed in 0..40 {
        assert_eq!(draw(seed, Some(mask.clone())), draw(seed, None), "seed {seed}");
        assert_ne!(draw(seed, None), draw(seed + 1, None), "seed {seed}");
    }
}

#[test]
#[should_panic(expected = "a region is square")]
fn what_is_not_square_is_refused() {
    move_region(&mut RgbImage::new(4, 5), None, &mut rng(0));
}
