"""Cases of functions of single elements: activations, the entropy map, dropout with a given mask."""

import numpy as np
import torch.nn.functional as F

from case import Case, Draw

FUNCTION_OF = {
    "relu": lambda x, a: F.relu(x),
    "relu6": lambda x, a: F.relu6(x),
    "leaky_relu": lambda x, a: F.leaky_relu(x, a["negative_slope"]),
    "sigmoid": lambda x, a: x.sigmoid(),
    "entropy_map": lambda x, a: -x.sigmoid() * (x.sigmoid() + a["smooth"]).log(),
}
ATTRS_OF = {"leaky_relu": {"negative_slope": 0.2}, "entropy_map": {"smooth": 1e-7}}


def function(op, name=None, x=None, shape=(2, 5, 7, 9), **attrs):
    name = op if name is None else f"{op}_{name}"
    inputs = {"x": Draw(name)("in.x", shape, -8, 8) if x is None else np.float32(x)}
    statement = lambda t, a: {"y": FUNCTION_OF[op](t["x"], a)}
    attrs = ATTRS_OF.get(op, {}) | attrs
    return Case(name, op, inputs, statement, attrs, grads=("x",), upstream=("y",), exact=op in ("relu", "relu6"))


def dropout(name, shape, p):
    name = f"dropout_{name}"
    draw = Draw(name)
    inputs = {"x": draw("in.x", shape), "mask": draw.bits("in.mask", shape, 1 - p)}
    statement = lambda t, a: {"y": t["x"] * t["mask"] / (1 - a["p"])}
    return Case(name, "dropout", inputs, statement, {"p": p}, grads=("x",), upstream=("y",))


# Where slopes jump, and the neighbours on either side.
KINKS = [
    [-6.0, -1e-30, -0.0, 0.0, 1e-30, 1.0, 5.9999995],
    [6.0, 6.0000005, 7.0, 0.0, 6.0, -6.0, 1e30],
]
FAR = [[[[-1000.0, -104.0, -88.0, -40.0, -17.0], [17.0, 40.0, 88.0, 104.0, 1000.0], [0.0, -0.0, 1e-6, -1e-6, 1e-30]]]]

CASES = [
    *(function(op) for op in FUNCTION_OF),
    *(function(op, "at_kinks", [[[row] for row in KINKS]]) for op in ("relu", "relu6", "leaky_relu")),
    *(function(op, "far_out", FAR) for op in ("sigmoid", "entropy_map")),
    function("leaky_relu", "steep", shape=(3, 1, 1, 5), negative_slope=1.5),
    dropout("given_mask", (2, 5, 6, 6), 0.5),
    dropout("of_a_tenth", (3, 7, 1, 5), 0.1),
    dropout("of_nothing", (1, 3, 2, 3), 0.0),
]
