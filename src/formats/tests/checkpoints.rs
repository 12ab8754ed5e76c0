//! Checkpoints as PyTorch writes them, and weights in every arrangement that occurs.

use std::fs;

use super::super::pytorch::decode;
use super::super::{Fact, FormatError, HostTensor, StateDict, TensorFile, Value, Weights, match_tensors, read_pytorch};
use super::written::{Script, archive, archive_with, dictionary, plain};
use super::{ARCHIVE, EXTRAS, PLAIN, nowhere};

fn tensor(shape: &[usize], data: &[f32]) -> Value {
    Value::Tensor(HostTensor { shape: shape.to_vec(), data: data.to_vec() })
}

fn weights_of(content: &[u8]) -> Result<Weights, FormatError> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    // The name says nothing on purpose: content decides.
    let path = folder.path().join("weights");
    fs::write(&path, content).expect("the folder is writable");
    Weights::read(&path)
}

fn names(state: &StateDict) -> Vec<&str> {
    state.iter().map(|(name, _)| name).collect()
}

#[test]
fn both_layouts_of_pytorch_give_every_value() {
    for content in [ARCHIVE, PLAIN] {
        let checkpoint = decode(content, nowhere()).expect("PyTorch wrote it");
        let get = |key: &str| checkpoint.get(key).unwrap_or_else(|| panic!("lacks {key}")).clone();
        assert_eq!(get("epoch"), Value::Int(7));
        assert_eq!(get("iteration"), Value::Int(-70_000));
        assert_eq!(get("arch"), Value::Str("Net".into()));
        assert_eq!(get("large"), Value::Int(1 << 80));
        assert_eq!(get("learning_rate_gen"), Value::Float(1e-3));
        assert_eq!(get("best_mean_dice"), Value::Float(0.8125));
        assert_eq!((get("numpy_int"), get("numpy_bool")), (Value::Int(-3), Value::Bool(true)));
        let pair = Value::Tuple(vec![Value::Int(1), Value::Int(2)]);
        assert_eq!(get("flags"), Value::List(vec![Value::Bool(true), Value::Bool(false), Value::None, pair]));
        assert_eq!(get("size"), Value::Tuple(vec![Value::Int(4), Value::Int(5)]));
        assert_eq!(get("device"), Value::Str("cpu".into()));
        assert_eq!(get("parameter"), tensor(&[1], &[1.5]));
        assert_eq!(get("transposed"), tensor(&[3, 2], &[0.0, 3.0, 1.0, 4.0, 2.0, 5.0]));
        assert_eq!(get("column"), tensor(&[2], &[1.0, 4.0]));
        assert_eq!(get("empty"), tensor(&[0, 3], &[]));
        assert_eq!(get("scalar"), tensor(&[], &[2.5]));
        assert_eq!(get("double"), tensor(&[1], &[-0.1]));
        assert_eq!(get("half"), tensor(&[1], &[1.5]));
        assert_eq!(get("bfloat16"), tensor(&[1], &[-1.5]));
        assert_eq!(get("long"), tensor(&[1], &[-5.0]));
        assert_eq!(get("int"), tensor(&[1], &[70_000.0]));
        assert_eq!(get("short"), tensor(&[1], &[-300.0]));
        assert_eq!(get("char"), tensor(&[1], &[-1.0]));
        assert_eq!(get("byte"), tensor(&[1], &[255.0]));
        assert_eq!(get("bool"), tensor(&[2], &[1.0, 0.0]));
        let optimiser = get("optim_state_dict");
        let first = optimiser.get("state").and_then(|state| state.get("0")).expect("Adam's state");
        assert_eq!(first.get("step"), Some(&tensor(&[], &[1.0])));
        let Some(Value::List(groups)) = optimiser.get("param_groups") else { panic!("{optimiser:?}") };
        assert_eq!(groups[0].get("betas"), Some(&Value::Tuple(vec![Value::Float(0.9), Value::Float(0.99)])));
    }
    assert_eq!(decode(ARCHIVE, nowhere()).unwrap(), decode(PLAIN, nowhere()).unwrap());
}

