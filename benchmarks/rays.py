"""What rays cost: CPU milliseconds of one thread for the lidars and the radar of one tick, and rays per second.

    python -m benchmarks.rays [--json FILE] [--town Elm01] [--vehicles 50] [--walkers 30]

The scene: a whole town with traffic; the sensors stand on the roof of a car. The floor is the same work where there is
nothing to meet: all that is not the search among triangles. The 25th percentile of the ticks' CPU time.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.world_step import DELTA_S, populated
from simulator.raycast import lidar, obstacle, radar
from simulator.raycast.lidar import LidarModel
from simulator.raycast.obstacle import ObstacleModel
from simulator.raycast.radar import RadarModel
from simulator.raycast.scene import RayScene, static_town
from simulator.render.mesh import Mesh, MeshBuilder
from simulator.render.workers import Workers
from simulator.types import Transform, Vector3D
from simulator.world.noise import generator
from simulator.world.poses import matrix

LIDARS = {
    "lidar 56k/s": LidarModel(False, 32, 50.0, 56_000.0),
    "lidar 600k/s (leaderboard)": LidarModel(False, 64, 85.0, 600_000.0),
    "lidar 1.3M/s": LidarModel(False, 64, 100.0, 1_300_000.0),
    "semantic lidar 1.3M/s": LidarModel(True, 64, 100.0, 1_300_000.0),
}


@dataclass(frozen=True, eq=False)
class Empty:
    """A town of nothing."""

    mesh: Mesh


def cost_ms(work: Callable[[int], object], ticks: int) -> float:
    spent = []
    for tick in range(ticks + 2):
        start = time.thread_time()
        work(tick)
        spent.append(1e3 * (time.thread_time() - start))
    return round(float(np.percentile(spent[2:], 25)), 3)


def measured(scene: RayScene, pose: NDArray[np.float64], ticks: int) -> dict[str, float]:
    """CPU ms per tick of each sensor."""
    still = np.zeros(3)

    def lidar_work(model: LidarModel) -> Callable[[int], object]:
        return lambda k: lidar.scan(
            model, scene, pose, 3.1416 * (k % 2), DELTA_S, generator(seed=0, sensor=1, step=k), 0
        )

    found = {name: cost_ms(lidar_work(model), ticks) for name, model in LIDARS.items()}
    found["radar 1500/s"] = cost_ms(
        lambda k: radar.detect(RadarModel(), scene, pose, still, {}, DELTA_S, generator(seed=0, sensor=2, step=k), 0),
        ticks,
    )
    found["obstacle detector"] = cost_ms(
        lambda _: obstacle.detect(ObstacleModel(20.0), scene, pose, frozenset(), 0), ticks
    )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.rays", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", type=Path)
    parser.add_argument("--town", default="Elm01")
    parser.add_argument("--vehicles", type=int, default=50)
    parser.add_argument("--walkers", type=int, default=30)
    parser.add_argument("--ticks", type=int, default=12)
    options = parser.parse_args()
    world = populated(options.town, options.vehicles, options.walkers)
    world.step(DELTA_S)
    view = world.view()
    static_town(world.town)
    static_town.cache_clear()  # the first time compiles
    start = time.thread_time()
    static_town(world.town)
    built_ms = 1e3 * (time.thread_time() - start)
    scene, empty = RayScene(world.town, Workers(1)), RayScene(Empty(MeshBuilder().build()), Workers(1))
    placed_ms = cost_ms(lambda _: scene.show(view), options.ticks)
    pose = matrix(world.transform_of(next(iter(world.vehicles)))) @ matrix(Transform(Vector3D(z=2.0)))
    costs, floors = measured(scene, pose, options.ticks), measured(empty, pose, options.ticks)
    directions = np.random.default_rng(0).normal(size=(50_000, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    origin = pose[:3, 3].astype(np.float32)
    strewn_ms = cost_ms(lambda _: scene.cast(origin, directions.astype(np.float32), 100.0), options.ticks)
    figures = {
        "town": options.town,
        "triangles": len(world.town.mesh.triangles),
        "actors": len(view.ids),
        "town_tree_ms": round(built_ms, 1),
        "placing_actors_ms": placed_ms,
        "incoherent_rays_per_s": round(len(directions) / strewn_ms * 1e3),
        "ms_per_tick": costs,
        "floor_ms_per_tick": floors,
    }
    print(f"{options.town}: {figures['triangles']} triangles, {figures['actors']} actors; CPU ms of one thread")
    print(f"tree of the town, once {built_ms:19.1f}\nplacing the actors {placed_ms:23.3f}")
    print(f"rays strewn to all sides {figures['incoherent_rays_per_s']:17} rays/s\n")
    print(f"{'per tick':28}{'ms':>14}{'floor':>10}")
    for name, value in costs.items():
        print(f"{name:28}{value:14.3f}{floors[name]:10.3f}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
