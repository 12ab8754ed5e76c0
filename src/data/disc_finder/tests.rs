//! Drawn eyes, and real photographs where they are at hand.

use std::f64::consts::PI;

use image::{Rgb, RgbImage};
use imageproc::drawing::{draw_filled_circle_mut, draw_filled_rect_mut, draw_line_segment_mut};
use imageproc::filter::gaussian_blur_f32;
use imageproc::rect::Rect;
use rayon::prelude::*;

use super::*;
use crate::data::image_file::read_rgb;
use crate::data::square::Square;
use crate::data::synth::{Clinic, Split, generate};

/// A photograph of 600x560 pixels with a round field, a disc at (x, y) of diameter 90 and vessels that leave it in arcs.
fn drawn(x: f32, y: f32) -> RgbImage {
    let mut eye = RgbImage::from_pixel(600, 560, Rgb([4, 3, 3]));
    draw_filled_circle_mut(&mut eye, (300, 280), 270, Rgb([150, 75, 35]));
    draw_filled_circle_mut(&mut eye, (x as i32, y as i32), 45, Rgb([225, 165, 95]));
    draw_filled_circle_mut(&mut eye, (x as i32, y as i32), 22, Rgb([250, 225, 170]));
    for (start, bend) in [(-1.9f32, 0.9f32), (-1.3, -0.9), (1.9, -0.9), (1.3, 0.9), (-1.6, 0.2), (1.6, -0.2)] {
        let (mut at, mut angle) = ((x, y), start);
        for _ in 0..60 {
            let next = (at.0 + 5.0 * angle.cos(), at.1 + 5.0 * angle.sin());
            for shift in -2..=2 {
                let shifted = |p: (f32, f32)| (p.0 + shift as f32, p.1);
                if (next.0 - 300.0).hypot(next.1 - 280.0) < 265.0 {
                    draw_line_segment_mut(&mut eye, shifted(at), shifted(next), Rgb([90, 25, 20]));
                }
            }
            (at, angle) = (next, angle + bend / 40.0);
        }
    }
    gaussian_blur_f32(&eye, 1.5)
}

fn scaled(image: &RgbImage, factor: impl Fn(u32, u32) -> f64) -> RgbImage {
    RgbImage::from_fn(image.width(), image.height(), |x, y| {
        Rgb(image.get_pixel(x, y).0.map(|level| (f64::from(level) * factor(x, y)) as u8))
    })
}

/// As by a camera out of focus: fine vessels are gone.
fn blurred(photograph: &RgbImage) -> RgbImage {
    let (width, height) = photograph.dimensions();
    let small = gaussian_blur_f32(&resize_image(photograph, width / 3, height / 3), 5.0);
    resize_image(&small, width, height)
}

/// Distance of a finding's centre from the true one, in radii.
fn error(photograph: &RgbImage, truth: (f64, f64), diameter: f64) -> (f64, Finding) {
    let finding = find_disc(photograph).expect("there is a disc");
    let (dx, dy) = (finding.disc.centre.0 - truth.0, finding.disc.centre.1 - truth.1);
    (dx.hypot(dy) / (diameter / 2.0), finding)
}

#[test]
fn drawn_discs_are_found_dark_blurred_and_unevenly_lit_and_beside_flares_or_doubted() {
    for (x, y) in [(190.0, 270.0), (420.0, 300.0), (300.0, 280.0)] {
        let eye = drawn(x, y);
        let mut flare = eye.clone();
        draw_filled_circle_mut(&mut flare, (300, 480), 40, Rgb([240, 230, 200]));
        let variants = [
            ("as it is", eye.clone()),
            ("dark", scaled(&eye, |_, _| 0.3)),
            ("uneven", scaled(&eye, |x, _| 0.3 + 0.7 * (PI * f64::from(x) / 1200.0).sin())),
            ("blurred", gaussian_blur_f32(&eye, 4.0)),
            ("flare", gaussian_blur_f32(&flare, 3.0)),
        ];
        variants.par_iter().for_each(|(name, photograph)| {
            let (error, finding) = error(photograph, (f64::from(x), f64::from(y)), 90.0);
            if *name == "flare" && finding.confidence < LOW_CONFIDENCE {
                // A flare on a vessel may win, but not unnoticed.
                return;
            }
            assert!(error < 0.5, "{name} at {x}, {y}: {error} radii off, {finding:?}");
            assert!((60.0..130.0).contains(&finding.disc.diameter), "{name}: {finding:?}");
        });
    }
}

