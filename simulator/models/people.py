"""Walkers: adults and children of either sex in eight phases of a stride."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.models.shapes import Points, ellipsoid, limb, loft, point
from simulator.render.materials import Material
from simulator.render.mesh import Mesh, MeshBuilder
from simulator.world.blueprints.walkers import CHILDREN

GAIT_FRAMES = 8
ADULT_HEIGHT_M = 1.86
"""CARLA's adults are all this tall: their origin is 0.93 m above the ground."""

SLENDER = frozenset({1, 4, 5, 8, 10, 12, 14, 17, 21, 22, 23, 25, 28, 29, 33, 34, 38, 39, 42, 43, 46, 47, 49})
"""Who is drawn slender and with long hair, children with a skirt: how our figures look. `gender` of the blueprints is
CARLA's, and another thing."""


@dataclass(frozen=True)
class Build:
    """Body measures in fractions of the standing height, but `height` itself in metres."""

    height: float = ADULT_HEIGHT_M
    shoulder: float = 0.128
    waist: float = 0.088
    hip: float = 0.098
    depth: float = 0.068
    head: float = 0.062
    stoutness: float = 1.0
    skirt: bool = False
    long_hair: bool = False
    hat: bool = False
    sleeves: bool = True


def build_of(number: int) -> Build:
    """How walker `number` of CARLA's catalogue is built."""
    stout = 0.92 + 0.045 * (number * 7 % 5)
    if number in CHILDREN:
        slender = number in SLENDER
        height = 1.10 + 0.06 * (number % 4)
        return Build(
            height, 0.125, 0.095, 0.098, 0.075, 0.085, stout, skirt=slender, long_hair=slender, sleeves=number % 2 == 0
        )
    if number in SLENDER:
        return Build(
            shoulder=0.112, waist=0.076, hip=0.102, depth=0.062, head=0.060, stoutness=stout,
            skirt=number % 3 == 1, long_hair=True, sleeves=number % 2 == 0,
        )  # fmt: skip
    return Build(stoutness=stout, hat=number % 6 == 0, sleeves=number % 4 != 3)


@dataclass(frozen=True)
class Fabrics:
    skin: Material = Material.SKIN
    upper: Material = Material.UPPER_CLOTHING
    lower: Material = Material.LOWER_CLOTHING
    shoes: Material = Material.SHOES
    hair: Material = Material.HAIR


def _turn(length: float, angle: float) -> Points:
    """A vector of `length` hanging down, swung forward by `angle` (radians) in the x-z plane."""
    return np.array([length * np.sin(angle), 0.0, -length * np.cos(angle)])


def _ring(z: float, half_depth: float, half_width: float, x: float = 0.0) -> Points:
    angle = 2.0 * np.pi * (np.arange(8) + 0.5) / 8
    return np.stack([x + half_depth * np.cos(angle), half_width * np.sin(angle), np.full(8, z)], axis=1) * [
        1.0,
        1.0,
        1.0,
    ]


def add_torso(builder: MeshBuilder, build: Build, hip: Points, lean: float, fabrics: Fabrics) -> tuple[Points, Points]:
    """Pelvis, trunk, neck and head above `hip` (3,). Returns the right and left shoulder joints."""
    h, stout = build.height, build.stoutness
    heights = np.array([-0.045, 0.02, 0.10, 0.20, 0.285, 0.315]) * h
    widths = (
        np.array([build.hip * 0.9, build.hip, build.waist, build.shoulder * 0.93, build.shoulder, 0.06]) * h * stout
    )
    depths = (
        np.array([build.depth * 0.9, build.depth, build.depth * 0.9, build.depth * 1.08, build.depth * 0.9, 0.035])
        * h
        * stout
    )
    rings = np.stack([_ring(float(z), float(d), float(w)) for z, d, w in zip(heights, depths, widths)])
    rings[..., 0] += np.tan(lean) * rings[..., 2]
    rings = rings + hip
    materials = np.full((5, 8), fabrics.upper, np.uint8)
    materials[0] = fabrics.lower
    loft(builder, rings, materials, None)
    top = hip + point(np.tan(lean) * heights[-1], 0.0, heights[-1])
    neck = top + point(0.01 * h, 0.0, 0.035 * h)
    limb(builder, top - point(0.0, 0.0, 0.01 * h), neck, 0.034 * h, 0.030 * h, fabrics.skin)
    r = build.head * h
    head = neck + point(0.012 * h, 0.0, 0.92 * r)
    ellipsoid(builder, head, np.array([r * 0.95, r * 0.80, r * 1.12]), fabrics.skin)
    crown = head + point(-0.16 * r, 0.0, 0.24 * r)
    ellipsoid(builder, crown, np.array([r * 0.95, r * 0.88, r * 1.0]), fabrics.hair, sides=6, rings=3)
    if build.long_hair:
        limb(
            builder,
            crown - point(0.45 * r, 0.0, 0.0),
            crown - point(0.60 * r, 0.0, 1.6 * r),
            0.62 * r,
            0.45 * r,
            fabrics.hair,
        )
    if build.hat:
        limb(
            builder,
            crown + point(0.9 * r, 0.0, 0.25 * r),
            crown + point(-0.8 * r, 0.0, 0.3 * r),
            0.25 * r,
            0.25 * r,
            fabrics.lower,
        )
    shoulder = hip + point(np.tan(lean) * heights[-2], 0.0, heights[-2] - 0.02 * h)
    out = np.array([0.0, build.shoulder * h * stout * 0.98, 0.0])
    return shoulder + out, shoulder - out


