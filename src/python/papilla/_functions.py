"""What needs no network, and what is about whole datasets and runs."""

from __future__ import annotations

import json
import os
import warnings
from dataclasses import dataclass
from typing import Any, Union

from . import _papilla
from ._image import Image, given
from ._model import Model

Path = Union[str, "os.PathLike[str]"]


@dataclass(frozen=True)
class Disc:
    """Where the optic disc lies in a whole photograph."""

    #: Column and row of the centre; that of the first pixel is (0, 0).
    centre: tuple[float, float]
    #: Of the circle that fits its edge, in pixels.
    diameter: float
    #: How sure that is, 0 to 1; below 0.3 it should be looked at.
    confidence: float
    #: Left, top and side of the square around it that networks see; it can reach beyond the photograph.
    region: tuple[int, int, int]


@dataclass(frozen=True)
class Run:
    """What a run was asked for and has logged. `pandas.DataFrame(run.steps)` is a table of it."""

    #: By the names in `config.toml`.
    settings: dict[str, Any]
    #: A record for each step.
    steps: list[dict[str, Any]]
    #: A record for each validation.
    validations: list[dict[str, Any]]
    #: What nobody may miss who copies a figure, such as that it is unfinished.
    marks: list[str]
    #: What is missing or damaged, a sentence each.
    notes: list[str]


def devices() -> list[dict[str, Any]]:
    """The adapters there are, the best one first, as `papilla devices --json` lists them."""
    found: list[dict[str, Any]] = json.loads(_papilla.devices())
    return found


def find_disc(image: Image) -> Disc:
    """Finds the optic disc in a whole photograph, without a network."""
    found = json.loads(_papilla.find_disc(given(image)))
    left, top, side = found["region"]
    column, row = found["centre"]
    return Disc((column, row), found["diameter"], found["confidence"], (left, top, side))


def evaluate(model: Model, dataset: Path, masks: str = "postprocessed") -> list[dict[str, Any]]:
    """Measures a model on labelled regions: the row of `papilla evaluate` for each image, by its columns.

    Regions that cannot be used are left out, and warned of.
    """
    document = json.loads(model._network.evaluate(os.fspath(dataset), masks))
    for sentence in document["left_out"]:
        warnings.warn(sentence, stacklevel=2)
    records: list[dict[str, Any]] = document["records"]
    return records


def read_run(path: Path) -> Run:
    """Reads the settings and the log of a run, finished or not."""
    document = json.loads(_papilla.read_run(os.fspath(path)))
    names = ("settings", "steps", "validations", "marks", "notes")
    return Run(**{name: document[name] for name in names})
