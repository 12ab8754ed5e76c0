//! The shaders: real files in `shaders/`, embedded, joined with what they import, and specialised by rewriting their `const`
//! lines.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use educe::Educe;
use strum::VariantNames;

use super::direction::Direction;
use crate::graph::{Activation, Binary, ResizeMode, Unary, bits};

macro_rules! shaders {
    ($($kernel:ident $name:literal),* $(,)?) => {
        /// A kernel: a file of `shaders/`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub(crate) enum Shader {
            $(#[doc = concat!("`shaders/", $name, ".wgsl`")] $kernel),*
        }

        impl Shader {
            /// Name of its file.
            pub(crate) fn name(self) -> &'static str {
                match self {
                    $(Shader::$kernel => $name),*
                }
            }
        }

        /// Every kernel by name, with the text of its file.
        pub const SOURCES: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../../../shaders/", $name, ".wgsl")))),*];
    };
}

shaders! {
    Adam "adam",
    Average "average",
    BatchNorm "batch_norm",
    BatchNormTexture "batch_norm_texture",
    BatchNormGradInput "batch_norm_grad_input",
    BatchNormGradInputTexture "batch_norm_grad_input_texture",
    BatchNormGradOfProduct "batch_norm_grad_of_product",
    BatchNormGradSums "batch_norm_grad_sums",
    BatchNormGradSumsTexture "batch_norm_grad_sums_texture",
    BatchStats "batch_stats",
    BatchStatsTexture "batch_stats_texture",
    Binary "binary",
    BinaryTexture "binary_texture",
    Ceiling "ceiling",
    Conv2dBroadcast "conv2d_broadcast",
    Conv2dBroadcastWeightGrad "conv2d_broadcast_weight_grad",
    Conv2dCooperative "conv2d_cooperative",
    Conv2dDirect "conv2d_direct",
    Conv2dTexture "conv2d_texture",
    Conv2dTextureWeightGrad "conv2d_texture_weight_grad",
    Conv2dTiled "conv2d_tiled",
    Conv2dTiledWeightGrad "conv2d_tiled_weight_grad",
    Copy "copy",
    CopyTexture "copy_texture",
    Depthwise "depthwise",
    DepthwiseTexture "depthwise_texture",
    Dropout "dropout",
    DropoutTexture "dropout_texture",
    GradTerms "grad_terms",
    JoinedHead "joined_head",
    MaxPool "max_pool",
    NormTerms "norm_terms",
    OverPasses "over_passes",
    PackTexture "pack_texture",
    PackWeights "pack_weights",
    Pad "pad",
    PrototypeDistance "prototype_distance",
    Resize "resize",
    ResizeCrossed "resize_crossed",
    ResizeStats "resize_stats",
    ResizeTexture "resize_texture",
    RunningStats "running_stats",
    Sgd "sgd",
    Sum "sum",
    TransNormScale "trans_norm_scale",
    Unary "unary",
    UnaryTexture "unary_texture",
    UnpackTexture "unpack_texture",
    WeightedSum "weighted_sum",
    WeightedSumGrad "weighted_sum_grad",
    WinogradMaps "winograd_maps",
    WinogradOutput "winograd_output",
    WinogradWeightGrad "winograd_weight_grad",
    WinogradWeights "winograd_weights",
}

macro_rules! parts {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!("../../../shaders/parts/", $name, ".wgsl")))),*]
    };
}

/// What kernels have in common, by name: files of `shaders/parts/`.
pub const PARTS: &[(&str, &str)] = parts![
    "activation",
    "channel_block",
    "conv_steps",
    "conv_taps",
    "coordinates",
    "dropout_mask",
    "dropped_on_load",
    "grid",
    "interpolation",
    "not_a_number",
    "on_load",
    "plane_chunk",
    "register_tile",
    "sum_of_group",
    "sum_of_lanes",
    "texel",
    "texel_run",
    "width",
    "winograd_points",
];

/// Rust's lists that shaders choose from, by the name under which they are imported: `const NAME: u32` is a name's place in
/// its list, so that neither side writes numbers.
pub const KINDS: &[(&str, &[&str])] = &[
    ("Activation", Activation::VARIANTS),
    ("Binary", Binary::VARIANTS),
    ("Direction", Direction::VARIANTS),
    ("ResizeMode", ResizeMode::VARIANTS),
    ("Unary", Unary::VARIANTS),
];

/// Where in a file the names stand that it imports.
const IMPORTS: &str = "// Imports: ";

