//! `sgd` against the twin: parameter and velocity after a step.

use kernels_tests::Case;
use papilla::graph::{SgdSettings, Shape, Update};

fn build(seed: u64, shape: &[usize], lr: f32, momentum: f32, weight_decay: f32) -> Case {
    build_with(seed, shape, lr, SgdSettings { momentum, weight_decay, loss_scale: 1.0 })
}

fn build_with(seed: u64, shape: &[usize], lr: f32, settings: SgdSettings) -> Case {
    let mut case = Case::new(seed);
    let [param, velocity] = ["param", "velocity"].map(|name| case.state_in(name, Shape::from(shape), -1.0, 1.0));
    let (grad, lr) = (case.input(Shape::from(shape)), case.input_of(Shape::scalar(), &[lr]));
    case.update(Update::Sgd { param, velocity, grad, lr, settings });
    case
}

#[test]
fn any_shape() {
    for shape in [&[][..], &[1], &[67], &[7, 5, 3, 3], &[2, 3, 1, 5, 7]] {
        build(1, shape, 0.01, 0.9, 5e-4).check();
    }
}

#[test]
fn any_settings() {
    for momentum in [0.0, 0.9, 0.999] {
        for weight_decay in [0.0, 5e-4, 0.3] {
            for lr in [0.0, 1e-3, 2.0] {
                build(2, &[3, 71], lr, momentum, weight_decay).check();
            }
        }
    }
}

/// Only the gradient was scaled with the loss, not the decay.
#[test]
fn scaled_losses() {
    let settings = SgdSettings { momentum: 0.9, weight_decay: 0.3, loss_scale: 64.0 };
    build_with(5, &[3, 71], 0.1, settings).check();
}

#[test]
fn tensors_larger_than_a_binding() {
    build(3, &[23, 7, 3, 3], 0.1, 0.9, 0.01).check_in_pieces(512);
}

/// More workgroups than one axis of the grid may have.
#[test]
fn four_million_parameters() {
    build(4, &[65_535 * 64 + 77], 0.1, 0.9, 0.01).check();
}
