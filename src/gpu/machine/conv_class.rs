//! Classes of convolutions that one kernel suits alike.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::gpu::kernel::Direction;

/// Convolutions of one direction, kernel and stride, with channels and pixels up to the same power of two. Files have
/// it as text, the one it is displayed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct ConvClass {
    pub(crate) direction: Direction,
    /// rows and columns
    pub(crate) kernel: [usize; 2],
    pub(crate) stride: [usize; 2],
    /// the dilation is not 1
    pub(crate) dilated: bool,
    /// each channel has its own filter
    pub(crate) depthwise: bool,
    /// channels of the input, to the next power of two
    pub(crate) inputs: usize,
    /// channels of the output, to the next power of two
    pub(crate) outputs: usize,
    /// pixels of all outputs, to the next power of two
    pub(crate) pixels: usize,
}

impl fmt::Display for ConvClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ConvClass { direction, kernel: [kh, kw], stride: [sh, sw], dilated, depthwise, inputs, outputs, pixels } =
            self;
        let dilated = if *dilated { " dilated" } else { "" };
        let depthwise = if *depthwise { " depthwise" } else { "" };
        let operator = direction.operator();
        write!(
            f,
            "{operator} {kh}x{kw} stride {sh}x{sw}{dilated}{depthwise}, {inputs} to {outputs} channels, {pixels} pixels"
        )
    }
}

/// A text that names no class of convolutions.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no class of convolutions")]
pub struct NoConvClass(String);

impl FromStr for ConvClass {
    type Err = NoConvClass;

    fn from_str(text: &str) -> Result<Self, NoConvClass> {
        parse(text).filter(|class| class.to_string() == text).ok_or_else(|| NoConvClass(text.to_owned()))
    }
}

/// What the text says, read loosely.
fn parse(text: &str) -> Option<ConvClass> {
    let mut words = text.split([' ', ',']).filter(|word| !word.is_empty() && *word != "stride" && *word != "to");
    let operator = words.next()?;
    let direction = Direction::ALL.into_iter().find(|direction| direction.operator() == operator)?;
    let mut pair = || -> Option<[usize; 2]> {
        let (rows, columns) = words.next()?.split_once('x')?;
        Some([rows.parse().ok()?, columns.parse().ok()?])
    };
    let (kernel, stride) = (pair()?, pair()?);
    let mut words = words.peekable();
    let dilated = words.next_if_eq(&"dilated").is_some();
    let depthwise = words.next_if_eq(&"depthwise").is_some();
    let mut number = || words.find_map(|word| word.parse().ok());
    let [inputs, outputs, pixels] = [number()?, number()?, number()?];
    Some(ConvClass { direction, kernel, stride, dilated, depthwise, inputs, outputs, pixels })
}

impl From<ConvClass> for String {
    fn from(class: ConvClass) -> String {
        class.to_string()
    }
}

impl TryFrom<String> for ConvClass {
    type Error = NoConvClass;

    fn try_from(text: String) -> Result<Self, NoConvClass> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checkpoints hold these texts.
    #[test]
    fn a_class_is_read_from_the_text_it_is_written_as() {
        for text in [
            "conv2d 3x3 stride 1x1 dilated, 256 to 256 channels, 4096 pixels",
            "conv2d_input_grad 1x1 stride 2x1, 32 to 64 channels, 128 pixels",
            "conv2d 3x3 stride 2x2 dilated depthwise, 64 to 64 channels, 128 pixels",
            "conv2d_weight_grad 4x7 stride 1x1, 1 to 2 channels, 1 pixels",
        ] {
            let class: ConvClass = text.parse().expect("it is one");
            assert_eq!(class.to_string(), text);
            assert_eq!(serde_json::to_string(&class).expect("text"), format!("\"{text}\""));
        }
        for wrong in ["", "conv3d 3x3 stride 1x1, 1 to 1 channels, 1 pixels", "conv2d 3x3", "conv2d 3 stride 1x1"] {
            assert_eq!(wrong.parse::<ConvClass>(), Err(NoConvClass(wrong.to_owned())));
        }
    }
}
