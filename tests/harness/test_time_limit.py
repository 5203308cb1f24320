import signal
import time

import pytest

from harness.time_limit import within


def test_what_hangs_is_waited_for_no_longer_than_allowed() -> None:
    with pytest.raises(TimeoutError, match=r"took more than 0\.05 s"), within(0.05):
        time.sleep(30.0)
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
