//! A trained network as a program for others: ONNX.

mod nodes;

use std::path::Path;

use crate::device::Device;
use crate::formats::onnx::{GraphProto, ModelProto, OperatorSetIdProto, StringStringEntryProto, ValueInfoProto};
use crate::formats::{Facts, StateDict};
use crate::inference::trace_evaluation;
use crate::nn::Domain;
use crate::train::{Config, Demand, load_weights, stated};

pub use nodes::ExportError;
use nodes::Nodes;

/// Operators of this version are used: the first whose `Resize` leaves the batch alone.
pub const OPSET: i64 = 18;
/// The version of the file format that came with them.
const IR_VERSION: i64 = 8;

/// The network of `config` with weights, which were read from `path`, in evaluation: `image [batch,3,S,S]` in [−1, 1] →
/// the probabilities `mask [batch,2,S,S]` (cup, disc) and `boundary [batch,1,S,S]`. Normalisations are folded, in f64,
/// into the convolutions before them; those of TransNorm normalise with the target's statistics. What whoever runs it has to
/// know of `facts`, colours and thresholds, is in the metadata under the same names.
///
/// # Errors
/// If weights are missing, of another shape, or not finite; [`ExportError::NoCounterpart`].
pub fn to_onnx(weights: StateDict, path: &Path, config: &Config, facts: &Facts) -> Result<ModelProto, ExportError> {
    let size = config.size;
    let (graphs, tensors) = trace_evaluation(config.network(), Domain::Target, size, 1)?;
    let states = Device::Cpu.states();
    let fold = Device::Cpu.compile(&graphs.prepare, &states)?;
    load_weights(&states, &tensors, weights, path, Demand::Complete)?;
    fold.run()?;
    let mut nodes = Nodes::new(&graphs.rest, &states);
    for id in graphs.rest.live_nodes() {
        nodes.push(id)?;
    }
    for (name, id) in graphs.rest.outputs() {
        nodes.probability(name, *id)?;
    }
    let (node, initializer) = nodes.finish();
    let output = graphs.rest.outputs().iter().map(|(name, id)| {
        let channels = graphs.rest.shape(*id)[1];
        ValueInfoProto::maps(name, [channels, size, size])
    });
    let of_use = [Facts::COLOURS, Facts::SCALES, Facts::STATISTICS, Facts::THRESHOLDS];
    let further = of_use.into_iter().filter_map(|key| Some((key, facts.get(key)?.clone())));
    let stated = stated(config).into_iter().chain(further);
    let metadata = stated.map(|(key, fact)| (key.to_owned(), fact.to_string()));
    let notes = [("image", "RGB, value/127.5 - 1"), ("mask", "probabilities of cup and disc")];
    let metadata = metadata.chain(notes.map(|(key, value)| (key.to_owned(), value.to_owned())));
    Ok(ModelProto {
        ir_version: IR_VERSION,
        producer_name: env!("CARGO_PKG_NAME").into(),
        producer_version: env!("CARGO_PKG_VERSION").into(),
        graph: Some(GraphProto {
            name: config.backbone.name().into(),
            input: vec![ValueInfoProto::maps("image", [3, size, size])],
            output: output.collect(),
            node,
            initializer,
        }),
        opset_import: vec![OperatorSetIdProto { domain: Some(String::new()), version: OPSET }],
        metadata_props: metadata.map(|(key, value)| StringStringEntryProto { key, value }).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::{Fact, HostTensor};
    use crate::nn::init::initial_values;

    #[test]
    fn what_whoever_runs_it_has_to_know_is_in_the_metadata() {
        let config = Config { size: 32, ..Config::new(Default::default()) };
        let mut weights = StateDict::default();
        for spec in config.network().tensors().expect("it has this output stride") {
            let data = initial_values(&spec, 3);
            weights.insert(spec.name, HostTensor { shape: spec.shape.to_vec(), data }).expect("names differ");
        }
        let mut facts = Facts::default();
        let told = [
            (Facts::THRESHOLDS, "cup 0.41, disc 0.63, on 28 regions"),
            (Facts::COLOURS, "0 0 0 0.5 0.5 0.5"),
            (Facts::SCALES, "0.8,1,1.25"),
        ];
        told.iter().for_each(|(name, text)| facts.push(name, Fact::Text(text.to_string())));
        let model = to_onnx(weights, Path::new("weights.pth"), &config, &facts).expect("it has a counterpart");
        let value = |key: &str| {
            let own = model.metadata_props.iter().find(|entry| entry.key == key);
            own.map(|entry| entry.value.as_str())
        };
        assert_eq!(told.map(|(name, _)| value(name)), told.map(|(_, text)| Some(text)));
        assert_eq!((value(Facts::SIZE), value(Facts::STATISTICS)), (Some("32"), None));
    }
}
