//! Whole runs: old states, order of updates, and what a run refuses.

use std::collections::HashMap;

use crate::graph::{AdamSettings, Graph, NodeId, SgdSettings, Shape, StateId, Update};
use crate::reference::{Array, ReferenceError, run};

type Arrays = HashMap<String, Array>;

fn arrays<const N: usize>(values: [(&str, &[f64]); N]) -> Arrays {
    values.map(|(name, data)| (name.to_string(), Array::new([data.len()], data.to_vec()))).into()
}

/// A graph with state `w [2]`, its value, and input `x [2]`.
fn small_graph() -> (Graph, StateId, NodeId, NodeId) {
    let mut g = Graph::new();
    let state = g.declare_state("w", [2]).unwrap();
    let (w, x) = (g.read_state(state), g.input("x", [2]));
    (g, state, w, x)
}

#[test]
fn every_value_is_computed_from_the_old_states() {
    let (mut g, state, w, x) = small_graph();
    let other = g.declare_state("other", [2]).unwrap();
    let sum = g.add(w, x).unwrap();
    g.update(Update::Assign { state, value: sum });
    g.update(Update::Assign { state: other, value: w });
    g.output("w", w);
    g.output("sum", sum);
    g.output("sum again", sum);
    let mut states = arrays([("w", &[1.0, 2.0]), ("other", &[0.0, 0.0]), ("untouched", &[7.0])]);
    let outputs = run(&g, &arrays([("x", &[10.0, 20.0])]), &mut states).unwrap();
    assert_eq!(outputs, arrays([("w", &[1.0, 2.0]), ("sum", &[11.0, 22.0]), ("sum again", &[11.0, 22.0])]));
    assert_eq!(states, arrays([("w", &[11.0, 22.0]), ("other", &[1.0, 2.0]), ("untouched", &[7.0])]));
}

#[test]
fn updates_apply_in_order() {
    let (mut g, state, w, x) = small_graph();
    let velocity = g.declare_state("velocity", [2]).unwrap();
    let lr = g.constant(0.5, Shape::scalar());
    let settings = SgdSettings { momentum: 0.5, weight_decay: 0.0, loss_scale: 1.0 };
    // The second step adds to the first one's result; its gradient is still that of the old state.
    let grad = g.mul(w, x).unwrap();
    for _ in 0..2 {
        g.update(Update::Sgd { param: state, velocity, grad, lr, settings });
    }
    let mut states = arrays([("w", &[1.0, 2.0]), ("velocity", &[0.0, 4.0])]);
    run(&g, &arrays([("x", &[1.0, 1.0])]), &mut states).unwrap();
    assert_eq!(states, arrays([("w", &[-0.25, -2.0]), ("velocity", &[1.5, 4.0])]));
}

#[test]
fn sgd_decays_the_weight_within_the_velocity() {
    let (mut g, state, _, x) = small_graph();
    let velocity = g.declare_state("velocity", [2]).unwrap();
    let lr = g.constant(0.5, Shape::scalar());
    let settings = SgdSettings { momentum: 0.25, weight_decay: 0.125, loss_scale: 1.0 };
    g.update(Update::Sgd { param: state, velocity, grad: x, lr, settings });
    let mut states = arrays([("w", &[8.0, 0.0]), ("velocity", &[4.0, 0.0])]);
    run(&g, &arrays([("x", &[2.0, 1.0])]), &mut states).unwrap();
    assert_eq!(states, arrays([("w", &[6.0, -0.5]), ("velocity", &[4.0, 1.0])]));
}

#[test]
fn adam_corrects_the_moments() {
    let (mut g, param, _, grad) = small_graph();
    let first = g.declare_state("first", [2]).unwrap();
    let second = g.declare_state("second", [2]).unwrap();
    let (lr, correction) = (g.input("lr", [1]), g.input("correction", [2]));
    let settings = AdamSettings { beta1: 0.5, beta2: 0.75, eps: 0.5, loss_scale: 1.0 };
    g.update(Update::Adam { param, first, second, grad, lr, correction, settings });
    let mut states = arrays([("w", &[1.0, 1.0]), ("first", &[0.0, 2.0]), ("second", &[0.0, 4.0])]);
    let inputs = arrays([("x", &[4.0, -4.0]), ("lr", &[0.1]), ("correction", &[0.5, 0.25])]);
    run(&g, &inputs, &mut states).unwrap();
    // m = 2, v = 4, so 0.1·(2/0.5)/(√(4/0.25) + 0.5); m = -1, v = 7.
    assert_eq!(states["first"].data, [2.0, -1.0]);
    assert_eq!(states["second"].data, [4.0, 7.0]);
    let want = [1.0 - 0.1 * 4.0 / 4.5, 1.0 + 0.1 * 2.0 / (28f64.sqrt() + 0.5)];
    assert!(states["w"].data.iter().zip(want).all(|(got, want)| (got - want).abs() < 1e-15), "{states:?}");
}

#[test]
fn running_statistics_follow_their_domain() {
    let mut g = Graph::new();
    let (mean, var) = (g.declare_state("mean", [2]).unwrap(), g.declare_state("var", [2]).unwrap());
    let stats = g.input("stats", [8]);
    let stats = g.reshape(stats, [2, 2, 2]).unwrap();
    g.update(Update::RunningStats { mean, var, stats, domain: 1, momentum: 0.25, unbias: 2.0 });
    let mut states = arrays([("mean", &[0.0, 4.0]), ("var", &[1.0, 1.0])]);
    let inputs = arrays([("stats", &[9.0, 9.0, 9.0, 9.0, 4.0, 8.0, 2.0, 0.5])]);
    run(&g, &inputs, &mut states).unwrap();
    assert_eq!(states, arrays([("mean", &[1.0, 5.0]), ("var", &[1.75, 1.0])]));
}

