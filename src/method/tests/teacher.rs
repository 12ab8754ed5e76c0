//! The mean teacher: its loss by its formula, who labels what, and who learns.

use std::collections::HashMap;

use super::{noise, settings, teacher_weights, values};
use crate::graph::{Graph, Op, Shape, vector_jacobian_product};
use crate::method::step::{TeacherSettings, trace};
use crate::method::teacher::loss;
use crate::nn::Norm;
use crate::reference::{self, Array};

const SHAPE: [usize; 4] = [2, 2, 3, 4];

/// The loss and its gradient by the student's logits.
fn found(settings: TeacherSettings, student: &[f64], teacher: &[f64]) -> (f64, Vec<f64>) {
    let mut g = Graph::new();
    let [student_logits, teacher_logits] = ["student", "teacher"].map(|name| g.input(name, SHAPE));
    let value = loss(&mut g, student_logits, teacher_logits, settings).expect("shapes fit");
    let one = g.constant(1.0, Shape::scalar());
    let gradients =
        vector_jacobian_product(&mut g, &[(value, one)], &[student_logits, teacher_logits]).expect("a rule");
    assert!(gradients[1].is_none(), "the teacher learns nothing");
    g.output("loss", value);
    g.output("gradient", gradients[0].expect("the student learns"));
    let array = |data: &[f64]| Array { shape: SHAPE.into(), data: data.to_vec() };
    let inputs = HashMap::from([("student".into(), array(student)), ("teacher".into(), array(teacher))]);
    let values = reference::run(&g, &inputs, &mut HashMap::new()).expect("everything is given");
    (values["loss"].data[0], values["gradient"].data.clone())
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// The same by the formula in the loss's documentation, pixel by pixel.
fn expected(settings: TeacherSettings, student: &[f64], teacher: &[f64]) -> f64 {
    let plane = SHAPE[2] * SHAPE[3];
    let classes = 0..SHAPE[1];
    let of_class = |class: usize, weight: &dyn Fn(f64) -> f64| {
        let (mut sum, mut count) = (0.0, 0.0);
        for index in (0..student.len()).filter(|index| index / plane % SHAPE[1] == class) {
            let (s, p) = (sigmoid(student[index]), sigmoid(teacher[index]));
            let (threshold, margin) = (f64::from(settings.thresholds[class]), f64::from(settings.margin));
            let label = f64::from(u8::from(p > threshold));
            let is_sure = p > threshold + margin * (1.0 - threshold) || p <= threshold * (1.0 - margin);
            let counted = if is_sure { weight(label) } else { 0.0 };
            sum -= counted * (label * s.ln() + (1.0 - label) * (1.0 - s).ln());
            count += counted;
        }
        if count == 0.0 { 0.0 } else { sum / count }
    };
    let mean = |weight: &dyn Fn(f64) -> f64| {
        classes.clone().map(|class| of_class(class, weight)).sum::<f64>() / SHAPE[1] as f64
    };
    match settings.balanced {
        true => 0.5 * (mean(&|label| label) + mean(&|label| 1.0 - label)),
        false => mean(&|_| 1.0),
    }
}

#[test]
fn the_loss_is_its_formula_and_only_the_student_learns() {
    let logits = |seed: u32| noise(seed, SHAPE.iter().product()).iter().map(|v| 4.0 * v).collect::<Vec<f64>>();
    let (student, teacher) = (logits(1), logits(2));
    for (thresholds, margin) in [([0.5; 2], 0.0), ([0.375, 0.75], 0.5)] {
        for balanced in [false, true] {
            let settings = TeacherSettings { thresholds, margin, balanced };
            let (value, gradient) = found(settings, &student, &teacher);
            assert!((value - expected(settings, &student, &teacher)).abs() < 1e-12, "{settings:?}: {value}");
            for index in [0, 13, 30, 47] {
                let moved = |by: f64| {
                    let mut student = student.clone();
                    student[index] += by;
                    expected(settings, &student, &teacher)
                };
                let difference = (moved(1e-6) - moved(-1e-6)) / 2e-6;
                assert!(
                    (gradient[index] - difference).abs() < 1e-8,
                    "{settings:?}: {} and {difference}",
                    gradient[index]
                );
            }
        }
    }
}

#[test]
fn a_class_of_which_nothing_counts_gives_nothing() {
    let undecided = vec![0.1; SHAPE.iter().product()];
    let (value, gradient) =
        found(TeacherSettings { margin: 0.75, balanced: true, ..TeacherSettings::default() }, &undecided, &undecided);
    assert_eq!((value, gradient), (0.0, vec![0.0; undecided.len()]));
}

/// Whatever the plain image is, the network sees the changed one; whatever the changed one is, the label stays.
#[test]
fn averages_label_the_plain_image_and_the_network_learns_on_the_changed_one() {
    let step = trace(&settings(teacher_weights(0.0, 1.0), Norm::Batch)).expect("shapes fit");
    let (inputs, states) = values(&step);
    let run = |changed_input: Option<&str>, changed_state: Option<&str>| {
        let (mut inputs, mut states) = (inputs.clone(), states.clone());
        let change = |array: &mut Array, factor| array.data.iter_mut().for_each(|value| *value *= factor);
        changed_input.into_iter().for_each(|name| change(inputs.get_mut(name).expect("an input"), 0.5));
        changed_state.into_iter().for_each(|name| change(states.get_mut(name).expect("a state"), -1.0));
        reference::run(&step.graph, &inputs, &mut states).expect("everything is given")
    };
    let base = run(None, None);
    let same = |other: &HashMap<String, Array>, name: &str| other[name].data == base[name].data;
    let plain = run(Some("image_t"), None);
    assert!(!same(&plain, "picture.uncertainty"), "the teacher sees the plain image");
    assert!(same(&plain, "picture.prediction") && same(&plain, "seg"));
    let changed = run(Some("image_t_aug"), None);
    assert!(same(&changed, "picture.uncertainty") && !same(&changed, "picture.prediction"));
    let teacher = run(None, Some("average.decoder.last_conv.3.weight"));
    assert!(!same(&teacher, "picture.uncertainty") && same(&teacher, "picture.prediction"));
}

#[test]
fn the_teacher_is_the_whole_network() {
    let step = trace(&settings(teacher_weights(0.1, 1.0), Norm::Batch)).expect("shapes fit");
    let is_read = |name: &str| {
        let reads = |op: &Op| matches!(op, Op::State(state) if step.graph.state_info(*state).name == name);
        step.graph.nodes().iter().any(|node| reads(&node.op))
    };
    let unread: Vec<&str> = step.tensors.iter().map(|tensor| tensor.name.as_str()).collect();
    let unread = unread.into_iter().filter(|name| !is_read(&format!("average.{name}")));
    assert_eq!(unread.collect::<Vec<_>>(), Vec::<&str>::new());
}
