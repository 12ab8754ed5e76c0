// width: how many elements an invocation reads and writes at once, one or four. Launchers give both: WIDTH, and the type of so
// many. Elements of 16 bits are converted to Value and back.

const WIDTH: u32 = 1u;
alias Value = f32;

fn sum_of_components(v: Value) -> f32 {
    let all = vec4<f32>(v);
    if (WIDTH == 1u) {
        return all.x;
    }
    return (all.x + all.y) + (all.z + all.w);
}
