"""A golden case: inputs that follow from names, expected values in float64, tolerances, and the file of them all."""

import json
import math
import struct
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch

# How many times float32's own error is allowed.
MARGIN = 6
# The least that is allowed, over the largest element: 32 roundings of an f32. Sums in another order, products of
# transformed tiles, and WGSL's exp and log (3 + 2|x| units in the last place) err more than PyTorch's sums do.
ROUNDING = 2.0**-19


def hashed(name: str, shape) -> np.ndarray:
    """Values in [-1, 1) that follow from a name: FNV-1a 64 of the name seeds splitmix64, of which 24 bits are taken."""
    mask = (1 << 64) - 1
    seed = 0xCBF29CE484222325
    for byte in name.encode():
        seed = ((seed ^ byte) * 0x100000001B3) & mask
    counter = np.arange(1, math.prod(shape) + 1, dtype=np.uint64)
    with np.errstate(over="ignore"):
        z = np.uint64(seed) + counter * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return ((z >> np.uint64(40)).astype(np.float64) / 2**23 - 1).reshape(shape)


class Draw:
    """Draws the tensors of one case: each depends on the case's and its own name alone."""

    def __init__(self, case: str):
        self.case = case

    def __call__(self, name: str, shape, low=-1.0, high=1.0) -> np.ndarray:
        unit = (hashed(f"{self.case}/{name}", shape) + 1) / 2
        return (low + unit * (high - low)).astype(np.float32)

    def bits(self, name: str, shape, share=0.5) -> np.ndarray:
        """Ones, in about this share of the elements, and zeros."""
        return (self(name, shape, 0, 1) < share).astype(np.float32)


@dataclass
class Case:
    """What a case runs, on what, and which values it expects."""

    name: str
    op: str
    inputs: dict[str, np.ndarray]
    # The operation as a function of its inputs (and parameters, after them) and attributes.
    statement: Callable[..., dict[str, torch.Tensor]]
    attrs: dict = field(default_factory=dict)
    # Inputs of which the gradient is expected.
    grads: tuple = ()
    # Outputs with a random upstream gradient; none: the one scalar output, with 1.
    upstream: tuple = ()
    # Tensors of a network, filled from their names: not written. Gradients of those in `param_grads` are expected.
    parameters: dict[str, np.ndarray] = field(default_factory=dict)
    param_grads: tuple = ()
    # Whether every value is moved, chosen or counted, never computed; or else the outputs that are.
    exact: bool = False
    exact_outputs: tuple = ()
    # Absolute tolerance of every value, where it does not follow from arithmetic.
    atol: float | None = None

    def evaluate(self, dtype) -> tuple[dict, dict]:
        """Upstream gradients, and expected values, with arithmetic in `dtype`."""
        leaves = {}
        for source, wanted in ((self.inputs, self.grads), (self.parameters, self.param_grads)):
            for name, value in source.items():
                leaves[name] = torch.tensor(value, dtype=dtype, requires_grad=name in wanted)
        outputs = self.statement(leaves, self.attrs)
        values = {f"out.{name}": value for name, value in outputs.items()}
        draw = Draw(self.name)
        upstream = {name: draw(f"grad_out.{name}", tuple(outputs[name].shape)) for name in self.upstream}
        keys = [f"grad_in.{n}" for n in self.grads] + [f"grad_param.{n}" for n in self.param_grads]
        if keys:
            of = list(self.upstream) or ["loss"]
            seeds = [torch.tensor(upstream[n], dtype=dtype) for n in self.upstream] or None
            wrt = [leaves[n] for n in (*self.grads, *self.param_grads)]
            gradients = torch.autograd.grad([outputs[n] for n in of], wrt, seeds)
            values.update(zip(keys, gradients))
        return upstream, {key: value.detach().double().numpy() for key, value in values.items()}

    def make(self) -> "Made":
        """Computes the case."""
        upstream, want = self.evaluate(torch.float64)
        _, single = self.evaluate(torch.float32)
        tensors = {f"in.{name}": value for name, value in self.inputs.items()}
        tensors.update({f"grad_out.{name}": value for name, value in upstream.items()})
        tensors.update({name: value.astype(np.float32) for name, value in want.items()})
        single_error = {name: largest(single[name] - value) for name, value in want.items()}
        atol_of = {}
        for name, error in single_error.items():
            size = largest(want[name])
            # Far beyond rounding: in float32 a step function falls on its other side.
            if error > max(1e-6, 1e-3 * size):
                raise SystemExit(f"change {self.name}: float32 gets {name} wrong by {error:.1e} of {size:.1e}")
            if name.removeprefix("out.") in self.exact_outputs:
                atol_of[name] = 0.0
            elif not self.exact and self.atol is None and MARGIN * error > ROUNDING * size:
                atol_of[name] = rounded_up(MARGIN * error)
        attrs = dict(self.attrs, **({"atol_of": atol_of} if atol_of else {}))
        rtol = 0.0 if self.exact or self.atol is not None else ROUNDING
        metadata = {"op": self.op, "attrs": json.dumps(attrs), "rtol": f"{rtol:.3g}", "atol": f"{self.atol or 0.0:.3g}"}
        return Made(metadata, tensors, single_error)


@dataclass
class Made:
    """A computed case, as its file holds it; `single_error` says how wrong each value is in float32."""

    metadata: dict[str, str]
    tensors: dict[str, np.ndarray]
    single_error: dict[str, float]

    def to_bytes(self) -> bytes:
        """As safetensors, in the same order every time (the `safetensors` package promises none for metadata)."""
        header, data = {"__metadata__": self.metadata}, b""
        for name in sorted(self.tensors):
            value = np.asarray(self.tensors[name], "<f4")
            start, data = len(data), data + value.tobytes()
            header[name] = {"dtype": "F32", "shape": list(value.shape), "data_offsets": [start, len(data)]}
        text = json.dumps(header, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 8)
        return struct.pack("<Q", len(text)) + text + data

    def tolerance(self, name: str) -> float:
        """Absolute tolerance of an expected value."""
        listed = json.loads(self.metadata["attrs"]).get("atol_of", {})
        relative = float(self.metadata["rtol"]) * largest(self.tensors[name])
        return listed.get(name, float(self.metadata["atol"]) + relative)


def read(content: bytes) -> Made:
    """A case from its file."""
    (size,) = struct.unpack_from("<Q", content)
    header = json.loads(content[8 : 8 + size])
    metadata = header.pop("__metadata__")
    tensors = {}
    for name, entry in header.items():
        start, end = entry["data_offsets"]
        tensors[name] = np.frombuffer(content[8 + size + start : 8 + size + end], "<f4").reshape(entry["shape"])
    return Made(metadata, tensors, {})


def largest(values: np.ndarray) -> float:
    """Largest absolute value, past those that do not exist (NaN)."""
    return float(np.nanmax(np.abs(values), initial=0.0))


def rounded_up(value: float) -> float:
    """The next number of two digits."""
    unit = 10.0 ** (math.floor(math.log10(value)) - 1)
    return float(f"{math.ceil(value / unit) * unit:.1e}")
