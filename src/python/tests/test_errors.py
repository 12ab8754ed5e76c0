"""What cannot be done is an exception with a sentence, and the interpreter lives on."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import _thread
import numpy as np
import papilla
import pytest

from conftest import Trained

IMAGE = np.full((64, 64, 3), 90, np.uint8)


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (IMAGE[..., 0], "has the shape (64, 64); an image has (height, width, 3)"),
        (np.moveaxis(IMAGE, -1, 0), "channels first; give (height, width, 3)"),
        (np.zeros((64, 64, 4), np.uint8), "has the shape (64, 64, 4)"),
        (np.zeros((2, 64, 64, 3), np.uint8), "has the shape (2, 64, 64, 3)"),
        (IMAGE / 255.0, "holds float64; an image holds uint8, 0 to 255; multiply values of 0 to 1 by 255"),
        (IMAGE.astype(np.int64), "holds int64"),
        (IMAGE.astype(object), "holds object"),
        (np.zeros((0, 64, 3), np.uint8), "without any pixel"),
        (np.zeros((4, 64, 3), np.uint8), "64x4"),
        (np.zeros((1, 20_000, 3), np.uint8), "16384 pixels a side are the most"),
        (None, "is of the type NoneType"),
        (7, "is of the type int"),
        (b"region.png", "is of the type bytes"),
        ("absent.png", "absent.png"),
        (Path(__file__), "test_errors.py"),
    ],
)
def test_images_that_are_none(model: papilla.Model, image: Any, words: str) -> None:
    with pytest.raises(papilla.PapillaError) as error:
        model.predict(image)
    told = str(error.value)
    assert words in told and "\n" not in told and "defect" not in told
    with pytest.raises(papilla.PapillaError, match="image 1|absent|test_errors|16384|64x4"):
        model.predict([IMAGE, image])
    model.predict(IMAGE)


def test_values_that_are_none(model: papilla.Model) -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"uncertainty": 1}, "uncertainty is 1; it can be 0, or 2 to 100 passes"),
        ({"uncertainty": -2}, "uncertainty is -2"),
        ({"uncertainty": 2.0}, "uncertainty is 2.0"),
        ({"masks": "soft"}, 'masks is "soft"; it can be'),
        ({"threshold_cup": 2.0}, "threshold_cup is 2.0; a probability between 0 and 1 is needed"),
        ({"threshold_disc": float("nan")}, "threshold_disc is nan"),
        ({"eye": "middle"}, 'eye is "middle"; it can be "left" or "right"'),
    ]
    for arguments, words in wrong:
        with pytest.raises(papilla.PapillaError) as error:
            model.predict(IMAGE, **arguments)
        assert words in str(error.value)
    assert model.predict([]) == []


def test_files_that_are_none(trained: Trained, model: papilla.Model, tmp_path: Path) -> None:
    for path in (tmp_path / "absent.safetensors", tmp_path, trained.regions[0]):
        with pytest.raises(papilla.PapillaError, match=path.name):
            papilla.load(path)
        with pytest.raises(papilla.PapillaError, match=path.name):
            papilla.read_run(path)
    with pytest.raises(papilla.PapillaError, match="absent"):
        papilla.evaluate(model, tmp_path / "absent")
    with pytest.raises(papilla.PapillaError, match="no adapter matches `nobody's`"):
        papilla.load(trained.run, device="nobody's")
    with pytest.raises(papilla.PapillaError, match="no disc"):
        papilla.find_disc(np.zeros((128, 128, 3), np.uint8))


def test_a_closed_model_says_so(trained: Trained) -> None:
    model = papilla.load(trained.run)
    model.close()
    model.close()
    assert repr(model).endswith(", closed>")
    with pytest.raises(papilla.PapillaError, match="was closed"):
        model.predict(IMAGE)


def test_a_file_that_was_changed_is_not_mixed_with_what_was_loaded(trained: Trained, tmp_path: Path) -> None:
    weights = tmp_path / "weights.safetensors"
    weights.write_bytes((trained.run / "checkpoints" / "last.safetensors").read_bytes())
    with papilla.load(weights) as model:
        model.predict(IMAGE)
        weights.write_bytes(weights.read_bytes() + b" ")
        with pytest.raises(papilla.PapillaError, match="was changed since it was loaded"):
            model.predict(IMAGE, uncertainty=2)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_process_is_told(trained: Trained) -> None:
    code = f"""if True:
        import os, sys, numpy as np, papilla
        model = papilla.load({str(trained.run)!r})
        child = os.fork()
        if child == 0:
            try:
                model.predict(np.zeros((64, 64, 3), np.uint8))
            except papilla.PapillaError as error:
                os._exit(7 if "forked" in str(error) else 8)
            os._exit(9)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (0, "7\n"), done.stderr


def test_ctrl_c_ends_a_call_and_not_the_model(trained: Trained, model: papilla.Model) -> None:
    timer = threading.Timer(0.3, _thread.interrupt_main)
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        model.predict(list(trained.regions) * 200)
    assert model.predict(IMAGE).mask.shape == (64, 64)


def test_without_a_driver_it_says_what_to_install(trained: Trained) -> None:
    code = f"import papilla; papilla.load({str(trained.run)!r})"
    none = {**os.environ, "VK_DRIVER_FILES": "/nonexistent", "VK_ICD_FILENAMES": "/nonexistent", "WGPU_BACKEND": "vulkan"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=none)
    assert done.returncode == 1 and "install a Vulkan" in done.stderr and 'device="cpu"' in done.stderr, done.stderr
