//! Operators of a graph as nodes of ONNX. The graph is traced with a batch of one; its nodes leave the batch open.
//!
//! Of the ways to say the same, those are chosen that OpenCV's DNN of versions 4 and 5 computes too: `Resize` by scales of all
//! axes, no `Pad` by less than nothing, no padding of 1x1 convolutions (which version 5 leaves out), and nothing that is
//! broadcast over pixels is added (which version 5 refuses beside a convolution).

use std::collections::HashMap;

use crate::device::{DeviceError, States};
use crate::formats::onnx::{AttributeProto as Attribute, NodeProto, TensorProto};
use crate::graph::{Activation, Binary, ConvSpec, Graph, NodeId, Op, PoolSpec, ResizeMode, ShapeError, Unary};
use crate::method::step::GENERATOR;
use crate::train::WeightsError;

/// Why a network cannot be exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The network cannot have images of this size.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// The weights do not fit.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The weights cannot be folded.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// An operator without a counterpart in ONNX.
    #[error("the operator `{0}` has no counterpart in ONNX")]
    NoCounterpart(&'static str),
}

type Result<T> = std::result::Result<T, ExportError>;

/// Nodes under construction.
pub(super) struct Nodes<'g> {
    graph: &'g Graph,
    states: &'g States,
    nodes: Vec<NodeProto>,
    initializers: Vec<TensorProto>,
    /// names of values, and of constants in the shape in which they are read
    names: HashMap<NodeId, String>,
}

impl<'g> Nodes<'g> {
    pub(super) fn new(graph: &'g Graph, states: &'g States) -> Self {
        Nodes { graph, states, nodes: Vec::new(), initializers: Vec::new(), names: HashMap::new() }
    }

    /// Nodes and constants.
    pub(super) fn finish(self) -> (Vec<NodeProto>, Vec<TensorProto>) {
        (self.nodes, self.initializers)
    }

    /// Adds what computes a value, in evaluation order.
    pub(super) fn push(&mut self, id: NodeId) -> Result<()> {
        let graph = self.graph;
        let node = graph.node(id);
        if let Op::State(_) | Op::Constant { .. } = graph.node(graph.storage_of(id)).op {
            // Given a name when read: several shapes may share one memory.
            return Ok(());
        }
        let inputs: &[NodeId] = &node.inputs;
        let name = match &node.op {
            Op::Input { name } => name.clone(),
            Op::Detach => self.name(inputs[0])?,
            Op::Reshape => {
                // All but the first extent are the same for every batch.
                let rest = node.shape.iter().skip(1).map(|&extent| extent as i64);
                let shape: Vec<i64> = [-1].into_iter().chain(rest).collect();
                let operands = vec![self.name(inputs[0])?, self.ints(&shape)];
                self.node("Reshape", operands, vec![])
            }
            Op::Permute { axes } => {
                let operands = vec![self.name(inputs[0])?];
                self.node("Transpose", operands, vec![Attribute::ints("perm", axes)])
            }
            Op::Concat { axis } => {
                let operands = self.all(inputs)?;
                self.node("Concat", operands, vec![Attribute::int("axis", *axis)])
            }
            Op::Pad { before, after } => {
                let pads: Vec<i64> = before.iter().chain(after).map(|&pad| pad as i64).collect();
                let operands = vec![self.name(inputs[0])?, self.ints(&pads)];
                self.node("Pad", operands, vec![])
            }
            Op::Sum { axes } if !axes.contains(&0) => {
                let axes: Vec<i64> = axes.iter().map(|&axis| axis as i64).collect();
                let operands = vec![self.name(inputs[0])?, self.ints(&axes)];
                self.node("ReduceSum", operands, vec![])
            }
            Op::Unary(function) => {
                let x = self.name(inputs[0])?;
                self.unary(*function, x)?
            }
            Op::Binary(function) => {
                let operator = match function {
                    Binary::Add => "Add",
                    Binary::Sub => "Sub",
                    Binary::Mul => "Mul",
                    Binary::Div => "Div",
                    other => return Err(ExportError::NoCounterpart(other.name())),
                };
                let operands = inputs.iter().map(|&input| self.at_every_pixel(input, &node.shape));
                let operands = operands.collect::<Result<_>>()?;
                self.node(operator, operands, vec![])
            }
            Op::Conv2d { spec, activation, .. } => {
                let y = self.conv(inputs, spec)?;
                self.activation(*activation, y)?
            }
            Op::BatchNorm { eps, activation, training: false } => {
                let operands = self.norm_operands(inputs)?;
                let y = self.node("BatchNormalization", operands, vec![Attribute::float("epsilon", *eps)]);
                self.activation(*activation, y)?
            }
            Op::MaxPool { spec: PoolSpec { kernel, stride, padding } } => {
                let operands = vec![self.name(inputs[0])?];
                let attributes = vec![
                    Attribute::ints("kernel_shape", kernel),
                    Attribute::ints("strides", stride),
                    Attribute::ints("pads", &[*padding, *padding].concat()),
                ];
                self.node("MaxPool", operands, attributes)
            }
            Op::Resize { mode, size } => {
                let (x, from) = (self.name(inputs[0])?, pixels(graph.shape(inputs[0])));
                self.resize(*mode, x, from, *size)?
            }
            Op::ResizeShifted { mode, axis, taps, size } => {
                let (x, from) = (self.name(inputs[0])?, pixels(graph.shape(inputs[0])));
                let mut to = from;
                to[axis - 2] = *size;
                let resized = self.resize(*mode, x, from, to)?;
                self.shifted(resized, *axis, *taps, *size)
            }
            other => return Err(ExportError::NoCounterpart(other.name())),
        };
        self.names.insert(id, name);
        Ok(())
    }

