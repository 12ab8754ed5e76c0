// plane_chunk: the pixels of one (sample, channel) plane that a workgroup takes, CHUNK of them, and where the plane's channel has
// its mean in the statistics [D,2,C] of the sample's domain, and, p.channels further, its variance.

const CHUNK: u32 = 4096u;

struct PlaneChunk {
    plane: u32,
    first: u32,
    end: u32,
    channel: u32,
    row: u32,
}

fn plane_chunk(group: u32) -> PlaneChunk {
    let plane = group / p.chunks;
    let first = (group - plane * p.chunks) * CHUNK;
    let sample = plane / p.channels;
    let c = plane - sample * p.channels;
    let domain = (p.first_sample + sample) / p.samples_per_domain;
    return PlaneChunk(plane, first, min(first + CHUNK, p.plane), c, domain * 2u * p.channels + c);
}
