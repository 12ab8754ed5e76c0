//! Shaders as launches use them, told apart as their pipelines are: by entry point, constants and 16-bit bindings.

use std::borrow::Cow;
use std::collections::HashSet;

use super::memory::Plan;
use crate::gpu::kernel::shader::{Constant, source, specialise};
use crate::gpu::kernel::{Dispatch, Interface, PipelineKey};
use crate::gpu::machine::{Capabilities, Result};
use crate::graph::Graph;

/// A specialised shader with one of its entry points.
#[derive(Clone, Debug, PartialEq)]
pub struct Variant {
    /// name of its file
    pub shader: &'static str,
    /// name of the function that a launch begins with
    pub entry: String,
    constants: Vec<(&'static str, Constant)>,
    half: Vec<usize>,
    text: Cow<'static, str>,
    interface: Option<Interface>,
}

impl Variant {
    /// A shader with the constants of its file.
    pub fn as_written(shader: &'static str, entry: &str) -> Result<Variant> {
        Variant::new(shader, entry, Vec::new(), Vec::new(), None)
    }

    fn new(
        shader: &'static str,
        entry: &str,
        constants: Vec<(&'static str, Constant)>,
        half: Vec<usize>,
        interface: Option<Interface>,
    ) -> Result<Variant> {
        let text = specialise(shader, &constants, &half)?;
        Ok(Variant { shader, entry: entry.to_owned(), constants, half, interface, text })
    }

    /// Those that a graph launches on a machine, each once.
    pub fn of_graph(graph: &Graph, capabilities: &Capabilities) -> Result<Vec<Variant>> {
        let plan = Plan::new(graph, capabilities)?;
        plan.check_bindings(graph, capabilities)?;
        let mut known = HashSet::new();
        let dispatches = plan.launches.into_iter().map(|launch| launch.dispatch);
        dispatches.filter(|dispatch| known.insert(dispatch.pipeline_key())).map(Variant::of_dispatch).collect()
    }

    fn of_dispatch(dispatch: Dispatch) -> Result<Variant> {
        let interface = Some(dispatch.interface());
        let Dispatch { shader, entry, constants, half, .. } = dispatch;
        Variant::new(shader, entry, constants, half, interface)
    }

    /// What launches give it; nothing is known of a shader that no graph launches.
    pub fn interface(&self) -> Option<&Interface> {
        self.interface.as_ref()
    }

    /// The shader's text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it uses cooperative matrices, whose size and lanes the adapter is asked for.
    pub fn asks_the_adapter(&self) -> bool {
        self.text.contains("enable wgpu_cooperative_matrix;")
    }

    /// `SHADER.ENTRY`, then the constants that differ from the file's: `.NAME-VALUE`, one without `_H` and `_W` for
    /// both; then the bindings of 16-bit floats. Different texts have different names.
    pub fn name(&self) -> String {
        name(self.shader, &self.entry, &self.constants, &self.half)
    }
}

/// What a variant is called that launches with this key have.
pub(crate) fn variant_name(key: &PipelineKey) -> String {
    name(key.shader, key.entry, &key.constants, &key.half)
}

fn name(shader: &'static str, entry: &str, constants: &[(&'static str, Constant)], half: &[usize]) -> String {
    let changed: Vec<(&str, String)> =
        constants.iter().filter_map(|(name, value)| change(shader, name, value)).collect();
    let has = |name: String, value: &String| changed.iter().any(|(other, own)| *other == name && own == value);
    let mut parts = vec![shader.to_owned(), entry.to_owned()];
    for (name, value) in &changed {
        if let Some(both) = name.strip_suffix("_W")
            && has(format!("{both}_H"), value)
        {
            continue;
        }
        let both = name.strip_suffix("_H").filter(|both| has(format!("{both}_W"), value));
        parts.push(format!("{}-{value}", both.unwrap_or(name)));
    }
    if !half.is_empty() {
        let bindings: Vec<String> = half.iter().map(usize::to_string).collect();
        parts.push(format!("half-{}", bindings.join("-")));
    }
    parts.join(".")
}

/// A constant's name and value, unless the file gives it that value. Types and vectors follow from the other constants.
fn change(shader: &'static str, name: &'static str, value: &Constant) -> Option<(&'static str, String)> {
    if matches!(value, Constant::Type(_) | Constant::Vector(_)) {
        return None;
    }
    let plain = |text: &str| text.trim().trim_end_matches(['u', 'f']).to_owned();
    let value = plain(&value.to_string());
    let start = format!("const {name}:");
    let line = source(shader).ok()?.lines().find_map(|line| line.strip_prefix(&start));
    let written = line.and_then(|line| line.split_once('=')?.1.split_once(';')).map(|(value, _)| plain(value));
    (written.as_ref() != Some(&value)).then_some((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_what_differs_from_the_file() {
        let constant = |name, value| (name, Constant::U32(value));
        let constants = vec![
            ("MODE", Constant::Kind("FORWARD")),
            constant("COLUMNS", 8),
            constant("STRIDE_H", 2),
            constant("STRIDE_W", 2),
            constant("PAD_H", 1),
            constant("PAD_W", 3),
            ("BIAS", Constant::Bool(true)),
            ("ACTIVATION", Constant::Kind("LEAKY_RELU")),
            ("SLOPE", Constant::F32(0.2)),
        ];
        let variant =
            |half| Variant::new("conv2d_tiled", "main", constants.clone(), half, None).expect("it has these constants");
        let name = "conv2d_tiled.main.COLUMNS-8.STRIDE-2.PAD_H-1.PAD_W-3.BIAS-true.ACTIVATION-LEAKY_RELU.SLOPE-0.2";
        assert_eq!(variant(vec![]).name(), name);
        let half = variant(vec![1, 3]);
        assert!(half.name().ends_with(".half-1-3") && half.text().starts_with("enable f16;"));
        assert_eq!(Variant::as_written("sum", "main").expect("it is there").name(), "sum.main");
    }
}
