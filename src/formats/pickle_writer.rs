//! Pickles of protocol 2, as far as checkpoints need them. Objects are written in full wherever they occur: readers find
//! storages by their keys, so nothing else is shared.

/// A pickle that is being written; each method appends one object or instruction.
pub(super) struct PickleWriter(Vec<u8>);

impl PickleWriter {
    pub(super) fn new() -> Self {
        Self(vec![0x80, 2])
    }

    /// Ends the pickle.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.0.push(b'.');
        self.0
    }

    /// A class or function by name.
    pub(super) fn global(&mut self, module: &str, name: &str) {
        self.0.extend(format!("c{module}\n{name}\n").into_bytes());
    }

    pub(super) fn text(&mut self, text: &str) {
        let length = u32::try_from(text.len()).expect("names are shorter than 4 GiB");
        self.0.push(b'X');
        self.0.extend(length.to_le_bytes());
        self.0.extend(text.as_bytes());
    }

    pub(super) fn int(&mut self, value: i64) {
        if let Ok(value) = u8::try_from(value) {
            self.0.extend([b'K', value]);
        } else if let Ok(value) = u16::try_from(value) {
            self.0.push(b'M');
            self.0.extend(value.to_le_bytes());
        } else if let Ok(value) = i32::try_from(value) {
            self.0.push(b'J');
            self.0.extend(value.to_le_bytes());
        } else {
            self.0.extend([0x8a, 8]);
            self.0.extend(value.to_le_bytes());
        }
    }

    /// A tensor's extents, offset or number of elements.
    pub(super) fn count(&mut self, value: usize) {
        self.int(i64::try_from(value).expect("tensors in memory have fewer elements"));
    }

    pub(super) fn float(&mut self, value: f64) {
        self.0.push(b'G');
        self.0.extend(value.to_be_bytes());
    }

    pub(super) fn bool(&mut self, value: bool) {
        self.0.push(if value { 0x88 } else { 0x89 });
    }

    /// A tuple of what `items` appends.
    pub(super) fn tuple(&mut self, items: impl FnOnce(&mut Self)) {
        self.0.push(b'(');
        items(self);
        self.0.push(b't');
    }

    /// A dictionary of what `items` appends: key, value, key, value, …
    pub(super) fn dictionary(&mut self, items: impl FnOnce(&mut Self)) {
        self.0.push(b'}');
        self.set_items(items);
    }

    /// The same that remembers its order.
    pub(super) fn ordered_dictionary(&mut self, items: impl FnOnce(&mut Self)) {
        self.global("collections", "OrderedDict");
        self.call(|_| ());
        self.set_items(items);
    }

    /// Calls the function before with what `arguments` appends.
    pub(super) fn call(&mut self, arguments: impl FnOnce(&mut Self)) {
        self.tuple(arguments);
        self.0.push(b'R');
    }

    /// The object outside the pickle that what `id` appends describes.
    pub(super) fn persistent(&mut self, id: impl FnOnce(&mut Self)) {
        self.tuple(id);
        self.0.push(b'Q');
    }

    fn set_items(&mut self, items: impl FnOnce(&mut Self)) {
        self.0.push(b'(');
        items(self);
        self.0.push(b'u');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::pickle::Pickle;
    use crate::formats::pickle_objects::Node;

    #[test]
    fn numbers_of_every_width_read_back() {
        let numbers = [0, 255, 256, 65535, 65536, i64::from(i32::MAX), i64::from(i32::MAX) + 1, -1, i64::MIN];
        let mut writer = PickleWriter::new();
        writer.tuple(|writer| {
            numbers.iter().for_each(|&number| writer.int(number));
            writer.float(-0.1);
        });
        let bytes = writer.finish();
        let pickle = Pickle::parse(&bytes).unwrap();
        assert_eq!(pickle.length, bytes.len());
        let Node::Tuple(items) = pickle.root() else { panic!("{:?}", pickle.root()) };
        for (&item, number) in items.iter().zip(numbers) {
            assert!(matches!(pickle.nodes[item], Node::Int(found) if found == i128::from(number)), "{number}");
        }
        assert!(matches!(pickle.nodes[items[numbers.len()]], Node::Float(-0.1)));
    }
}