#[test]
fn a_published_checkpoint_gives_three_networks() {
    for content in [ARCHIVE, PLAIN] {
        let weights = weights_of(content).expect("PyTorch wrote it");
        let features: Vec<String> = ["0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var"]
            .map(|name| format!("backbone.features.{name}"))
            .into();
        assert_eq!(names(&weights.generator)[..6], features);
        assert_eq!(names(&weights.generator)[6..], ["head.weight", "head.bias"]);
        // `dis` has two channels in this file: channels decide, not the entry.
        let boundary = weights.boundary_discriminator.expect("a discriminator of 1 channel");
        let entropy = weights.entropy_discriminator.expect("a discriminator of 2 channels");
        assert_eq!(boundary.get("conv1.weight").unwrap().shape, [2, 1, 1, 1]);
        assert_eq!(entropy.get("conv1.weight").unwrap().shape, [2, 2, 1, 1]);
        assert!(weights.not_used.is_empty());
        assert_eq!(weights.facts.count("epoch"), Some(7));
        assert_eq!(weights.facts.get("best_mean_dice"), Some(&Fact::Real(0.8125)));
        let dropped = ["`optim_state_dict`", "2 counters `num_batches_tracked`"];
        assert!(dropped.iter().all(|what| weights.left_out.iter().any(|left| left == what)), "{:?}", weights.left_out);
    }
}

#[test]
fn imagenet_weights_fill_the_backbone() {
    let Some(path) = harness::shared("realdata/weights/mobilenet_v2-b0353104.pth") else { return };
    // Values as PyTorch reads them from the same file.
    let raw = read_pytorch(&path).expect("torchvision published it");
    let Some(Value::Tensor(last)) = raw.get("features.17.conv.2.weight") else { panic!("lacks a tensor") };
    assert_eq!(last.shape, [320, 960, 1, 1]);
    assert_eq!((last.data[0], last.data[1]), (0.003_048_716_6, -0.013_201_813));
    assert_eq!(last.data.last(), Some(&-0.027_568_245));
    let sum: f64 = last.data.iter().map(|&value| f64::from(value)).sum();
    assert!((sum - 1.352_875_111_415_585_3).abs() < 1e-9, "{sum}");

    let weights = Weights::read(&path).expect("torchvision published it");
    let depthwise = weights.generator.get("backbone.features.9.conv.3.weight").expect("renamed from conv.1.0");
    assert_eq!((&depthwise.shape[..], depthwise.data[0]), (&[384, 1, 3, 3][..], 0.000_310_412_03));
    assert!(weights.not_used.iter().all(|name| name.starts_with("features.18.") || name.starts_with("classifier.")));
    assert_eq!(weights.not_used.len(), 7);

    let listed = fs::read(harness::golden("backbones.json")).unwrap();
    let listed: serde_json::Value = serde_json::from_slice(&listed).unwrap();
    let state = serde_json::from_value::<Vec<(String, Vec<usize>)>>(listed["mobilenet-v2"]["state"].clone()).unwrap();
    let report = match_tensors(&state, &weights.generator);
    assert!(report.unused.is_empty() && report.mismatched.is_empty(), "{report}");
    let backbone = state.iter().filter(|(name, _)| name.starts_with("backbone.")).count();
    // 51 convolutions, each with the four tensors of its batch norm.
    assert_eq!((report.matched.len(), backbone), (255, 255));
    assert!(report.missing.iter().all(|name| name.starts_with("aspp.") || name.starts_with("decoder.")));
}

#[test]
fn a_residual_classifier_gives_its_backbone() {
    let tensors = ["conv1.weight", "bn1.running_mean", "bn1.num_batches_tracked", "layer3.0.conv1.weight", "fc.weight"];
    for prefix in ["", "module."] {
        let entries = |script: Script| {
            tensors.iter().fold(script, |script, name| script.text(&format!("{prefix}{name}")).whole("0", &[2]))
        };
        for objects in
            [dictionary(entries), dictionary(|script| entries(script.text("state_dict").raw(b"}(")).raw(b"u"))]
        {
            for content in [plain(&objects, &[("0", &[1.0, 2.0])]), archive(&objects, &[("0", &[1.0, 2.0])])] {
                let weights = weights_of(&content).expect("a checkpoint");
                let backbone = ["backbone.conv1.weight", "backbone.bn1.running_mean", "backbone.layer3.0.conv1.weight"];
                assert_eq!(names(&weights.generator), backbone);
                assert_eq!(weights.generator.get(backbone[2]).unwrap().data, [1.0, 2.0]);
                assert_eq!(weights.not_used, ["fc.weight"]);
            }
        }
    }
    // A network that has the published names already keeps them.
    let objects = dictionary(|script| script.text("backbone.layer3.0.conv1.weight").whole("0", &[1]));
    let weights = weights_of(&plain(&objects, &[("0", &[1.0])])).expect("a checkpoint");
    assert_eq!(names(&weights.generator), ["backbone.layer3.0.conv1.weight"]);
}

