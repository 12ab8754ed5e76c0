//! Tensors of one network by name.

use std::collections::HashMap;

use super::HostTensor;

/// An ordered list of named tensors, each name once.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StateDict {
    entries: Vec<(String, HostTensor)>,
    index: HashMap<String, usize>,
}

impl StateDict {
    /// Adds a tensor at the end. `Err` returns it when the name is taken.
    pub fn insert(&mut self, name: String, tensor: HostTensor) -> Result<(), (String, HostTensor)> {
        if self.index.contains_key(&name) {
            return Err((name, tensor));
        }
        self.index.insert(name.clone(), self.entries.len());
        self.entries.push((name, tensor));
        Ok(())
    }

    /// The tensor of that name.
    pub fn get(&self, name: &str) -> Option<&HostTensor> {
        self.index.get(name).map(|&index| &self.entries[index].1)
    }

    /// The tensor of that name, to change it.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut HostTensor> {
        self.index.get(name).map(|&index| &mut self.entries[index].1)
    }

    /// Names and tensors in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &HostTensor)> {
        self.entries.iter().map(|(name, tensor)| (name.as_str(), tensor))
    }

    /// Number of tensors.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no tensor.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl IntoIterator for StateDict {
    type Item = (String, HostTensor);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    /// Names and tensors in order.
    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_order_and_refuses_a_name_twice() {
        let tensor = |value| HostTensor { shape: vec![], data: vec![value] };
        let mut state = StateDict::default();
        state.insert("b".into(), tensor(1.0)).unwrap();
        state.insert("a".into(), tensor(2.0)).unwrap();
        assert_eq!(state.insert("b".into(), tensor(3.0)), Err(("b".into(), tensor(3.0))));
        assert_eq!(state.iter().map(|(name, _)| name).collect::<Vec<_>>(), ["b", "a"]);
        assert_eq!((state.get("b"), state.get("c"), state.len()), (Some(&tensor(1.0)), None, 2));
    }
}
