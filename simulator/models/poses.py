"""Walkers in poses that clients give them: bodies built around the joints of a skeleton.

A posed walker is a model with a name of its own, `walker.pedestrian.0007@...`, that tells where its joints are. So
whoever draws or measures finds it by its name like any other model, and one that holds its pose is built once.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from simulator.models.people import Fabrics, add_arm, add_leg, add_torso, build_of
from simulator.render.mesh import Mesh, MeshBuilder

MARK = "@"
JOINTS = (
    "crl_hips__C",
    "crl_neck__C",
    *(f"crl_{part}__{side}" for side in "RL" for part in ("arm", "foreArm", "hand", "thigh", "leg", "foot", "toe")),
)
_PER_M = 100.0
"""Joints are known to the centimetre."""
_STEEPEST_LEAN_RAD = 0.9

Point = NDArray[np.float64]


def posed_name(blueprint_id: str, joints: Mapping[str, Point]) -> str:
    """joints: by the names of `JOINTS`, (3,) m from between the feet; x forward, y right, z up."""
    places = np.rint(np.stack([joints[name] for name in JOINTS]) * _PER_M).astype(int)
    return f"{blueprint_id}{MARK}{','.join(map(str, places.ravel().tolist()))}"


def build_posed(name: str) -> Mesh:
    """The body of a name from `posed_name`, relative to the middle of the standing walker."""
    blueprint_id, _, text = name.partition(MARK)
    places = np.array([int(part) for part in text.split(",")], np.float64).reshape(-1, 3) / _PER_M
    at = dict(zip(JOINTS, places, strict=True))
    build, fabrics, builder = build_of(int(blueprint_id.rsplit(".", 1)[1])), Fabrics(), MeshBuilder()
    up = at["crl_neck__C"] - at["crl_hips__C"]
    lean = float(np.clip(np.arctan2(up[0], up[2]), -_STEEPEST_LEAN_RAD, _STEEPEST_LEAN_RAD))
    add_torso(builder, build, at["crl_hips__C"], lean, fabrics)
    for side in "RL":
        arm, fore, hand = (at[f"crl_{part}__{side}"] for part in ("arm", "foreArm", "hand"))
        add_arm(builder, build, arm, fore, hand, fabrics)
        hip, knee, ankle, toe = (at[f"crl_{part}__{side}"] for part in ("thigh", "leg", "foot", "toe"))
        rise = toe - ankle + np.array([0.0, 0.0, 0.02 * build.height])  # of a level foot 0
        add_leg(builder, build, hip, knee, ankle, float(np.arctan2(rise[2], np.hypot(rise[0], rise[1]))), fabrics)
    mesh = builder.build()
    vertices = mesh.vertices - np.array([0.0, 0.0, build.height / 2.0], np.float32)
    return Mesh(vertices.astype(np.float32), mesh.triangles, mesh.materials, mesh.objects)
