//! What holds for each operator there is: a sample of a new one is asked for by the compiler.

use strum::IntoEnumIterator;

use crate::graph::gradient::input_gradients;
use crate::graph::{
    Activation, Arity, Binary, ConvSpec, Graph, Memory, NodeId, Op, OpKind, PoolSpec, ResizeMode, Shape, StateId, Unary,
};

const MAP: [usize; 4] = [2, 4, 5, 6];
const SMALL: [usize; 4] = [2, 4, 3, 4];
const WEIGHT: [usize; 4] = [6, 4, 3, 3];
const CONVOLVED: [usize; 4] = [2, 6, 3, 4];
const WEIGHT_MAPS: [usize; 4] = [2, 3, 5, 6];
const PROTOTYPES: [usize; 2] = [3, 4];
const STATS: [usize; 3] = [1, 2, 4];
const CHANNELS: [usize; 1] = [4];
const PLAIN: ConvSpec = ConvSpec { stride: [1, 1], padding: [0, 0], dilation: [1, 1], groups: 1 };
const WINDOW: PoolSpec = PoolSpec { kernel: [3, 3], stride: [1, 1], padding: [0, 0] };
const MODE: ResizeMode = ResizeMode::BilinearHalfPixel;

/// An operator, shapes of inputs that it takes, and the shape that they give.
pub(crate) type Sample = (Op, Vec<Shape>, Shape);

pub(crate) fn sample(kind: OpKind) -> Sample {
    let activation = Activation::Relu;
    let (op, inputs, output): (Op, Vec<&[usize]>, &[usize]) = match kind {
        OpKind::Input => (Op::Input { name: "x".into() }, vec![], &MAP),
        OpKind::State => (Op::State(StateId(0)), vec![], &MAP),
        OpKind::Constant => (Op::Constant { value: 0.5 }, vec![], &MAP),
        OpKind::Unary => (Op::Unary(Unary::Sigmoid), vec![&MAP], &MAP),
        OpKind::UnaryGrad => (Op::UnaryGrad(Unary::Sigmoid), vec![&MAP, &MAP], &MAP),
        OpKind::Binary => (Op::Binary(Binary::Mul), vec![&MAP, &MAP], &MAP),
        OpKind::Broadcast => (Op::Broadcast, vec![&[4, 1, 6]], &MAP),
        OpKind::Sum => (Op::Sum { axes: vec![0, 2, 3] }, vec![&MAP], &[1, 4, 1, 1]),
        OpKind::Reshape => (Op::Reshape, vec![&MAP], &[8, 30]),
        OpKind::Detach => (Op::Detach, vec![&MAP], &MAP),
        OpKind::Permute => (Op::Permute { axes: vec![1, 0, 3, 2] }, vec![&MAP], &[4, 2, 6, 5]),
        OpKind::Concat => (Op::Concat { axis: 1 }, vec![&MAP, &WEIGHT_MAPS, &MAP], &[2, 11, 5, 6]),
        OpKind::Pad => (Op::Pad { before: vec![0, 0, 1, -1], after: vec![0, 0, 1, 0] }, vec![&MAP], &[2, 4, 7, 5]),
        OpKind::Conv2d => (Op::Conv2d { spec: PLAIN, bias: true, activation }, vec![&MAP, &WEIGHT, &[6]], &CONVOLVED),
        OpKind::Conv2dInputGrad => {
            (Op::Conv2dInputGrad { spec: PLAIN, input: [5, 6] }, vec![&CONVOLVED, &WEIGHT], &MAP)
        }
        OpKind::Conv2dWeightGrad => {
            (Op::Conv2dWeightGrad { spec: PLAIN, kernel: [3, 3] }, vec![&MAP, &CONVOLVED], &WEIGHT)
        }
        OpKind::BatchStats => (Op::BatchStats { domains: 1 }, vec![&MAP], &STATS),
        OpKind::BatchNorm => {
            let op = Op::BatchNorm { eps: 1e-5, activation, training: true };
            (op, vec![&MAP, &STATS, &CHANNELS, &CHANNELS], &MAP)
        }
        OpKind::BatchNormGradSums => {
            let op = Op::BatchNormGradSums { eps: 1e-5, activation };
            (op, vec![&MAP, &MAP, &STATS, &CHANNELS, &CHANNELS], &STATS)
        }
        OpKind::BatchNormGradInput => {
            let op = Op::BatchNormGradInput { eps: 1e-5, activation, training: true };
            (op, vec![&MAP, &MAP, &STATS, &CHANNELS, &CHANNELS, &STATS], &MAP)
        }
        OpKind::TransNormScale => (Op::TransNormScale { eps: 1e-5, unbias: 1.0 }, vec![&[2, 2, 4]], &CHANNELS),
        OpKind::Dropout => (Op::Dropout { p: 0.5, stream: 1 }, vec![&MAP, &[2]], &MAP),
        OpKind::Resize => (Op::Resize { mode: MODE, size: [5, 6] }, vec![&SMALL], &MAP),
        OpKind::ResizeGrad => (Op::ResizeGrad { mode: MODE, input: [3, 4] }, vec![&MAP], &SMALL),
        OpKind::ResizeShifted => {
            (Op::ResizeShifted { mode: MODE, axis: 2, taps: 2, size: 9 }, vec![&MAP], &[2, 2, 9, 6])
        }
        OpKind::ResizeShiftedGrad => {
            (Op::ResizeShiftedGrad { mode: MODE, axis: 2, taps: 2, input: 3 }, vec![&MAP], &[2, 8, 3, 6])
        }
        OpKind::MaxPool => (Op::MaxPool { spec: WINDOW }, vec![&MAP], &SMALL),
        OpKind::MaxPoolGrad => (Op::MaxPoolGrad { spec: WINDOW }, vec![&MAP, &SMALL], &MAP),
        OpKind::WeightedSum => (Op::WeightedSum, vec![&MAP, &WEIGHT_MAPS], &PROTOTYPES),
        OpKind::WeightedSumGradFeature => (Op::WeightedSumGradFeature, vec![&PROTOTYPES, &WEIGHT_MAPS], &MAP),
        OpKind::WeightedSumGradWeight => (Op::WeightedSumGradWeight, vec![&PROTOTYPES, &MAP], &WEIGHT_MAPS),
        OpKind::PrototypeDistance => (Op::PrototypeDistance, vec![&MAP, &PROTOTYPES], &WEIGHT_MAPS),
    };
    assert_eq!(OpKind::from(&op), kind);
    (op, inputs.into_iter().map(Shape::from).collect(), output.into())
}

