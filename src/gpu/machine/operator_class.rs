//! Classes of operators that take as long wherever they stand, and how often their launches are divided.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::graph::{Graph, NodeId, Shape};

/// Seconds that a launch may take before it is divided into launches of a submission's length.
pub(crate) const WATCHDOG: f64 = 0.5;

/// Operators whose launches are too long, by their class, and the pieces into which they are divided at least.
pub type Divisions = BTreeMap<OperatorClass, usize>;

/// An operator with the shapes it reads, or a kind of update without shapes: what takes as long wherever it stands. Files
/// have it as text, the one it is displayed in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct OperatorClass {
    name: String,
    /// extents of each input
    shapes: Vec<Vec<usize>>,
}

impl OperatorClass {
    /// The class of a node.
    pub(crate) fn of(graph: &Graph, id: NodeId) -> OperatorClass {
        let node = graph.node(id);
        let shapes = node.inputs.iter().map(|input| graph.shape(*input).to_vec()).collect();
        OperatorClass { name: node.op.name().to_owned(), shapes }
    }

    /// The class of all updates of a kind.
    pub(crate) fn of_update(name: &str) -> OperatorClass {
        OperatorClass { name: name.to_owned(), shapes: Vec::new() }
    }

    /// The shapes that the operator reads; none of an update.
    pub(crate) fn shapes(&self) -> String {
        let shapes: Vec<String> = self.shapes.iter().map(|extents| Shape::from(&extents[..]).to_string()).collect();
        shapes.join(" ")
    }
}

impl fmt::Display for OperatorClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.shapes.is_empty() {
            true => f.write_str(&self.name),
            false => write!(f, "{} {}", self.name, self.shapes()),
        }
    }
}

/// A text that names no class of operators.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no class of operators")]
pub struct NoOperatorClass(String);

impl FromStr for OperatorClass {
    type Err = NoOperatorClass;

    fn from_str(text: &str) -> Result<Self, NoOperatorClass> {
        let (name, shapes) = text.split_once(' ').unwrap_or((text, ""));
        // Each shape is a JSON array.
        let shapes = serde_json::Deserializer::from_str(shapes).into_iter().collect::<Result<_, _>>();
        let class = shapes.ok().map(|shapes| OperatorClass { name: name.to_owned(), shapes });
        class
            .filter(|class| !name.is_empty() && class.to_string() == text)
            .ok_or_else(|| NoOperatorClass(text.to_owned()))
    }
}

impl From<OperatorClass> for String {
    fn from(class: OperatorClass) -> String {
        class.to_string()
    }
}

impl TryFrom<String> for OperatorClass {
    type Error = NoOperatorClass;

    fn try_from(text: String) -> Result<Self, NoOperatorClass> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checkpoints hold these texts.
    #[test]
    fn a_class_is_read_from_the_text_it_is_written_as() {
        let mut graph = Graph::new();
        let [a, b] = [graph.input("a", [2, 3, 8, 8]), graph.input("b", [1])];
        let y = graph.add(a, b).expect("one element goes with any shape");
        let class = OperatorClass::of(&graph, y);
        assert_eq!(class.to_string(), "add [2, 3, 8, 8] [1]");
        for class in [class, OperatorClass::of_update("adam")] {
            assert_eq!(class.to_string().parse(), Ok(class));
        }
        for wrong in ["", "add [1", "add 1", "add  [1]"] {
            assert_eq!(wrong.parse::<OperatorClass>(), Err(NoOperatorClass(wrong.to_owned())));
        }
    }
}
