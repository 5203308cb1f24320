"""`apply_batch`: many commands in one call, answered one by one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from simulator.methods import actors, lights, vehicles, walkers
from simulator.methods.registry import METHODS, REFUSALS, Refused, refusal_text, rpc_unwrapped
from simulator.types import ActorDescription, Transform, VehicleLightState
from simulator.wire.codec import decode, decoder

if TYPE_CHECKING:
    from simulator.session import Session

Command = Callable[["Session", Sequence[Any], int], int]
"""Runs one command's fields and returns its actor's id. The last argument stands for id 0 in what follows a spawn."""

_SPAWN_FIELDS = 6


def _method(function: Callable[..., Any]) -> Command:
    """The command that has the same arguments as a method."""
    method = METHODS[function.__name__]

    def run(session: Session, fields: Sequence[Any], spawned_id: int) -> int:
        actor_id = fields[0] or spawned_id
        method.run(session, [actor_id, *fields[1:]])
        return actor_id

    return run


def _spawn(session: Session, fields: Sequence[Any], _: int) -> int:
    if len(fields) != _SPAWN_FIELDS:
        raise Refused("SpawnActor: malformed")
    description, transform, parent, _attachment, socket, after = fields  # an attachment that is not given is rubbish
    parent_id = decode(parent, int | None) or 0
    place = session.world.bone_place(parent_id, decode(socket, str))
    what, where = decode(description, ActorDescription), decode(transform, Transform)
    record = session.spawn(what, where, parent_id, place=place)
    for command in after:
        _respond(session, command, record.id)
    return record.id


_transform, _float, _flags = decoder(Transform), decoder(float), decoder(VehicleLightState)


def _walker_state(session: Session, fields: Sequence[Any], spawned_id: int) -> int:
    actor_id, transform, speed = fields
    session.world.apply_walker_state(actor_id or spawned_id, _transform(transform), _float(speed))
    return actor_id or spawned_id


def _light_state(session: Session, fields: Sequence[Any], spawned_id: int) -> int:
    actor_id, flags = fields
    session.world.set_vehicle_light_state(actor_id or spawned_id, _flags(flags))
    return actor_id or spawned_id


def _autopilot(session: Session, fields: Sequence[Any], spawned_id: int) -> int:
    """The Traffic Manager is in the client and knows already."""
    session.world.record(fields[0] or spawned_id)
    return fields[0] or spawned_id


def _nothing_to_do(session: Session, fields: Sequence[Any], spawned_id: int) -> int:
    return spawned_id


COMMANDS: tuple[Command, ...] = (
    _spawn,
    _method(actors.destroy_actor),
    _method(vehicles.apply_control_to_vehicle),
    _method(vehicles.apply_ackermann_control_to_vehicle),
    _method(walkers.apply_control_to_walker),
    _method(vehicles.apply_physics_control),
    _method(actors.set_actor_transform),
    _walker_state,
    _method(actors.set_actor_target_velocity),
    _method(actors.set_actor_target_angular_velocity),
    _method(actors.add_actor_impulse),
    _method(actors.add_actor_force),
    _method(actors.add_actor_angular_impulse),
    _method(actors.add_actor_torque),
    _method(actors.set_actor_simulate_physics),
    _method(actors.set_actor_enable_gravity),
    _autopilot,
    _method(vehicles.show_vehicle_debug_telemetry),
    _light_state,
    _method(actors.set_actor_location),
    _nothing_to_do,  # a command of the engine's console
    _method(lights.set_traffic_light_state),
)
"""In the order of the numbers by which the client names them."""


def _respond(session: Session, command: Any, spawned_id: int = 0) -> list[Any]:
    match command:
        case [[int(index), list(fields)]] if 0 <= index < len(COMMANDS) and (
            fields or COMMANDS[index] is _nothing_to_do
        ):
            try:
                return [[1, COMMANDS[index](session, fields, spawned_id)]]
            except REFUSALS as error:
                return [[0, [refusal_text(error, "apply_batch")]]]
            except (TypeError, ValueError):
                return [[0, [f"apply_batch: malformed command {index}"]]]
    return [[0, ["apply_batch: malformed command"]]]


@rpc_unwrapped
def apply_batch(session: Session, commands: tuple[Any, ...], do_tick: bool) -> Any:
    """One `[[1, actor_id]]` or `[[0, [text]]]` per command, in order; a refused one does not stop the rest."""
    responses = [_respond(session, command) for command in commands]
    return _after_tick(session, responses) if do_tick else responses


async def _after_tick(session: Session, responses: list[Any]) -> list[Any]:
    await session.clock.tick()
    return responses
