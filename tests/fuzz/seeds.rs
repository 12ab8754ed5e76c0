//! Whole files of every kind that is read.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::path::PathBuf;

use image::{DynamicImage, GrayImage, ImageFormat, Luma, Rgb, RgbImage};
use papilla::formats::{HostTensor, TensorFile};
use papilla::gpu::Choices;
use papilla::train::{Checkpoint, Config, Progress};

/// Two layouts that PyTorch has written, and a file with what training scripts save beside weights.
pub fn pytorch() -> Vec<Vec<u8>> {
    vec![
        include_bytes!("../../src/formats/tests/archive.pth").to_vec(),
        include_bytes!("../../src/formats/tests/plain.pth").to_vec(),
        include_bytes!("../../src/formats/tests/extras.pth").to_vec(),
    ]
}

fn tensors() -> BTreeMap<String, HostTensor> {
    let tensor = |shape: &[usize]| {
        let data = (0..shape.iter().product()).map(|i| i as f32 * 0.5 - 1.0).collect();
        HostTensor { shape: shape.to_vec(), data }
    };
    let named = [
        ("generator.backbone.features.0.0.weight", tensor(&[4, 3, 3, 3])),
        ("generator.backbone.features.0.1.running_var", tensor(&[4])),
        ("boundary_discriminator.conv1.weight", tensor(&[2, 1, 4, 4])),
    ];
    named.map(|(name, tensor)| (name.to_string(), tensor)).into()
}

/// What a write leaves in a file.
fn written(write: impl FnOnce(&std::path::Path)) -> Vec<u8> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("file");
    write(&path);
    std::fs::read(&path).expect("it was written")
}

pub fn safetensors() -> Vec<Vec<u8>> {
    let metadata = BTreeMap::from([("format".to_string(), "pt".to_string())]);
    let named = TensorFile { tensors: tensors(), metadata };
    let halves = br#"{"a":{"dtype":"F16","shape":[2,2],"data_offsets":[0,8]},"n":{"dtype":"I64","shape":[],"data_offsets":[8,16]},"d":{"dtype":"F64","shape":[1],"data_offsets":[16,24]}}"#;
    let mut mixed = (halves.len() as u64).to_le_bytes().to_vec();
    mixed.extend(halves);
    mixed.extend((0..24).map(|i| i as u8));
    vec![written(|path| named.write(path).expect("the folder is writable")), mixed]
}

/// With a checksum, and one as they were before.
pub fn checkpoint() -> Vec<Vec<u8>> {
    let config = Config { target: Some(PathBuf::from("clinic-b")), ..Config::new(PathBuf::from("clinic-a")) };
    let progress = Progress { step: 7, best_mean_dice: Some(0.5), ..Progress::default() };
    let checkpoint = || {
        let (config, kernels) = (config.clone(), Choices::new());
        Checkpoint { config, progress, kernels, divisions: Default::default(), data: None, tensors: tensors() }
    };
    let now = written(|path| checkpoint().write(path, None).expect("the folder is writable"));
    let before = written(|path| {
        checkpoint().write(path, None).expect("the folder is writable");
        let mut file = TensorFile::read(path).expect("just written");
        file.metadata.remove(papilla::formats::CHECKSUM);
        file.metadata.insert("papilla_checkpoint".to_string(), "1".to_string());
        file.write(path).expect("the folder is writable");
    });
    vec![now, before]
}

pub fn images() -> Vec<Vec<u8>> {
    let photograph = RgbImage::from_fn(21, 17, |x, y| Rgb([200, (11 * x) as u8, (13 * y) as u8]));
    let mask = GrayImage::from_fn(19, 23, |x, y| Luma([[0, 128, 255][((x + y) % 3) as usize]]));
    let encoded = |image: DynamicImage, format| {
        let mut bytes = Cursor::new(Vec::new());
        image.write_to(&mut bytes, format).expect("memory can be written");
        bytes.into_inner()
    };
    let deep = DynamicImage::ImageRgb8(photograph.clone()).into_rgb16();
    let mut all: Vec<Vec<u8>> = [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Bmp, ImageFormat::Tiff]
        .into_iter()
        .flat_map(|format| [encoded(photograph.clone().into(), format), encoded(mask.clone().into(), format)])
        .collect();
    all.push(encoded(deep.into(), ImageFormat::Png));
    all.extend(FOREIGN.iter().map(|file| file.to_vec()));
    all
}

