"""Runs, begun and continued."""

from __future__ import annotations

import json
import os
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Callable, Mapping, Optional, Union

from . import _papilla
from ._functions import Path, Run, read_run
from ._model import device_of
from ._papilla import PapillaError

if TYPE_CHECKING:
    from ._papilla import _Place

#: Takes what happens in a run: `event["event"]` is "step" or "validation", which have the keys of `metrics.jsonl`, or "begin", "compiled",
#: "note" or "reopened".
Callback = Callable[[dict[str, Any]], object]


def train(
    config: Union[Mapping[str, Any], Path],
    out: Path,
    device: Union[str, int, None] = None,
    callback: Optional[Callback] = None,
) -> Run:
    """Trains a run into the folder `out`. `config` has the settings of `papilla config`, or is the path of such a file.

    Ctrl-C lets the run finish its step and save before `KeyboardInterrupt` is raised; `resume` goes on.
    """
    place = _place(out, device, callback)
    if isinstance(config, (str, os.PathLike)):
        _papilla.begin_run("", os.fspath(config), place)
    elif isinstance(config, Mapping):
        given = {str(name): _plain(str(name), value) for name, value in config.items() if value is not None}
        _papilla.begin_run(json.dumps(given), None, place)
    else:
        raise PapillaError(f"config is of the type {type(config).__name__}; it is a mapping of settings or the path of a file")
    return read_run(out)


def resume(
    run: Path,
    device: Union[str, int, None] = None,
    callback: Optional[Callback] = None,
    *,
    epochs: Optional[int] = None,
    steps: Optional[int] = None,
) -> Run:
    """Goes on with a run from its last checkpoint, to its end or, if it is given another length, to that."""
    _papilla.resume_run(_whole("epochs", epochs), _whole("steps", steps), _place(run, device, callback))
    return read_run(run)


def adapt(
    checkpoint: Path,
    source: Path,
    target: Path,
    out: Path,
    device: Union[str, int, None] = None,
    callback: Optional[Callback] = None,
    *,
    steps: Optional[int] = None,
    seed: int = 0,
) -> Run:
    """Adapts a trained network to another camera by training, as `papilla adapt` does: from a labelled source to images of a target."""
    datasets = (os.fspath(source), os.fspath(target))
    chosen = _whole("seed", seed) or 0
    _papilla.adapt_run(os.fspath(checkpoint), datasets, _whole("steps", steps), chosen, _place(out, device, callback))
    return read_run(out)


def _place(out: Path, device: Union[str, int, None], callback: Optional[Callback]) -> _Place:
    def happened(event: str) -> None:
        if callback is not None:
            callback(json.loads(event))

    return {"out": os.fspath(out), "device": device_of(device), "callback": None if callback is None else happened}


def _plain(name: str, value: Any) -> Union[str, int, float, bool]:
    """A setting as TOML has it."""
    if isinstance(value, (str, int, float)):
        return value
    if isinstance(value, PurePath):
        return os.fspath(value)
    raise PapillaError(f"the setting `{name}` is of the type {type(value).__name__}; it is a number or text")


def _whole(name: str, value: Optional[int]) -> Optional[int]:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**63):
        raise PapillaError(f"{name} is {value!r}; a whole number is needed")
    return value
