"""How the things move that sensors ask about."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.types import CityObjectLabel
from simulator.world.actor import Actor, Kind
from simulator.world.state import WorldState


class Motion(WorldState):
    """Velocities in m/s and rad/s, world axes."""

    def carrier_of(self, actor: Actor) -> Actor:
        """The body that a sensor rides on, directly or by way of others; the last one up when there is none."""
        while actor.parent_id in self.actors and not actor.kind.has_body:
            actor = self.actors[actor.parent_id]
        return actor

    def motion_of(self, actor: Actor) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Velocity (3,) m/s and angular velocity (3,) rad/s, world axes, of a sensor; 0 if it rides on nothing."""
        carrier = self.carrier_of(actor)
        if not carrier.kind.has_body:
            return np.zeros(3), np.zeros(3)
        b = self.bodies.rows[carrier.row]
        turning = np.array([b["wx"], b["wy"], b["wz"]])
        arm = np.array(self.transform_of(actor.id).location) - np.array([b["x"], b["y"], b["z"]])
        return np.array([b["vx"], b["vy"], b["vz"]]) + np.cross(turning, arm), turning

    def velocities(self) -> dict[int, NDArray[np.float64]]:
        """(3,) m/s, world axes, of every actor with a body."""
        b = self.bodies.rows[self.bodies.active]
        return dict(zip(b["actor"].tolist(), np.stack([b["vx"], b["vy"], b["vz"]], axis=1)))

    def dynamic_ids(self) -> frozenset[int]:
        """Actors that can be pushed or move by themselves."""
        return frozenset(
            actor.id
            for actor in self.actors.values()
            if actor.kind in (Kind.VEHICLE, Kind.WALKER) or CityObjectLabel.DYNAMIC in actor.semantic_tags
        )
