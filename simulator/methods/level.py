"""The level itself: what stands in it, rays, debug drawing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from simulator.methods.registry import Refused, rpc
from simulator.types import (
    U64,
    BoundingBox,
    CityObjectLabel,
    Color,
    EnvironmentObject,
    LabelledPoint,
    Rotation,
    Vector3D,
)
from simulator.wire.codec import decode
from simulator.world import debug_shapes

if TYPE_CHECKING:
    from simulator.session import Session


@rpc
def get_all_level_BBs(session: Session, tag: CityObjectLabel) -> tuple[BoundingBox, ...]:
    return session.world.get_all_level_BBs(tag)


@rpc
def get_environment_objects(session: Session, tag: CityObjectLabel) -> tuple[EnvironmentObject, ...]:
    return session.world.get_environment_objects(tag)


@rpc
def get_names_of_all_objects(session: Session) -> tuple[str, ...]:
    return session.world.get_names_of_all_objects()


@rpc
def enable_environment_objects(session: Session, object_ids: tuple[U64, ...], enabled: bool) -> None:
    session.world.enable_environment_objects(object_ids, enabled)


@rpc
def load_map_layer(session: Session, layers: int) -> None:
    session.world.load_map_layer(layers)


@rpc
def unload_map_layer(session: Session, layers: int) -> None:
    session.world.unload_map_layer(layers)


class Texture(NamedTuple):
    """`pixels` are not looked at: nothing here can be painted."""

    width: int
    height: int
    pixels: Any


def _refuse_to_paint(session: Session, names: tuple[str, ...]) -> None:
    if not set(names) <= set(session.world.get_names_of_all_objects()):
        raise Refused("unable to find Actor to apply the texture")
    raise Refused("unable to apply the texture: the surfaces of this town have none")


@rpc
def apply_color_texture_to_objects(session: Session, names: tuple[str, ...], parameter: int, texture: Texture) -> None:
    _refuse_to_paint(session, names)


@rpc
def apply_float_color_texture_to_objects(
    session: Session, names: tuple[str, ...], parameter: int, texture: Texture
) -> None:
    _refuse_to_paint(session, names)


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


class Line(NamedTuple):
    begin: Vector3D
    end: Vector3D
    thickness_m: float


class Point(NamedTuple):
    location: Vector3D
    size_m: float


class Arrow(NamedTuple):
    line: Line
    size_m: float


class Box(NamedTuple):
    box: BoundingBox
    rotation: Rotation
    thickness_m: float


class DebugShape(NamedTuple):
    """`life_s`: 0 stays, less than 0 is there for one frame."""

    primitive: Any
    color: Color
    life_s: float
    persistent: bool


@rpc
def draw_debug_shape(session: Session, shape: DebugShape) -> None:
    """Into the pictures of RGB cameras. Texts and what is drawn on a HUD are seen in the server's window only."""
    match shape.primitive:
        case [0, fields]:
            point: Point = decode(fields, Point)
            strokes = debug_shapes.point(point.location, point.size_m, shape.color)
        case [1, fields]:
            line: Line = decode(fields, Line)
            strokes = debug_shapes.line(line.begin, line.end, line.thickness_m, shape.color)
        case [2, fields]:
            arrow: Arrow = decode(fields, Arrow)
            shaft = arrow.line
            strokes = debug_shapes.arrow(shaft.begin, shaft.end, shaft.thickness_m, arrow.size_m, shape.color)
        case [3, fields]:
            box: Box = decode(fields, Box)
            strokes = debug_shapes.box(box.box, box.rotation, box.thickness_m, shape.color)
        case _:
            return
    session.world.draw_debug(strokes, shape.life_s, shape.persistent)


@rpc
def clear_debug_shape(session: Session) -> None:
    session.world.clear_debug_shapes()


@rpc
def clear_debug_string(session: Session) -> None:
    """See `draw_debug_shape`: there are none to be seen."""
