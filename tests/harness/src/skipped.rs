//! What tests do not check here, in one list for the whole run: a passing test's own output is not shown.

use std::fmt::Display;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

/// The environment's variable that names the list; `.ci/skipped` sets it and prints the list.
pub const LIST: &str = "PAPILLA_SKIPPED";

/// Says that the running test, or a part of it, is skipped, and why. Equal reasons are listed together, so that they
/// should name what is absent and not who asks for it.
pub fn skip(reason: impl Display) {
    let reason = one_line(&reason.to_string());
    eprintln!("skipped: {reason}");
    let Some(list) = std::env::var_os(LIST) else { return };
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a thread without a name");
    // One write of one line, for programs append to the list at the same time.
    let line = format!("{reason}\t{}: {test}\n", program());
    let appended = OpenOptions::new().create(true).append(true).open(&list).and_then(|mut list| {
        list.write_all(line.as_bytes())?;
        list.flush()
    });
    if let Err(error) = appended {
        panic!("cannot append to {}, which {LIST} names: {error}", Path::new(&list).display());
    }
}

/// What lies in the folder `shared` beside the repository in development, or `None` and a skipped test elsewhere.
pub fn shared(path: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let whole = beside.join(path);
    if whole.exists() {
        return Some(whole);
    }
    // Of a set that is absent as a whole the set, so that its tests are listed together.
    let set = path.split('/').next().unwrap_or(path);
    let absent = if beside.join(set).exists() { path } else { set };
    skip(format_args!("`../shared/{absent}` does not lie beside the repository"));
    None
}

/// The test program's name, without the hash that Cargo adds.
fn program() -> String {
    let path = std::env::current_exe().unwrap_or_default();
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    name.rsplit_once('-').map_or_else(|| name.to_string(), |(name, _)| name.to_string())
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
