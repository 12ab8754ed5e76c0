"""Predictions and figures, which are the program's to the last bit."""

from __future__ import annotations

import csv
import json
import threading
from pathlib import Path

import numpy as np
import papilla
import pytest

from conftest import Trained, program


@pytest.fixture(scope="session")
def predicted(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The masks and logits that the program writes."""
    out = tmp_path_factory.mktemp("predicted")
    document = program(
        "--json", "predict", "--checkpoint", trained.run, trained.dataset / "test", "--out", out, "--uncertainty", 2
    )
    (out / "document.json").write_text(document)
    return out


def test_masks_and_figures_are_the_programs(trained: Trained, model: papilla.Model, predicted: Path) -> None:
    rows = json.loads((predicted / "document.json").read_text())["predictions"]
    predictions = model.predict(list(trained.regions), uncertainty=2)
    assert len(predictions) == len(rows) == len(trained.regions) > 4
    for prediction, row in zip(predictions, rows):
        assert prediction.record == row
        # Read by other means than those that are tested: a file of the dataset layout is a region, too.
        assert prediction.mask.tobytes() == grey(predicted / f"{row['name']}_mask.png").tobytes()


def grey(png: Path) -> np.ndarray:
    """The levels of an 8-bit grey PNG file."""
    import struct
    import zlib

    data, position, pixels = png.read_bytes(), 8, b""
    while position < len(data):
        length, kind = struct.unpack(">I4s", data[position : position + 8])
        chunk = data[position + 8 : position + 8 + length]
        if kind == b"IHDR":
            width, height, depth, colour = struct.unpack(">IIBB", chunk[:10])
            assert (depth, colour) == (8, 0)
        elif kind == b"IDAT":
            pixels += chunk
        position += length + 12
    rows = np.frombuffer(zlib.decompress(pixels), np.uint8).reshape(height, width + 1)
    out = np.zeros((height, width), np.uint8)
    for y, row in enumerate(rows):
        above = out[y - 1] if y else np.zeros(width, np.uint8)
        for x in range(width):
            left = int(out[y, x - 1]) if x else 0
            up, corner = int(above[x]), int(above[x - 1]) if x else 0
            estimate = left + up - corner
            paeth = min((left, up, corner), key=lambda value: abs(estimate - value))
            add = [0, left, up, (left + up) // 2, paeth][row[0]]
            out[y, x] = (int(row[x + 1]) + add) % 256
    return out


def test_an_array_gives_what_its_file_gives(trained: Trained, model: papilla.Model) -> None:
    by_file = model.predict(trained.regions[0])
    by_array = model.predict(by_file.image)
    turned = np.asfortranarray(by_file.image)
    assert not turned.flags.c_contiguous
    for other in (by_array, model.predict(turned), *model.predict([by_file.image, trained.regions[0]])):
        assert np.array_equal(other.mask, by_file.mask)
        assert np.array_equal(other.probabilities, by_file.probabilities)
    assert by_array.name == "image 0" and by_file.name == trained.regions[0].stem


def test_maps_and_masks_agree(trained: Trained, model: papilla.Model) -> None:
    prediction = model.predict(trained.regions[0], masks="raw", uncertainty=2)
    height, width = prediction.mask.shape
    assert prediction.image.shape == (height, width, 3) and prediction.mask.dtype == np.uint8
    assert prediction.probabilities.shape == (2, height, width) and prediction.boundary.shape == (height, width)
    assert prediction.deviation is not None and prediction.deviation.shape == (2, height, width)
    cup, disc = (prediction.probabilities[i] > np.float32(model.thresholds[i]) for i in (0, 1))
    assert np.array_equal(prediction.cup, cup)
    assert np.array_equal(prediction.disc, disc | cup)
    assert prediction.cup_area == int(cup.sum())
    assert np.all((0 <= prediction.boundary) & (prediction.boundary <= 1))
    none = model.predict(trained.regions[0], masks="raw", threshold_cup=1.0, threshold_disc=1.0)
    assert none.disc_area == 0 and none.vcdr is None and "no-disc" in none.flags and none.rim == {}


def test_whole_photographs_get_their_masks_back(model: papilla.Model, tmp_path: Path) -> None:
    y, x = np.mgrid[0:400, 0:600]
    light = np.clip(120 - np.hypot(x - 300, y - 200) / 3, 0, None) * (np.hypot(x - 300, y - 200) < 190)
    light += 110 * (np.hypot(x - 420, y - 200) < 30)
    photograph = np.stack([light, light * 0.6, light * 0.3], axis=-1).clip(0, 255).astype(np.uint8)
    disc = papilla.find_disc(photograph)
    assert abs(disc.centre[0] - 420) < 15 and abs(disc.centre[1] - 200) < 15 and 0 <= disc.confidence <= 1
    prediction = model.predict(photograph, find_disc=True, eye="right")
    assert prediction.region == disc.region and prediction.mask.shape == (400, 600)
    assert prediction.probabilities.shape == (2, disc.region[2], disc.region[2])


def test_evaluations_are_the_programs(trained: Trained, model: papilla.Model, tmp_path: Path) -> None:
    program("evaluate", "--checkpoint", trained.run, "--data", trained.dataset, "--out", tmp_path)
    for masks, file in (("postprocessed", "metrics_postprocessed.csv"), ("raw", "metrics.csv")):
        records = papilla.evaluate(model, trained.dataset, masks)
        with open(tmp_path / file, newline="") as table:
            rows = list(csv.DictReader(table))
        assert [record["name"] for record in records] == [row["name"] for row in rows]
        for record, row in zip(records, rows):
            for title, value in record.items():
                cell = row[title]
                assert (None if cell == "" else type(value)(cell)) == value, title


def test_runs_are_read(trained: Trained) -> None:
    run = papilla.read_run(trained.run)
    assert run.settings["size"] == 64 and run.settings["epochs"] == 2
    assert [step["step"] for step in run.steps] == list(range(len(run.steps))) and run.steps[0]["seg"] > 0
    assert run.validations and 0 <= run.validations[-1]["validation"]["source_mean_dice"] <= 1
    assert run.marks == [] and run.notes == []


def test_a_notebook_shows_predictions(trained: Trained, model: papilla.Model) -> None:
    prediction = model.predict(trained.regions[0])
    assert prediction._repr_png_().startswith(b"\x89PNG")
    assert prediction.name in prediction._repr_html_() and "<script" not in prediction._repr_html_()
    assert prediction.overlay.shape == prediction.image.shape
    assert repr(prediction).startswith("<Prediction of ")


def test_threads_share_a_model(trained: Trained, model: papilla.Model) -> None:
    want, found = model.predict(trained.regions[0]).mask, []
    threads = [threading.Thread(target=lambda: found.append(model.predict(trained.regions[0]).mask)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 3 and all(np.array_equal(mask, want) for mask in found)


def test_devices_are_the_programs() -> None:
    own, others = papilla.devices(), json.loads(program("--json", "devices"))["devices"]
    for device in own + others:
        # Of an adapter in software, what is free just now.
        del device["memory_bytes"]
    assert own == others
