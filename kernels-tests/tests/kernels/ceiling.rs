//! The kernels that measure what an adapter can do must do what they are counted for.

use kernels_tests::adapter;

#[test]
fn every_multiply_add_is_done() {
    // The factor rounds to 1, so each of the chains adds ½ in each step.
    let steps = 96;
    let got = adapter(None, None).multiply_add_results(2048, steps).expect("the adapter runs");
    let expected = (0..2048u32).flat_map(|i| {
        let start = (i % 1024) as f32 / 1024.0;
        (0..4).map(move |c| 3.0 * (start + c as f32) + 12.0 + 1.5 * steps as f32)
    });
    assert_eq!(got, expected.collect::<Vec<f32>>());
}

#[test]
fn the_ceilings_are_positive() {
    let ceiling = adapter(None, None).ceiling().expect("the adapter runs");
    assert!(ceiling.gflops > 0.0 && ceiling.gflops.is_finite());
    assert!(ceiling.gigabytes_per_second > 0.0 && ceiling.gigabytes_per_second.is_finite());
}
