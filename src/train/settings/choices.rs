//! Settings that are one of a few values.

use crate::domain::Domain;
use crate::named::named_enum;

named_enum! {
    /// How a model is trained.
    pub enum Method {
        /// supervised on the source camera alone
        SourceOnly = "source-only",
        /// adversarial: boundaries and entropy maps of both cameras are made alike
        Beal = "beal",
        /// the same, and class prototypes of both cameras are aligned after the warm-up
        Align = "align",
        /// the whole method: adversarial, alignment, discriminative loss on the source, consistency on the target
        Clr = "clr",
        /// averages of the weights label the target, and the network learns these labels on changed copies; alignment and
        /// discriminative loss as in `clr`, by the same labels
        Teacher = "teacher",
    }
}

named_enum! {
    /// Kind of normalisation.
    pub enum NormSetting {
        /// batch normalisation
        Batch = "batch",
        /// TransNorm: each camera with statistics of its own; for methods that adapt
        Trans = "trans",
    }
}

named_enum! {
    /// Which training augmentation is used.
    pub enum AugmentSetting {
        /// scale and crop, quarter turns, flips, elastic deformation, salt or pepper, gamma, erasing
        Full = "full",
        /// for cameras never seen: small turns, zoom, shear and mirror images; gamma, colours, uneven light, blur, noise, erasing
        Strong = "strong",
        /// quarter turns, flips and gamma
        Light = "light",
        /// regions as they are
        None = "none",
    }
}

named_enum! {
    /// Whether images are brought to the colours of one camera before a network sees them.
    pub enum ColourMatch {
        /// images are as they are
        Off = "off",
        /// each image has its channels moved and stretched to the average colours of the source, in training and for good
        Source = "source",
    }
}

named_enum! {
    /// On or off, of settings whose names say the rest.
    pub enum Switch {
        On = "on",
        Off = "off",
    }
}

impl Switch {
    /// Whether it is on.
    pub fn is_on(self) -> bool {
        self == Switch::On
    }
}

named_enum! {
    /// By which regions the best checkpoint is chosen.
    pub enum Selection {
        /// every tenth source training region, held out of training
        Source = "source",
        /// the target's test split, the published habit
        Target = "target",
    }
}

impl Selection {
    /// As sentences have these regions; whoever counts them puts the number before.
    pub fn regions(self) -> &'static str {
        match self {
            Selection::Source => "held-out source regions",
            Selection::Target => "target test regions, by their labels",
        }
    }

    /// The camera that took these regions.
    pub fn domain(self) -> Domain {
        match self {
            Selection::Source => Domain::Source,
            Selection::Target => Domain::Target,
        }
    }
}
