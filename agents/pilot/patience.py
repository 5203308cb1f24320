"""When nothing comes of waiting: a short creep towards what seemed to stand in the way, to see it from nearer.

A parked car at the kerb or a patch of odd road can look, from one place, like a vehicle in the lane; a vehicle that
waits for the same thing looks the same for as long as it does. Published camera agents creep after a while for
this reason (TransFuser's "creep"). For people who stand there the pilot waits as long before every creep. What it does
at lights is decided by `agents.pilot.junctions`, and no creep leads past a line at which it has to stop.
"""

from __future__ import annotations

import math

CREEP_MPS = 1.5
_STANDING_MPS = 0.1
# Shorter than any time limit on standing still. A queue at a long red may stand for longer: the creep is shorter than
# the gap to it, and the next one follows only where it still stands. People do not queue.
VEHICLE_S, PERSON_S = 30.0, 20.0
# Where it has crept up to a vehicle already, the next look follows sooner.
_AGAIN_S, _AGAIN_WITHIN_M = 8.0, 15.0
# Less than the pilot's distance to a vehicle that it waits behind.
_CREEP_M = 2.5
_LONGEST_CREEP_S = 5.0


class Patience:
    """Counts how long the vehicle has stood because of a vehicle, or of a person, ahead."""

    def __init__(self, patience_s: float = VEHICLE_S, again_s: float = _AGAIN_S) -> None:
        self._patience_s, self._again_s = patience_s, again_s
        self._stood_s = 0.0
        self._crept_at_m = -math.inf
        self._creep_until_m = -math.inf
        self._creeping_s = 0.0

    def update(self, waits: bool, here_m: float, speed_mps: float, dt_s: float) -> bool:
        """One tick. `waits`: that one thing, and nothing else, keeps the pilot standing. True while it should creep."""
        if here_m < self._creep_until_m:
            if not waits:
                return False  # somebody steps by: the creep goes on afterwards
            self._creeping_s += dt_s
            if self._creeping_s < _LONGEST_CREEP_S:
                return True
            self._creep_until_m = -math.inf
        # A passer-by interrupts the waiting and does not end it.
        self._stood_s = self._stood_s + dt_s * waits if speed_mps < _STANDING_MPS else 0.0
        again = here_m - self._crept_at_m < _AGAIN_WITHIN_M
        if not waits or self._stood_s < (self._again_s if again else self._patience_s):
            return False
        self._stood_s, self._creeping_s = 0.0, 0.0
        self._crept_at_m = self._crept_at_m if again else here_m
        self._creep_until_m = here_m + _CREEP_M
        return True
