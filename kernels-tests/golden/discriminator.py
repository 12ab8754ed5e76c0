"""Cases of the discriminators, whose weights follow from their names."""

import torch.nn.functional as F

from case import Case, Draw, hashed

CHANNELS = [64, 128, 256, 512, 1]


def statement(t, attrs):
    y = t["x"]
    for index in range(len(CHANNELS)):
        y = F.conv2d(y if index == 0 else F.leaky_relu(y, 0.2), t[f"conv{index + 1}.weight"], stride=2, padding=2)
    target = y.new_full((), attrs["target"]).expand_as(y)
    return {"y": y, "loss": F.binary_cross_entropy_with_logits(y, target)}


def weights(inputs):
    """Uniform in ±√(6/fan_in), under the names of the published state dict."""
    named, fan = {}, inputs
    for index, outputs in enumerate(CHANNELS):
        name, shape = f"conv{index + 1}.weight", (outputs, fan, 4, 4)
        named[name] = (hashed(name, shape) * (6 / (fan * 16)) ** 0.5).astype("float32")
        fan = outputs
    return named


def discriminator(which, shape, target):
    name = f"discriminator_{which}"
    attrs = {"weights": "hash", "which": which, "target": target}
    x = {"x": Draw(name)("in.x", shape, 0, 1)}
    wanted = ("conv1.weight", "conv5.weight")
    return Case(name, "discriminator", x, statement, attrs, ("x",), (), weights(shape[1]), wanted)


CASES = [
    discriminator("boundary", [1, 1, 40, 37], 1.0),
    discriminator("entropy", [2, 2, 33, 48], 0.0),
]
