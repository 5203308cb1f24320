import re
import subprocess
import sys

import numba
import pytest

from harness.signatures import VERSIONS

SOURCE = """
import sys
import numba
import numpy as np
from harness.signatures import remember_signatures
if sys.argv[1] == "remembering":
    assert remember_signatures()

def kernel(x, out):
    rows = np.zeros((x.shape[0], 2), np.float32)
    for i in range(x.shape[0]):
        rows[i, 0], rows[i, 1] = x[i] * x[i] + np.float32(1), max(x[i], np.float32(2))
        out[i] = rows[i, 0] / rows[i, 1] - min(i, 3)

for options in ({}, {"fastmath": True}, {"fastmath": True, "error_model": "numpy"}):
    compiled, out = numba.njit(**options)(kernel), np.zeros(9, np.float32)
    compiled(np.arange(9, dtype=np.float32), out)
    print(out.tolist(), *compiled.inspect_asm().values())
"""


@pytest.mark.skipif(not numba.__version__.startswith(VERSIONS), reason="numba is another")
def test_what_is_compiled_is_the_same(tmp_path):
    plain, remembering = (
        subprocess.run([sys.executable, "-c", SOURCE, how], capture_output=True, text=True, check=True).stdout
        for how in ("plain", "remembering")
    )
    assert len(plain.splitlines()) > 500
    assert _without_names(remembering) == _without_names(plain)


def _without_names(assembly):
    """But for what holds the places of objects in the memory of one process."""
    return [line for line in re.sub(r"\d{6,}|0x[0-9a-f]+", "", assembly).splitlines() if ".asci" not in line]
