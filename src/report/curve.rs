//! Curves from many points: a running mean, and no more points than can be seen.

/// Points beyond which a curve is thinned.
const MOST_POINTS: usize = 600;
/// A running mean spans this share of a curve.
const SHARE: usize = 25;

/// Steps that a running mean over `count` points spans, odd; 1 where there are too few to smooth.
pub(super) fn window(count: usize) -> usize {
    if count < 2 * SHARE { 1 } else { (count / SHARE) | 1 }
}

/// Centred running mean over `window` points; towards the ends over as many as there are on both sides.
pub(super) fn smoothed(points: &[(f64, f64)], window: usize) -> Vec<(f64, f64)> {
    let mut sums = vec![0.0];
    for point in points {
        sums.push(sums[sums.len() - 1] + point.1);
    }
    let mean = |(i, point): (usize, &(f64, f64))| {
        let reach = (window / 2).min(i).min(points.len() - 1 - i);
        (point.0, (sums[i + reach + 1] - sums[i - reach]) / (2 * reach + 1) as f64)
    };
    points.iter().enumerate().map(mean).collect()
}

/// At most about 600 points: of each stretch its smallest and its largest value, so that no spike is lost.
pub(super) fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    if points.len() <= MOST_POINTS {
        return points.to_vec();
    }
    let mut kept = Vec::new();
    for stretch in points.chunks(points.len().div_ceil(MOST_POINTS / 2)) {
        let by_value = |a: &&(f64, f64), b: &&(f64, f64)| a.1.total_cmp(&b.1);
        let extremes = [stretch.iter().min_by(by_value), stretch.iter().max_by(by_value)];
        let mut extremes: Vec<(f64, f64)> = extremes.into_iter().flatten().copied().collect();
        extremes.sort_by(|a, b| a.0.total_cmp(&b.0));
        extremes.dedup();
        kept.extend(extremes);
    }
    // The curve ends where the run does.
    kept.extend(points.last().filter(|last| kept.last() != Some(last)));
    kept
}

/// Smallest and largest value without the rarest 1 % at either end, which would flatten the rest.
pub(super) fn usual_range(points: &[(f64, f64)]) -> Option<(f64, f64)> {
    let mut values: Vec<f64> = points.iter().map(|point| point.1).collect();
    values.sort_unstable_by(f64::total_cmp);
    let cut = values.len() / 100;
    Some((*values.get(cut)?, *values.get(values.len() - 1 - cut)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curve(count: usize, value: impl Fn(usize) -> f64) -> Vec<(f64, f64)> {
        (0..count).map(|i| (i as f64, value(i))).collect()
    }

    #[test]
    fn a_straight_line_stays_one_and_noise_averages_out() {
        let line = curve(9, |i| 2.0 * i as f64);
        assert_eq!(smoothed(&line, 5), line, "towards the ends the window stays centred");
        let zigzag = curve(7, |i| [0.0, 3.0, 0.0][i % 3]);
        assert_eq!(smoothed(&zigzag, 3)[3], (3.0, 1.0));
        assert_eq!((window(49), window(50), window(1000)), (1, 3, 41));
        assert!(smoothed(&[], 3).is_empty());
    }

    #[test]
    fn thinning_keeps_spikes_and_the_end() {
        let spiky = curve(100_000, |i| if i == 54_321 { 9.0 } else { (i % 7) as f64 / 7.0 });
        let thin = thinned(&spiky);
        assert!(thin.len() <= MOST_POINTS + 1 && thin.contains(&(54_321.0, 9.0)), "{}", thin.len());
        assert_eq!((thin.first().map(|p| p.0), thin.last()), (Some(0.0), spiky.last()));
        assert!(thin.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert_eq!(thinned(&spiky[..600]), &spiky[..600]);
    }

    #[test]
    fn rare_values_do_not_set_the_range() {
        let curve = curve(200, |i| if i == 7 { 1e9 } else { i as f64 });
        assert_eq!(usual_range(&curve), Some((2.0, 198.0)));
        assert_eq!(usual_range(&curve[..1]), Some((0.0, 0.0)));
        assert_eq!(usual_range(&[]), None);
    }
}
