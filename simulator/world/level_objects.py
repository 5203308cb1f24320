"""What stands in a town as objects that clients can list, hide and show."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from simulator.models import model_of
from simulator.render.templates import TAG_OF_MATERIAL
from simulator.towns.town import Obstacle, Town
from simulator.types import BoundingBox, CityObjectLabel, EnvironmentObject, Rotation, Transform, Vector3D
from simulator.world.actor import Actor, Kind
from simulator.world.lifecycle import POLE_TAGS
from simulator.world.light_commands import LightCommands
from simulator.world.poses import matrix

Tag = CityObjectLabel

LAMP_REACH_M = 3.0
"""A street lamp's light belongs to the pole that stands this near to it, seen from above."""

LAYERS: dict[int, tuple[CityObjectLabel, ...]] = {
    1: (Tag.BUILDINGS,),
    4: (Tag.VEGETATION,),
    16: (Tag.CAR, Tag.TRUCK, Tag.BUS, Tag.MOTORCYCLE, Tag.BICYCLE),
    64: (Tag.STATIC, Tag.DYNAMIC, Tag.OTHER, Tag.WATER),
    128: (Tag.POLES,),
    256: (Tag.WALLS, Tag.FENCES, Tag.GUARD_RAIL),
}
"""CARLA's map layers by their flags: buildings, foliage, parked vehicles, props, street lights, walls.

Decals, ground and particles (2, 8, 32) are no objects here.
"""
ALL_LAYERS = 0xFFFF
FIXTURES_FROM, PARTS_OF_A_FIXTURE = 1 << 20, 8
"""Ids of the objects that lights and signs are: beyond those of the mesh, which have 16 bits, by the fixture's row."""


@dataclass(frozen=True)
class LevelObject:
    """`box`: around the whole object, centre and rotation in world axes. `id` is the object's of the town's mesh."""

    id: int
    name: str
    tag: CityObjectLabel
    box: BoundingBox


@lru_cache(maxsize=2)
def level_objects(town: Town) -> tuple[LevelObject, ...]:
    """All objects of a town, by id. An object of several materials bears the tag of its obstacle, or else the one of
    most of its triangles.
    """
    mesh = town.mesh
    obstacles = {obstacle.object_id: obstacle for obstacle in town.obstacles}
    order = np.argsort(mesh.objects, kind="stable")
    ids, starts = np.unique(mesh.objects[order], return_index=True)
    found = []
    for object_id, start, end in zip(ids.tolist(), starts.tolist(), [*starts[1:].tolist(), len(order)]):
        if object_id == 0:
            continue
        triangles = order[start:end]
        points = mesh.vertices[np.unique(mesh.triangles[triangles])].astype(np.float64)
        obstacle = obstacles.get(object_id)
        if obstacle is not None:
            box = _around(points, obstacle.box.rotation.yaw)
            found.append(LevelObject(object_id, obstacle.name, obstacle.tag, box))
        else:
            tag = Tag(int(np.bincount(TAG_OF_MATERIAL[mesh.materials[triangles]]).argmax()))
            found.append(LevelObject(object_id, f"{tag.name.title()}_{object_id}", tag, _around(points, 0.0)))
    drawn = {thing.id for thing in found}
    bare: list[Obstacle] = [o for o in town.obstacles if o.object_id not in drawn]
    found += [LevelObject(o.object_id, o.name, o.tag, o.box) for o in bare]
    return tuple(found)


def _around(points: NDArray[np.float64], yaw_deg: float) -> BoundingBox:
    """The box turned by `yaw_deg` around points (n, 3)."""
    cos, sin = np.cos(np.radians(yaw_deg)), np.sin(np.radians(yaw_deg))
    axes = np.array([[cos, sin, 0.0], [-sin, cos, 0.0], [0.0, 0.0, 1.0]])
    local = points @ axes.T
    low, high = local.min(axis=0), local.max(axis=0)
    centre, half = (low + high) / 2.0 @ axes, (high - low) / 2.0
    return BoundingBox(Vector3D(*centre.tolist()), Vector3D(*half.tolist()), Rotation(yaw=yaw_deg))


