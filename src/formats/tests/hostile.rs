//! Content made to execute, to exhaust memory or to crash the reader.

use proptest::prelude::*;

use super::super::pickle::Pickle;
use super::super::pytorch::decode;
use super::super::{FormatError, HostTensor, PickleError, Value, Weights};
use super::written::{Script, archive, dictionary, plain};
use super::{ARCHIVE, PLAIN, nowhere};

/// What the reader says of a pickle of objects, the same in both layouts.
fn refusal(objects: &[u8], storages: &[(&str, &[f32])]) -> PickleError {
    let error = |content: &[u8]| match decode(content, nowhere()) {
        Err(FormatError::Pickle { error, .. }) => error,
        other => panic!("expected a refusal, got {other:?}"),
    };
    let from_archive = error(&archive(objects, storages));
    assert_eq!(error(&plain(objects, storages)), from_archive);
    from_archive
}

fn parse_error(pickle: &[u8]) -> PickleError {
    match Pickle::parse(pickle) {
        Err(error) => error,
        Ok(pickle) => panic!("accepted as {:?}", pickle.root()),
    }
}

#[test]
fn names_beyond_tensors_are_refused_by_name() {
    let command = |script: Script| script.raw(b"(").text("echo executed").raw(b"tR").finish();
    let by_global = |module: &str, name: &str| command(Script::new().global(module, name));
    let by_stack = |module: &str, name: &str| command(Script::new().text(module).text(name).raw(b"\x93"));
    for (module, name) in [
        ("os", "system"),
        ("posix", "system"),
        ("builtins", "eval"),
        ("__builtin__", "getattr"),
        ("torch", "load"),
        ("torch.jit", "load"),
        ("torch.storage", "_load_from_bytes"),
        ("numpy", "load"),
        ("subprocess", "Popen"),
        ("pathlib", "Path.unlink"),
        ("collections", "OrderedDict.fromkeys"),
    ] {
        for objects in [by_global(module, name), by_stack(module, name)] {
            assert_eq!(refusal(&objects, &[]), PickleError::Refused(format!("{module}.{name}")));
        }
    }
    let error = decode(&archive(&by_global("posix", "system"), &[]), nowhere()).unwrap_err();
    assert_eq!(error.to_string(), "some.pth asks for `posix.system`, which tensors never need; refused");
    // Control characters do not reach a terminal.
    assert_eq!(parse_error(&by_stack("\x1b[2J", "x")), PickleError::Refused("\\u{1b}[2J.x".into()));
}

#[test]
fn instructions_that_make_objects_of_classes_are_refused() {
    // INST, OBJ, NEWOBJ_EX, EXT1, EXT2, EXT4, PERSID, NEXT_BUFFER
    for code in [b'i', b'o', 0x92, 0x82, 0x83, 0x84, b'P', 0x97] {
        assert_eq!(parse_error(&[0x80, 2, code]), PickleError::Opcode { code, at: 2 });
    }
    // NEWOBJ makes objects of classes, not of functions.
    let made = |module: &str, name: &str| parse_error(&Script::new().global(module, name).raw(b")\x81").finish());
    assert_eq!(made("torch.hub", "load"), PickleError::Refused("torch.hub.load".into()));
    assert_eq!(made("subprocess", "Popen"), PickleError::Refused("subprocess.Popen".into()));
    assert!(matches!(made("torch", "FloatStorage"), PickleError::Malformed { .. }));
}

#[test]
fn an_attribute_is_a_member_of_a_class_or_refused() {
    let get = |of: Script, member: &str| of.text(member).raw(b"\x86R").finish();
    let getattr = |module: &str, name: &str| Script::new().global("builtins", "getattr").global(module, name);
    let refused = PickleError::Refused("builtins.getattr".into());
    assert!(Pickle::parse(&get(getattr("__main__", "Colour"), "RED")).is_ok());
    assert_eq!(parse_error(&get(getattr("__main__", "Colour"), "__subclasses__")), refused);
    assert_eq!(parse_error(&get(getattr("__main__", "colour"), "RED")), refused);
    assert_eq!(parse_error(&get(Script::new().global("builtins", "getattr").text("x"), "RED")), refused);
    // What it gives is no function.
    let called = Script(get(getattr("__main__", "Colour"), "RED")[2..].strip_suffix(b".").expect("its end").to_vec());
    assert!(matches!(parse_error(&called.raw(b")R").finish()), PickleError::Malformed { .. }));
}