/// Whether the shape is given with the operator rather than inferred.
fn brings_its_shape(op: &Op) -> bool {
    matches!(op.traits().memory, Memory::Given | Memory::State) || matches!(op, Op::Broadcast | Op::Reshape)
}

/// The sample in a graph, with its inputs.
fn traced(kind: OpKind) -> (Graph, NodeId) {
    let (op, inputs, shape) = sample(kind);
    let mut g = Graph::new();
    g.declare_state("state", MAP).expect("it is the first");
    let inputs: Vec<NodeId> = inputs.iter().enumerate().map(|(i, s)| g.input(&i.to_string(), s.clone())).collect();
    let id = match brings_its_shape(&op) {
        true => g.push_shaped(op, &inputs, shape.clone()),
        false => g.push(op, &inputs).unwrap_or_else(|error| panic!("{kind:?}: {error}")),
    };
    assert_eq!(*g.shape(id), shape, "{kind:?}");
    (g, id)
}

#[test]
fn the_number_of_inputs_is_refused_where_it_is_wrong() {
    for kind in OpKind::iter() {
        let (op, inputs, _) = sample(kind);
        let Arity::Exactly(count) = op.traits().arity else { continue };
        assert_eq!(count, inputs.len(), "{kind:?}");
        let mut g = Graph::new();
        let one_more: Vec<NodeId> = (0..=count).map(|i| g.input(&i.to_string(), MAP)).collect();
        let error = g.push(op, &one_more).expect_err("one input too many").to_string();
        assert!(error.contains(&format!("takes {count} inputs, was given {}", count + 1)), "{kind:?}: {error}");
    }
}

#[test]
fn a_gradient_rule_has_one_entry_of_the_right_shape_for_each_input() {
    let mut without = Vec::new();
    for kind in OpKind::iter() {
        let (mut g, id) = traced(kind);
        let dy = g.input("dy", g.shape(id).clone());
        let inputs = g.node(id).inputs.clone();
        for wanted in [true, false] {
            let Ok(gradients) = input_gradients(&mut g, id, dy, &vec![wanted; inputs.len()]) else {
                without.extend(wanted.then_some(kind));
                continue;
            };
            assert_eq!(gradients.len(), inputs.len(), "{kind:?}");
            for (gradient, input) in gradients.into_iter().zip(&inputs).filter_map(|(g, i)| Some((g?, i))) {
                assert_eq!(g.shape(gradient), g.shape(*input), "{kind:?}");
            }
        }
    }
    use OpKind::{BatchNormGradInput, BatchNormGradSums, MaxPoolGrad, UnaryGrad};
    assert_eq!(without, [UnaryGrad, BatchNormGradSums, BatchNormGradInput, MaxPoolGrad]);
}
