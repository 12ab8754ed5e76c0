//! Files read back by a reader of the wire format that shares nothing with the writer.

use std::fs;
use std::path::Path;

use image::{Rgb, RgbImage};

use super::EventWriter;

/// CRC-32C bit by bit, masked as in records.
fn masked_checksum(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for &byte in bytes {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0x82f6_3b78 } else { crc >> 1 };
        }
    }
    (!crc).rotate_left(32 - 15).wrapping_add(0xa282_ead8)
}

fn take<'a>(bytes: &mut &'a [u8], count: usize) -> &'a [u8] {
    let (head, tail) = bytes.split_at(count);
    *bytes = tail;
    head
}

fn u32_of(bytes: &[u8]) -> u32 {
    u32::from_le_bytes(bytes.try_into().expect("4 bytes"))
}

fn u64_of(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(bytes.try_into().expect("8 bytes"))
}

/// The contents of a file's records.
fn records(path: &Path) -> Vec<Vec<u8>> {
    let file = fs::read(path).unwrap();
    let (mut rest, mut contents) = (&file[..], Vec::new());
    while !rest.is_empty() {
        let length = take(&mut rest, 8);
        assert_eq!(u32_of(take(&mut rest, 4)), masked_checksum(length), "checksum of a length");
        let content = take(&mut rest, u64_of(length) as usize);
        assert_eq!(u32_of(take(&mut rest, 4)), masked_checksum(content), "checksum of a content");
        contents.push(content.to_vec());
    }
    contents
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut value = 0;
    for shift in (0..).step_by(7) {
        let byte = take(bytes, 1)[0];
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            break;
        }
    }
    value
}

/// A field of a message, by the wire type.
#[derive(Debug, PartialEq)]
enum Field {
    Varint(u64),
    Fixed64(u64),
    Bytes(Vec<u8>),
    Fixed32(u32),
}

fn text(value: &str) -> Field {
    Field::Bytes(value.as_bytes().to_vec())
}

/// The fields of a message with their numbers.
fn fields(mut message: &[u8]) -> Vec<(u64, Field)> {
    let mut fields = Vec::new();
    while !message.is_empty() {
        let key = varint(&mut message);
        let field = match key & 7 {
            0 => Field::Varint(varint(&mut message)),
            1 => Field::Fixed64(u64_of(take(&mut message, 8))),
            2 => {
                let length = varint(&mut message) as usize;
                Field::Bytes(take(&mut message, length).to_vec())
            }
            5 => Field::Fixed32(u32_of(take(&mut message, 4))),
            other => panic!("wire type {other}"),
        };
        fields.push((key >> 3, field));
    }
    fields
}

/// The fields of the message that is the field `number` of another.
fn inner(message: &[(u64, Field)], number: u64) -> Vec<(u64, Field)> {
    match message.iter().find(|(n, _)| *n == number) {
        Some((_, Field::Bytes(bytes))) => fields(bytes),
        other => panic!("field {number} is {other:?}"),
    }
}

fn picture() -> RgbImage {
    RgbImage::from_fn(5, 3, |x, y| Rgb([x as u8 * 50, y as u8 * 80, 7]))
}

/// What a run logs of a step.
fn log(writer: &mut EventWriter, step: u64) {
    let time = 1.7e9 + step as f64 / 8.0;
    writer.scalars(step, time, &[("loss/total", 1.0 / (step + 1) as f32), ("lr", 0.0)]).unwrap();
    if step.is_multiple_of(3) {
        writer.image(step, time, "input", &picture()).unwrap();
    }
}

#[test]
fn records_hold_what_was_logged() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("run/tensorboard");
    let mut writer = EventWriter::open(&folder, 0).unwrap();
    writer.scalars(300, 1.7e9 + 0.5, &[("loss/total", 0.1), ("lr", 0.0), ("gap", f32::NAN)]).unwrap();
    writer.image(301, 1.7e9 + 0.75, "input", &picture()).unwrap();
    assert_eq!(fs::metadata(writer.path()).unwrap().len(), writer.bytes());
    let contents: Vec<_> = records(writer.path()).iter().map(|content| fields(content)).collect();
    assert_eq!(contents.len(), 3);

    assert_eq!(contents[0][1..], [(3, text("brain.Event:2"))], "a step of 0 is left out");
    assert!(matches!(contents[0][0], (1, Field::Fixed64(_))));

    assert_eq!(contents[1][..2], [(1, Field::Fixed64((1.7e9 + 0.5_f64).to_bits())), (2, Field::Varint(300))]);
    let Field::Bytes(summary) = &contents[1][2].1 else { panic!("{:?}", contents[1]) };
    let values: Vec<_> = fields(summary).into_iter().map(|value| inner(&[value], 1)).collect();
    let number = |value: f32| (2, Field::Fixed32(value.to_bits()));
    assert_eq!(
        values,
        [[(1, text("loss/total")), number(0.1)], [(1, text("lr")), number(0.0)], [(1, text("gap")), number(f32::NAN)],],
        "a value of 0 is not left out"
    );

    let value = inner(&inner(&contents[2], 5), 1);
    assert_eq!(value[0], (1, text("input")));
    let image = inner(&value, 4);
    assert_eq!(image[..3], [(1, Field::Varint(3)), (2, Field::Varint(5)), (3, Field::Varint(3))]);
    let Field::Bytes(png) = &image[3].1 else { panic!("{image:?}") };
    let decoded = image::load_from_memory_with_format(png, image::ImageFormat::Png).unwrap();
    assert_eq!(decoded.into_rgb8(), picture());
}