#[test]
fn calls_and_states_of_the_wrong_kind_are_refused() {
    let is_malformed = |script: Script| {
        let error = parse_error(&script.finish());
        assert!(matches!(error, PickleError::Malformed { .. }), "{error}");
    };
    let script = Script::new;
    is_malformed(script().text("os.system").raw(b")R"));
    is_malformed(script().global("torch", "FloatStorage").raw(b")R"));
    is_malformed(script().global("collections", "OrderedDict").raw(b"]R"));
    is_malformed(script().global("torch", "Size").raw(b"(").raw(&b"K\x01".repeat(500)).raw(b"tR"));
    is_malformed(script().global("torch._utils", "_rebuild_tensor_v2").raw(b"(NK\x00))tR"));
    is_malformed(script().raw(b"]}b"));
    is_malformed(script().raw(b"(K\x01tQ"));
    is_malformed(script().raw(b"a"));
    is_malformed(script().raw(b"K\x01(K\x02a"));
    is_malformed(script().raw(b"]K\x01s"));
    is_malformed(script().raw(b"}(K\x01u"));
    is_malformed(script().raw(b"u"));
    is_malformed(script().raw(b"h\x07"));
    is_malformed(script().raw(b"I12x\n"));
    is_malformed(script().raw(b"U\x01\xff"));
    is_malformed(script().raw(b"(\x85"));
    is_malformed(script());
    is_malformed(script().raw(b"\x8a\x11").raw(&[1; 17]));
}

#[test]
fn a_bit_flipped_in_an_archive_changes_no_value() {
    let values = [0.5f32, -1.25, 3e-5, 7.0];
    let objects = Script::new().text("net").finish();
    let whole = archive(&objects, &[("0", &values)]);
    let content: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let start = whole.windows(content.len()).position(|window| window == content).expect("it is stored as it is");
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut flipped = whole.clone();
            flipped[at] ^= 1 << bit;
            match decode(&flipped, nowhere()) {
                // What says nothing of the content, such as the time of a file, may be anything.
                Ok(value) => assert_eq!(value, Value::Str("net".into()), "byte {at}, bit {bit}"),
                Err(error) if (start..start + content.len()).contains(&at) => {
                    let told = "it is damaged: the checksum of `net/data/0` does not match its content";
                    assert_eq!(error.to_string(), format!("some.pth is not a valid PyTorch archive: {told}"));
                }
                Err(_) => {}
            }
            let is_content = (start..start + content.len()).contains(&at);
            assert!(!is_content || decode(&flipped, nowhere()).is_err(), "byte {at}, bit {bit}");
        }
    }
}

#[test]
fn an_archive_without_checksums_is_read() {
    // As after `torch.serialization.set_crc32_options(False)`.
    let mut content = archive(&Script::new().text("net").finish(), &[("0", &[1.0])]);
    for (signature, place) in [(b"PK\x03\x04", 14), (b"PK\x01\x02", 16)] {
        let found: Vec<usize> = (0..content.len() - 4).filter(|at| &content[*at..*at + 4] == signature).collect();
        found.into_iter().for_each(|at| content[at + place..][..4].fill(0));
    }
    assert_eq!(decode(&content, nowhere()).expect("nothing is known of it"), Value::Str("net".into()));
}

#[test]
fn a_bit_flipped_in_converted_weights_is_found() {
    let mut weights = Weights::default();
    let tensor = HostTensor { shape: vec![2, 3], data: vec![0.5, -1.25, 3e-5, 7.0, 0.0, -0.0] };
    weights.generator.insert("decoder.weight".to_owned(), tensor).expect("the only one");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("converted.safetensors");
    weights.to_tensor_file().write(&path).expect("the folder is writable");
    let whole = std::fs::read(&path).expect("just written");
    let same = Weights::read(&path).expect("just written");
    assert_eq!(same.generator, weights.generator);
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut flipped = whole.clone();
            flipped[at] ^= 1 << bit;
            std::fs::write(&path, &flipped).expect("the folder is writable");
            // A flip in the name of the checksum leaves a file without one.
            if let Ok(read) = Weights::read(&path) {
                assert_eq!(read.generator, weights.generator, "byte {at}, bit {bit}");
            }
        }
    }
}

