"""Where the pilot has to stop at junctions: the route says where they begin, the camera what lights and signs say."""

from __future__ import annotations

import math

from agents.pilot.perception import Sighting
from agents.plan import RoadOption
from agents.route import Route

WATCH_FROM_M = 45.0
# The stop line lies this far before the route's manoeuvre begins: a crosswalk and the curve of the kerb are between.
LINE_BEFORE_M = 8.5
# A vehicle whose centre is this near to the line stands at it, not behind others.
STANDS_WITHIN_M = 6.0
_TURNS = (RoadOption.LEFT, RoadOption.RIGHT, RoadOption.STRAIGHT)
_BLEND = 0.2
_CLEARLY_SEEN = 0.8  # summed probability of the cells that show a light
_FORGET = 0.4  # per second
_STOPPED_MPS = 0.15
_STAND_S = 1.0
# Four approaches take turns of fifteen seconds: what has been red for longer than three of them is the light of
# another road, seen from its side.
_LONGEST_RED_S = 50.0
# Lamps are a few pixels from far away: a junction is approached at a speed from which a late sight is soon enough.
CAREFUL_MPS = 7.0
_SLOWING_MPS2 = 1.5


class Junctions:
    """Remembers, for the junction ahead, what its light showed last and whether its stop sign was served."""

    def __init__(self, route: Route):
        entries = [
            float(route.distance_m[i])
            for i in range(1, len(route.options))
            if route.options[i] in _TURNS and route.options[i - 1] not in _TURNS
        ]
        self._entries_m = entries
        self._red = 0.0
        self._stop = 0.0
        self._stood_s = 0.0
        self._red_s = 0.0
        self._served = False
        self._entry_m = math.inf

    def update(self, sighting: Sighting, here_m: float, speed_mps: float, dt_s: float) -> None:
        """One frame; `here_m` is the vehicle's place along the route."""
        entry_m = next((m for m in self._entries_m if m - LINE_BEFORE_M > here_m), math.inf)
        if entry_m != self._entry_m:
            self._entry_m, self._red, self._stop, self._served = entry_m, 0.0, 0.0, False
            self._stood_s = self._red_s = 0.0
        if entry_m - here_m > WATCH_FROM_M:
            return
        if sighting.red + sighting.green > _CLEARLY_SEEN:
            self._red += _BLEND * (float(sighting.red > sighting.green) - self._red)
        else:  # a light does not vanish from one frame to the next, but what is never seen again was none
            self._red *= 1.0 - _FORGET * dt_s
        self._stop += _BLEND * (float(sighting.stop > 1.0) - self._stop) if sighting.stop > 1.0 else 0.0
        near = entry_m - here_m < LINE_BEFORE_M + STANDS_WITHIN_M
        self._stood_s += dt_s if speed_mps < _STOPPED_MPS and near else 0.0
        self._served = self._served or self._stood_s > _STAND_S
        self._red_s += dt_s if self._red > 0.5 and speed_mps < _STOPPED_MPS else 0.0

    def stop_at_m(self) -> float:
        """Where along the route the vehicle's front has to stop; inf when the way is free."""
        red = self._red > 0.5 and self._red_s < _LONGEST_RED_S
        sign = self._stop > 0.6 and not self._served
        return self._entry_m - LINE_BEFORE_M if red or sign else math.inf

    def careful_mps(self, here_m: float) -> float:
        """The speed from which the vehicle comes to the next junction's line at CAREFUL_MPS; inf past the last one."""
        gap_m = max(self._entry_m - LINE_BEFORE_M - here_m, 0.0)
        return math.sqrt(CAREFUL_MPS**2 + 2.0 * _SLOWING_MPS2 * gap_m)
