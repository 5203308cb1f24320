"""What clients draw into the world for debugging: lines, for as long as they are to be seen."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np

from simulator.types import BoundingBox, Color, Rotation, Transform, Vector3D
from simulator.world.poses import matrix
from simulator.world.state import WorldState
from simulator.world.view import Stroke

MOST_STROKES = 50_000
"""Then the oldest go."""
_FOREVER = float("inf")
_TIP_SPREAD = 0.5
"""Half width of an arrow's tip over its length."""
_EDGES = ((0, 1), (0, 2), (0, 4), (1, 3), (1, 5), (2, 3), (2, 6), (3, 7), (4, 5), (4, 6), (5, 7), (6, 7))


def point(place: Vector3D, size_m: float, color: Color) -> list[Stroke]:
    return [Stroke(place, place, size_m, color)]


def line(begin: Vector3D, end: Vector3D, width_m: float, color: Color) -> list[Stroke]:
    return [Stroke(begin, end, width_m, color)]


def arrow(begin: Vector3D, end: Vector3D, width_m: float, tip_m: float, color: Color) -> list[Stroke]:
    """The line and four barbs, `tip_m` long."""
    a, b = np.array(begin), np.array(end)
    length = float(np.linalg.norm(b - a))
    if not length > 0.0:
        return line(begin, end, width_m, color)
    forward = (b - a) / length
    side = np.cross(forward, [0.0, 0.0, 1.0] if abs(forward[2]) < 0.9 else [1.0, 0.0, 0.0])
    side /= np.linalg.norm(side)
    across = (side, -side, np.cross(forward, side), -np.cross(forward, side))
    barbs = [b - tip_m * forward + tip_m * _TIP_SPREAD * out for out in across]
    return [
        Stroke(begin, end, width_m, color),
        *(Stroke(end, Vector3D(*barb.tolist()), width_m, color) for barb in barbs),
    ]


def box(around: BoundingBox, rotation: Rotation, width_m: float, color: Color) -> list[Stroke]:
    """The twelve edges. As in CARLA the box's own rotation does not count, `rotation` does."""
    m = matrix(Transform(around.location, rotation))
    signs = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], float)
    corners = [Vector3D(*corner.tolist()) for corner in signs * np.array(around.extent) @ m[:3, :3].T + m[:3, 3]]
    return [Stroke(corners[i], corners[j], width_m, color) for i, j in _EDGES]


class DebugShapes(WorldState):
    """The strokes of a world and when they vanish."""

    _strokes: deque[tuple[float, int, Stroke]]
    """With the time and the step after which each is gone."""

    def clear_debug_shapes(self) -> None:
        self._strokes = deque(maxlen=MOST_STROKES)

    def draw_debug(self, strokes: Sequence[Stroke], life_s: float, persistent: bool) -> None:
        """`life_s` in seconds of the simulation: 0 stays until it is cleared, less than 0 is there for one frame.

        What is not persistent is there for one frame as well unless it has a life of its own.
        """
        until_s, until_step = (self.elapsed_s + life_s, 0) if life_s > 0.0 else (0.0, self.steps + 1)
        if life_s == 0.0 and persistent:
            until_s = _FOREVER
        self._strokes.extend((until_s, until_step, stroke) for stroke in strokes)

    def visible_strokes(self) -> tuple[Stroke, ...]:
        """Those of the step just made; what has lived its life is forgotten."""
        if not self._strokes:
            return ()
        now_s, step = self.elapsed_s - 1e-6, self.steps
        self._strokes = deque(
            ((s, k, stroke) for s, k, stroke in self._strokes if s >= now_s or k >= step), maxlen=MOST_STROKES
        )
        return tuple(stroke for _, _, stroke in self._strokes)
