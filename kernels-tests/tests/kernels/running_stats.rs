//! `running_stats` against the twin: both statistics after a step.

use kernels_tests::Case;
use papilla::graph::Update;

#[test]
fn every_domain_and_any_number_of_channels() {
    for channels in [1, 3, 64, 65, 305] {
        for (domains, domain) in [(1, 0), (2, 0), (2, 1), (3, 1)] {
            for momentum in [0.0, 0.1, 1.0] {
                let mut case = Case::new(channels as u64);
                let mean = case.state_in("mean", [channels], -1.0, 1.0);
                let var = case.state_in("var", [channels], 0.1, 2.0);
                let stats = case.input_in([domains, 2, channels], 0.1, 3.0);
                case.update(Update::RunningStats { mean, var, stats, domain, momentum, unbias: 49.0 / 48.0 });
                case.check();
            }
        }
    }
}

/// Both domains of a batch, with the statistics of that batch.
#[test]
fn from_a_batch_of_two_domains() {
    let mut case = Case::new(1);
    let x = case.input([4, 7, 5, 9]);
    let stats = case.graph.batch_stats(x, 2).expect("four samples divide into two domains");
    for (domain, name) in ["source", "target"].into_iter().enumerate() {
        let mean = case.state_in(&format!("{name} mean"), [7], -1.0, 1.0);
        let var = case.state_in(&format!("{name} var"), [7], 0.1, 2.0);
        case.update(Update::RunningStats { mean, var, stats, domain, momentum: 0.1, unbias: 90.0 / 89.0 });
    }
    case.check();
}

/// Two batches through one layer, as a step with images of both domains has them: the second moves what the first left.
#[test]
fn one_state_moved_twice() {
    let mut case = Case::new(2);
    let mean = case.state_in("mean", [9], -1.0, 1.0);
    let var = case.state_in("var", [9], 0.1, 2.0);
    for (turn, momentum) in [0.1, 0.1, 0.3].into_iter().enumerate() {
        let stats = case.input_in([1, 2, 9], 0.1, 3.0);
        case.update(Update::RunningStats { mean, var, stats, domain: 0, momentum, unbias: 49.0 / 48.0 });
        // Another layer's does not have to wait.
        let [mean, var] = ["mean", "var"].map(|name| case.state_in(&format!("{name} {turn}"), [5], 0.1, 2.0));
        let stats = case.input_in([1, 2, 5], 0.1, 3.0);
        case.update(Update::RunningStats { mean, var, stats, domain: 0, momentum, unbias: 2.0 });
    }
    // One for each turn of the state that moves three times; the other layers share them.
    assert_eq!(case.check_on(&kernels_tests::adapter(None, None)), 3);
}
