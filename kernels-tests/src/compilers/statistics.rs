//! A compiler's statistics under names that all of them share.

use serde_json::{Map, Value};

/// Names of a driver's statistics.
pub struct Keys {
    /// instructions of the whole shader
    pub instructions: &'static str,
    /// registers of an invocation
    pub registers: &'static str,
    /// waves or invocations that run at once
    pub waves: &'static str,
    /// values kept in memory because registers do not suffice; they add up
    pub spills: &'static [&'static str],
    /// bytes of private memory, arrays among them
    pub private: Option<&'static str>,
    /// bytes of workgroup memory
    pub shared: Option<&'static str>,
}

/// What one compiler makes of one variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figures {
    /// instructions of the whole shader
    pub instructions: u64,
    /// registers of an invocation, in the unit of the compiler
    pub registers: u64,
    /// waves that run at once, or for Apple invocations
    pub waves: u64,
    /// values kept in memory because registers do not suffice
    pub spills: u64,
    /// bytes of private memory
    pub private: Option<u64>,
    /// bytes of workgroup memory
    pub shared: Option<u64>,
}

impl Figures {
    /// Of a driver's statistics; `None` if one is missing.
    pub fn of(statistics: &Map<String, Value>, keys: &Keys) -> Option<Figures> {
        let value = |key: &str| statistics.get(key)?.as_u64();
        Some(Figures {
            instructions: value(keys.instructions)?,
            registers: value(keys.registers)?,
            waves: value(keys.waves)?,
            spills: keys.spills.iter().map(|key| value(key)).sum::<Option<u64>>()?,
            private: keys.private.map(|key| value(key).ok_or(())).transpose().ok()?,
            shared: keys.shared.map(|key| value(key).ok_or(())).transpose().ok()?,
        })
    }

    /// What it keeps in memory that belongs in registers: values, and bytes of private memory.
    pub fn in_memory(&self) -> (u64, u64) {
        (self.spills, self.private.unwrap_or(0))
    }

    /// Whether that is anything.
    pub fn spills(&self) -> bool {
        self.in_memory() != (0, 0)
    }
}
