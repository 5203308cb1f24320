import subprocess
import sys

import pytest

from fusion.pairs.data import load, load_labels, read_pairs


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "harness.record", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=290)


@pytest.mark.timeout(300)
def test_one_command_leaves_pairs_with_their_clear_twin_depth_and_labels(tmp_path):
    result = run(
        "--scenario", "elm01_night_fog", "--twin", "--out", tmp_path, "--routes", 1, "--max-time", 1.5, "--period", 10
    )
    assert result.returncode == 0, result.stderr
    assert "pairs with their clear twin" in result.stdout
    pairs = read_pairs(tmp_path)
    assert len(pairs) >= 2
    images, labels = load(pairs[-1]), load_labels(pairs[-1])
    assert images.clear is not None
    assert float(images.clear.mean()) > float(images.visible.mean()) + 20.0  # day against night
    assert set(labels) == {"depth", "tags", "instances"}
    assert labels["depth"].shape == images.thermal.shape
    assert 0.0 < float(labels["depth"].min()) < 30.0  # metres: the road in front of the car


def test_a_scenario_without_a_twin_is_refused_in_one_line(tmp_path):
    result = run("--scenario", "elm01_day", "--twin", "--out", tmp_path)
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1
    assert "elm01_day names no clear twin: give --twin SCENARIO" in result.stderr
