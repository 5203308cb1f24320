"""Threads that share pieces of work."""

from __future__ import annotations

import multiprocessing
import threading

import pytest

from fusion.cpu.crew import Crew


def test_results_come_in_the_order_of_the_parts_and_from_several_threads() -> None:
    meeting = threading.Barrier(3, timeout=20.0)  # passed only if all three are at work at once

    def work(top: int, end: int) -> tuple[int, int]:
        meeting.wait()
        return top, end

    parts = [(0, 4), (4, 8), (8, 9)]
    crew = Crew(2, "test")
    assert crew.run(work, parts) == parts
    assert crew.run(work, parts) == parts


@pytest.mark.parametrize("bad", [0, 4, 8])
def test_an_error_of_any_part_is_raised_when_all_are_done_and_the_crew_works_on(bad: int) -> None:
    done: list[int] = []

    def work(top: int, end: int) -> int:
        if top == bad:
            raise ValueError(f"rows from {top}")
        done.append(top)
        return end - top

    crew, parts = Crew(2, "test"), [(0, 4), (4, 8), (8, 9)]
    with pytest.raises(ValueError, match=f"rows from {bad}"):
        crew.run(work, parts)
    assert sorted(done) == [top for top, _ in parts if top != bad]
    assert crew.run(lambda top, end: end - top, parts) == [4, 4, 1]


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork")
def test_a_crew_goes_on_in_a_forked_process_while_its_own_goes_on_too() -> None:
    crew, parts = Crew(2, "test"), [(0, 4), (4, 8), (8, 9)]
    assert crew.run(lambda top, end: end - top, parts) == [4, 4, 1]
    fork = multiprocessing.get_context("fork")
    answers = fork.SimpleQueue()
    with crew._giving:  # as where another thread gives out work just then
        child = fork.Process(target=lambda: answers.put(crew.run(lambda top, end: top + end, parts)), daemon=True)
        child.start()
    child.join(20.0)
    hangs = child.is_alive()
    child.kill()
    assert not hangs
    assert child.exitcode == 0
    assert answers.get() == [4, 12, 17]
    assert crew.run(lambda top, end: end - top, parts) == [4, 4, 1]


def test_a_crew_that_gets_no_thread_raises_and_works_when_there_are_some_again(monkeypatch: pytest.MonkeyPatch) -> None:
    crew, parts, start = Crew(2, "test"), [(0, 4), (4, 8), (8, 9)], threading.Thread.start

    def start_the_first(thread: threading.Thread) -> None:
        if thread.name == "test_1":
            raise RuntimeError("can't start new thread")
        start(thread)

    with monkeypatch.context() as few:
        few.setattr(threading.Thread, "start", start_the_first)
        for _ in range(2):
            with pytest.raises(RuntimeError, match="can't start new thread"):
                crew.run(lambda top, end: end - top, parts)
    assert crew.run(lambda top, end: end - top, parts) == [4, 4, 1]
