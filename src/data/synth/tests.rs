use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use image::{GrayImage, RgbImage};

use super::anatomy::Eye;
use super::camera::Camera;
use super::noise::{Draw, fbm, grain};
use super::outline::Outline;
use super::vessels::Kind;
use super::{Clinic, Error, Split, SynthOptions, generate, render, write_clinics};

const EYES: u64 = 200;

fn eye(index: u64) -> Eye {
    Eye::draw(&mut Draw::new([11, 0, 0, index], 0))
}

/// Top and bottom row, left and right column of the pixels at or below `level`, exclusive at the end.
fn extent(mask: &GrayImage, level: u8) -> [u32; 4] {
    mask.enumerate_pixels()
        .filter(|(_, _, p)| p[0] <= level)
        .fold([u32::MAX, 0, u32::MAX, 0], |e, (x, y, _)| [e[0].min(y), e[1].max(y + 1), e[2].min(x), e[3].max(x + 1)])
}

/// Mean colour of the pixels whose mask has `level`.
fn mean_colour(image: &RgbImage, mask: &GrayImage, level: u8) -> [f64; 3] {
    let chosen: Vec<_> = image.pixels().zip(mask.pixels()).filter(|(_, m)| m[0] == level).map(|(p, _)| p.0).collect();
    std::array::from_fn(|c| chosen.iter().map(|p| f64::from(p[c])).sum::<f64>() / chosen.len() as f64)
}

fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |h, b| (h ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3))
}

fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut pending = vec![folder.to_path_buf()];
    while let Some(next) = pending.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                pending.push(path);
            } else {
                found.insert(path.strip_prefix(folder).unwrap().to_path_buf(), fs::read(&path).unwrap());
            }
        }
    }
    found
}

fn options(train: usize, test: usize) -> SynthOptions {
    SynthOptions { size: 32, train, test, seed: 5 }
}

#[test]
fn bytes_are_the_same_everywhere() {
    // FNV-1a of the pixels; a change of anatomy or cameras changes them, a platform must not.
    let (image, mask) = generate(7, Clinic::A, Split::Train, 3, 64);
    assert_eq!((fnv(image.as_raw()), fnv(mask.as_raw())), (0x9842_10c0_ea2d_3a46, 0x94d1_5704_ca71_c7f3));
    let (image, mask) = generate(7, Clinic::B, Split::Test, 3, 64);
    assert_eq!((fnv(image.as_raw()), fnv(mask.as_raw())), (0xe43d_775a_dc85_4c31, 0x3dbc_625d_9677_8473));
}

#[test]
fn any_number_of_threads_writes_the_same_files() {
    let written = [1, 3].map(|threads| {
        let folder = tempfile::tempdir().unwrap();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let most = AtomicUsize::new(0);
        let progress = |done| {
            most.fetch_max(done, Ordering::Relaxed);
        };
        pool.install(|| write_clinics(folder.path(), &options(3, 2), progress)).unwrap();
        assert_eq!(most.into_inner(), 10);
        files(folder.path())
    });
    assert_eq!(written[0].len(), 20);
    assert!(written[0].contains_key(Path::new("clinic-b/test/ROIs/mask/clinic-b-test-0002.png")));
    assert!(written[0] == written[1]);
}

#[test]
fn written_files_hold_what_generate_makes() {
    let folder = tempfile::tempdir().unwrap();
    write_clinics(folder.path(), &options(1, 2), |_| ()).unwrap();
    let rois = folder.path().join("clinic-b/test/ROIs");
    let (image, mask) = generate(5, Clinic::B, Split::Test, 1, 32);
    assert_eq!(image::open(rois.join("image/clinic-b-test-0002.png")).unwrap().into_rgb8(), image);
    assert_eq!(image::open(rois.join("mask/clinic-b-test-0002.png")).unwrap(), image::DynamicImage::ImageLuma8(mask));
}

#[test]
fn masks_hold_three_levels_and_nothing_else() {
    for clinic in Clinic::ALL {
        for index in 0..40 {
            let mask = generate(1, clinic, Split::Train, index, 48).1;
            let mut levels = mask.into_raw();
            levels.sort_unstable();
            levels.dedup();
            assert_eq!(levels, [0, 128, 255], "{} {index}", clinic.name());
        }
    }
}

