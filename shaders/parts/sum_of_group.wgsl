// sum_of_group: what the 64 invocations of a workgroup hold, added up.

var<workgroup> firsts: array<f32, 64>;
var<workgroup> sums_of_group: array<vec3<f32>, 64>;

fn sum_of_group(summand: vec3<f32>, lane: u32) -> vec3<f32> {
    sums_of_group[lane] = summand;
    workgroupBarrier();
    for (var step = 32u; step > 0u; step /= 2u) {
        if (lane < step) {
            sums_of_group[lane] += sums_of_group[lane + step];
        }
        workgroupBarrier();
    }
    return sums_of_group[0];
}

// What the first of them holds.
fn first_of_group(own: f32, lane: u32) -> f32 {
    firsts[lane] = own;
    workgroupBarrier();
    return firsts[0];
}

// Count, mean and M2 of values of which `sum` has the differences from `first`, those squared, and how many there are.
fn statistics_of(sum: vec3<f32>, first: f32) -> vec3<f32> {
    return vec3(sum.z, first + sum.x / sum.z, max(sum.y - sum.x * sum.x / sum.z, 0.0));
}
