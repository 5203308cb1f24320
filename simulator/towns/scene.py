"""The growing scenery of a town: each thing gets an object id, its triangles and, if it is solid, a box."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from simulator.render.mesh import Mesh, MeshBuilder
from simulator.towns.curves import Array, to_carla
from simulator.towns.ground import Plots
from simulator.towns.relief import Relief
from simulator.towns.town import Obstacle, StreetLamp
from simulator.types import BoundingBox, CityObjectLabel, Rotation, Vector3D

LAST_OBJECT_ID = 20000


def random_streams(seed: int) -> Callable[[int], np.random.Generator]:
    """Each kind of thing has its own random stream, by number, so that a change of one does not move the others."""
    return lambda number: np.random.default_rng([seed, number])


@dataclass(frozen=True)
class Frame:
    """Where a thing stands. x: along the traffic beside it; y: to the right, which is away from the road; z: up."""

    origin: Array
    yaw_deg: float

    @property
    def along(self) -> Array:
        yaw = math.radians(self.yaw_deg)
        return np.array([math.cos(yaw), math.sin(yaw)])

    @property
    def outward(self) -> Array:
        yaw = math.radians(self.yaw_deg)
        return np.array([-math.sin(yaw), math.cos(yaw)])

    def point(self, x: float, y: float, z: float = 0.0) -> Array:
        return self.origin + np.array([*(x * self.along + y * self.outward), z])

    def matrix(self, scale: float = 1.0) -> Array:
        """(3, 4), frame -> world."""
        matrix = np.zeros((3, 4))
        matrix[:2, 0], matrix[:2, 1], matrix[2, 2] = self.along, self.outward, 1.0
        matrix[:, :3] *= scale
        matrix[:, 3] = self.origin
        return matrix

    def footprint(self, x0: float, x1: float, y0: float, y1: float) -> Array:
        """(4, 2) corners of a rectangle."""
        return np.array([self.point(x, y)[:2] for x, y in ((x0, y0), (x1, y0), (x1, y1), (x0, y1))])


class StreetSide(Protocol):
    """One side of a street. bays: parking bays (start, end) along s, as `road.Side` has them."""

    @property
    def bays(self) -> tuple[tuple[float, float], ...]: ...
    def curb_m(self, s: ArrayLike) -> Array: ...


class StreetPath(Protocol):
    @property
    def length(self) -> float: ...
    def at(self, s: ArrayLike, t: ArrayLike = 0.0) -> tuple[Array, Array, Array]: ...


class Street(Protocol):
    """What scenery needs of a road: `road.Road` is one, and so is a road read from OpenDRIVE."""

    @property
    def id(self) -> int: ...
    @property
    def path(self) -> StreetPath: ...
    @property
    def right(self) -> StreetSide: ...
    @property
    def left(self) -> StreetSide | None: ...
    @property
    def avenue(self) -> bool: ...


class Streets(Protocol):
    @property
    def streets(self) -> Sequence[Street]: ...


def beside(road: Street, lane_sign: int, s: float, out_m: float, z: float = 0.0) -> Frame:
    """`out_m` beyond the curb, on the side of the road whose lane ids have this sign; x along the traffic there."""
    side = road.right if lane_sign < 0 else road.left
    assert side is not None
    x, y, heading = road.path.at(s, lane_sign * (float(side.curb_m(s)) + out_m))
    travel = float(heading) + (math.pi if lane_sign > 0 else 0.0)
    return Frame(to_carla(float(x), float(y), z), -math.degrees(travel))


@dataclass
class Scene:
    """`keep_clear`: points (n, 2) where light poles and signs stand; street furniture keeps away from them.

    relief: frames are given above it; None where the land is flat. roadway: where no furniture may stand, or None.
    """

    builder: MeshBuilder
    plots: Plots
    keep_clear: Array
    relief: Relief | None = None
    roadway: Plots | None = None
    obstacles: list[Obstacle] = field(default_factory=list)
    lamps: list[StreetLamp] = field(default_factory=list)
    last_id: int = 0

    def add(self, mesh: Mesh, frame: Frame, scale: float = 1.0) -> int:
        """Draws a thing and returns its object id."""
        self.last_id += 1
        if self.last_id > LAST_OBJECT_ID:
            raise RuntimeError(f"a town has room for {LAST_OBJECT_ID} objects")
        self.builder.extend(mesh, self.grounded(frame).matrix(scale), self.last_id)
        return self.last_id

    def block(
        self,
        id: int,
        frame: Frame,
        low: tuple[float, float, float],
        high: tuple[float, float, float],
        tag: CityObjectLabel,
        name: str,
    ) -> None:
        """Makes the box low .. high of the frame solid."""
        middle, half = (np.array(high) + np.array(low)) / 2, (np.array(high) - np.array(low)) / 2
        centre = self.grounded(frame).point(*(float(v) for v in middle))
        box = BoundingBox(
            Vector3D(*(float(v) for v in centre)),
            Vector3D(*(float(v) for v in half)),
            Rotation(0.0, frame.yaw_deg, 0.0),
        )
        self.obstacles.append(Obstacle(box, tag, id, f"{name}_{id}"))

    def grounded(self, frame: Frame) -> Frame:
        """The frame raised by the height of the land below its origin."""
        if self.relief is None:
            return frame
        return replace(
            frame, origin=frame.origin + np.array([0.0, 0.0, float(self.relief.at(frame.origin[None, :2])[0])])
        )

    def sunk(self, frame: Frame, footprint: Array) -> Frame:
        """The frame lowered to the lowest ground below a building, so that no corner of it hangs in the air."""
        if self.relief is None:
            return frame
        lowest = float(self.relief.at(footprint).min()) - float(self.relief.at(frame.origin[None, :2])[0])
        return replace(frame, origin=frame.origin + np.array([0.0, 0.0, min(0.0, lowest)]))

    def is_off_road(self, frame: Frame, reach_m: float = 0.1) -> bool:
        if self.roadway is None:
            return True
        return self.roadway.is_free(frame.footprint(-reach_m, reach_m, -reach_m, reach_m))

    def is_clear(self, frame: Frame, distance: float) -> bool:
        """Whether no pole or sign of the traffic signals stands within `distance`."""
        gaps = np.hypot(*(self.keep_clear - frame.origin[:2]).T)
        return not (gaps < distance).any()

    def stand(self, frame: Frame) -> None:
        """Keeps what is placed later away from here."""
        self.keep_clear = np.concatenate([self.keep_clear, frame.origin[None, :2]])
