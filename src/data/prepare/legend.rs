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
#[error("`{}` is neither a level such as 128 nor a colour such as #ffff00{}", .0, meant(.0))]
pub struct MaskValueError(String);

/// Colours that are called by a name.
const COLOURS: [(&str, &str); 10] = [
    ("black", "#000000"),
    ("white", "#ffffff"),
    ("red", "#ff0000"),
    ("green", "#00ff00"),
    ("blue", "#0000ff"),
    ("yellow", "#ffff00"),
    ("cyan", "#00ffff"),
    ("magenta", "#ff00ff"),
    ("grey", "#808080"),
    ("gray", "#808080"),
];

/// The colour that was meant, where that can be told.
fn meant(text: &str) -> String {
    let lower = text.to_lowercase();
    let named = COLOURS.iter().find(|(name, _)| *name == lower).map(|(_, colour)| (*colour).to_string());
    let digits = lower.strip_prefix("0x").unwrap_or(&lower);
    let bare =
        (digits.len() == 6 && digits.bytes().all(|digit| digit.is_ascii_hexdigit())).then(|| format!("#{digits}"));
    named.or(bare).map_or(String::new(), |colour| format!("; did you mean \"{colour}\", in quotes?"))
}

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

    /// Whether this says nothing that another does not say.
    pub(super) fn is_within(&self, other: &Self) -> bool {
        self.cup == other.cup
            && self.disc == other.disc
            && other.background.is_none_or(|_| self.background == other.background)
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
    fn colours_that_are_called_otherwise_are_told() {
        let told = |text: &str| text.parse::<MaskValue>().expect_err("no value").to_string();
        for (text, colour) in
            [("ffff00", "#ffff00"), ("FF0000", "#ff0000"), ("Yellow", "#ffff00"), ("0x0000ff", "#0000ff")]
        {
            assert!(told(text).ends_with(&format!("; did you mean \"{colour}\", in quotes?")), "{}", told(text));
        }
        assert!(told("puce").ends_with("such as #ffff00"));
    }

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