#[test]
fn lengths_beyond_the_file_allocate_nothing() {
    for instruction in [
        b"\x8b\xff\xff\xff\x7f".as_slice(),
        b"X\xff\xff\xff\xff",
        b"T\xff\xff\xff\xff",
        b"B\xff\xff\xff\xff",
        b"\x8d\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x8e\xff\xff\xff\xff\xff\xff\xff\x7f",
        b"\x8e\x00\x00\x00\x00\x00\x01\x00\x00",
    ] {
        assert!(matches!(parse_error(instruction), PickleError::Truncated(_)), "{instruction:?}");
    }
    // A memo is no array: a high number costs no more than a low one.
    assert!(Pickle::parse(b"Nr\xff\xff\xff\xff.").is_ok());
}

#[test]
fn nesting_and_repetition_are_bounded() {
    let deep = Script::new().raw(&b"]".repeat(200_000)).raw(&b"a".repeat(199_999)).finish();
    assert_eq!(refusal(&deep, &[]), PickleError::TooDeep(64));
    let circle = Script::new().text(&"x".repeat(100)).raw(b"0]q\x00h\x00a").finish();
    assert_eq!(refusal(&circle, &[]), PickleError::TooDeep(64));
    // Each list holds the one before twice: 2⁵⁰ objects.
    let doubling = (0..50u8).fold(Script::new().raw(b"]q\x00"), |script, level| {
        script.raw(&[b'0', b']', b'q', level + 1, b'(', b'h', level, b'h', level, b'e'])
    });
    assert_eq!(refusal(&doubling.finish(), &[]), PickleError::TooLarge);
    // One list of 1000 pairs, made into a dictionary 1000 times.
    let pairs = Script::new().raw(b"](").raw(&b"K\x01K\x02\x86".repeat(1000)).raw(b"e\x85q\x000");
    let call = Script::default().global("collections", "OrderedDict").raw(b"h\x00R0").0;
    assert_eq!(refusal(&pairs.raw(&call.repeat(1000)).raw(b"N").finish(), &[]), PickleError::TooLarge);
    // One long text, encoded many times, is kept once; so is a long name.
    let text = Script::new().text(&"x".repeat(1000)).raw(b"q\x000").global("_codecs", "encode").raw(b"q\x010");
    let latin1 = text.text("latin1").raw(b"q\x020").raw(b"](").raw(&b"h\x01h\x00h\x02\x86R".repeat(1000)).raw(b"e");
    let Ok(Value::List(encoded)) = decode(&archive(&latin1.finish(), &[]), nowhere()) else { panic!("a list") };
    assert!(encoded.len() == 1000 && encoded.iter().all(|value| matches!(value, Value::Other(_))));
    let name = Script::new().text(&"X".repeat(1000)).raw(b"q\x000").raw(b"](").raw(&b"h\x00h\x00\x93".repeat(1000));
    let Ok(Value::List(classes)) = decode(&archive(&name.raw(b"e").finish(), &[]), nowhere()) else { panic!("a list") };
    let Value::Other(first) = &classes[0] else { panic!("{:?}", classes[0]) };
    assert!(classes.iter().all(|value| matches!(value, Value::Other(class) if class.shares_text_with(first))));
}

#[test]
fn tensors_must_fit_their_storage() {
    let with = |elements, offset, shape: &[i64], strides: &[i64]| {
        let objects = dictionary(|script| script.text("t").tensor("k", elements, offset, shape, strides));
        refusal(&objects, &[("k", &[0.0; 6])])
    };
    let is_tensor_error = |error: PickleError, reason: &'static str| assert_eq!(error, PickleError::Tensor(reason));
    let huge = 1 << 40;
    is_tensor_error(with(6, 0, &[huge], &[0]), "it has more elements than its storage");
    is_tensor_error(with(huge, 0, &[huge], &[1]), "its storage has another length than stated");
    is_tensor_error(with(i64::MAX, 0, &[i64::MAX], &[1]), "its storage has another length than stated");
    is_tensor_error(with(6, 0, &[huge, huge], &[0, 0]), "its shape overflows");
    is_tensor_error(with(6, 1, &[2, 3], &[3, 1]), "it reaches beyond its storage");
    is_tensor_error(with(6, 6, &[1], &[1]), "it reaches beyond its storage");
    is_tensor_error(with(6, 0, &[2], &[i64::MAX]), "it reaches beyond its storage");
    is_tensor_error(with(6, i64::MAX, &[2], &[i64::MAX]), "it reaches beyond its storage");
    is_tensor_error(with(6, 0, &[2, 3], &[1]), "shape and strides differ in length");
    is_tensor_error(with(5, 0, &[5], &[1]), "its storage has another length than stated");
    for (elements, offset, extent) in [(-1, 0, 1), (6, -1, 1), (6, 0, -1)] {
        assert!(matches!(with(elements, offset, &[extent], &[1]), PickleError::Malformed { .. }));
    }
    assert!(matches!(with(6, 0, &[1; 9], &[1; 9]), PickleError::Malformed { .. }));
    assert!(matches!(with(6, 0, &[6], &[-1]), PickleError::Malformed { .. }));
}

