import subprocess
import sys

import psutil
import pytest

from harness import kernels
from harness.errors import HarnessError


def test_a_part_that_cannot_be_compiled_ends_the_others_and_is_told_in_one_line(monkeypatch):
    started = []

    def run(name, said):
        waits = "import time; time.sleep(60)"
        fails = "print('a warning'); raise SystemExit('No space left on device')"
        with said.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, "-c", fails if name == "world" else waits],
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        started.append(process.pid)
        return kernels._Part(process, said)

    monkeypatch.setattr(kernels, "_started", run)
    monkeypatch.setattr(kernels.os, "sched_getaffinity", lambda _: {0, 1})
    with pytest.raises(HarnessError, match=r"^compiling failed: No space left on device$"):
        kernels._compile(print)
    assert len(started) == 2
    assert not any(psutil.pid_exists(pid) for pid in started)
