//! Axes: the range of the data, ticks at round numbers, positions on the paper.

/// How values are spread along an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scale {
    Linear,
    /// base 10
    Log,
}

/// An axis from `low` to `high`, with ticks.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Axis {
    pub scale: Scale,
    pub low: f64,
    pub high: f64,
    pub ticks: Vec<f64>,
}

/// Largest over smallest value from which a logarithmic axis shows more.
const LOG_FROM: f64 = 20.0;

impl Axis {
    /// A linear axis over `[low, high]`, widened to ticks; about `count` of them. `whole`: ticks are whole numbers.
    pub(super) fn linear(low: f64, high: f64, count: usize, whole: bool) -> Axis {
        let (low, high) = if high > low { (low, high) } else { (low - 0.5, low + 0.5) };
        let mut step = round_step((high - low) / count.max(1) as f64);
        if whole {
            step = step.max(1.0);
        }
        let (first, last) = ((low / step + 1e-9).floor(), (high / step - 1e-9).ceil());
        // Multiples rather than sums, so that no error piles up; + 0.0 makes a negative zero positive.
        let ticks: Vec<f64> = (first as i64..=last as i64).map(|i| i as f64 * step + 0.0).collect();
        Axis { scale: Scale::Linear, low: ticks[0], high: ticks[ticks.len() - 1], ticks }
    }

    /// The same, ending where the data do, with ticks within: for steps and epochs.
    pub(super) fn tight(low: f64, high: f64, count: usize) -> Axis {
        let mut axis = Axis::linear(low, high, count, true);
        let (low, high) = if high > low { (low, high) } else { (low - 0.5, low + 0.5) };
        axis.ticks.retain(|tick| (low..=high).contains(tick));
        Axis { low, high, ..axis }
    }

    /// An axis for positive losses: logarithmic where they span more than a decade or so, else linear from 0.
    pub(super) fn of_losses(values: impl Iterator<Item = f64> + Clone) -> Axis {
        let finite = values.filter(|value| value.is_finite());
        let (low, high) = range(finite);
        if low > 0.0 && high / low > LOG_FROM {
            Axis::log(low, high)
        } else {
            Axis::linear(low.min(0.0), high, 5, false)
        }
    }

    fn log(low: f64, high: f64) -> Axis {
        let (first, last) = (low.log10().floor() as i32, high.log10().ceil() as i32);
        // With few decades their 2 and 5 as well, with many not each decade.
        let within: &[f64] = if last - first <= 2 { &[1.0, 2.0, 5.0] } else { &[1.0] };
        let every = ((last - first) as usize / 5).max(1);
        let decades = (first..=last).step_by(every).map(|exponent| 10f64.powi(exponent));
        let ticks: Vec<f64> = decades.flat_map(|decade| within.iter().map(move |m| m * decade)).collect();
        let below = ticks.iter().copied().filter(|tick| *tick <= low).fold(10f64.powi(first), f64::max);
        let above = ticks.iter().copied().filter(|tick| *tick >= high).fold(10f64.powi(last), f64::min);
        let ticks = ticks.into_iter().filter(|tick| (below..=above).contains(tick)).collect();
        Axis { scale: Scale::Log, low: below, high: above, ticks }
    }

    /// Where a value lies, from 0 (`low`) to 1 (`high`); beyond for values beyond.
    pub(super) fn position(&self, value: f64) -> f64 {
        match self.scale {
            Scale::Linear => (value - self.low) / (self.high - self.low),
            Scale::Log => (value / self.low).log10() / (self.high / self.low).log10(),
        }
    }

    /// Labels of the ticks, all with as many decimals as the finest needs.
    pub(super) fn labels(&self) -> Vec<String> {
        match self.scale {
            Scale::Linear => {
                let step = self.ticks.windows(2).map(|pair| pair[1] - pair[0]).fold(f64::INFINITY, f64::min);
                self.ticks.iter().map(|tick| linear_label(*tick, step)).collect()
            }
            Scale::Log => self.ticks.iter().map(|tick| log_label(*tick)).collect(),
        }
    }
}

/// Smallest and largest; (0, 1) of nothing.
pub(super) fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let bounds = values.fold(None, |bounds: Option<(f64, f64)>, value| {
        Some(bounds.map_or((value, value), |(low, high)| (low.min(value), high.max(value))))
    });
    bounds.unwrap_or((0.0, 1.0))
}

/// The next larger of 1, 2 and 5 times a power of ten.
fn round_step(step: f64) -> f64 {
    let decade = 10f64.powf(step.log10().floor());
    let found = [1.0, 2.0, 5.0].into_iter().find(|m| m * decade >= step * (1.0 - 1e-9));
    found.unwrap_or(10.0) * decade
}

fn linear_label(tick: f64, step: f64) -> String {
    if step >= 1000.0 && step % 1000.0 == 0.0 {
        let thousands = tick / 1000.0;
        return if tick == 0.0 { "0".to_string() } else { signed(&format!("{thousands:.0}k")) };
    }
    let decimals = if step.is_finite() { (-(step.log10() + 1e-9).floor()).max(0.0) as usize } else { 0 };
    signed(&format!("{tick:.decimals$}"))
}

fn log_label(tick: f64) -> String {
    let exponent = (tick.log10() + 1e-9).floor() as i32;
    match exponent {
        -3..0 => format!("{tick:.0$}", exponent.unsigned_abs() as usize),
        0..4 => format!("{tick:.0}"),
        _ => format!("{:.0}e{exponent}", tick / 10f64.powi(exponent)),
    }
}

/// A minus sign in place of the hyphen.
pub(super) fn signed(text: &str) -> String {
    text.replace('-', "−")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_cover_the_data() {
        let axis = Axis::linear(0.03, 0.97, 5, false);
        assert_eq!(axis.labels(), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!((axis.low, axis.high), (0.0, 1.0));
        assert_eq!(Axis::linear(-0.12, 0.2, 4, false).labels(), ["−0.2", "−0.1", "0.0", "0.1", "0.2"]);
        assert_eq!(Axis::linear(3.0, 3.0, 4, false).ticks, [2.5, 3.0, 3.5], "a single value lies in the middle");
        assert_eq!(Axis::tight(0.0, 24_999.0, 5).labels(), ["0", "5k", "10k", "15k", "20k"]);
        assert_eq!(Axis::tight(1.0, 3.0, 5).labels(), ["1", "2", "3"]);
        assert_eq!(Axis::tight(2.0, 2.0, 5).labels(), ["2"]);
    }

    #[test]
    fn losses_that_span_decades_have_a_logarithmic_axis() {
        let axis = Axis::of_losses([0.8, 0.011].into_iter());
        assert_eq!(axis.scale, Scale::Log);
        assert_eq!(axis.labels(), ["0.01", "0.02", "0.05", "0.1", "0.2", "0.5", "1"]);
        assert!((axis.position(0.1) - 0.5).abs() < 1e-12 && axis.position(1.0) == 1.0);
        assert_eq!(Axis::of_losses([0.8, 0.3].into_iter()).scale, Scale::Linear);
        assert_eq!(Axis::of_losses([0.8, 0.0].into_iter()).scale, Scale::Linear, "0 has no logarithm");
        assert_eq!(Axis::of_losses([1e-9, 1e3].into_iter()).labels()[0], "1e-9");
    }
}