#[test]
fn a_file_cut_to_a_checkpoint_goes_on_like_an_undisturbed_one() {
    let folder = tempfile::tempdir().unwrap();
    let mut undisturbed = EventWriter::open(folder.path(), 0).unwrap();
    (0..5).for_each(|step| log(&mut undisturbed, step));
    let checkpoint = undisturbed.bytes();
    (5..12).for_each(|step| log(&mut undisturbed, step));
    undisturbed.sync().unwrap();
    let whole = fs::read(undisturbed.path()).unwrap();

    for killed_at in [checkpoint, checkpoint + 11, whole.len() as u64] {
        let other = tempfile::tempdir().unwrap();
        let path = other.path().join("events.out.tfevents.5.papilla");
        fs::write(&path, &whole[..killed_at as usize]).unwrap();
        // A log of another program, and a folder, are not the run's file.
        fs::write(other.path().join("events.out.tfevents.4.host"), "other").unwrap();
        fs::create_dir(other.path().join("papilla")).unwrap();
        let mut resumed = EventWriter::open(other.path(), checkpoint).unwrap();
        assert_eq!(resumed.path(), path);
        assert_eq!(resumed.bytes(), checkpoint);
        (5..12).for_each(|step| log(&mut resumed, step));
        assert!(fs::read(&path).unwrap() == whole, "killed after {killed_at} bytes");
        assert_eq!(fs::read_dir(other.path()).unwrap().count(), 3);
    }
}

#[test]
fn a_file_begins_anew_with_0_bytes_or_where_there_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.out.tfevents.5.papilla");
    fs::write(&path, vec![7; 1000]).unwrap();
    let writer = EventWriter::open(folder.path(), 0).unwrap();
    assert_eq!(writer.path(), path, "the name stays");
    assert_eq!(records(&path).len(), 1);
    assert_eq!(fs::metadata(&path).unwrap().len(), writer.bytes());

    fs::remove_file(&path).unwrap();
    let writer = EventWriter::open(folder.path(), 1000).unwrap();
    assert_eq!(records(writer.path()).len(), 1);
    let name = writer.path().file_name().unwrap().to_str().unwrap();
    let seconds = name.strip_prefix("events.out.tfevents.").and_then(|n| n.strip_suffix(".papilla")).unwrap();
    assert!(seconds.parse::<u64>().unwrap() > 1_700_000_000, "{name}");
}

#[test]
fn errors_name_the_file_and_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("events.out.tfevents.5.papilla");
    fs::write(&path, vec![7; 100]).unwrap();
    let second = folder.path().join("events.out.tfevents.6.papilla");
    fs::write(&second, "").unwrap();
    let error = EventWriter::open(folder.path(), 100).unwrap_err().to_string();
    assert!(error.starts_with(&format!("{} lies beside {}, ", path.display(), second.display())), "{error}");
    assert_eq!(fs::read(&path).unwrap(), [7; 100]);

    // A file where the folder should be, and a folder where the file should be.
    let error = EventWriter::open(&path, 0).unwrap_err().to_string();
    assert!(error.starts_with(&format!("cannot write {}: ", path.display())), "{error}");
    let taken = folder.path().join("tensorboard/events.out.tfevents.7.papilla");
    fs::create_dir_all(&taken).unwrap();
    let error = EventWriter::open(&folder.path().join("tensorboard"), 0).unwrap_err().to_string();
    assert!(error.starts_with(&format!("cannot write {}: ", taken.display())), "{error}");
}

#[test]
fn a_picture_without_pixels_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = EventWriter::open(folder.path(), 0).unwrap();
    let error = writer.image(0, 0.0, "input", &RgbImage::new(0, 4)).unwrap_err().to_string();
    let beginning = format!("cannot write the picture `input` into {}: ", writer.path().display());
    assert!(error.starts_with(&beginning), "{error}");
    assert_eq!(records(writer.path()).len(), 1);
}

#[test]
fn of_a_file_that_was_cut_short_whole_records_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = EventWriter::open(folder.path(), 0).unwrap();
    let mut ends = vec![0, writer.bytes()];
    for step in 0..3 {
        writer.scalars(step, 1.0, &[("total", 0.5)]).unwrap();
        ends.push(writer.bytes());
    }
    let (path, bytes) = (writer.path().to_owned(), writer.bytes());
    let whole = fs::read(&path).unwrap();
    for cut in 0..whole.len() {
        fs::write(&path, &whole[..cut]).unwrap();
        let kept = *ends.iter().rfind(|end| **end <= cut as u64).unwrap();
        let writer = EventWriter::open(folder.path(), bytes).unwrap();
        assert_eq!(writer.missing(), bytes - kept, "{cut}");
        // One without any record begins anew.
        assert_eq!(writer.bytes(), kept.max(ends[1]), "{cut}");
        assert_eq!(fs::metadata(&path).unwrap().len(), writer.bytes(), "{cut}");
    }
}
