//! Enumerations whose values users write: the name that files and flags share, and its help, stand beside each value.

/// A value out of a few that have names.
pub trait Named: Copy + Eq + Send + Sync + 'static {
    /// Every value, in the order in which they are listed.
    const VALUES: &'static [Self];

    /// Name in files and on the command line.
    fn name(self) -> &'static str;

    /// What it is, in a few words; nothing where the name says it.
    fn help(self) -> Option<&'static str>;

    /// The value of a name.
    fn named(name: &str) -> Option<Self> {
        Self::VALUES.iter().copied().find(|value| value.name() == name)
    }
}

/// Defines an enumeration and its [`Named`] from one list: `/// help`, then `Variant = "name"`. Its values are written as
/// their names, by serde too. (The crate strum names variants and keeps their comments, but serde would have to be told the
/// names a second time.)
macro_rules! named_enum {
    (
        $(#[$attribute:meta])*
        $vis:vis enum $type:ident {
            $($(#[doc = $help:literal])* $(#[default $($nothing:tt)?])? $value:ident = $name:literal),+ $(,)?
        }
    ) => {
        $(#[$attribute])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        $vis enum $type {
            $(
                $(#[doc = $help])*
                #[doc = concat!("(`", $name, "`)")]
                $(#[default $($nothing)?])?
                $value
            ),+
        }

        impl $type {
            /// All of them.
            $vis const ALL: [$type; [$($name),+].len()] = [$($type::$value),+];

            /// Name in files and on the command line.
            $vis fn name(self) -> &'static str {
                match self {
                    $($type::$value => $name),+
                }
            }
        }

        impl $crate::named::Named for $type {
            const VALUES: &'static [$type] = &$type::ALL;

            fn name(self) -> &'static str {
                $type::name(self)
            }

            fn help(self) -> Option<&'static str> {
                let help = match self {
                    $($type::$value => concat!($($help),*).trim_start()),+
                };
                (!help.is_empty()).then_some(help)
            }
        }

        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
                serializer.serialize_str(self.name())
            }
        }

        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<$type, D::Error> {
                let name = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                let unknown = || serde::de::Error::unknown_variant(&name, &[$($name),+]);
                <$type as $crate::named::Named>::named(&name).ok_or_else(unknown)
            }
        }
    };
}
pub(crate) use named_enum;

#[cfg(test)]
mod tests {
    use super::*;

    named_enum! {
        /// Sides.
        #[derive(Default)]
        enum Side {
            /// where the heart is,
            /// as a rule
            #[default]
            Left = "left-hand",
            Right = "right-hand",
        }
    }

    #[test]
    fn names_and_helps_are_those_of_the_list() {
        assert_eq!(Side::default(), Side::Left);
        assert_eq!(Side::ALL.map(Side::name), ["left-hand", "right-hand"]);
        assert_eq!(Side::ALL.map(Named::help), [Some("where the heart is, as a rule"), None]);
        assert_eq!((Side::named("right-hand"), Side::named("right")), (Some(Side::Right), None));
    }

    #[test]
    fn files_hold_the_names() {
        assert_eq!(serde_json::to_string(&Side::ALL).expect("names are JSON"), r#"["left-hand","right-hand"]"#);
        assert_eq!(serde_json::from_str::<Side>(r#""right-hand""#).expect("a name"), Side::Right);
        let error = serde_json::from_str::<Side>(r#""right""#).expect_err("no name").to_string();
        assert!(error.starts_with("unknown variant `right`, expected `left-hand` or `right-hand`"), "{error}");
    }
}
