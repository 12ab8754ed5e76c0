//! Flags whose values are enumerations of the library.

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use crate::named::Named;

/// Takes the names of an enumeration and lists them, with their helps, in the flag's.
pub(super) fn named<T: Named>() -> impl TypedValueParser<Value = T> {
    let values = T::VALUES.iter().map(|value| possible_value(value.name(), value.help()));
    PossibleValuesParser::new(values).map(|name| T::named(&name).expect("clap lets no other name through"))
}

/// A name with its help.
pub(super) fn possible_value(name: &'static str, help: Option<&'static str>) -> PossibleValue {
    let value = PossibleValue::new(name);
    match help {
        Some(help) => value.help(help),
        None => value,
    }
}
