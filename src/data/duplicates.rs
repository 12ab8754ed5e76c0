//! The same picture twice: within a folder, and in two folders of which one should not know the other.

use std::collections::{BTreeMap, BTreeSet};

use super::content::{Album, Content};
use super::names::{counted, several, shown};

/// Pictures that are in one place more than once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repeated {
    /// where
    pub place: String,
    /// names of the same picture, sorted
    pub groups: Vec<Vec<String>>,
}

/// Pictures that are in two places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shared {
    /// the two places
    pub places: [String; 2],
    /// how many pictures each holds
    pub sizes: [usize; 2],
    /// the pictures of the second that the first holds too, by their names there
    pub names: Vec<String>,
}

/// The pictures that a place holds more than once.
pub fn repeated(album: &Album) -> Option<Repeated> {
    let mut groups: BTreeMap<Content, Vec<String>> = BTreeMap::new();
    for (name, content) in &album.images {
        groups.entry(*content).or_default().push(name.clone());
    }
    let mut groups: Vec<_> = groups.into_values().filter(|names| names.len() > 1).collect();
    groups.sort();
    (!groups.is_empty()).then(|| Repeated { place: album.place.clone(), groups })
}

/// The pictures of the second place that are in the first too.
pub fn shared(first: &Album, second: &Album) -> Option<Shared> {
    let known: BTreeSet<Content> = first.images.iter().map(|(_, content)| *content).collect();
    let names = second.images.iter().filter(|(_, content)| known.contains(content));
    let names: Vec<String> = names.map(|(name, _)| name.clone()).collect();
    let (places, sizes) = ([first, second].map(|album| album.place.clone()), [first, second].map(|a| a.images.len()));
    (!names.is_empty()).then_some(Shared { places, sizes, names })
}

impl Repeated {
    /// A sentence.
    pub fn sentence(&self) -> String {
        let pairs: Vec<String> = self.groups.iter().map(|names| shown(&names.join("` = `"))).collect();
        let (place, count) = (&self.place, self.groups.len());
        let are = if count == 1 { "is" } else { "are" };
        format!("`{place}`: {} {are} there more than once ({})", counted(count, "picture"), several(&pairs))
    }
}

impl Shared {
    /// Whether the two places hold the same pictures.
    pub fn is_all_of_both(&self) -> bool {
        self.sizes[0] == self.sizes[1] && self.names.len() == self.sizes[1]
    }

    /// A sentence; `so` says what follows from that.
    pub fn sentence(&self, so: &str) -> String {
        let ([first, second], count, [_, of]) = (&self.places, self.names.len(), self.sizes);
        let told = several(&self.names);
        match self.is_all_of_both() {
            true if of == 1 => format!("`{second}` holds the same image as `{first}`: {so}"),
            true => format!("`{second}` holds the same {of} images as `{first}`: {so}"),
            false => {
                let are = if count == 1 { "is" } else { "are" };
                format!("{count} of {of} images of `{second}` {are} in `{first}` too ({told}): {so}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use image::{Rgb, RgbImage};

    use super::*;

    fn album(place: &str, levels: &[u8]) -> Album {
        let content = |level: &u8| Content::of_pixels(&RgbImage::from_pixel(2, 2, Rgb([*level; 3])));
        let images = levels.iter().enumerate().map(|(index, level)| (format!("{place}{index}"), content(level)));
        Album { place: place.to_string(), images: images.collect() }
    }

    #[test]
    fn pictures_that_are_there_twice_are_named() {
        assert_eq!(repeated(&album("a", &[1, 2, 3])), None);
        let found = repeated(&album("a", &[1, 2, 1, 3, 2, 1])).expect("two are");
        assert_eq!(found.sentence(), "`a`: 2 pictures are there more than once (`a0` = `a2` = `a5` and `a1` = `a4`)");
    }

    #[test]
    fn what_two_places_have_in_common_is_counted() {
        let first = album("a", &[1, 2, 3]);
        assert_eq!(shared(&first, &album("b", &[4, 5])), None);
        let some = shared(&first, &album("b", &[5, 3, 7, 2])).expect("two are");
        assert_eq!(some.sentence("so what"), "2 of 4 images of `b` are in `a` too (`b1` and `b3`): so what");
        let all = shared(&first, &album("b", &[3, 2, 1])).expect("all are");
        assert_eq!(all.sentence("so what"), "`b` holds the same 3 images as `a`: so what");
    }
}
