"""Listening to sensors, and an end to it after which none of the client's threads still holds a callback of ours."""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import carla

PATIENCE_S = 5.0


class Listening:
    """The sensors that a program listens to.

    `Sensor.stop` returns while the client's streaming threads still hold the callback. They let go of it a little
    later, for which they need the interpreter; if that is ending by then, the client library aborts the process.
    """

    def __init__(self) -> None:
        self.sensors: list[carla.Sensor] = []
        self._callbacks: list[weakref.ref[Any]] = []
        self._let_go: list[weakref.ref[Any]] = []

    def begin(self, sensor: carla.Sensor, callback: Callable[[Any], None]) -> None:
        # An object of its own that only the client holds, so that its end tells when the client is through with it.
        held = partial(callback)
        self.sensors.append(sensor)
        # list.append runs no Python code: the streaming thread gives the interpreter back once it is through.
        self._callbacks.append(weakref.ref(held, self._let_go.append))
        sensor.listen(held)

    def stop(self) -> None:
        """Stops all and waits until the client is through with every callback. Not to be called by one of them."""
        for sensor in self.sensors:
            if sensor.is_listening:
                sensor.stop()
        give_up = time.monotonic() + PATIENCE_S
        while len(self._let_go) < len(self._callbacks) and time.monotonic() < give_up:
            time.sleep(0.001)

    def end(self) -> None:
        """Stops, then removes the sensors from the world. May be called twice."""
        self.stop()
        _remove(self.sensors)
        self.sensors.clear()


def _remove(sensors: Sequence[carla.Sensor]) -> None:
    for sensor in sensors:
        # A server that has gone, or an ego destroyed with its cameras, leaves nothing to remove.
        try:
            if sensor.is_alive:
                sensor.destroy()
        except RuntimeError:
            continue