#[test]
fn one_storage_does_not_become_many_tensors() {
    let values = vec![0.0; 1000];
    let objects = Script::new().whole("k", &[1000]).raw(b"q\x000](").raw(&b"h\x00".repeat(1000)).raw(b"e").finish();
    assert_eq!(refusal(&objects, &[("k", &values)]), PickleError::TooLarge);
    let twice = Script::new().whole("k", &[1000]).raw(b"2\x86").finish();
    assert!(decode(&archive(&twice, &[("k", &values)]), nowhere()).is_ok());
}

#[test]
fn a_pickle_of_something_else_is_refused() {
    let error = decode(&Script::new().text("hello").finish(), nowhere()).unwrap_err().to_string();
    assert_eq!(error, "some.pth is a pickle, but not one that PyTorch wrote");
    let bare = Script::new().global("torch", "FloatStorage").finish();
    assert!(matches!(refusal(&bare, &[]), PickleError::Unsupported(_)));
    let unhashable = Script::new().raw(b"}]Ns").finish();
    assert!(matches!(refusal(&unhashable, &[]), PickleError::Unsupported(_)));
}

#[test]
fn files_cut_at_any_byte_are_errors() {
    for content in [ARCHIVE, PLAIN] {
        for length in 0..content.len() {
            assert!(decode(&content[..length], nowhere()).is_err(), "accepted {length} of {}", content.len());
        }
    }
}

/// Elements of all tensors in a tree.
fn elements(value: &Value) -> usize {
    match value {
        Value::Tensor(HostTensor { data, .. }) => data.len(),
        Value::List(items) | Value::Tuple(items) => items.iter().map(elements).sum(),
        Value::Dict(items) => items.iter().map(|(_, value)| elements(value)).sum(),
        _ => 0,
    }
}

const INSTRUCTIONS: &[u8] = b".(012N\x88\x89JKM)]}\x85\x86\x87taeslduRbQqrhj\x94\x93\x81";
const NAMES: &[&str] = &[
    "collections\nOrderedDict",
    "torch\nFloatStorage",
    "torch\nSize",
    "numpy\ndtype",
    "argparse\nNamespace",
    "builtins\ngetattr",
];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    /// Whatever a few changed bytes do, the reader returns, and with no more than the file can hold.
    #[test]
    fn changed_bytes_never_crash(
        use_archive: bool,
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut content = if use_archive { ARCHIVE } else { PLAIN }.to_vec();
        for (index, byte) in changes {
            let at = index.index(content.len());
            content[at] = byte;
        }
        if let Ok(value) = decode(&content, nowhere()) {
            prop_assert!(elements(&value) <= content.len());
        }
    }

    /// Random sequences of the instructions that the machine knows.
    #[test]
    fn random_instructions_never_crash(
        body in proptest::collection::vec(
            prop_oneof![
                proptest::sample::select(INSTRUCTIONS).prop_map(|code| vec![code]),
                proptest::sample::select(NAMES).prop_map(|name| format!("c{name}\n").into_bytes()),
                any::<u8>().prop_map(|value| vec![b'K', value]),
                "[a-z]{0,3}".prop_map(|text| Script::default().text(&text).0),
            ],
            0..60,
        )
    ) {
        let objects = [body.concat(), b".".to_vec()].concat();
        _ = decode(&archive(&objects, &[("0", &[1.0])]), nowhere());
    }
}
