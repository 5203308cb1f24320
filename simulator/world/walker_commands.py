"""What clients do to walkers."""

from __future__ import annotations

import math

from simulator.types import Transform, Vector3D, WalkerControl
from simulator.world.actor import Kind, WrongKind
from simulator.world.state import WorldState

_JUMP_M_S = 4.2


class WalkerCommands(WorldState):
    """Methods bear the names of the RPC methods."""

    def apply_control_to_walker(self, actor_id: int, control: WalkerControl) -> None:
        """Walks at `speed` m/s along `direction` (world axes) until told otherwise; its length does not matter."""
        row = self._walker_row(actor_id)
        self.walkers[actor_id].control = control
        self.bodies.tell_walk(row, control)
        body = self.bodies.rows[row]
        x, y, _ = control.direction
        length = math.hypot(x, y)
        speed = max(0.0, control.speed) if math.isfinite(control.speed) else 0.0
        share = speed / length if length > 1e-9 else 0.0
        body["want_vx"], body["want_vy"] = x * share, y * share
        if control.jump and body["vz"] == 0.0 and body["down_s"] < 0.0:
            body["vz"] = _JUMP_M_S

    def apply_walker_state(self, actor_id: int, transform: Transform, speed: float) -> None:
        """What the client's walker AI sends: where the walker now is and how fast it goes.

        The AI knows the ground by its mesh only, roughly: the walker is put on it, as CARLA's server does.
        """
        row = self._walker_row(actor_id)
        ground = float(self.town.ground_height_m([transform.location[:2]])[0])
        feet = transform.location._replace(z=ground + float(self.bodies.rows[row]["foot"]))
        self.bodies.place(row, Transform(feet, transform.rotation))
        yaw = math.radians(transform.rotation.yaw)
        heading = Vector3D(math.cos(yaw), math.sin(yaw), 0.0)
        self.walkers[actor_id].control = control = WalkerControl(heading, speed, False)
        self.bodies.tell_walk(row, control)

    def _walker_row(self, actor_id: int) -> int:
        actor = self.actor(actor_id)
        if actor.kind is not Kind.WALKER:
            raise WrongKind(actor, "walker")
        return actor.row
