"""Where PyTorch is not installed frames are fused as arrays, and what needs it says so."""

import json
import os
import subprocess
import sys

import cv2
import numpy as np
import pytest


@pytest.fixture
def run(tmp_path):
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text('import sys\nsys.modules["torch"] = None\n')
    paths = os.pathsep.join([str(tmp_path / "site"), os.environ.get("PYTHONPATH", "")])

    def run(*command: object) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PYTHONPATH": paths}
        command = (sys.executable, *map(str, command))
        return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)

    return run


@pytest.mark.parametrize("command", ["fusion.train", "fusion.export"])
def test_a_command_that_needs_it_says_in_one_line_how_to_get_it(run, command):
    done = run("-m", command, "--help")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"{command}: this needs PyTorch: pip install 'nightloop[train]'\n"


def test_files_are_fused_and_the_bench_measures_arrays(run, tmp_path):
    rng = np.random.default_rng(0)
    for name in ("visible", "thermal"):
        cv2.imwrite(str(tmp_path / f"{name}.png"), rng.integers(0, 256, (64, 96, 3), np.uint8))
    images = ["--visible", tmp_path / "visible.png", "--thermal", tmp_path / "thermal.png"]
    done = run("-m", "fusion.fuse", *images, "--out", tmp_path / "fused.png")
    assert done.returncode == 0, done.stderr
    assert cv2.imread(str(tmp_path / "fused.png")).shape == (64, 96, 3)
    done = run("-m", "fusion.bench", "--frames", 1, "--json", tmp_path / "bench.json")
    assert done.returncode == 0, done.stderr
    figures = json.loads((tmp_path / "bench.json").read_text())
    assert figures["floor_640x480_ms"] > 0.0
    assert figures["cpu_640x480_ms"] > 0.0
    assert not any("torch" in name or "cuda" in name for name in figures)


REFUSED = {
    "FusionProxy.from_pretrained(device='cuda')": "device 'cuda' cannot be used",
    "FusionProxy.from_pretrained(precision='fp16')": "a network for tensors needs PyTorch",
    "FusionProxy.from_pretrained(backend='compile')": "a network for tensors needs PyTorch",
    "FusionProxy.from_pretrained().to('cuda')": "a network for tensors needs PyTorch",
    "FusionProxy.from_pretrained()([[0]])": "visible is a NumPy array or a torch tensor, not list",
}


def test_what_cannot_be_had_is_one_line(run):
    asked = [f"try:\n    {what}\nexcept FusionError as error:\n    print(error)" for what in REFUSED]
    done = run("-c", "\n".join(["from fusion import FusionError, FusionProxy", *asked]))
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    assert len(said) == len(REFUSED)
    assert all(words in line for words, line in zip(REFUSED.values(), said)), said
