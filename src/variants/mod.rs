//! Every shader variant that the program launches: those of the training steps and networks in their default sizes, on a
//! hardware and on software adapters, with every kernel of convolutions, in 32 and in 16 bits; every elementwise function
//! and interpolation; and entry points that none of them use as their files have them.

mod translated;

use std::collections::BTreeMap;

use rayon::prelude::*;

use crate::gpu::shader::{SOURCES, source};
use crate::gpu::translate::ValidShader;
use crate::gpu::{Capabilities, ConvVariant, GpuError, Matrices, Tile, Variant};
use crate::graph::{
    Binary, Graph, NodeId, PoolSpec, Precision, ResizeMode, ShapeError, Unary, vector_jacobian_product,
};
use crate::inference::trace_evaluation;
use crate::method::step::trace;
use crate::nn::Domain;
use crate::nn::deeplab::Backbone;
use crate::train::{Config, Method, NormSetting};

pub use translated::{Translations, table, translated};

/// Why a graph of the program has no shaders.
#[derive(Debug, thiserror::Error)]
pub enum VariantError {
    /// It cannot be traced.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// It cannot be planned.
    #[error(transparent)]
    Gpu(#[from] GpuError),
}

/// A graph of the program.
enum Work {
    /// a training step, after the warm-up
    Step(Config),
    /// a network in evaluation, and what it computes of its weights before
    Network(Config),
    /// single operators
    Operators,
}

impl Work {
    fn graphs(&self) -> Result<Vec<Graph>, ShapeError> {
        match self {
            Work::Step(config) => Ok(vec![trace(&config.step_settings(true))?.graph]),
            Work::Network(config) => {
                let (graphs, _) = trace_evaluation(config.network(), Domain::Target, config.size, 4)?;
                Ok(vec![graphs.prepare, graphs.rest])
            }
            Work::Operators => Ok(vec![operators()?]),
        }
    }
}

/// All variants, in the order of their names.
///
/// # Errors
/// If a graph cannot be traced or planned, which would be a fault of the program.
pub fn all() -> Result<Vec<Variant>, VariantError> {
    let launched = work().into_par_iter().map(|(work, machine)| {
        let mut found = Vec::new();
        for graph in work.graphs()? {
            found.extend(Variant::of_graph(&graph, &machine)?);
        }
        Ok(found)
    });
    let launched: Vec<Vec<Variant>> = launched.collect::<Result<_, VariantError>>()?;
    // Should launches of one text bind otherwise than others, both are among them.
    let named = |variant: Variant| ((variant.name(), variant.interface().cloned()), variant);
    let mut all: BTreeMap<_, Variant> = launched.into_iter().flatten().map(named).collect();
    for (shader, text) in SOURCES {
        for entry in ValidShader::entry_points(source(shader).map_err(GpuError::from)?) {
            // A shader that builds on another has that one's entry points too, which are launched there.
            let own = text.contains(&format!("fn {entry}("));
            if own && !all.values().any(|known| known.shader == *shader && known.entry == entry) {
                all.extend([named(Variant::as_written(shader, &entry)?)]);
            }
        }
    }
    Ok(all.into_values().collect())
}

/// What the program computes, on which machine.
fn work() -> Vec<(Work, Capabilities)> {
    let hardware = Capabilities::typical_hardware();
    // Lavapipe's limits.
    let software = Capabilities {
        binding_elements: 1 << 25,
        lanes: 8,
        conv: ConvVariant::Texture,
        memory_is_dear: false,
        ..hardware.clone()
    };
    let subgroups = Capabilities { subgroups_of_eight: true, ..software.clone() };
    let direct = Capabilities { conv: ConvVariant::Direct, ..hardware.clone() };
    let config = |backbone: Backbone, output_stride: usize| {
        let mut config = Config::new(Default::default());
        (config.method, config.output_stride) = (Method::Clr, output_stride);
        config.set_backbone(backbone);
        config
    };
    let mobilenet = config(Backbone::MobileNetV2, 16);
    let half = |config: Config| Config { precision: Precision::F16, ..config };
    let mut work = vec![(Work::Operators, hardware.clone())];
    for backbone in Backbone::ALL {
        for &output_stride in backbone.output_strides() {
            let config = config(backbone, output_stride);
            for machine in [&hardware, &software] {
                work.push((Work::Step(config.clone()), machine.clone()));
                work.push((Work::Network(config.clone()), machine.clone()));
            }
            work.push((Work::Step(half(config)), hardware.clone()));
        }
    }
    let averaged = Config { ema_decay: 0.999, ..mobilenet.clone() };
    work.push((Work::Step(averaged), hardware.clone()));
    let trans = Config { norm: NormSetting::Trans, ..mobilenet.clone() };
    let small = Config { size: 128, ..mobilenet.clone() };
    for machine in [&hardware, &software, &subgroups] {
        work.push((Work::Step(trans.clone()), machine.clone()));
        work.push((Work::Step(small.clone()), machine.clone()));
    }
    let tiles = Tile::ALL.map(|tile| Capabilities { tile: Some(tile), ..hardware.clone() });
    let matrices = [8, 16].map(|size| Capabilities {
        conv: ConvVariant::Cooperative,
        matrices: Some(Matrices { size, lanes: 32 }),
        ..hardware.clone()
    });
    let narrow = Capabilities { binding_elements: software.binding_elements, ..hardware };
    for machine in tiles.into_iter().chain(matrices).chain([direct, narrow]) {
        work.push((Work::Step(mobilenet.clone()), machine.clone()));
        work.push((Work::Step(half(mobilenet.clone())), machine));
    }
    work
}

/// Elementwise functions, interpolations and poolings, forward and backward.
fn operators() -> Result<Graph, ShapeError> {
    let mut g = Graph::new();
    let [x, z] = ["x", "z"].map(|name| g.input(name, [2, 3, 8, 8]));
    let column = g.input("column", [1, 3, 1, 1]);
    let mut results: Vec<NodeId> = Vec::new();
    for function in [
        Unary::Relu,
        Unary::Relu6,
        Unary::LeakyRelu(0.2),
        Unary::Sigmoid,
        Unary::Square,
        Unary::Sqrt,
        Unary::Affine { mul: 2.0, add: 1.0 },
        Unary::Entropy { smooth: 1e-7 },
        Unary::Above(0.5),
    ] {
        results.push(g.unary(function, x)?);
    }
    for function in [
        Binary::Add,
        Binary::Sub,
        Binary::Mul,
        Binary::Div,
        Binary::DivOrZero,
        Binary::Greater,
        Binary::Bce,
        Binary::BceGrad,
        Binary::BceWithLogits,
    ] {
        results.push(g.binary(function, x, z)?);
        results.push(g.binary(function, x, column)?);
    }
    for mode in [ResizeMode::BilinearAlignCorners, ResizeMode::BilinearHalfPixel, ResizeMode::Nearest] {
        results.push(g.resize(x, mode, [5, 11])?);
    }
    results.push(g.max_pool2d(x, PoolSpec { kernel: [3, 3], stride: [2, 2], padding: [1, 1] })?);
    for (index, y) in results.into_iter().enumerate() {
        g.output(&format!("y {index}"), y);
        let shape = g.shape(y).clone();
        let dy = g.input(&format!("dy {index}"), shape);
        if let [Some(dx)] = vector_jacobian_product(&mut g, &[(y, dy)], &[x])?[..] {
            g.output(&format!("dx {index}"), dx);
        }
    }
    Ok(g)
}
