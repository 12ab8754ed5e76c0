//! Run one operator, forward and backward, on an adapter and on its f64 twin, and compare.
//!
//!     cargo run --release --example operator_and_twin
//!
//! The kernel tests do the same for every operator, with memory filled with NaN first: see `kernels-tests/README.md`.

use std::collections::HashMap;
use std::error::Error;

use papilla::device::Device;
use papilla::gpu::GpuOptions;
use papilla::graph::{ConvSpec, Graph, ShapeError, vector_jacobian_product};
use papilla::reference::{self, Array};

/// An atrous 3x3 convolution of 8 to 4 channels at rate 2: `y`, and the gradients `dx` and `dw` for a given `dy`.
fn convolution() -> Result<Graph, ShapeError> {
    let mut g = Graph::new();
    let x = g.input("x", [2, 8, 13, 17]);
    let w = g.input("w", [4, 8, 3, 3]);
    let spec = ConvSpec { padding: [2, 2], dilation: [2, 2], ..ConvSpec::default() };
    let y = g.conv2d(x, w, None, spec)?;
    let dy = g.input("dy", g.shape(y).clone());
    let gradients = vector_jacobian_product(&mut g, &[(y, dy)], &[x, w])?;
    g.output("y", y);
    for (name, gradient) in ["dx", "dw"].into_iter().zip(gradients) {
        g.output(name, gradient.expect("the convolution depends on both"));
    }
    Ok(g)
}

/// The largest error of each output, relative to the output's largest value.
fn errors(device: &Device) -> Result<Vec<(&'static str, f64)>, Box<dyn Error>> {
    let graph = convolution()?;
    let inputs: HashMap<String, Array> =
        [("x", vec![2, 8, 13, 17]), ("w", vec![4, 8, 3, 3]), ("dy", vec![2, 4, 13, 17])]
            .into_iter()
            .map(|(name, shape)| {
                let count: usize = shape.iter().product();
                let wave: Vec<f32> = (0..count).map(|i| (i as f32 * 0.37 + name.len() as f32).sin()).collect();
                (name.to_string(), Array::from_f32(shape, &wave))
            })
            .collect();
    let expected = reference::run(&graph, &inputs, &mut HashMap::new())?;
    let program = device.compile(&graph, &device.states())?;
    for (name, value) in &inputs {
        program.write(name, &value.to_f32())?;
    }
    program.run()?;
    let mut errors = Vec::new();
    for name in ["y", "dx", "dw"] {
        let (found, expected) = (program.read(&[name])?.remove(0), &expected[name].data);
        let largest = expected.iter().fold(0.0f64, |most, v| most.max(v.abs()));
        let error = found.iter().zip(expected).fold(0.0f64, |most, (f, e)| most.max((f64::from(*f) - e).abs()));
        errors.push((name, error / largest));
    }
    Ok(errors)
}

fn main() -> Result<(), Box<dyn Error>> {
    let wanted = std::env::var("PAPILLA_DEVICE").ok();
    let device = Device::open(wanted.as_deref(), GpuOptions::default())?;
    println!("on {}", device.name());
    for (name, error) in errors(&device)? {
        println!("{name:3} differs from the f64 twin by at most {error:.1e} of its largest value");
    }
    Ok(())
}

#[test]
fn adapter_and_twin_agree() {
    let device = Device::open(None, GpuOptions::default()).expect("there is an adapter");
    for (name, error) in errors(&device).expect("the example runs") {
        assert!(error < 1e-5, "{name}: {error}");
    }
}
