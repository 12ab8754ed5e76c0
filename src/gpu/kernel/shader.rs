//! The shaders: real files in `shaders/`, embedded, specialised by rewriting their `const` lines.

use std::borrow::Cow;

macro_rules! sources {
    ($($name:literal $(+ $base:literal)?),* $(,)?) => {
        &[$((
            $name,
            concat!(include_str!(concat!("../../../shaders/", $name, ".wgsl"))
                $(, include_str!(concat!("../../../shaders/", $base, ".wgsl")))?),
        )),*]
    };
}

/// Every shader by name, with its text; one that builds on another is followed by the other's.
pub const SOURCES: &[(&str, &str)] = sources![
    "adam",
    "batch_norm",
    "batch_norm_texture",
    "batch_norm_grad_input",
    "batch_norm_grad_input_texture",
    "batch_norm_grad_sums",
    "batch_norm_grad_sums_texture",
    "batch_stats",
    "batch_stats_texture",
    "binary",
    "binary_texture",
    "ceiling",
    "conv2d_broadcast" + "conv2d_texture",
    "conv2d_broadcast_weight_grad" + "conv2d_texture_weight_grad",
    "conv2d_cooperative" + "conv2d_tiled",
    "conv2d_direct",
    "conv2d_texture",
    "conv2d_texture_weight_grad",
    "conv2d_tiled",
    "copy",
    "copy_texture",
    "depthwise",
    "depthwise_texture",
    "dropout",
    "dropout_texture" + "dropout",
    "max_pool",
    "pack_texture",
    "pad",
    "prototype_distance",
    "resize",
    "resize_texture" + "resize",
    "running_stats",
    "sgd",
    "sum",
    "trans_norm_scale",
    "unary",
    "unary_texture",
    "unpack_texture",
    "weighted_sum",
    "weighted_sum_grad",
    "winograd_maps",
    "winograd_output",
    "winograd_weight_grad",
    "winograd_weights",
];

/// A value that replaces the one of a `const` line.
#[derive(Clone, Copy, Debug)]
pub enum Constant {
    /// a count, an extent or a choice
    U32(u32),
    /// a factor or a threshold, bit for bit
    F32(f32),
    /// whether a part of the shader is there
    Bool(bool),
    /// what an `alias` line stands for
    Type(&'static str),
}

impl Constant {
    /// Kind and bits, by which constants are told apart.
    fn bits(&self) -> (u8, u32, &'static str) {
        match *self {
            Constant::U32(value) => (0, value, ""),
            Constant::F32(value) => (1, value.to_bits(), ""),
            Constant::Bool(value) => (2, value.into(), ""),
            Constant::Type(name) => (3, 0, name),
        }
    }
}

impl PartialEq for Constant {
    fn eq(&self, other: &Self) -> bool {
        self.bits() == other.bits()
    }
}

impl Eq for Constant {}

impl std::hash::Hash for Constant {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.bits().hash(state);
    }
}

impl std::fmt::Display for Constant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Constant::U32(value) => write!(f, "{value}u"),
            // The shortest decimal that reads back as the same bits.
            Constant::F32(value) => write!(f, "{value:?}f"),
            Constant::Bool(value) => write!(f, "{value}"),
            Constant::Type(value) => write!(f, "{value}"),
        }
    }
}

/// Text of a shader as written.
pub fn source(name: &str) -> &'static str {
    let entry = SOURCES.iter().find(|(known, _)| *known == name);
    entry.map(|(_, text)| *text).unwrap_or_else(|| panic!("launchers name only embedded shaders, not `{name}`"))
}

/// Text of a shader in which `const NAME: type = …;` has been given other values, and the buffers of some bindings 16-bit
/// elements: their element type must be an `alias NAME = f32;` of the shader.
pub fn specialise(name: &str, constants: &[(&'static str, Constant)], half: &[usize]) -> Cow<'static, str> {
    let text = source(name);
    if constants.is_empty() && half.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut lines: Vec<Cow<'static, str>> = text.lines().map(Cow::Borrowed).collect();
    for (constant, value) in constants {
        let start = match value {
            Constant::Type(_) => format!("alias {constant} ="),
            _ => format!("const {constant}:"),
        };
        let line = line_starting(name, &mut lines, &start);
        let head = line.split('=').next().unwrap_or_default().trim_end().to_string();
        *line = Cow::Owned(format!("{head} = {value};"));
    }
    for binding in half {
        let line = line_starting(name, &mut lines, &format!("@group(0) @binding({binding}) "));
        let element = line.split_once("array<").and_then(|(_, rest)| rest.strip_suffix(">;"));
        let alias = format!("alias {} =", element.unwrap_or_default());
        *line_starting(name, &mut lines, &alias) = Cow::Owned(format!("{alias} f16;"));
    }
    if !half.is_empty() {
        lines.insert(0, Cow::Borrowed("enable f16;"));
    }
    Cow::Owned(lines.join("\n"))
}

fn line_starting<'l>(name: &str, lines: &'l mut [Cow<'static, str>], prefix: &str) -> &'l mut Cow<'static, str> {
    let line = lines.iter_mut().find(|line| line.starts_with(prefix));
    line.unwrap_or_else(|| panic!("shader `{name}` has no line `{prefix}…`"))
}
