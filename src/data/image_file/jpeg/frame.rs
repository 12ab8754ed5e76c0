//! What a JPEG's headers say of its pixels.

use super::super::fault::Fault;

/// One plane of samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Component {
    pub(super) id: u8,
    /// samples beside each other, and above each other, of those that the largest component has there
    pub(super) sampling: (u8, u8),
}

/// How samples are coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Process {
    /// all of a block at once
    Sequential,
    /// coarse first
    Progressive,
}

/// The frame header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) process: Process,
    pub(super) width: u16,
    pub(super) height: u16,
    pub(super) components: Vec<Component>,
}

/// Which coefficients of which components a scan holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Scan {
    /// places of its components in the frame
    pub(super) components: Vec<usize>,
    /// first and last coefficient
    pub(super) band: (u8, u8),
    /// bits that earlier scans have left out, and that this one leaves out
    pub(super) left_out: (u8, u8),
}

/// What helps with a JPEG of a kind that is not read.
pub(super) const REMEDY: &str = "save it as a baseline JPEG or as PNG";

pub(super) fn unsupported(what: impl Into<String>) -> Fault {
    Fault::Unsupported { what: what.into(), remedy: REMEDY }
}

impl Frame {
    /// Reads the header that follows the marker `FF C?`.
    ///
    /// # Errors
    /// Kinds that are not read, each by its name.
    pub(super) fn parse(marker: u8, data: &[u8]) -> Result<Self, Fault> {
        let process = match marker {
            0xC0 | 0xC1 => Process::Sequential,
            0xC2 => Process::Progressive,
            0xC9..=0xCB => return Err(unsupported("is a JPEG with arithmetic coding, which is not read")),
            0xC3 => return Err(unsupported("is a lossless JPEG, which is not read")),
            _ => return Err(unsupported("is a hierarchical JPEG, which is not read")),
        };
        let damaged = || Fault::Damaged("the JPEG's frame header is too short".to_string());
        let [precision, h1, h0, w1, w0, count, rest @ ..] = data else { return Err(damaged()) };
        if *precision != 8 {
            return Err(unsupported(format!("is a JPEG of {precision} bits a sample, which is not read")));
        }
        let (height, width) = (u16::from_be_bytes([*h1, *h0]), u16::from_be_bytes([*w1, *w0]));
        if height == 0 && width > 0 {
            return Err(unsupported("is a JPEG that tells its height only after its pixels, which is not read"));
        }
        if ![1, 3, 4].contains(count) {
            return Err(unsupported(format!("is a JPEG of {count} channels, which is not read")));
        }
        let described = rest.as_chunks::<3>().0;
        let components = described.get(..usize::from(*count)).ok_or_else(damaged)?;
        let component = |[id, sampling, _]: &[u8; 3]| Component { id: *id, sampling: (sampling >> 4, sampling & 15) };
        let components: Vec<Component> = components.iter().map(component).collect();
        if components.iter().any(|c| !(1..=4).contains(&c.sampling.0) || !(1..=4).contains(&c.sampling.1)) {
            return Err(Fault::Damaged("the JPEG's sampling factors are not from 1 to 4".to_string()));
        }
        Ok(Self { process, width, height, components })
    }

    /// The largest sampling factors.
    fn most(&self) -> (u8, u8) {
        let factors = self.components.iter().map(|component| component.sampling);
        factors.fold((1, 1), |most, factor| (most.0.max(factor.0), most.1.max(factor.1)))
    }

    /// Refuses samplings that the decoder gets wrong where a component comes in a scan of its own: factors between 1 and
    /// the largest.
    pub(super) fn check_sampling<'a>(&self, mut scans: impl Iterator<Item = &'a Scan>) -> Result<(), Fault> {
        let most = self.most();
        let between = |factor: u8, most: u8| factor != 1 && factor != most;
        let odd = |c: &Component| between(c.sampling.0, most.0) || between(c.sampling.1, most.1);
        let alone = |scan: &Scan| match *scan.components.as_slice() {
            [place] => odd(&self.components[place]),
            _ => false,
        };
        if scans.any(alone) {
            return Err(unsupported("is a JPEG with an unusual sampling of its colours, which is not read"));
        }
        Ok(())
    }
}

impl Scan {
    /// Reads the header that follows the marker `FF DA`.
    pub(super) fn parse(frame: &Frame, data: &[u8]) -> Result<Self, Fault> {
        let damaged = || Fault::Damaged("a scan header of the JPEG does not fit its frame header".to_string());
        let [count, rest @ ..] = data else { return Err(damaged()) };
        let (named, rest) = rest.split_at_checked(2 * usize::from(*count)).ok_or_else(damaged)?;
        let [first, last, bits, ..] = rest else { return Err(damaged()) };
        let place = |named: &[u8; 2]| frame.components.iter().position(|component| component.id == named[0]);
        let components: Option<Vec<usize>> = named.as_chunks().0.iter().map(place).collect();
        let components = components.filter(|places| !places.is_empty()).ok_or_else(damaged)?;
        Ok(Self { components, band: (*first, *last), left_out: (bits >> 4, bits & 15) })
    }
}
