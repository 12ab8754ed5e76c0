//! `device.json` of a run: what computed it, for reports.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::atomic_file::{WriteError, write_atomically};
use crate::device::Device;
use crate::input_file;

/// Name of the file in the folder of a run.
pub(super) const FILE: &str = "device.json";

/// The program and the machine that computed a run, or the last part of a resumed one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    /// version of this program
    pub papilla: String,
    /// name of the adapter, or of the reference
    pub device: String,
    /// whether an adapter computes on the CPU
    pub software: bool,
    /// API that leads to the adapter
    pub backend: Option<String>,
    /// name and version of the driver; the reference has none
    pub driver: Option<String>,
    /// the driver's own words about its version
    pub driver_info: Option<String>,
    /// operating system and processor architecture
    pub system: String,
}

impl Environment {
    /// What computes on a device here.
    pub fn of(device: &Device) -> Environment {
        let info = device.adapter().map(|gpu| &gpu.description().info);
        Environment {
            papilla: env!("CARGO_PKG_VERSION").to_string(),
            device: device.name(),
            software: device.is_software(),
            backend: info.map(|info| format!("{:?}", info.backend)),
            driver: info.map(|info| info.driver.clone()),
            driver_info: info.map(|info| info.driver_info.clone()),
            system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        }
    }

    /// Writes the file of a run.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn write(&self, run: &Path) -> Result<(), WriteError> {
        write_atomically(&run.join(FILE), |file| Ok(serde_json::to_writer_pretty(file, self)?))
    }

    /// Reads the file of a run; a run of an earlier version has none, and one that cannot be read counts as none.
    pub fn read(run: &Path) -> Option<Environment> {
        serde_json::from_slice(&input_file::read(&run.join(FILE)).ok()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_damage_is_no_file() {
        let run = tempfile::tempdir().expect("a temporary folder");
        assert_eq!(Environment::read(run.path()), None);
        let environment = Environment::of(&Device::Cpu);
        environment.write(run.path()).expect("the folder is writable");
        assert_eq!(Environment::read(run.path()), Some(environment));
        std::fs::write(run.path().join(FILE), "{").expect("the folder is writable");
        assert_eq!(Environment::read(run.path()), None);
    }
}