class LevelObjects(LightCommands):
    """Methods bear the names of the RPC methods where there is one."""

    hidden: tuple[int, ...]
    """Ids of the objects that are not there, ascending."""
    _switched_off: set[int]
    _layers: int
    _dark_lamps: frozenset[int]
    """Rows of the street lamps whose poles are hidden."""
    _fixtures: list[Actor]
    """Lights and signs that come with the town."""
    _fixtures_off: set[int]
    """Rows of those that are not to be seen and not to be run into."""

    def show_all_objects(self) -> None:
        """As a new episode begins."""
        self.hidden, self._switched_off, self._layers, self._dark_lamps = (), set(), ALL_LAYERS, frozenset()
        self._fixtures_off = set()

    def get_all_level_BBs(self, tag: CityObjectLabel) -> tuple[BoundingBox, ...]:
        """Of the town's objects and of what is to be seen of all actors, in world axes."""
        boxes = [thing.box for thing in self._shown(tag)]
        absent = {self._fixtures[row].id for row in self._fixtures_off}
        for actor in self.actors.values():
            labels = actor.semantic_tags
            if labels and actor.id not in absent and (tag is Tag.ANY or tag in labels):
                boxes += self._boxes_in_the_world(actor)
        return tuple(boxes)

    def get_environment_objects(self, tag: CityObjectLabel) -> tuple[EnvironmentObject, ...]:
        """Hidden ones too: how else would they be shown again."""
        found = [
            EnvironmentObject(Transform(o.box.location, o.box.rotation), o.box, o.id, o.name, o.tag)
            for o in level_objects(self.town)
            if tag in (o.tag, Tag.ANY)
        ]
        return (*found, *(part for part in self._parts_of_fixtures() if tag in (part.type, Tag.ANY)))

    def get_names_of_all_objects(self) -> tuple[str, ...]:
        fixtures = tuple(part.name for part in self._parts_of_fixtures())
        return tuple(thing.name for thing in level_objects(self.town)) + fixtures

    def enable_environment_objects(self, object_ids: tuple[int, ...], enabled: bool) -> None:
        """Ids that do not exist are passed over, as by CARLA's server. A light goes with any of its heads, as there."""
        known = {thing.id for thing in level_objects(self.town)}
        chosen = known.intersection(object_ids)
        self._switched_off = self._switched_off - chosen if enabled else self._switched_off | chosen
        parts = {part.id for part in self._parts_of_fixtures()}.intersection(object_ids)
        rows = {(part - FIXTURES_FROM) // PARTS_OF_A_FIXTURE for part in parts}
        self._fixtures_off = self._fixtures_off - rows if enabled else self._fixtures_off | rows
        self._hide()

    def _parts_of_fixtures(self) -> list[EnvironmentObject]:
        """Each head of a light, as CARLA's `UObjectRegister::RegisterTrafficLight` lists them, and each sign."""
        found = []
        for row, actor in enumerate(self._fixtures):
            tag = POLE_TAGS[actor.kind]
            for part, box in enumerate(self._boxes_in_the_world(actor)):
                part_id = FIXTURES_FROM + PARTS_OF_A_FIXTURE * row + part
                name = f"{tag.name.title()}_{part_id}"
                found.append(EnvironmentObject(actor.transform, box, part_id, name, tag))
        return found

    def load_map_layer(self, layers: int) -> None:
        self._layers |= layers
        self._hide()

    def unload_map_layer(self, layers: int) -> None:
        self._layers &= ~layers
        self._hide()

    def _hide(self) -> None:
        tags = {tag for flag, tags in LAYERS.items() if not self._layers & flag for tag in tags}
        unloaded = {thing.id for thing in level_objects(self.town) if thing.tag in tags} if tags else set()
        self.hidden = tuple(sorted(self._switched_off | unloaded))
        self.obstacles.hide(self.hidden, sorted(self._fixtures_off))
        self._dark_lamps = self._lamps_of(self.hidden)

    def _lamps_of(self, hidden: tuple[int, ...]) -> frozenset[int]:
        """Rows of the street lamps whose poles are hidden."""
        poles = [thing for thing in level_objects(self.town) if thing.tag is Tag.POLES]
        if not hidden or not poles or not self.town.street_lamps:
            return frozenset()
        places = np.array([pole.box.location[:2] for pole in poles])
        gone = set(hidden)
        dark = set()
        for row, lamp in enumerate(self.town.street_lamps):
            gaps = np.hypot(*(places - np.array(lamp.location[:2])).T)
            nearest = int(gaps.argmin())
            if gaps[nearest] < LAMP_REACH_M and poles[nearest].id in gone:
                dark.add(row)
        return frozenset(dark)

    def _shown(self, tag: CityObjectLabel) -> list[LevelObject]:
        gone = set(self.hidden)
        return [o for o in level_objects(self.town) if tag in (o.tag, Tag.ANY) and o.id not in gone]

    def _boxes_in_the_world(self, actor: Actor) -> tuple[BoundingBox, ...]:
        """Of what is to be seen of an actor: a light's heads, a sign with its pole; their own boxes are triggers."""
        if actor.kind is Kind.TRAFFIC_LIGHT:
            return self.get_light_boxes(actor.id)
        pose, box = self.transform_of(actor.id), actor.bounding_box
        if actor.kind is Kind.SIGN:
            model = model_of(actor.type_id)
            box = BoundingBox(model.centre, model.extent)
        m = matrix(pose)
        centre = m[:3, :3] @ np.array(box.location) + m[:3, 3]
        return (BoundingBox(Vector3D(*centre.tolist()), box.extent, pose.rotation, actor.id),)
