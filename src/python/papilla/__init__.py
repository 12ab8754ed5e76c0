"""Segments the optic disc and cup in fundus photographs: what the program `papilla` does, on numpy arrays.

    import papilla

    model = papilla.load("runs/first")
    prediction = model.predict("region.png")
    print(prediction.vcdr, prediction.flags)

For research only. Not a medical device: nothing it gives may be used for diagnosis.
"""

from __future__ import annotations

from ._functions import Disc, Run, devices, evaluate, find_disc, read_run
from ._image import Image
from ._model import Model, load
from ._papilla import PapillaError, __version__
from ._prediction import Prediction
from ._training import adapt, resume, train

__all__ = [
    "Disc",
    "Image",
    "Model",
    "PapillaError",
    "Prediction",
    "Run",
    "__version__",
    "adapt",
    "devices",
    "evaluate",
    "find_disc",
    "load",
    "read_run",
    "resume",
    "train",
]
