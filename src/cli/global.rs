//! The flags that every verb takes, which of them mean something to it, and the device that they choose.

use std::sync::Once;

use anyhow::Result;
use clap::{Args, Command, ValueEnum};

use super::output;
use crate::device::Device;
use crate::gpu::GpuOptions;

/// Whether it was said that a software adapter computes: a verb that does others' work opens one several times.
static SOFTWARE: Once = Once::new();

/// Flags that every verb takes.
#[derive(Args, Clone)]
pub(crate) struct Global {
    /// Adapter: its index or part of its name, or `cpu` for the slow exact reference
    #[arg(long, global = true, env = "PAPILLA_DEVICE", value_name = "D", help_heading = "Device")]
    pub(super) device: Option<String>,
    /// Measure the convolution kernels on an adapter's first run, or keep to the table
    #[arg(long, global = true, value_enum, default_value_t = Tune::Auto, value_name = "WHEN", help_heading = "Device")]
    tune: Tune,
    /// Print no progress and no warnings
    #[arg(long, global = true, help_heading = "Output")]
    pub(super) quiet: bool,
    /// Print exactly one JSON document on stdout; of what fails, `{"error": "…"}`
    #[arg(long, global = true, help_heading = "Output")]
    pub(super) json: bool,
}

/// Whether kernels are measured.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Tune {
    /// on hardware adapters, for shapes not seen before
    Auto,
    /// never
    Off,
    /// the same with kernels that multiply in the adapter's cooperative matrices, which round factors to 16 bits
    Matrices,
}

/// What a verb uses of the machine: the flags that mean nothing to it are taken all the same, and not shown in its help.
#[derive(Clone, Copy)]
pub(super) enum Uses {
    /// files alone
    Nothing,
    /// an adapter
    Device,
    /// an adapter, for long enough to choose kernels for it
    Kernels,
}

impl Uses {
    /// The verb with the flags hidden that mean nothing to it.
    pub(super) fn without_the_rest(self, verb: Command) -> Command {
        let hidden: &[&str] = match self {
            Uses::Nothing => &["device", "tune"],
            Uses::Device => &["tune"],
            Uses::Kernels => &[],
        };
        let flags = Global::augment_args(Command::new("flags"));
        let flags = flags.get_arguments().filter(|flag| hidden.contains(&flag.get_id().as_str()));
        // A verb that has the flag itself does not get the shown one.
        verb.args(flags.map(|flag| flag.clone().hide(true)))
    }
}

impl Global {
    /// Opens the device for work that is long enough to be worth choosing kernels for.
    pub(crate) fn open_tuned(&self) -> Result<Device> {
        self.open_device_with(self.tuned_options())
    }

    pub(crate) fn tuned_options(&self) -> GpuOptions {
        GpuOptions { tune: self.tune != Tune::Off, matrices: self.tune == Tune::Matrices, ..GpuOptions::default() }
    }

    /// Opens the device that was asked for, or the best one; says so when that is a software adapter.
    pub(crate) fn open_device_with(&self, options: GpuOptions) -> Result<Device> {
        let device = Device::open(self.device.as_deref(), options)?;
        if device.is_software() && self.device.is_none() {
            let found = format!("no hardware adapter found; computing in software on `{}`", device.name());
            self.note_once(&SOFTWARE, &found);
        }
        if let Device::Gpu(tuner) = &device
            && tuner.is_untuned()
        {
            self.note(&format!(
                "first run on `{}`: up to a minute goes into choosing kernels (--tune off keeps to the table)",
                device.name()
            ));
        }
        Ok(device)
    }

    /// Says something that stays true as long as the program runs; gives whether it was the first time.
    fn note_once(&self, said: &Once, message: &str) -> bool {
        let is_first = !said.is_completed();
        said.call_once(|| self.note(message));
        is_first
    }

    /// Says something on stderr, unless asked to be quiet.
    pub(crate) fn note(&self, message: &str) {
        if !self.quiet {
            output::say(message);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_true_is_said_once() {
        let (said, global) = (Once::new(), Global { device: None, tune: Tune::Off, quiet: true, json: false });
        let first = [0; 7].map(|_| global.note_once(&said, "no hardware adapter found"));
        assert_eq!(first, [true, false, false, false, false, false, false]);
    }
}
