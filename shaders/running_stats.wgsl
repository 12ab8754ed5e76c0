// running_stats: means and variances move towards the batch's, the variances made unbiased first; all layers at once.
// One workgroup for each part of a layer's channels; its row of the table tells how many channels it has and where they
// lie in each of the four ranges. Workgroups are folded into x and y.
// Bindings: table [workgroups, 6] = [factor that makes the variance unbiased (bits of an f32), count, first element of
// batch mean, batch variance, mean, variance], batch mean, batch variance, mean, variance. Twin: reference/optimizer.rs
// Imports: grid

struct Params {
    momentum: f32,
}

@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> table: array<u32>;
@group(0) @binding(2) var<storage, read> batch_mean: array<f32>;
@group(0) @binding(3) var<storage, read> batch_variance: array<f32>;
@group(0) @binding(4) var<storage, read_write> mean: array<f32>;
@group(0) @binding(5) var<storage, read_write> variance: array<f32>;

@compute @workgroup_size(64)
fn main(invocation: Invocation) {
    let row = group_of(invocation) * 6u;
    let unbias = bitcast<f32>(table[row]);
    let count = table[row + 1u];
    let of_batch_mean = table[row + 2u];
    let of_batch_variance = table[row + 3u];
    let of_mean = table[row + 4u];
    let of_variance = table[row + 5u];
    for (var i = invocation.lane; i < count; i += 64u) {
        let m = mean[of_mean + i];
        mean[of_mean + i] = (1.0 - p.momentum) * m + p.momentum * batch_mean[of_batch_mean + i];
        let v = variance[of_variance + i];
        variance[of_variance + i] = (1.0 - p.momentum) * v + p.momentum * batch_variance[of_batch_variance + i] * unbias;
    }
}
