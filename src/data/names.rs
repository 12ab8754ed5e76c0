//! Names of files in sentences: a few for many, and none that takes a terminal apart.

use std::ffi::OsStr;
use std::fmt::Write;
use std::path::Path;

/// Names that are told before the rest is counted.
const TOLD: usize = 3;

/// Whether a terminal takes a character for a command, or for the beginning of one, or turns the direction of writing by it.
pub fn is_command(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A text in one line: line breaks, the escape sequences of terminals, and characters that turn the direction of writing
/// are spelt out.
pub fn shown(text: &str) -> String {
    spelt_out(text, "")
}

/// The same of a text that may have several lines, and columns.
pub fn printable(text: &str) -> String {
    spelt_out(text, "\n\t")
}

fn spelt_out(text: &str, kept: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut shown, c| {
        match is_command(c) && !kept.contains(c) {
            true => shown.extend(c.escape_default()),
            false => shown.push(c),
        }
        shown
    })
}

/// The same of a path.
pub fn shown_path(path: &Path) -> String {
    shown(&path.to_string_lossy())
}

/// A few names, and how many more there are: `a`, `b`, `c` and 9 more.
pub fn several<S: AsRef<str>>(names: &[S]) -> String {
    let quoted: Vec<String> = names.iter().take(TOLD).map(|name| format!("`{}`", shown(name.as_ref()))).collect();
    match names.len() - quoted.len() {
        0 => match quoted.split_last() {
            Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
            _ => quoted.concat(),
        },
        more => format!("{} and {more} more", quoted.join(", ")),
    }
}

/// The same of files, by their last component.
pub fn several_files<P: AsRef<Path>>(files: &[P]) -> String {
    let last = |file: &P| file.as_ref().file_name().unwrap_or_default().to_string_lossy().into_owned();
    several(&files.iter().map(last).collect::<Vec<_>>())
}

/// How many there are of something whose plural is regular: 1 image, 2 images.
pub fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// The name of a file without its extension. Where it is no text, eight digits that follow from its bytes tell it from
/// others that look alike.
pub fn stem(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default();
    match stem.to_str() {
        Some(text) => text.to_owned(),
        None => format!("{}-{}", stem.to_string_lossy(), digits(stem)),
    }
}

/// A name of `most` bytes at most: a longer one is cut, and told from others with the same beginning by eight digits that
/// follow from all of it.
pub fn shortened(name: &str, most: usize) -> String {
    if name.len() <= most {
        return name.to_owned();
    }
    let digits = digits(OsStr::new(name));
    format!("{}-{digits}", &name[..name.floor_char_boundary(most.saturating_sub(digits.len() + 1))])
}

/// Eight hexadecimal digits of a name: its checksum.
fn digits(name: &OsStr) -> String {
    let mut digits = String::new();
    let _ = write!(digits, "{:08x}", crc32c::crc32c(name.as_encoded_bytes()));
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_in_their_line_and_take_no_terminal_apart() {
        assert_eq!(shown("截图 é\t\"x\".png"), "截图 é\\t\"x\".png");
        assert_eq!(shown("a\nb\r\u{1b}[2J\u{202e}gpj"), "a\\nb\\r\\u{1b}[2J\\u{202e}gpj");
        assert_eq!(printable("a\n\tb\r\u{9b}2J\n"), "a\n\tb\\r\\u{9b}2J\n");
    }

    #[test]
    fn a_few_names_stand_for_many() {
        let names = ["a", "b\n", "c", "d", "e"];
        let told: Vec<String> = (0..=5).map(|count| several(&names[..count])).collect();
        let last = "`a`, `b\\n`, `c` and 2 more";
        assert_eq!(told[..4], ["", "`a`", "`a` and `b\\n`", "`a`, `b\\n` and `c`"]);
        assert_eq!(told[5], last);
        assert_eq!(several_files(&["x/a.png", "y/b.png"]), "`a.png` and `b.png`");
    }

    #[test]
    fn long_names_are_cut_and_stay_apart() {
        let long = "眼".repeat(80);
        let [first, second] = ["1", "2"].map(|end| shortened(&format!("{long}{end}"), 100));
        assert!(first.len() <= 100 && first.starts_with("眼眼") && first != second, "{first}");
        assert_eq!(shortened(&format!("{long}1"), 100), first, "always the same");
        assert_eq!(shortened(&long, 240), long);
    }

    #[test]
    #[cfg(unix)]
    fn names_that_are_no_text_stay_apart() {
        use std::os::unix::ffi::OsStrExt;
        let [a, b] = [&b"\xff.png"[..], b"\xfe.png"].map(|name| stem(Path::new(OsStr::from_bytes(name))));
        assert!(a != b && a.starts_with('\u{fffd}'), "{a} {b}");
        assert_eq!(stem(Path::new("a/b.c.PNG")), "b.c");
    }
}
