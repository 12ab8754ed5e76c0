//! The axes of an iteration over strided operands, as few as there can be.

use crate::graph::Shape;

/// An axis of an iteration, with the stride of each operand.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Axis {
    pub extent: usize,
    pub strides: Vec<usize>,
}

/// Axes of `shape`, neighbours joined where every operand steps through them as through one; extents of 1 dropped.
pub(super) fn merge_axes(shape: &Shape, operands: &[Vec<usize>]) -> Vec<Axis> {
    let mut merged: Vec<Axis> = Vec::new();
    for axis in (0..shape.len()).filter(|&a| shape[a] != 1) {
        let (extent, strides) = (shape[axis], operands.iter().map(|s| s[axis]).collect::<Vec<_>>());
        match merged.last_mut() {
            Some(last) if last.strides.iter().zip(&strides).all(|(l, s)| *l == s * extent) => {
                last.extent *= extent;
                last.strides = strides;
            }
            _ => merged.push(Axis { extent, strides }),
        }
    }
    merged
}

/// Exactly four axes, extents of 1 put in behind the first, which pieces run along; `None` if there are more.
pub(super) fn four_axes(mut axes: Vec<Axis>) -> Option<[Axis; 4]> {
    let missing = 4usize.checked_sub(axes.len())?;
    let operands = axes.first().map_or(2, |a| a.strides.len());
    let unit = Axis { extent: 1, strides: vec![0; operands] };
    let at = axes.len().min(1);
    axes.splice(at..at, std::iter::repeat_n(unit, missing));
    axes.try_into().ok()
}

/// Extents of all axes but the first.
pub(super) fn inner_extents(axes: &[Axis; 4]) -> [usize; 3] {
    [axes[1].extent, axes[2].extent, axes[3].extent]
}

/// Strides of the two operands along the axes.
pub(super) fn strides(axes: &[Axis; 4]) -> [[usize; 4]; 2] {
    [0, 1].map(|operand| [0, 1, 2, 3].map(|axis| axes[axis].strides[operand]))
}
