// width: how many elements an invocation reads and writes at once, one or four. Launchers give all of it: WIDTH, and types and
// numbers of so many. Elements of 16 bits are converted to Value and back.

const WIDTH: u32 = 1u;
alias Value = f32;
alias Word = u32;
// How far elements lie behind the first of them.
const FOLLOWING: Word = 0u;

fn sum_of_components(v: Value) -> f32 {
    let all = vec4<f32>(v);
    if (WIDTH == 1u) {
        return all.x;
    }
    return (all.x + all.y) + (all.z + all.w);
}
