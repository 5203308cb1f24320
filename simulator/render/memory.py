"""What is remembered of a sensor from one of its pictures to the next."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.render.events import EventPixels
from simulator.render.exposure import Adaptation
from simulator.render.motion import Seen
from simulator.render.streaks import Moved


@dataclass
class SensorMemory:
    """size: height and width of its pictures."""

    size: tuple[int, int] = (0, 0)
    adaptation: Adaptation | None = None
    moved: Moved | None = None
    seen: Seen | None = None
    event_pixels: EventPixels | None = None
