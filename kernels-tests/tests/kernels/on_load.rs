//! Normalisations and dropouts that kernels make as they load them, against the twin: values of what reads them, and gradients.

use std::sync::Arc;

use kernels_tests::{ACTIVATIONS, Case, adapter, half_adapter};
use papilla::gpu::{ConvVariant, Gpu, Variant};
use papilla::graph::{Activation, ConvSpec, NodeId, Op, Precision};

/// Channels that fill no block of four; planes that four elements divide, and others.
const SHAPES: [[usize; 4]; 2] = [[3, 10, 7, 9], [3, 10, 6, 8]];

/// What reads a normalisation, and weights of which it has a gradient.
type Reader = fn(&mut Case, NodeId) -> (NodeId, Option<NodeId>);

/// The operators that make a normalisation, perhaps with a dropout, as they load it.
const READERS: [Reader; 6] = [
    |case, x| conv(case, x, 7, 1, ConvSpec { padding: [1, 1], ..ConvSpec::default() }),
    |case, x| conv(case, x, 10, 3, ConvSpec { padding: [1, 1], groups: 10, ..ConvSpec::default() }),
    |case, x| conv(case, x, 10, 3, ConvSpec { stride: [2, 2], dilation: [2, 2], groups: 10, ..ConvSpec::default() }),
    |case, x| {
        let x = dropout(case, x, 0.3);
        conv(case, x, 2, 1, ConvSpec::default())
    },
    |case, x| {
        let x = dropout(case, x, 0.4);
        conv(case, x, 6, 3, ConvSpec { padding: [1, 1], ..ConvSpec::default() })
    },
    |case, x| {
        let shape = case.graph.shape(x).clone();
        let other = case.input(shape);
        (case.graph.add(x, other).expect("the same shape"), None)
    },
];

fn conv(case: &mut Case, x: NodeId, out: usize, kernel: usize, spec: ConvSpec) -> (NodeId, Option<NodeId>) {
    let inputs = case.graph.shape(x)[1] / spec.groups;
    let w = case.input_in([out, inputs, kernel, kernel], -0.5, 0.5);
    let bias = case.input([out]);
    (case.graph.conv2d(x, w, Some(bias), spec).expect("shapes fit"), Some(w))
}

fn dropout(case: &mut Case, x: NodeId, p: f32) -> NodeId {
    let seed = case.input_of([2], &[3.0, 5.0]);
    case.graph.dropout(x, seed, p).expect("any shape")
}

/// What reads a normalisation in training, and all gradients.
fn build(seed: u64, shape: [usize; 4], activation: Activation, read: Reader) -> Case {
    let mut case = Case::new(seed);
    let x = case.input(shape);
    // A map that an operator wrote, as convolutions' are.
    let map = case.graph.affine(x, 2.0, 0.5).expect("any shape");
    let (weight, bias) = (case.input_in([shape[1]], -4.0, 4.0), case.input_in([shape[1]], -2.0, 5.0));
    let stats = case.graph.batch_stats(map, 1).expect("one domain");
    let op = Op::BatchNorm { eps: 1e-5, activation, training: true };
    let norm = case.graph.push(op, &[map, stats, weight, bias]).expect("shapes fit");
    let (y, weights) = read(&mut case, norm);
    let wrt: Vec<NodeId> = [x, weight, bias].into_iter().chain(weights).collect();
    case.output_with_gradients(y, &wrt).expect("shapes fit");
    case
}

fn tiled() -> Arc<Gpu> {
    adapter(Some(ConvVariant::Tiled), None)
}

/// Whether a graph launches a shader.
fn launches(case: &Case, gpu: &Gpu, shader: &str) -> bool {
    let variants = Variant::of_graph(&case.graph, &gpu.capabilities()).expect("it can be planned");
    variants.iter().any(|variant| variant.shader == shader)
}

#[test]
fn every_reader_makes_what_a_launch_would_have_written() {
    let gpu = tiled();
    for (index, read) in READERS.into_iter().enumerate() {
        for shape in SHAPES {
            let case = build(index as u64, shape, ACTIVATIONS[index % ACTIVATIONS.len()], read);
            assert!(launches(&case, &gpu, "norm_terms") && !launches(&case, &gpu, "batch_norm"), "reader {index}");
            case.check_on(&gpu);
        }
    }
}

#[test]
fn every_activation() {
    for activation in ACTIVATIONS {
        build(7, SHAPES[0], activation, READERS[1]).check_on(&tiled());
    }
}

/// Pieces of a batch, whose dropouts go on where the last one ended.
#[test]
fn batches_larger_than_a_binding() {
    for read in READERS {
        build(8, [25, 10, 7, 8], Activation::Relu6, read).check_in_pieces(6144);
    }
}

#[test]
fn maps_in_16_bits() {
    let Some(gpu) = half_adapter(Some(ConvVariant::Tiled)) else { return };
    for read in READERS {
        let mut case = build(9, SHAPES[1], Activation::Relu, read);
        case.graph.set_precision(Precision::F16);
        case.check_on(&gpu);
    }
}

/// Where one reader cannot make it, or the host reads it, it is written for all.
#[test]
fn what_others_read_is_written() {
    let gpu = tiled();
    let dense: Reader = |case, x| conv(case, x, 6, 3, ConvSpec { padding: [1, 1], ..ConvSpec::default() });
    let twice: Reader = |case, x| {
        let (y, w) = READERS[0](case, x);
        case.graph.output("norm", x);
        (y, w)
    };
    for read in [dense, twice] {
        let case = build(10, SHAPES[0], Activation::Relu, read);
        assert!(launches(&case, &gpu, "batch_norm"));
        case.check_on(&gpu);
    }
}
