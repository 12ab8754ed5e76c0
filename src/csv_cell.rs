//! Cells of tables that people open in a spreadsheet: a text that would be taken for a formula is not, and reads back as it was.

use std::borrow::Cow;
use std::io::{self, Write};

/// What makes a spreadsheet take a text for plain.
const PLAIN: char = '\'';

/// Whether a spreadsheet would compute a text, or would but for quotes before it. Numbers, which may begin with a sign, stay.
fn is_formula(text: &str) -> bool {
    let begins = text.trim_start_matches(PLAIN).starts_with(['=', '+', '-', '@', '\t', '\r']);
    begins && text.parse::<f64>().is_err()
}

/// A cell that is no formula.
fn escaped(cell: &[u8]) -> Cow<'_, [u8]> {
    match std::str::from_utf8(cell) {
        Ok(text) if is_formula(text) => Cow::Owned(format!("{PLAIN}{text}").into_bytes()),
        _ => Cow::Borrowed(cell),
    }
}

/// The text that a cell of such a table stands for.
pub fn original(cell: &str) -> &str {
    cell.strip_prefix(PLAIN).filter(|_| is_formula(cell)).unwrap_or(cell)
}

/// Writes a row of a table.
///
/// # Errors
/// When the system refuses; and for a row that has not as many cells as the first.
pub fn write_row<W: Write>(table: &mut csv::Writer<W>, row: impl IntoIterator<Item: AsRef<[u8]>>) -> io::Result<()> {
    for cell in row {
        table.write_field(escaped(cell.as_ref()))?;
    }
    Ok(table.write_record(None::<&[u8]>)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_become_texts_and_read_back_and_numbers_stay() {
        for (text, cell) in [
            ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
            ("+1+2", "'+1+2"),
            ("-x", "'-x"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"),
            ("'=x", "''=x"),
            ("''-5", "'''-5"),
            ("-0.25", "-0.25"),
            ("-5", "-5"),
            ("+1e3", "+1e3"),
            ("'name'", "'name'"),
            ("eye=1", "eye=1"),
            ("", ""),
        ] {
            let written = escaped(text.as_bytes()).into_owned();
            assert_eq!(String::from_utf8(written).as_deref(), Ok(cell), "{text}");
            assert_eq!(original(cell), text, "{cell}");
        }
    }

    #[test]
    fn a_row_is_written_with_plain_cells() {
        let mut table = csv::Writer::from_writer(Vec::new());
        write_row(&mut table, ["=1,2", "-0.5", "a"]).expect("memory is writable");
        assert_eq!(table.into_inner().expect("memory is writable"), b"\"'=1,2\",-0.5,a\n");
    }
}