#[test]
fn cup_to_disc_ratios_are_plausible_and_spread() {
    let mut ratios: Vec<f32> = (0..EYES).map(|index| eye(index).vertical_cdr).collect();
    ratios.sort_by(f32::total_cmp);
    assert!(ratios[0] >= 0.2 && ratios[EYES as usize - 1] <= 0.9, "{ratios:?}");
    let common = ratios.iter().filter(|r| (0.3..=0.7).contains(*r)).count();
    assert!(common > 120 && ratios[20] < 0.4 && ratios[180] > 0.62, "{ratios:?}");
}

#[test]
fn masks_show_the_drawn_ratio() {
    for index in 0..30 {
        let eye = eye(index);
        let mask = render::mask(&eye, 1.0, 400);
        let (cup, disc) = (extent(&mask, 0), extent(&mask, 128));
        let height = f64::from(disc[1] - disc[0]);
        let shown = f64::from(cup[1] - cup[0]) / height;
        // Each of the four edges is known to half a pixel.
        assert!((shown - f64::from(eye.vertical_cdr)).abs() < 2.0 / height, "{index}: {shown} {}", eye.vertical_cdr);
    }
}

#[test]
fn cup_lies_in_the_disc_and_the_disc_in_the_picture() {
    for index in 0..EYES {
        let eye = eye(index);
        let disc = eye.disc.ruler();
        assert!(eye.cup.points().all(|p| disc.distance(p) < -0.008), "{index}");
        let ([left, top], [right, bottom]) = eye.disc.bounds();
        let half = 0.5 * Camera::A.zoom.min(Camera::B.zoom) - 0.03;
        assert!(left > -half && top > -half && right < half && bottom < half, "{index}");
        assert!((0.35..0.75).contains(&(bottom - top)), "{index}: {}", bottom - top);
    }
}

#[test]
fn rims_follow_the_isnt_rule_on_average() {
    let mut rim = [0.0; 4];
    for index in 0..EYES {
        let eye = eye(index);
        let ((disc_low, disc_high), (cup_low, cup_high)) = (eye.disc.bounds(), eye.cup.bounds());
        let sides = [
            disc_high[1] - cup_high[1],
            cup_low[1] - disc_low[1],
            cup_low[0] - disc_low[0],
            disc_high[0] - cup_high[0],
        ];
        for (sum, side) in rim.iter_mut().zip(sides) {
            *sum += side / EYES as f32;
        }
    }
    let [inferior, superior, nasal, temporal] = rim;
    assert!(inferior > superior && superior > nasal && nasal > temporal, "{rim:?}");
}

#[test]
fn vessels_leave_the_disc_above_and_below_and_veins_are_wider() {
    for index in 0..40 {
        let eye = eye(index);
        let disc = eye.disc.ruler();
        let widest = |kind, pole: f32| {
            let path = eye.vessels.iter().filter(|v| v.kind == kind).flat_map(|v| &v.path);
            path.filter(|n| n.at[1] * pole > 0.0 && disc.distance(n.at) > 0.0).map(|n| n.radius).fold(0.0, f32::max)
        };
        for pole in [-1.0, 1.0] {
            let (vein, artery) = (widest(Kind::Vein, pole), widest(Kind::Artery, pole));
            assert!(artery > 0.004 && vein > artery, "{index} {pole}: vein {vein}, artery {artery}");
        }
    }
}

#[test]
fn vessels_bend_more_where_they_climb_the_wall_of_the_cup() {
    let (mut at_wall, mut elsewhere) = ((0.0, 0u32), (0.0, 0u32));
    for index in 0..60 {
        let eye = eye(index);
        let cup = eye.cup.ruler();
        for three in eye.vessels.iter().flat_map(|v| v.path.windows(3)) {
            let step = |i: usize| [0, 1].map(|c| three[i + 1].at[c] - three[i].at[c]);
            let (a, b) = (step(0), step(1));
            let turn = (a[0] * b[1] - a[1] * b[0]).atan2(a[0] * b[0] + a[1] * b[1]).abs();
            let climbs = cup.distance(three[0].at) < 0.0 && cup.distance(three[2].at) > 0.0;
            let place = if climbs { &mut at_wall } else { &mut elsewhere };
            *place = (place.0 + turn, place.1 + 1);
        }
    }
    let mean = |(sum, count): (f32, u32)| sum / count as f32;
    assert!(mean(at_wall) > 3.0 * mean(elsewhere), "{} {}", mean(at_wall), mean(elsewhere));
}

