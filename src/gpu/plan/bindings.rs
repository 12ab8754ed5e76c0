//! What WebGPU asks of the memory that one launch binds: each buffer is either read or written, no range is written through two
//! bindings, and each texture is bound once if it is written.

use super::grouped::{Located, Window, divide};
use super::memory::{Plan, is_leaf};
use crate::gpu::kernel::{ALIGNMENT, BufferAccess, BufferUse, Dispatch, Target, TextureAccess, bytes_of};
use crate::gpu::machine::{Capabilities, GpuError, Result};
use crate::graph::{Graph, StateId};

/// A buffer of a program that there need not be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Buffer {
    Inputs,
    States,
    Page(u64),
    Texture(usize),
}

/// A range that a launch binds.
#[derive(Clone, Debug)]
struct Bound {
    window: Window<Buffer>,
    written: bool,
}

/// Whether WebGPU refuses two bindings of one launch.
fn clash(a: &Bound, b: &Bound) -> bool {
    a.window.buffer == b.window.buffer && (a.written != b.written || (a.written && a.window.overlaps(&b.window)))
}

impl Plan {
    /// Whether every launch binds what WebGPU lets it bind, states lying as [`Graph::states_by_place`] has them.
    ///
    /// # Errors
    /// [`GpuError::Clash`], which is a fault of a launcher.
    pub(crate) fn check_bindings(&self, graph: &Graph, capabilities: &Capabilities) -> Result<()> {
        let mut states = vec![0; graph.states().len()];
        let mut end = 0;
        for StateId(index) in graph.states_by_place() {
            states[index] = end;
            end = (end + graph.states()[index].shape.bytes()).next_multiple_of(ALIGNMENT);
        }
        for launch in &self.launches {
            for bound in self.bound(graph, &states, &launch.dispatch, capabilities) {
                let all = (0..bound.len()).flat_map(|a| (0..a).map(move |b| [a, b]));
                if let Some([a, b]) = all.into_iter().find(|[a, b]| clash(&bound[*a], &bound[*b])) {
                    let (shader, label) = (launch.dispatch.shader, launch.label);
                    let [a, b] = [a, b].map(|index| format!("{:?}", bound[index]));
                    return Err(GpuError::Clash { shader, label, a, b });
                }
            }
        }
        Ok(())
    }

