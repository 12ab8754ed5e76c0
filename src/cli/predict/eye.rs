//! Which eye an image shows: as a flag says, or as its name does.

use std::path::Path;

use clap::builder::{PossibleValuesParser, TypedValueParser};

use super::inputs::Image;
use crate::cli::named::possible_value;
use crate::data::names::{counted, several};
use crate::data::patients::eye_of;
use crate::metrics::Eye;
use crate::named::{Named, named_enum};

named_enum! {
    /// What tells the eye.
    pub(super) enum Eyes {
        /// all are left eyes (OS): nasal is left in the photograph
        Left = "left",
        /// all are right eyes (OD): nasal is right in the photograph
        Right = "right",
        /// each image's name tells, else its folder's: words such as `OD` and `OS`, `R` and `L`, `right` and `left`
        FromName = "from-name",
    }
}

/// Other words for an eye.
const LATIN: [(&str, Eyes); 2] = [("OS", Eyes::Left), ("OD", Eyes::Right)];

/// Takes the names of [`Eyes`], and those of the eyes that clinics write, whatever their case.
pub(super) fn parser() -> impl TypedValueParser<Value = Eyes> {
    let values = Eyes::ALL.map(|eyes| {
        let other = LATIN.iter().filter(|(_, meant)| *meant == eyes).map(|(word, _)| *word);
        possible_value(eyes.name(), eyes.help()).aliases(other)
    });
    PossibleValuesParser::new(values).map(|text| {
        let is = |word: &str| word.eq_ignore_ascii_case(&text);
        let latin = LATIN.iter().find(|(word, _)| is(word)).map(|(_, eyes)| *eyes);
        latin.or(Eyes::ALL.into_iter().find(|eyes| is(eyes.name()))).expect("clap lets no other word through")
    })
}

impl Eyes {
    /// The eye that an image shows; `None` where its name does not say it.
    pub(crate) fn of(self, name: &str, path: &Path) -> Option<Eye> {
        match self {
            Self::Left => Some(Eye::Left),
            Self::Right => Some(Eye::Right),
            Self::FromName => {
                let folder = || path.parent()?.file_name().map(|name| name.to_string_lossy().into_owned());
                let name = eye_of(name);
                // What a name leaves open, between two words, no folder decides.
                if name.is_named { name.eye } else { eye_of(&folder()?).eye }
            }
        }
    }

    /// What was told by names, where that was asked for.
    pub(crate) fn told(self, images: &[Image]) -> Vec<String> {
        if self != Self::FromName {
            return Vec::new();
        }
        let of = |eye: Option<Eye>| -> Vec<&str> {
            images
                .iter()
                .filter(|image| self.of(&image.name, &image.path) == eye)
                .map(|image| image.name.as_str())
                .collect()
        };
        let [left, right] = [Eye::Left, Eye::Right].map(|eye| of(Some(eye)).len());
        let unknown = of(None);
        let mut told =
            vec![format!("{} and {} by their names", counted(left, "left eye"), counted(right, "right eye"))];
        if !unknown.is_empty() {
            let (images, names) = (counted(unknown.len(), "image"), several(&unknown));
            told.push(format!(
                "no name tells the eye of {images} ({names}): its nasal and temporal side are left empty"
            ));
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn image(path: &str) -> Image {
        let path = PathBuf::from(path);
        Image { name: crate::data::names::stem(&path), path }
    }

    #[test]
    fn names_tell_the_eye_or_their_folders_do() {
        let of = |eyes: Eyes, path: &str| eyes.of(&image(path).name, Path::new(path));
        for (path, eye) in [
            ("clinic/12_OD.png", Some(Eye::Right)),
            ("right/12_OS.png", Some(Eye::Left)),
            ("right/12.png", Some(Eye::Right)),
            ("OS/IMG_0001.jpg", Some(Eye::Left)),
            ("right/od_and_os.png", None),
            ("clinic/12.png", None),
            ("12.png", None),
        ] {
            assert_eq!(of(Eyes::FromName, path), eye, "{path}");
        }
        assert_eq!(of(Eyes::Left, "12_OD.png"), Some(Eye::Left), "whoever says it knows better");
        let images = ["a_L.png", "a_R.png", "b_R.png", "c.png"].map(image);
        let told = Eyes::FromName.told(&images);
        assert_eq!(told[0], "1 left eye and 2 right eyes by their names");
        assert!(told[1].starts_with("no name tells the eye of 1 image (`c`)"), "{told:?}");
        assert!(Eyes::FromName.told(&images[..3]).len() == 1 && Eyes::Right.told(&images).is_empty());
    }

    #[test]
    fn eyes_are_called_as_in_clinics_too() {
        let command = clap::Command::new("predict").arg(clap::Arg::new("eye").ignore_case(true).value_parser(parser()));
        for (word, eyes) in [
            ("left", Some(Eyes::Left)),
            ("OS", Some(Eyes::Left)),
            ("od", Some(Eyes::Right)),
            ("Right", Some(Eyes::Right)),
            ("from-name", Some(Eyes::FromName)),
            ("OU", None),
        ] {
            let found = command.clone().try_get_matches_from(["predict", word]);
            assert_eq!(found.ok().map(|found| *found.get_one("eye").expect("it is given")), eyes, "{word}");
        }
    }
}
