"""Processes that end with the one that started them: nothing is left behind, whatever kills the parent."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import threading
import time

PR_SET_PDEATHSIG = 1


def die_with_parent(parent_pid: int) -> None:
    """Asks the kernel to terminate this process when its parent `parent_pid` ends (Linux only)."""
    try:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    except (OSError, AttributeError):
        return
    if os.getppid() != parent_pid:  # the parent ended before the request took hold
        os._exit(1)


def end_with_parent(parent_pid: int, poll_s: float = 0.5, grace_s: float = 5.0) -> None:
    """Sends this process SIGTERM when its parent `parent_pid` has ended, and ends it where that helps nothing.

    Slower than `die_with_parent`, but it does not take the end of the thread that started this process for the end of
    the parent.
    """

    def watch() -> None:
        while os.getppid() == parent_pid:
            time.sleep(poll_s)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(grace_s)
        os._exit(1)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


def end_group(process: subprocess.Popen[bytes] | subprocess.Popen[str], grace_s: float = 5.0) -> None:
    """Ends a process started with `start_new_session=True` together with everything in its process group.

    SIGTERM first; what is still there after `grace_s` seconds gets SIGKILL.
    """
    _signal_group(process.pid, signal.SIGTERM)
    deadline = time.monotonic() + grace_s
    while _group_exists(process.pid) and time.monotonic() < deadline:
        process.poll()  # reaps the leader, whose zombie would keep the group alive
        time.sleep(0.02)
    _signal_group(process.pid, signal.SIGKILL)
    process.wait()


def _signal_group(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _group_exists(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True
