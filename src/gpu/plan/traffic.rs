//! What launches read and write: each of its operands and results once, whatever caches keep from one launch to the next.

use std::collections::HashMap;
use std::ops::Range;

use super::textures::TEXEL;
use crate::gpu::kernel::{BufferAccess, BufferUse, Dispatch, Launch, Target, TextureAccess, TextureId, View, bytes_of};

/// What launches of an operator write together.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Place {
    Buffer(Target),
    Texture(TextureId),
}

/// The bytes that the launches of an operator write to a place, and the workgroups that do it.
#[derive(Default)]
struct Written {
    ranges: Vec<Range<u64>>,
    groups: u64,
}

impl Written {
    /// Bytes that at least one of the ranges holds.
    fn bytes(&self) -> u64 {
        let mut ranges = self.ranges.clone();
        ranges.sort_by_key(|range| range.start);
        let (mut bytes, mut end) = (0, 0);
        for range in ranges {
            bytes += range.end.saturating_sub(range.start.max(end));
            end = range.end.max(end);
        }
        bytes
    }
}

/// Counts the bytes that each launch reads and writes, textures having so many texels. Of what several launches of an operator
/// write, each writes its share by workgroups.
pub(super) fn count_traffic(launches: &mut [Launch], texels: &[usize]) {
    let mut written: HashMap<(usize, Place), Written> = HashMap::new();
    for Launch { step, dispatch, .. } in &*launches {
        for (place, range) in shared(dispatch, texels) {
            let all = written.entry((*step, place)).or_default();
            all.ranges.push(range);
            all.groups += groups(dispatch);
        }
    }
    let written: HashMap<_, _> = written.into_iter().map(|(key, all)| (key, (all.bytes(), all.groups))).collect();
    for launch in launches {
        let dispatch = &launch.dispatch;
        let share = |(place, _)| {
            let (bytes, of) = written[&(launch.step, place)];
            u128::from(bytes) * u128::from(groups(dispatch)) / u128::from(of)
        };
        let shares: u128 = shared(dispatch, texels).map(share).sum();
        let [read, updated] = of_rows(dispatch);
        launch.work.read_bytes = read_by(dispatch, texels) + read;
        let in_part = written_in_part(dispatch) + of_parts(dispatch, TextureAccess::Write);
        launch.work.written_bytes = shares as u64 + in_part + updated;
    }
}

fn groups(dispatch: &Dispatch) -> u64 {
    dispatch.groups.iter().map(|&extent| u64::from(extent)).product()
}

/// What a launch writes to places that others of its operator may write to as well.
fn shared(dispatch: &Dispatch, texels: &[usize]) -> impl Iterator<Item = (Place, Range<u64>)> {
    let buffers = written_buffers(dispatch).filter(|(_, own)| own.used == own.view.len);
    let buffers = buffers.map(|(index, own)| {
        let (View { target, start, len }, size) = (own.view, size_of(dispatch, index));
        (Place::Buffer(target), start as u64 * size..(start + len) as u64 * size)
    });
    let textures = dispatch.textures.iter().filter(|own| own.access == TextureAccess::Write && own.used.is_none());
    let textures = textures.map(|own| (Place::Texture(own.texture), 0..texels[own.texture.0] as u64 * TEXEL));
    buffers.chain(textures)
}

fn written_buffers(dispatch: &Dispatch) -> impl Iterator<Item = (usize, &BufferUse)> {
    dispatch.buffers.iter().enumerate().filter(|(_, own)| own.access == BufferAccess::ReadWrite)
}

/// Bytes of buffers of which a launch says how much it writes.
fn written_in_part(dispatch: &Dispatch) -> u64 {
    let parts = written_buffers(dispatch).filter(|(_, own)| own.used < own.view.len);
    parts.map(|(index, own)| own.used as u64 * size_of(dispatch, index)).sum()
}

