//! What ran when, as the trace events that Perfetto and `chrome://tracing` open.

use serde::Serialize;
use serde_json::{Value, json};

use crate::gpu::{KernelTime, StepPart};

/// The one process of a trace.
const PROCESS: u32 = 1;

/// A trace: an object of the trace event format, whose first key is a place for whatever else is to be said.
#[derive(Serialize)]
pub struct Trace {
    #[serde(rename = "otherData")]
    about: Value,
    #[serde(rename = "displayTimeUnit")]
    unit: &'static str,
    #[serde(rename = "traceEvents")]
    events: Vec<Value>,
}

impl Trace {
    /// The launches of a run on a device, a row for each part of the step; `about` is said of all.
    pub fn of(device: &str, times: &[KernelTime], about: Value) -> Trace {
        // The process has row 0.
        let row = |part: StepPart| part as usize + 1;
        let named = |name: &str, thread: usize, args: Value| json!({ "ph": "M", "pid": PROCESS, "tid": thread, "name": name, "args": args });
        let mut events = vec![named("process_name", 0, json!({ "name": device }))];
        for part in StepPart::ALL {
            events.push(named("thread_name", row(part), json!({ "name": part.name() })));
            events.push(named("thread_sort_index", row(part), json!({ "sort_index": row(part) })));
        }
        events.extend(times.iter().map(|time| {
            let work = time.launch.work;
            json!({
                "ph": "X",
                "pid": PROCESS,
                "tid": row(time.part),
                "name": format!("{} {}", time.label, time.variant),
                "cat": time.launch.family.name(),
                "ts": time.begin_milliseconds * 1e3,
                "dur": time.milliseconds * 1e3,
                "args": {
                    "operator": time.label,
                    "shapes": time.shapes,
                    "variant": &*time.variant,
                    "workgroups": time.groups,
                    "flops": work.flops,
                    "read_bytes": work.read_bytes,
                    "written_bytes": work.written_bytes,
                },
            })
        }));
        Trace { about, unit: "ms", events }
    }
}
