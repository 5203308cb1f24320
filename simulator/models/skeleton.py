"""The bones of walkers and vehicles, by the names that CARLA's skeletons have for them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.models.people import build_of
from simulator.types import VehiclePhysicsControl

Point = NDArray[np.float64]


class Bone(NamedTuple):
    """`parent`: its number, -1 for the root. `place` (3,) m in the component's axes: x forward, y right, z up."""

    name: str
    parent: int
    place: Point


def walker_bones(number: int, phase: float) -> tuple[Bone, ...]:
    """All 66 of CARLA's skeleton (its tutorial "Walker bone control"): those of `body_bones`,
    then the ends of the toes and the fingers, stretched out."""
    body = body_bones(number, phase)
    names = [bone.name for bone in body]
    height = build_of(number).height
    bones = list(body)
    for mark in "RL":
        toe = names.index(f"crl_toe__{mark}")
        bones.append(Bone(f"crl_toeEnd__{mark}", toe, body[toe].place + height * np.array([0.03, 0.0, 0.0])))
        hand = names.index(f"crl_hand__{mark}")
        down = body[hand].place - body[body[hand].parent].place
        down /= np.linalg.norm(down)
        front = np.array([-down[2], 0.0, down[0]])
        for name, (low, fore, along) in _FINGERS.items():
            start = body[hand].place + height * (low * down + fore * front)
            direction = down + along * front
            direction /= np.linalg.norm(direction)
            parent = hand
            for joint, reach in _JOINTS.items():
                bones.append(Bone(f"crl_hand{name}{joint}__{mark}", parent, start + height * reach * direction))
                parent = len(bones) - 1
    return tuple(bones)


_FINGERS = {
    "Thumb": (0.015, 0.012, 1.0),
    "Index": (0.050, 0.014, 0.0),
    "Middle": (0.052, 0.005, 0.0),
    "Ring": (0.050, -0.004, 0.0),
    "Pinky": (0.045, -0.013, 0.0),
}
"""Of a hand that hangs down, its thumb in front: how far below and before the wrist a finger begins, by the body's
height, and how much of it points forward where it points down by 1."""
_JOINTS = {"": 0.0, "01": 0.022, "02": 0.037, "End": 0.049}
"""How far along the finger, by the body's height."""


def body_bones(number: int, phase: float) -> tuple[Bone, ...]:
    """Of walker `number` of the catalogue at a phase (0..1) of the stride: those that its body is drawn by.

    The component's origin lies between the feet. Joints and angles are those of `people`.
    """
    build = build_of(number)
    h = build.height
    hips = np.array([0.0, 0.0, 0.515 * h])
    bones = [Bone("crl_root", -1, np.zeros(3)), Bone("crl_hips__C", 0, hips)]
    lean = np.tan(np.radians(2.0))
    for name, height in (
        ("crl_spine__C", 0.10),
        ("crl_spine01__C", 0.20),
        ("crl_neck__C", 0.315),
        ("crl_Head__C", 0.37),
    ):
        bones.append(Bone(name, len(bones) - 1, hips + h * np.array([lean * height, 0.0, height])))
    head = len(bones) - 1
    for side, mark in ((1.0, "R"), (-1.0, "L")):
        bones.append(Bone(f"crl_eye__{mark}", head, bones[head].place + h * np.array([0.05, side * 0.018, 0.04])))
    for side, mark, offset in ((1.0, "R", 0.0), (-1.0, "L", 0.5)):
        cycle = 2.0 * np.pi * (phase + offset)
        arm = -np.radians(24.0) * np.sin(cycle)
        shoulder = hips + h * np.array([lean * 0.285, side * build.shoulder * build.stoutness, 0.285])
        elbow = shoulder + 0.172 * h * _hanging(arm) + np.array([0.0, side * 0.022 * h, 0.0])
        hand = elbow + 0.150 * h * _hanging(arm + np.radians(16.0))
        first = len(bones)
        bones.append(Bone(f"crl_shoulder__{mark}", 3, (shoulder + bones[3].place) / 2.0))
        bones.append(Bone(f"crl_arm__{mark}", first, shoulder))
        bones.append(Bone(f"crl_foreArm__{mark}", first + 1, elbow))
        bones.append(Bone(f"crl_hand__{mark}", first + 2, hand))
    for side, mark, offset in ((1.0, "R", 0.0), (-1.0, "L", 0.5)):
        cycle = 2.0 * np.pi * (phase + offset)
        thigh = np.radians(23.0) * np.sin(cycle) + np.radians(2.0)
        bend = np.radians(4.0 + 40.0 * max(0.0, float(np.cos(cycle + 0.5))) ** 2)
        joint = hips + np.array([0.0, side * build.hip * h * 0.52, 0.0])
        knee = joint + 0.245 * h * _hanging(thigh)
        ankle = knee + 0.240 * h * _hanging(thigh - bend)
        first = len(bones)
        bones.append(Bone(f"crl_thigh__{mark}", 1, joint))
        bones.append(Bone(f"crl_leg__{mark}", first, knee))
        bones.append(Bone(f"crl_foot__{mark}", first + 1, ankle))
        bones.append(Bone(f"crl_toe__{mark}", first + 2, ankle + h * np.array([0.08, 0.0, -0.02])))
    return tuple(bones)


_WHEELS = ("Wheel_Front_Left", "Wheel_Front_Right", "Wheel_Rear_Left", "Wheel_Rear_Right")


def vehicle_bones(physics: VehiclePhysicsControl) -> tuple[Bone, ...]:
    """The base and a bone at the hub of each wheel; wheel positions of `physics` in the vehicle's own frame, cm."""
    wheels = [np.array(wheel.position) / 100.0 for wheel in physics.wheels]
    return (
        Bone("Vehicle_Base", -1, np.zeros(3)),
        *(Bone(name, 0, place) for name, place in zip(_WHEELS, wheels)),
    )


def _hanging(angle: float) -> Point:
    """A unit vector that hangs down, swung forward by `angle` radians."""
    return np.array([np.sin(angle), 0.0, -np.cos(angle)])
