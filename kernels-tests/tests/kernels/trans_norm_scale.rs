//! `trans_norm_scale` against the twin.

use kernels_tests::Case;
use papilla::graph::Op;

#[test]
fn any_number_of_channels() {
    for channels in [1, 2, 7, 8, 63, 64, 65, 305, 2048] {
        for (eps, unbias) in [(1e-5, 1.0), (1e-3, 63.0 / 62.0), (1e-5, 2.0)] {
            let mut case = Case::new(channels as u64);
            let stats = case.input_in([2, 2, channels], 0.05, 2.0);
            let y = case.graph.push(Op::TransNormScale { eps, unbias }, &[stats]).expect("two domains");
            case.graph.output("y", y);
            case.check();
        }
    }
}

/// Domains that agree in every channel give a scale of 2 throughout; a channel without variance stands on eps.
#[test]
fn equal_domains_and_constant_channels() {
    let half = [0.3, -0.2, 0.0, 5.0, 1.0, 0.0, 0.5, 4.0];
    let mut other = half;
    other[1] = 0.2;
    for target in [half, other] {
        let mut case = Case::new(1);
        let stats = case.input_of([2, 2, 4], &[half, target].concat());
        let y = case.graph.push(Op::TransNormScale { eps: 1e-5, unbias: 1.5 }, &[stats]).expect("two domains");
        case.graph.output("y", y);
        case.check();
    }
}

#[test]
fn from_a_batch_of_two_domains() {
    let mut case = Case::new(2);
    let x = case.input([6, 37, 5, 9]);
    let stats = case.graph.batch_stats(x, 2).expect("six samples divide into two domains");
    let y = case.graph.push(Op::TransNormScale { eps: 1e-5, unbias: 135.0 / 134.0 }, &[stats]).expect("two domains");
    case.graph.output("y", y);
    case.check();
}
