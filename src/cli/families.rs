//! What kinds of kernels take, as `plan` and `bench` show it.

use serde_json::{Value, json};

use crate::gpu::FamilyWork;

/// Titles of the columns.
pub(super) const FAMILY_TITLES: &str = "kernels                launches      GFLOP    MB read  MB written";

/// A row.
pub(super) fn family_line(FamilyWork { family, launches, work }: &FamilyWork) -> String {
    let [flops, read, written] = [(work.flops, 1e-9), (work.read_bytes, 1e-6), (work.written_bytes, 1e-6)]
        .map(|(count, unit)| count as f64 * unit);
    format!("{:22} {launches:8} {flops:10.1} {read:10.0} {written:11.0}", family.name())
}

/// The same as JSON.
pub(super) fn family_json(FamilyWork { family, launches, work }: &FamilyWork) -> Value {
    json!({
        "kernels": family.name(),
        "launches": launches,
        "flops": work.flops,
        "read_bytes": work.read_bytes,
        "written_bytes": work.written_bytes,
    })
}