    /// Adds the sigmoid of a value as an output.
    pub(super) fn probability(&mut self, output: &str, logits: NodeId) -> Result<()> {
        let input = vec![self.name(logits)?];
        let (op_type, name) = ("Sigmoid".into(), output.into());
        self.nodes.push(NodeProto { input, output: vec![output.into()], name, op_type, attribute: Vec::new() });
        Ok(())
    }

    /// Adds a node with one output; gives its name.
    fn node(&mut self, operator: &str, input: Vec<String>, attribute: Vec<Attribute>) -> String {
        let name = format!("{operator}_{}", self.nodes.len());
        let (output, op_type) = (vec![name.clone()], operator.into());
        self.nodes.push(NodeProto { input, output, name: name.clone(), op_type, attribute });
        name
    }

    /// Adds a list of whole numbers; gives its name.
    fn ints(&mut self, values: &[i64]) -> String {
        let name = format!("list_{}", self.initializers.len());
        self.initializers.push(TensorProto::ints(&name, values));
        name
    }

    /// Adds a single number; gives its name.
    fn scalar(&mut self, value: f32) -> String {
        let name = format!("number_{}", self.initializers.len());
        self.initializers.push(TensorProto::floats(&name, &[], &[value]));
        name
    }

    fn all(&mut self, ids: &[NodeId]) -> Result<Vec<String>> {
        ids.iter().map(|&id| self.name(id)).collect()
    }

    /// The name of a value; a constant is added when it is first read.
    fn name(&mut self, id: NodeId) -> Result<String> {
        if let Some(name) = self.names.get(&id) {
            return Ok(name.clone());
        }
        let graph = self.graph;
        let (known, values) = self.constant(id)?;
        let taken = self.initializers.iter().any(|tensor| tensor.name == known);
        let name = if taken { format!("{known}.{}", self.initializers.len()) } else { known };
        self.initializers.push(TensorProto::floats(&name, graph.shape(id), &values));
        self.names.insert(id, name.clone());
        Ok(name)
    }

