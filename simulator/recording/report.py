"""What a recording tells in text, in the words of CARLA's server."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from simulator.recording.file import NotARecording, Recording, read_recording
from simulator.recording.records import NOBODY, Added, Frame, Packet
from simulator.types import VehicleLightState

_CATEGORIES = "ovwt"
_LAMPS = (
    ("Position", VehicleLightState.POSITION),
    ("LowBeam", VehicleLightState.LOW_BEAM),
    ("HighBeam", VehicleLightState.HIGH_BEAM),
    ("Brake", VehicleLightState.BRAKE),
    ("RightBlinker", VehicleLightState.RIGHT_BLINKER),
    ("LeftBlinker", VehicleLightState.LEFT_BLINKER),
    ("Reverse", VehicleLightState.REVERSE),
    ("Interior", VehicleLightState.INTERIOR),
    ("Fog", VehicleLightState.FOG),
    ("Special1", VehicleLightState.SPECIAL_1),
    ("Special2", VehicleLightState.SPECIAL_2),
)


def file_info(path: Path, show_all: bool) -> str:
    """Events of each frame; with `show_all` everything that was written down."""
    return _report(path, lambda recording: _info(recording, show_all))


def collisions(path: Path, first: str, second: str) -> str:
    """Collisions between actors of two kinds: o(ther), v(ehicle), w(alker), t(raffic light), h(ero), a(ny)."""
    return _report(path, lambda recording: _collisions(recording, first, second))


def blocked(path: Path, least_s: float, distance_cm: float) -> str:
    """Actors that stayed within `distance_cm` (as CARLA's server takes it) for `least_s`, longest first."""
    return _report(path, lambda recording: _blocked(recording, least_s, distance_cm))


def _report(path: Path, lines_of: Any) -> str:
    try:
        recording = read_recording(path)
    except NotARecording:
        return "File is not a CARLA recorder\n"
    except OSError:
        return f"File {path} not found on server\n"
    header = recording.header
    date = time.strftime("%x %X", time.localtime(header.date_s))
    last = recording.frames[-1][0] if recording.frames else Frame(0, 0.0, 0.0)
    lines = [f"Version: {header.version}", f"Map: {header.map_name}", f"Date: {date}", "", *lines_of(recording)]
    return "\n".join([*lines, "", f"Frames: {last.id}", f"Duration: {last.elapsed_s:g} seconds", ""])


def _info(recording: Recording, show_all: bool) -> Iterator[str]:
    for k, (frame, _, _) in enumerate(recording.frames):
        lines = [line for packet, records in recording.records(k) for line in _told(packet, records, show_all)]
        if lines or show_all:
            yield f"Frame {frame.id} at {frame.elapsed_s:g} seconds"
            yield from lines


def _told(packet: Packet, records: list[Any], show_all: bool) -> Iterator[str]:
    if packet is Packet.EVENT_ADD:
        for r in records:
            yield f" Create {r.id}: {r.description.id} ({r.type}) at {_vector(r.location)}"
            yield from (f"  {a.id} = {a.value}" for a in r.description.attributes)
    elif packet is Packet.EVENT_DELETE:
        yield from (f" Destroy {r.id}" for r in records)
    elif packet is Packet.EVENT_PARENT:
        yield from (f" Parenting {r.id} with {r.parent_id} (parent)" for r in records)
    elif packet is Packet.COLLISION:
        for r in records:
            heroes = [" (hero) " if hero else "" for hero in (r.first_is_hero, r.second_is_hero)]
            yield f" Collision id {r.id} between {r.first_id}{heroes[0]} with {r.second_id}{heroes[1]}"
    elif show_all and packet is Packet.PLATFORM_TIME:
        yield f" Current platform time: {records[0]:g}"
    elif show_all and packet in _ALL:
        title, line = _ALL[packet]
        yield f" {title}: {len(records)}"
        yield from (f"  Id: {r.id} {line(r)}" for r in records)


def _vector(parts: Any) -> str:
    return "(" + ", ".join(f"{part:g}" for part in parts) + ")"


def _lit(r: Any) -> str:
    return " ".join(name for name, flag in _LAMPS if r.flags & flag) or "None"


_ALL = {
    Packet.POSITION: ("Positions", lambda r: f"Location: {_vector(r[1:4])} Rotation: {_vector(r[4:7])}"),
    Packet.TRAFFIC_LIGHT: (
        "State traffic lights",
        lambda r: f"state: {r.state} frozen: {int(r.frozen)} elapsedTime: {r.elapsed_s:g}",
    ),
    Packet.VEHICLE_ANIMATION: (
        "Vehicle animations",
        lambda r: (
            f"Steering: {r.steer:g} Throttle: {r.throttle:g} Brake: {r.brake:g} "
            f"Handbrake: {int(r.hand_brake)} Gear: {r.gear}"
        ),
    ),
    Packet.WALKER_ANIMATION: ("Walker animations", lambda r: f"speed: {r.speed:g}"),
    Packet.VEHICLE_LIGHT: ("Vehicle light animations", _lit),
    Packet.SCENE_LIGHT: (
        "Scene light changes",
        lambda r: f"enabled: {r.active} intensity: {r.intensity:g} RGB_color: {_vector(r[2:5])}",
    ),
    Packet.KINEMATICS: (
        "Dynamic actors",
        lambda r: f"linear_velocity: {_vector(r[1:4])} angular_velocity: {_vector(r[4:7])}",
    ),
    Packet.BOUNDING_BOX: (
        "Actor bounding boxes",
        lambda r: f"origin: {_vector(r[1:4])} extension: {_vector(r[4:7])}",
    ),
    Packet.TRIGGER_VOLUME: (
        "Actor trigger volumes",
        lambda r: f"origin: {_vector(r[1:4])} extension: {_vector(r[4:7])}",
    ),
    Packet.TRAFFIC_LIGHT_TIME: (
        "Traffic Light time events",
        lambda r: f"green_time: {r.green_s:g} yellow_time: {r.yellow_s:g} red_time: {r.red_s:g}",
    ),
}


def _collisions(recording: Recording, first: str, second: str) -> Iterator[str]:
    yield f"{'Time':>8} {'Types':>6} {'Id':>6} {'Actor 1':<35} {'Id':>6} {'Actor 2':<35}"
    actors: dict[int, Added] = {}
    before: set[tuple[int, int]] = set()
    for k, (frame, _, _) in enumerate(recording.frames):
        now: set[tuple[int, int]] = set()
        for packet, records in recording.records(k):
            if packet is Packet.EVENT_ADD:
                actors.update((r.id, r) for r in records)
            if packet is not Packet.COLLISION:
                continue
            for r in records:
                kinds = [_category(actors, actor_id) for actor_id in (r.first_id, r.second_id)]
                heroes = (r.first_is_hero, r.second_is_hero)
                wanted = zip((first, second), kinds, heroes)
                if not all(want in ("a", kind) or (want == "h" and hero) for want, kind, hero in wanted):
                    continue
                now.add((r.first_id, r.second_id))
                if (r.first_id, r.second_id) not in before:
                    names = [actors[i].description.id if i in actors else "" for i in (r.first_id, r.second_id)]
                    yield (
                        f"{frame.elapsed_s:8.0f}   {kinds[0]} {kinds[1]}  {r.first_id:>6} {names[0]:<35} "
                        f"{r.second_id:>6} {names[1]:<35}"
                    )
        before = now


def _category(actors: dict[int, Added], actor_id: int) -> str:
    if actor_id == NOBODY or actor_id not in actors:
        return "o"
    kind = actors[actor_id].type
    return _CATEGORIES[kind] if kind < len(_CATEGORIES) else "o"


def _blocked(recording: Recording, least_s: float, distance_cm: float) -> Iterator[str]:
    yield f"{'Time':>8} {'Id':>6} {'Actor':<35} {'Duration':>10}"
    names: dict[int, str] = {}
    resting: dict[int, tuple[tuple[float, float, float], float, float]] = {}  # place in cm, since when, how long
    found: list[tuple[float, int, float]] = []
    for k, (frame, _, _) in enumerate(recording.frames):
        for packet, records in recording.records(k):
            if packet is Packet.EVENT_ADD:
                names.update((r.id, r.description.id) for r in records)
            if packet is not Packet.POSITION:
                continue
            for r in records:
                place, since, lasted = resting.get(r.id, ((r.x, r.y, r.z), frame.elapsed_s, 0.0))
                if sum((a - b) ** 2 for a, b in zip(place, r[1:4])) < distance_cm**2:
                    resting[r.id] = (place, since, lasted + max(0.0, frame.duration_s))
                    continue
                if lasted >= least_s:
                    found.append((lasted, r.id, since))
                resting[r.id] = ((r.x, r.y, r.z), frame.elapsed_s, max(0.0, frame.duration_s))
    found += [(lasted, actor_id, since) for actor_id, (_, since, lasted) in resting.items() if lasted >= least_s]
    for lasted, actor_id, since in sorted(found, key=lambda row: -row[0]):
        yield f"{since:8.0f} {actor_id:>6} {names.get(actor_id, ''):<35} {lasted:10.0f}"
