"""How what is to be seen at one frame looks: daylight and air, paints, lamps that are lit, reflectors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.render.lamp_table import LampTable
from simulator.render.lights import HEADLAMP_WHITE, RED
from simulator.render.materials import Emission
from simulator.render.retro import ActorReflectors
from simulator.render.scenery import Scenery
from simulator.render.shade import Air
from simulator.render.sky import Daylight
from simulator.render.templates import Templates
from simulator.render.visibility import Instances
from simulator.world.view import SceneView

LIT_WINDOW_CD_M2 = np.array([1.35, 0.95, 0.55]) * 45.0
STREET_LAMP_GLASS_CD_M2 = np.array([1.2, 1.0, 0.72]) * 12_000.0


class Slots(NamedTuple):
    """Instances of a frame. first_triangle: (n,) int32 in the template tables. poses: (n, 3, 4), palettes: (n, 3, 3).

    emission: (1 + n, kinds, 3) float32 cd/m2 of each kind of lamp; row 0 is the static mesh's.
    lamp_power: (street lamps + 1 + reflectors of the town,) float32: 0..1 of each street lamp, 0 for heads that belong
    to none, cd/m2 of each reflector.
    """

    first_triangle: NDArray[np.int32]
    poses: NDArray[np.float32]
    palettes: NDArray[np.float32]
    emission: NDArray[np.float32]
    lamp_power: NDArray[np.float32]


@dataclass(frozen=True)
class FrameLooks:
    """The same for all cameras of a frame."""

    day: Daylight
    air: Air
    slots: Slots
    slot_ids: NDArray[np.uint32]
    lamps: LampTable
    reflectors: ActorReflectors


def looks_of(
    view: SceneView,
    instances: Instances,
    town: Scenery,
    templates: Templates,
    sky: tuple[Daylight, Air],
    lamps: tuple[LampTable, ActorReflectors],
) -> FrameLooks:
    """sky: under the weather of `view`. lamps: of its actors, and their reflectors."""
    (day, air), template = sky, instances.template
    emission = np.zeros((1 + len(template), len(Emission), 3), np.float32)
    emission[0, Emission.WINDOW] = LIT_WINDOW_CD_M2 * day.darkness
    emission[0, Emission.STREET_LAMP] = STREET_LAMP_GLASS_CD_M2
    # of the reflectors of parked cars, times their luminance
    emission[0, Emission.TAIL_LAMP], emission[0, Emission.SHEETING] = RED, HEADLAMP_WHITE
    power = np.zeros(len(town.lamp_heads) + 1 + len(town.reflectors.kinds), np.float32)
    power[: len(town.lamp_heads)] = view.lamps_on
    slots = Slots(
        templates.chunks.first_triangle[template],
        instances.poses,
        np.ascontiguousarray(view.palettes, np.float32).reshape(-1, 3, 3),
        emission,
        power,
    )
    slot_ids = (np.asarray(view.ids, np.uint32) & np.uint32(0x7FFF)).astype(np.uint32)
    return FrameLooks(day, air, slots, slot_ids, *lamps)