#[test]
fn weights_are_found_wherever_they_lie() {
    let flat = |script: Script| script.text("module.a").whole("0", &[2]).text("epoch").int(3);
    let inner = |script: Script| flat(script.raw(b"}(")).raw(b"u");
    for objects in [
        dictionary(flat),
        dictionary(|script| inner(script.text("model_state_dict"))),
        dictionary(|script| inner(script.text("state_dict")).text("epoch").int(1)),
        dictionary(|script| inner(script.text("model"))),
    ] {
        for content in [plain(&objects, &[("0", &[1.0, 2.0])]), archive(&objects, &[("0", &[1.0, 2.0])])] {
            let weights = weights_of(&content).expect("a checkpoint");
            assert_eq!(
                weights.generator.iter().collect::<Vec<_>>(),
                [("a", &HostTensor { shape: vec![2], data: vec![1.0, 2.0] })]
            );
        }
    }
}

#[test]
fn what_a_network_was_wrapped_in_is_left_out_and_told() {
    let own = ["backbone.features.0.0.weight", "aspp.bn1.bias", "decoder.conv1.weight"];
    for prefix in ["module.", "_orig_mod.", "model.", "model._orig_mod.", "network.", "a.b."] {
        let entries = |script: Script| {
            own.iter().fold(script, |script, name| script.text(&format!("{prefix}{name}")).whole("0", &[2]))
        };
        let nested = dictionary(|script| entries(script.text("state_dict").raw(b"}(")).raw(b"u"));
        let mut file = TensorFile::default();
        file.tensors
            .extend(own.map(|name| (format!("{prefix}{name}"), HostTensor { shape: vec![1], data: vec![0.5] })));
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("weights.safetensors");
        file.write(&path).expect("the folder is writable");
        // Beside other networks.
        let several = folder.path().join("several.safetensors");
        file.tensors = file.tensors.into_iter().map(|(name, tensor)| (format!("generator.{name}"), tensor)).collect();
        file.write(&several).expect("the folder is writable");
        let storages: [(&str, &[f32]); 1] = [("0", &[1.0, 2.0])];
        let pytorch = [dictionary(entries), nested].map(|objects| archive(&objects, &storages));
        let found =
            pytorch.iter().map(|content| weights_of(content)).chain([&path, &several].map(|path| Weights::read(path)));
        for weights in found {
            let weights = weights.expect("weights");
            let mut names = names(&weights.generator);
            names.sort_unstable();
            assert_eq!(names, ["aspp.bn1.bias", "backbone.features.0.0.weight", "decoder.conv1.weight"]);
            assert_eq!(weights.wrapper.as_deref(), Some(prefix));
            let note = weights.wrapper_note(nowhere()).expect("it is told");
            assert_eq!(note, format!("some.pth: `{prefix}`, which stands before the names of tensors, is left out"));
        }
    }
    let two = |script: Script| {
        let teacher = script.text("teacher.backbone.conv1.weight").whole("0", &[2]);
        teacher.text("student.backbone.conv1.weight").whole("0", &[2])
    };
    let error = weights_of(&archive(&dictionary(two), &[("0", &[1.0, 2.0])])).unwrap_err().to_string();
    assert!(error.contains("several networks, whose names begin with `student.` and `teacher.`"), "{error}");
}

