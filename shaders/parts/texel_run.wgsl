// texel_run: the texels of an invocation, TEXELS of them, 64 apart, before `end`; the first of a map is texel 1.
// Imports: grid

const TEXELS: u32 = 4u;

// The first, and one past the last.
fn texel_run(invocation: Invocation, end: u32) -> vec2<u32> {
    let first = 1u + group_of(invocation) * 64u * TEXELS + invocation.lane;
    return vec2(first, min(first + 64u * TEXELS, end));
}
