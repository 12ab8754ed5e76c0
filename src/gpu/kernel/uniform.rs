//! Uniform blocks as structs whose fields are those of the shader's `Params`, which a test compares for every variant.

/// Type of a field of a uniform block, as WGSL names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scalar {
    /// `u32`
    U32,
    /// `i32`
    I32,
    /// `f32`
    F32,
}

/// A field of a uniform block: four bytes, right after the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Field {
    /// its name in the shader
    pub name: &'static str,
    /// its type there
    pub scalar: Scalar,
}

/// The uniform block of a shader.
pub(crate) trait Uniform {
    /// Its fields in order.
    const FIELDS: &'static [Field];

    /// Their values, bit for bit.
    fn words(&self) -> Vec<u32>;
}

/// A value that one field of a uniform block can hold.
pub(crate) trait UniformValue {
    /// Type of the field.
    const SCALAR: Scalar;

    /// The value, bit for bit.
    fn word(self) -> u32;
}

impl UniformValue for usize {
    const SCALAR: Scalar = Scalar::U32;

    fn word(self) -> u32 {
        u32::try_from(self).expect("what one launch binds has fewer elements than a word can count")
    }
}

impl UniformValue for u32 {
    const SCALAR: Scalar = Scalar::U32;

    fn word(self) -> u32 {
        self
    }
}

impl UniformValue for isize {
    const SCALAR: Scalar = Scalar::I32;

    fn word(self) -> u32 {
        i32::try_from(self).expect("what one launch binds has fewer elements than a word can count").cast_unsigned()
    }
}

impl UniformValue for f32 {
    const SCALAR: Scalar = Scalar::F32;

    fn word(self) -> u32 {
        self.to_bits()
    }
}

/// Declares a uniform block: a struct with the fields of the shader's `Params`, in their order and under their names.
macro_rules! uniform {
    ($(#[$meta:meta])* $name:ident { $($field:ident: $type:ty),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug)]
        pub(in crate::gpu) struct $name {
            $(pub(in crate::gpu) $field: $type,)*
        }

        impl $crate::gpu::kernel::Uniform for $name {
            const FIELDS: &'static [$crate::gpu::kernel::Field] = &[$($crate::gpu::kernel::Field {
                name: stringify!($field),
                scalar: <$type as $crate::gpu::kernel::UniformValue>::SCALAR,
            },)*];

            fn words(&self) -> Vec<u32> {
                vec![$($crate::gpu::kernel::UniformValue::word(self.$field),)*]
            }
        }
    };
}

pub(crate) use uniform;
