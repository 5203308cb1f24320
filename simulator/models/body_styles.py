"""The side views that bodies of vehicles have: sedan, van, bus and the like."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class BodyStyle:
    """A side view in fractions: x from 0 (tail) to 1 (nose), z from 0 (ground) to 1 (roof).

    top: roof line from tail to nose. cabin: x of the deck, the roof's rear and front edge and the cowl, which bound
    rear window, roof and windscreen. pillars: x of the painted posts between side windows. belt: height of the window
    sills. tumble_home: half width of the roof over that of the body. taper: how much of the width nose and tail lose.
    sill: underside of the body.
    """

    top: tuple[tuple[float, float], ...]
    cabin: tuple[float, float, float, float]
    pillars: tuple[float, ...]
    belt: float = 0.63
    tumble_home: float = 0.74
    taper: float = 0.14
    sill: float = 0.14


SEDAN = BodyStyle(
    (
        (0, 0.55),
        (0.02, 0.66),
        (0.13, 0.70),
        (0.29, 0.955),
        (0.42, 1),
        (0.56, 0.985),
        (0.73, 0.68),
        (0.95, 0.55),
        (1, 0.42),
    ),
    (0.13, 0.29, 0.56, 0.73),
    (0.46, 0.25),
)
HATCHBACK = BodyStyle(
    (
        (0, 0.50),
        (0.01, 0.62),
        (0.05, 0.70),
        (0.14, 0.96),
        (0.38, 1),
        (0.60, 0.985),
        (0.76, 0.69),
        (0.95, 0.58),
        (1, 0.44),
    ),
    (0.05, 0.14, 0.60, 0.76),
    (0.46, 0.20),
)
COUPE = BodyStyle(
    (
        (0, 0.56),
        (0.03, 0.70),
        (0.12, 0.74),
        (0.32, 0.97),
        (0.43, 1),
        (0.50, 0.985),
        (0.66, 0.71),
        (0.94, 0.58),
        (1, 0.42),
    ),
    (0.12, 0.32, 0.50, 0.66),
    (0.33,),
    belt=0.66,
    tumble_home=0.70,
)
SUV = BodyStyle(
    (
        (0, 0.45),
        (0.01, 0.60),
        (0.03, 0.66),
        (0.09, 0.96),
        (0.40, 1),
        (0.58, 0.985),
        (0.72, 0.66),
        (0.96, 0.57),
        (1, 0.42),
    ),
    (0.03, 0.09, 0.58, 0.72),
    (0.45, 0.22),
    belt=0.62,
    tumble_home=0.80,
    taper=0.10,
    sill=0.20,
)
JEEP = BodyStyle(
    (
        (0, 0.50),
        (0.005, 0.60),
        (0.02, 0.66),
        (0.04, 0.98),
        (0.30, 1),
        (0.58, 0.985),
        (0.63, 0.62),
        (0.97, 0.58),
        (1, 0.46),
    ),
    (0.02, 0.04, 0.58, 0.63),
    (0.34,),
    belt=0.60,
    tumble_home=0.88,
    taper=0.06,
    sill=0.24,
)
VAN = BodyStyle(
    (
        (0, 0.30),
        (0.005, 0.60),
        (0.01, 0.66),
        (0.02, 0.98),
        (0.30, 1),
        (0.72, 0.97),
        (0.87, 0.54),
        (0.97, 0.44),
        (1, 0.32),
    ),
    (0.01, 0.02, 0.72, 0.87),
    (),
    belt=0.53,
    tumble_home=0.88,
    taper=0.06,
    sill=0.13,
)
MICROBUS = BodyStyle(
    (
        (0, 0.34),
        (0.005, 0.50),
        (0.03, 0.58),
        (0.08, 0.95),
        (0.40, 1),
        (0.86, 0.96),
        (0.975, 0.56),
        (0.99, 0.42),
        (1, 0.30),
    ),
    (0.03, 0.08, 0.86, 0.975),
    (0.66, 0.45, 0.24),
    belt=0.56,
    tumble_home=0.84,
    taper=0.12,
    sill=0.16,
)
WEDGE = BodyStyle(
    (
        (0, 0.50),
        (0.005, 0.68),
        (0.02, 0.70),
        (0.10, 0.75),
        (0.55, 1),
        (0.57, 0.995),
        (0.80, 0.70),
        (0.97, 0.56),
        (1, 0.42),
    ),
    (0.10, 0.30, 0.57, 0.80),
    (0.50,),
    belt=0.64,
    tumble_home=0.74,
    taper=0.05,
    sill=0.20,
)
BUS = BodyStyle(
    (
        (0, 0.20),
        (0.003, 0.50),
        (0.008, 0.56),
        (0.012, 0.97),
        (0.40, 1),
        (0.975, 0.97),
        (0.992, 0.42),
        (0.997, 0.36),
        (1, 0.20),
    ),
    (0.008, 0.012, 0.975, 0.992),
    (0.82, 0.67, 0.52, 0.37, 0.22),
    belt=0.42,
    tumble_home=0.95,
    taper=0.03,
    sill=0.10,
)
CAB = BodyStyle(
    (
        (0, 0.40),
        (0.01, 0.60),
        (0.02, 0.97),
        (0.03, 0.98),
        (0.30, 1),
        (0.82, 0.98),
        (0.96, 0.55),
        (0.98, 0.46),
        (1, 0.28),
    ),
    (0.02, 0.03, 0.82, 0.96),
    (0.30,),
    belt=0.54,
    tumble_home=0.93,
    taper=0.04,
    sill=0.16,
)
