"""The world snapshot: what every client receives once per tick on stream 1."""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

VEHICLE, WALKER, LIGHT = "vehicle.", "walker.", "light."

_FIELDS: list[tuple[str, object, int]] = [
    ("id", "<u4", 0),
    ("state", "u1", 4),
    ("transform", ("<f4", (6,)), 5),
    ("velocity", ("<f4", (3,)), 29),
    ("angular_velocity", ("<f4", (3,)), 41),
    ("acceleration", ("<f4", (3,)), 53),
    (VEHICLE + "throttle", "<f4", 65),
    (VEHICLE + "steer", "<f4", 69),
    (VEHICLE + "brake", "<f4", 73),
    (VEHICLE + "hand_brake", "u1", 77),
    (VEHICLE + "reverse", "u1", 78),
    (VEHICLE + "manual_gear_shift", "u1", 79),
    (VEHICLE + "gear", "<i4", 80),
    (VEHICLE + "speed_limit", "<f4", 84),
    (VEHICLE + "traffic_light_state", "u1", 88),
    (VEHICLE + "has_traffic_light", "u1", 89),
    (VEHICLE + "traffic_light_id", "<u4", 90),
    (VEHICLE + "failure_state", "u1", 94),
    (WALKER + "direction", ("<f4", (3,)), 65),
    (WALKER + "speed", "<f4", 77),
    (WALKER + "jump", "u1", 81),
    ("sign_id", "S32", 65),
    (LIGHT + "green_time", "<f4", 97),
    (LIGHT + "yellow_time", "<f4", 101),
    (LIGHT + "red_time", "<f4", 105),
    (LIGHT + "elapsed_time", "<f4", 109),
    (LIGHT + "pole_index", "<u4", 113),
    (LIGHT + "time_is_frozen", "u1", 117),
    (LIGHT + "state", "u1", 118),
]

SNAPSHOT_DTYPE = np.dtype(
    {
        "names": [name for name, _, _ in _FIELDS],
        "formats": [form for _, form, _ in _FIELDS],
        "offsets": [offset for _, _, offset in _FIELDS],
        "itemsize": 119,
    }
)
"""One row per live actor, 119 bytes, as the wire carries it.

The fields from byte 65 on overlap, as the wire's union does: `vehicle.*`, `walker.*`, or `sign_id` (traffic signs and
lights, the OpenDRIVE signal id) with `light.*`. Units: metres, degrees, m/s, deg/s, m/s^2, seconds, and km/h for the
speed limit. `state` is 1 for an active actor. Start from `np.zeros`: unused bytes must be 0.
"""

ACTIVE = 1
MAP_CHANGED, LIGHTS_CHANGED = 1, 2

_HEADER = struct.Struct("<QdfiiiI")


def snapshot_payload(
    rows: NDArray[np.void], episode_id: int, platform_time_s: float, delta_s: float, flags: int = 0
) -> tuple[bytes, memoryview]:
    """The body of a snapshot message, header and rows, without a copy of the rows."""
    if rows.dtype.itemsize != SNAPSHOT_DTYPE.itemsize:
        # the client aborts its process when the size is not 36 + 119 n
        raise ValueError(f"snapshot rows must be {SNAPSHOT_DTYPE.itemsize} bytes each, not {rows.dtype.itemsize}")
    header = _HEADER.pack(episode_id, platform_time_s, delta_s, 0, 0, 0, flags)
    return header, np.ascontiguousarray(rows).view(np.uint8).data.cast("B")
