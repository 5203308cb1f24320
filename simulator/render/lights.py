"""Everything that shines in the dark: street lamps, the lamps of vehicles and signals.

Photometric units throughout: candela for lamps, cd/m2 for their glass.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.render.materials import Emission
from simulator.types import TrafficLightState, VehicleLightState

FIELDS = 24
"""Columns of a light record (float32)."""
POSITION, DIRECTION, COLOUR, RANGE, KIND, SIDE, UP, SHAPE = 0, 3, 6, 9, 10, 11, 14, 17
"""First columns: position relative to the eye (3), axis (3), candela of R, G, B (3), range in m, kind, right and up of
the beam (3 each), and the beam's shape (see `beams.beam`): cut-off, sharpness above it, fall-off below it, fall-off to
the sides, stray share, kink."""
STREET, BEAM = 0, 1

MOST_LIGHTS = 20
"""The lights that matter most are kept: shading and fog cost time per light."""

WARM_WHITE = np.array([1.28, 0.97, 0.62])
"""Street lamps: LED of 3000 K, linear sRGB of unit luminance."""
HEADLAMP_WHITE = np.array([1.06, 0.99, 0.90])
RED = np.array([3.6, 0.32, 0.10])
AMBER = np.array([2.1, 0.73, 0.05])
YELLOW = np.array([1.9, 0.80, 0.05])
GREEN = np.array([0.12, 1.28, 0.85])
BLUE = np.array([0.15, 0.45, 8.9])
INDICATOR_HZ = 1.5


@dataclass(frozen=True)
class BeamShape:
    """candela: at the brightest point. The rest in tangents of angles, see `beams.beam`."""

    candela: float
    cut_off: float
    sharpness: float
    below: float
    sideways: float
    stray: float
    kink: float
    range_m: float


# ECE R112 class B low beam: some 20 kcd below the cut-off at -1 %, under 0.44 kcd above it (B50L). High beam: 50 kcd.
LOW_BEAM = BeamShape(21_000.0, -0.010, 1.0 / 0.010, 1.0 / 0.085, 5.0, 0.010, 0.26, 90.0)
HIGH_BEAM = BeamShape(50_000.0, 0.015, 1.0 / 0.035, 1.0 / 0.09, 14.0, 0.006, 0.0, 140.0)
FRONT_FOG = BeamShape(3_500.0, -0.03, 1.0 / 0.03, 1.0 / 0.20, 1.2, 0.02, 0.0, 40.0)
BROAD = BeamShape(1.0, 0.0, 1.0 / 0.6, 1.0 / 0.6, 0.8, 0.02, 0.0, 12.0)

TAIL_CD, BRAKE_CD, INDICATOR_CD, REAR_FOG_CD = 6.0, 70.0, 350.0, 220.0
# Along the axis, 300 mm modules: the ITE specification of LED signals (VTCSH-LED, 2005).
SIGNAL_RED_CD, SIGNAL_YELLOW_CD, SIGNAL_GREEN_CD = 365.0, 910.0, 475.0
SIGNAL_SPREAD_DEG = 11.0
PARKING_CD = 30.0
BEACON_CD = 120.0
"""ECE R65, blue, by night: at least 100 cd effective, at most 700."""


def indicators_lit(elapsed_s: float) -> bool:
    return (elapsed_s * INDICATOR_HZ) % 1.0 < 0.5


def vehicle_candela(kind: int, flags: int, blink: bool) -> tuple[float, NDArray[np.float64]]:
    """Intensity straight ahead of one lamp of a vehicle and its colour (unit luminance). Beams are apart from this.

    Models have no reversing lamps: that flag lights nothing. Special1 lights the beacons of emergency vehicles, in the
    time of the indicators.
    """
    state = VehicleLightState(flags & 0x7FF)
    if kind == Emission.HEADLAMP:
        if state & VehicleLightState.HIGH_BEAM:
            return HIGH_BEAM.candela, HEADLAMP_WHITE
        if state & VehicleLightState.LOW_BEAM:
            return LOW_BEAM.candela, HEADLAMP_WHITE
        return (PARKING_CD if state & VehicleLightState.POSITION else 0.0), HEADLAMP_WHITE
    if kind == Emission.TAIL_LAMP:
        lit = state & (VehicleLightState.POSITION | VehicleLightState.LOW_BEAM | VehicleLightState.HIGH_BEAM)
        candela = TAIL_CD if lit else 0.0
        candela += BRAKE_CD if state & VehicleLightState.BRAKE else 0.0
        candela += REAR_FOG_CD if state & VehicleLightState.FOG else 0.0
        return candela, RED
    if kind == Emission.LEFT_INDICATOR:
        return (INDICATOR_CD if state & VehicleLightState.LEFT_BLINKER and blink else 0.0), AMBER
    if kind == Emission.RIGHT_INDICATOR:
        return (INDICATOR_CD if state & VehicleLightState.RIGHT_BLINKER and blink else 0.0), AMBER
    if kind == Emission.BEACON:
        return (BEACON_CD if state & VehicleLightState.SPECIAL_1 and blink else 0.0), BLUE
    return 0.0, WARM_WHITE


def signal_candela(kind: int, flags: int) -> tuple[float, NDArray[np.float64]]:
    """Of one lamp of a traffic light."""
    lamp = {
        Emission.SIGNAL_RED: (TrafficLightState.RED, SIGNAL_RED_CD, RED),
        Emission.SIGNAL_YELLOW: (TrafficLightState.YELLOW, SIGNAL_YELLOW_CD, YELLOW),
        Emission.SIGNAL_GREEN: (TrafficLightState.GREEN, SIGNAL_GREEN_CD, GREEN),
    }.get(Emission(kind))
    if lamp is None:
        return 0.0, WARM_WHITE
    state, candela, colour = lamp
    return (candela if flags & (1 << state) else 0.0), colour


def signal_lobe(forward: NDArray[np.float64], aside: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of a signal's peak intensity towards a place `forward` of its glass and `aside` of its axis, horizontally.

    0.05 + 0.95 exp(-(angle / 11 deg)^2 / 2) as the ITE specification of LED signals (VTCSH-LED, 2005) has it, times the
    share of the glass that its visor, as deep as the glass is wide, leaves free: none from 45 degrees on. So traffic
    on the other road does not see it.
    """
    tangent = np.abs(aside) / np.maximum(forward, 1e-9)
    angle_deg = np.degrees(np.arctan(tangent))
    lobe = 0.05 + 0.95 * np.exp(-0.5 * (angle_deg / SIGNAL_SPREAD_DEG) ** 2)
    return np.where(forward > 0.0, lobe * np.clip(1.0 - tangent, 0.0, 1.0), 0.0)


def lamp_candela(kind: int, flags: int, blink: bool) -> tuple[float, NDArray[np.float64]]:
    if kind in (Emission.SIGNAL_RED, Emission.SIGNAL_YELLOW, Emission.SIGNAL_GREEN):
        return signal_candela(kind, flags)
    return vehicle_candela(kind, flags, blink)
