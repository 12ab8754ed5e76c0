//! Contours as lists of points: `x, y` in rows, as in DRIONS-DB, or one number a row, as the tool of RIM-ONE writes them:
//! a line of text, the centre, then sixteen points on radii, counted from 1, through which a smooth curve goes.

use std::path::Path;

use crate::input_file;

/// Bytes of a file that is read; a thousand points take a hundredth.
const LARGEST: u64 = 1 << 20;
/// Pieces of the curve between two points.
const PIECES: usize = 16;

type Point = (f64, f64);

/// Reads a contour and fills it, at the size of its photograph.
///
/// # Errors
/// A sentence: no contour, or one that doesn't lie in the photograph.
pub(super) fn read_contour(path: &Path, (width, height): (u32, u32)) -> Result<Vec<bool>, String> {
    let shown = path.display();
    let cannot = |error: std::io::Error| format!("cannot read `{shown}`: {error}");
    let text = input_file::read_at_most(path, LARGEST).map_err(cannot)?;
    let text = text.map_err(|_| format!("`{shown}` is too long to be a contour"))?;
    let contour = parse(&String::from_utf8_lossy(&text)).map_err(|problem| {
        format!("`{shown}` is no contour: {problem}; expected the column and the row of a point in each line")
    })?;
    let outside = |p: &&Point| p.0 < -1.0 || p.1 < -1.0 || p.0 > f64::from(width) || p.1 > f64::from(height);
    if let Some((x, y)) = contour.iter().find(outside) {
        return Err(format!(
            "the contour in `{shown}` goes through column {x}, row {y}, outside of its photograph of {width}x{height} pixels; \
             it belongs to another one, or to one of another size"
        ));
    }
    Ok(fill(&contour, width as usize, height as usize))
}

/// The closed curve that a text describes.
fn parse(text: &str) -> Result<Vec<Point>, String> {
    let mut rows: Vec<Vec<f64>> = Vec::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let numbers = numbers_of(line);
        match numbers {
            Ok(row) if row.iter().all(|number| number.is_finite()) && !row.is_empty() => rows.push(row),
            // Titles.
            _ if rows.is_empty() => continue,
            _ => return Err(format!("line {} holds no numbers", index + 1)),
        }
    }
    let columns = rows.first().map_or(0, Vec::len);
    if rows.iter().any(|row| row.len() != columns) {
        return Err("its lines hold different counts of numbers".to_string());
    }
    let points: Vec<Point> = match columns {
        0 => return Err("it holds no numbers".to_string()),
        1 if rows.len() % 2 == 1 => return Err("it holds an odd count of numbers".to_string()),
        1 => rows.chunks_exact(2).map(|pair| (pair[0][0] - 1.0, pair[1][0] - 1.0)).collect(),
        2 => rows.iter().map(|row| (row[0], row[1])).collect(),
        n => return Err(format!("its lines hold {n} numbers each")),
    };
    let contour = if columns == 1 { points.get(1..).unwrap_or_default() } else { &points };
    if contour.len() < 3 {
        return Err(format!("{} points are no contour", contour.len()));
    }
    Ok(if columns == 1 { smooth(contour) } else { contour.to_vec() })
}

/// The numbers in a line, or none where it holds anything else. Where `;` or a tab divides them, a comma is that of a decimal.
fn numbers_of(line: &str) -> Result<Vec<f64>, std::num::ParseFloatError> {
    const SPACE: [char; 4] = [' ', '\t', '\r', '\u{feff}'];
    let divided: Vec<&str> =
        line.split([';', '\t']).map(|cell| cell.trim_matches(SPACE)).filter(|cell| !cell.is_empty()).collect();
    if divided.len() > 1 && divided.iter().any(|cell| cell.contains(',')) {
        let decimals: Result<Vec<f64>, _> = divided.iter().map(|cell| cell.replacen(',', ".", 1).parse()).collect();
        if decimals.is_ok() {
            return decimals;
        }
    }
    line.split([',', ';', ' ', '\t', '\r', '\u{feff}']).filter(|cell| !cell.is_empty()).map(str::parse).collect()
}

/// A closed Catmull-Rom curve.
fn smooth(points: &[Point]) -> Vec<Point> {
    let count = points.len();
    let at = |i: usize| points[i % count];
    let piece = |i: usize| {
        let (a, b, c, d) = (at(i + count - 1), at(i), at(i + 1), at(i + 2));
        let blend = move |t: f64, a: f64, b: f64, c: f64, d: f64| {
            b + 0.5 * t * (c - a + t * (2.0 * a - 5.0 * b + 4.0 * c - d + t * (3.0 * (b - c) + d - a)))
        };
        (0..PIECES).map(move |step| {
            let t = step as f64 / PIECES as f64;
            (blend(t, a.0, b.0, c.0, d.0), blend(t, a.1, b.1, c.1, d.1))
        })
    };
    (0..count).flat_map(piece).collect()
}

