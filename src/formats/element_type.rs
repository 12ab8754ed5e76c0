//! Element types of stored tensors and their conversion to `f32`. All are little-endian.

use half::{bf16, f16};

/// How one element is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ElementType {
    F64,
    F32,
    F16,
    Bf16,
    I64,
    I32,
    I16,
    I8,
    U8,
    Bool,
}

impl ElementType {
    /// Bytes per element.
    pub(super) fn size(self) -> usize {
        match self {
            Self::F64 | Self::I64 => 8,
            Self::F32 | Self::I32 => 4,
            Self::F16 | Self::Bf16 | Self::I16 => 2,
            Self::I8 | Self::U8 | Self::Bool => 1,
        }
    }

    /// Appends the elements stored in `bytes` to `values`, each rounded to the nearest `f32`; trailing bytes that
    /// make no whole element are left.
    pub(super) fn decode_into(self, bytes: &[u8], values: &mut Vec<f32>) {
        match self {
            Self::F64 => each(bytes, values, |b| f64::from_le_bytes(b) as f32),
            Self::F32 => each(bytes, values, f32::from_le_bytes),
            Self::F16 => each(bytes, values, |b| f16::from_le_bytes(b).to_f32()),
            Self::Bf16 => each(bytes, values, |b| bf16::from_le_bytes(b).to_f32()),
            Self::I64 => each(bytes, values, |b| i64::from_le_bytes(b) as f32),
            Self::I32 => each(bytes, values, |b| i32::from_le_bytes(b) as f32),
            Self::I16 => each(bytes, values, |b| f32::from(i16::from_le_bytes(b))),
            Self::I8 => each(bytes, values, |b| f32::from(i8::from_le_bytes(b))),
            Self::U8 => each(bytes, values, |b| f32::from(u8::from_le_bytes(b))),
            Self::Bool => each(bytes, values, |[b]| f32::from(u8::from(b != 0))),
        }
    }
}

fn each<const N: usize>(bytes: &[u8], values: &mut Vec<f32>, decode: impl Fn([u8; N]) -> f32) {
    let (elements, _) = bytes.as_chunks::<N>();
    values.extend(elements.iter().map(|&element| decode(element)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(element_type: ElementType, bytes: &[u8]) -> Vec<f32> {
        let mut values = Vec::new();
        element_type.decode_into(bytes, &mut values);
        values
    }

    #[test]
    fn every_type_decodes_little_endian() {
        assert_eq!(decode(ElementType::F64, &(-0.1f64).to_le_bytes()), [-0.1]);
        assert_eq!(decode(ElementType::F32, &[0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0]), [1.0, -2.0]);
        assert_eq!(decode(ElementType::F16, &[0x00, 0x3e, 0x01, 0x00]), [1.5, 2f32.powi(-24)]);
        assert_eq!(decode(ElementType::Bf16, &[0xc0, 0x3f]), [1.5]);
        assert_eq!(decode(ElementType::I64, &(-5i64).to_le_bytes()), [-5.0]);
        assert_eq!(decode(ElementType::I32, &70_000i32.to_le_bytes()), [70_000.0]);
        assert_eq!(decode(ElementType::I16, &(-300i16).to_le_bytes()), [-300.0]);
        assert_eq!(decode(ElementType::I8, &[0xff, 0x7f]), [-1.0, 127.0]);
        assert_eq!(decode(ElementType::U8, &[0xff]), [255.0]);
        assert_eq!(decode(ElementType::Bool, &[0, 1, 2]), [0.0, 1.0, 1.0]);
    }

    #[test]
    fn sizes_match_what_decoding_consumes() {
        use ElementType::*;
        for element_type in [F64, F32, F16, Bf16, I64, I32, I16, I8, U8, Bool] {
            assert_eq!(decode(element_type, &[0; 24]).len(), 24 / element_type.size(), "{element_type:?}");
        }
    }
}
