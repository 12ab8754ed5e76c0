"""What a network makes of an image."""

from __future__ import annotations

import base64
import html
import json
from dataclasses import dataclass
from typing import Any, Optional, TypedDict

import numpy as np
import numpy.typing as npt

from . import _papilla

#: Levels of a mask, as in the program's files.
_CUP, _RIM = 0, 128


class Outcome(TypedDict):
    """A prediction in the bytes that the extension gives."""

    #: Columns and rows of the image and of the mask.
    size: tuple[int, int]
    image: bytearray
    mask: bytearray
    #: Columns and rows of the maps.
    seen: tuple[int, int]
    probabilities: bytearray
    boundary: bytearray
    deviation: bytearray
    #: The row of the table, as JSON.
    row: str


@dataclass(frozen=True, eq=False, repr=False)
class Prediction:
    """The masks and figures of an image. In a notebook it shows itself."""

    #: The image as it was segmented: upright, `(height, width, 3)`.
    image: npt.NDArray[np.uint8]
    #: 0 cup, 128 rim of the disc, 255 background, as in the program's files: `(height, width)`.
    mask: npt.NDArray[np.uint8]
    #: Probabilities of the cup and of the disc, `(2, height, width)`; with `find_disc` those of the region.
    probabilities: npt.NDArray[np.float32]
    #: Probability of the outlines, `(height, width)`; with `find_disc` that of the region.
    boundary: npt.NDArray[np.float32]
    #: How far passes with dropouts disagree about cup and disc, `(2, height, width)`; `None` without `uncertainty`.
    deviation: Optional[npt.NDArray[np.float32]]
    #: The row of the program's table, by its columns.
    record: dict[str, Any]

    @property
    def name(self) -> str:
        """The name of the file, or the place among the images of a call."""
        return str(self.record["name"])

    @property
    def cup(self) -> npt.NDArray[np.bool_]:
        """The pixels of the cup."""
        cup: npt.NDArray[np.bool_] = self.mask == _CUP
        return cup

    @property
    def disc(self) -> npt.NDArray[np.bool_]:
        """The pixels of the disc, the cup among them."""
        disc: npt.NDArray[np.bool_] = self.mask <= _RIM
        return disc

    @property
    def vcdr(self) -> Optional[float]:
        """Vertical cup-to-disc ratio; `None` without a disc or a cup."""
        return self._figure("vcdr")

    @property
    def cup_area(self) -> int:
        """Pixels of the cup."""
        return int(self.record["cup_area"])

    @property
    def disc_area(self) -> int:
        """Pixels of the disc."""
        return int(self.record["disc_area"])

    @property
    def confidence(self) -> Optional[float]:
        """Mean of the larger of p and 1 - p over the disc; `None` of what is flagged."""
        return self._figure("confidence")

    @property
    def rim(self) -> dict[str, float]:
        """Share of the disc that is rim in each quarter; empty without a cup. Nasal and temporal are there where the eye is known."""
        prefix = "rim_"
        sectors = {name[len(prefix) :]: value for name, value in self.record.items() if name.startswith(prefix)}
        return {name: float(value) for name, value in sectors.items() if value is not None}

    @property
    def region(self) -> Optional[tuple[int, int, int]]:
        """Left, top and side of the region, with `find_disc`."""
        left, top, side = (self.record[f"region_{name}"] for name in ("left", "top", "side"))
        return None if side is None else (int(left), int(top), int(side))

    @property
    def flags(self) -> list[str]:
        """What somebody should look at, by the names in the program's table."""
        return list(self.record["flag"])

    @property
    def notes(self) -> list[str]:
        """What is to be known of the image, a sentence each."""
        return list(self.record["notes"])

    @property
    def overlay(self) -> npt.NDArray[np.uint8]:
        """The image with the outlines of disc (blue) and cup (green)."""
        height, width = self.mask.shape
        image = np.ascontiguousarray(self.image, dtype=np.uint8).tobytes()
        mask = np.ascontiguousarray(self.mask, dtype=np.uint8).tobytes()
        return np.frombuffer(_papilla.overlay((image, width, height), mask), np.uint8).reshape(height, width, 3)

    def _figure(self, name: str) -> Optional[float]:
        value = self.record[name]
        return None if value is None else float(value)

    def _repr_png_(self) -> bytes:
        height, width = self.mask.shape
        return _papilla.png((self.overlay.tobytes(), width, height))

    def _repr_html_(self) -> str:
        picture = base64.b64encode(self._repr_png_()).decode()
        shown = {
            "vertical cup-to-disc ratio": _shown(self.vcdr),
            "confidence": _shown(self.confidence),
            "flags": ", ".join(self.flags) or "none",
        }
        rows = "".join(f"<tr><th>{title}</th><td>{html.escape(text)}</td></tr>" for title, text in shown.items())
        name = html.escape(self.name, quote=True)
        return (
            f'<figure><img src="data:image/png;base64,{picture}" alt="{name} with the outlines of disc and cup" '
            f'style="max-width: 24em"><figcaption>{name}<table>{rows}</table>For research only.</figcaption></figure>'
        )

    def __repr__(self) -> str:
        height, width = self.mask.shape
        flags = f", flags: {', '.join(self.flags)}" if self.flags else ""
        return f"<Prediction of {self.name}, {width}x{height}: vcdr {_shown(self.vcdr)}{flags}>"


def _shown(value: Optional[float]) -> str:
    return "none" if value is None else f"{value:.3f}"


def prediction_of(outcome: Outcome) -> Prediction:
    """The same as arrays."""
    width, height = outcome["size"]
    columns, rows = outcome["seen"]

    def floats(values: bytearray, *planes: int) -> npt.NDArray[np.float32]:
        return np.frombuffer(values, np.float32).reshape(*planes, rows, columns)

    return Prediction(
        image=np.frombuffer(outcome["image"], np.uint8).reshape(height, width, 3),
        mask=np.frombuffer(outcome["mask"], np.uint8).reshape(height, width),
        probabilities=floats(outcome["probabilities"], 2),
        boundary=floats(outcome["boundary"]),
        deviation=floats(outcome["deviation"], 2) if outcome["deviation"] else None,
        record=json.loads(outcome["row"]),
    )
