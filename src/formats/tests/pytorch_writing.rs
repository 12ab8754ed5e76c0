//! Checkpoints that are written, read back by the reader of PyTorch's own.

use std::fs;
use std::io::Cursor;

use super::nowhere;
use crate::formats::pytorch::decode;
use crate::formats::{Fact, FormatError, HostTensor, Object, Stored, Value, Weights, write_pytorch};
use crate::own_file::Overwriting;

fn tensor(shape: &[usize], first: f32) -> HostTensor {
    let count = shape.iter().product();
    HostTensor { shape: shape.to_vec(), data: (0..count).map(|i| first + i as f32).collect() }
}

fn written(root: &Object) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("some.pth.tar");
    write_pytorch(&Overwriting::default(), &path, root).unwrap();
    fs::read(path).unwrap()
}

#[test]
fn every_kind_of_object_reads_back() {
    let shapes: [&[usize]; 5] = [&[2, 3, 1, 2], &[4], &[], &[0, 3], &[1, 1]];
    let mut tensors: Vec<HostTensor> = shapes.iter().map(|shape| tensor(shape, 0.5)).collect();
    tensors[1].data = vec![f32::from_bits(0x7fc0_1234), f32::NEG_INFINITY, -0.0, f32::from_bits(1)];
    let mut state: Vec<_> =
        tensors.iter().enumerate().map(|(index, tensor)| (format!("t{index}"), Stored::Tensor(tensor))).collect();
    state.push(("counter".into(), Stored::Counter(-5)));
    let facts = [Fact::Whole(-70_000), Fact::Real(0.8125), Fact::Text("Netz für Augen".into())];
    let root = Object::Dictionary(vec![
        ("epoch", Object::Fact(&facts[0])),
        ("best_mean_dice", Object::Fact(&facts[1])),
        ("arch", Object::Fact(&facts[2])),
        ("model_state_dict", Object::State(state)),
        ("model_dis_state_dict", Object::State(Vec::new())),
    ]);
    let content = written(&root);
    assert_eq!(content, written(&root), "equal content gives equal bytes");
    let value = decode(&content, nowhere()).unwrap();
    assert_eq!(value.get("epoch"), Some(&Value::Int(-70_000)));
    assert_eq!(value.get("best_mean_dice"), Some(&Value::Float(0.8125)));
    assert_eq!(value.get("arch"), Some(&Value::Str("Netz für Augen".into())));
    assert_eq!(value.get("model_dis_state_dict"), Some(&Value::Dict(Vec::new())));
    let state = value.get("model_state_dict").unwrap();
    for (index, tensor) in tensors.iter().enumerate() {
        let Some(Value::Tensor(found)) = state.get(&format!("t{index}")) else { panic!("tensor {index}") };
        assert!(found.same_bits(tensor), "{found:?}");
    }
    assert_eq!(state.get("counter"), Some(&Value::Tensor(HostTensor { shape: vec![], data: vec![-5.0] })));
}

#[test]
fn a_tensor_under_two_names_is_stored_once_and_content_is_aligned() {
    let [large, small] = [tensor(&[1000], 1.0), tensor(&[1], 2.0)];
    let state = vec![
        ("a".into(), Stored::Tensor(&small)),
        ("b".into(), Stored::Tensor(&large)),
        ("c".into(), Stored::Tensor(&large)),
        ("d".into(), Stored::Counter(0)),
    ];
    let content = written(&Object::State(state));
    assert!((4000..8000).contains(&content.len()), "{}", content.len());
    let value = decode(&content, nowhere()).unwrap();
    assert_eq!(value.get("b"), value.get("c"));
    let mut archive = zip::ZipArchive::new(Cursor::new(&content)).unwrap();
    let mut names = Vec::new();
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index).unwrap();
        names.push(entry.name().unwrap().into_owned());
        assert_eq!(entry.compression(), zip::CompressionMethod::Stored);
        assert!(entry.data_start().is_some_and(|start| start % 64 == 0), "{}", names[index]);
    }
    let expected = ["data.pkl", "byteorder", "data/0", "data/1", "data/2", "version"].map(|n| format!("archive/{n}"));
    assert_eq!(names, expected);
}

#[test]
fn a_tensor_that_does_not_fit_its_shape_leaves_the_old_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.pth");
    fs::write(&path, "old").unwrap();
    let wrong = HostTensor { shape: vec![3], data: vec![1.0] };
    let error =
        write_pytorch(&Overwriting::default(), &path, &Object::State(vec![("w".into(), Stored::Tensor(&wrong))]))
            .unwrap_err();
    assert!(matches!(&error, FormatError::Shape { tensor, values: 1, .. } if tensor == "w"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), b"old");
}

#[test]
fn published_weights_stay_the_same_bits() {
    let Some(path) = harness::shared("realdata/weights/mobilenet_v2-b0353104.pth") else { return };
    let weights = Weights::read(&path).unwrap();
    let state = weights.generator.iter().map(|(name, tensor)| (name.to_owned(), Stored::Tensor(tensor))).collect();
    let folder = tempfile::tempdir().unwrap();
    let again = folder.path().join("again.pth");
    write_pytorch(&Overwriting::default(), &again, &Object::State(state)).unwrap();
    let found = Weights::read(&again).unwrap().generator;
    assert_eq!(found.len(), weights.generator.len());
    for ((name, tensor), (other, found)) in weights.generator.iter().zip(found.iter()) {
        assert!(name == other && tensor.same_bits(found), "{name}");
    }
}