    /// Name and values of something that does not depend on the image.
    fn constant(&self, id: NodeId) -> Result<(String, Vec<f32>)> {
        let graph = self.graph;
        match graph.node(graph.storage_of(id)).op {
            Op::State(state) => {
                let name = &graph.state_info(state).name;
                let values = self.states.read(&[name])?.remove(0);
                let own = name.strip_prefix(GENERATOR).and_then(|name| name.strip_prefix('.')).unwrap_or(name);
                Ok((own.to_owned(), values))
            }
            Op::Constant { value } => Ok(("constant".into(), vec![value; graph.shape(id).elements()])),
            ref other => Err(ExportError::NoCounterpart(other.name())),
        }
    }

    fn unary(&mut self, function: Unary, x: String) -> Result<String> {
        Ok(match function {
            Unary::Relu => self.node("Relu", vec![x], vec![]),
            Unary::Relu6 => {
                let operands = vec![x, self.scalar(0.0), self.scalar(6.0)];
                self.node("Clip", operands, vec![])
            }
            Unary::LeakyRelu(slope) => self.node("LeakyRelu", vec![x], vec![Attribute::float("alpha", slope)]),
            Unary::Sigmoid => self.node("Sigmoid", vec![x], vec![]),
            Unary::Square => self.node("Mul", vec![x.clone(), x], vec![]),
            Unary::Sqrt => self.node("Sqrt", vec![x], vec![]),
            Unary::Affine { mul, add } => {
                let operands = vec![x, self.scalar(mul)];
                let scaled = self.node("Mul", operands, vec![]);
                if add == 0.0 {
                    return Ok(scaled);
                }
                let operands = vec![scaled, self.scalar(add)];
                self.node("Add", operands, vec![])
            }
            Unary::Entropy { .. } | Unary::Above(_) => return Err(ExportError::NoCounterpart(function.name())),
        })
    }

    fn activation(&mut self, activation: Activation, x: String) -> Result<String> {
        match Option::<Unary>::from(activation) {
            Some(function) => self.unary(function, x),
            None => Ok(x),
        }
    }

    /// `x`, weight, bias, mean and variance from `x`, `stats [1,2,C]`, weight and bias.
    fn norm_operands(&mut self, inputs: &[NodeId]) -> Result<Vec<String>> {
        let (_, stats) = self.constant(inputs[1])?;
        let (mean, var) = stats.split_at(stats.len() / 2);
        let mut operands = self.all(&[inputs[0], inputs[2], inputs[3]])?;
        for (kind, values) in [("mean", mean), ("var", var)] {
            let name = format!("{kind}_{}", self.initializers.len());
            self.initializers.push(TensorProto::floats(&name, &[values.len()], values));
            operands.push(name);
        }
        Ok(operands)
    }

    /// A convolution of the operands.
    fn conv(&mut self, inputs: &[NodeId], spec: &ConvSpec) -> Result<String> {
        let kernel = &self.graph.shape(inputs[1])[2..];
        let (mut operands, mut spec) = (self.all(inputs)?, *spec);
        if *kernel == [1, 1] && spec.padding != [0, 0] {
            let [rows, columns] = std::mem::take(&mut spec.padding).map(|pad| pad as i64);
            let pads = self.ints(&[0, 0, rows, columns, 0, 0, rows, columns]);
            operands[0] = self.node("Pad", vec![operands[0].clone(), pads], vec![]);
        }
        Ok(self.node("Conv", operands, conv_attributes(&spec, kernel)))
    }

    /// The name of an operand of a result with such a shape; one that has a single pixel is repeated at all of them.
    fn at_every_pixel(&mut self, id: NodeId, shape: &[usize]) -> Result<String> {
        let graph = self.graph;
        let is_constant = matches!(graph.node(graph.storage_of(id)).op, Op::State(_) | Op::Constant { .. });
        let (name, own) = (self.name(id)?, graph.shape(id));
        if is_constant || own.len() != 4 || own[2..] == shape[2..] || own[2..] != [1, 1] {
            return Ok(name);
        }
        self.resize(ResizeMode::Nearest, name, [1, 1], [shape[2], shape[3]])
    }

