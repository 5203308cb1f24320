"""What stands in the way: sightings of many frames, gathered along the route while the vehicle moves."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# A vehicle in the lane shows cells near its middle; a parked one beside it, seen 20 % too near, must not.
# People are asked for wider: half the width that the vehicle needs, and a margin.
VEHICLE_CORRIDOR_M = 0.95
PERSON_CORRIDOR_M = 1.7
# A vehicle this near fills the lane; what fills only a part of it is the rim of one that is parked beside it.
NEAR_M, NEAR_WIDTH_M = 12.0, 1.1
# Nearer than the pilot ever comes to a vehicle, one must have been seen from farther away before: bare road in front of
# the bonnet, outside the beam of the lamps, can look like the flank of something dark.
SEEN_BEFORE_M, SEEN_BEFORE = 5.0, 0.2
LOOK_AHEAD_M = 55.0
_BLEND = 0.4  # share of a new frame in a bin's evidence: two frames that agree are believed
_MATCH_M = 2.5
_CONFIRMED = 3
_FORGET_AFTER = 8
_HORIZON_S = 4.0


@dataclass
class _Track:
    """A person seen over several frames: world position (m) and velocity (m/s) by an alpha-beta filter."""

    x: float
    y: float
    vx: float = 0.0
    vy: float = 0.0
    hits: int = 1
    misses: int = 0

    def follow(self, x: float, y: float, dt_s: float) -> None:
        ahead_x, ahead_y = self.x + self.vx * dt_s, self.y + self.vy * dt_s
        error_x, error_y = x - ahead_x, y - ahead_y
        self.x, self.y = ahead_x + 0.45 * error_x, ahead_y + 0.45 * error_y
        gain = 0.12 / dt_s
        self.vx, self.vy = self.vx + gain * error_x, self.vy + gain * error_y
        speed = math.hypot(self.vx, self.vy)
        if speed > 4.0:  # nobody runs faster; what does is noise in the distance
            self.vx, self.vy = self.vx * 4.0 / speed, self.vy * 4.0 / speed
        self.hits, self.misses = self.hits + 1, 0

    def coast(self, dt_s: float) -> None:
        self.x, self.y = self.x + self.vx * dt_s, self.y + self.vy * dt_s
        self.misses += 1


class RoadAhead:
    """Evidence of vehicles per metre of route, and tracks of people."""

    def __init__(self, route_xy: NDArray[np.floating]):
        """route_xy: (n, 2) points of the route, one metre apart."""
        self._route = route_xy
        step = np.diff(route_xy, axis=0, append=route_xy[-1:] + (route_xy[-1:] - route_xy[-2:-1]))
        self._tangent = step / np.maximum(np.linalg.norm(step, axis=1, keepdims=True), 1e-6)
        self._evidence = np.zeros(len(route_xy))
        self._tracks: list[_Track] = []

    def update(
        self,
        vehicles: NDArray[np.floating],
        people: NDArray[np.floating],
        pose: tuple[float, float, float],
        index: int,
        dt_s: float,
    ) -> None:
        """One frame. pose: x, y (m) and yaw (rad) of the vehicle; index: the route point it is at."""
        along, aside = self._along_route(_to_world(vehicles, pose), index)
        seen = np.zeros_like(self._evidence)
        in_way = np.abs(aside) < VEHICLE_CORRIDOR_M
        if in_way.any():
            near = in_way & (along < index + NEAR_M)
            if near.any() and np.ptp(aside[near]) < NEAR_WIDTH_M:
                in_way &= ~near
            in_way &= (along > index + SEEN_BEFORE_M) | (self._evidence[along] > SEEN_BEFORE)
            for place in along[in_way].tolist():  # a distance estimate is some per cent off
                seen[max(place - 1, 0) : place + 2] = 1.0
        self._evidence += _BLEND * (seen - self._evidence)
        self._follow(_to_world(people, pose), dt_s)

    def nearest_vehicle_m(self, index: int) -> float:
        """Metres along the route from the vehicle's centre to the nearest vehicle in the way; inf when free."""
        shown = self._evidence[index + 2 : index + int(LOOK_AHEAD_M)] > 0.5
        return float(shown.argmax() + 2) if shown.any() else math.inf

    def nearest_person_m(self, index: int, speed_mps: float) -> float:
        """The same for people who stand in the way or will have stepped into it when the vehicle arrives."""
        nearest = math.inf
        tracks = [track for track in self._tracks if track.hits >= _CONFIRMED]
        if not tracks:
            return nearest
        points, asides = self._along_route(np.array([(track.x, track.y) for track in tracks]), index)
        for track, point, aside in zip(tracks, points.tolist(), asides.tolist()):
            ahead_m = float(point - index)
            if not 0.0 < ahead_m < LOOK_AHEAD_M:
                continue
            tangent_x, tangent_y = self._tangent[point].tolist()
            aside_mps = tangent_x * track.vy - tangent_y * track.vx
            arrival_s = min(ahead_m / max(speed_mps, 2.0) + 0.5, _HORIZON_S)
            later = aside + aside_mps * arrival_s
            stands_there = abs(aside) < PERSON_CORRIDOR_M
            steps_there = abs(later) < PERSON_CORRIDOR_M or aside * later < 0.0
            if stands_there or (steps_there and abs(aside_mps) > 0.5):
                nearest = min(nearest, ahead_m)
        return nearest

    def _follow(self, seen: NDArray[np.floating], dt_s: float) -> None:
        free = [(x, y) for x, y in seen.tolist()]
        for track in self._tracks:
            x, y = track.x + track.vx * dt_s, track.y + track.vy * dt_s
            distance = [float(np.hypot(place[0] - x, place[1] - y)) for place in free]
            if distance and min(distance) < _MATCH_M:
                track.follow(*free.pop(distance.index(min(distance))), dt_s)
            else:
                track.coast(dt_s)
        self._tracks = [track for track in self._tracks if track.misses < _FORGET_AFTER]
        self._tracks += [_Track(x, y) for x, y in free]

    def _along_route(self, points: NDArray[np.floating], index: int) -> tuple[NDArray[np.intp], NDArray[np.floating]]:
        """The nearest route point of each point, and how far to the right of the route it lies (m)."""
        first, last = max(index - 3, 0), min(index + int(LOOK_AHEAD_M) + 10, len(self._route))
        window = self._route[first:last]
        if not len(points):
            return np.zeros(0, np.intp), np.zeros(0)
        dx, dy = points[:, :1] - window[:, 0], points[:, 1:] - window[:, 1]
        nearest = np.sqrt(dx * dx + dy * dy).argmin(axis=1)
        offset, tangent = points - window[nearest], self._tangent[first:last][nearest]
        return nearest + first, tangent[:, 0] * offset[:, 1] - tangent[:, 1] * offset[:, 0]


def _to_world(points: NDArray[np.floating], pose: tuple[float, float, float]) -> NDArray[np.floating]:
    x, y, yaw = pose
    cos, sin = math.cos(yaw), math.sin(yaw)
    forward, right = points[:, 0], points[:, 1]
    return np.stack([x + forward * cos - right * sin, y + forward * sin + right * cos], axis=1)
