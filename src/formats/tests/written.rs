//! A small writer of pickles and of both checkpoint layouts, for content PyTorch would never write.

use std::io::{Cursor, Write};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// Instructions of a pickle under construction. Each method appends one object.
#[derive(Clone, Default)]
pub(super) struct Script(pub(super) Vec<u8>);

impl Script {
    pub(super) fn new() -> Self {
        Self(vec![0x80, 2])
    }

    pub(super) fn raw(mut self, instructions: &[u8]) -> Self {
        self.0.extend_from_slice(instructions);
        self
    }

    pub(super) fn global(self, module: &str, name: &str) -> Self {
        self.raw(format!("c{module}\n{name}\n").as_bytes())
    }

    pub(super) fn text(self, text: &str) -> Self {
        self.raw(b"X").raw(&(text.len() as u32).to_le_bytes()).raw(text.as_bytes())
    }

    pub(super) fn int(self, value: i64) -> Self {
        self.raw(&[0x8a, 8]).raw(&value.to_le_bytes())
    }

    pub(super) fn ints(self, values: &[i64]) -> Self {
        values.iter().fold(self.raw(b"("), |script, &value| script.int(value)).raw(b"t")
    }

    /// A float tensor on the storage `key` of `elements` elements.
    pub(super) fn tensor(self, key: &str, elements: i64, offset: i64, shape: &[i64], strides: &[i64]) -> Self {
        self.global("torch._utils", "_rebuild_tensor_v2")
            .raw(b"((")
            .text("storage")
            .global("torch", "FloatStorage")
            .text(key)
            .text("cpu")
            .int(elements)
            .raw(b"tQ")
            .int(offset)
            .ints(shape)
            .ints(strides)
            .raw(b"\x89NtR")
    }

    /// A contiguous tensor that fills the storage named `key`.
    pub(super) fn whole(self, key: &str, shape: &[i64]) -> Self {
        let strides: Vec<i64> = (0..shape.len()).map(|axis| shape[axis + 1..].iter().product()).collect();
        self.tensor(key, shape.iter().product(), 0, shape, &strides)
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.raw(b".").0
    }
}

/// A dictionary whose entries the closure writes as key, value, key, value, …
pub(super) fn dictionary(entries: impl FnOnce(Script) -> Script) -> Vec<u8> {
    entries(Script::new().raw(b"}(")).raw(b"u").finish()
}

/// The plain layout around a pickle of objects.
pub(super) fn plain(objects: &[u8], storages: &[(&str, &[f32])]) -> Vec<u8> {
    let magic = Script::new().raw(b"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19").finish();
    let machine = dictionary(|script| script.text("little_endian").raw(b"\x88"));
    let keys = storages.iter().fold(Script::new().raw(b"]("), |script, (key, _)| script.text(key)).raw(b"e").finish();
    let mut file = [magic, Script::new().int(1001).finish(), machine, objects.to_vec(), keys].concat();
    for (_, values) in storages {
        file.extend((values.len() as u64).to_le_bytes());
        file.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    }
    file
}

/// The zip layout around a pickle of objects.
pub(super) fn archive(objects: &[u8], storages: &[(&str, &[f32])]) -> Vec<u8> {
    archive_with(objects, storages, CompressionMethod::Stored, "little")
}

pub(super) fn archive_with(
    objects: &[u8],
    storages: &[(&str, &[f32])],
    compression: CompressionMethod,
    byte_order: &str,
) -> Vec<u8> {
    let options = SimpleFileOptions::default().compression_method(compression);
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let mut entry = |name: String, content: &[u8]| {
        zip.start_file(name, options).expect("names differ");
        zip.write_all(content).expect("memory is writable");
    };
    entry("net/data.pkl".into(), objects);
    entry("net/byteorder".into(), byte_order.as_bytes());
    for (key, values) in storages {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        entry(format!("net/data/{key}"), &bytes);
    }
    zip.finish().expect("memory is writable").into_inner()
}
