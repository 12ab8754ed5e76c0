//! The messages of an event file: the few fields in use of TensorFlow's `event.proto` and `summary.proto`, under their
//! names and numbers there.

/// Something that happened in a run.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Event {
    /// seconds since 1970
    #[prost(double, tag = "1")]
    pub wall_time: f64,
    #[prost(int64, tag = "2")]
    pub step: i64,
    #[prost(oneof = "What", tags = "3, 5")]
    pub what: Option<What>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(super) enum What {
    /// the first record of every file
    #[prost(string, tag = "3")]
    FileVersion(String),
    #[prost(message, tag = "5")]
    Summary(Summary),
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Summary {
    #[prost(message, repeated, tag = "1")]
    pub value: Vec<Value>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Value {
    #[prost(string, tag = "1")]
    pub tag: String,
    #[prost(oneof = "Datum", tags = "2, 4")]
    pub datum: Option<Datum>,
}

/// Both kinds name their plugin themselves: readers give a `simple_value` to the scalars and an `image` to the images
/// without any metadata.
#[derive(Clone, PartialEq, prost::Oneof)]
pub(super) enum Datum {
    #[prost(float, tag = "2")]
    SimpleValue(f32),
    #[prost(message, tag = "4")]
    Image(Image),
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Image {
    #[prost(int32, tag = "1")]
    pub height: i32,
    #[prost(int32, tag = "2")]
    pub width: i32,
    /// channels: 3 for RGB
    #[prost(int32, tag = "3")]
    pub colorspace: i32,
    /// a PNG file
    #[prost(bytes = "vec", tag = "4")]
    pub encoded_image_string: Vec<u8>,
}
