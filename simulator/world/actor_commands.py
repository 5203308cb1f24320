"""What clients do to actors of any kind."""

from __future__ import annotations

import math

from simulator.types import Transform, Vector3D
from simulator.world.actor import Actor, WrongKind
from simulator.world.bodies import VEHICLE
from simulator.world.physics import shift_up
from simulator.world.state import WorldState

_N_M_PER_UNREAL_TORQUE = math.radians(1e-4)
"""What 1 kg cm^2 deg/s^2 is."""


class ActorCommands(WorldState):
    """Methods bear the names of the RPC methods; velocities in m/s and deg/s, world axes."""

    def set_actor_location(self, actor_id: int, location: Vector3D) -> None:
        actor = self.actor(actor_id)
        rotation = actor.relative.rotation if actor.relative is not None else self.transform_of(actor_id).rotation
        self.set_actor_transform(actor_id, Transform(location, rotation))

    def set_actor_transform(self, actor_id: int, transform: Transform) -> None:
        """In the parent's frame for an attached actor, as CARLA does it."""
        actor = self.actor(actor_id)
        if actor.relative is not None:
            actor.relative = transform
            self._follow_parent(actor)
        elif actor.kind.has_body:
            self.bodies.place(actor.row, transform)
        else:
            actor.transform = transform
            self.forget_groups()

    def set_actor_target_velocity(self, actor_id: int, velocity: Vector3D) -> None:
        """An automatic gearbox goes along: a car that is given 50 km/h does not coast in first gear."""
        actor = self.actor(actor_id)
        if actor.kind.has_body:
            body = self.bodies.rows[actor.row]
            body["vx"], body["vy"], body["vz"] = velocity
            if body["kind"] == VEHICLE:
                ahead_m_s = velocity.x * math.cos(body["yaw"]) + velocity.y * math.sin(body["yaw"])
                shift_up(self.bodies.drives[actor.row], ahead_m_s)

    def set_actor_target_angular_velocity(self, actor_id: int, velocity: Vector3D) -> None:
        actor = self.actor(actor_id)
        if actor.kind.has_body:
            self.bodies.rows[actor.row]["wz"] = math.radians(velocity.z)

    def enable_actor_constant_velocity(self, actor_id: int, velocity: Vector3D) -> None:
        """`velocity` in the vehicle's frame; it can still be steered."""
        drive = self.bodies.drives[self._body_row(self.actor(actor_id))]
        drive["constant_velocity"], drive["constant_vx"], drive["constant_vy"] = True, velocity.x, velocity.y

    def disable_actor_constant_velocity(self, actor_id: int) -> None:
        self.bodies.drives[self._body_row(self.actor(actor_id))]["constant_velocity"] = False

    def add_actor_impulse(self, actor_id: int, impulse: Vector3D) -> None:
        """N s at the centre of mass."""
        body = self.bodies.rows[self._body_row(self.actor(actor_id))]
        for name, value in zip(("vx", "vy", "vz"), impulse):
            body[name] += value / body["mass"]

    def add_actor_impulse_at_location(self, actor_id: int, impulse: Vector3D, location: Vector3D) -> None:
        """`location` in world axes."""
        self.add_actor_impulse(actor_id, impulse)
        body = self.bodies.rows[self.actor(actor_id).row]
        x, y = location.x - body["x"], location.y - body["y"]
        body["wz"] += (x * impulse.y - y * impulse.x) / body["inertia"]

    def add_actor_force(self, actor_id: int, force: Vector3D) -> None:
        """N during the next step."""
        body = self.bodies.rows[self._body_row(self.actor(actor_id))]
        for name, value in zip(("fx", "fy", "fz"), force):
            body[name] += value

    def add_actor_force_at_location(self, actor_id: int, force: Vector3D, location: Vector3D) -> None:
        self.add_actor_force(actor_id, force)
        body = self.bodies.rows[self.actor(actor_id).row]
        x, y = location.x - body["x"], location.y - body["y"]
        body["tz"] += x * force.y - y * force.x

    def add_actor_angular_impulse(self, actor_id: int, impulse: Vector3D) -> None:
        """kg cm^2 deg/s; only what turns about z moves a body.

        The units are CARLA's: its `FCarlaActor::AddActorAngularImpulse` hands the vector as it comes to Unreal's
        `AddAngularImpulseInDegrees`, which reckons in kg, cm and degrees.
        """
        body = self.bodies.rows[self._body_row(self.actor(actor_id))]
        body["wz"] += _N_M_PER_UNREAL_TORQUE * impulse.z / body["inertia"]

    def add_actor_torque(self, actor_id: int, torque: Vector3D) -> None:
        """kg cm^2 deg/s^2 during the next step: `AddTorqueInDegrees`, as `add_actor_angular_impulse`."""
        body = self.bodies.rows[self._body_row(self.actor(actor_id))]
        body["tz"] += _N_M_PER_UNREAL_TORQUE * torque.z

    def set_actor_simulate_physics(self, actor_id: int, enabled: bool) -> None:
        """Without physics only set_transform moves it; it keeps its shape for others to run into.

        A walker that was told to walk goes on: CARLA's walk by their movement component, with physics or without.
        """
        actor = self.actor(actor_id)
        if not actor.kind.has_body:
            return
        body = self.bodies.rows[actor.row]
        if not enabled and (body["want_vx"] or body["want_vy"]):
            return
        if body["physics"] and not enabled:
            for name in ("vx", "vy", "vz", "wx", "wy", "wz"):
                body[name] = 0.0
            body["last_x"], body["last_y"], body["last_z"] = body["x"], body["y"], body["z"]
        body["physics"] = enabled

    def set_actor_collisions(self, actor_id: int, enabled: bool) -> None:
        actor = self.actor(actor_id)
        if actor.kind.has_body:
            self.bodies.rows[actor.row]["collides"] = enabled

    def set_actor_enable_gravity(self, actor_id: int, enabled: bool) -> None:
        actor = self.actor(actor_id)
        if actor.kind.has_body:
            self.bodies.rows[actor.row]["gravity"] = enabled

    def set_actor_dead(self, actor_id: int) -> None:
        """A walker falls over and stays; other actors come to rest."""
        actor = self.actor(actor_id)
        if actor.kind.has_body:
            body = self.bodies.rows[actor.row]
            if body["kind"] != VEHICLE and body["down_s"] < 0.0:
                body["physics"], body["down_s"] = True, 0.0

    def _body_row(self, actor: Actor) -> int:
        if not actor.kind.has_body:
            raise WrongKind(actor, "physical body")
        return actor.row
