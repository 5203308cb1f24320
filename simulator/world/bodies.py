"""The solid things that move: one row per vehicle, walker and prop, so that a step works on whole columns.

A row is taken at spawn and given back at destruction. The drive train of a vehicle lies in the row of the same number
of `Bodies.drives`. Loops run in the order of the rows: the same commands give the same bits.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simulator.types import Rotation, Transform, Vector3D, VehicleControl, WalkerControl
from simulator.wire.snapshot import ACTIVE, SNAPSHOT_DTYPE
from simulator.world import settling
from simulator.world.poses import wrap_degrees

VEHICLE, WALKER, PROP = 0, 1, 2
TORQUE_POINTS, STEER_POINTS, GEARS = 32, 41, 12
STEER_STEP_KMH = 5.0

BODY_DTYPE = np.dtype(
    [
        ("actor", "i8"),
        ("active", "?"),
        ("kind", "u1"),
        ("physics", "?"),  # false: only set_transform moves it
        ("collides", "?"),
        ("gravity", "?"),
        ("pinned", "?"),  # attached: its parent moves it
        *[(name, "f8") for name in ("x", "y", "z", "pitch", "yaw", "roll")],  # m, rad
        *[(name, "f8") for name in ("vx", "vy", "vz", "wx", "wy", "wz")],  # m/s, rad/s, world axes
        *[(name, "f8") for name in ("ax", "ay", "az")],  # m/s^2, mean of the last step
        *[(name, "f8") for name in ("last_x", "last_y", "last_z", "last_vx", "last_vy", "last_vz")],
        *[(name, "f8") for name in ("hx", "hy", "hz", "cx", "cy", "cz")],  # box: half sizes, centre, m
        ("clearance", "f8"),  # what is lower than this passes below, m
        ("foot", "f8"),  # height of the origin above the ground when standing, m
        ("mass", "f8"),
        ("inertia", "f8"),  # about z, kg m^2; inf: contacts do not turn it
        ("friction", "f8"),  # deceleration when sliding freely, as a share of g
        ("phase", "f8"),  # of the stride or pedal turn, 0..1
        *[(name, "f8") for name in ("want_vx", "want_vy")],  # walkers: what the control asks for, m/s
        ("down_s", "f8"),  # walkers: time since they were knocked down, -1 when standing
        *[(name, "f8") for name in ("fx", "fy", "fz", "tz")],  # forces for the coming step, N and N m
    ],
    align=True,
)

DRIVE_DTYPE = np.dtype(
    [
        # what the client asks for
        *[(name, "f8") for name in ("throttle", "steer", "brake")],
        *[(name, "?") for name in ("hand_brake", "reverse", "manual")],
        ("gear_wanted", "i4"),
        # what the actuators have reached
        *[(name, "f8") for name in ("throttle_now", "steer_now", "brake_now", "hand_now")],
        ("gear", "i4"),
        ("shifting_s", "f8"),
        ("since_shift_s", "f8"),
        ("rpm", "f8"),
        # of an axle in the last sub-step, N: what it carries, what its tyres push ahead (brakes: back) and to the right
        *[(name, "f8") for name in ("load_front", "load_rear")],
        *[(name, "f8") for name in ("ahead_front", "ahead_rear", "aside_front", "aside_rear")],
        ("slip_front", "f8"),
        ("slip_rear", "f8"),
        *[(name, "f8") for name in ("accel_long", "accel_lat")],  # smoothed, body frame, for load transfer and lean
        ("constant_velocity", "?"),
        *[(name, "f8") for name in ("constant_vx", "constant_vy")],  # body frame, m/s
        # constants of the vehicle
        *[(name, "f8") for name in ("front_m", "rear_m", "track_m", "cog_height_m")],  # axles from the centre of mass
        *[(name, "f8") for name in ("radius_m", "max_steer_rad", "brake_n", "handbrake_n")],
        *[(name, "f8") for name in ("grip", "stiffness", "drag_n_s2_m2", "rolling")],
        *[(name, "f8") for name in ("final_ratio", "max_rpm", "shift_time_s", "engine_drag")],
        ("driven_front", "f8"),
        ("gears", "i4"),
        ("autobox", "?"),
        ("lean", "f8"),  # rad of roll per m/s^2
        # what the road says
        ("light", "i8"),  # row of the traffic light that it is at, NO_LIGHT without one
        ("speed_limit_kmh", "f8"),
        ("ratios", "f8", (GEARS,)),
        ("up_share", "f8", (GEARS,)),
        ("down_share", "f8", (GEARS,)),
        ("torque_nm", "f8", (TORQUE_POINTS,)),  # evenly from 0 to max_rpm
        ("steering_curve", "f8", (STEER_POINTS,)),  # every STEER_STEP_KMH
    ],
    align=True,
)


_LIMITS = (
    *[(name, settling.FARTHEST) for name in ("x", "y", "z", "pitch", "yaw", "roll")],
    *[(name, settling.FASTEST) for name in ("vx", "vy", "vz", "wx", "wy", "wz")],
)
_REACHED = (
    *("throttle_now", "steer_now", "brake_now", "hand_now", "rpm", "slip_front", "slip_rear"),
    *("load_front", "load_rear", "ahead_front", "ahead_rear", "aside_front", "aside_rear"),
    *("accel_long", "accel_lat"),
)


class Bodies:
    """The rows, their drive trains, and what the snapshot tells of each that no step changes: id, state, control."""

    def __init__(self) -> None:
        self.rows: NDArray[np.void] = np.zeros(16, BODY_DTYPE)
        self.drives: NDArray[np.void] = np.zeros(16, DRIVE_DTYPE)
        self.told: NDArray[np.void] = np.zeros(16, SNAPSHOT_DTYPE)
        self._free: list[int] = []
        self._used = 0
        self._active: NDArray[np.intp] | None = None

    def calm(self) -> None:
        """Stops what nonsensical forces or physics have made faster or farther than anything can be.

        Such a body stands where it was a step ago; nothing that is no number gets into the rest of the world.
        """
        active = self.active
        for row in active[settling.wild(self.rows, active)].tolist():
            body, drive = self.rows[row], self.drives[row]
            for name, limit in _LIMITS:
                before = float(body[f"last_{name}"]) if name in "xyz" else 0.0
                body[name] = before if abs(before) <= limit else 0.0
            for name in _REACHED:
                drive[name] = 0.0
            drive["gear"] = 1

    def take(self, actor_id: int, kind: int) -> int:
        """A fresh row, all zeros but for what every body starts with."""
        row = self._free.pop() if self._free else self._used
        self._used = max(self._used, row + 1)
        if row >= len(self.rows):
            self.rows, self.drives, self.told = (_doubled(table) for table in (self.rows, self.drives, self.told))
        self.rows[row] = np.zeros((), BODY_DTYPE)
        self.drives[row] = np.zeros((), DRIVE_DTYPE)
        self.told[row] = np.zeros((), SNAPSHOT_DTYPE)
        self.told[row]["id"], self.told[row]["state"] = actor_id, ACTIVE
        body = self.rows[row]
        body["actor"], body["kind"] = actor_id, kind
        body["active"] = body["collides"] = body["gravity"] = True
        body["mass"], body["inertia"], body["down_s"] = 1.0, math.inf, -1.0
        self._active = None
        return row

    def release(self, row: int) -> None:
        self.rows[row]["active"] = False
        self._free.append(row)
        self._active = None

    @property
    def active(self) -> NDArray[np.intp]:
        """Numbers of the rows in use, ascending."""
        if self._active is None:
            self._active = np.flatnonzero(self.rows["active"])
        return self._active

    def place(self, row: int, transform: Transform) -> None:
        """Teleports: the velocity stays, the step's mean acceleration does not see the jump.

        Angles may have any number of whole turns: waypoints of lanes against the road's sense have pitches of 360.
        """
        body = self.rows[row]
        body["x"], body["y"], body["z"] = transform.location
        for name, angle_deg in zip(("pitch", "yaw", "roll"), transform.rotation):
            body[name] = _within_a_turn(angle_deg)

    def set_control(self, row: int, control: VehicleControl) -> None:
        """The snapshot tells what was asked for; the drive train gets what it can do."""
        pedals = float(control.throttle), float(control.steer), float(control.brake)
        levers = bool(control.hand_brake), bool(control.reverse), bool(control.manual_gear_shift)
        _write_control(self.drives, self.told, row, pedals, levers, control.gear)

    def tell_walk(self, row: int, control: WalkerControl) -> None:
        told = self.told[row]
        told["walker.direction"], told["walker.speed"] = control.direction, control.speed
        told["walker.jump"] = control.jump

    def transform(self, row: int) -> Transform:
        b = self.rows[row]
        return Transform(
            Vector3D(float(b["x"]), float(b["y"]), float(b["z"])),
            Rotation(*(wrap_degrees(math.degrees(b[name])) for name in ("pitch", "yaw", "roll"))),
        )

    def poses(self, rows: NDArray[np.intp]) -> NDArray[np.float64]:
        """(n, 6): x, y, z, pitch, yaw, roll in metres and degrees."""
        chosen = self.rows[rows]
        poses = np.stack([chosen[name] for name in ("x", "y", "z", "pitch", "yaw", "roll")], axis=1)
        degrees = np.degrees(poses[:, 3:])
        poses[:, 3:] = np.where(np.abs(degrees) <= 180.0, degrees, 180.0 - (180.0 - degrees) % 360.0)
        return poses

    def velocity(self, row: int) -> Vector3D:
        b = self.rows[row]
        return Vector3D(float(b["vx"]), float(b["vy"]), float(b["vz"]))


def within(value: float, low: float, high: float) -> float:
    """The value itself or the end of the range; what is no number is the low end."""
    return low if math.isnan(value) else min(high, max(low, value))


_within = njit(no_cpython_wrapper=True, no_cfunc_wrapper=True)(within)


@njit(cache=True)
def _write_control(drives, told, row: int, pedals, levers, gear: int) -> None:
    """pedals: throttle, steer, brake. levers: hand brake, reverse, manual gears. Field by field Python takes long."""
    t, d = told[row], drives[row]
    t["vehicle.throttle"], t["vehicle.steer"], t["vehicle.brake"] = pedals
    t["vehicle.hand_brake"], t["vehicle.reverse"], t["vehicle.manual_gear_shift"] = levers
    d.throttle, d.steer, d.brake = (
        _within(pedals[0], 0.0, 1.0),
        _within(pedals[1], -1.0, 1.0),
        _within(pedals[2], 0.0, 1.0),
    )
    d.hand_brake, d.reverse, d.manual = levers
    d.gear_wanted = max(-1, gear)


def _doubled(table: NDArray[np.void]) -> NDArray[np.void]:
    """The same rows and as many empty ones; np.concatenate would lay overlapping fields one after the other."""
    found: NDArray[np.void] = np.zeros(2 * len(table), table.dtype)
    found.view(np.uint8)[: table.nbytes] = table.view(np.uint8)
    return found


def _within_a_turn(angle_deg: float) -> float:
    """The angle in rad, from -pi to pi; what is no number stays none."""
    return math.radians(math.remainder(angle_deg, 360.0)) if math.isfinite(angle_deg) else math.nan