#[test]
fn only_what_is_needed_is_asked_for() {
    let (mut g, _, _, x) = small_graph();
    let unused = g.input("unused", [3]);
    g.relu(unused).unwrap();
    let y = g.relu(x).unwrap();
    g.output("y", y);
    let outputs = run(&g, &arrays([("x", &[-1.0, 2.0])]), &mut Arrays::new()).unwrap();
    assert_eq!(outputs["y"].data, [0.0, 2.0]);
}

#[test]
fn what_is_missing_or_misshapen_is_named_and_nothing_changes() {
    let (mut g, state, w, x) = small_graph();
    let sum = g.add(w, x).unwrap();
    g.update(Update::Assign { state, value: sum });
    let good = arrays([("x", &[1.0, 1.0])]);
    let refused = |inputs: &Arrays, mut states: Arrays| {
        let before = states.clone();
        let message = run(&g, inputs, &mut states).unwrap_err().to_string();
        assert_eq!(states, before);
        message
    };
    assert_eq!(
        refused(&Arrays::new(), arrays([("w", &[0.0, 0.0])])),
        "input `x` of shape [2] is missing: give it a value for this run"
    );
    assert_eq!(
        refused(&good, Arrays::new()),
        "state `w` of shape [2] is missing: load or initialise it before the run"
    );
    assert_eq!(
        refused(&good, arrays([("w", &[0.0, 0.0, 0.0])])),
        "state `w` has 3 values and shape [3], but the graph expects shape [2]"
    );
    let short = [("x".to_string(), Array { shape: [2].into(), data: vec![1.0] })].into();
    assert_eq!(
        refused(&short, arrays([("w", &[0.0, 0.0])])),
        "input `x` has 1 values and shape [2], but the graph expects shape [2]"
    );
}

/// Makes an update from states `w [2]`, `v [2]` and `long [3]` and values of shapes `[2]`, `[3]` and `[]`.
type MakeUpdate = fn(&mut Graph, StateId, StateId, StateId, [NodeId; 3]) -> Update;

#[test]
fn updates_that_do_not_fit_are_refused() {
    let states = arrays([("w", &[0.0, 0.0]), ("v", &[0.0, 0.0]), ("long", &[0.0, 0.0, 0.0])]);
    let inputs = arrays([("x", &[1.0, 1.0]), ("y", &[1.0, 1.0, 1.0])]);
    let refused = |update: MakeUpdate| {
        let (mut g, w, _, x) = small_graph();
        let (v, long) = (g.declare_state("v", [2]).unwrap(), g.declare_state("long", [3]).unwrap());
        let (y, lr) = (g.input("y", [3]), g.constant(0.1, Shape::scalar()));
        let update = update(&mut g, w, v, long, [x, y, lr]);
        g.update(update);
        run(&g, &inputs, &mut states.clone()).unwrap_err()
    };
    const SGD: SgdSettings = SgdSettings { momentum: 0.9, weight_decay: 0.0, loss_scale: 1.0 };
    const ADAM: AdamSettings = AdamSettings { beta1: 0.9, beta2: 0.99, eps: 1e-8, loss_scale: 1.0 };
    let error = refused(|_, w, _, _, [_, y, _]| Update::Assign { state: w, value: y });
    assert_eq!(
        error.to_string(),
        "update `assign` of state `w` cannot use a value of shape [3]: it needs the state's shape [2]"
    );
    let error =
        refused(|_, w, _, long, [x, _, lr]| Update::Sgd { param: w, velocity: long, grad: x, lr, settings: SGD });
    assert_eq!(
        error.to_string(),
        "update `sgd` cannot change `long` along with `w`: they must be two states of one shape"
    );
    let unusable_states: [MakeUpdate; 2] = [
        |_, w, _, _, [x, _, lr]| Update::Sgd { param: w, velocity: w, grad: x, lr, settings: SGD },
        |_, w, v, _, [x, _, lr]| Update::Adam {
            param: w,
            first: v,
            second: v,
            grad: x,
            lr,
            correction: x,
            settings: ADAM,
        },
    ];
    for update in unusable_states {
        assert!(matches!(refused(update), ReferenceError::UnusableState { .. }));
    }
    let unusable_values: [MakeUpdate; 4] = [
        |_, w, v, _, [_, y, lr]| Update::Sgd { param: w, velocity: v, grad: y, lr, settings: SGD },
        |_, w, v, _, [x, y, _]| Update::Sgd { param: w, velocity: v, grad: x, lr: y, settings: SGD },
        |_, w, v, _, [x, ..]| Update::RunningStats { mean: w, var: v, stats: x, domain: 0, momentum: 0.1, unbias: 1.0 },
        |g, w, v, _, _| {
            let stats = g.constant(0.0, [1, 2, 2]);
            Update::RunningStats { mean: w, var: v, stats, domain: 1, momentum: 0.1, unbias: 1.0 }
        },
    ];
    for update in unusable_values {
        assert!(matches!(refused(update), ReferenceError::UnusableValue { .. }));
    }
}
