import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np

from fusion.synthetic import write


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "fusion.check", "--data", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=100)


def test_a_folder_is_counted_and_all_its_faults_are_named(tmp_path: Path):
    write(tmp_path / "good", count=3, seed=0, width=64, height=48)
    write(tmp_path / "bad", count=3, seed=0, width=64, height=48)
    (tmp_path / "bad" / "rgb" / "0000.png").write_bytes(b"\x89PNG but not for long")
    cv2.imwrite(str(tmp_path / "bad" / "thermal" / "0001.png"), np.zeros((48, 64), np.uint8))
    result = run(tmp_path / "good", tmp_path / "bad")
    assert result.returncode == 1
    assert "64x48 (3)" in result.stdout
    assert "0000.png is not an image" in result.stderr
    assert "0001.png is flat" in result.stderr
    assert result.stderr.strip().splitlines()[-1] == "fusion.check: 2 faults"
