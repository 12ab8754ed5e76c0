//! `average` against the twin: the average after a step, of states as the updates before it leave them.

use kernels_tests::Case;
use papilla::graph::{SgdSettings, Shape, Update};

fn build(seed: u64, shape: &[usize], step: f32, decay: f32) -> Case {
    let mut case = Case::new(seed);
    let [average, state] = ["average", "state"].map(|name| case.state_in(name, Shape::from(shape), -1.0, 1.0));
    let step = case.input_of(Shape::scalar(), &[step]);
    case.update(Update::Average { average, state, step, decay });
    case
}

#[test]
fn any_shape() {
    for shape in [&[][..], &[1], &[67], &[7, 5, 3, 3], &[2, 3, 1, 5, 7]] {
        build(1, shape, 1000.0, 0.99).check();
    }
}

/// The first steps keep less than later ones.
#[test]
fn any_step_and_decay() {
    for step in [0.0, 1.0, 80.0, 1e6] {
        for decay in [0.0, 0.5, 0.999, 1.0] {
            build(2, &[3, 71], step, decay).check();
        }
    }
}

#[test]
fn tensors_larger_than_a_binding() {
    build(3, &[23, 7, 3, 3], 50.0, 0.9).check_in_pieces(512);
}

/// Averages follow the update of what they average, and come before the next one.
#[test]
fn states_are_averaged_where_they_stand_among_updates() {
    let mut case = Case::new(4);
    let shape = || Shape::from(&[5, 71][..]);
    let settings = SgdSettings { momentum: 0.0, weight_decay: 0.0, loss_scale: 1.0 };
    let (lr, step) = (case.input_of(Shape::scalar(), &[1.0]), case.input_of(Shape::scalar(), &[100.0]));
    for tensor in 0..3 {
        let [param, velocity, early, late] = ["param", "velocity", "early", "late"]
            .map(|name| case.state_in(&format!("{name} {tensor}"), shape(), -1.0, 1.0));
        for average in [early, late] {
            let grad = case.input(shape());
            case.update(Update::Sgd { param, velocity, grad, lr, settings });
            case.update(Update::Average { average, state: param, step, decay: 0.5 });
        }
    }
    case.check();
}
