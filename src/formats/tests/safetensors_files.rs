//! Safetensors files, sound and damaged.

use std::collections::BTreeMap;
use std::fs;

use super::super::{FormatError, HostTensor, TensorFile};
use super::nowhere;

fn sample() -> TensorFile {
    let tensor = |shape: &[usize], data: &[f32]| HostTensor { shape: shape.to_vec(), data: data.to_vec() };
    TensorFile {
        tensors: BTreeMap::from([
            ("b.weight".to_owned(), tensor(&[2, 2], &[1.0, -2.5, f32::MIN_POSITIVE, 1e30])),
            ("a \"quoted\" ü".to_owned(), tensor(&[], &[7.0])),
            ("empty".to_owned(), tensor(&[0, 3], &[])),
        ]),
        metadata: BTreeMap::from([("step".to_owned(), u64::MAX.to_string()), ("a".to_owned(), "ü\n".to_owned())]),
    }
}

/// A file from a header text and data.
fn file(header: &str, data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat()
}

fn error_of(content: &[u8]) -> FormatError {
    TensorFile::decode(content, nowhere()).expect_err("damaged content")
}

#[test]
fn what_is_written_is_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("1.safetensors"), folder.path().join("2.safetensors"));
    sample().write(&first).unwrap();
    sample().write(&second).unwrap();
    assert_eq!(TensorFile::read(&first).unwrap(), sample());
    let bytes = fs::read(&first).unwrap();
    assert_eq!(bytes, fs::read(second).unwrap());
    assert_eq!(u64::from_le_bytes(bytes[..8].try_into().unwrap()) % 8, 0);

    let empty = TensorFile::default();
    empty.write(&first).unwrap();
    assert_eq!(TensorFile::read(&first).unwrap(), empty);
    // Larger than one write.
    let large = HostTensor { shape: vec![100_003], data: (0..100_003).map(|i| i as f32).collect() };
    let large = TensorFile { tensors: BTreeMap::from([("large".to_owned(), large)]), ..TensorFile::default() };
    large.write(&first).unwrap();
    assert_eq!(TensorFile::read(&first).unwrap(), large);
}

#[test]
fn other_element_types_are_converted_or_refused_by_name() {
    let one = |dtype: &str, shape: &str, data: &[u8]| {
        let header = format!(r#"{{"t":{{"dtype":"{dtype}","shape":{shape},"data_offsets":[0,{}]}}}}"#, data.len());
        TensorFile::decode(&file(&header, data), nowhere())
    };
    let value = |result: Result<TensorFile, FormatError>| result.unwrap().tensors["t"].data.clone();
    assert_eq!(value(one("F16", "[2]", &[0x00, 0x3e, 0x00, 0xbc])), [1.5, -1.0]);
    assert_eq!(value(one("BF16", "[1]", &[0xc0, 0x3f])), [1.5]);
    assert_eq!(value(one("F64", "[1]", &0.1f64.to_le_bytes())), [0.1]);
    assert_eq!(value(one("I64", "[]", &(-4i64).to_le_bytes())), [-4.0]);
    assert_eq!(value(one("I32", "[1]", &9i32.to_le_bytes())), [9.0]);
    let error = one("I64", "[2]", &[0; 16]).unwrap_err().to_string();
    assert_eq!(error, "tensor `t` of some.pth has elements of type I64; convert it to F32 first");
    assert!(matches!(one("U8", "[1]", &[0]), Err(FormatError::ElementType { .. })));
}

#[test]
fn damaged_headers_are_errors() {
    let tensor = |offsets: &str| format!(r#"{{"dtype":"F32","shape":[1],"data_offsets":{offsets}}}"#);
    let two = |a: &str, b: &str| format!(r#"{{"a":{},"b":{}}}"#, tensor(a), tensor(b));
    let mut not_utf8 = file("{\"xx\":1}", &[]);
    not_utf8[10] = 0xff;
    let huge_shape = r#"{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4]}}"#;
    for content in [
        b"".to_vec(),
        vec![0xff; 8],
        [&u64::MAX.to_le_bytes()[..], b"{}"].concat(),
        [&99_000_000u64.to_le_bytes()[..], b"{}"].concat(),
        not_utf8,
        file("[]", &[]),
        file("{\"a\":", &[]),
        file(&two("[0,4]", "[0,4]"), &[0; 8]),
        file(&two("[0,4]", "[2,6]"), &[0; 8]),
        file(&two("[0,4]", "[8,12]"), &[0; 12]),
        file(&two("[0,4]", "[4,8]"), &[0; 7]),
        file(&two("[0,4]", "[4,8]"), &[0; 9]),
        file(&two("[0,4]", "[8,4]"), &[0; 8]),
        file(huge_shape, &[0; 4]),
        file(&huge_shape.replace("[0,4]", "[0,18446744073709551615]"), &[0; 4]),
        file(&"[".repeat(100_000), &[]),
    ] {
        let error = error_of(&content);
        assert!(matches!(error, FormatError::Header { .. }), "{error}");
        assert!(error.to_string().starts_with("some.pth is not a valid safetensors file: "), "{error}");
    }
}

#[test]
fn files_cut_at_any_byte_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.safetensors");
    sample().write(&path).unwrap();
    let content = fs::read(path).unwrap();
    for length in 0..content.len() {
        assert!(matches!(error_of(&content[..length]), FormatError::Header { .. }), "accepted {length} bytes");
    }
}

#[test]
fn inconsistent_content_is_refused_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file.safetensors");
    let one = |name: &str, shape: &[usize]| {
        let tensor = HostTensor { shape: shape.to_vec(), data: vec![0.0; 3] };
        TensorFile { tensors: BTreeMap::from([(name.to_owned(), tensor)]), ..TensorFile::default() }.write(&path)
    };
    assert!(matches!(one("t", &[2]), Err(FormatError::Shape { values: 3, .. })));
    assert!(matches!(one("t", &[usize::MAX, 3]), Err(FormatError::Shape { .. })));
    assert!(matches!(one("__metadata__", &[3]), Err(FormatError::TensorName { .. })));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    assert!(one("t", &[3]).is_ok());
}
