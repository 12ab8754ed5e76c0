//! The classes and functions that tensors in the pickle of a PyTorch checkpoint are made of, and what each makes of its
//! arguments. Every other class makes an inert object, whatever its arguments.
//!
//! "Calling" one only builds a [`Node`]: no name is ever looked up outside this file.

use super::PickleError;
use super::class_name::ClassName;
use super::pickle_objects::{Callable, Node, NodeId, NumpyType, Objects, StorageRef, TensorView};

/// Dimensions of the largest tensor taken seriously.
const MAX_RANK: usize = 8;
/// Arguments of the function that takes most.
const MAX_ARGUMENTS: usize = 8;
/// Bytes of the longest encoded text that is kept: that of a number.
const MAX_ENCODED: usize = 64;

impl Objects {
    /// The object that `callable(*arguments)` stands for.
    pub(super) fn reduce(&mut self, callable: NodeId, arguments: NodeId) -> Result<NodeId, PickleError> {
        let Node::Callable(callable) = &self.nodes[callable] else {
            return self.malformed("something that is no function is called");
        };
        let Node::Tuple(arguments) = &self.nodes[arguments] else {
            return self.malformed("a function is called without a tuple of arguments");
        };
        if let Callable::Other(class) = callable {
            let object = self.inert(class, arguments)?;
            return Ok(self.make(object));
        }
        // A long tuple must not be copied at every call.
        if arguments.len() > MAX_ARGUMENTS {
            return self.malformed("a function is called with too many arguments");
        }
        let (callable, arguments) = (callable.clone(), arguments.clone());
        let node = match (callable, &arguments[..]) {
            (Callable::OrderedDict, []) | (Callable::DefaultDict, [] | [_]) => Node::Dict(Vec::new()),
            (Callable::OrderedDict, &[items]) => self.ordered_dict(items)?,
            (Callable::RebuildTensor, &[storage, offset, shape, strides, ..]) => {
                Node::Tensor(Box::new(self.tensor(storage, offset, shape, strides)?))
            }
            (Callable::RebuildParameter, &[tensor, ..]) => return Ok(tensor),
            (Callable::Size, &[extents]) => return Ok(extents),
            (Callable::Device, &[name, ..]) => return Ok(name),
            (Callable::NumpyType, &[name, ..]) => self.numpy_type(name),
            (Callable::NumpyScalar, &[numpy_type, bytes]) => self.numpy_scalar(numpy_type, bytes)?,
            (Callable::Encode, &[text, encoding]) => self.encode(text, encoding)?,
            _ => return self.malformed("a function is called with the wrong arguments"),
        };
        Ok(self.make(node))
    }

    /// Sets the state of an object. Dictionaries and inert objects carry attributes that weights do not need; a numpy type
    /// carries its byte order.
    pub(super) fn build(&mut self, object: NodeId, state: NodeId) -> Result<(), PickleError> {
        match (&self.nodes[object], &self.nodes[state]) {
            (Node::Dict(_) | Node::Inert(_), _) => Ok(()),
            (Node::NumpyType(_), Node::Tuple(state)) => {
                let order = state.get(1).map(|&order| &self.nodes[order]);
                if !matches!(order, Some(Node::Str(order)) if matches!(&**order, "<" | "|" | "=")) {
                    self.nodes[object] = numpy_object();
                }
                Ok(())
            }
            _ => self.malformed("an object that has no state is given one"),
        }
    }

    /// What a class or function that nothing is known of makes of arguments: an object that holds nothing.
    fn inert(&self, class: &ClassName, arguments: &[NodeId]) -> Result<Node, PickleError> {
        let refused = || PickleError::Refused(class.to_string());
        if class.is_constructor()
            && class.makes_plain_objects()
            && let Some(Node::Callable(Callable::Other(own))) = arguments.first().map(|&own| &self.nodes[own])
        {
            return Ok(Node::Inert(own.clone()));
        }
        if !class.is_getattr() {
            return class.makes_plain_objects().then(|| Node::Inert(class.clone())).ok_or_else(refused);
        }
        // A member of an enumeration, by its name.
        let &[object, member] = arguments else { return Err(refused()) };
        match (&self.nodes[object], &self.nodes[member]) {
            (Node::Callable(Callable::Other(object)), Node::Str(member))
                if object.makes_plain_objects() && !member.starts_with('_') =>
            {
                Ok(Node::Inert(object.clone()))
            }
            _ => Err(refused()),
        }
    }

    /// A new object of a class, before its state.
    pub(super) fn new_object(&mut self, class: NodeId, arguments: NodeId) -> Result<NodeId, PickleError> {
        match (&self.nodes[class], &self.nodes[arguments]) {
            (Node::Callable(Callable::Other(class)), Node::Tuple(_)) if class.makes_plain_objects() => {
                let object = Node::Inert(class.clone());
                Ok(self.make(object))
            }
            (Node::Callable(Callable::OrderedDict | Callable::DefaultDict), Node::Tuple(_)) => {
                Ok(self.make(Node::Dict(Vec::new())))
            }
            (Node::Callable(Callable::Other(class)), _) => Err(PickleError::Refused(class.to_string())),
            _ => self.malformed("an object is made of something that is no class"),
        }
    }

