//! Launches give every shader what it reads: fields of the uniform block by name, type and order, buffers and textures.

use papilla::gpu::translate::ValidShader;
use papilla::gpu::{BufferAccess, Scalar, TextureAccess};

use super::translations::VARIANTS;

#[test]
fn every_launch_gives_its_shader_what_that_declares() {
    let (mut launched, mut wrong) = (0, Vec::new());
    for variant in VARIANTS.iter() {
        let Some(given) = variant.interface() else { continue };
        let shader = ValidShader::parse(variant.text(), &variant.entry).expect("variants are valid");
        let taken = shader.interface().unwrap_or_else(|error| panic!("{}: {error}", variant.name()));
        if *given != taken {
            wrong.push(format!("{} is given {given:?}, takes {taken:?}", variant.name()));
        }
        // The traffic of a plan counts so; a sum goes on only where a tensor is larger than a binding.
        let updates = ["adam", "average", "sgd", "running_stats", "sum"].contains(&variant.shader);
        if shader.updates() != updates {
            wrong.push(format!("{}: does it read what it writes?", variant.name()));
        }
        launched += 1;
    }
    assert!(wrong.is_empty(), "{} variants:\n{}", wrong.len(), wrong.join("\n"));
    assert!(launched > 500, "{launched} of {} variants are launched", VARIANTS.len());
}

#[test]
fn what_shaders_only_read_is_bound_so() {
    for variant in VARIANTS.iter() {
        let shader = ValidShader::parse(variant.text(), &variant.entry).expect("variants are valid");
        // The state is in the buffer of the averages, which WebGPU lets a launch bind in one way alone.
        let excused: &[u32] = if variant.shader == "average" { &[3] } else { &[] };
        assert_eq!(shader.only_read(), excused, "{}", variant.name());
    }
}

const SHADER: &str = "
struct Params { count: u32, shift: i32, factor: f32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read_write> x: array<f32>;
@group(0) @binding(2) var<storage, read> y: array<f32>;
@group(0) @binding(3) var maps: texture_storage_2d<rgba32float, read>;
@group(0) @binding(4) var result: texture_storage_2d<rgba32float, write>;
@compute @workgroup_size(8) fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let texel = textureLoad(maps, vec2<u32>(id.x, p.count)) * p.factor;
    textureStore(result, vec2<u32>(id.x, 0u), texel);
    x[id.x] = f32(p.shift) + y[id.x];
}
";

#[test]
fn what_a_shader_declares_is_read_from_its_text() {
    let interface = ValidShader::parse(SHADER, "main").expect("valid").interface().expect("launches can give it");
    let fields: Vec<(&str, Scalar)> = interface.fields.iter().map(|(name, scalar)| (&name[..], *scalar)).collect();
    assert_eq!(fields, [("count", Scalar::U32), ("shift", Scalar::I32), ("factor", Scalar::F32)]);
    assert_eq!(interface.buffers, [BufferAccess::ReadWrite, BufferAccess::Read]);
    assert_eq!(interface.textures, [TextureAccess::Read, TextureAccess::Write]);
    let writable = SHADER.replace("storage, read> y", "storage, read_write> y");
    assert_eq!(ValidShader::parse(&writable, "main").expect("valid").only_read(), [2]);
}

/// What launches cannot give is an error, so that such a shader cannot be overlooked.
#[test]
fn what_no_launch_can_give_is_an_error() {
    for (text, replaced) in [
        ("shift: i32", "shift: vec2<i32>"),
        ("@group(0) @binding(1)", "@group(1) @binding(1)"),
        ("@binding(4)", "@binding(5)"),
        ("rgba32float, write", "rgba16float, write"),
    ] {
        let changed = SHADER.replace(text, replaced).replace("f32(p.shift)", "1.0");
        let shader = ValidShader::parse(&changed, "main").expect("valid all the same");
        assert!(shader.interface().is_err(), "{replaced}");
    }
}
