"""What clients do to walkers."""

from __future__ import annotations

import math

from simulator.types import Transform, Vector3D, WalkerControl
from simulator.world.actor import Kind, WrongKind
from simulator.world.state import WorldState

_JUMP_M_S = 4.2
FASTEST_WALK_M_S = 40.96
"""CARLA's `AWalkerController::GetMaximumWalkSpeed`."""
_ROUNDED = 1e-3


class WalkerCommands(WorldState):
    """Methods bear the names of the RPC methods."""

    def apply_control_to_walker(self, actor_id: int, control: WalkerControl) -> None:
        """Walks along `direction` (world axes) at `speed` m/s times its length until told otherwise.

        So does CARLA's: `AddMovementInput(Direction, Speed / MaximumWalkSpeed)`. It walks without physics too: the
        client's walker AI switches them off and never on again.
        """
        row = self._walker_row(actor_id)
        self.show_walk(actor_id, control)
        body = self.bodies.rows[row]
        x, y, _ = control.direction
        length = math.hypot(x, y)
        speed = max(0.0, control.speed) if math.isfinite(control.speed) else 0.0
        # a unit vector that went through 32 bits is still one
        speed *= 1.0 if abs(length - 1.0) < _ROUNDED else length
        share = min(speed, FASTEST_WALK_M_S) / length if length > 1e-9 else 0.0
        body["want_vx"], body["want_vy"] = x * share, y * share
        if share or control.jump:
            body["physics"] = True
        if control.jump and body["vz"] == 0.0 and body["down_s"] < 0.0:
            body["vz"] = _JUMP_M_S

    def apply_walker_state(self, actor_id: int, transform: Transform, speed: float) -> None:
        """What the client's walker AI sends: where the walker now is and how fast it goes.

        The AI knows the ground by its mesh only, roughly: the walker is put on it, as CARLA's server does. Only the
        AI moves it from now on, until it is steered again.
        """
        row = self._walker_row(actor_id)
        ground = float(self.town.ground_height_m([transform.location[:2]], [transform.location.z])[0])
        feet = transform.location._replace(z=ground + float(self.bodies.rows[row]["foot"]))
        self.bodies.place(row, Transform(feet, transform.rotation))
        yaw = math.radians(transform.rotation.yaw)
        heading = Vector3D(math.cos(yaw), math.sin(yaw), 0.0)
        self.show_walk(actor_id, WalkerControl(heading, speed, False))
        body = self.bodies.rows[row]
        body["want_vx"] = body["want_vy"] = 0.0
        if body["down_s"] < 0.0:
            body["physics"] = False

    def show_walk(self, actor_id: int, control: WalkerControl) -> None:
        """The control that clients are told of; nothing follows it."""
        self.walkers[actor_id].control = control
        self.bodies.tell_walk(self._walker_row(actor_id), control)

    def _walker_row(self, actor_id: int) -> int:
        actor = self.actor(actor_id)
        if actor.kind is not Kind.WALKER:
            raise WrongKind(actor, "walker")
        return actor.row