#[test]
fn harmless_extras_are_named_and_not_kept() {
    let weights = weights_of(EXTRAS).expect("PyTorch wrote it");
    assert_eq!(names(&weights.generator), ["backbone.features.0.0.weight", "decoder.conv1.weight"]);
    assert_eq!(weights.generator.get("decoder.conv1.weight").map(|tensor| tensor.data[0]), Some(1.5));
    assert_eq!(weights.wrapper.as_deref(), Some("model._orig_mod."));
    assert_eq!((weights.facts.count("epoch"), weights.facts.get("best_mean_dice")), (Some(3), Some(&Fact::Real(0.5))));
    let left = [
        "`args` (of the class `argparse.Namespace`)",
        "`when` (of the class `datetime.datetime`)",
        "`colour` (of the class `__main__.Colour`)",
        "`history`",
        "`array` (of the class `numpy.ndarray`)",
        "`numpy_state`",
        "`generator` (of the class `numpy.random._pickle.__randomstate_ctor`)",
        "`objects` (of the class `numpy.ndarray`)",
        "`date64` (of the class `numpy.generic`)",
        "`odd_keys`",
        "`settings` (of the class `__main__.Settings`)",
        "`hyper_parameters`",
        "`counts` (of the class `collections.Counter`)",
        "`recent` (of the class `collections.deque`)",
        "`seen` (of the class `__builtin__.set`)",
        "`schedule`",
        "`torch_state`",
    ];
    assert_eq!(weights.left_out, left);
    let (note, more) = (weights.left_out_note(nowhere()).expect("it is told"), left.len() - 5);
    assert!(note.starts_with("some.pth: not used beside the network: `args` (of the class `argparse.Namespace`), "));
    assert!(note.ends_with(&format!(" and {more} more")), "{note}");
    assert_eq!(Weights::default().left_out_note(nowhere()), None);
    let whole = decode(EXTRAS, nowhere()).expect("PyTorch wrote it");
    let get = |entry: &str| whole.get(entry).unwrap_or_else(|| panic!("lacks {entry}"));
    assert_eq!(
        get("hyper_parameters").get("lr"),
        Some(&Value::Float(1e-3)),
        "a class that is given items is a dictionary"
    );
    assert_eq!(get("odd_keys").get("None"), Some(&Value::Int(4)));
    let Some(Value::List(losses)) = get("history").get("loss") else { panic!("{:?}", get("history")) };
    assert_eq!(losses, &[Value::Float(0.25)]);
}

#[test]
fn a_pickled_network_is_told_from_its_weights() {
    let network = Script::new().global("models", "DeepLab").raw(b")\x81}").text("training").raw(b"\x88sb").finish();
    let error = weights_of(&archive(&network, &[])).unwrap_err().to_string();
    let told =
        "found an object of the class `models.DeepLab`, of which nothing is read (save the network's `state_dict()`)";
    assert!(error.ends_with(told), "{error}");
}

#[test]
fn python_2_dictionaries_of_pairs_are_read() {
    let objects = Script::new().global("collections", "OrderedDict").raw(b"(](](U\x01a").whole("0", &[1]);
    let objects = objects.raw(b"eetR").finish();
    assert_eq!(names(&weights_of(&plain(&objects, &[("0", &[1.0])])).unwrap().generator), ["a"]);
}

#[test]
fn strided_windows_are_gathered() {
    let storage: Vec<f32> = (0..24).map(|value| value as f32).collect();
    type Window<'a> = (i64, &'a [i64], &'a [i64], Vec<f32>);
    let cases: [Window; 5] = [
        (5, &[2, 3], &[12, 1], vec![5.0, 6.0, 7.0, 17.0, 18.0, 19.0]),
        (0, &[2, 2, 2], &[1, 2, 4], vec![0.0, 4.0, 2.0, 6.0, 1.0, 5.0, 3.0, 7.0]),
        (23, &[1, 1], &[999, 999], vec![23.0]),
        (3, &[], &[], vec![3.0]),
        (7, &[3], &[0], vec![7.0; 3]),
    ];
    for (offset, shape, strides, expected) in cases {
        let objects = dictionary(|script| script.text("t").tensor("k", 24, offset, shape, strides));
        let value = decode(&archive(&objects, &[("k", &storage)]), nowhere()).unwrap();
        let extents: Vec<usize> = shape.iter().map(|&extent| extent as usize).collect();
        assert_eq!(value.get("t"), Some(&tensor(&extents, &expected)));
    }
}

