"""What decides a steered drive, but for its route, its seed and the actions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from scenarios.definition import ScenarioDefinition

FRAMES = {"rgb": 3, "thermal": 1, "fused": 3}
"""Channels of each frame that can be asked for."""


@dataclass(frozen=True)
class Settings:
    """`frames`: of `FRAMES`; `camera`: the leaderboard's sensor dictionary; `renders`: whether strips may be asked for.

    `carla` is HOST:PORT of a running server, or None for an embedded one with the seed `server_seed`. `frame_skip` is
    in ticks per step, `max_steps` in steps. `progress_weight` is reward per metre, `infraction_weight` what an
    infraction would cost that takes the whole score by the rule `metric`. `weights` are FusionProxy's, `thermal` is a
    preset or its file.
    """

    definition: ScenarioDefinition
    frames: tuple[str, ...]
    camera: dict[str, Any]
    carla: str | None
    frame_skip: int
    max_steps: int | None
    route_points: int
    route_spacing_m: float
    progress_weight: float
    infraction_weight: float
    metric: str
    weights: str
    thermal: str
    server_seed: int
    threads: int
    renders: bool

    @property
    def needs_camera(self) -> bool:
        return bool(self.frames) or self.renders

    @property
    def needs_thermal(self) -> bool:
        return "thermal" in self.frames or "fused" in self.frames or self.renders