    /// What a launch binds, or each of those into which its rows are divided.
    fn bound(
        &self,
        graph: &Graph,
        states: &[u64],
        dispatch: &Dispatch,
        capabilities: &Capabilities,
    ) -> Vec<Vec<Bound>> {
        let place = |target: Target| match (target, self.block_of(target)) {
            (Target::State(StateId(index)), _) => (Buffer::States, states[index]),
            (_, Some(block)) => {
                let (offset, page) = (self.memory.offsets[block], self.memory.page);
                (Buffer::Page(offset / page), offset % page)
            }
            (Target::Node(id), None) => {
                debug_assert!(is_leaf(graph, id), "{id:?} has no memory");
                (Buffer::Inputs, 0)
            }
            (Target::Scratch(_), None) => unreachable!("scratch is among the blocks"),
        };
        let views = dispatch.buffers.iter().enumerate().map(|(index, BufferUse { view, access, .. })| {
            let (buffer, offset) = place(view.target);
            let size = bytes_of(dispatch.half.contains(&(index + 1)));
            let start = offset + view.start as u64 * size;
            let window = Window { buffer, start, end: start + view.len as u64 * size };
            Bound { window, written: *access == BufferAccess::ReadWrite }
        });
        let textures = dispatch.textures.iter().map(|own| {
            let place = self.textures.places[own.texture.0].expect("every texture that is used has a place");
            let window = Window { buffer: Buffer::Texture(place), start: 0, end: 1 };
            Bound { window, written: own.access == TextureAccess::Write }
        });
        let fixed: Vec<Bound> = views.chain(textures).collect();
        if dispatch.rows.is_empty() {
            return vec![fixed];
        }
        let located = |(target, start): &(Target, usize)| {
            let (buffer, offset) = place(*target);
            (buffer, offset + *start as u64 * 4)
        };
        let rows = dispatch.rows.iter().map(|row| Located {
            from: row.from.iter().map(located).collect(),
            count: row.count,
            word: row.word,
        });
        let limit = capabilities.binding_elements as u64 * 4;
        let groups = divide(rows.collect(), dispatch.chunk, dispatch.rows_read, limit);
        let of_group = |windows: Vec<Window<Buffer>>| {
            let accesses = dispatch.accesses_of_rows().map(|access| access == BufferAccess::ReadWrite);
            let windows = windows.into_iter().zip(accesses).map(|(window, written)| Bound { window, written });
            fixed.iter().cloned().chain(windows).collect()
        };
        groups.into_iter().map(|group| of_group(group.windows)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::kernel::{Launch, Shader, View};
    use crate::graph::{NodeId, Unary};

    /// A chain of functions, of which the launch under test is the last.
    fn planned(change: impl FnOnce(&mut Dispatch, NodeId, NodeId)) -> Result<()> {
        let mut graph = Graph::new();
        let x = graph.input("x", [64]);
        let y = graph.unary(Unary::Square, x).expect("any shape");
        let z = graph.unary(Unary::Sqrt, y).expect("any shape");
        graph.output("z", z);
        let machine = Capabilities::typical_hardware();
        let mut plan = Plan::new(&graph, &machine).expect("it fits");
        change(&mut plan.launches.last_mut().expect("two functions").dispatch, y, z);
        plan.check_bindings(&graph, &machine)
    }

    #[test]
    fn launches_that_webgpu_refuses_are_found() {
        let add = |dispatch: &mut Dispatch, id: NodeId, [start, len]: [usize; 2], access: BufferAccess| {
            let view = View { target: Target::Node(id), start, len };
            dispatch.buffers.push(BufferUse { view, access, used: len });
        };
        assert!(planned(|_, _, _| ()).is_ok());
        let read_twice = |d: &mut Dispatch, y, _| add(d, y, [0, 64], BufferAccess::Read);
        assert!(planned(read_twice).is_ok());
        let in_place = |d: &mut Dispatch, y, _| add(d, y, [0, 64], BufferAccess::ReadWrite);
        assert!(matches!(planned(in_place), Err(GpuError::Clash { shader: "unary", .. })));
        let written_and_read = |d: &mut Dispatch, _, z| add(d, z, [0, 64], BufferAccess::Read);
        assert!(planned(written_and_read).is_err());
        let written_twice = |d: &mut Dispatch, _, z| add(d, z, [32, 32], BufferAccess::ReadWrite);
        assert!(planned(written_twice).is_err());
    }

    #[test]
    fn what_an_operator_reads_and_writes_lies_in_two_buffers() {
        let mut graph = Graph::new();
        // Pages are as large as it is, so that the small values could share one.
        let large = graph.input("large", [64, 64]);
        let large = graph.unary(Unary::Square, large).expect("any shape");
        graph.output("large", large);
        let mut y = graph.input("x", [64]);
        for _ in 0..9 {
            let square = graph.unary(Unary::Square, y).expect("any shape");
            y = graph.add(square, y).expect("same shapes");
        }
        graph.output("y", y);
        let machine = Capabilities::typical_hardware();
        let plan = Plan::new(&graph, &machine).expect("it fits");
        plan.check_bindings(&graph, &machine).expect("WebGPU takes it");
        let written = |launch: &Launch| launch.dispatch.targets().any(|(_, access)| access == BufferAccess::ReadWrite);
        assert!(
            plan.launches.iter().all(written) && plan.launches.iter().all(|l| l.dispatch.shader != Shader::Copy.name())
        );
        assert!(plan.memory.pages.len() >= 3, "{:?}", plan.memory.pages);
    }
}
