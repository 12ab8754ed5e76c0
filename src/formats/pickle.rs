//! A pickle machine that executes nothing.
//!
//! It knows the instructions that PyTorch writes and, in [`super::rebuild`], the few classes tensors are made of. Objects of
//! other classes become inert; what calls functions or reaches for the system is refused ([`super::class_name`]). Each instruction makes at most one node of constant size plus what it read from the input, so
//! that memory stays proportional to the input; nodes share children by index, and nothing here recurses.

use std::collections::HashMap;
use std::sync::Arc;

use super::PickleError;
use super::pickle_objects::{Callable, Node, NodeId, Objects};

/// A whole pickle, parsed.
pub(super) struct Pickle {
    pub(super) nodes: Vec<Node>,
    pub(super) root: NodeId,
    /// Bytes of input up to and including the final instruction.
    pub(super) length: usize,
}

impl Pickle {
    /// The object the pickle describes.
    pub(super) fn root(&self) -> &Node {
        &self.nodes[self.root]
    }

    /// Parses the pickle at the start of `input`.
    ///
    /// # Errors
    /// See [`PickleError`].
    pub(super) fn parse(input: &[u8]) -> Result<Self, PickleError> {
        let mut machine = Machine {
            input,
            objects: Objects::new(input.len()),
            stack: Vec::new(),
            marks: Vec::new(),
            memo: HashMap::new(),
        };
        while !machine.step()? {}
        let root = machine.pop()?;
        Ok(Self { root, length: machine.objects.at, nodes: machine.objects.nodes })
    }
}

struct Machine<'a> {
    input: &'a [u8],
    objects: Objects,
    stack: Vec<NodeId>,
    /// Heights of the stack at each open mark.
    marks: Vec<usize>,
    memo: HashMap<u32, NodeId>,
}