#[test]
fn real_discs_are_found() {
    let Some(raw) = harness::shared("realdata/raw") else { return };
    // Centre and diameter: of Drishti from the experts' maps, of REFUGE as read off the photographs.
    let discs = [
        ("Drishti-GS1/Test/Images/ALL/drishtiGS_006.png", (982.5, 1059.5), 414.0),
        ("Drishti-GS1/Test/Images/ALL/drishtiGS_007.png", (1043.5, 887.0), 415.0),
        ("Drishti-GS1/Training/Images/ALL/drishtiGS_008.png", (1093.5, 962.5), 344.0),
        ("Drishti-GS1/Training/Images/ALL/drishtiGS_010.png", (986.5, 904.5), 402.0),
        ("REFUGE/T0001.jpg", (448.0, 765.0), 230.0),
        ("REFUGE/T0002.jpg", (427.0, 702.0), 215.0),
        ("REFUGE/T0003.jpg", (408.0, 751.0), 240.0),
    ];
    discs.par_iter().for_each(|(file, centre, diameter)| {
        let photograph = read_rgb(&raw.join(file)).expect("a photograph");
        assert!(is_whole_photograph(&photograph), "{file}");
        let region = Square::around(*centre, (1.5 * diameter) as u32).cut_image(&photograph);
        assert!(!is_whole_photograph(&region), "the region of {file}");
        for (name, photograph) in [
            ("as it is", photograph.clone()),
            ("dark", scaled(&photograph, |_, _| 0.35)),
            ("blurred", blurred(&photograph)),
        ] {
            let (error, finding) = error(&photograph, *centre, *diameter);
            let ratio = finding.disc.diameter / diameter;
            assert!(error < 0.5, "{file} {name}: {error} radii off, {finding:?}");
            assert!((0.7..1.4).contains(&ratio), "{file} {name}: {ratio} of the diameter, {finding:?}");
        }
    });
}

/// The picture on a larger one of some colour, with its first pixel at (x, y), and something written there.
fn framed(picture: &RgbImage, margin: Rgb<u8>, (width, height): (u32, u32), (x, y): (u32, u32)) -> RgbImage {
    let mut framed = RgbImage::from_pixel(width, height, margin);
    image::imageops::replace(&mut framed, picture, i64::from(x), i64::from(y));
    let ink = Rgb(margin.0.map(|level| 255 - level));
    for letter in 0..12 {
        let left = width as i32 / 20 + letter * width as i32 / 40;
        draw_filled_rect_mut(&mut framed, Rect::at(left, height as i32 / 40).of_size(width / 80, height / 40), ink);
    }
    framed
}

#[test]
fn fields_that_are_a_small_part_of_the_picture_are_found() {
    let eye = drawn(190.0, 270.0);
    // White around the field itself, as in a figure of a paper.
    let white = RgbImage::from_fn(600, 560, |x, y| {
        let outside = (f64::from(x) - 300.0).hypot(f64::from(y) - 280.0) > 270.0;
        if outside { Rgb([255; 3]) } else { *eye.get_pixel(x, y) }
    });
    let small = resize_image(&eye, 300, 280);
    let pictures = [
        ("small", framed(&small, Rgb([0; 3]), (2000, 2000), (800, 900)), (895.0, 1035.0), 45.0),
        ("wide", framed(&eye, Rgb([4, 3, 3]), (2400, 600), (1500, 30)), (1690.0, 300.0), 90.0),
        ("white margins", framed(&white, Rgb([255; 3]), (1200, 1000), (100, 200)), (290.0, 470.0), 90.0),
        ("white around the field", white, (190.0, 270.0), 90.0),
        ("grey page", framed(&eye, Rgb([200; 3]), (900, 900), (150, 250)), (340.0, 520.0), 90.0),
    ];
    pictures.par_iter().for_each(|(name, picture, place, diameter)| {
        let (error, finding) = error(picture, *place, *diameter);
        assert!(error < 0.5, "{name}: {error} radii off, {finding:?}");
        let ratio = finding.disc.diameter / diameter;
        assert!((0.66..1.45).contains(&ratio), "{name}: {ratio} of the diameter");
        assert!(finding.confidence > LOW_CONFIDENCE, "{name}: {finding:?}");
    });
}

