"""What an agent draws from is seeded, whether it is imported before or after."""

from __future__ import annotations

import random
import subprocess
import sys

import numpy as np

BEFORE = "import torch, cv2"
AFTER = """
import random
import numpy
import torch, cv2
print(random.random(), numpy.random.rand(), torch.rand(1).item(), torch.get_num_threads(), cv2.getNumThreads())
"""


def drawn(first: str) -> list[str]:
    code = f"{first}\nfrom agents.libraries import seed_libraries\nseed_libraries(3, 1)\n{AFTER}"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()


def test_libraries_are_seeded_and_keep_to_their_threads_whenever_they_are_imported() -> None:
    generator = np.random.RandomState(3)
    expected = [str(random.Random(3).random()), str(generator.rand())]
    for first in (BEFORE, ""):
        python, numpy, torch, *threads = drawn(first)
        assert [python, numpy] == expected
        assert torch == "0.004263520240783691"  # of PyTorch's seed 3
        assert threads == ["1", "1"]
