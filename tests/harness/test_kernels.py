import os
import subprocess
import sys
import textwrap

import pytest

from harness import kernels
from harness.compiling import LOADING_S, PARTS, Part
from harness.errors import HarnessError


@pytest.fixture
def compiling(monkeypatch):
    """Compiles nothing: the parts are what `parts` says, a source of functions. The process is put into the list."""

    def start(parts):
        started = []

        def run(room, said):
            source = f"""
                import os, sys, time
                from pathlib import Path
                from harness import compiling
                {textwrap.indent(parts, " " * 16).strip()}
                compiling._load = lambda: None
                compiling.PARTS = {{f.__name__: compiling.Part(f, 1.0) for f in (first, second, third)}}
                os.sched_getaffinity = lambda _: {{0, 1}}
                compiling.main(os.getppid(), Path(sys.argv[1]))
            """
            with said.open("wb") as file:
                process = subprocess.Popen(
                    [sys.executable, "-c", textwrap.dedent(source), str(room)],
                    stdout=file,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            started.append(process)
            return process

        monkeypatch.setattr(kernels, "_started", run)
        return started

    return start


WAITS, ENDS = "def {}(): time.sleep(60)\n", "def {}(): print('a line')\n"


def test_a_part_that_cannot_be_compiled_ends_the_others_and_is_told_in_one_line(compiling):
    fails = "def second():\n    print('a warning')\n    raise OSError('No space left on device')\n"
    started = compiling(WAITS.format("first") + fails + WAITS.format("third"))
    with pytest.raises(HarnessError, match=r"^compiling failed: OSError: No space left on device$"):
        kernels._compile(print)
    with pytest.raises(ProcessLookupError):
        os.killpg(started[0].pid, 0)


def test_a_part_that_dies_is_told(compiling):
    compiling(ENDS.format("first") + "def second(): os.kill(os.getpid(), 9)\n" + ENDS.format("third"))
    with pytest.raises(HarnessError, match=r"^compiling failed: second: exit status -9$"):
        kernels._compile(print)


def test_parts_end_and_nothing_is_told_when_all_is_read_from_the_cache(compiling):
    (told, started) = [], compiling("".join(ENDS.format(name) for name in ("first", "second", "third")))
    kernels._compile(told.append)
    assert started[0].returncode == 0
    assert not told


def test_the_bar_moves_with_processor_time_and_ends_with_the_parts(monkeypatch):
    parts = {"a": Part(print, 20.0), "b": Part(print, 20.0), "c": Part(print, 10.0)}
    monkeypatch.setattr(kernels, "PARTS", parts)
    assert kernels._done_s([], 0.5, 0.0) == 0.5
    assert kernels._done_s([], LOADING_S + 5.0, 0.0) == LOADING_S
    assert kernels._done_s(["a"], LOADING_S, 5.0) == LOADING_S + 25.0
    assert kernels._done_s(["a", "b"], LOADING_S, 50.0) == LOADING_S + 50.0
    assert kernels._done_s(list(parts), LOADING_S, 0.0) == LOADING_S + 50.0


def test_the_longest_part_is_the_first_and_the_shortest_the_last():
    expected_s = [part.expected_s for part in PARTS.values()]
    assert expected_s == sorted(expected_s, reverse=True)