/// A launch asks for something that a shader's text does not have: a fault of the shader or its launcher.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShaderError {
    /// No file has this name.
    #[error("there is no shader `{0}`; its name belongs into `shaders!` of src/gpu/kernel/shader.rs")]
    Unknown(String),
    /// A file imports something that is neither a kernel nor a part nor a list of kinds.
    #[error("shader `{shader}` imports `{import}`, which is no shader, none of `shaders/parts/` and no list of kinds")]
    UnknownImport {
        /// the kernel
        shader: String,
        /// what it, or something that it imports, names
        import: String,
    },
    /// There is no line to rewrite.
    #[error("shader `{shader}` has no line `{line}…`")]
    NoLine {
        /// the kernel
        shader: String,
        /// how the line begins
        line: String,
    },
    /// A value is kept in 16 bits, and the shader reads or writes 32.
    #[error(
        "shader `{shader}` cannot have 16-bit floats in binding {binding}{variable}: declare it an `array<T>` of an `alias T = f32;`, and convert what it reads and writes by `f32()` and `T()`"
    )]
    NotHalf {
        /// the kernel
        shader: String,
        /// number of the binding
        binding: usize,
        /// the binding's name, if it is there
        variable: String,
    },
}

/// A value that replaces the one of a `const` line.
#[derive(Clone, Copy, Debug, Educe)]
#[educe(PartialEq, Eq, Hash)]
pub enum Constant {
    /// a count, an extent or a choice
    U32(u32),
    /// a factor or a threshold, bit for bit
    F32(#[educe(PartialEq(method(bits::eq)), Hash(method(bits::hash)))] f32),
    /// whether a part of the shader is there
    Bool(bool),
    /// what an `alias` line stands for
    Type(&'static str),
    /// a value of such a type
    Vector(&'static str),
    /// one of a list of [`KINDS`], by its name there
    Kind(&'static str),
}

impl std::fmt::Display for Constant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Constant::U32(value) => write!(f, "{value}u"),
            // The shortest decimal that reads back as the same bits.
            Constant::F32(value) => write!(f, "{value:?}f"),
            Constant::Bool(value) => write!(f, "{value}"),
            Constant::Type(value) | Constant::Vector(value) | Constant::Kind(value) => write!(f, "{value}"),
        }
    }
}

/// Text of a kernel as written, followed by what it imports.
///
/// # Errors
/// [`ShaderError::Unknown`], [`ShaderError::UnknownImport`].
pub fn source(name: &str) -> Result<&'static str, ShaderError> {
    static JOINED: LazyLock<HashMap<&str, Result<String, ShaderError>>> =
        LazyLock::new(|| SOURCES.iter().map(|(name, text)| (*name, with_imports(name, text))).collect());
    let unknown = || ShaderError::Unknown(name.to_owned());
    JOINED.get(name).ok_or_else(unknown)?.as_deref().map_err(Clone::clone)
}

/// A text followed by all that it imports, directly or not, each once.
///
/// # Errors
/// [`ShaderError::UnknownImport`].
pub fn with_imports(name: &str, text: &str) -> Result<String, ShaderError> {
    let mut joined = text.to_owned();
    let mut taken = vec![name.to_owned()];
    let mut wanted = imports(text);
    while let Some(import) = wanted.pop() {
        if taken.contains(&import) {
            continue;
        }
        let unknown = || ShaderError::UnknownImport { shader: name.to_owned(), import: import.clone() };
        let imported = importable(&import).ok_or_else(unknown)?;
        wanted.extend(imports(&imported));
        joined = joined + "\n" + &imported;
        taken.push(import);
    }
    Ok(joined)
}

/// What a text imports itself.
pub fn imports(text: &str) -> Vec<String> {
    let lines = text.lines().filter_map(|line| line.strip_prefix(IMPORTS));
    lines.flat_map(|names| names.split(", ").map(str::to_owned)).collect()
}

fn importable(name: &str) -> Option<Cow<'static, str>> {
    let text = SOURCES.iter().chain(PARTS).find(|(known, _)| *known == name);
    let kinds = || KINDS.iter().find(|(known, _)| *known == name);
    text.map(|(_, text)| Cow::Borrowed(*text)).or_else(|| kinds().map(|(_, kinds)| Cow::Owned(numbered(kinds))))
}

fn numbered(kinds: &[&str]) -> String {
    kinds.iter().enumerate().map(|(number, kind)| format!("const {kind}: u32 = {number}u;\n")).collect()
}

/// Elements that an invocation reads and writes at once in kernels of the part `width`, where they do not do so one by one.
pub(crate) const WIDTH: usize = 4;
/// What these kernels compute with then: the constants of `width`.
pub(crate) const WIDE: [(&str, Constant); 4] = [
    ("WIDTH", Constant::U32(WIDTH as u32)),
    ("Value", Constant::Type("vec4<f32>")),
    ("Word", Constant::Type("vec4<u32>")),
    ("FOLLOWING", Constant::Vector("vec4(0u, 1u, 2u, 3u)")),
];

