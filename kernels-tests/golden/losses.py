"""Cases of the losses over elements, of prototypes, and of the losses built on these."""

import numpy as np
import torch
import torch.nn.functional as F

from case import Case, Draw

LOSS_OF = {
    # PyTorch's own: logarithms no less than −100, and a gradient that is finite at 0 and 1.
    "bce": lambda x, y: F.binary_cross_entropy(x, y),
    "bce_with_logits": lambda x, y: F.binary_cross_entropy_with_logits(x, y),
    "sigmoid_bce": lambda x, y: (torch.logaddexp(x, torch.zeros_like(x)) - x * y).mean(),
    "mse": lambda x, y: ((x - y) ** 2).mean(),
}


def mean(op, name="", x=None, target=None, shape=(2, 2, 9, 8), upstream=True, grads=True):
    name = f"{op}{name}"
    draw, key = Draw(name), "p" if op == "bce" else "x"
    low, high = {"bce": (0.01, 0.99), "mse": (-1, 1)}.get(op, (-8, 8))
    inputs = {
        key: draw(f"in.{key}", shape, low, high) if x is None else np.float32(x),
        "target": draw.bits("in.target", shape) if target is None else target(draw),
    }
    statement = lambda t, a: {"loss": LOSS_OF[op](t[key], t["target"])}
    grads, upstream = (key,) if grads else (), ("loss",) if upstream else ()
    return Case(name, op, inputs, statement, {}, grads, upstream)


def shares(shape):
    """Targets between 0 and 1."""
    return {"shape": shape, "target": lambda draw: draw("in.target", shape, 0, 1)}


def given(values):
    return lambda draw: np.float32(values)


CERTAIN = [[[[0.0, 1.0, 1.0, 0.0, 1.0]]]]
FAR = [[[[-90.0, -1000.0, 30.0, 1000.0, -30.0, 0.0, 90.0, -17.0]]]]
FAR_TARGET = [[[[0.0, 1.0, 1.0, 0.0, 1.0, 0.5, 0.25, 0.0]]]]

CASES = [
    mean("bce", shape=(2, 2, 9, 8), upstream=False, grads=False),
    mean("bce", "_grad"),
    mean("bce", "_of_shares", **shares((2, 2, 9, 8)), upstream=False),
    mean("bce", "_certain_and_right", CERTAIN, given(CERTAIN)),
    mean("bce", "_certain_and_wrong", CERTAIN, given(1 - np.float32(CERTAIN))),
    mean("bce_with_logits"),
    mean("bce_with_logits", "_of_shares", **shares((3, 1, 7, 5))),
    mean("bce_with_logits", "_far_out", FAR, given(FAR_TARGET)),
    mean("sigmoid_bce"),
    # −100 is where the clamp of `bce` begins: nothing farther out.
    mean("sigmoid_bce", "_far_out", np.clip(FAR, -90, 90), given(FAR_TARGET)),
    mean("mse", **shares((2, 1, 9, 8))),
    mean("mse", "_of_equals", CERTAIN, given(CERTAIN)),
    mean("mse", "_of_many", **shares((2, 2, 33, 37))),
    mean("mse", "_of_one", [[[[0.75]]]], given([[[[-0.5]]]]), upstream=False),
]
