//! `adam` against the twin: parameter and both moments after a step.

use kernels_tests::Case;
use papilla::graph::{AdamSettings, NodeId, Shape, Update, vector_jacobian_product};

const SETTINGS: AdamSettings = AdamSettings { beta1: 0.9, beta2: 0.999, eps: 1e-8, loss_scale: 1.0 };

fn build(seed: u64, shape: &[usize], lr: f32, step: i32, settings: AdamSettings) -> Case {
    let mut case = Case::new(seed);
    let grad = case.input(Shape::from(shape));
    let [param, first] = ["param", "first"].map(|name| case.state_in(name, Shape::from(shape), -1.0, 1.0));
    let second = case.state_in("second", Shape::from(shape), 0.01, 1.0);
    let correction = [1.0 - settings.beta1.powi(step), 1.0 - settings.beta2.powi(step)];
    let lr = case.input_of(Shape::scalar(), &[lr]);
    let correction = case.input_of([2], &correction);
    case.update(Update::Adam { param, first, second, grad, lr, correction, settings });
    case
}

#[test]
fn any_shape() {
    for shape in [&[][..], &[1], &[67], &[511], &[512], &[513], &[3, 5, 77], &[7, 5, 3, 3], &[2, 3, 1, 5, 7]] {
        build(1, shape, 1e-3, 1, SETTINGS).check();
    }
}

#[test]
fn any_settings_step_and_scale_of_the_loss() {
    let slow = AdamSettings { beta1: 0.5, beta2: 0.99, eps: 1e-3, loss_scale: 64.0 };
    for (step, lr) in [(1, 1e-3), (2, 0.1), (10, 2.5e-4), (1000, 1.0), (100_000, 1e-3)] {
        build(2, &[3, 71], lr, step, SETTINGS).check();
        build(3, &[3, 71], lr, step, slow).check();
    }
}

/// Nothing moves where gradient and moments are zero: the denominator is eps.
#[test]
fn zero_gradient_and_moments() {
    let mut case = Case::new(4);
    let param = case.state_in("param", [9], -1.0, 1.0);
    let [first, second] = ["first", "second"].map(|name| case.state_in(name, [9], 0.0, f32::MIN_POSITIVE));
    let grad = case.input_of([9], &[0.0; 9]);
    let (lr, correction) = (case.input_of(Shape::scalar(), &[1e-3]), case.input_of([2], &[0.1, 0.001]));
    case.update(Update::Adam { param, first, second, grad, lr, correction, settings: SETTINGS });
    case.check();
}

/// The gradient of the product of two parameters is the other parameter, as it was before either changed.
#[test]
fn gradients_are_taken_before_the_step() {
    let mut case = Case::new(5);
    let (u, v) = (case.state_in("u", [5, 7], -1.0, 1.0), case.state_in("v", [5, 7], -1.0, 1.0));
    let (old_u, old_v) = (case.graph.read_state(u), case.graph.read_state(v));
    let (lr, correction) = (case.input_of(Shape::scalar(), &[0.5]), case.input_of([2], &[0.1, 0.001]));
    for (name, param, grad) in [("u", u, old_v), ("v", v, old_u)] {
        let first = case.state_in(&format!("{name} first"), [5, 7], -1.0, 1.0);
        let second = case.state_in(&format!("{name} second"), [5, 7], 0.1, 1.0);
        case.update(Update::Adam { param, first, second, grad, lr, correction, settings: SETTINGS });
    }
    case.check();
}

#[test]
fn tensors_larger_than_a_binding() {
    build(6, &[23, 7, 3, 3], 0.1, 3, SETTINGS).check_in_pieces(512);
}

/// Every tensor of a network is updated by one launch, whatever their sizes.
#[test]
fn all_tensors_at_once() {
    let mut case = Case::new(7);
    let (lr, correction) = (case.input_of(Shape::scalar(), &[0.1]), case.input_of([2], &[0.1, 0.001]));
    for (index, extent) in [1, 511, 513, 7, 2000, 64].into_iter().enumerate() {
        add_tensor(&mut case, &format!("tensor {index}"), extent, lr, correction);
    }
    let gpu = kernels_tests::adapter(None, None);
    assert_eq!(case.check_on(&gpu), 1);
    case.check_in_pieces(1024);
}

fn add_tensor(case: &mut Case, name: &str, extent: usize, lr: NodeId, correction: NodeId) {
    let grad = case.input([extent]);
    let [param, first] = ["", " first"].map(|kind| case.state_in(&format!("{name}{kind}"), [extent], -1.0, 1.0));
    let second = case.state_in(&format!("{name} second"), [extent], 0.1, 1.0);
    case.update(Update::Adam { param, first, second, grad, lr, correction, settings: SETTINGS });
}

/// Gradients of a normalisation's weight and bias are halves of one value, at no multiple of an alignment, and are read there.
#[test]
fn gradients_that_are_slices() {
    for channels in [3, 64, 305] {
        let mut case = Case::new(8);
        let (lr, correction) = (case.input_of(Shape::scalar(), &[0.1]), case.input_of([2], &[0.1, 0.001]));
        let (x, dy) = (case.input([2, channels, 3, 5]), case.input([2, channels, 3, 5]));
        let [weight, bias] = ["weight", "bias"].map(|name| case.state_in(name, [channels], 0.5, 1.5));
        let stats = case.graph.batch_stats(x, 1).expect("a feature map");
        let values = [weight, bias].map(|state| case.graph.read_state(state));
        let y = case.graph.batch_norm_training(x, stats, values[0], values[1], 1e-5).expect("shapes fit");
        let grads = vector_jacobian_product(&mut case.graph, &[(y, dy)], &values).expect("rules exist");
        for (param, grad) in [weight, bias].into_iter().zip(grads) {
            let name = case.graph.state_info(param).name.clone();
            let [first, second] =
                ["first", "second"].map(|kind| case.state_in(&format!("{name} {kind}"), [channels], 0.1, 1.0));
            let grad = grad.expect("the output depends on both");
            case.update(Update::Adam { param, first, second, grad, lr, correction, settings: SETTINGS });
        }
        // Statistics, sums, and the updates of both; nothing is copied.
        assert_eq!(case.check_on(&kernels_tests::adapter(None, None)), 3);
    }
}
