"""What an agent draws from is seeded, whether it is imported before or after."""

from __future__ import annotations

import subprocess
import sys

BEFORE = "import torch, cv2"
AFTER = """
import random
import numpy
import torch, cv2
print(random.random(), numpy.random.rand(), torch.rand(1).item(), torch.get_num_threads(), cv2.getNumThreads())
"""


def drawn(first: str, seed: int) -> list[str]:
    code = f"{first}\nfrom agents.libraries import seed_libraries\nseed_libraries({seed}, 1)\n{AFTER}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_libraries_are_seeded_and_keep_to_their_threads_whenever_they_are_imported() -> None:
    before, after, other = drawn(BEFORE, 3), drawn("", 3), drawn("", 4)
    assert before == after
    assert before[3:] == ["1", "1"]
    assert all(one != another for one, another in zip(before[:3], other[:3]))
