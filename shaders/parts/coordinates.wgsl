// coordinates: of element i of four axes, whose last three have p.extent_1 to p.extent_3 elements.

fn coordinates_of(i: u32) -> vec4<u32> {
    let q2 = i / p.extent_3;
    let q1 = q2 / p.extent_2;
    let q0 = q1 / p.extent_1;
    return vec4(q0, q1 - q0 * p.extent_1, q2 - q1 * p.extent_2, i - q2 * p.extent_3);
}