/// Pixels whose middle an odd number of the contour's lines surround.
fn fill(contour: &[Point], width: usize, height: usize) -> Vec<bool> {
    let mut mask = vec![false; width * height];
    for (y, row) in mask.chunks_exact_mut(width).enumerate() {
        let level = y as f64;
        let mut crossings: Vec<f64> = Vec::new();
        for (a, b) in contour.iter().zip(contour.iter().cycle().skip(1)) {
            if (a.1 <= level) != (b.1 <= level) {
                crossings.push(a.0 + (level - a.1) * (b.0 - a.0) / (b.1 - a.1));
            }
        }
        crossings.sort_by(f64::total_cmp);
        for pair in crossings.chunks_exact(2) {
            let place = |x: f64| (x.ceil().max(0.0) as usize).min(width);
            row[place(pair[0])..place(pair[1])].fill(true);
        }
    }
    mask
}

#[cfg(test)]
mod tests {
    use std::f64::consts::{PI, TAU};
    use std::fmt::Write;

    use super::*;

    fn circle(count: usize, first: f64) -> Vec<Point> {
        let angle = |i: usize| TAU * i as f64 / count as f64;
        (0..count).map(|i| (60.0 + 30.0 * angle(i).cos() + first, 50.0 + 30.0 * angle(i).sin() + first)).collect()
    }

    /// Area and middle of what a file's contour surrounds.
    fn measured(text: &str) -> (f64, Point) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("contour.txt");
        std::fs::write(&path, text).unwrap();
        let mask = read_contour(&path, (120, 100)).expect("a contour");
        let inside: Vec<usize> = (0..mask.len()).filter(|i| mask[*i]).collect();
        let mean = |of: fn(usize) -> usize| inside.iter().map(|i| of(*i) as f64).sum::<f64>() / inside.len() as f64;
        (inside.len() as f64, (mean(|i| i % 120), mean(|i| i / 120)))
    }

    #[test]
    fn rows_of_two_numbers_are_a_polygon() {
        let area = 72.0 / 2.0 * (TAU / 72.0).sin() * 900.0;
        for separator in [" , ", ",", " ", "\t", ";"] {
            let mut text = String::from("x and y\r\n");
            circle(72, 0.0).iter().for_each(|(x, y)| write!(text, "{x:.5}{separator}{y:.5}\r\n").unwrap());
            let (found, (x, y)) = measured(&text);
            assert!((found - area).abs() < 0.005 * area, "`{separator}`: {found} of {area}");
            assert!((x - 60.0).abs() < 0.1 && (y - 50.0).abs() < 0.1, "{x}, {y}");
        }
    }

    #[test]
    fn decimals_may_have_a_comma() {
        let square = |low: &str, high: &str, between: &str| {
            [[low, low], [high, low], [high, high], [low, high]].map(|point| point.join(between)).join("\n")
        };
        let want = measured(&square("10.5", "30.5", ","));
        assert_eq!((want.0, measured(&square("10,5", "30,5", ";"))), (400.0, want));
        assert_eq!(measured(&square("10,5", "30,5", "\t")), want);
        assert_eq!(parse("1,2;3,4\n1,2;3,4\n1,2;3,4").expect("three points")[0], (1.2, 3.4));
    }

    #[test]
    fn sixteen_points_of_one_number_a_row_are_a_smooth_curve_around_their_centre() {
        let mut text = String::from("Intersection points\r\n61\r\n51\r\n");
        circle(16, 1.0).iter().for_each(|(x, y)| write!(text, "{}\r\n{}\r\n", x.round(), y.round()).unwrap());
        let (found, (x, y)) = measured(&text);
        // A polygon of sixteen corners has 2.6 % less.
        assert!((found - PI * 900.0).abs() < 0.01 * PI * 900.0, "{found} of {}", PI * 900.0);
        assert!((x - 60.0).abs() < 0.3 && (y - 50.0).abs() < 0.3, "{x}, {y}");
    }

    #[test]
    fn what_is_no_contour_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("contour.txt");
        for (text, problem) in [
            ("", "no numbers"),
            ("read me", "no numbers"),
            ("1 2\n3 4", "2 points"),
            ("1 2\n3 4\n5 6 7", "different counts"),
            ("1 2\n3 4\nend\n5 6", "line 3"),
            ("1 2 3\n4 5 6\n7 8 9", "3 numbers"),
            ("1\n2\n3", "odd count"),
            ("1 2\n300 4\n5 6", "column 300, row 4"),
            ("1 2\n3 nan\n5 6", "line 2"),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = read_contour(&path, (120, 100)).expect_err(text);
            assert!(error.contains(problem) && error.contains("contour.txt"), "{text:?}: {error}");
        }
        std::fs::write(&path, b"\xff\xfe1 2\n\xff").unwrap();
        assert!(read_contour(&path, (120, 100)).is_err());
    }
}
