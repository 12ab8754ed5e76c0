"""Writes `extras.pth` beside this script with PyTorch and numpy: a wrapped network among what training scripts save too."""
import argparse
import datetime
import enum
import pathlib
from collections import Counter, OrderedDict, defaultdict, deque

import numpy
import torch


class Colour(enum.Enum):
    RED = 1


class Settings:
    def __init__(self):
        self.tensor = torch.ones(2)


class AttributeDict(dict):
    pass


def poly(step):
    return 1 - step


names = ["backbone.features.0.0.weight", "decoder.conv1.weight"]
network = OrderedDict((f"model._orig_mod.{name}", torch.tensor([index + 0.5])) for index, name in enumerate(names))
checkpoint = {
    "epoch": 3,
    "best_mean_dice": numpy.float32(0.5),
    "state_dict": network,
    "args": argparse.Namespace(lr=1e-3, out=pathlib.Path("/runs/first/a/b/c/d/e/f/g")),
    "when": datetime.datetime(2024, 5, 6, tzinfo=datetime.timezone.utc),
    "colour": Colour.RED,
    "history": defaultdict(list, {"loss": [numpy.float64(0.25)]}),
    "array": numpy.arange(100.0),
    "numpy_state": numpy.random.get_state(),
    "generator": numpy.random.RandomState(1),
    "objects": numpy.array(["a", None], dtype=object),
    "date64": numpy.datetime64("2024-05-06"),
    "odd_keys": {(1, 2): 3, None: 4, 0.5: 5, True: 6},
    "settings": Settings(),
    "hyper_parameters": AttributeDict(lr=1e-3),
    "counts": Counter("aab"),
    "recent": deque([1, 2], maxlen=3),
    "seen": {1, 2},
    "schedule": [poly, torch.float16],
    "torch_state": torch.zeros(4, dtype=torch.uint8),
}
torch.save(checkpoint, "extras.pth")
