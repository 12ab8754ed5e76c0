//! The content of a PyTorch checkpoint as a tree.

use std::sync::Arc;

use super::PickleError;
use super::class_name::ClassName;
use super::host_tensor::{HostTensor, element_count};
use super::pickle::Pickle;
use super::pickle_objects::{Callable, Node, NodeId, TensorView};

/// Levels of collections inside collections; published checkpoints have five.
const MAX_DEPTH: usize = 64;

/// A Python object of the kinds that checkpoints hold.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `None`
    None,
    /// `True` or `False`
    Bool(bool),
    /// A whole number.
    Int(i128),
    /// A floating-point number, numpy's included.
    Float(f64),
    /// A text.
    Str(Arc<str>),
    /// Raw bytes.
    Bytes(Arc<[u8]>),
    /// A list.
    List(Vec<Value>),
    /// A tuple.
    Tuple(Vec<Value>),
    /// A dictionary in stored order; keys that are no text are written as Python writes them.
    Dict(Vec<(Arc<str>, Value)>),
    /// A tensor, its elements as `f32`.
    Tensor(HostTensor),
    /// An object of another class, or that class itself; nothing of it is kept.
    Other(ClassName),
}

impl Value {
    /// The value under `key`; `None` when this is no dictionary or lacks the key. Of equal keys the last counts, as
    /// in Python.
    pub fn get(&self, key: &str) -> Option<&Value> {
        let Self::Dict(items) = self else { return None };
        items.iter().rfind(|(name, _)| **name == *key).map(|(_, value)| value)
    }
}

/// Turns a parsed pickle into a tree. `storage` finds the bytes of a storage by its key; `file_length` bounds the
/// number of tensor elements: no checkpoint holds more elements than bytes.
pub(super) fn unfold<'a>(
    pickle: &Pickle,
    storage: impl Fn(&str) -> Option<&'a [u8]>,
    file_length: usize,
) -> Result<Value, PickleError> {
    // A pickle takes at least a byte for each object that it does not repeat.
    let objects_left = pickle.length;
    Unfolding { nodes: &pickle.nodes, storage, objects_left, elements_left: file_length }.value(pickle.root, 0)
}

struct Unfolding<'n, F> {
    nodes: &'n [Node],
    storage: F,
    objects_left: usize,
    elements_left: usize,
}

impl<'a, F: Fn(&str) -> Option<&'a [u8]>> Unfolding<'_, F> {
    fn value(&mut self, id: NodeId, depth: usize) -> Result<Value, PickleError> {
        if depth > MAX_DEPTH {
            return Err(PickleError::TooDeep(MAX_DEPTH));
        }
        self.objects_left = self.objects_left.checked_sub(1).ok_or(PickleError::TooLarge)?;
        let nodes = self.nodes;
        Ok(match &nodes[id] {
            Node::None => Value::None,
            &Node::Bool(value) => Value::Bool(value),
            &Node::Int(value) => Value::Int(value),
            &Node::Float(value) => Value::Float(value),
            Node::Str(text) => Value::Str(text.clone()),
            Node::Bytes(bytes) => Value::Bytes(bytes.clone()),
            Node::List(items) => Value::List(self.values(items, depth)?),
            Node::Tuple(items) => Value::Tuple(self.values(items, depth)?),
            Node::Dict(items) => {
                let items = items.iter().map(|&(key, value)| Ok((self.key(key)?, self.value(value, depth + 1)?)));
                Value::Dict(items.collect::<Result<_, PickleError>>()?)
            }
            Node::Tensor(view) => Value::Tensor(self.tensor(view)?),
            Node::Inert(class) | Node::Callable(Callable::Other(class)) => Value::Other(class.clone()),
            Node::Callable(_) | Node::NumpyType(_) | Node::Storage(_) => {
                return Err(PickleError::Unsupported("holds a class or a bare storage where a value belongs"));
            }
        })
    }

    fn values(&mut self, items: &[NodeId], depth: usize) -> Result<Vec<Value>, PickleError> {
        items.iter().map(|&item| self.value(item, depth + 1)).collect()
    }

    fn key(&self, id: NodeId) -> Result<Arc<str>, PickleError> {
        match &self.nodes[id] {
            Node::Str(text) => Ok(text.clone()),
            Node::Int(number) => Ok(number.to_string().into()),
            Node::Float(number) => Ok(format!("{number:?}").into()),
            Node::None => Ok("None".into()),
            Node::Bool(true) => Ok("True".into()),
            Node::Bool(false) => Ok("False".into()),
            // Two such keys of a dictionary are two entries all the same.
            Node::Tuple(_) => Ok("(…)".into()),
            Node::Bytes(_) => Ok("bytes".into()),
            Node::Inert(class) | Node::Callable(Callable::Other(class)) => Ok(class.name.clone()),
            _ => Err(PickleError::Unsupported("has a dictionary key that Python does not take")),
        }
    }

    fn tensor(&mut self, view: &TensorView) -> Result<HostTensor, PickleError> {
        let TensorView { storage, offset, shape, strides } = view;
        let count = element_count(shape).ok_or(PickleError::Tensor("its shape overflows"))?;
        if shape.len() != strides.len() {
            return Err(PickleError::Tensor("shape and strides differ in length"));
        }
        if count > storage.elements {
            return Err(PickleError::Tensor("it has more elements than its storage"));
        }
        if count == 0 {
            return Ok(HostTensor { shape: shape.clone(), data: Vec::new() });
        }

        let size = storage.element_type.size();
        let bytes = (self.storage)(&storage.key).ok_or_else(|| PickleError::MissingStorage(storage.key.to_string()))?;
        if Some(bytes.len()) != storage.elements.checked_mul(size) {
            return Err(PickleError::Tensor("its storage has another length than stated"));
        }
        let reach = shape.iter().zip(strides).try_fold(*offset, |reach, (&extent, &stride)| {
            stride.checked_mul(extent - 1).and_then(|step| reach.checked_add(step))
        });
        if reach.is_none_or(|last| last >= storage.elements) {
            return Err(PickleError::Tensor("it reaches beyond its storage"));
        }

        self.elements_left = self.elements_left.checked_sub(count).ok_or(PickleError::TooLarge)?;
        let mut data = Vec::with_capacity(count);
        let run = contiguous_run(shape, strides);
        let mut index = vec![0; shape.len()];
        while data.len() < count {
            let start = offset + index.iter().zip(strides).map(|(i, stride)| i * stride).sum::<usize>();
            storage.element_type.decode_into(&bytes[start * size..(start + run.elements) * size], &mut data);
            // Count up over the dimensions outside the run, like an odometer.
            for axis in (0..run.outer_axes).rev() {
                index[axis] += 1;
                if index[axis] < shape[axis] {
                    break;
                }
                index[axis] = 0;
            }
        }
        Ok(HostTensor { shape: shape.clone(), data })
    }
}

/// The innermost dimensions whose elements lie one after another.
struct ContiguousRun {
    elements: usize,
    outer_axes: usize,
}

fn contiguous_run(shape: &[usize], strides: &[usize]) -> ContiguousRun {
    let mut run = ContiguousRun { elements: 1, outer_axes: shape.len() };
    for (&extent, &stride) in shape.iter().zip(strides).rev() {
        // The stride of a dimension of extent 1 is never taken.
        if extent != 1 && stride != run.elements {
            break;
        }
        run.elements *= extent;
        run.outer_axes -= 1;
    }
    run
}
