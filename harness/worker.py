"""One episode in a process of its own: `harness.executor` starts it, feeds its request and reads its messages.

Whatever an agent prints goes to the episode's log; messages travel through a pipe of their own, one JSON object a line.
"""

from __future__ import annotations

import faulthandler
import json
import os
import signal
import sys
import threading
import time
import traceback
from typing import Any

from harness.errors import EXIT_INTERRUPTED, EXIT_SERVER, EXIT_USAGE, Ended, HarnessError, ServerError
from harness.lifeline import die_with_parent
from harness.server import server_for
from scenarios.errors import ScenarioError

CLOSING_S = 4.0


def main() -> int:
    pipe, parent_pid, server_life = (int(argument) for argument in sys.argv[1:4])
    die_with_parent(parent_pid)
    faulthandler.enable()  # the client library ends a process by abort(): the log then says where
    request = json.loads(sys.stdin.buffer.read())
    if request["carla"]:
        signal.signal(signal.SIGTERM, _end)

    def tell(message: dict[str, Any]) -> None:
        os.write(pipe, json.dumps(message).encode() + b"\n")

    tell({"event": "state", "text": "starting"})
    started = time.monotonic()

    def lost(reason: str) -> None:
        print(reason, file=sys.stderr, flush=True)
        tell({"event": "failed", "reason": reason})
        os._exit(EXIT_SERVER)

    try:
        with server_for(request, lost, server_life) as server:
            # numba and its kernels load for seconds, while the server starts
            from harness.episode import run_episode

            summary = run_episode(request, tell, server)
    except ScenarioError as error:
        tell({"event": "failed", "reason": str(error), "final": True})
        traceback.print_exc()  # second: it fails where the disk is full
        return EXIT_USAGE
    except HarnessError as error:
        tell({"event": "failed", "reason": str(error), "final": not isinstance(error, ServerError)})
        traceback.print_exc()
        return error.exit_code
    except Exception as error:  # a defect of ours: told, and the drive tried again
        tell({"event": "failed", "reason": f"{type(error).__name__}: {error}"})
        traceback.print_exc()
        return 1
    tell({"event": "finished", **summary, "wall_s": time.monotonic() - started})
    return 0


def _end(*_: object) -> None:
    """A server of the user goes on: it gets its actors taken away and its own pace back, if that takes no time."""
    threading.Timer(CLOSING_S, os._exit, [EXIT_INTERRUPTED]).start()
    raise Ended


if __name__ == "__main__":
    try:
        code = main()
    except Ended:
        code = EXIT_INTERRUPTED
    sys.stdout.flush()
    sys.stderr.flush()
    # The carla client's threads can abort an orderly interpreter exit; everything is on disk by now.
    os._exit(code)
