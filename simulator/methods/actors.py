"""Actors of every kind: blueprints, life, poses, velocities, forces."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.methods.registry import Refused, rpc
from simulator.types import ActorDefinition, ActorDescription, ActorRecord, BoundingBox, Transform, Vector3D
from simulator.world.actor import ActorNotFound
from simulator.world.attachment import Attachment, spring_arm
from simulator.world.poses import matrix, transform_of

if TYPE_CHECKING:
    from simulator.session import Session


@rpc
def get_actor_definitions(session: Session) -> tuple[ActorDefinition, ...]:
    return session.world.definitions


@rpc
def get_spectator(session: Session) -> ActorRecord:
    return session.record(session.world.spectator_id)


@rpc
def get_actors_by_id(session: Session, actor_ids: tuple[int, ...]) -> tuple[ActorRecord, ...]:
    return tuple(session.record(actor_id) for actor_id in actor_ids if actor_id in session.world.actors)


@rpc
def spawn_actor(session: Session, description: ActorDescription, transform: Transform) -> ActorRecord:
    return session.spawn(description, transform)


@rpc
def spawn_actor_with_parent(
    session: Session,
    description: ActorDescription,
    transform: Transform,
    parent_id: int,
    attachment: int,
    socket_name: str,
) -> ActorRecord:
    """`transform` is relative to the parent, or to its bone `socket_name`; the end of a spring arm is its location.

    What the parent has no bone for hangs on its origin, as in Unreal; so does what is attached to a walker, whose root
    is no skeleton there either.
    """
    if attachment in (Attachment.SPRING_ARM, Attachment.SPRING_ARM_GHOST):
        arm = spring_arm(attachment, transform.location)
        return session.spawn(description, Transform(rotation=transform.rotation), parent_id, place=arm)
    return session.spawn(description, transform, parent_id, place=session.world.bone_place(parent_id, socket_name))


@rpc
def destroy_actor(session: Session, actor_id: int) -> bool:
    session.destroy(actor_id)
    return True


@rpc
def set_actor_location(session: Session, actor_id: int, location: Vector3D) -> None:
    session.world.set_actor_location(actor_id, location)


@rpc
def set_actor_transform(session: Session, actor_id: int, transform: Transform) -> None:
    session.world.set_actor_transform(actor_id, transform)


@rpc
def set_actor_target_velocity(session: Session, actor_id: int, velocity: Vector3D) -> None:
    session.world.set_actor_target_velocity(actor_id, velocity)


@rpc
def set_actor_target_angular_velocity(session: Session, actor_id: int, angular_velocity: Vector3D) -> None:
    session.world.set_actor_target_angular_velocity(actor_id, angular_velocity)


@rpc
def enable_actor_constant_velocity(session: Session, actor_id: int, velocity: Vector3D) -> None:
    session.world.enable_actor_constant_velocity(actor_id, velocity)


@rpc
def disable_actor_constant_velocity(session: Session, actor_id: int) -> None:
    session.world.disable_actor_constant_velocity(actor_id)


@rpc
def add_actor_impulse(session: Session, actor_id: int, impulse: Vector3D) -> None:
    session.world.add_actor_impulse(actor_id, impulse)


@rpc
def add_actor_impulse_at_location(session: Session, actor_id: int, impulse: Vector3D, location: Vector3D) -> None:
    session.world.add_actor_impulse_at_location(actor_id, impulse, location)


@rpc
def add_actor_force(session: Session, actor_id: int, force: Vector3D) -> None:
    session.world.add_actor_force(actor_id, force)


@rpc
def add_actor_force_at_location(session: Session, actor_id: int, force: Vector3D, location: Vector3D) -> None:
    session.world.add_actor_force_at_location(actor_id, force, location)


@rpc
def add_actor_angular_impulse(session: Session, actor_id: int, impulse: Vector3D) -> None:
    session.world.add_actor_angular_impulse(actor_id, impulse)


@rpc
def add_actor_torque(session: Session, actor_id: int, torque: Vector3D) -> None:
    session.world.add_actor_torque(actor_id, torque)


@rpc
def set_actor_simulate_physics(session: Session, actor_id: int, enabled: bool) -> None:
    """Accepted for the dead: the client's Traffic Manager names them, and a refusal would end its process."""
    try:
        session.world.set_actor_simulate_physics(actor_id, enabled)
    except ActorNotFound:
        if not session.was_alive(actor_id):
            raise


@rpc
def set_actor_collisions(session: Session, actor_id: int, enabled: bool) -> None:
    session.world.set_actor_collisions(actor_id, enabled)


@rpc
def set_actor_enable_gravity(session: Session, actor_id: int, enabled: bool) -> None:
    session.world.set_actor_enable_gravity(actor_id, enabled)


@rpc
def set_actor_dead(session: Session, actor_id: int) -> None:
    session.world.set_actor_dead(actor_id)


@rpc
def get_actor_bounding_box(session: Session, actor_id: int) -> BoundingBox:
    """Of an actor just destroyed: its last box, for the same reason."""
    return session.bounding_box(actor_id)


@rpc
def get_actor_component_names(session: Session, actor_id: int) -> tuple[str, ...]:
    return tuple(session.world.get_actor_components(actor_id))


@rpc
def get_actor_component_world_transform(session: Session, actor_id: int, component: str) -> Transform:
    relative = get_actor_component_relative_transform(session, actor_id, component)
    return transform_of(matrix(session.world.transform_of(actor_id)) @ matrix(relative))


@rpc
def get_actor_component_relative_transform(session: Session, actor_id: int, component: str) -> Transform:
    """Relative to the actor."""
    components = session.world.get_actor_components(actor_id)
    if component not in components:
        raise Refused(f"actor {actor_id} has no component '{component}'")
    return components[component]


@rpc
def get_actor_bone_names(session: Session, actor_id: int) -> tuple[str, ...]:
    return tuple(bone.name for bone in session.world.get_actor_bones(actor_id))


@rpc
def get_actor_bone_world_transforms(session: Session, actor_id: int) -> tuple[Transform, ...]:
    """In the order of the bones' names, as all that follow."""
    return tuple(bone.world for bone in session.world.get_actor_bones(actor_id))


@rpc
def get_actor_bone_relative_transforms(session: Session, actor_id: int) -> tuple[Transform, ...]:
    """In the frame of the component, as CARLA's server gives them."""
    return tuple(bone.component for bone in session.world.get_actor_bones(actor_id))


@rpc
def get_vehicle_bone_world_transforms(session: Session, actor_id: int) -> tuple[Transform, ...]:
    session.world.get_vehicle_light_state(actor_id)  # refuses what is no vehicle
    return tuple(bone.world for bone in session.world.get_actor_bones(actor_id))


@rpc
def get_actor_socket_names(session: Session, actor_id: int) -> tuple[str, ...]:
    """Our models have none."""
    session.world.record(actor_id)
    return ()


@rpc
def get_actor_socket_world_transforms(session: Session, actor_id: int) -> tuple[Transform, ...]:
    session.world.record(actor_id)
    return ()


@rpc
def get_actor_socket_relative_transforms(session: Session, actor_id: int) -> tuple[Transform, ...]:
    session.world.record(actor_id)
    return ()


@rpc
def set_actor_autopilot(session: Session, actor_id: int, enabled: bool) -> None:
    """The Traffic Manager is in the client, which tells it."""
    session.world.record(actor_id)
