//! The page about an adapter: one HTML file that needs nothing else.

use std::fmt::Write;

use crate::bench::Portability;
use crate::own_file::Purpose;

const STYLE: &str = "
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; width: 100%; }
th, td { text-align: left; padding: .2rem .8rem .2rem 0; border-bottom: 1px solid color-mix(in srgb, currentColor 20%, transparent); }
td.n, th.n { text-align: right; }
.bad { font-weight: bold; }
svg { width: 100%; height: auto; }
";

/// The whole page.
pub(super) fn render(p: &Portability) -> String {
    let (id, mut body) = (&p.adapter, String::new());
    let title = escaped(&id.name);
    let mut facts = vec![
        ("Backend", id.backend.clone()),
        ("Kind", id.kind.clone()),
        ("Driver", format!("{} {}", id.driver, id.driver_info)),
        ("Subgroups", format!("{} to {} invocations", id.subgroups[0], id.subgroups[1])),
        ("Arithmetic", format!("{:.1} GFLOP/s at most", p.ceiling_gflops)),
        ("Copying", format!("{:.2} GB/s at most", p.ceiling_gbs)),
        ("Measured", format!("{}, papilla {}", p.date, p.papilla)),
    ];
    facts.extend(p.limits.iter().map(|(name, value)| (name.as_str(), value.to_string())));
    facts.push(("Features", p.features.join(", ")));
    section(
        &mut body,
        "Adapter",
        &["", ""],
        &[],
        facts.iter().map(|(name, value)| vec![name.to_string(), value.clone()]),
    );
    let operators = p.operators.iter().map(|operator| {
        let error = operator
            .error
            .map_or_else(|| operator.failure.clone().unwrap_or("no number".into()), |e| format!("{e:.1e}"));
        vec![operator.name.clone(), error, if operator.passed { "agrees" } else { "WRONG" }.to_string()]
    });
    section(
        &mut body,
        "Operators and their gradients against the f64 twin",
        &["Operator", "Largest error", ""],
        &[1],
        operators,
    );
    let kernels = p.kernels.iter().map(|k| {
        vec![
            k.name.clone(),
            k.shape.clone(),
            format!("{:.3}", k.ms),
            k.packing_ms.map_or(String::new(), |ms| format!("{ms:.3}")),
            format!("{:.2}", k.gflops),
            format!("{:.0} %", 100.0 * k.share),
        ]
    });
    section(
        &mut body,
        "Layers",
        &["Layer", "Shape", "ms", "Packing, ms", "GFLOP/s", "Share of the ceiling"],
        &[2, 3, 4, 5],
        kernels,
    );
    let step = &p.step;
    let figures = [
        ("Step", step.what.clone()),
        ("Time", format!("{:.1} ms, {:.2} images/s", step.ms, step.images_per_second)),
        ("Cold start", format!("{:.1} s", step.cold_start_ms * 1e-3)),
        ("Host outside the driver", format!("{:.2} ms", step.host_without_driver_ms)),
        ("Memory of values", format!("{} MiB", step.peak_bytes >> 20)),
        ("Launches", step.dispatches.to_string()),
    ];
    section(
        &mut body,
        "Training step",
        &["", ""],
        &[],
        figures.iter().map(|(name, value)| vec![name.to_string(), value.clone()]),
    );
    let _ = write!(
        body,
        "<h2>Losses of a short run</h2>\n<p>Source-only, {0}x{0}, batch {1}, seed {2}; CRC-32C of the first batches {3:08x}.</p>\n{4}",
        p.training.size,
        p.training.batch,
        p.training.seed,
        p.training.batches_crc32c,
        curve(&p.training.losses)
    );
    let losses = p.training.losses.iter().enumerate();
    let chosen = losses
        .filter(|(index, _)| index + 1 == p.training.losses.len() || [1, 2, 5, 10, 20, 50].contains(&(index + 1)));
    section(
        &mut body,
        "",
        &["Step", "Loss"],
        &[0, 1],
        chosen.map(|(index, loss)| vec![(index + 1).to_string(), loss.to_string()]),
    );
    let mark = Purpose::AdapterPage.mark();
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"generator\" content=\"{mark}\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n{body}</body>\n</html>\n"
    )
}

/// A table under a heading; columns listed in `numbers` are set to the right.
fn section(
    body: &mut String,
    heading: &str,
    titles: &[&str],
    numbers: &[usize],
    rows: impl Iterator<Item = Vec<String>>,
) {
    let class = |column: usize| if numbers.contains(&column) { " class=\"n\"" } else { "" };
    if !heading.is_empty() {
        let _ = writeln!(body, "<h2>{}</h2>", escaped(heading));
    }
    body.push_str("<div class=\"wide\"><table>\n");
    if titles.iter().any(|title| !title.is_empty()) {
        let cells =
            titles.iter().enumerate().map(|(column, title)| format!("<th{}>{}</th>", class(column), escaped(title)));
        let _ = writeln!(body, "<tr>{}</tr>", cells.collect::<String>());
    }
    for row in rows {
        let bad = if row.last().is_some_and(|cell| cell == "WRONG") { " class=\"bad\"" } else { "" };
        let cells = row.iter().enumerate().map(|(column, cell)| format!("<td{}>{}</td>", class(column), escaped(cell)));
        let _ = writeln!(body, "<tr{bad}>{}</tr>", cells.collect::<String>());
    }
    body.push_str("</table></div>\n");
}

/// The losses as a line, from 0 to the largest.
fn curve(losses: &[f32]) -> String {
    let (width, height) = (600.0, 200.0);
    let largest = losses.iter().copied().filter(|loss| loss.is_finite()).fold(f32::MIN_POSITIVE, f32::max);
    let x = |index: usize| width * index as f32 / (losses.len().max(2) - 1) as f32;
    let points: Vec<String> = losses
        .iter()
        .enumerate()
        .filter(|(_, loss)| loss.is_finite())
        .map(|(index, loss)| format!("{:.1},{:.1}", x(index), height * (1.0 - loss / largest)))
        .collect();
    format!(
        "<svg viewBox=\"-4 -14 608 222\" role=\"img\"><title>Loss over steps</title>\
         <text x=\"0\" y=\"-3\" font-size=\"11\" fill=\"currentColor\">loss, 0 to {largest:.3}; {} steps</text>\
         <path d=\"M0 0V200H600\" fill=\"none\" stroke=\"currentColor\" stroke-opacity=\".4\"/>\
         <polyline fill=\"none\" stroke=\"#0072b2\" stroke-width=\"1.5\" points=\"{}\"/></svg>\n",
        losses.len(),
        points.join(" ")
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