/// Bytes of the operands, each counted once however often it is bound.
fn read_by(dispatch: &Dispatch, texels: &[usize]) -> u64 {
    let mut views: HashMap<(Target, usize), u64> = HashMap::new();
    for (index, own) in dispatch.buffers.iter().enumerate().filter(|(_, own)| own.access == BufferAccess::Read) {
        let bytes = own.used as u64 * size_of(dispatch, index);
        let known = views.entry((own.view.target, own.view.start)).or_default();
        *known = bytes.max(*known);
    }
    let mut whole: Vec<usize> = Vec::new();
    for own in dispatch.textures.iter().filter(|own| own.access == TextureAccess::Read && own.used.is_none()) {
        if !whole.contains(&own.texture.0) {
            whole.push(own.texture.0);
        }
    }
    let textures: u64 = whole.into_iter().map(|texture| texels[texture] as u64 * TEXEL).sum();
    views.into_values().sum::<u64>() + textures + of_parts(dispatch, TextureAccess::Read)
}

/// Bytes of textures of which a launch says how much it reads or writes.
fn of_parts(dispatch: &Dispatch, access: TextureAccess) -> u64 {
    let own = dispatch.textures.iter().filter(|own| own.access == access);
    own.filter_map(|own| own.used).map(|texels| texels as u64 * TEXEL).sum()
}

/// Bytes that a launch over rows reads and writes: updates read what they write.
fn of_rows(dispatch: &Dispatch) -> [u64; 2] {
    let elements: usize = dispatch.rows.iter().map(|row| row.count).sum();
    let targets = dispatch.accesses_of_rows().count();
    [targets, targets - dispatch.rows_read.min(targets)].map(|targets| (targets * elements) as u64 * bytes_of(false))
}