macro_rules! foreign {
    ($($name:literal)*) => { &[$(include_bytes!(concat!("../../src/data/tests/foreign/", $name))),*] };
}

/// Files that other encoders have written.
const FOREIGN: &[&[u8]] = foreign![
    "jpeg-420.jpg" "jpeg-grey.jpg" "jpeg-progressive.jpg" "jpeg-grey-progressive.jpg" "jpeg-cmyk-progressive.jpg" "jpeg-cmyk.jpg" "jpeg-ycck.jpg" "jpeg-restarts.jpg"
    "jpeg-scans-restarts.jpg" "jpeg-opencv.jpg" "jpeg-411.jpg" "tiff-palette.tif" "tiff-jpeg.tif" "tiff-jpeg-tiles.tif" "tiff-jpeg-planes.tif" "tiff-jpeg-grey.tif" "tiff-jpeg-scans.tif" "tiff-group-4.tif"
    "tiff-group-4-low-bits-first.tif" "tiff-lzw.tif" "tiff-planes.tif" "tiff-tiles.tif" "tiff-big.tif" "tiff-cmyk.tif"
    "tiff-opencv.tif" "png-palette-2-bit.png" "png-opencv.png" "bmp-1-bit.bmp" "bmp-palette.bmp" "webp-lossy.webp"
    "webp-lossless.webp"
];

/// Matrices that SciPy has saved, plain and packed.
pub fn matlab() -> Vec<Vec<u8>> {
    vec![
        include_bytes!("../../src/data/prepare/tests/plain.mat").to_vec(),
        include_bytes!("../../src/data/prepare/tests/packed.mat").to_vec(),
    ]
}

/// Rows of two numbers, as in DRIONS-DB, and of one, as those of RIM-ONE.
pub fn contours() -> Vec<Vec<u8>> {
    let points = |count: u32| {
        let angle = move |i: u32| std::f64::consts::TAU * f64::from(i) / f64::from(count);
        (0..count).map(move |i| (60.0 + 30.0 * angle(i).cos(), 50.0 + 30.0 * angle(i).sin()))
    };
    let polygon: String = points(36).map(|(x, y)| format!("{x:.3} , {y:.3}\r\n")).collect();
    let radii: String = points(16).map(|(x, y)| format!("{x:.0}\r\n{y:.0}\r\n")).collect();
    vec![polygon.into_bytes(), format!("Intersection points\r\n61\r\n51\r\n{radii}").into_bytes()]
}

pub fn settings() -> Vec<Vec<u8>> {
    let mut config = Config::new(PathBuf::from("clinic a"));
    config.memory_budget = Some(bytesize::ByteSize(6 << 30));
    let all = config.to_toml().expect("plain settings");
    let few = "# a comment\nsource = 'clinic-a'\nbackbone = \"drn\"\nlr-discriminator = 1e-4\nvalidate-every = 2\n";
    vec![all.into_bytes(), few.as_bytes().to_vec()]
}

/// An operator's case, and one with a tolerance for each element.
pub fn golden() -> Vec<Vec<u8>> {
    let tensor = |shape: &[usize]| HostTensor { shape: shape.to_vec(), data: vec![0.25; shape.iter().product()] };
    let case = |op: &str, attrs: &str, names: &[(&str, &[usize])]| {
        let metadata = [("op", op), ("attrs", attrs), ("rtol", "1e-4"), ("atol", "1e-5")];
        let metadata = metadata.map(|(key, value)| (key.to_string(), value.to_string())).into();
        let tensors = names.iter().map(|(name, shape)| (name.to_string(), tensor(shape))).collect();
        written(|path| TensorFile { tensors, metadata }.write(path).expect("the folder is writable"))
    };
    vec![
        case(
            "conv2d",
            r#"{"stride":[1,1],"padding":[1,1],"dilation":[1,1],"groups":1}"#,
            &[("in.x", &[1, 2, 5, 5]), ("in.weight", &[2, 2, 3, 3]), ("out.y", &[1, 2, 5, 5]), ("grad_in.x", &[2])],
        ),
        case("metrics", r#"{"atol_of":{"dice":[0.1,0.2],"out.iou":0.5}}"#, &[("out.dice", &[2]), ("out.iou", &[2])]),
    ]
}