def add_arm(
    builder: MeshBuilder, build: Build, shoulder: Points, elbow: Points, hand: Points, fabrics: Fabrics
) -> None:
    h = build.height
    forearm = fabrics.upper if build.sleeves else fabrics.skin
    limb(builder, shoulder + point(0.0, 0.0, 0.012 * h), elbow, 0.030 * h * build.stoutness, 0.025 * h, fabrics.upper)
    limb(builder, elbow, hand, 0.024 * h, 0.019 * h, forearm)
    ellipsoid(
        builder, hand + (hand - elbow) * 0.14, np.array([0.026, 0.018, 0.042]) * h, fabrics.skin, sides=5, rings=3
    )


def add_leg(
    builder: MeshBuilder, build: Build, hip: Points, knee: Points, ankle: Points, pitch: float, fabrics: Fabrics
) -> None:
    """Thigh, shin and a foot pitched by `pitch` radians (toe up positive)."""
    h, stout = build.height, build.stoutness
    bare = fabrics.skin if build.skirt else fabrics.lower
    limb(builder, hip + point(0.0, 0.0, 0.02 * h), knee, 0.050 * h * stout, 0.034 * h * stout, fabrics.lower)
    limb(builder, knee, ankle, 0.033 * h * stout, 0.024 * h, bare)
    toe = np.array([np.cos(pitch), 0.0, np.sin(pitch)]) * 0.105 * h
    heel = ankle - point(0.012 * h, 0.0, 0.008 * h) - toe * 0.15
    limb(builder, heel, heel + toe * 1.15, 0.026 * h, 0.020 * h, fabrics.shoes, sides=5)


def _walking_frame(build: Build, phase: float) -> Mesh:
    builder = MeshBuilder()
    fabrics = Fabrics()
    h = build.height
    thigh, shin = 0.245 * h, 0.240 * h
    # A child of 1.1 m takes quicker, not wider, strides for its legs: the same angles serve.
    swing = np.radians(23.0)
    hip = np.zeros(3)
    right, left = add_torso(builder, build, hip, np.radians(2.0), fabrics)
    for side, offset in ((1.0, 0.0), (-1.0, 0.5)):
        cycle = 2.0 * np.pi * (phase + offset)
        thigh_angle = swing * np.sin(cycle) + np.radians(2.0)
        # The knee of the swinging leg bends most just before it passes the standing one.
        bend = np.radians(4.0 + 40.0 * max(0.0, np.cos(cycle + 0.5)) ** 2)
        joint = hip + point(0.0, side * build.hip * h * 0.52, 0.0)
        knee = joint + _turn(thigh, thigh_angle)
        ankle = knee + _turn(shin, thigh_angle - bend)
        add_leg(builder, build, joint, knee, ankle, 0.6 * (thigh_angle - bend * 0.5), fabrics)
        shoulder = right if side > 0 else left
        arm_angle = -np.radians(24.0) * np.sin(cycle)
        elbow = shoulder + _turn(0.172 * h, arm_angle) + point(0.0, side * 0.022 * h, 0.0)
        hand = elbow + _turn(0.150 * h, arm_angle + np.radians(16.0))
        add_arm(builder, build, shoulder, elbow, hand, fabrics)
    if build.skirt:
        spread = abs(np.sin(2.0 * np.pi * phase))
        rings = np.stack(
            [
                _ring(0.03 * h, build.depth * h, build.hip * h * 1.02),
                _ring(-0.10 * h, (build.depth + 0.02 + 0.03 * spread) * h, build.hip * h * 1.15),
                _ring(-0.22 * h, (build.depth + 0.03 + 0.07 * spread) * h, build.hip * h * 1.28),
            ]
        )
        loft(builder, rings, fabrics.lower, None)
    return builder.build()


def build_walker(number: int) -> tuple[Mesh, ...]:
    """Eight frames of a stride, both feet's lowest point on the ground half the height below the origin.

    Phase 0 is mid-stance, the pose in which a walker that stands still is drawn.
    """
    build = build_of(number)
    frames = [_walking_frame(build, i / GAIT_FRAMES) for i in range(GAIT_FRAMES)]
    tallest = max(float(np.ptp(f.vertices[:, 2])) for f in frames)
    scale = np.float32(build.height / tallest)
    grounded = []
    for frame in frames:
        v = frame.vertices * scale
        v[:, 2] -= v[:, 2].min() + np.float32(build.height / 2.0)
        grounded.append(Mesh(v, frame.triangles, frame.materials, frame.objects))
    return tuple(grounded)
