//! The Python objects of a pickle.

use std::sync::Arc;

use super::PickleError;
use super::class_name::ClassName;
use super::element_type::ElementType;

/// Index of a node in [`Objects::nodes`].
pub(super) type NodeId = usize;

/// One Python object; collections refer to their members by index.
#[derive(Debug, Clone)]
pub(super) enum Node {
    None,
    Bool(bool),
    Int(i128),
    Float(f64),
    Str(Arc<str>),
    Bytes(Arc<[u8]>),
    Tuple(Vec<NodeId>),
    List(Vec<NodeId>),
    Dict(Vec<(NodeId, NodeId)>),
    Callable(Callable),
    NumpyType(NumpyType),
    Storage(Box<StorageRef>),
    Tensor(Box<TensorView>),
    /// An object of which nothing but its class is known. Given keys with values, it turns out to be a dictionary.
    Inert(ClassName),
}

/// A flat run of elements stored outside the pickle.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct StorageRef {
    pub(super) key: Arc<str>,
    pub(super) element_type: ElementType,
    pub(super) elements: usize,
}

/// A strided window on a storage; offset and strides count elements.
#[derive(Debug, Clone)]
pub(super) struct TensorView {
    pub(super) storage: StorageRef,
    pub(super) offset: usize,
    pub(super) shape: Vec<usize>,
    pub(super) strides: Vec<usize>,
}

/// Something a pickle may name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Callable {
    OrderedDict,
    /// with its values' factory, which is dropped
    DefaultDict,
    RebuildTensor,
    RebuildParameter,
    StorageClass(ElementType),
    Size,
    Device,
    NumpyScalar,
    NumpyType,
    Encode,
    /// a harmless class or function; calling it makes at most an inert object
    Other(ClassName),
}

/// Type of a numpy scalar: kind (`f`, `i`, `u` or `b`) and bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NumpyType {
    pub(super) kind: char,
    pub(super) size: usize,
}

impl Callable {
    /// # Errors
    /// [`PickleError::Refused`] for names that are not harmless.
    pub(super) fn named(module: Arc<str>, name: Arc<str>) -> Result<Self, PickleError> {
        use ElementType::*;
        Ok(match (&*module, &*name) {
            ("collections", "OrderedDict") => Self::OrderedDict,
            ("collections", "defaultdict") => Self::DefaultDict,
            ("torch._utils", "_rebuild_tensor_v2") => Self::RebuildTensor,
            ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state") => Self::RebuildParameter,
            ("torch", "DoubleStorage") => Self::StorageClass(F64),
            ("torch", "FloatStorage") => Self::StorageClass(F32),
            ("torch", "HalfStorage") => Self::StorageClass(F16),
            ("torch", "BFloat16Storage") => Self::StorageClass(Bf16),
            ("torch", "LongStorage") => Self::StorageClass(I64),
            ("torch", "IntStorage") => Self::StorageClass(I32),
            ("torch", "ShortStorage") => Self::StorageClass(I16),
            ("torch", "CharStorage") => Self::StorageClass(I8),
            ("torch", "ByteStorage") => Self::StorageClass(U8),
            ("torch", "BoolStorage") => Self::StorageClass(Bool),
            ("torch", "Size") => Self::Size,
            ("torch", "device") => Self::Device,
            ("numpy.core.multiarray" | "numpy._core.multiarray", "scalar") => Self::NumpyScalar,
            ("numpy", "dtype") => Self::NumpyType,
            ("_codecs", "encode") => Self::Encode,
            _ => {
                let class = ClassName { module, name };
                if !class.is_harmless() {
                    return Err(PickleError::Refused(class.to_string()));
                }
                Self::Other(class)
            }
        })
    }
}

/// The objects made so far by a pickle that is being read.
pub(super) struct Objects {
    pub(super) nodes: Vec<Node>,
    /// Bytes of input that have been read.
    pub(super) at: usize,
    /// Members copied from one collection into another, and the most that may be.
    copied: usize,
    most_copied: usize,
}

impl Objects {
    /// None yet, of a pickle that has at most so many bytes.
    pub(super) fn new(bytes: usize) -> Self {
        Objects { nodes: Vec::new(), at: 0, copied: 0, most_copied: bytes }
    }

    pub(super) fn malformed<T>(&self, reason: &'static str) -> Result<T, PickleError> {
        Err(PickleError::Malformed { reason, at: self.at })
    }

    /// Stores a new node.
    pub(super) fn make(&mut self, node: Node) -> NodeId {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    /// Accounts for `count` members copied between collections. A pickle that copies more than it has bytes repeats
    /// itself.
    pub(super) fn count_copied(&mut self, count: usize) -> Result<(), PickleError> {
        self.copied = self.copied.saturating_add(count);
        if self.copied > self.most_copied { Err(PickleError::TooLarge) } else { Ok(()) }
    }
}