/// Text of a kernel in which `const NAME: type = …;` has been given other values, and the buffers of some bindings 16-bit
/// elements.
///
/// # Errors
/// Those of [`source`] and [`rewritten`].
pub fn specialise(
    name: &str,
    constants: &[(&'static str, Constant)],
    half: &[usize],
) -> Result<Cow<'static, str>, ShaderError> {
    let text = source(name)?;
    match constants.is_empty() && half.is_empty() {
        true => Ok(Cow::Borrowed(text)),
        false => rewritten(name, text, constants, half).map(Cow::Owned),
    }
}

/// The same of any text; the element types of the bindings in 16 bits must each be an `alias NAME = f32;`.
///
/// # Errors
/// [`ShaderError::NoLine`], [`ShaderError::NotHalf`].
pub fn rewritten(
    name: &str,
    text: &str,
    constants: &[(&'static str, Constant)],
    half: &[usize],
) -> Result<String, ShaderError> {
    let mut lines: Vec<Cow<'_, str>> = text.lines().map(Cow::Borrowed).collect();
    for (constant, value) in constants {
        let start = match value {
            Constant::Type(_) => format!("alias {constant} ="),
            _ => format!("const {constant}:"),
        };
        let line = lines.iter_mut().find(|line| line.starts_with(&start));
        let line = line.ok_or_else(|| ShaderError::NoLine { shader: name.to_owned(), line: start })?;
        let head = line.split('=').next().unwrap_or_default().trim_end().to_string();
        *line = Cow::Owned(format!("{head} = {value};"));
    }
    let half_type = if constants.contains(&WIDE[1]) { "vec4<f16>" } else { "f16" };
    for &binding in half {
        let start = format!("@group(0) @binding({binding}) ");
        let declaration = lines.iter().find_map(|line| line.strip_prefix(&start)).map(str::to_owned);
        let variable = declaration.as_deref().and_then(|line| line.split_once("> ")?.1.split_once(": "));
        let alias =
            variable.and_then(|(_, of)| Some(format!("alias {} =", of.strip_prefix("array<")?.strip_suffix(">;")?)));
        let line = alias.as_ref().and_then(|alias| lines.iter_mut().find(|line| line.starts_with(alias.as_str())));
        let (Some(alias), Some(line)) = (&alias, line) else {
            let variable = variable.map(|(variable, _)| format!(" (`{variable}`)")).unwrap_or_default();
            return Err(ShaderError::NotHalf { shader: name.to_owned(), binding, variable });
        };
        *line = Cow::Owned(format!("{alias} {half_type};"));
    }
    if !half.is_empty() {
        lines.insert(0, Cow::Borrowed("enable f16;"));
    }
    Ok(lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_binding_without_an_alias_is_named_where_it_would_be_16_bit() {
        assert!(specialise("batch_norm", &[], &[1, 5]).is_ok_and(|text| text.contains("alias YType = f16;")));
        let error = specialise("batch_norm", &[], &[1, 2]).expect_err("statistics have 32 bits").to_string();
        assert!(error.starts_with("shader `batch_norm` cannot have 16-bit floats in binding 2 (`stats`): "), "{error}");
        let error = specialise("batch_norm", &[], &[9]).expect_err("there is no such binding").to_string();
        assert!(error.contains("in binding 9: "), "{error}");
    }

    #[test]
    fn what_a_shader_lacks_is_named() {
        assert_eq!(specialise("batch_nrom", &[], &[]), Err(ShaderError::Unknown("batch_nrom".into())));
        let error = specialise("sum", &[("LANE", Constant::U32(8))], &[]).expect_err("it is LANES").to_string();
        assert_eq!(error, "shader `sum` has no line `const LANE:…`");
        let error = with_imports("mine", "// Imports: grid, gird\n").expect_err("a slip of the pen").to_string();
        assert!(error.starts_with("shader `mine` imports `gird`, which is no shader"), "{error}");
    }

    #[test]
    fn imports_are_taken_once_and_from_wherever_they_are_named() {
        let joined =
            with_imports("mine", "// Imports: activation, not_a_number\nfn main() {}\n").expect("all are there");
        assert!(joined.starts_with("// Imports: activation, not_a_number\nfn main() {}\n"));
        for once in ["fn not_a_number()", "fn activate(", "const IDENTITY: u32 = 0u;", "const LEAKY_RELU: u32 = 3u;"] {
            assert_eq!(joined.matches(once).count(), 1, "{once} in {joined}");
        }
        let broadcast = source("conv2d_broadcast").expect("it is there");
        assert!(broadcast.contains("\nfn main(") && broadcast.contains("fn activate("), "{broadcast}");
    }

    #[test]
    fn kinds_are_named_as_in_rust() {
        let kind: &'static str = Activation::LeakyRelu(0.2).into();
        assert_eq!(kind, "LEAKY_RELU");
        let text = specialise("batch_norm", &[("ACTIVATION", Constant::Kind(kind))], &[]).expect("it has activations");
        assert!(text.contains("\nconst ACTIVATION: u32 = LEAKY_RELU;\n"));
    }
}
