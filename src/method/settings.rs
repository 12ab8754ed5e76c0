//! What fixes a training step, and the names of its states.

use crate::graph::{AdamSettings, Precision, SgdSettings};
use crate::nn::deeplab::DeepLab;

/// Prefix of the states of the segmentation network.
pub const GENERATOR: &str = "generator";
/// Prefix of the averages over the network's states.
pub const AVERAGE: &str = "average";
/// Prefix of the optimisers' states.
pub const OPTIMISER: &str = "optimiser";

/// Weights of the losses beside the segmentation loss; what has weight 0 is not computed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LossWeights {
    /// of the adversarial loss on boundaries and entropy maps of the target
    pub adversarial: f32,
    /// of the distance between both cameras' prototypes
    pub align: f32,
    /// of the prototype-guided discriminative loss on the source
    pub discriminative: f32,
    /// of the augmented consistency loss on the target
    pub consistency: f32,
    /// of the mean teacher's loss on the target; the step then needs averages
    pub teacher: f32,
}

impl LossWeights {
    /// Whether a loss looks at the target.
    pub fn use_target(&self) -> bool {
        self.adversarial != 0.0 || self.teacher != 0.0 || self.use_reliability()
    }

    /// Whether a loss needs to know which target pixels are reliable.
    pub(super) fn use_reliability(&self) -> bool {
        self.align != 0.0 || self.consistency != 0.0
    }
}

/// Where the logits come from that tell how reliable a target pixel is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stochastic {
    /// as many passes with other dropouts
    Passes(usize),
    /// an input `mc_logits [passes,N,2,H,W]`
    Given(usize),
}

/// What the mean teacher's labels are, which of them count, and how much.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TeacherSettings {
    /// probabilities above which a pixel is cup, and disc
    pub thresholds: [f32; 2],
    /// share of the way from a threshold to 0 and to 1 on which a label does not count; 0: all count
    pub margin: f32,
    /// whether object and background count alike, however few pixels one of them has
    pub balanced: bool,
}

impl Default for TeacherSettings {
    /// All labels count, each alike.
    fn default() -> Self {
        TeacherSettings { thresholds: [0.5; 2], margin: 0.0, balanced: false }
    }
}

/// What fixes the shape of a training step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepSettings {
    /// what is trained
    pub network: DeepLab,
    /// images of each domain in a batch, at least 2: the pooled feature has one value for each image
    pub batch: usize,
    /// rows and columns of the images
    pub size: [usize; 2],
    /// whether the network has its dropouts
    pub dropout: bool,
    /// optimiser of the network
    pub adam: AdamSettings,
    /// of the discriminators
    pub sgd: SgdSettings,
    /// share that averages over the network's states keep in a late step, 0 to 1; without it there are none
    pub ema_decay: Option<f32>,
    /// which losses there are, and how much each counts
    pub weights: LossWeights,
    /// what tells how reliable a target pixel is, where no teacher does
    pub stochastic: Stochastic,
    /// which labels of the mean teacher count, if there is one
    pub teacher: TeacherSettings,
    /// make cheap values again in the backward pass rather than keep them
    pub recompute: bool,
    /// how feature maps are kept; with 16 bits the settings of both optimisers must have a loss scale
    pub precision: Precision,
}
