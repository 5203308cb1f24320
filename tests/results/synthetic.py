"""A run folder as the harness leaves it, driven by nobody: made up drives over made up routes."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from results.events import Event, EventKind
from results.films import film_webp
from results.layout import RunFolder
from results.manifest import Manifest, RouteEntry, config_hash, write_manifest
from results.record import Clip, EpisodeRecord, write_episode
from results.scores import Failure
from results.strips import Moment, strip_jpeg
from results.ticks import ActorTrace, Tick

ROUTES = (
    RouteEntry("pedestrian_side", "pedestrian steps out from the side", "Elm02"),
    RouteEntry("pedestrian_parked", "pedestrian from between parked cars", "Elm02"),
    RouteEntry("stopped_car", "stopped unlit car", "Elm02"),
    RouteEntry("cyclist", "cyclist ahead", "Elm02"),
    RouteEntry("braking_leader", "leader brakes hard", "Elm02"),
    RouteEntry("junction", "signalised junction", "Elm02"),
)
ARMS = {"rgb": "night, fog 60 m", "fused": "night, fog 60 m", "clear": "clear day"}
SMALL, LARGE = ({"radius_um": 5.0, "lwir_over_visible": 0.65}, {"radius_um": 10.0, "lwir_over_visible": 1.03})
CONFIG = {"scenario": "night_fog", "agent": "pilot", "seeds": [0, 1]}


def event(kind: EventKind, time_s: float = 1.0, x: float = 0.0, y: float = 0.0, **details: float | str) -> Event:
    return Event(kind, round(time_s * 20), time_s, (x, y, 0.0), f"Agent: {kind.value} at (x={x}, y={y})", details)


def completion(percentage: float, time_s: float = 30.0) -> Event:
    return event(EventKind.ROUTE_COMPLETION, time_s, percentage=percentage)


def tick_cap(percentage: float, outside_percentage: float = 0.0, outside_distance_m: float = 0.0) -> Event:
    details = {"outside_percentage": outside_percentage, "outside_distance_m": outside_distance_m}
    return event(EventKind.TICK_CAP, 199.95, percentage=percentage, **details)


def manifest(
    routes: tuple[RouteEntry, ...] = ROUTES,
    seeds: tuple[int, ...] = (0, 1),
    arms: dict[str, str] | None = None,
    droplets: dict[str, dict[str, float]] | None = None,
) -> Manifest:
    return Manifest(
        scenario="night_fog",
        agent="pilot",
        track="SENSORS",
        arms=ARMS if arms is None else arms,
        routes=routes,
        seeds=seeds,
        config=CONFIG,
        config_hash=config_hash(CONFIG),
        server={"kind": "embedded", "version": "0.9.16"},
        versions={"python": "3.11.9", "nightloop": "0.1.0", "carla": "0.9.16"},
        weights={"name": "sim", "sha256": "ab" * 32},
        droplets=droplets or {},
    )


def record(
    route_id: str = "cyclist",
    arm: str = "rgb",
    seed: int = 0,
    events: tuple[Event, ...] = (completion(100.0),),
    failure: Failure | None = None,
    **others: object,
) -> EpisodeRecord:
    values: dict[str, object] = {
        "scenario": "night_fog",
        "town": "Elm02",
        "agent": "pilot",
        "track": "SENSORS",
        "route_length_m": 250.0,
        "duration_game_s": 30.0,
        "duration_system_s": 55.5,
        "tick_count": 600,
        "config_hash": config_hash(CONFIG),
        "server_kind": "embedded",
        "server_version": "0.9.16",
        "sensors": ("carla_camera", "carla_gnss", "carla_imu", "carla_speedometer"),
    }
    return EpisodeRecord(route_id=route_id, arm=arm, seed=seed, events=events, failure=failure, **{**values, **others})  # type: ignore[arg-type]


def path_xy(number: int) -> list[tuple[float, float]]:
    """A street with a bend, 250 m long."""
    turn = (-1) ** number * (0.4 + 0.2 * number)
    x, y, points = 100.0 * number, 40.0, []
    for step in range(250):
        heading = turn * (1 / (1 + math.exp(-(step - 120) / 12)))
        x, y = x + math.cos(heading), y + math.sin(heading)
        points.append((x, y))
    return points


def drive(number: int, arm: str, seed: int, share: float) -> list[Tick]:
    """Along the path of route `number`, stopping for a walker half-way."""
    rng = np.random.default_rng((number, seed, len(arm)))
    path = path_xy(number)
    offset, progress, speed = float(rng.normal(0, 0.25)), 0.0, 0.0
    walker = path[125]
    ticks = []
    for index in range(1, 2000):
        target = 3.0 if 95 < progress < 122 and arm != "rgb" else 9.0 + float(rng.normal(0, 0.2))
        speed += float(np.clip(target - speed, -0.35, 0.12))
        progress += speed * 0.05
        if progress >= 249.0 * share:
            break
        x, y = path[int(progress)]
        actor = ActorTrace(77, walker[0] + 3 - 0.02 * index, walker[1] + 4 - 0.03 * index, 0.9, 0.0, 1.2)
        ticks.append(
            Tick(
                frame=index,
                time_s=index * 0.05,
                location=(x, y + offset, 0.0),
                rotation=(0.0, 0.0, 0.0),
                velocity=(speed, 0.0, 0.0),
                acceleration=(0.0, 0.0, 0.0),
                angular_velocity=(0.0, 0.0, 0.0),
                actors=(actor,),
            )
        )
    return ticks


def moments() -> list[Moment]:
    rng = np.random.default_rng(0)
    rows = np.linspace(20, 90, 180)[:, None, None]
    rgb = (rows + rng.normal(0, 4, (180, 320, 3))).clip(0, 255).astype(np.uint8)
    thermal = (90 + rng.normal(0, 6, (180, 320))).clip(0, 255).astype(np.uint8)
    thermal[70:150, 180:205] = 235
    fused = rgb.copy()
    fused[70:150, 180:205] = 220
    return [Moment("1.0 s before", rgb, thermal, fused, 1.0), Moment("at contact", rgb, thermal, fused)]


def write_run(path: Path, seeds: tuple[int, ...] = (0, 1), gain: bool = True, **others: Any) -> RunFolder:
    """Six routes; the rgb arm hits things that the fused arm sees (the other way round without `gain`)."""
    folder = RunFolder(path)
    write_manifest(folder, manifest(seeds=seeds))
    strip, film = strip_jpeg(moments()), film_webp(moments(), panel_width=160)
    worse = "rgb" if gain else "fused"
    for number, route in enumerate(ROUTES):
        for seed in seeds:
            for arm in ARMS:
                share = 0.62 if arm == worse and number == 2 else 1.0
                ticks = drive(number, arm, seed, share)
                middle = ticks[len(ticks) // 2]
                x, y, _ = middle.location
                events: list[Event] = []
                if arm == worse and number in (0, 1, 3):
                    events.append(event(EventKind.COLLISION_PEDESTRIAN, middle.time_s, x, y, other_id=77))
                if arm == "fused" and number == 5 and seed == 0:
                    events.append(event(EventKind.RED_LIGHT, middle.time_s + 2, x + 9, y, light_id=3))
                if arm == worse and number == 2:
                    end = ticks[-1]
                    events.append(event(EventKind.VEHICLE_BLOCKED, end.time_s, *end.location[:2]))
                clips = tuple(
                    Clip(f"strips/{i}.jpg", i, caption="front camera", film=f"strips/{i}.webp")
                    for i in range(len(events))
                )
                events.append(completion(100.0 * share, ticks[-1].time_s))
                episode = record(
                    route.id,
                    arm,
                    seed,
                    tuple(events),
                    clips=clips,
                    route_xy=tuple(path_xy(number)[::5]),
                    route_name=route.name,
                    tick_count=len(ticks),
                    duration_game_s=ticks[-1].time_s,
                    **others,
                )
                strips = {name: data for clip in clips for name, data in ((clip.file, strip), (clip.film, film))}
                write_episode(folder.episode(route.id, arm, seed), episode, ticks, strips)
    return folder
