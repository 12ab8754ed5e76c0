//! What the values of a mask mean.

use std::fmt;
use std::str::FromStr;

use crate::data::mask::{BACKGROUND, CUP, RIM};

/// What a mask holds at a pixel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MaskValue {
    /// a grey level or class number, or the place of a colour in the file's palette
    Level(u32),
    /// red, green and blue
    Colour([u8; 3]),
}

/// A value is written as a level, or as a colour in hexadecimal digits.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is neither a level such as 128 nor a colour such as #ffff00")]
pub struct MaskValueError(String);

impl fmt::Display for MaskValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Level(level) => write!(f, "{level}"),
            Self::Colour([red, green, blue]) => write!(f, "#{red:02x}{green:02x}{blue:02x}"),
        }
    }
}

impl FromStr for MaskValue {
    type Err = MaskValueError;

    fn from_str(text: &str) -> Result<Self, MaskValueError> {
        let wrong = || MaskValueError(text.to_string());
        let Some(digits) = text.strip_prefix('#') else {
            return text.parse().map(Self::Level).map_err(|_| wrong());
        };
        let is_colour = digits.len() == 6 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        let number = u32::from_str_radix(digits, 16).ok().filter(|_| is_colour).ok_or_else(wrong)?;
        let [_, red, green, blue] = number.to_be_bytes();
        Ok(Self::Colour([red, green, blue]))
    }
}

/// Values of a mask that holds both structures. Without a background, every other value is background.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Legend {
    /// the cup
    pub cup: MaskValue,
    /// the disc without the cup
    pub disc: MaskValue,
    /// outside the disc
    pub background: Option<MaskValue>,
}

impl Default for Legend {
    fn default() -> Self {
        Self::levels(CUP.into(), RIM.into(), Some(BACKGROUND.into()))
    }
}

impl Legend {
    /// A legend of levels.
    pub const fn levels(cup: u32, disc: u32, background: Option<u32>) -> Self {
        let background = match background {
            Some(level) => Some(MaskValue::Level(level)),
            None => None,
        };
        Self { cup: MaskValue::Level(cup), disc: MaskValue::Level(disc), background }
    }

    /// Whether two structures have the same value, so that nothing tells them apart.
    pub fn is_ambiguous(&self) -> bool {
        self.cup == self.disc || self.background.is_some_and(|value| value == self.cup || value == self.disc)
    }
}

impl fmt::Display for Legend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let background = self.background.map_or("anything else".to_string(), |value| value.to_string());
        write!(f, "cup {}, rim {}, background {background}", self.cup, self.disc)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_as_they_are_read() {
        for (text, value) in [
            ("0", MaskValue::Level(0)),
            ("65535", MaskValue::Level(65_535)),
            ("#ffff00", MaskValue::Colour([255, 255, 0])),
        ] {
            assert_eq!(text.parse::<MaskValue>().expect("a value"), value);
            assert_eq!(value.to_string(), text);
        }
        assert_eq!("#FF8000".parse::<MaskValue>().expect("capitals too"), MaskValue::Colour([255, 128, 0]));
        for text in ["", "#", "#fff", "ffff00", "#ffff0g", "#+fff00", "-1", "1.5", "#ééé", "red"] {
            let error = text.parse::<MaskValue>().expect_err(text).to_string();
            assert!(error.contains("neither a level"), "{error}");
        }
    }
}
