//! What the columns of logs and the figures of evaluations are, as a part of a page and as text.

use maud::{Markup, html};

use crate::metrics::FIGURES;
use crate::train::LOG_COLUMNS;

/// The part of a page.
pub(super) fn section() -> Markup {
    html! {
        section aria-labelledby="glossary" {
            h2 id="glossary" { "What the names mean" }
            details {
                summary { "Figures of evaluations" }
                (table(&["Figure", "is", "over"], FIGURES.iter().map(|row| row.to_vec())))
            }
            details {
                summary { "Columns of the logs" }
                (table(&["Column", "holds"], LOG_COLUMNS.iter().map(|(names, what)| vec![*names, *what])))
            }
        }
    }
}

fn table<'a>(titles: &[&str], rows: impl Iterator<Item = Vec<&'a str>>) -> Markup {
    html! {
        div class="scroll" tabindex="0" role="region" aria-label=(titles[0]) {
            table class="glossary" {
                thead { tr { @for title in titles { th scope="col" { (title) } } } }
                tbody { @for row in rows { tr { @for cell in row { td { (with_code(cell)) } } } } }
            }
        }
    }
}

/// Text in which what stands between backticks is a name of the program.
pub(super) fn with_code(text: &str) -> Markup {
    html! {
        @for (index, part) in text.split('`').enumerate() {
            @if index % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

/// The columns of the logs as the help of a verb shows them.
pub fn log_columns() -> String {
    let lines = LOG_COLUMNS.iter().map(|(names, what)| format!("  {}\n      {}", plain(names), plain(what)));
    format!("Columns of log.csv, keys of metrics.jsonl:\n{}", lines.collect::<Vec<_>>().join("\n"))
}

fn plain(text: &str) -> String {
    text.replace('`', "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_has_the_same_tables() {
        let readme = include_str!("../../README.md");
        let rows = |titles: &str| -> Vec<&str> {
            let after = readme.split_once(titles).unwrap_or_else(|| panic!("no table `{titles}`")).1;
            after.lines().skip(2).take_while(|line| line.starts_with('|')).collect()
        };
        let columns: Vec<String> = LOG_COLUMNS.iter().map(|(names, what)| format!("| {names} | {what} |")).collect();
        assert_eq!(rows("| column | holds |"), columns);
        let figures: Vec<String> = FIGURES.iter().map(|row| format!("| {} |", row.join(" | "))).collect();
        assert_eq!(rows("| figure | is | over |"), figures);
    }

    #[test]
    fn pages_and_helps_say_the_same() {
        let page = section().into_string();
        let mut text = String::new();
        for part in page.split('<') {
            text += part.split_once('>').map_or(part, |(_, text)| text);
        }
        let help = log_columns();
        for (names, what) in LOG_COLUMNS {
            for words in [names, what].map(plain) {
                assert!(text.contains(&words) && help.contains(&words), "{words}");
            }
        }
        assert!(FIGURES.as_flattened().iter().all(|words| text.contains(words)));
    }
}
