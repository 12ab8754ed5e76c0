//! What the figures of evaluations are: the one text that reports and the README show.

/// A figure, what it is, and over which images its means are.
pub static FIGURES: [[&str; 3]; 4] = [
    [
        "Dice, IoU, pixel accuracy",
        "overlap of the predicted with the true mask, 0 to 1; Dice is smoothed by 1",
        "every image",
    ],
    [
        "ASD, HD95",
        "mean and 95th percentile of the distances between the two outlines, in pixels of the image",
        "images in which both masks hold something",
    ],
    [
        "vCDR",
        "height of the cup over the height of the disc; its error is the absolute difference from the truth's",
        "images in which both ratios exist",
    ],
    [
        "worst case",
        "the same where a figure that does not exist counts as bad as it can be: the image's diagonal as ASD and HD95; a vCDR \
         of 0 or 1, whichever is further from the truth's",
        "every image",
    ],
];
