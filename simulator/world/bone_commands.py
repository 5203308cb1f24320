"""Bones of walkers and vehicles: where they are, and the poses that clients put walkers into."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.models.poses import posed_name
from simulator.models.skeleton import Bone, body_bones, vehicle_bones, walker_bones
from simulator.types import Rotation, Transform, Vector3D
from simulator.world.actor import Kind, WrongKind
from simulator.world.attachment import BonePlace
from simulator.world.poses import between, matrix, transform_of
from simulator.world.state import WalkerState, WorldState


class BoneTransforms(NamedTuple):
    """A bone in the world, in its component (the origin between a walker's feet) and in its parent bone."""

    name: str
    world: Transform
    component: Transform
    relative: Transform


class BoneCommands(WorldState):
    """Methods bear the names of the RPC methods where there is one.

    A pose that a client gives a walker is kept, blended, reported and drawn.
    """

    def get_bones_transform(self, actor_id: int) -> tuple[BoneTransforms, ...]:
        """The pose in which a walker is: that of its stride, blended with the one that a client gave it."""
        return self._posed(actor_id, self._bones(actor_id))

    def posed_model(self, actor_id: int) -> str:
        """The name of the model of a walker that is not, or not only, in its stride."""
        body = body_bones(*self._build_and_phase(actor_id))
        places = {bone.name: np.array(bone.component.location) for bone in self._posed(actor_id, body)}
        return posed_name(self.actor(actor_id).type_id, places)

    def set_bones_transform(self, actor_id: int, bones: tuple[tuple[str, Transform], ...]) -> None:
        """Transforms relative to the parent bones; unknown names are passed over, as by CARLA's server."""
        known = {bone.name for bone in self._bones(actor_id)}
        self._walker_state(actor_id).pose.update((name, pose) for name, pose in bones if name in known)

    def blend_pose(self, actor_id: int, blend: float) -> None:
        """0: the stride, 1: the pose that was set."""
        self._walker_state(actor_id).blend = min(1.0, max(0.0, blend))

    def get_pose_from_animation(self, actor_id: int) -> None:
        """Takes the stride as it is now for the pose."""
        walker = self._walker_state(actor_id)
        bones = self._bones(actor_id)
        walker.pose = {bone.name: pose for bone, pose in zip(bones, _strides(bones))}

    def get_actor_bones(self, actor_id: int) -> tuple[BoneTransforms, ...]:
        """Of a walker or vehicle; other actors have none."""
        if self.actor(actor_id).kind is Kind.WALKER:
            return self.get_bones_transform(actor_id)
        bones = self._bones(actor_id)
        return self._chained(actor_id, bones, _strides(bones))

    def get_actor_components(self, actor_id: int) -> dict[str, Transform]:
        """In the actor's frame, by names of CARLA's classes and of Unreal's `AWheeledVehicle` and `ACharacter`."""
        actor = self.actor(actor_id)
        components = {"root": Transform()}
        if actor.kind is Kind.VEHICLE:
            components["VehicleMesh"] = Transform()
            components["VehicleBounds"] = Transform(actor.bounding_box.location)
        elif actor.kind is Kind.WALKER:
            components["CollisionCylinder"] = Transform()
            components["CharacterMesh0"] = Transform(Vector3D(z=-float(self.bodies.rows[actor.row]["foot"])))
        return components

    def bone_place(self, actor_id: int, bone: str) -> BonePlace | None:
        """Where a vehicle has this bone; None where there is none of that name."""
        actor = self.actors.get(actor_id)
        if actor is None or actor.kind is not Kind.VEHICLE:
            return None
        poses = {found.name: found.component for found in self.get_actor_bones(actor_id)}
        return BonePlace(matrix(poses[bone])) if bone in poses else None

    def _walker_state(self, actor_id: int) -> WalkerState:
        actor = self.actor(actor_id)
        if actor.kind is not Kind.WALKER:
            raise WrongKind(actor, "walker")
        return self.walkers[actor_id]

    def _bones(self, actor_id: int) -> tuple[Bone, ...]:
        actor = self.actor(actor_id)
        if actor.kind is Kind.WALKER:
            return walker_bones(*self._build_and_phase(actor_id))
        if actor.kind is Kind.VEHICLE:
            return vehicle_bones(self.vehicles[actor_id].physics)
        return ()

    def _build_and_phase(self, actor_id: int) -> tuple[int, float]:
        """The walker's number in the catalogue, and where in its stride it is."""
        actor = self.actor(actor_id)
        return int(actor.type_id.rsplit(".", 1)[-1]), float(self.bodies.rows[actor.row]["phase"])

    def _posed(self, actor_id: int, bones: tuple[Bone, ...]) -> tuple[BoneTransforms, ...]:
        walker = self._walker_state(actor_id)
        posed = [
            between(relative, walker.pose.get(bone.name, relative), walker.blend)
            for bone, relative in zip(bones, _strides(bones))
        ]
        return self._chained(actor_id, bones, posed)

    def _chained(self, actor_id: int, bones: tuple[Bone, ...], relative: list[Transform]) -> tuple[BoneTransforms, ...]:
        world = matrix(self.transform_of(actor_id))
        if self.actor(actor_id).kind is Kind.WALKER:
            world = world @ matrix(self.get_actor_components(actor_id)["CharacterMesh0"])
        component: list[NDArray[np.float64]] = []
        out = []
        for bone, own in zip(bones, relative):
            pose = matrix(own) if bone.parent < 0 else component[bone.parent] @ matrix(own)
            component.append(pose)
            out.append(BoneTransforms(bone.name, transform_of(world @ pose), transform_of(pose), own))
        return tuple(out)


def _strides(bones: tuple[Bone, ...]) -> list[Transform]:
    """Relative transforms of the bones as the actor moves by itself."""
    places = [bone.place - (bones[bone.parent].place if bone.parent >= 0 else 0.0) for bone in bones]
    return [Transform(Vector3D(*place.tolist()), Rotation()) for place in places]
