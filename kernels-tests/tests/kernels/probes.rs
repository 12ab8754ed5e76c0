//! A probe of each operator against the twin, as `papilla bench --portability` makes it: the quickest look at a driver.

use kernels_tests::{Case, adapter};
use papilla::conformance::PROBES;

#[test]
fn every_operator_on_the_adapter() {
    let gpu = adapter(None, None);
    println!("{} ({})", gpu.name(), gpu.description().info.driver_info);
    for (seed, (name, build)) in PROBES.iter().enumerate() {
        println!("{name}");
        let mut case = Case::new(seed as u64);
        build(&mut case).expect("the probes' shapes fit");
        case.check_on(&gpu);
    }
}
