"""What `faulthandler` leaves of a process that a signal has ended: where the agent was."""

from __future__ import annotations

import re
from pathlib import Path

LAST_WORDS_BYTES = 1 << 16
"""As much of the end of what a process has said holds them."""


def place_of_death(said: str, folder: Path) -> str:
    """` (agent.py:31)`: the innermost call of a file below `folder`, in the thread that ended the last process of those
    that have said this; empty where that thread was elsewhere."""
    _, found, report = said.rpartition("Fatal Python error: ")
    _, several, current = report.partition("Current thread ")  # "Stack" where no more than one was asked for
    calls = current.partition("\nThread ")[0] if several else report
    for file, line in re.findall(r'File "(.+)", line (\d+)', calls if found else ""):
        if folder in Path(file).parents:
            return f" ({Path(file).name}:{line})"
    return ""
