//! Scales at which a network sees an image. It has learnt discs of some sizes; where a camera shows others, what it says of squares of
//! several sizes is surer on average than what it says of one.

use std::fmt;
use std::str::FromStr;

/// The least and the largest scale.
const BOUNDS: [f32; 2] = [0.25, 4.0];

/// The most scales: each is a pass through the network.
const MOST: usize = 9;

/// Sides of the squares around the middle of an image that are seen, as shares of its own side. The largest is 1 or more, so that
/// every pixel is seen. As text their numbers: `0.8,1,1.25`.
#[derive(Clone, Debug, PartialEq)]
pub struct Scales(Vec<f32>);

/// Why a text is no scales.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum NoScales {
    /// Not a number.
    #[error("`{0}` is no number; scales look like `0.8,1,1.25`")]
    Number(String),
    /// Beyond the bounds.
    #[error("a scale of {0} is not within 0.25 and 4")]
    Bounds(f32),
    /// One scale a second time.
    #[error("the scale {0} is there twice")]
    Twice(f32),
    /// Too many.
    #[error("{0} scales are more than 9; each is a pass through the network")]
    Many(usize),
    /// Nothing that shows the whole image.
    #[error("none of the scales is 1 or more, and the border of an image would not be seen")]
    Border,
}

impl Default for Scales {
    /// The image as it is.
    fn default() -> Self {
        Self(vec![1.0])
    }
}

impl Scales {
    /// The shares, in the order given.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = f32> {
        self.0.iter().copied()
    }
}

impl FromStr for Scales {
    type Err = NoScales;

    fn from_str(text: &str) -> Result<Self, NoScales> {
        let mut scales = Vec::new();
        for number in text.split(',').map(str::trim) {
            let scale: f32 = number.parse().map_err(|_| NoScales::Number(number.to_string()))?;
            if !(BOUNDS[0]..=BOUNDS[1]).contains(&scale) {
                return Err(NoScales::Bounds(scale));
            }
            if scales.contains(&scale) {
                return Err(NoScales::Twice(scale));
            }
            scales.push(scale);
        }
        match scales.len() {
            1..=MOST if scales.iter().any(|scale| *scale >= 1.0) => Ok(Self(scales)),
            1..=MOST => Err(NoScales::Border),
            many => Err(NoScales::Many(many)),
        }
    }
}

impl fmt::Display for Scales {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers: Vec<String> = self.iter().map(|scale| scale.to_string()).collect();
        f.write_str(&numbers.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_are_a_few_numbers_that_show_every_pixel() {
        let scales: Scales = "0.8, 1,1.25".parse().expect("three numbers");
        assert_eq!((scales.to_string().as_str(), scales.iter().len()), ("0.8,1,1.25", 3));
        assert_eq!("1".parse(), Ok(Scales::default()));
        for (text, error) in [
            ("", NoScales::Number(String::new())),
            ("1,two", NoScales::Number("two".to_string())),
            ("1,0.2", NoScales::Bounds(0.2)),
            ("1,1.0", NoScales::Twice(1.0)),
            ("0.8,0.9", NoScales::Border),
            ("1,1.1,1.2,1.3,1.4,1.5,1.6,1.7,1.8,1.9", NoScales::Many(10)),
        ] {
            assert_eq!(text.parse::<Scales>(), Err(error), "{text}");
        }
        assert!(matches!("NaN".parse::<Scales>(), Err(NoScales::Bounds(nan)) if nan.is_nan()));
    }
}
