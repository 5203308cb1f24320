"""Two-wheelers with their riders: bicycles pedalled in eight phases, motorcycles and scooters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from simulator.models.people import GAIT_FRAMES, Build, Fabrics, add_arm, add_leg, add_torso
from simulator.models.shapes import Points, circle_xz, ellipsoid, fan, limb, loft, point, slab
from simulator.render.materials import Material
from simulator.render.mesh import Mesh, MeshBuilder

RIDER_FABRICS = Fabrics(
    Material.RIDER_SKIN,
    Material.RIDER_UPPER_CLOTHING,
    Material.RIDER_LOWER_CLOTHING,
    Material.RIDER_LOWER_CLOTHING,
    Material.HELMET,
)
RIDER_BUILD = Build(height=1.76)


@dataclass(frozen=True)
class CycleSize:
    """Metres, over all with the rider. `kind`: bicycle, motorcycle or scooter."""

    kind: str
    length: float
    width: float
    height: float


CYCLES: dict[str, CycleSize] = {
    "vehicle.bh.crossbike": CycleSize("bicycle", 1.70, 0.60, 1.79),
    "vehicle.diamondback.century": CycleSize("bicycle", 1.66, 0.54, 1.74),
    "vehicle.gazelle.omafiets": CycleSize("bicycle", 1.84, 0.60, 1.83),
    "vehicle.harley-davidson.low_rider": CycleSize("motorcycle", 2.35, 0.76, 1.58),
    "vehicle.kawasaki.ninja": CycleSize("motorcycle", 2.03, 0.74, 1.55),
    "vehicle.vespa.zx125": CycleSize("scooter", 1.81, 0.72, 1.62),
    "vehicle.yamaha.yzf": CycleSize("motorcycle", 2.21, 0.76, 1.56),
}


def _thin_wheel(builder: MeshBuilder, x: float, radius: float, thickness: float, filled: bool) -> None:
    sides = 16
    centre = np.array([x, 0.0, radius])
    inner = 0.62 if filled else 0.88
    outline = [(-thickness / 2, inner), (0.0, 1.0), (thickness / 2, inner)]
    rings = np.stack([circle_xz(centre + point(0.0, y, 0.0), radius * r, sides) for y, r in outline])
    loft(builder, rings, Material.TYRE, None)
    if filled:
        fan(builder, rings[0], Material.RIM)
        fan(builder, rings[-1], Material.RIM)
        return
    for k in range(4):
        spoke = np.array([np.cos(np.pi * k / 4), 0.0, np.sin(np.pi * k / 4)]) * radius * 0.9
        limb(builder, centre - spoke, centre + spoke, 0.006, 0.006, Material.RIM, sides=3)


def _rider(
    builder: MeshBuilder, seat: Points, lean: float, hands: Points, feet: list[Points], build: Build = RIDER_BUILD
) -> None:
    """A seated rider: `hands` (3,) is the right grip (the left one mirrors it), `feet` right and left pedal or peg."""
    h = build.height
    hip = seat + point(0.0, 0.0, 0.05 * h)
    shoulders = add_torso(builder, build, hip, lean, RIDER_FABRICS)
    for side, shoulder in zip((1.0, -1.0), shoulders):
        grip = hands * [1.0, side, 1.0]
        elbow = (shoulder + grip) / 2.0 + point(-0.03, side * 0.05, -0.07)
        add_arm(builder, build, shoulder, elbow, grip - (grip - elbow) * 0.14, RIDER_FABRICS)
    for side, foot in zip((1.0, -1.0), feet):
        joint = hip + point(0.0, side * build.hip * h * 0.55, 0.0)
        ankle = foot + point(-0.06, 0.0, 0.06)
        knee = _knee(joint, ankle, 0.245 * h, 0.240 * h)
        add_leg(builder, build, joint, knee, ankle, -0.1, RIDER_FABRICS)


def _knee(hip: Points, ankle: Points, thigh: float, shin: float) -> Points:
    """The knee, bent forward, of a leg whose ends are given (law of cosines)."""
    reach = ankle - hip
    d = min(float(np.linalg.norm(reach)), (thigh + shin) * 0.999)
    along = (d * d + thigh * thigh - shin * shin) / (2.0 * d)
    across = float(np.sqrt(max(thigh * thigh - along * along, 0.0)))
    axis = reach / max(float(np.linalg.norm(reach)), 1e-9)
    forward = np.array([1.0, 0.0, 0.0]) - axis[0] * axis
    return hip + axis * along + across * forward / np.linalg.norm(forward)


def _bicycle_frame(size: CycleSize, phase: float) -> Mesh:
    builder = MeshBuilder()
    metal = Material.BICYCLE_FRAME
    wheel = 0.34
    front, rear = size.length / 2 - wheel, -size.length / 2 + wheel
    crank = np.array([rear + 0.43, 0.0, 0.29])
    saddle, head, hub = (
        np.array([rear + 0.24, 0.0, 0.92]),
        np.array([front - 0.12, 0.0, 0.88]),
        np.array([0.0, 0.0, wheel]),
    )
    _thin_wheel(builder, front, wheel, 0.05, filled=False)
    _thin_wheel(builder, rear, wheel, 0.05, filled=False)
    head_low = head + point(0.06, 0.0, -0.22)
    seat_top = saddle - point(0.0, 0.0, 0.12)
    grip = np.array([head[0] + 0.06, size.width / 2 - 0.03, 1.04])
    tubes = [
        (crank, saddle),
        (crank, head_low),
        (seat_top, head),
        (crank, hub + point(rear, 0, 0)),
        (seat_top, hub + point(rear, 0, 0)),
    ]
    tubes += [(head + point(0, 0, 0.12), head_low), (head_low, hub + point(front, 0, 0)), (grip * [1, -1, 1], grip)]
    for start, end in tubes:
        limb(builder, start, end, 0.018, 0.018, metal, sides=5)
    builder.box(saddle + point(0.0, 0.0, 0.02), (0.13, 0.06, 0.025), metal)
    slab(builder, (rear - 0.10, -0.03, 0.70), (rear - 0.06, 0.03, 0.76), Material.TAIL_LAMP)
    slab(builder, (front - 0.02, -0.03, 0.82), (front + 0.04, 0.03, 0.88), Material.HEADLAMP)
    feet = []
    for side, offset in ((1.0, 0.0), (-1.0, 0.5)):
        # Forward pedalling turns the crank clockwise seen from the right: from top to front.
        angle = 2.0 * np.pi * (phase + offset)
        pedal = crank + point(0.16 * np.sin(angle), side * 0.11, 0.16 * np.cos(angle))
        limb(builder, crank + point(0.0, side * 0.06, 0.0), pedal, 0.012, 0.012, metal, sides=3)
        feet.append(pedal)
    lean = np.radians(22.0 if "century" not in size.kind else 40.0)
    _rider(builder, saddle, float(lean), grip, feet)
    return builder.build()


def _motorcycle(size: CycleSize) -> Mesh:
    builder = MeshBuilder()
    body = Material.MOTORCYCLE_BODY
    wheel = 0.31 if size.kind == "motorcycle" else 0.23
    front, rear = size.length / 2 - wheel, -size.length / 2 + wheel
    for x in (front, rear):
        _thin_wheel(builder, x, wheel, 0.13, filled=True)
    seat_z = 0.72 if size.kind == "motorcycle" else 0.74
    seat = np.array([rear + 0.42, 0.0, seat_z])
    grip = np.array([front - 0.32, size.width / 2 - 0.03, 0.98])
    if size.kind == "motorcycle":
        ellipsoid(builder, np.array([(front + rear) / 2 + 0.12, 0.0, 0.80]), np.array([0.30, 0.15, 0.15]), body)
        slab(builder, (rear + 0.25, -0.14, 0.30), (front - 0.33, 0.14, 0.66), Material.CAR_TRIM)
        limb(builder, point(rear - 0.12, 0.14, 0.38), point(0.1, 0.15, 0.32), 0.05, 0.04, Material.RIM)
        ellipsoid(builder, np.array([front - 0.18, 0.0, 0.86]), np.array([0.20, 0.14, 0.16]), body)
    else:
        loft(
            builder,
            np.stack(
                [
                    circle_xz(np.array([front - 0.16, y, 0.66]), r, 8)
                    for y, r in ((-0.19, 0.18), (0.0, 0.30), (0.19, 0.18))
                ]
            ),
            body,
            body,
        )
        slab(builder, (rear + 0.25, -0.17, 0.26), (front - 0.22, 0.17, 0.32), body)
        ellipsoid(builder, np.array([rear + 0.12, 0.0, 0.52]), np.array([0.38, 0.19, 0.19]), body)
    slab(builder, (rear - 0.12, -0.11, seat_z - 0.08), (seat[0] + 0.22, 0.11, seat_z + 0.01), Material.CAR_TRIM)
    for y in (-0.07, 0.07):
        limb(builder, point(front, y, wheel), point(front - 0.27, y, 0.96), 0.03, 0.03, Material.RIM)
    limb(builder, grip * [1, -1, 1], grip, 0.02, 0.02, Material.CAR_TRIM)
    slab(builder, (front - 0.06, -0.08, 0.80), (front + 0.03, 0.08, 0.94), Material.HEADLAMP)
    slab(builder, (rear - 0.16, -0.09, seat_z - 0.14), (rear - 0.11, 0.09, seat_z - 0.05), Material.TAIL_LAMP)
    for side, indicator in ((-1.0, Material.LEFT_INDICATOR), (1.0, Material.RIGHT_INDICATOR)):
        builder.box((front - 0.14, side * 0.19, 0.84), (0.03, 0.03, 0.025), indicator)
        builder.box((rear - 0.10, side * 0.17, seat_z - 0.10), (0.03, 0.03, 0.025), indicator)
    builder.box((rear - 0.14, 0.0, 0.52), (0.01, 0.10, 0.07), Material.LICENCE_PLATE)
    forward = 0.30 if size.kind == "motorcycle" else 0.42
    feet = [np.array([seat[0] + forward, side * 0.20, 0.33]) for side in (1.0, -1.0)]
    _rider(builder, seat, float(np.radians(18.0 if size.kind == "motorcycle" else 6.0)), grip, feet, Build(height=1.68))
    return builder.build()


def build_cycle(blueprint_id: str) -> tuple[Mesh, ...]:
    """Frames of a two-wheeler with its rider, stretched to the size of the catalogue (a few per cent at most)."""
    size = CYCLES[blueprint_id]
    if size.kind == "bicycle":
        frames = [_bicycle_frame(size, i / GAIT_FRAMES) for i in range(GAIT_FRAMES)]
    else:
        frames = [_motorcycle(size)]
    low = np.min([f.vertices.min(axis=0) for f in frames], axis=0)
    high = np.max([f.vertices.max(axis=0) for f in frames], axis=0)
    scale = np.array([size.length, size.width, size.height]) / (high - low)
    middle = np.array([(low[0] + high[0]) / 2, 0.0, low[2]])
    return tuple(
        Mesh(((f.vertices - middle) * scale).astype(np.float32), f.triangles, f.materials, f.objects) for f in frames
    )