    /// The storage that a persistent id describes: `('storage', class, key, device, elements[, view])`.
    pub(super) fn persistent(&self, id: NodeId) -> Result<StorageRef, PickleError> {
        let Node::Tuple(items) = &self.nodes[id] else {
            return self.malformed("a storage is described by something other than a tuple");
        };
        let Some((&[tag, class, key, _, elements], view)) = items.split_first_chunk() else {
            return self.malformed("a storage is described by too few items");
        };
        match (&self.nodes[tag], &self.nodes[class], &self.nodes[key]) {
            (Node::Str(tag), &Node::Callable(Callable::StorageClass(element_type)), Node::Str(key))
                if &**tag == "storage" =>
            {
                if view.iter().any(|&view| !matches!(self.nodes[view], Node::None)) {
                    return Err(PickleError::Unsupported(
                        "uses views of storages, a form PyTorch gave up; save it anew",
                    ));
                }
                Ok(StorageRef { key: key.clone(), element_type, elements: self.count(elements)? })
            }
            _ => self.malformed("a storage is described by the wrong items"),
        }
    }

    /// A dictionary of the pairs in a list, as Python 2 stored them.
    fn ordered_dict(&mut self, items: NodeId) -> Result<Node, PickleError> {
        let Node::List(items) = &self.nodes[items] else {
            return self.malformed("a dictionary is made of something other than a list");
        };
        let mut pairs = Vec::new();
        for &item in items {
            match &self.nodes[item] {
                Node::Tuple(pair) | Node::List(pair) if pair.len() == 2 => pairs.push((pair[0], pair[1])),
                _ => return self.malformed("a dictionary is made of something other than pairs"),
            }
        }
        self.count_copied(pairs.len())?;
        Ok(Node::Dict(pairs))
    }

    fn tensor(
        &self,
        storage: NodeId,
        offset: NodeId,
        shape: NodeId,
        strides: NodeId,
    ) -> Result<TensorView, PickleError> {
        let Node::Storage(storage) = &self.nodes[storage] else {
            return self.malformed("a tensor is made of something other than a storage");
        };
        Ok(TensorView {
            storage: StorageRef::clone(storage),
            offset: self.count(offset)?,
            shape: self.counts(shape)?,
            strides: self.counts(strides)?,
        })
    }

    fn count(&self, id: NodeId) -> Result<usize, PickleError> {
        match &self.nodes[id] {
            Node::Int(value) => {
                usize::try_from(*value).or_else(|_| self.malformed("an extent is negative or too large"))
            }
            _ => self.malformed("an extent is not a whole number"),
        }
    }

    fn counts(&self, id: NodeId) -> Result<Vec<usize>, PickleError> {
        match &self.nodes[id] {
            Node::Tuple(items) if items.len() <= MAX_RANK => items.iter().map(|&item| self.count(item)).collect(),
            Node::Tuple(_) => self.malformed("a tensor has more than 8 dimensions"),
            _ => self.malformed("a shape is not a tuple"),
        }
    }

    /// From a name such as `f8`; a type of anything but plain numbers is inert.
    fn numpy_type(&self, name: NodeId) -> Node {
        let Node::Str(name) = &self.nodes[name] else { return numpy_object() };
        let mut characters = name.chars();
        match (characters.next(), characters.as_str().parse()) {
            (Some(kind @ ('f' | 'i' | 'u' | 'b')), Ok(size @ (1 | 2 | 4 | 8))) => {
                Node::NumpyType(NumpyType { kind, size })
            }
            _ => numpy_object(),
        }
    }

    fn numpy_scalar(&self, numpy_type: NodeId, bytes: NodeId) -> Result<Node, PickleError> {
        if let Node::Inert(class) = &self.nodes[numpy_type] {
            return Ok(Node::Inert(class.clone()));
        }
        let (Node::NumpyType(numpy_type), Node::Bytes(bytes)) = (&self.nodes[numpy_type], &self.nodes[bytes]) else {
            return self.malformed("a numpy number is made of the wrong items");
        };
        let mut wide = [0; 8];
        match wide.get_mut(..numpy_type.size) {
            Some(low) if bytes.len() == low.len() => low.copy_from_slice(bytes),
            _ => return self.malformed("a numpy number has the wrong number of bytes"),
        }
        let unsigned = u64::from_le_bytes(wide);
        let unused_bits = 64 - 8 * numpy_type.size as u32;
        Ok(match (numpy_type.kind, numpy_type.size) {
            ('f', 8) => Node::Float(f64::from_bits(unsigned)),
            ('f', 4) => Node::Float(f32::from_bits(unsigned as u32).into()),
            ('f', 2) => Node::Float(half::f16::from_bits(unsigned as u16).into()),
            ('i', _) => Node::Int(((unsigned << unused_bits) as i64 >> unused_bits).into()),
            ('u', _) => Node::Int(unsigned.into()),
            ('b', 1) => Node::Bool(unsigned != 0),
            _ => return self.malformed("a numpy number has an impossible type"),
        })
    }

    /// Bytes stored as text by protocols that have no bytes: each character is one byte. Those of an array, which are many,
    /// are not kept: decoding a text again and again must not take more memory than the file.
    fn encode(&self, text: NodeId, encoding: NodeId) -> Result<Node, PickleError> {
        match (&self.nodes[text], &self.nodes[encoding]) {
            (Node::Str(text), Node::Str(encoding)) if &**encoding == "latin1" => {
                if text.len() > MAX_ENCODED {
                    return Ok(Node::Inert(ClassName { module: "builtins".into(), name: "bytes".into() }));
                }
                let bytes: Result<_, _> = text.chars().map(u8::try_from).collect();
                bytes.map(Node::Bytes).or_else(|_| self.malformed("an encoded byte exceeds 255"))
            }
            _ => self.malformed("a text is encoded that cannot be bytes"),
        }
    }
}

/// What numpy stores that is no plain number.
fn numpy_object() -> Node {
    Node::Inert(ClassName { module: "numpy".into(), name: "generic".into() })
}
