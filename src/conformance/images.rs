//! Cases of images, masks and metrics, which run on the host.

use super::error::Result;

use super::case::{Case, Values};
use crate::data::boundary::{BoundaryBand, boundary_target as boundary};
use crate::data::mask::decode_mask as decode;
use crate::metrics::{BinaryMask, PostprocessSettings, evaluate_image, postprocess as clean};

/// Width and height of a stack of planes.
fn size(shape: &[usize]) -> (usize, usize) {
    match *shape {
        [.., h, w] => (w, h),
        _ => (0, 0),
    }
}

pub(super) fn decode_mask(case: &Case) -> Result<Values> {
    let grey: Vec<u8> = case.tensor("in.grey")?.data.iter().map(|&v| v as u8).collect();
    Ok(Values::from([("out.mask".to_string(), decode(&grey))]))
}

pub(super) fn boundary_target(case: &Case) -> Result<Values> {
    let mask = case.tensor("in.mask")?;
    let (w, h) = size(&mask.shape);
    let band = BoundaryBand { width: case.count("width")? as u32, sigma: f64::from(case.number("sigma")?) };
    Ok(Values::from([("out.boundary".to_string(), boundary(&mask.data, h, w, band))]))
}

pub(super) fn postprocess(case: &Case) -> Result<Values> {
    let probability = case.tensor("in.prob")?;
    let (w, h) = size(&probability.shape);
    let settings = PostprocessSettings {
        median: case.count("median")? as u32,
        median_passes: case.count("median_passes")? as u32,
        erode_diamond: case.count("erode_diamond")? as u32,
    };
    let threshold = case.number("threshold")?;
    let mut planes = Vec::new();
    for plane in probability.data.chunks((w * h).max(1)) {
        let mask = clean(plane, w as u32, h as u32, threshold, &settings)?;
        planes.extend(mask.pixels().map(|inside| if inside { 1.0 } else { 0.0 }));
    }
    Ok(Values::from([("out.mask".to_string(), planes)]))
}

pub(super) fn metrics(case: &Case) -> Result<Values> {
    let masks = |name: &str| -> Result<[BinaryMask; 2]> {
        let tensor = case.tensor(name)?;
        let (w, h) = size(&tensor.shape);
        let plane = |k: usize| {
            let values = tensor.data.get(k * w * h..(k + 1) * w * h).unwrap_or(&[]);
            BinaryMask::above(values, w as u32, h as u32, 0.5)
        };
        Ok([plane(0)?, plane(1)?])
    };
    let image = evaluate_image(&masks("in.pred")?, &masks("in.target")?)?;
    let both = |of: fn(&crate::metrics::StructureMetrics) -> Option<f64>| {
        [&image.cup, &image.disc].map(|s| of(s).map_or(f32::NAN, |v| v as f32)).to_vec()
    };
    let ratio = |value: Option<f64>| value.map_or(f32::NAN, |v| v as f32);
    Ok(Values::from([
        ("out.dice".to_string(), both(|s| Some(s.dice))),
        ("out.iou".to_string(), both(|s| Some(s.iou))),
        ("out.asd".to_string(), both(|s| s.asd)),
        ("out.hd95".to_string(), both(|s| s.hd95)),
        ("out.vcdr".to_string(), vec![ratio(image.vcdr_predicted), ratio(image.vcdr_true)]),
    ]))
}
