"""Runs that are trained from Python, and are the program's."""

from __future__ import annotations

import _thread
import json
from pathlib import Path
from typing import Any

import papilla
import pytest

from conftest import Trained, program

SETTINGS = {"size": 64, "batch": 4, "epochs": 2, "validate_every": 1}


def test_a_run_is_the_programs(trained: Trained, tmp_path: Path) -> None:
    events: list[dict[str, Any]] = []
    config = {**SETTINGS, "source": trained.dataset, "target": None}
    run = papilla.train(config, tmp_path / "module", callback=events.append)
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in SETTINGS.items()]
    program("train", "--source", trained.dataset, "--out", tmp_path / "program", *flags)
    want = papilla.read_run(tmp_path / "program")
    assert run.settings == want.settings and run.validations == want.validations
    for records in (run.steps, want.steps):
        assert len(records) > 2
        for record in records:
            del record["seconds"]
    assert run.steps == want.steps
    told = {name: [event for event in events if event["event"] == name] for name in ("begin", "step", "validation")}
    assert told["begin"][0]["steps"] == len(run.steps) == len(told["step"])
    assert [event["total"] for event in told["step"]] == [step["total"] for step in want.steps]
    assert len(told["validation"]) == len(want.validations) == 2


def test_ctrl_c_saves_and_resuming_goes_on(trained: Trained, tmp_path: Path) -> None:
    def press(event: dict[str, Any]) -> None:
        if event["event"] == "step" and event["step"] == 1:
            _thread.interrupt_main()

    file = tmp_path / "run.toml"
    settings = {**SETTINGS, "source": str(trained.dataset)}
    file.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items()))
    with pytest.raises(KeyboardInterrupt, match=r"with a checkpoint; papilla\.resume"):
        papilla.train(file, tmp_path / "run", callback=press)
    stopped = papilla.read_run(tmp_path / "run")
    assert stopped.marks and stopped.marks[0].startswith("unfinished")
    run = papilla.resume(tmp_path / "run")
    assert run.marks == [] and len(run.steps) > len(stopped.steps)
    assert len(papilla.resume(tmp_path / "run", epochs=3).validations) == 3


def test_what_a_callback_raises_ends_the_run(trained: Trained, tmp_path: Path) -> None:
    def fail(event: dict[str, Any]) -> None:
        if event["event"] == "step":
            raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        papilla.train({**SETTINGS, "source": trained.dataset, "epochs": 500}, tmp_path / "run", callback=fail)
    assert (tmp_path / "run" / "checkpoints" / "last.safetensors").exists()


def test_adapting_is_a_run(trained: Trained, tmp_path: Path) -> None:
    target = trained.dataset.with_name("clinic-b")
    run = papilla.adapt(trained.run, trained.dataset, target, tmp_path / "run", steps=2)
    assert run.settings["method"] == "teacher" and len(run.steps) == 2
    assert run.settings["size"] == 64 and run.settings["target"] == str(target)


def test_settings_that_cannot_be(trained: Trained, tmp_path: Path) -> None:
    out = tmp_path / "run"
    wrong: list[tuple[Any, str]] = [
        ({"epoch": 3}, "unknown setting `epoch`; did you mean `epochs`?"),
        ({"epochs": "three"}, "epochs"),
        ({"epochs": 3}, "`source` names it"),
        ({"source": tmp_path / "absent"}, "absent"),
        ({"source": trained.dataset, "batch": 0}, "batch"),
        ({"source": [1]}, "the setting `source` is of the type list"),
        (tmp_path / "absent.toml", "absent.toml"),
        (7, "config is of the type int"),
    ]
    for config, words in wrong:
        with pytest.raises(papilla.PapillaError) as error:
            papilla.train(config, out)
        assert words in str(error.value) and "\n" not in str(error.value)
    with pytest.raises(papilla.PapillaError, match="run"):
        papilla.resume(out)
    with pytest.raises(papilla.PapillaError, match="seed is -1"):
        papilla.adapt(trained.run, trained.dataset, trained.dataset, out, seed=-1)
    assert not out.exists()
