// sum_of_lanes: what all invocations of a workgroup hold, added up in a fixed tree; once in a kernel.
// The kernel has an `alias Sum` of what is added up, and LANES, a power of two.

var<workgroup> sums_of_lanes: array<Sum, LANES>;

fn sum_of_lanes(own: Sum, lane: u32) -> Sum {
    sums_of_lanes[lane] = own;
    workgroupBarrier();
    for (var step = LANES / 2u; step > 0u; step /= 2u) {
        if (lane < step) {
            sums_of_lanes[lane] += sums_of_lanes[lane + step];
        }
        workgroupBarrier();
    }
    return sums_of_lanes[0];
}