fn size_of(dispatch: &Dispatch, index: usize) -> u64 {
    bytes_of(dispatch.half.contains(&(index + 1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::kernel::{KernelFamily, Work};
    use crate::gpu::machine::{Capabilities, ConvVariant};
    use crate::gpu::plan::Plan;
    use crate::graph::{ConvSpec, Graph, Op, ResizeMode, SgdSettings, ShapeError, Update};

    const PADDED: ConvSpec = ConvSpec { stride: [1, 1], padding: [1, 1], dilation: [1, 1], groups: 1 };

    fn planned(machine: &Capabilities, build: impl FnOnce(&mut Graph) -> Result<(), ShapeError>) -> Vec<Launch> {
        let mut graph = Graph::new();
        build(&mut graph).expect("the shapes fit");
        Plan::new(&graph, machine).expect("it fits").launches
    }

    fn on_hardware(build: impl FnOnce(&mut Graph) -> Result<(), ShapeError>) -> Vec<Launch> {
        planned(&Capabilities::typical_hardware(), build)
    }

    fn on_software(build: impl FnOnce(&mut Graph) -> Result<(), ShapeError>) -> Vec<Launch> {
        planned(&Capabilities { conv: ConvVariant::Texture, ..Capabilities::typical_hardware() }, build)
    }

    fn works(launches: &[Launch], family: KernelFamily) -> Vec<Work> {
        launches.iter().filter(|launch| launch.dispatch.family == family).map(|launch| launch.work).collect()
    }

    fn work(flops: u64, read_bytes: u64, written_bytes: u64) -> Work {
        Work { flops, read_bytes, written_bytes }
    }

    #[test]
    fn a_convolution_reads_its_operands_once_and_nothing_for_a_bias_that_it_does_not_have() {
        for with_bias in [false, true] {
            let launches = on_hardware(|g| {
                let (x, w) = (g.input("x", [2, 8, 16, 16]), g.input("w", [16, 8, 3, 3]));
                let bias = with_bias.then(|| g.input("b", [16]));
                let y = g.conv2d(x, w, bias, PADDED)?;
                g.output("y", y);
                Ok(())
            });
            let (x, w, y, bias) = (2 * 8 * 256 * 4, 16 * 8 * 9 * 4, 2 * 16 * 256 * 4, if with_bias { 64 } else { 0 });
            assert_eq!(works(&launches, KernelFamily::PackWeights), [work(0, w, w)]);
            let flops = 2 * 2 * 16 * 256 * 8 * 9;
            assert_eq!(works(&launches, KernelFamily::Convolution), [work(flops, x + w + bias, y)]);
        }
    }

    #[test]
    fn phases_and_parts_of_a_gradient_write_it_once_together() {
        let (dy, w, dx) = (2 * 16 * 64 * 4, 16 * 8 * 9 * 4, 2 * 8 * 256 * 4);
        // Dilated taps of a phase do not follow a stride apart, so that each phase has a launch.
        for (dilation, launches_of_it) in [(1, 1), (2, 4)] {
            let spec = ConvSpec { stride: [2; 2], padding: [dilation; 2], dilation: [dilation; 2], groups: 1 };
            let launches = on_hardware(|g| {
                let (dy, w) = (g.input("dy", [2, 16, 8, 8]), g.input("w", [16, 8, 3, 3]));
                let dx = g.push(Op::Conv2dInputGrad { spec, input: [16, 16] }, &[dy, w])?;
                g.output("dx", dx);
                Ok(())
            });
            let phases = works(&launches, KernelFamily::Convolution);
            assert_eq!(phases.len(), launches_of_it);
            let all = work(2 * 2 * 16 * 64 * 8 * 9, launches_of_it as u64 * (dy + w), dx);
            assert_eq!(phases.into_iter().sum::<Work>(), all);
        }
    }

    #[test]
    fn joined_and_cut_out_values_are_read_and_written_once() {
        let launches = on_hardware(|g| {
            let (a, b) = (g.input("a", [2, 3, 8, 8]), g.input("b", [2, 5, 8, 8]));
            let joined = g.concat(&[a, b], 1)?;
            let part = g.slice(joined, 1, 2, 4)?;
            let twice = g.add(part, part)?;
            g.output("twice", twice);
            g.output("part", part);
            Ok(())
        });
        let pixels = 2 * 64 * 4;
        let copies = [(3, 3), (5, 5), (4, 4)].map(|(read, written)| work(0, read * pixels, written * pixels));
        assert_eq!(works(&launches, KernelFamily::Copy), copies);
        assert_eq!(works(&launches, KernelFamily::Elementwise), [work(4 * 2 * 64, 4 * pixels, 4 * pixels)]);
    }

    /// Its statistics come with the first convolution, and the second normalises what it reads: of maps of 64 KB each is written
    /// once and read once.
    #[test]
    fn a_normalisation_between_convolutions_moves_no_map() {
        let launches = on_hardware(|g| {
            let (x, w) = (g.input("x", [2, 8, 32, 32]), g.input("w", [8, 8, 1, 1]));
            let [weight, bias] = ["weight", "bias"].map(|name| g.input(name, [8]));
            let y = g.conv2d(x, w, None, ConvSpec::default())?;
            let stats = g.batch_stats(y, 1)?;
            let norm = g.batch_norm_training(y, stats, weight, bias, 1e-5)?;
            let z = g.conv2d(norm, w, None, ConvSpec::default())?;
            g.output("z", z);
            Ok(())
        });
        let maps = 2 * 8 * 32 * 32 * 4;
        let convolutions: Work = works(&launches, KernelFamily::Convolution).into_iter().sum();
        assert!(convolutions.read_bytes - 2 * maps < 1024 && convolutions.written_bytes - 2 * maps < 8192);
        let normalisations: Work = works(&launches, KernelFamily::Normalisation).into_iter().sum();
        assert!(normalisations.read_bytes + normalisations.written_bytes < 10_000, "{normalisations:?}");
    }

    #[test]
    fn joined_maps_are_resized_where_they_are_joined() {
        let launches = on_hardware(|g| {
            let (a, b) = (g.input("a", [2, 3, 4, 4]), g.input("b", [2, 1, 8, 8]));
            let large = g.resize(a, ResizeMode::Nearest, [8, 8])?;
            let joined = g.concat(&[large, b], 1)?;
            g.output("joined", joined);
            Ok(())
        });
        let [small, pixels] = [2 * 16 * 4, 2 * 64 * 4];
        assert_eq!(works(&launches, KernelFamily::Resampling), [work(2 * 192, 3 * small, 3 * pixels)]);
        assert_eq!(works(&launches, KernelFamily::Copy), [work(0, pixels, pixels)]);
    }

    #[test]
    fn parts_of_a_gradient_are_resized_where_they_lie() {
        let launches = on_hardware(|g| {
            let dy = g.input("dy", [2, 4, 8, 8]);
            let part = g.slice(dy, 1, 1, 3)?;
            let dx = g.push(Op::ResizeGrad { mode: ResizeMode::Nearest, input: [4, 4] }, &[part])?;
            g.output("dx", dx);
            Ok(())
        });
        let [small, pixels] = [2 * 16 * 4, 2 * 64 * 4];
        let all: Work = launches.iter().map(|launch| launch.work).sum();
        assert_eq!(all, work(2 * 3 * 16, 3 * pixels, 3 * small));
    }

    #[test]
    fn updates_read_what_they_write() {
        let launches = on_hardware(|g| {
            let (param, velocity) = (g.declare_state("param", [100])?, g.declare_state("velocity", [100])?);
            let (grad, lr) = (g.input("grad", [100]), g.input("lr", [1]));
            let settings = SgdSettings { momentum: 0.9, weight_decay: 0.0, loss_scale: 1.0 };
            g.update(Update::Sgd { param, velocity, grad, lr, settings });
            Ok(())
        });
        assert_eq!(works(&launches, KernelFamily::Update), [work(0, 3 * 400 + 4, 2 * 400)]);
    }

    /// All packed weights lie in one texture, and pieces of a batch in another.
    #[test]
    fn of_a_texture_counts_what_is_used() {
        let launches = on_software(|g| {
            let (x, w) = (g.input("x", [2, 8, 16, 16]), g.input("w", [8, 8, 1, 1]));
            let v = g.input("v", [8, 8, 3, 3]);
            let y = g.conv2d(x, w, None, ConvSpec::default())?;
            let y = g.conv2d(y, v, None, ConvSpec { dilation: [2, 2], ..PADDED })?;
            g.output("y", y);
            Ok(())
        });
        // Each after a zero of 16 bytes.
        let (maps, weights) = (2 * 8 * 256 * 4, [8 * 8 * 4, 9 * 8 * 8 * 4]);
        assert_eq!(works(&launches, KernelFamily::PackWeights), weights.map(|bytes| work(0, bytes, bytes)));
        let read: Vec<u64> = works(&launches, KernelFamily::Convolution).iter().map(|work| work.read_bytes).collect();
        assert_eq!(read, weights.map(|bytes| maps + bytes));
    }

    #[test]
    fn transformed_tiles_save_products() {
        let build = |g: &mut Graph| {
            let (x, w) = (g.input("x", [2, 32, 16, 16]), g.input("w", [32, 32, 3, 3]));
            let y = g.conv2d(x, w, None, PADDED)?;
            g.output("y", y);
            Ok(())
        };
        let flops = |launches: &[Launch]| launches.iter().map(|launch| launch.work).sum::<Work>().flops;
        let (plain, tiles) = (on_hardware(build), on_software(build));
        assert!(!works(&tiles, KernelFamily::Transform).is_empty());
        assert_eq!((flops(&plain), flops(&tiles)), (2 * 2 * 32 * 256 * 32 * 9, 2 * 2 * 32 * 256 * 32 * 9 / 4));
    }
}