#[test]
fn a_place_that_is_one_of_two_has_a_low_confidence() {
    let (one, other) = (drawn(190.0, 270.0), drawn(420.0, 290.0));
    let twice = RgbImage::from_fn(600, 560, |x, y| *if x < 305 { &one } else { &other }.get_pixel(x, y));
    let [single, double] = [&one, &twice].map(|eye| find_disc(eye).expect("there is a disc").confidence);
    assert!(double < single, "{double} with two discs, {single} with one");
    assert!(double < LOW_CONFIDENCE && single > LOW_CONFIDENCE, "{double} with two discs, {single} with one");
}

#[test]
fn pictures_without_content_have_no_disc() {
    assert_eq!(find_disc(&RgbImage::from_pixel(300, 200, Rgb([90; 3]))), None);
    assert_eq!(find_disc(&RgbImage::new(300, 200)), None);
    assert_eq!(find_disc(&RgbImage::from_fn(40, 40, |x, _| Rgb([x as u8; 3]))), None);
}

#[test]
fn whole_photographs_are_told_from_regions() {
    let eye = drawn(190.0, 270.0);
    let region = |side| Square::around((190.0, 270.0), side).cut_image(&eye);
    assert!(is_whole_photograph(&eye) && is_whole_photograph(&scaled(&eye, |_, _| 0.2)));
    // A region may reach over the edge of the field, or be dark.
    assert!(!is_whole_photograph(&region(135)) && !is_whole_photograph(&region(400)));
    assert!(!is_whole_photograph(&scaled(&region(135), |_, _| 0.1)));
    // A field that is a small part of the frame, one on paper, and one with writing in a corner.
    let put = |ground: u8, place: (u32, u32)| {
        let mut frame = RgbImage::from_pixel(2000, 1900, Rgb([ground; 3]));
        image::imageops::replace(&mut frame, &resize_image(&eye, 300, 280), place.0.into(), place.1.into());
        frame
    };
    let mut written = eye.clone();
    draw_filled_circle_mut(&mut written, (20, 20), 30, Rgb([255; 3]));
    for photograph in [put(0, (800, 800)), put(255, (100, 1500)), written] {
        assert!(is_whole_photograph(&photograph));
    }
    // Some cameras fill the frame.
    let full = |width, height| RgbImage::from_pixel(width, height, Rgb([150, 75, 35]));
    assert!(is_whole_photograph(&full(1600, 1200)));
    for (width, height) in [(1600, 1600), (640, 480), (1, 1), (1, 40), (0, 0)] {
        assert!(!is_whole_photograph(&full(width, height)), "{width}x{height}");
    }
    for empty in [RgbImage::new(300, 300), RgbImage::from_pixel(300, 300, Rgb([255; 3]))] {
        assert!(!is_whole_photograph(&empty));
    }
    for index in 0..8 {
        for (clinic, side) in [(Clinic::A, 64), (Clinic::B, 64), (Clinic::A, 160), (Clinic::B, 160)] {
            let region = generate(11, clinic, Split::Train, index, side).0;
            assert!(!is_whole_photograph(&region), "{index} of {clinic:?} at {side}");
        }
    }
}

#[test]
fn pictures_of_every_shape_are_searched() {
    for (width, height) in [(64, 64), (64, 5000), (5000, 64), (65, 900)] {
        let noise = RgbImage::from_fn(width, height, |x, y| {
            let level = (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503)) >> 7;
            Rgb([level as u8, (level >> 8) as u8, 20])
        });
        for picture in [noise.clone(), scaled(&noise, |x, _| f64::from(u32::from(x < 3)))] {
            if let Some(Finding { disc, confidence }) = find_disc(&picture) {
                assert!(disc.diameter > 0.0 && (0.0..=1.0).contains(&confidence), "{width}x{height}: {disc:?}");
            }
            is_whole_photograph(&picture);
        }
    }
}

#[test]
fn nothing_is_found_in_what_is_too_small_to_show_anything() {
    for (width, height) in [(1, 1), (1, 900), (2, 2), (63, 4000)] {
        let is_bright = |x: u32, y: u32| x.abs_diff(width / 2) < 12 && y.abs_diff(height / 2) < 12;
        let colour = |x, y| if is_bright(x, y) { Rgb([250, 220, 160]) } else { Rgb([120 + (y % 9) as u8, 60, 40]) };
        assert_eq!(find_disc(&RgbImage::from_fn(width, height, colour)), None, "{width}x{height}");
    }
}
