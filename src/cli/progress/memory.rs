//! How much memory this program has.

use std::time::{Duration, Instant};

use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System, get_current_pid};

/// Between looks at it: the system's tables are read each time.
const EVERY: Duration = Duration::from_secs(1);

/// The resident memory of this process.
pub(super) struct ResidentMemory {
    system: System,
    process: Option<Pid>,
    looked: Option<Instant>,
    bytes: Option<u64>,
}

impl ResidentMemory {
    pub(super) fn new() -> Self {
        Self { system: System::new(), process: get_current_pid().ok(), looked: None, bytes: None }
    }

    /// Bytes, as they were at most a second ago; `None` where the system does not tell.
    pub(super) fn bytes(&mut self) -> Option<u64> {
        let process = self.process?;
        if self.looked.is_none_or(|at| at.elapsed() >= EVERY) {
            let wanted = ProcessRefreshKind::nothing().with_memory();
            self.system.refresh_processes_specifics(ProcessesToUpdate::Some(&[process]), false, wanted);
            self.bytes = self.system.process(process).map(|process| process.memory()).filter(|bytes| *bytes > 0);
            self.looked = Some(Instant::now());
        }
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn it_is_what_the_system_says() {
        let own = ResidentMemory::new().bytes().expect("the system tells");
        let status = std::fs::read_to_string("/proc/self/status").expect("the system tells");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("the peak is told");
        let peak: u64 = peak.trim().trim_end_matches(" kB").parse().expect("a number of KiB");
        assert!(own > 1 << 20 && own <= peak << 10, "{own} bytes, at most {peak} KiB");
    }
}
