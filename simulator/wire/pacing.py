"""Keeping the next snapshot away from a weak spot of the client's Traffic Manager.

In synchronous mode the client's main thread wakes its Traffic Manager without holding the lock that the Traffic Manager
tests its flag under. A snapshot that arrives just when the Traffic Manager is back from its `get_episode_settings` call
can lose that wake-up, and then both threads wait for ever. A real CARLA frame takes long enough never to meet the gap.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from weakref import WeakKeyDictionary

from simulator.wire.rpc import Connection

PAUSE_S = 0.003
"""From the answer to `get_episode_settings` to the next snapshot: 100,000 ticks passed with 1 ms, 3 ms is to spare."""
PATIENCE_S = 0.05
"""How long to wait for a `get_episode_settings` that does not come."""


class _Steps:
    """What one connection's Traffic Manager did."""

    def __init__(self) -> None:
        self.under_way = False
        self.settled = asyncio.Event()
        self.settled_at_s = 0.0


class TrafficManagerPacing:
    """Watches the calls of every connection and holds a tick back for those that run a Traffic Manager."""

    def __init__(self) -> None:
        self._steps: WeakKeyDictionary[Connection, _Steps] = WeakKeyDictionary()

    def saw(self, connection: Connection, method: str) -> None:
        """To be told of each call, right before it is answered."""
        if (
            method == "get_vehicle_light_states"
        ):  # the first call of a Traffic Manager's step, and of hardly anyone else
            step = self._steps.setdefault(connection, _Steps())
            step.under_way = True
            step.settled.clear()
        elif method == "get_episode_settings" and connection in self._steps:
            step = self._steps[connection]
            step.under_way = False
            step.settled_at_s = time.perf_counter()
            step.settled.set()

    async def settled(self, connections: Iterable[Connection]) -> None:
        """Waits until all have done the step that they began, so that the tick's own work counts as pause."""
        for step in self._of(connections):
            if step.under_way:
                try:
                    await asyncio.wait_for(step.settled.wait(), PATIENCE_S)
                except asyncio.TimeoutError:
                    step.under_way = False

    async def pause(self, connections: Iterable[Connection]) -> None:
        """Waits for what is left of the pause."""
        last_s = max((step.settled_at_s for step in self._of(connections)), default=0.0)
        left_s = last_s + PAUSE_S - time.perf_counter()
        if left_s > 0.0:
            await asyncio.sleep(left_s)

    def _of(self, connections: Iterable[Connection]) -> list[_Steps]:
        return [self._steps[c] for c in connections if c in self._steps]