    /// Maps whose rows and columns `from` are brought to `to`.
    fn resize(&mut self, mode: ResizeMode, x: String, from: [usize; 2], to: [usize; 2]) -> Result<String> {
        let (mode, positions) = match mode {
            ResizeMode::BilinearAlignCorners => ("linear", "align_corners"),
            ResizeMode::BilinearHalfPixel => ("linear", "half_pixel"),
            ResizeMode::Nearest if (0..2).all(|axis| to[axis].is_multiple_of(from[axis])) => ("nearest", "asymmetric"),
            // A scale that is rounded may meet the neighbour of the nearest.
            ResizeMode::Nearest => return Err(ExportError::NoCounterpart("resize to the nearest by a fraction")),
        };
        let name = format!("scales_{}", self.initializers.len());
        let scales = [1.0, 1.0, scale(from[0], to[0]), scale(from[1], to[1])];
        self.initializers.push(TensorProto::floats(&name, &[4], &scales));
        let attributes = vec![
            Attribute::text("mode", mode),
            Attribute::text("coordinate_transformation_mode", positions),
            Attribute::text("nearest_mode", "floor"),
        ];
        // Between the maps and the scales a region would stand.
        Ok(self.node("Resize", vec![x, String::new(), name], attributes))
    }

    /// The parts `t` of maps with `size` elements along an axis, moved by `⌊taps/2⌋ − t`, zeros moving in, and added up.
    fn shifted(&mut self, x: String, axis: usize, taps: usize, size: usize) -> String {
        let name = format!("Split_{}", self.nodes.len());
        let parts: Vec<String> = (0..taps).map(|tap| format!("{name}.{tap}")).collect();
        let attribute = vec![Attribute::int("axis", 1), Attribute::int("num_outputs", taps)];
        let (input, op_type, output) = (vec![x], "Split".into(), parts.clone());
        self.nodes.push(NodeProto { input, output, name, op_type, attribute });
        let mut moved = Vec::new();
        for (tap, part) in parts.into_iter().enumerate() {
            let by = (taps / 2) as i64 - tap as i64;
            if by == 0 {
                moved.push(part);
                continue;
            }
            // What would move out at one end is left out, and as many zeros are put at the other.
            let (begin, end) = (0.max(-by), size as i64 - 0.max(by));
            let operands = vec![part, self.ints(&[begin]), self.ints(&[end]), self.ints(&[axis as i64])];
            let kept = self.node("Slice", operands, vec![]);
            let mut pads = [0; 8];
            (pads[axis], pads[4 + axis]) = (0.max(by), 0.max(-by));
            let operands = vec![kept, self.ints(&pads)];
            moved.push(self.node("Pad", operands, vec![]));
        }
        self.node("Sum", moved, vec![])
    }
}

/// Rows and columns of maps.
fn pixels(maps: &[usize]) -> [usize; 2] {
    [maps[2], maps[3]]
}

/// The least scale that makes `to` of `from`, for the product is rounded down.
fn scale(from: usize, to: usize) -> f32 {
    let scale = to as f32 / from as f32;
    if f64::from(scale) * (from as f64) < to as f64 { scale.next_up() } else { scale }
}

fn conv_attributes(spec: &ConvSpec, kernel: &[usize]) -> Vec<Attribute> {
    vec![
        Attribute::ints("kernel_shape", kernel),
        Attribute::ints("strides", &spec.stride),
        Attribute::ints("pads", &[spec.padding, spec.padding].concat()),
        Attribute::ints("dilations", &spec.dilation),
        Attribute::int("group", spec.groups),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_give_the_size_that_they_were_made_of() {
        for from in 1..130 {
            for to in 1..520 {
                let scale = scale(from, to);
                // In the precisions of those who compute it.
                assert_eq!((from as f32 * scale) as usize, to, "from {from} in f32");
                assert_eq!((from as f64 * f64::from(scale)) as usize, to, "from {from} in f64");
            }
        }
    }
}
