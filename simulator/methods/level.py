"""The level itself: what stands in it, rays, debug drawing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator.methods.registry import Refused, rpc
from simulator.types import BoundingBox, CityObjectLabel, EnvironmentObject, LabelledPoint, Transform, Vector3D

if TYPE_CHECKING:
    from simulator.session import Session


@rpc
def get_all_level_BBs(session: Session, tag: CityObjectLabel) -> tuple[BoundingBox, ...]:
    return tuple(
        obstacle.box for obstacle in session.world.town.obstacles if tag in (obstacle.tag, CityObjectLabel.ANY)
    )


@rpc
def get_environment_objects(session: Session, tag: CityObjectLabel) -> tuple[EnvironmentObject, ...]:
    return tuple(
        EnvironmentObject(Transform(o.box.location, o.box.rotation), o.box, o.object_id, o.name, o.tag)
        for o in session.world.town.obstacles
        if tag in (o.tag, CityObjectLabel.ANY)
    )


@rpc
def get_names_of_all_objects(session: Session) -> tuple[str, ...]:
    return tuple(obstacle.name for obstacle in session.world.town.obstacles)


@rpc
def enable_environment_objects(session: Session, object_ids: tuple[int, ...], enabled: bool) -> None:
    if not enabled:
        raise Refused("environment objects cannot be hidden")


@rpc
def project_point(
    session: Session, origin: Vector3D, direction: Vector3D, distance_m: float
) -> tuple[bool, LabelledPoint]:
    """The first thing that the ray meets, and whether there is one."""
    point = session.world.project_point(origin, direction, distance_m)
    return (False, LabelledPoint(Vector3D(), CityObjectLabel.NONE)) if point is None else (True, point)


@rpc
def cast_ray(session: Session, start: Vector3D, end: Vector3D) -> tuple[LabelledPoint, ...]:
    return tuple(session.world.cast_ray(start, end))


@rpc
def draw_debug_shape(session: Session, shape: Any) -> None:
    """Nobody sees them: cameras of the real server do not either once the shape's life is over."""


@rpc
def clear_debug_shape(session: Session) -> None:
    """See `draw_debug_shape`."""


@rpc
def clear_debug_string(session: Session) -> None:
    """See `draw_debug_shape`."""
