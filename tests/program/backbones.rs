//! Every backbone can be trained: the whole step compiles for the adapter, its losses are finite, and it reaches the
//! first layer.

use papilla::graph::{AdamSettings, Precision, SgdSettings};
use papilla::method::step::{self, GENERATOR, LossWeights, StepSettings, Stochastic, TeacherSettings};
use papilla::nn::Norm;
use papilla::nn::deeplab::{Backbone, DeepLab};
use papilla::nn::init::hashed_values;

use crate::adapter::adapter;

/// Images of a batch.
const BATCH: usize = 2;
/// Rows and columns of the deep feature.
const DEEP: usize = 4;

/// One supervised step at every output stride.
fn trains(backbone: Backbone, first_layer: &str) {
    let device = adapter();
    // The same weights at every output stride; only the first step begins with those that follow from the names.
    let states = device.states();
    for (index, &output_stride) in backbone.output_strides().iter().enumerate() {
        let size = DEEP * output_stride;
        let settings = StepSettings {
            ema_decay: None,
            network: DeepLab { backbone, output_stride, norm: Norm::Batch },
            batch: BATCH,
            size: [size; 2],
            dropout: true,
            adam: AdamSettings { beta1: 0.9, beta2: 0.99, eps: 1e-8, loss_scale: 1.0 },
            sgd: SgdSettings { momentum: 0.99, weight_decay: 5e-4, loss_scale: 1.0 },
            weights: LossWeights::default(),
            stochastic: Stochastic::Passes(2),
            teacher: TeacherSettings::default(),
            recompute: false,
            precision: Precision::F32,
        };
        let traced = step::trace(&settings).expect("the backbone has this output stride");
        let program = device.compile(&traced.graph, &states).expect("the step fits the adapter");
        for spec in traced.tensors.iter().filter(|_| index == 0) {
            let values = hashed_values(&spec.name, &spec.shape);
            states.write(&format!("{GENERATOR}.{}", spec.name), &values).expect("every tensor is a state");
        }
        let weight = format!("{GENERATOR}.backbone.{first_layer}");
        let before = states.read(&[&weight]).expect("the network has this layer").remove(0);

        // Noise around 0; a name that ends in `.bias` is filled with a tenth of it.
        let uneven =
            |name: &str, channels: usize| hashed_values(&format!("{name}.bias"), &[BATCH * channels * size * size]);
        let inside = |name: &str, channels: usize| uneven(name, channels).iter().map(|v| f32::from(*v > 0.0)).collect();
        let inputs: [(&str, Vec<f32>); 6] = [
            ("image_s", uneven("image", 3).iter().map(|v| 10.0 * v).collect()),
            ("mask", inside("mask", 2)),
            ("boundary", inside("boundary", 1)),
            ("lr", vec![1e-3]),
            ("adam_correction", step::adam_correction(settings.adam, 1).to_vec()),
            ("seed", vec![1.0, 2.0]),
        ];
        for (name, values) in inputs {
            program.write(name, &values).expect("the step has this input");
        }
        program.run().expect("the step runs");
        let losses = program.read(&traced.losses).expect("the step gives its losses");
        assert!(losses.iter().flatten().all(|v| v.is_finite() && *v > 0.0), "stride {output_stride}: {losses:?}");
        let after = states.read(&[&weight]).expect("the network has this layer").remove(0);
        assert!(after.iter().all(|v| v.is_finite()));
        let moved = before.iter().zip(&after).filter(|(before, after)| before != after).count();
        assert!(2 * moved > before.len(), "stride {output_stride}: {moved} of {} weights moved", before.len());
    }
}

#[test]
fn mobilenet_v2() {
    trains(Backbone::MobileNetV2, "features.0.0.weight");
}

#[test]
fn resnet101() {
    trains(Backbone::ResNet101, "conv1.weight");
}

#[test]
fn xception() {
    trains(Backbone::Xception, "conv1.weight");
}

#[test]
fn drn() {
    trains(Backbone::Drn, "layer0.0.weight");
}