#[test]
fn cups_are_paler_than_rims_and_rims_than_the_fundus() {
    for clinic in Clinic::ALL {
        for index in 0..20 {
            let (image, mask) = generate(2, clinic, Split::Train, index, 96);
            let [cup, rim, fundus] = [0, 128, 255].map(|level| mean_colour(&image, &mask, level)[1]);
            assert!(cup > rim + 10.0 && rim > fundus + 5.0, "{} {index}: {cup} {rim} {fundus}", clinic.name());
        }
    }
}

#[test]
fn the_clinics_differ_in_colour_and_contrast() {
    // Red over blue, and cup over rim in green: clinic A is warmer and has more contrast.
    let [a, b] = Clinic::ALL.map(|clinic| {
        let mut sums = [0.0; 2];
        for index in 0..20 {
            let (image, mask) = generate(3, clinic, Split::Train, index, 64);
            let [cup, rim, fundus] = [0, 128, 255].map(|level| mean_colour(&image, &mask, level));
            sums[0] += fundus[0] / fundus[2] / 20.0;
            sums[1] += cup[1] / rim[1] / 20.0;
        }
        sums
    });
    assert!(a[0] > 1.6 * b[0] && a[1] > 1.15 * b[1], "{a:?} {b:?}");
}

#[test]
fn no_two_places_show_the_same_eye() {
    let mut seen: Vec<Outline> = vec![];
    for (clinic, split) in Clinic::ALL.into_iter().flat_map(|c| Split::ALL.map(|s| (c, s))) {
        for index in 0..5 {
            let eye = Eye::draw(&mut Draw::new([9, clinic as u64, split as u64, index], 0));
            assert!(!seen.contains(&eye.disc));
            seen.push(eye.disc);
        }
    }
    let images = [8, 9].map(|seed| generate(seed, Clinic::A, Split::Train, 0, 32).0);
    assert_ne!(images[0], images[1]);
}

#[test]
fn small_and_large_pictures_show_the_same_eye() {
    for clinic in Clinic::ALL {
        let (large, large_mask) = generate(4, clinic, Split::Train, 0, 256);
        let (small, small_mask) = generate(4, clinic, Split::Train, 0, 64);
        let (other, _) = generate(4, clinic, Split::Train, 1, 64);
        let reduced = RgbImage::from_fn(64, 64, |x, y| {
            let block = (0..16).map(|i| large.get_pixel(4 * x + i % 4, 4 * y + i / 4));
            let sum = block.fold([0u32; 3], |sum, p| std::array::from_fn(|c| sum[c] + u32::from(p[c])));
            image::Rgb(sum.map(|c| (c / 16) as u8))
        });
        let apart = |image: &RgbImage| {
            let sum: u32 = image.iter().zip(reduced.iter()).map(|(a, b)| u32::from(a.abs_diff(*b))).sum();
            f64::from(sum) / f64::from(64 * 64 * 3)
        };
        assert!(apart(&small) < 4.0 && apart(&other) > 12.0, "{} {}", apart(&small), apart(&other));
        let agree =
            small_mask.enumerate_pixels().filter(|(x, y, p)| **p == *large_mask.get_pixel(4 * x + 2, 4 * y + 2));
        assert!(agree.count() > 64 * 64 * 97 / 100);
    }
}

#[test]
fn right_eyes_are_mirrored_left_eyes() {
    let rights = (0..EYES).filter(|index| eye(*index).right_eye).count();
    assert!((60..140).contains(&rights), "{rights}");
    let left = Eye { right_eye: false, ..eye(0) };
    let right = Eye { right_eye: true, ..left.clone() };
    let mirrored = image::imageops::flip_horizontal(&render::mask(&right, 1.0, 64));
    assert_eq!(mirrored, render::mask(&left, 1.0, 64));
    let (left, right) = (render::scene(&left, 1.0, 32).light, render::scene(&right, 1.0, 32).light);
    assert!(left.chunks(32).zip(right.chunks(32)).all(|(l, r)| l.iter().eq(r.iter().rev())));
}

