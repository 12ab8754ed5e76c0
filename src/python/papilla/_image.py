"""Images as users have them: arrays, or files."""

from __future__ import annotations

import os
from typing import Any, Protocol, Tuple, Union

import numpy as np
import numpy.typing as npt

from ._papilla import PapillaError


class _ArrayLike(Protocol):
    """What numpy makes an array of, such as an image of Pillow's."""

    @property
    def __array_interface__(self) -> Any: ...


#: Red, green and blue of each pixel as an array of `uint8` and of the shape `(height, width, 3)`; or the path of a file.
Image = Union["npt.NDArray[np.uint8]", _ArrayLike, str, "os.PathLike[str]"]

#: The same as the extension takes it: bytes, columns and rows; or a path.
Given = Union[Tuple[bytes, int, int], str]


def given(image: Image, name: str = "the image") -> Given:
    """The image for the extension, or an error that names it."""
    if isinstance(image, (str, os.PathLike)):
        path = os.fspath(image)
        if isinstance(path, str):
            return path
    if not (hasattr(image, "__array_interface__") or hasattr(image, "__array__")):
        raise PapillaError(
            f"{name} is of the type {type(image).__name__}; an image is a numpy array of uint8 or the path of a file"
        )
    array = np.asarray(image)
    shape, dtype = array.shape, array.dtype
    if len(shape) == 3 and shape[0] == 3 and shape[2] != 3:
        raise PapillaError(
            f"{name} has the shape {shape}, channels first; give (height, width, 3), as by numpy.moveaxis(image, 0, -1)"
        )
    if len(shape) != 3 or shape[2] != 3:
        raise PapillaError(f"{name} has the shape {shape}; an image has (height, width, 3): red, green and blue")
    if dtype != np.uint8:
        advice = "; multiply values of 0 to 1 by 255 and round them" if dtype.kind == "f" else ""
        raise PapillaError(f"{name} holds {dtype}; an image holds uint8, 0 to 255{advice}")
    if 0 in shape:
        raise PapillaError(f"{name} has the shape {shape}, without any pixel")
    return np.ascontiguousarray(array).tobytes(), shape[1], shape[0]
