//! How far the prototypes of both cameras are apart, for the logs.

use crate::device::{Result, States};

/// Steps between looks at the prototypes: few enough for a curve, and the values are some kilobytes.
pub(super) const EVERY: u64 = 5;

/// Rows of the running prototypes `[2K,C]`.
const NAMES: [&str; 4] = ["cup_object", "disc_object", "cup_background", "disc_background"];

/// Values, and which rows were seen, of the source and the target.
const STATES: [&str; 4] =
    ["prototypes.source", "prototypes.source.seen", "prototypes.target", "prototypes.target.seen"];

/// Mean over the channels of the squared difference of the running prototypes, by name. What one camera has not shown
/// yet is left out; a run that aligns nothing has none.
///
/// # Errors
/// The device's, when the states cannot be read.
pub(super) fn distances(states: &States) -> Result<Vec<(&'static str, f64)>> {
    let known = states.list();
    if !STATES.iter().all(|wanted| known.iter().any(|state| state.name == *wanted)) {
        return Ok(Vec::new());
    }
    let values = states.read(&STATES)?;
    let channels = values[0].len() / NAMES.len();
    let row = |of: usize, index: usize| &values[of][index * channels..][..channels];
    let mut found = Vec::new();
    for (index, name) in NAMES.into_iter().enumerate() {
        if values[1][index] > 0.0 && values[3][index] > 0.0 {
            let pairs = row(0, index).iter().zip(row(2, index));
            let squares: f64 = pairs.map(|(s, t)| (f64::from(*s) - f64::from(*t)).powi(2)).sum();
            found.push((name, squares / channels as f64));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::Device;
    use crate::graph::State;

    #[test]
    fn distances_are_means_over_channels_of_what_both_cameras_have_shown() {
        let states = Device::Cpu.states();
        assert!(distances(&states).expect("nothing to read").is_empty());
        let state = |name: &str, columns: usize| State { name: name.to_string(), shape: [4, columns].into() };
        states.declare(&STATES.map(|name| state(name, if name.ends_with("seen") { 1 } else { 2 }))).expect("memory");
        states.write(STATES[0], &[1.0, 2.0, 0.0, 0.0, 5.0, 5.0, 0.5, 0.5]).expect("declared");
        states.write(STATES[2], &[4.0, 6.0, 9.0, 9.0, 5.0, 5.0, 0.0, 1.5]).expect("declared");
        states.write(STATES[1], &[1.0, 1.0, 1.0, 1.0]).expect("declared");
        states.write(STATES[3], &[1.0, 0.0, 1.0, 1.0]).expect("declared");
        let found = distances(&states).expect("states are declared");
        assert_eq!(found, [("cup_object", 12.5), ("cup_background", 0.0), ("disc_background", 0.625)]);
    }
}