#[test]
fn noise_has_the_stated_moments() {
    let cells: Vec<f32> =
        (0..100 * 100).map(|i| fbm(3, [(i % 100) as f32 * 0.37, (i / 100) as f32 * 0.37], 1.0, 3, 0.0)).collect();
    let mean = cells.iter().sum::<f32>() / cells.len() as f32;
    assert!(mean.abs() < 0.02 && cells.iter().all(|v| v.abs() < 0.75), "{mean}");
    assert!(cells.iter().any(|v| *v > 0.3) && cells.iter().any(|v| *v < -0.3));
    assert!(
        (0..100).all(|i| fbm(3, [i as f32 * 0.37, 0.4], 64.0, 3, 1.0 / 64.0) == 0.0),
        "unresolved noise must vanish"
    );
    let specks: Vec<f32> = (0..40_000).map(|i| grain(5, i % 200, i / 200, 0)).collect();
    let mean = specks.iter().sum::<f32>() / 40_000.0;
    let variance = specks.iter().map(|s| (s - mean) * (s - mean)).sum::<f32>() / 40_000.0;
    assert!(mean.abs() < 0.02 && (variance - 1.0).abs() < 0.03, "{mean} {variance}");
}

#[test]
fn outlines_measure_as_circles_do() {
    let circle = Outline { centre: [0.1, -0.2], radii: [0.3; 2], tilt: 0.7, harmonics: [[0.0; 2]; 4] };
    let ruler = circle.ruler();
    assert!((ruler.distance([0.1, 0.2]) - 0.1).abs() < 1e-6 && (ruler.distance([0.2, -0.2]) + 0.2).abs() < 1e-6);
    assert_eq!(ruler.measure([0.1, -0.2]), (-0.3, 0.0));
    assert!((circle.height() - 0.6).abs() < 1e-4);
    let wavy = Outline { radii: [0.3, 0.2], harmonics: [[0.05, -0.02]; 4], ..circle };
    assert!(wavy.points().all(|p| wavy.ruler().distance(p).abs() < 1e-5));
}

#[test]
fn writing_again_overwrites_and_mends_what_was_cut_short() {
    let folder = tempfile::tempdir().unwrap();
    write_clinics(folder.path(), &options(1, 1), |_| ()).unwrap();
    let before = files(folder.path());
    let image = folder.path().join("clinic-a/train/ROIs/image/clinic-a-train-0001.png");
    fs::write(image.with_file_name(".papilla-a1B2c3.tmp"), "cut sh").unwrap();
    fs::write(&image, "").unwrap();
    write_clinics(folder.path(), &options(1, 1), |_| ()).unwrap();
    assert!(files(folder.path()) == before);
}

#[test]
fn a_folder_with_anything_else_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    write_clinics(folder.path(), &options(2, 1), |_| ()).unwrap();
    let before = files(folder.path());
    let error = write_clinics(folder.path(), &options(1, 1), |_| ()).unwrap_err();
    assert!(
        matches!(&error, Error::Occupied { found, .. } if found.ends_with("clinic-a-train-0002.png") || found.ends_with("clinic-b-train-0002.png"))
    );
    assert!(error.to_string().contains("choose an empty or new folder"), "{error}");
    assert!(files(folder.path()) == before);

    // Neither is a photograph that somebody has put in the place of one.
    let image = folder.path().join("clinic-a/train/ROIs/image/clinic-a-train-0001.png");
    image::RgbImage::new(32, 32).save(&image).unwrap();
    let other = fs::read(&image).unwrap();
    let error = write_clinics(folder.path(), &options(2, 1), |_| ()).unwrap_err();
    assert!(error.to_string().contains("clinic-a-train-0001.png"), "{error}");
    assert!(fs::read(&image).unwrap() == other);

    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("photos")).unwrap();
    let error = write_clinics(folder.path(), &options(1, 1), |_| ()).unwrap_err();
    assert!(error.to_string().contains("already holds photos"), "{error}");
}

#[test]
fn impossible_requests_say_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("new");
    let size = write_clinics(&out, &SynthOptions { size: 8, ..options(1, 1) }, |_| ()).unwrap_err();
    assert_eq!(size.to_string(), "pictures of 8 pixels a side cannot be made: choose a size from 32 to 4096");
    assert!(matches!(write_clinics(&out, &options(0, 0), |_| ()), Err(Error::Nothing)));
    assert!(!out.exists());
    fs::write(&out, "a file").unwrap();
    let file = write_clinics(&out, &options(1, 0), |_| ()).unwrap_err();
    assert!(matches!(&file, Error::NotAFolder(path) if *path == out), "{file}");
    let below = write_clinics(&out.join("deeper"), &options(1, 0), |_| ()).unwrap_err();
    assert!(matches!(below, Error::Io { .. }), "{below}");
}
