"""A trained network."""

from __future__ import annotations

import json
import os
import weakref
from types import TracebackType
from typing import Any, Optional, Sequence, Type, Union, overload

from ._image import Image, given
from ._papilla import Network, PapillaError
from ._prediction import Prediction, prediction_of

#: Passes with dropouts that can be asked for, as by the program's flag.
_PASSES = range(2, 101)


class Model:
    """A trained network on a device. `papilla.load` gives one; `close`, or the end of a `with`, lets go of the device."""

    def __init__(self, network: Network, facts: dict[str, Any]) -> None:
        self._network = network
        self._facts = facts
        # At the end of the program, too, before the driver is unloaded.
        self._close = weakref.finalize(self, network.close)

    @property
    def checkpoint(self) -> str:
        """The file of the weights."""
        return str(self._facts["checkpoint"])

    @property
    def device(self) -> str:
        """What computes."""
        return str(self._facts["device"])

    @property
    def size(self) -> int:
        """Rows and columns to which images are brought."""
        return int(self._facts["size"])

    @property
    def steps(self) -> Optional[int]:
        """Steps of the run after which the checkpoint was written; `None` of weights alone."""
        steps = self._facts["steps"]
        return None if steps is None else int(steps)

    @property
    def thresholds(self) -> tuple[float, float]:
        """Probabilities above which a pixel is cup, and disc."""
        return float(self._facts["threshold_cup"]), float(self._facts["threshold_disc"])

    @property
    def notes(self) -> list[str]:
        """What is to be known of the file and the device, a sentence each."""
        return list(self._facts["notes"])

    @overload
    def predict(  # type: ignore[overload-overlap]
        self,
        images: Image,
        find_disc: bool = ...,
        uncertainty: int = ...,
        *,
        masks: str = ...,
        threshold_cup: Optional[float] = ...,
        threshold_disc: Optional[float] = ...,
        eye: Optional[str] = ...,
    ) -> Prediction: ...

    @overload
    def predict(
        self,
        images: Sequence[Image],
        find_disc: bool = ...,
        uncertainty: int = ...,
        *,
        masks: str = ...,
        threshold_cup: Optional[float] = ...,
        threshold_disc: Optional[float] = ...,
        eye: Optional[str] = ...,
    ) -> list[Prediction]: ...

    def predict(
        self,
        images: Union[Image, Sequence[Image]],
        find_disc: bool = False,
        uncertainty: int = 0,
        *,
        masks: str = "postprocessed",
        threshold_cup: Optional[float] = None,
        threshold_disc: Optional[float] = None,
        eye: Optional[str] = None,
    ) -> Union[Prediction, list[Prediction]]:
        """Segments an image, or a list of them: regions, or with `find_disc` whole photographs.

        `uncertainty` is the number of further passes with dropouts, 2 to 100, that tell how far a result can be trusted. `masks` are
        "postprocessed" or "raw", the thresholds those of the checkpoint unless others are given. `eye`, "left" or "right", names the
        sides of the rim nasal and temporal.
        """
        is_one = not isinstance(images, Sequence) or isinstance(images, (str, bytes))
        several: list[Any] = [images] if is_one else list(images)  # type: ignore[arg-type]
        names = ["the image"] if is_one else [f"image {index}" for index in range(len(several))]
        if isinstance(uncertainty, bool) or not isinstance(uncertainty, int) or uncertainty not in (0, *_PASSES):
            raise PapillaError(f"uncertainty is {uncertainty!r}; it can be 0, or 2 to 100 passes")
        wanted = {
            "find_disc": bool(find_disc),
            "uncertainty": uncertainty,
            "masks": str(masks),
            "threshold_cup": _probability(threshold_cup, "threshold_cup"),
            "threshold_disc": _probability(threshold_disc, "threshold_disc"),
            "eye": None if eye is None else str(eye),
        }
        outcomes = self._network.predict([given(image, name) for image, name in zip(several, names)], wanted)
        predictions = [prediction_of(outcome) for outcome in outcomes]
        return predictions[0] if is_one else predictions

    def close(self) -> None:
        """Lets go of the device; a model that is closed predicts no more."""
        self._close()

    def __enter__(self) -> Model:
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        closed = "" if self._close.alive else ", closed"
        return f"<Model of {self.checkpoint} on {self.device}{closed}>"


def _probability(value: Optional[float], name: str) -> Optional[float]:
    if value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = -1.0
    if not 0.0 <= number <= 1.0:
        raise PapillaError(f"{name} is {value!r}; a probability between 0 and 1 is needed")
    return number


def load(path: Union[str, os.PathLike[str]], device: Union[str, int, None] = None) -> Model:
    """Loads the weights of a file, or of a run the checkpoint that the program takes.

    `device` is an adapter, by its index or part of its name, or "cpu" for the slow exact reference; by default the environment variable
    `PAPILLA_DEVICE` names it, or else it is the best one.
    """
    network = Network(os.fspath(path), device_of(device))
    return Model(network, json.loads(network.facts))


def device_of(device: Union[str, int, None]) -> Optional[str]:
    """The device that is asked for, by the call or by the environment."""
    return os.environ.get("PAPILLA_DEVICE") if device is None else str(device)
