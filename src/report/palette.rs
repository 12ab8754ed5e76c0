//! Colours of reports: those of Okabe and Ito ("Color Universal Design", 2008), told apart by colour-blind readers too,
//! and lighter ones of the same hues for dark paper.

/// Name of a CSS variable, its colour on light and on dark paper.
pub(super) const COLOURS: [(&str, &str, &str); 13] = [
    ("paper", "#ffffff", "#15181c"),
    ("raised", "#f6f7f8", "#1d2126"),
    ("ink", "#1b1f24", "#e6e9ec"),
    ("muted", "#5b6570", "#9aa5b0"),
    ("hair", "#e2e6ea", "#2e343b"),
    ("c1", "#0072b2", "#4fa8e0"),
    ("c2", "#d55e00", "#f08a4b"),
    ("c3", "#009e73", "#35c79b"),
    ("c4", "#b5609a", "#dd94bf"),
    ("c5", "#b87f00", "#eab33e"),
    ("c6", "#3a95c9", "#8fd0f5"),
    ("cup", "#008a64", "#35c79b"),
    ("disc", "#0072b2", "#4fa8e0"),
];

/// Number of colours for runs; later ones begin again, dashed.
pub(super) const RUNS: usize = 6;

/// The variables as CSS, for both kinds of paper.
pub(super) fn variables() -> String {
    let list = |colour: fn(&(&str, &'static str, &'static str)) -> &'static str| -> String {
        COLOURS.iter().map(|entry| format!("--{}: {};", entry.0, colour(entry))).collect()
    };
    let (light, dark) = (list(|entry| entry.1), list(|entry| entry.2));
    format!(
        ":root {{ color-scheme: light dark; {light} }}\n@media (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}\n"
    )
}

/// CSS with the colours of light paper in place of the variables, which not every program that reads SVG knows.
pub(super) fn on_light_paper(css: &str) -> String {
    COLOURS.iter().fold(css.to_string(), |css, (name, light, _)| css.replace(&format!("var(--{name})"), light))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_variable_of_the_charts_has_a_colour() {
        let css = on_light_paper(include_str!("chart.css"));
        assert!(!css.contains("var("), "{css}");
        assert!(variables().contains("--c1: #0072b2;") && variables().contains("--c1: #4fa8e0;"));
    }

    /// Relative luminance and contrast as WCAG 2 defines them.
    #[test]
    fn text_and_lines_stand_out_on_their_paper() {
        let luminance = |hex: &str| {
            let channel = |at: usize| {
                let value = f64::from(u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal")) / 255.0;
                if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
            };
            0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
        };
        let contrast = |a: &str, b: &str| {
            let (a, b) = (luminance(a), luminance(b));
            (a.max(b) + 0.05) / (a.min(b) + 0.05)
        };
        let (_, light, dark) = COLOURS[0];
        for (name, on_light, on_dark) in &COLOURS[2..] {
            let needed = match *name {
                "ink" | "muted" => 4.5,
                "hair" => 1.0,
                _ => 3.0,
            };
            for (colour, paper) in [(on_light, light), (on_dark, dark)] {
                assert!(contrast(colour, paper) >= needed, "{name} {colour}: {:.2}", contrast(colour, paper));
            }
        }
    }
}