impl Machine<'_> {
    /// Executes one instruction; `true` after the last. Names follow CPython's `pickle.py`.
    fn step(&mut self) -> Result<bool, PickleError> {
        let at = self.objects.at;
        let code = self.byte()?;
        match code {
            b'.' => return Ok(true),                   // STOP
            0x80 => _ = self.byte()?,                  // PROTO
            0x95 => _ = self.array::<8>()?,            // FRAME
            b'(' => self.marks.push(self.stack.len()), // MARK
            b'0' => _ = self.pop()?,                   // POP
            b'1' => _ = self.pop_mark()?,              // POP_MARK
            b'2' => self.stack.push(self.top()?),      // DUP
            b'N' => self.push(Node::None),
            0x88 => self.push(Node::Bool(true)),
            0x89 => self.push(Node::Bool(false)),
            b'I' => self.text_int()?,
            b'J' => self.int::<4>(|bytes| i32::from_le_bytes(bytes).into())?, // BININT
            b'K' => self.int::<1>(|bytes| u8::from_le_bytes(bytes).into())?,  // BININT1
            b'M' => self.int::<2>(|bytes| u16::from_le_bytes(bytes).into())?, // BININT2
            0x8a => self.long(1)?,                                            // LONG1
            0x8b => self.long(4)?,                                            // LONG4
            b'G' => {
                let value = f64::from_be_bytes(self.array()?);
                self.push(Node::Float(value));
            }
            0x8c => self.text(1)?,        // SHORT_BINUNICODE
            b'X' | b'T' => self.text(4)?, // BINUNICODE, BINSTRING
            0x8d => self.text(8)?,        // BINUNICODE8
            b'U' => self.text(1)?,        // SHORT_BINSTRING
            b'C' => self.bytes(1)?,       // SHORT_BINBYTES
            b'B' => self.bytes(4)?,       // BINBYTES
            0x8e => self.bytes(8)?,       // BINBYTES8
            b')' => self.push(Node::Tuple(Vec::new())),
            0x85 => self.tuple(1)?,
            0x86 => self.tuple(2)?,
            0x87 => self.tuple(3)?,
            b't' => {
                let items = self.pop_mark()?;
                self.push(Node::Tuple(items));
            }
            b']' => self.push(Node::List(Vec::new())),
            b'l' => {
                let items = self.pop_mark()?;
                self.push(Node::List(items));
            }
            b'a' => {
                let item = self.pop()?;
                self.extend_list(vec![item])?;
            }
            b'e' => {
                let items = self.pop_mark()?;
                self.extend_list(items)?;
            }
            b'}' => self.push(Node::Dict(Vec::new())),
            b'd' => {
                let items = self.pop_mark()?;
                self.push(Node::Dict(Vec::new()));
                self.extend_dict(&items)?;
            }
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.extend_dict(&[key, value])?;
            }
            b'u' => {
                let items = self.pop_mark()?;
                self.extend_dict(&items)?;
            }
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.global(module, name)?;
            }
            0x93 => self.stack_global()?,
            b'R' => {
                let (arguments, callable) = (self.pop()?, self.pop()?);
                let result = self.objects.reduce(callable, arguments)?;
                self.stack.push(result);
            }
            0x81 => {
                // NEWOBJ
                let (arguments, class) = (self.pop()?, self.pop()?);
                let object = self.objects.new_object(class, arguments)?;
                self.stack.push(object);
            }
            b'b' => {
                let (state, object) = (self.pop()?, self.top()?);
                self.objects.build(object, state)?;
            }
            b'Q' => {
                let id = self.pop()?;
                let storage = self.objects.persistent(id)?;
                self.push(Node::Storage(Box::new(storage)));
            }
            b'q' => {
                let key = self.byte()?.into();
                self.put(key)?;
            }
            b'r' => {
                let key = u32::from_le_bytes(self.array()?);
                self.put(key)?;
            }
            0x94 => self.put(self.memo.len() as u32)?, // MEMOIZE
            b'h' => {
                let key = self.byte()?.into();
                self.get(key)?;
            }
            b'j' => {
                let key = u32::from_le_bytes(self.array()?);
                self.get(key)?;
            }
            code => return Err(PickleError::Opcode { code, at }),
        }
        Ok(false)
    }

    fn push(&mut self, node: Node) {
        let id = self.objects.make(node);
        self.stack.push(id);
    }

    /// The lowest stack height that instructions may reach down to: items below an open mark are out of bounds.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn pop(&mut self) -> Result<NodeId, PickleError> {
        let id = self.top()?;
        self.stack.pop();
        Ok(id)
    }

    fn top(&self) -> Result<NodeId, PickleError> {
        match self.stack.last() {
            Some(&id) if self.stack.len() > self.floor() => Ok(id),
            _ => self.objects.malformed("an instruction lacks its operand"),
        }
    }

    fn pop_mark(&mut self) -> Result<Vec<NodeId>, PickleError> {
        match self.marks.pop() {
            Some(height) => Ok(self.stack.split_off(height)),
            None => self.objects.malformed("an instruction lacks its mark"),
        }
    }

    fn take(&mut self, length: usize) -> Result<&[u8], PickleError> {
        let rest = &self.input[self.objects.at..];
        let Some(taken) = rest.get(..length) else { return Err(PickleError::Truncated(self.input.len())) };
        self.objects.at += length;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, PickleError> {
        Ok(self.take(1)?[0])
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], PickleError> {
        Ok(self.take(N)?.try_into().expect("`take` returns the length asked for"))
    }

    /// Text up to the end of the line.
    fn line(&mut self) -> Result<Arc<str>, PickleError> {
        let rest = &self.input[self.objects.at..];
        let Some(length) = rest.iter().position(|&byte| byte == b'\n') else {
            return Err(PickleError::Truncated(self.input.len()));
        };
        self.objects.at += length + 1;
        std::str::from_utf8(&rest[..length]).map(Arc::from).or_else(|_| self.objects.malformed("a name is not UTF-8"))
    }

    /// A run of bytes preceded by its length, itself `width` bytes wide.
    fn sized(&mut self, width: usize) -> Result<&[u8], PickleError> {
        let mut length = [0; 8];
        length[..width].copy_from_slice(self.take(width)?);
        // A length beyond the address space is beyond the file too.
        self.take(usize::try_from(u64::from_le_bytes(length)).unwrap_or(usize::MAX))
    }

    fn text(&mut self, width: usize) -> Result<(), PickleError> {
        let Ok(text) = std::str::from_utf8(self.sized(width)?).map(Arc::from) else {
            return self.objects.malformed("a text is not UTF-8");
        };
        self.push(Node::Str(text));
        Ok(())
    }

    fn bytes(&mut self, width: usize) -> Result<(), PickleError> {
        let bytes = Arc::from(self.sized(width)?);
        self.push(Node::Bytes(bytes));
        Ok(())
    }

    fn int<const N: usize>(&mut self, decode: impl Fn([u8; N]) -> i128) -> Result<(), PickleError> {
        let value = decode(self.array()?);
        self.push(Node::Int(value));
        Ok(())
    }

    /// Two's complement, little-endian, of as many bytes as the length says.
    fn long(&mut self, width: usize) -> Result<(), PickleError> {
        let bytes = self.sized(width)?;
        let negative = bytes.last().is_some_and(|&byte| byte >= 0x80);
        let mut wide = [if negative { 0xff } else { 0 }; 16];
        match wide.get_mut(..bytes.len()) {
            Some(low) => low.copy_from_slice(bytes),
            None => return self.objects.malformed("a whole number exceeds 128 bits"),
        }
        self.push(Node::Int(i128::from_le_bytes(wide)));
        Ok(())
    }

    /// A decimal number on a line of its own; `00` and `01` are Booleans.
    fn text_int(&mut self) -> Result<(), PickleError> {
        let line = self.line()?;
        let node = match (&*line, line.parse()) {
            ("00", _) => Node::Bool(false),
            ("01", _) => Node::Bool(true),
            (_, Ok(value)) => Node::Int(value),
            _ => return self.objects.malformed("a whole number has other characters than digits"),
        };
        self.push(node);
        Ok(())
    }

    fn tuple(&mut self, length: usize) -> Result<(), PickleError> {
        if self.stack.len() - self.floor() < length {
            return self.objects.malformed("an instruction lacks its operand");
        }
        let items = self.stack.split_off(self.stack.len() - length);
        self.push(Node::Tuple(items));
        Ok(())
    }

    fn extend_list(&mut self, items: Vec<NodeId>) -> Result<(), PickleError> {
        let list = self.top()?;
        if let Node::Inert(_) = self.objects.nodes[list] {
            return Ok(());
        }
        let Node::List(list) = &mut self.objects.nodes[list] else {
            return self.objects.malformed("something other than a list is appended to");
        };
        list.extend(items);
        Ok(())
    }

    fn extend_dict(&mut self, items: &[NodeId]) -> Result<(), PickleError> {
        let dict = self.top()?;
        if let Node::Inert(_) = self.objects.nodes[dict] {
            self.objects.nodes[dict] = Node::Dict(Vec::new());
        }
        let (pairs, rest) = items.as_chunks();
        let Node::Dict(dict) = &mut self.objects.nodes[dict] else {
            return self.objects.malformed("something other than a dictionary is given items");
        };
        if !rest.is_empty() {
            return self.objects.malformed("a dictionary key lacks its value");
        }
        dict.extend(pairs.iter().map(|&[key, value]| (key, value)));
        Ok(())
    }

    fn global(&mut self, module: Arc<str>, name: Arc<str>) -> Result<(), PickleError> {
        let callable = Callable::named(module, name)?;
        self.push(Node::Callable(callable));
        Ok(())
    }

    fn stack_global(&mut self) -> Result<(), PickleError> {
        let (name, module) = (self.pop()?, self.pop()?);
        match (&self.objects.nodes[module], &self.objects.nodes[name]) {
            (Node::Str(module), Node::Str(name)) => self.global(module.clone(), name.clone()),
            _ => self.objects.malformed("a class is named by something other than text"),
        }
    }

    fn put(&mut self, key: u32) -> Result<(), PickleError> {
        let id = self.top()?;
        self.memo.insert(key, id);
        Ok(())
    }

    fn get(&mut self, key: u32) -> Result<(), PickleError> {
        let Some(&id) = self.memo.get(&key) else {
            return self.objects.malformed("an object is used before it is stored");
        };
        self.stack.push(id);
        Ok(())
    }
}