#[test]
fn conflicting_names_are_refused() {
    let two = |first: &str, second: &str, storages: [&[f32]; 2]| {
        let objects = dictionary(|script| script.text(first).whole("0", &[2]).text(second).whole("1", &[2]));
        weights_of(&archive(&objects, &[("0", storages[0]), ("1", storages[1])]))
    };
    let (feature, alias) = ("backbone.features.4.conv.0.weight", "backbone.high_level_features.4.conv.0.weight");
    assert_eq!(names(&two(feature, alias, [&[1.0, f32::NAN]; 2]).unwrap().generator), [feature]);
    let error = two(feature, alias, [&[1.0, 2.0], &[1.0, 2.5]]).unwrap_err().to_string();
    assert!(
        error.ends_with(&format!("stores `{alias}` as a second copy of `{feature}`, but the two differ")),
        "{error}"
    );
    assert!(matches!(two("x", alias, [&[1.0, 2.0]; 2]), Err(FormatError::Alias { .. })));
    assert!(matches!(two("a", "module.a", [&[1.0, 2.0]; 2]), Err(FormatError::Duplicate { .. })));
}

#[test]
fn files_without_weights_say_what_they_hold() {
    let error = weights_of(&plain(&dictionary(|script| script.text("epoch").int(3)), &[])).unwrap_err().to_string();
    assert!(
        error.ends_with("expected tensors by name or `model_state_dict`, found a dictionary of `epoch`"),
        "{error}"
    );
    let error = weights_of(b"GIF89a").unwrap_err().to_string();
    assert!(error.ends_with("is neither a safetensors file nor a PyTorch checkpoint"), "{error}");
    assert!(matches!(weights_of(b""), Err(FormatError::UnknownFormat(_))));
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(Weights::read(folder.path()), Err(FormatError::NotAFile(_))));
    assert!(matches!(Weights::read(&folder.path().join("absent")), Err(FormatError::Read { .. })));
    let discriminator = |script: Script| script.text("conv1.weight").whole("0", &[1, 3, 1, 1]);
    let objects = dictionary(|script| discriminator(script.text("model_dis_state_dict").raw(b"}(")).raw(b"u"));
    let error = weights_of(&plain(&objects, &[("0", &[0.0; 3])])).unwrap_err().to_string();
    assert!(error.ends_with("its `conv1.weight` is [1, 3, 1, 1]"), "{error}");
}

#[test]
fn archives_of_another_make_are_refused() {
    let objects = dictionary(|script| script.text("a").whole("0", &[1]));
    let storages: [(&str, &[f32]); 1] = [("0", &[1.0])];
    let stored = zip::CompressionMethod::Stored;
    let error = |content: &[u8]| decode(content, nowhere()).unwrap_err().to_string();
    assert!(error(&archive_with(&objects, &storages, stored, "big")).contains("big-endian"));
    assert!(error(&archive(&objects, &[])).contains("lacks the data of storage `0`"));
    let compressed = archive_with(&objects, &storages, zip::CompressionMethod::Deflated, "little");
    assert!(error(&compressed).contains("`net/data.pkl` is compressed"));
}

#[test]
fn several_networks_in_one_safetensors_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("last.safetensors");
    let tensor = HostTensor { shape: vec![1], data: vec![0.5] };
    let entry = |name: &str| (name.to_owned(), tensor.clone());
    let mut file = TensorFile::default();
    file.tensors.extend(["generator.a", "boundary_discriminator.b", "optimizer.c"].map(entry));
    file.write(&path).unwrap();
    let weights = Weights::read(&path).unwrap();
    assert_eq!(names(&weights.generator), ["a"]);
    assert_eq!(weights.boundary_discriminator.as_ref().map(names), Some(vec!["b"]));
    assert_eq!(weights.entropy_discriminator, None);

    file.tensors.insert("average.a".to_owned(), HostTensor { shape: vec![1], data: vec![0.25] });
    file.write(&path).unwrap();
    let weights = Weights::read(&path).unwrap();
    assert_eq!(weights.generator.get("a").map(|tensor| tensor.data[0]), Some(0.25), "averages are what is used");
    assert_eq!(weights.left_out, ["`generator` (1 tensors)", "`optimizer` (1 tensors)"]);

    file.tensors = ["x", "y", "backbone.features.0.0.bias", "backbone.low_level_features.0.0.bias"].map(entry).into();
    file.write(&path).unwrap();
    assert_eq!(names(&Weights::read(&path).unwrap().generator), ["backbone.features.0.0.bias", "x", "y"]);
}
