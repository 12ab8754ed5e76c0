//! Every kernel against its twin, and what stands around kernels: one test program, because each one costs a link.

#![allow(clippy::disallowed_methods, reason = "tests write files as others do")]

mod adam;
mod adaptation_step;
mod apart;
mod average;
mod bare_kernel;
mod batch_norm;
mod batch_norm_texture;
mod batch_stats;
mod binary;
mod ceiling;
mod combined;
mod compilers;
mod conv2d;
mod conv2d_cooperative;
mod copy;
mod depthwise_texture;
mod dropout;
mod half;
mod interfaces;
mod joined;
mod max_pool;
mod on_load;
mod on_store;
mod over_passes;
mod pack_texture;
mod pad;
mod pipeline_cache;
mod probes;
mod profile;
mod prototype_distance;
mod resize;
mod running_stats;
mod sgd;
mod shaders;
mod sum;
mod textures;
mod trans_norm_scale;
mod translations;
mod tuning;
mod unary;
mod watchdog;
mod weighted_sum;
mod winograd;
mod workgroup_stores;

#[test]
fn every_file_is_a_module() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/kernels");
    assert_eq!(harness::forgotten_modules(folder.as_ref()), Vec::<String>::new());
}
