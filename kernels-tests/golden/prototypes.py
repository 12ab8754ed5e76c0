"""Cases of prototypes, and of the losses built on them (section 2 of the method)."""

import numpy as np
import torch
import torch.nn.functional as F

from case import Case, Draw
from maps import nearest


def mean_feature(feature, weight):
    """Σ w·f / Σ w for each of K weight maps, over batch and pixels: [K,C]. Without weight: 0."""
    total = weight.sum((0, 2, 3))
    sums = torch.einsum("nkhw,nchw->kc", weight, feature)
    return torch.where(total[:, None] > 0, sums / total.clamp(min=1e-30)[:, None], torch.zeros_like(sums))


def labelled(t, attrs):
    return {
        "obj": mean_feature(t["feature"], t["mask"]),
        "bck": mean_feature(t["feature"], 1 - t["mask"]),
    }


def prototypes(name, shape, mask, grads=("feature",), classes=2):
    name = f"prototypes_{name}"
    draw = Draw(name)
    n, _, h, w = shape
    inputs = {"feature": draw("in.feature", shape), "mask": mask(draw, (n, classes, h, w))}
    return Case(name, "prototypes", inputs, labelled, {}, grads, ("obj", "bck"))


def hard(draw, shape):
    return draw.bits("in.mask", shape, 0.3)


def soft(draw, shape):
    return draw("in.mask", shape, 0, 1)


def without_cup(draw, shape):
    """No pixel is cup, every one is disc: an object and a background without weight."""
    mask = np.zeros(shape, np.float32)
    mask[:, 1] = 1
    return mask


def one_pixel(draw, shape):
    mask = np.zeros(shape, np.float32)
    mask[0, 0, 1, 2] = mask[1, 1, 3, 0] = 1
    return mask


def reliable(t, attrs):
    """Adaptive prototypes of the target: pseudo labels weighted by what stochastic passes agree on."""
    size = t["feature"].shape[2:]
    resized = lambda x: F.interpolate(x, size, mode="bilinear", align_corners=True)
    std = resized((t["mc_logits"] / attrs["temperature"]).sigmoid().std(0, unbiased=True))
    mean = resized(t["mc_logits"].sigmoid().mean(0))
    keep = (std < attrs["std_max"]).to(std.dtype)
    pseudo = (t["logits"].sigmoid() > attrs["threshold"]).to(std.dtype)
    return {
        "obj": mean_feature(t["feature"], pseudo * keep * mean),
        "bck": mean_feature(t["feature"], (1 - pseudo) * keep * (1 - mean)),
        "std": std,
        "keep": keep,
    }


def reliable_prototypes(name, shape, passes, size, spread, std_max=0.04):
    """`spread` is by how much passes differ: from its first value on the left to its second on the right."""
    name = f"reliable_prototypes{name}"
    draw = Draw(name)
    n, _, h, w = shape
    slope = np.linspace(*spread, size[1], dtype=np.float32)
    plain = draw("mc_logits.mean", (1, n, 2, *size), -4, 4)
    inputs = {
        "feature": draw("in.feature", shape),
        "logits": draw("in.logits", (n, 2, h, w), -3, 5),
        "mc_logits": plain + slope * draw("mc_logits.spread", (passes, n, 2, *size)),
    }
    attrs = {"threshold": 0.75, "std_max": std_max, "temperature": 2.0}
    return Case(name, "reliable_prototypes", inputs, reliable, attrs, ("feature",), ("obj", "bck"))


def discriminative(t, attrs):
    def distance(prototype):
        """Mean squared difference over channels, [N,K,h,w]."""
        return ((t["feature"][:, None] - prototype[None, :, :, None, None]) ** 2).mean(2)

    to_object, to_background = distance(t["obj"]), distance(t["bck"])
    inside = t["mask"] * F.relu(to_object - to_background + attrs["margin"])
    outside = (1 - t["mask"]) * F.relu(to_background - to_object + attrs["margin"])
    return {"loss": (inside.mean((0, 2, 3)) + outside.mean((0, 2, 3))).sum()}


def discriminative_loss(name, shape, prototype=None, margin=0.01, classes=2):
    name = f"discriminative_loss{name}"
    draw = Draw(name)
    n, c, h, w = shape
    inputs = {
        "feature": draw("in.feature", shape),
        "mask": draw.bits("in.mask", (n, classes, h, w), 0.4),
        "obj": draw("in.obj", (classes, c)),
        "bck": draw("in.bck", (classes, c)),
    }
    if prototype is not None:
        # Features at the prototypes of the class that each pixel is of: nothing is left to pull.
        inputs["mask"][:, 1] = inputs["mask"][:, 0]
        inputs["obj"][:], inputs["bck"][:] = prototype, -np.float32(prototype)
        inputs["feature"] *= 0.1
        inputs["feature"] += np.where(inputs["mask"][:, :1] > 0, np.float32(prototype), -np.float32(prototype))
    grads = ("feature", "obj", "bck")
    return Case(name, "discriminative_loss", inputs, discriminative, {"margin": margin}, grads, ("loss",))


def consistency(t, attrs):
    pseudo = (t["logits"].sigmoid() > attrs["threshold"]).to(t["logits"].dtype)
    keep = nearest(t["keep"], t["logits"].shape[2:])
    each = F.binary_cross_entropy_with_logits(t["logits_aug"], pseudo, reduction="none")
    return {"loss": (keep * each).sum() / keep.sum().clamp(min=1)}


def consistency_loss(name, shape, size, share):
    name = f"consistency_loss{name}"
    draw = Draw(name)
    inputs = {
        "logits": draw("in.logits", shape, -4, 4),
        "logits_aug": draw("in.logits_aug", shape, -4, 4),
        "keep": draw.bits("in.keep", (*shape[:2], *size), share),
    }
    # The threshold of epoch 60.
    attrs = {"threshold": (0.85 + 0.25 * np.exp(-5 * 0.7**2)) * np.log(2)}
    return Case(name, "consistency_loss", inputs, consistency, attrs, ("logits_aug",), ("loss",))


CASES = [
    prototypes("hard", [3, 24, 9, 8], hard),
    prototypes("soft", [2, 305, 4, 5], soft, ("feature", "mask")),
    prototypes("without_weight", [2, 10, 4, 5], without_cup),
    prototypes("of_one_class", [1, 7, 3, 5], soft, ("feature", "mask"), classes=1),
    prototypes("of_three_classes", [2, 13, 5, 3], soft, ("feature", "mask"), classes=3),
    prototypes("one_pixel", [2, 9, 4, 5], one_pixel),
    reliable_prototypes("", [2, 61, 7, 6], 8, (14, 13), (0.0, 0.6)),
    reliable_prototypes("_two_passes", [1, 10, 4, 4], 2, (16, 16), (0.0, 0.6)),
    reliable_prototypes("_nothing_reliable", [1, 10, 4, 5], 3, (8, 9), (4.0, 6.0), std_max=0.001),
    discriminative_loss("", [2, 40, 9, 7]),
    discriminative_loss("_of_three_classes", [1, 9, 4, 5], margin=0.3, classes=3),
    discriminative_loss("_nothing_to_pull", [1, 6, 5, 4], 0.5),
    consistency_loss("", [2, 2, 24, 20], [6, 5], 0.6),
    consistency_loss("_odd_sizes", [1, 2, 13, 10], [5, 4], 0.6),
    consistency_loss("_keep_is_larger", [2, 1, 5, 6], [9, 14], 0.5),
    consistency_loss("_nothing_kept", [1, 2, 6, 6], [3, 3], 0.0),
]
