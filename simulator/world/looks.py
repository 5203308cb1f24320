"""What cameras see of a world at one frame."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from simulator.models import palette_of
from simulator.types import LightState, VehicleLightState
from simulator.world.actor import Actor
from simulator.world.blueprints.vehicles import VEHICLES
from simulator.world.bone_commands import BoneCommands
from simulator.world.debug_shapes import DebugShapes
from simulator.world.level_objects import LevelObjects
from simulator.world.poses import matrices
from simulator.world.state import Groups
from simulator.world.view import SceneView

MOST_POSES = 2000
"""So many different poses of walkers are drawn, later ones as the stride: a body takes about 60 kB."""
_BRAKE_LAMP_FROM = 0.02


@dataclass(frozen=True, eq=False)
class _Cast:
    """Who is to be seen, those with bodies first: the same until an actor comes or goes."""

    of: Groups
    ids: NDArray[np.int32]
    models: tuple[str, ...]
    palettes: NDArray[np.float32]
    has_lamps: NDArray[np.bool_]
    """Of those with bodies."""


def _less(view: SceneView, rows: list[int]) -> SceneView:
    """The view without some of its actors."""
    left = np.delete(np.arange(len(view.ids)), rows)
    return replace(
        view,
        ids=view.ids[left],
        models=tuple(view.models[k] for k in left.tolist()),
        poses=view.poses[left],
        gait=view.gait[left],
        lights=view.lights[left],
        palettes=view.palettes[left],
    )


class Looks(LevelObjects, DebugShapes, BoneCommands):
    """Cameras' side of a world."""

    _poses_drawn: set[str]
    """Names of posed walkers since the server's start: whoever draws them keeps their bodies."""

    _fixture_poses: NDArray[np.float64]
    _palettes: dict[int, NDArray[np.float32]]
    _cast: _Cast | None = None
    _lamps_seen: list[LightState] | None = None
    _burning: NDArray[np.float32]

    def view(self) -> SceneView:
        """What cameras see. Brake lamps burn with the pedal, beside the flags that clients set.

        The reversing flag goes with the gear; nothing draws it.
        """
        active, cast = self.bodies.active, self._present()
        lights, gait = np.zeros(len(cast.ids), np.uint32), np.zeros(len(cast.ids), np.float32)
        lights[: len(active)] = self._lamp_flags(active, cast)
        lights[len(active) : len(active) + len(self.light_ids)] = 1 << self.signals.states.astype(np.uint32)
        gait[: len(active)] = self.bodies.rows["phase"][active]
        view = SceneView(
            self.frame,
            self.elapsed_s,
            self.delta_s,
            self.seen_weather,
            cast.ids,
            self._models(cast),
            np.concatenate([matrices(self.bodies.poses(active))[:, :3], self._fixture_poses]).astype(np.float32),
            gait,
            lights,
            cast.palettes,
            self._lamps_on(),
            self.hidden,
            self.visible_strokes(),
        )
        return _less(view, [len(active) + row for row in self._fixtures_off]) if self._fixtures_off else view

    def _present(self) -> _Cast:
        groups = self.groups()
        if self._cast is None or self._cast.of is not groups:
            moving = [self.actors[actor_id] for actor_id in self.bodies.rows["actor"][self.bodies.active].tolist()]
            shown = [*moving, *self._fixtures]
            self._cast = _Cast(
                groups,
                np.array([actor.id for actor in shown], np.int32),
                tuple(actor.type_id for actor in shown),
                np.array([self._palette(actor) for actor in shown], np.float32).reshape(-1, 3, 3),
                np.array([a.id in self.vehicles and VEHICLES[a.type_id].has_lights for a in moving], np.bool_),
            )
        return self._cast

    def _models(self, cast: _Cast) -> tuple[str, ...]:
        """By name; of walkers in a pose that a client gave them with that pose, unless there were too many already."""
        posed = [i for i, walker in self.walkers.items() if walker.blend > 0.0 and walker.pose]
        if not posed:
            return cast.models
        models = list(cast.models)
        for actor_id in posed:
            name = self.posed_model(actor_id)
            if name in self._poses_drawn or len(self._poses_drawn) < MOST_POSES:
                self._poses_drawn.add(name)
                models[int(np.flatnonzero(cast.ids == actor_id)[0])] = name
        return tuple(models)

    def _lamp_flags(self, active: NDArray[np.intp], cast: _Cast) -> NDArray[np.uint32]:
        """(n,) `VehicleLightState` of those with bodies."""
        vehicles, drives = self.vehicles, self.bodies.drives
        own = [int(vehicles[i].lights) if i in vehicles else 0 for i in cast.ids[: len(active)].tolist()]
        flags = np.array(own, np.uint32)
        flags[cast.has_lamps & (drives["brake_now"][active] > _BRAKE_LAMP_FROM)] |= int(VehicleLightState.BRAKE)
        flags[cast.has_lamps & (drives["gear"][active] < 0)] |= int(VehicleLightState.REVERSE)
        return flags

    def _lamps_on(self) -> NDArray[np.float32]:
        """0..1 of each street lamp of the town."""
        if self._lamps_seen != self.lamps:
            self._lamps_seen = list(self.lamps)
            sites = self.town.street_lamps
            self._burning = np.array(
                [_share(lamp, s.luminous_flux_lm) for lamp, s in zip(self.lamps, sites)], np.float32
            )
        burning = self._burning.copy()
        burning[list(self._dark_lamps)] = 0.0
        return burning

    def _palette(self, actor: Actor) -> NDArray[np.float32]:
        if actor.id not in self._palettes:
            # counted from the episode's first actor: an episode looks the same whatever came before it
            chosen = self.seed * 1_000_003 + actor.id - self.spectator_id
            self._palettes[actor.id] = palette_of(actor.type_id, actor.description.get("color"), chosen)
        return self._palettes[actor.id]


def _share(lamp: LightState, nominal_lm: float) -> float:
    return min(1.0, max(0.0, lamp.intensity / max(nominal_lm, 1.0))) if lamp.active else 0.0
