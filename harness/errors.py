"""What can go wrong before or during a run, and the exit code that each kind ends with."""

from __future__ import annotations

EXIT_OK = 0
EXIT_EPISODES_FAILED = 1
EXIT_USAGE = 2
EXIT_SERVER = 3
EXIT_INTERRUPTED = 130


class Ended(BaseException):
    """This process is told to end: what it has on a server of others is taken away again on the way."""


class HarnessError(Exception):
    """An error that the user can mend; its text is one clear line."""

    exit_code = EXIT_USAGE


class ServerError(HarnessError):
    """No CARLA server could be started or reached, or it stopped answering."""

    exit_code = EXIT_SERVER
