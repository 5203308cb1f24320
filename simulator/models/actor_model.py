"""What the renderer, the collision tests and the client know of an actor's shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simulator.render.mesh import Mesh
from simulator.types import CityObjectLabel, Vector3D


@dataclass(frozen=True)
class ActorModel:
    """A shape in actor coordinates (x forward, y right, z up, metres).

    frames: gait frames; one for rigid things, eight phases of a stride for walkers and of a pedal turn for cyclists.
    extent: half sizes of the box around all frames. centre: of that box, relative to the actor's origin.
    tag: of the whole, where it is not that of what each part is made of. foot: half sizes of the upright box over the
    origin that throws its shadow, where that around all of it is mostly air.
    """

    frames: tuple[Mesh, ...]
    extent: Vector3D
    centre: Vector3D
    tag: CityObjectLabel | None = None
    foot: Vector3D | None = None


def actor_model(frames: Sequence[Mesh]) -> ActorModel:
    """Measures the box around all frames."""
    low = np.min([frame.vertices.min(axis=0) for frame in frames], axis=0).astype(float)
    high = np.max([frame.vertices.max(axis=0) for frame in frames], axis=0).astype(float)
    extent, centre = (high - low) / 2.0, (high + low) / 2.0
    return ActorModel(tuple(frames), Vector3D(*extent.tolist()), Vector3D(*centre.tolist()))
