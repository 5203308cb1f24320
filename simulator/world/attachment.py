"""How an attached actor hangs on its parent: on one of its bones, or on the arm of a chase camera."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from simulator.types import Rotation, Transform, Vector3D
from simulator.world.poses import matrix, rotation_of


class Attachment(IntEnum):
    """`carla.AttachmentType`."""

    RIGID = 0
    SPRING_ARM = 1
    SPRING_ARM_GHOST = 2


@dataclass(frozen=True, eq=False)
class BonePlace:
    """At a bone. pose (4, 4): its axes -> the parent's."""

    pose: NDArray[np.float64]

    def matrix(self, parent: NDArray[np.float64]) -> NDArray[np.float64]:
        """(4, 4) parent -> world gives (4, 4) this place -> world."""
        return parent @ self.pose


@dataclass(frozen=True, eq=False)
class SpringArm:
    """At the end of an arm that looks back along itself at the parent, which turns it, but does not tilt it.

    After CARLA's `ActorAttacher.cpp` (the arm turned by `MakeFromX(-location of the child)`, pitch and roll not
    inherited) and Unreal's `USpringArmComponent`, without their lag and without the arm that is shortened by walls.
    end: of the arm in the parent's frame, m. lift_m: how far the whole arm is raised.
    """

    end: Vector3D
    lift_m: float

    def matrix(self, parent: NDArray[np.float64]) -> NDArray[np.float64]:
        """(4, 4) parent -> world gives (4, 4) the arm's end -> world."""
        length = math.hypot(*self.end)
        own = Rotation()
        if length > 0.0:
            away = math.hypot(self.end.x, self.end.y)
            own = Rotation(math.degrees(math.atan2(-self.end.z, away)), _yaw_deg(-self.end.x, -self.end.y), 0.0)
        yaw_deg = rotation_of(parent[:3, :3] @ matrix(Transform(rotation=own))[:3, :3]).yaw
        arm = matrix(Transform(Vector3D(*parent[:3, 3].tolist()), Rotation(own.pitch, yaw_deg, 0.0)))
        arm[:3, 3] += np.array([0.0, 0.0, self.lift_m]) - length * arm[:3, 0]
        return arm


Place = BonePlace | SpringArm


def spring_arm(attachment: int, end: Vector3D) -> SpringArm:
    """CARLA raises the arm that is kept out of walls by 0.3 m, lest it meet bumps of the road."""
    return SpringArm(end, 0.3 if attachment == Attachment.SPRING_ARM else 0.0)


def _yaw_deg(x: float, y: float) -> float:
    return math.degrees(math.atan2(y, x)) if x or y else 0.0
