import signal
import time

import pytest

from harness.time_limit import within


def test_what_hangs_is_waited_for_no_longer_than_allowed() -> None:
    with pytest.raises(TimeoutError, match=r"took more than 0\.05 s"), within(0.05):
        time.sleep(30.0)
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_what_is_done_in_time_is_not_cut_off_later_and_an_alarm_of_its_own_is_left_as_it_was() -> None:
    rung = []
    before = signal.signal(signal.SIGALRM, lambda *_: rung.append("its own"))
    try:
        with within(0.1):
            pass
        time.sleep(0.15)
        assert rung == []
        signal.raise_signal(signal.SIGALRM)
        assert rung == ["its own"]
    finally:
        signal.signal(signal.SIGALRM, before)
