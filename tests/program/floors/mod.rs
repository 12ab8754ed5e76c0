//! No files use each other in a circle, and folders use those that the table in the documentation of the crate says. What
//! is compiled for tests alone does not count.

mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use petgraph::algo::tarjan_scc;
use petgraph::graphmap::DiGraphMap;
use source::{Crate, Sources, Uses};

fn own_sources() -> Sources {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    // A folder with a manifest is a crate of its own.
    let is_ours = |entry: &walkdir::DirEntry| !entry.path().join("Cargo.toml").is_file();
    let files = walkdir::WalkDir::new(&folder).into_iter().filter_entry(is_ours);
    let files = files.map(|entry| entry.expect("the source can be listed"));
    let rust = files.filter(|entry| entry.path().extension().is_some_and(|extension| extension == "rs"));
    rust.map(|entry| {
        let path = entry.path().strip_prefix(&folder).expect("it is below").to_string_lossy().replace('\\', "/");
        (path, std::fs::read_to_string(entry.path()).expect("the source can be read"))
    })
    .collect()
}

/// Circles of files, each with what ties it.
fn circles(uses: &Uses) -> Vec<String> {
    let graph: DiGraphMap<&str, ()> = uses.keys().map(|(from, to)| (from.as_str(), to.as_str())).collect();
    let circles = tarjan_scc(&graph).into_iter().filter(|files| files.len() > 1);
    circles
        .map(|files| {
            let inside = uses.iter().filter(|((from, to), _)| [from, to].iter().all(|f| files.contains(&f.as_str())));
            let arrows = inside.map(|((from, to), names)| {
                format!("  {from} -> {to}: {}\n", names.iter().cloned().collect::<Vec<_>>().join(", "))
            });
            format!("a circle of {} files:\n{}", files.len(), arrows.collect::<String>())
        })
        .collect()
}

/// Arrows between what lies directly in a folder: files by their stem, folders by their name.
fn arrows(uses: &Uses, folder: &str) -> BTreeMap<String, BTreeSet<String>> {
    let inside = |file: &str| {
        let rest = file.strip_prefix(folder)?;
        rest.split('/').next().map(|name| name.trim_end_matches(".rs").to_owned())
    };
    let mut arrows: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (from, to) in uses.keys() {
        if let (Some(from), Some(to)) = (inside(from), inside(to))
            && from != to
        {
            arrows.entry(from).or_default().insert(to);
        }
    }
    arrows
}

/// A part of a module and the parts that it uses.
type Row = (String, BTreeSet<String>);

/// The table of a module's documentation whose last column is called `knows`: names in backticks, from the top down.
fn table(source: &str) -> Option<Vec<Row>> {
    let cells = |line: &str| -> Option<Vec<String>> {
        let row = line.strip_prefix("//! |")?.trim().strip_suffix('|')?;
        Some(row.split('|').map(|cell| cell.trim().to_owned()).collect())
    };
    let names = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<BTreeSet<String>>();
    let mut lines = source.lines().skip_while(|line| cells(line).is_none_or(|c| c.last().is_none_or(|c| c != "knows")));
    lines.next()?;
    let rows = lines.skip(1).map_while(cells).map(|row| {
        let part = names(&row[0]).pop_first().expect("the first cell names a part");
        (part, names(row.last().expect("a row has cells")))
    });
    Some(rows.collect())
}

