//! Values lie in other buffers than what they are made of: how much a run needs then, and that nothing is lost which is still
//! read.

use kernels_tests::{Case, adapter};
use papilla::gpu::{Program, States};
use papilla::graph::{Graph, Unary};

/// Bytes that the values of a run need together.
fn peak_bytes(graph: &Graph) -> u64 {
    let gpu = adapter(None, None);
    Program::new(&gpu, graph, &States::new(gpu.clone())).expect("the graph compiles").peak_bytes()
}

#[test]
fn a_chain_of_operators_needs_two_blocks() {
    let mut case = Case::new(1);
    let mut y = case.input([64, 16]);
    for function in [Unary::Square, Unary::Sigmoid, Unary::Affine { mul: 2.0, add: -1.0 }, Unary::Relu] {
        y = case.graph.unary(function, y).expect("any shape");
    }
    case.graph.output("y", y);
    assert_eq!(peak_bytes(&case.graph), 2 * 64 * 16 * 4);
    case.check();
}

#[test]
fn operands_that_are_read_later_keep_their_memory() {
    let mut case = Case::new(2);
    let x = case.input([64, 16]);
    let a = case.graph.sigmoid(x).expect("any shape");
    let b = case.graph.unary(Unary::Square, a).expect("any shape");
    let c = case.graph.sub(a, b).expect("same shapes");
    let d = case.graph.mul(c, c).expect("same shapes");
    let row = case.input([16]);
    let e = case.graph.mul(d, row).expect("a row is repeated");
    case.graph.output("b", b);
    case.graph.output("e", e);
    // `a`, `b` and `c`; then `d` in the place of `a`, and `e` in that of `c`.
    assert_eq!(peak_bytes(&case.graph), 3 * 64 * 16 * 4);
    case.check();
}

/// Forward and backward through normalisation, dropout and activations, where most values die at their last reader.
#[test]
fn gradients_of_a_chain() {
    let mut case = Case::new(4);
    let (x, seed) = (case.input([2, 6, 5, 7]), case.input_of([2], &[3.0, 5.0]));
    let (weight, bias) = (case.input_in([6], 0.5, 1.5), case.input([6]));
    let stats = case.graph.batch_stats(x, 1).expect("a feature map");
    let y = case.graph.batch_norm_training(x, stats, weight, bias, 1e-5).expect("shapes fit");
    let y = case.graph.relu(y).expect("any shape");
    let y = case.graph.dropout(y, seed, 0.3).expect("any shape");
    let y = case.graph.sigmoid(y).expect("any shape");
    case.output_with_gradients(y, &[x, weight, bias]).expect("rules exist");
    case.check();
}
