//! Which values a setting can have.

use std::fmt::Display;
use std::ops::{RangeFrom, RangeInclusive};

/// Values out of all those of a type.
pub(super) trait Range<T> {
    /// What is wrong with a value that is not among them, as a sentence about it ends: "not between 2 and 64".
    fn problem(&self, value: &T) -> Option<String>;
}

impl<T: PartialOrd + Display> Range<T> for RangeInclusive<T> {
    fn problem(&self, value: &T) -> Option<String> {
        (!self.contains(value)).then(|| format!("not between {} and {}", self.start(), self.end()))
    }
}

impl<T: PartialOrd + Display> Range<T> for RangeFrom<T> {
    fn problem(&self, value: &T) -> Option<String> {
        (!self.contains(value)).then(|| format!("less than {}", self.start))
    }
}

/// Numbers by their sign.
pub(super) enum Sign {
    /// more than 0
    Positive,
    /// the same, or without an end
    PositiveOrInfinite,
    /// 0 or more
    NotNegative,
}

impl<T: Copy + Into<f64>> Range<T> for Sign {
    fn problem(&self, value: &T) -> Option<String> {
        let value: f64 = (*value).into();
        let (fits, problem) = match self {
            Sign::Positive => (value > 0.0 && value.is_finite(), "not a positive number"),
            Sign::PositiveOrInfinite => (value > 0.0, "not a positive number"),
            Sign::NotNegative => (value >= 0.0 && value.is_finite(), "neither 0 nor a positive number"),
        };
        (!fits).then(|| problem.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_outside_is_told_what_is_wrong_with_it() {
        assert_eq!((2..=64).problem(&65).as_deref(), Some("not between 2 and 64"));
        assert_eq!(((2..=64).problem(&2), (2..=64).problem(&64)), (None, None));
        assert_eq!((-1..).problem(&-2).as_deref(), Some("less than -1"));
        assert_eq!((-1..).problem(&-1), None);
        for (sign, zero, infinity) in
            [(Sign::Positive, false, false), (Sign::PositiveOrInfinite, false, true), (Sign::NotNegative, true, false)]
        {
            let fits = |value: f32| sign.problem(&value).is_none();
            assert_eq!(
                [1.0, 0.0, f32::INFINITY, -1.0, f32::NAN].map(fits),
                [true, zero, infinity, false, false],
                "{:?}",
                sign.problem(&f32::NAN)
            );
        }
    }
}