#[test]
fn no_file_is_in_a_circle() {
    let found = circles(&Crate::read(&own_sources()).uses());
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn folders_know_what_the_documentation_says() {
    let sources = own_sources();
    let uses = Crate::read(&sources).uses();
    for (file, text) in sources.iter().filter(|(_, text)| table(text).is_some()) {
        let folder = file.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
        let (rows, found) = (table(text).expect("there is one"), arrows(&uses, &folder));
        for (place, (part, said)) in rows.iter().enumerate() {
            let none = BTreeSet::new();
            let knows = found.get(part).unwrap_or(&none);
            let [more, less] = [knows.difference(said), said.difference(knows)].map(|names| names.collect::<Vec<_>>());
            assert!(more.is_empty(), "src/{folder}{part} uses {more:?}, which the table in src/{file} does not say");
            assert!(less.is_empty(), "src/{folder}{part} does not use {less:?}, as the table in src/{file} says");
            let below = |name: &&String| rows[place + 1..].iter().any(|(part, _)| part == *name);
            let above: Vec<_> = said.iter().filter(|name| !below(name)).collect();
            assert!(above.is_empty(), "{above:?} are not below `{part}` in the table in src/{file}");
        }
        let lacking: Vec<_> = found.keys().filter(|part| rows.iter().all(|(row, _)| row != *part)).collect();
        assert!(lacking.is_empty(), "the table in src/{file} lacks {lacking:?}");
    }
    assert!(table(&sources["lib.rs"]).is_some_and(|rows| rows.iter().any(|(part, _)| part == "graph")));
}

/// A crate of these files.
fn planted(files: &[(&str, &str)]) -> Uses {
    Crate::read(&files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()).uses()
}

#[test]
fn a_circle_through_a_reexport_is_found() {
    let files = [
        ("lib.rs", "mod low; mod high;"),
        ("low/mod.rs", "mod inner; pub use inner::Inner;"),
        ("low/inner.rs", "pub struct Inner; fn f() -> u32 { crate::high::top() }"),
        ("high.rs", "use crate::low::Inner as Other; pub fn top() -> u32 { 1 }"),
    ];
    let uses = planted(&files);
    assert_eq!(circles(&uses).len(), 1);
    assert!(circles(&uses)[0].contains("high.rs -> low/inner.rs: Inner"), "{:?}", circles(&uses));
    let folders = arrows(&uses, "");
    assert!(folders["low"].contains("high") && folders["high"].contains("low"), "{folders:?}");
}

#[test]
fn circles_hide_neither_in_macros_nor_in_attributes_nor_behind_methods() {
    let with = |low: &str, high: &str| {
        circles(&planted(&[("lib.rs", "mod low; mod high;"), ("low.rs", low), ("high.rs", high)])).len()
    };
    let high = "use super::low::{Low, MOST}; pub const TOP: u32 = MOST; impl Low { pub fn rise(&self) {} }";
    assert_eq!(with("pub struct Low; pub const MOST: u32 = 1;", high), 0);
    assert_eq!(
        with("pub struct Low; pub const MOST: u32 = 1; fn f() { println!(\"{}\", super::high::TOP); }", high),
        1
    );
    assert_eq!(with("pub struct Low; pub const MOST: u32 = 1; #[most(limit = super::high::TOP)] fn f() {}", high), 1);
    assert_eq!(with("pub struct Low; pub const MOST: u32 = 1; fn f(low: &Low) { low.rise() }", high), 1);
    assert_eq!(with("use super::high::*; pub struct Low; pub const MOST: u32 = TOP;", high), 1);
    assert_eq!(
        with("named! { pub enum Low { A } } fn f() { super::high::top() }", "use super::low::Low; pub fn top() {}"),
        1
    );
}

#[test]
fn reexports_and_tests_are_no_arrows() {
    let files = [
        ("lib.rs", "mod low;"),
        ("low/mod.rs", "mod inner; pub use inner::inner; pub struct Low; #[cfg(test)] mod tests;"),
        ("low/inner.rs", "pub fn inner(_: super::Low) {} #[cfg(test)] mod tests { use crate::low::inner; }"),
        ("low/tests.rs", "use super::inner;"),
    ];
    let uses = planted(&files);
    let arrows: Vec<_> = uses.keys().map(|(from, to)| (from.as_str(), to.as_str())).collect();
    assert_eq!(arrows, [("low/inner.rs", "low/mod.rs")]);
}

/// Pipes and devices are refused in one place, before they are waited for.
#[test]
fn files_are_opened_for_reading_in_one_place() {
    // The first asks the system and no user; the others open folders, and what they have written themselves.
    let elsewhere = [
        "input_file.rs",
        "cli/progress/memory.rs",
        "atomic_file/write.rs",
        "atomic_file/temporary.rs",
        "atomic_file/lock.rs",
    ];
    let opens = ["fs::read(", "fs::read_to_string(", "File::open(", "Reader::from_path("];
    for (file, text) in own_sources().iter().filter(|(file, _)| !elsewhere.contains(&file.as_str())) {
        let own = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
        let is_test = file.contains("/tests/") || file.ends_with("/tests.rs");
        let found: Vec<_> =
            own.lines().filter(|line| !is_test && opens.iter().any(|open| line.contains(open))).collect();
        assert!(found.is_empty(), "src/{file} does not ask `input_file`: {found:?}");
    }
}
