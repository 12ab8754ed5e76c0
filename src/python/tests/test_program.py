"""The program as pip installs it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import papilla

from conftest import PROGRAM, Trained, program


def test_it_has_the_version_of_the_module() -> None:
    assert program("--version") == f"papilla {papilla.__version__}\n"


def test_its_statuses_are_the_programs() -> None:
    wrong = subprocess.run([str(PROGRAM), "predict", "--no-such-flag"], capture_output=True, text=True)
    assert wrong.returncode == 2 and "--no-such-flag" in wrong.stderr
    failed = subprocess.run([str(PROGRAM), "--json", "report", "absent"], capture_output=True, text=True)
    assert failed.returncode == 1 and "absent" in json.loads(failed.stdout)["error"]


def test_ctrl_c_lets_a_training_save(trained: Trained, tmp_path: Path) -> None:
    run = tmp_path / "run"
    call = [PROGRAM, "train", "--source", trained.dataset, "--out", run, "--size", 64, "--batch", 4, "--epochs", 500]
    training = subprocess.Popen([*map(str, call)], stderr=subprocess.PIPE, text=True)
    log = run / "metrics.jsonl"
    while not (log.exists() and log.read_text().count("\n") >= 2):
        assert training.poll() is None, training.stderr and training.stderr.read()
        time.sleep(0.1)
    training.send_signal(signal.SIGINT)
    _, said = training.communicate(timeout=120)
    assert training.returncode == 130, said
    assert "--resume" in said and "Traceback" not in said
    assert (run / "checkpoints" / "last.safetensors").exists()


def test_the_module_needs_numpy_alone() -> None:
    code = "import papilla, sys; print([name for name in ('scipy', 'torch', 'PIL') if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"
