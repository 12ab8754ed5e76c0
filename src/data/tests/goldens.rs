//! The golden cases of this module.

use std::fs;

use safetensors::SafeTensors;
use safetensors::tensor::TensorView;

use crate::data::boundary::{BoundaryBand, boundary_target};
use crate::data::mask::decode_mask;

fn values(tensor: &TensorView) -> Vec<f32> {
    tensor.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
}

/// Compares the two named tensors of a case by the case's own tolerance.
fn check(case: &str, input: &str, output: &str, run: impl Fn(Vec<f32>, &[usize], &serde_json::Value) -> Vec<f32>) {
    let bytes = fs::read(harness::golden(&format!("{case}.safetensors"))).unwrap();
    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
    let metadata = header.metadata().as_ref().unwrap();
    let tolerance = |name: &str| metadata[name].parse::<f32>().unwrap();
    let attributes = serde_json::from_str(&metadata["attrs"]).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let (input, output) = (tensors.tensor(input).unwrap(), tensors.tensor(output).unwrap());
    let (got, want) = (run(values(&input), input.shape(), &attributes), values(&output));
    assert_eq!(got.len(), want.len());
    let largest = want.iter().fold(0.0f32, |largest, v| largest.max(v.abs()));
    let allowed = tolerance("atol") + tolerance("rtol") * largest;
    for (i, (got, want)) in got.iter().zip(&want).enumerate() {
        assert!((got - want).abs() <= allowed, "{case}: element {i} is {got}, want {want}");
    }
}

#[test]
fn decode_mask_case() {
    check("decode_mask_every_level", "in.grey", "out.mask", |grey, _, _| {
        decode_mask(&grey.iter().map(|&level| level as u8).collect::<Vec<u8>>())
    });
}

#[test]
fn boundary_target_case() {
    check("boundary_target", "in.mask", "out.boundary", |mask, shape, attributes| {
        let width = attributes["width"].as_u64().unwrap() as u32;
        let band = BoundaryBand { width, sigma: attributes["sigma"].as_f64().unwrap() };
        let target = boundary_target(&mask, shape[1], shape[2], band);
        assert!(target.iter().all(|v| (v * 255.0 - (v * 255.0).round()).abs() < 1e-4), "bytes over 255");
        target
    });
}
