//! The independently computed cases of post-processing and metrics.

use std::collections::HashMap;

use safetensors::SafeTensors;

use super::{BinaryMask, PostprocessSettings, evaluate_image, postprocess};

/// One case: its metadata, and every tensor as shape and values.
struct Case {
    metadata: HashMap<String, String>,
    tensors: HashMap<String, (Vec<usize>, Vec<f32>)>,
}

impl Case {
    fn open(name: &str) -> Self {
        let bytes = std::fs::read(harness::golden(name)).expect("a case can be read");
        let (_, header) = SafeTensors::read_metadata(&bytes).expect("a case has a valid header");
        let file = SafeTensors::deserialize(&bytes).expect("a case is a valid file");
        let floats = |bytes: &[u8]| bytes.as_chunks().0.iter().map(|chunk| f32::from_le_bytes(*chunk)).collect();
        let tensors = file.iter().map(|(name, view)| (name.into(), (view.shape().to_vec(), floats(view.data()))));
        Self { metadata: header.metadata().clone().expect("a case has metadata"), tensors: tensors.collect() }
    }

    /// Channel `k` of a `[K, H, W]` tensor.
    fn channel(&self, name: &str, k: usize) -> (&[f32], u32, u32) {
        let (shape, values) = &self.tensors[name];
        let [_, height, width] = shape[..] else { panic!("{name} has shape {shape:?}") };
        (&values[k * height * width..][..height * width], width as u32, height as u32)
    }

    /// Both channels of a `[2, H, W]` tensor of zeros and ones.
    fn masks(&self, name: &str) -> [BinaryMask; 2] {
        [0, 1].map(|k| {
            let (values, width, height) = self.channel(name, k);
            BinaryMask::above(values, width, height, 0.5).expect("the shape fits the values")
        })
    }

    fn assert_close(&self, name: &str, got: [f64; 2]) {
        let tolerance = |key: &str| self.metadata[key].parse::<f64>().expect("a number");
        let want = &self.tensors[name].1;
        let largest = want.iter().fold(0.0, |largest: f64, &value| largest.max(f64::from(value).abs()));
        let limit = tolerance("atol") + tolerance("rtol") * largest;
        for (got, &want) in got.iter().zip(want) {
            assert!((got - f64::from(want)).abs() <= limit, "{name}: {got} is not {want} within {limit}");
        }
    }
}

#[test]
fn metrics_case() {
    let case = Case::open("metrics.safetensors");
    let image = evaluate_image(&case.masks("in.pred"), &case.masks("in.target")).expect("equal extents");
    case.assert_close("out.dice", [image.cup.dice, image.disc.dice]);
    case.assert_close("out.iou", [image.cup.iou, image.disc.iou]);
    case.assert_close("out.asd", [image.cup.asd, image.disc.asd].map(|value| value.expect("nothing is empty")));
    case.assert_close("out.hd95", [image.cup.hd95, image.disc.hd95].map(|value| value.expect("nothing is empty")));
    case.assert_close("out.vcdr", [image.vcdr_predicted, image.vcdr_true].map(|value| value.expect("not empty")));
}

#[test]
fn postprocess_cases() {
    for name in ["postprocess", "postprocess_published_lengths", "postprocess_components", "postprocess_twins"] {
        let case = Case::open(&format!("{name}.safetensors"));
        let attrs: serde_json::Value = serde_json::from_str(&case.metadata["attrs"]).expect("attrs are JSON");
        let length = |key: &str| attrs[key].as_u64().expect("a whole number") as u32;
        let settings = PostprocessSettings {
            median: length("median"),
            median_passes: length("median_passes"),
            erode_diamond: length("erode_diamond"),
        };
        let threshold = attrs["threshold"].as_f64().expect("a number") as f32;
        for k in 0..2 {
            let (probability, width, height) = case.channel("in.prob", k);
            let mask = postprocess(probability, width, height, threshold, &settings).expect("valid input");
            let got: Vec<f32> = mask.pixels().map(|inside| f32::from(u8::from(inside))).collect();
            assert!(got == case.channel("out.mask", k).0, "{name}: channel {k} differs");
        }
    }
}
