//! `over_passes` against the twin: how passes agree, from their logits or from smaller ones that are resized.

use kernels_tests::{Case, adapter};
use papilla::gpu::{ConvVariant, Variant};
use papilla::graph::ResizeMode;
use papilla::method::prototypes::reliability;

/// Deviation and mean over passes, whose logits are perhaps resized, and perhaps read by others as well.
fn build(seed: u64, passes: usize, resized: bool, others: bool) -> Case {
    let mut case = Case::new(seed);
    let (small, large) = ([4, 3], [9, 11]);
    let [h, w] = if resized { small } else { large };
    let x = case.input_in([passes * 2, 2, h, w], -6.0, 6.0);
    let mut logits = case.graph.affine(x, 2.0, 0.1).expect("any shape");
    if resized {
        logits = case.graph.resize(logits, ResizeMode::BilinearAlignCorners, large).expect("feature maps");
    }
    if others {
        let sum = case.graph.sum_all(logits).expect("any shape");
        case.graph.output("sum", sum);
    }
    let logits = case.graph.reshape(logits, [passes, 2, 2, large[0], large[1]]).expect("as many elements");
    let found = reliability(&mut case.graph, logits, small, 2.0, 0.04).expect("shapes fit");
    case.graph.output("std", found.std);
    case.graph.output("mean", found.mean);
    case
}

#[test]
fn deviation_and_mean_of_passes() {
    for conv in [ConvVariant::Tiled, ConvVariant::Texture] {
        let gpu = adapter(Some(conv), None);
        for (seed, passes, resized, others) in [(1, 3, true, false), (2, 2, true, true), (3, 8, false, false)] {
            let case = build(seed, passes, resized, others);
            let variants = Variant::of_graph(&case.graph, &gpu.capabilities()).expect("it can be planned");
            let of = |shader: &str| variants.iter().filter(|variant| variant.shader == shader).count();
            assert_eq!(of("over_passes"), 2, "{seed}");
            // Of logits the affine function before; of the deviation its factor and the root.
            assert!(variants.iter().all(|variant| !variant.text().contains("KIND: u32 = SIGMOID")), "{seed}");
            case.check_on(&gpu);
        }
    }
}
