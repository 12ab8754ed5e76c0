"""A run that was trained in seconds, and the program beside this Python."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator

import papilla
import pytest

PROGRAM = Path(sys.executable).parent / "papilla"


def program(*arguments: object) -> str:
    """What the program prints on stdout."""
    call = [str(PROGRAM), *map(str, arguments)]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@dataclass(frozen=True)
class Trained:
    """A run, the dataset that it was trained on, and regions of its test part."""

    run: Path
    dataset: Path
    regions: list[Path]


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    folder = tmp_path_factory.mktemp("trained")
    program("synth", "--out", folder, "--train", 12, "--test", 6, "--size", 64)
    dataset = folder / "clinic-a"
    run = folder / "run"
    program("train", "--source", dataset, "--out", run, "--size", 64, "--batch", 4, "--epochs", 2)
    return Trained(run, dataset, sorted((dataset / "test" / "ROIs" / "image").iterdir()))


@pytest.fixture(scope="session")
def model(trained: Trained) -> Iterator[papilla.Model]:
    with papilla.load(trained.run) as model:
        yield model
