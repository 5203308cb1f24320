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
                [sys.executable, "-c", fails if name == list(kernels.PARTS)[1] else waits],
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        started.append(process.pid)
        return kernels._Part(process, said, expected_s=10.0)

    monkeypatch.setattr(kernels, "_started", run)
    monkeypatch.setattr(kernels.os, "sched_getaffinity", lambda _: {0, 1})
    with pytest.raises(HarnessError, match=r"^compiling failed: No space left on device$"):
        kernels._compile(print)
    assert len(started) == 2
    assert not any(psutil.pid_exists(pid) for pid in started)


def test_the_bar_moves_with_processor_time_and_ends_with_the_parts(monkeypatch, tmp_path):
    running = kernels._Part(subprocess.Popen(["true"]), tmp_path, 20.0)
    running.process.wait()
    monkeypatch.setattr(kernels._Part, "cpu_s", lambda _: 5.0)
    monkeypatch.setattr(kernels, "PARTS", {"a": (print, 20.0), "b": (print, 20.0), "c": (print, 10.0)})
    assert kernels._done_s({"a", "b", "c"}, {}) == 0.0
    assert kernels._done_s({"b", "c"}, {"b": running}) == 25.0
    assert kernels._done_s(set(), {}) == 50.0
