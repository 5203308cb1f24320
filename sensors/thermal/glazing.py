"""Windows: glass that stands between a heated room and the air, looks at the cold sky and mirrors it.

Where glass is, the embedded simulator's instance camera tells the rig, which asks for it
(`simulator.render.materials.Pane`). CARLA's cannot: there a facade is wall throughout.
"""

from __future__ import annotations

from dataclasses import dataclass

from sensors.thermal.ambient import ZERO_C_K, Ambient

FIRST_ROW = 200
"""Row of pane 0 in `temperature.surface_table`, beyond CARLA's tags."""

EMISSIVITY = 0.89
"""Of bare glass, seen straight on (EN 12898). What is left is a mirror, the more the flatter one looks (Schlick)."""
HEMISPHERICAL_EMISSIVITY = 0.837
"""The same over all directions (EN 673)."""
STEFAN_BOLTZMANN = 5.670e-8
OUTER_FILM = 25.0
"""W/(m2 K) between pane and outdoors that a U-value counts in (EN 673)."""
ABSORBED_W_M2 = 0.12 * 900.0
"""What a pane of clear glass keeps of a clear noon's sun."""


@dataclass(frozen=True)
class Glazing:
    """indoor_c: of the heated room behind, None where there is none. u_value: W/(m2 K)."""

    indoor_c: float | None
    u_value: float = 2.8


PANES: dict[int, Glazing] = {
    1: Glazing(indoor_c=17.0),  # a dark window: a room that nobody uses now
    2: Glazing(indoor_c=21.0),  # a lit one
    3: Glazing(indoor_c=None),  # of a parked car
}
"""By `Pane`. Uncoated double glazing (U 2.8, EN 673); room temperatures are ours."""


def glass_k(glazing: Glazing, ambient: Ambient, sun: float, sky_share: float) -> float:
    """Kelvin of the outer face: what comes from the room and the sun against the air's film and the sky.

    sun: 0..1 of a clear noon's; sky_share: how much of what the pane looks at is sky. The film: 5.7 + 3.8 v
    W/(m2 K) (McAdams), and radiation.
    """
    air_k = ambient.air_k
    radiative = 4.0 * HEMISPHERICAL_EMISSIVITY * STEFAN_BOLTZMANN * air_k**3
    film = 5.7 + 3.8 * ambient.wind_mps + radiative
    # Fog of 100 m depth hides the sky, as in `temperature`.
    hidden = min(1.0, ambient.visibility_m / 2000.0)
    gain = ABSORBED_W_M2 * sun - radiative * sky_share * hidden * (air_k - ambient.sky_k)
    if glazing.indoor_c is None:
        return air_k + gain / film
    inward = 1.0 / (1.0 / glazing.u_value - 1.0 / OUTER_FILM)
    room_k = max(glazing.indoor_c + ZERO_C_K, air_k)  # heated, not cooled
    return air_k + (gain + inward * (room_k - air_k)) / (film + inward)
