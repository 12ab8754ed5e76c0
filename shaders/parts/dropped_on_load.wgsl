// dropped_on_load: elements of a map as a dropout leaves them, made as a kernel loads them, so that no launch need write them.
// Launchers give DROPPED, and bind anything as `seed` where there is no dropout; the kernel has `seed`, and in p what `dropout`
// has there: `first`, `stream`, `threshold` and `scale`.
// Imports: dropout_mask

const DROPPED: bool = false;

fn key_of_dropout() -> Word {
    if (DROPPED) {
        return mask_key(f32(seed[0]), f32(seed[1]), p.stream);
    }
    return Word(0u);
}

// Elements of which the first lies `at` elements behind the first that the launch binds.
fn dropped(v: Value, at: u32, key: Word) -> Value {
    if (DROPPED) {
        return kept(v * p.scale, p.first + at, key, p.threshold);
    }
    return v;
}
