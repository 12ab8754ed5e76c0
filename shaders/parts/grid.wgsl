// grid: which workgroup and which invocation this is, of a grid folded into x and y.

struct Invocation {
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
}

fn group_of(invocation: Invocation) -> u32 {
    return invocation.group.x + invocation.group.y * invocation.groups.x;
}

// In workgroups of 64.
fn number_of(invocation: Invocation) -> u32 {
    return group_of(invocation) * 64u + invocation.lane;
}
