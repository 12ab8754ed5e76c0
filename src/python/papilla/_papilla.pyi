from typing import Any, Callable, Optional, TypedDict, Union, final

from ._prediction import Outcome

__all__ = [
    "PapillaError",
    "Network",
    "adapt_run",
    "begin_run",
    "devices",
    "find_disc",
    "overlay",
    "png",
    "read_run",
    "resume_run",
    "run_program",
    "__version__",
]

__version__: str

class PapillaError(Exception):
    """What papilla cannot do, in one sentence."""

_Pixels = tuple[bytes, int, int]
_Given = Union[_Pixels, str]

@final
class Network:
    @property
    def facts(self) -> str: ...
    def __new__(cls, path: str, device: Optional[str] = None) -> Network: ...
    def predict(self, images: list[_Given], wanted: dict[str, Any]) -> list[Outcome]: ...
    def evaluate(self, dataset: str, masks: str) -> str: ...
    def close(self) -> None: ...

class _Place(TypedDict):
    out: str
    device: Optional[str]
    callback: Optional[Callable[[str], object]]

def begin_run(settings: str, file: Optional[str], place: _Place) -> None: ...
def resume_run(epochs: Optional[int], steps: Optional[int], place: _Place) -> None: ...
def adapt_run(
    checkpoint: str, datasets: tuple[str, str], steps: Optional[int], seed: int, place: _Place
) -> None: ...
def run_program(arguments: list[str]) -> int: ...
def devices() -> str: ...
def find_disc(image: _Given) -> str: ...
def read_run(path: str) -> str: ...
def overlay(image: _Pixels, mask: bytes) -> bytearray: ...
def png(image: _Pixels) -> bytes: ...
