//! Invocations that share a vector in workgroup memory must not write it by components: WGSL lets a compiler write the
//! whole vector for one component, from a copy in which the others are old.

use naga::valid::{FunctionInfo, ValidationFlags, Validator};
use naga::{AddressSpace, Block, Expression, Function, Handle, Statement, TypeInner};
use papilla::gpu::translate::needed_capabilities;
use rayon::prelude::*;

use super::bare_kernel::results;

/// How lanes write a tile of vectors, of which each has its own component.
const BY_COMPONENTS: &str = "tile[lane / 4u][lane % 4u] = f32(lane);";
/// What a compiler may make of it.
const BY_WHOLE_COPIES: &str = "var copy = tile[lane / 4u]; copy[lane % 4u] = f32(lane); tile[lane / 4u] = copy;";
/// One lane for each vector.
const BY_OWNERS: &str =
    "if (lane < 16u) { let v = vec4(lane * 4u) + vec4(0u, 1u, 2u, 3u); tile[lane] = vec4<f32>(v); }";
/// A constant component.
const BY_A_NAME: &str = "if (lane < 16u) { tile[lane].x = 1.0; }";
/// Through a pointer.
const BY_POINTER: &str = "let v = &tile[lane / 4u]; (*v)[lane % 4u] = f32(lane);";

fn kernel(store: &str) -> String {
    format!(
        "@group(0) @binding(0) var<storage, read_write> out: array<f32, 64>;
         var<workgroup> tile: array<vec4<f32>, 16>;
         @compute @workgroup_size(64)
         fn main(@builtin(local_invocation_index) lane: u32) {{
             {store}
             workgroupBarrier();
             out[lane] = tile[lane / 4u][lane % 4u];
         }}"
    )
}

/// Functions that write a component of a vector in workgroup memory.
fn component_stores(text: &str) -> Vec<String> {
    let module = naga::front::wgsl::parse_str(text).unwrap_or_else(|e| panic!("{}", e.emit_to_string(text)));
    let mut validator = Validator::new(ValidationFlags::all(), needed_capabilities(text));
    let info = validator.validate(&module).unwrap_or_else(|e| panic!("{}", e.emit_to_string(text)));
    let functions = module.functions.iter().map(|(handle, function)| (function, &info[handle]));
    let entries = module.entry_points.iter().enumerate();
    let entries = entries.map(|(index, entry)| (&entry.function, info.get_entry_point(index)));
    let writes = |(function, info): &(&Function, &FunctionInfo)| {
        let mut found = false;
        for_each_store(&function.body, &mut |pointer| {
            let inner = info[pointer].ty.inner_with(&module.types);
            found |= matches!(inner, TypeInner::ValuePointer { size: None, space: AddressSpace::WorkGroup, .. });
        });
        found
    };
    functions.chain(entries).filter(writes).map(|(function, _)| function.name.clone().unwrap_or_default()).collect()
}

fn for_each_store(block: &Block, visit: &mut impl FnMut(Handle<Expression>)) {
    for statement in block {
        match statement {
            Statement::Store { pointer, .. } => visit(*pointer),
            Statement::Block(inner) => for_each_store(inner, visit),
            Statement::If { accept, reject, .. } => [accept, reject].into_iter().for_each(|b| for_each_store(b, visit)),
            Statement::Switch { cases, .. } => cases.iter().for_each(|case| for_each_store(&case.body, visit)),
            Statement::Loop { body, continuing, .. } => {
                [body, continuing].into_iter().for_each(|b| for_each_store(b, visit));
            }
            _ => {}
        }
    }
}

#[test]
fn no_variant_writes_components_of_a_shared_vector() {
    let variants = &*super::translations::VARIANTS;
    let shares = |text: &str| text.contains("var<workgroup>");
    assert!(variants.par_iter().filter(|variant| shares(variant.text())).count() > 100);
    let faults: Vec<String> = variants
        .par_iter()
        .filter(|variant| shares(variant.text()))
        .flat_map_iter(|variant| {
            let name = variant.name();
            component_stores(variant.text()).into_iter().map(move |function| format!("`{function}` of {name}"))
        })
        .collect();
    assert!(faults.is_empty(), "writes components of a vector in workgroup memory: {}", faults.join(", "));
}

#[test]
fn components_are_found_however_they_are_named() {
    for store in [BY_COMPONENTS, BY_A_NAME, BY_POINTER] {
        assert_eq!(component_stores(&kernel(store)), ["main"], "{store}");
    }
    assert!(component_stores(&kernel(BY_OWNERS)).is_empty());
}

/// Lanes of one subgroup read the same old vector, each puts in its component, and the last to write wins.
#[test]
fn whole_copies_lose_what_other_lanes_wrote() {
    let expected: Vec<f32> = (0..64u8).map(f32::from).collect();
    assert_eq!(results(&kernel(BY_OWNERS)), expected);
    let got = results(&kernel(BY_WHOLE_COPIES));
    let lost = got.iter().zip(&expected).filter(|(got, expected)| got != expected).count();
    assert!(lost >= 32, "{lost} of 64 lost: {got:?}");
}
