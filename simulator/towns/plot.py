"""Draws a town, or the map of an OpenDRIVE file, from above: `python -m simulator.towns.plot Elm01 elm01.png`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.collections import PolyCollection

from simulator.options import CommandParser, written
from simulator.render.materials import SURFACES, Material
from simulator.towns import build_town
from simulator.towns.maps import Maps
from simulator.towns.town import Town


def draw(town: Town, path: Path, dots_per_inch: int = 130) -> None:
    """Writes a picture of the town as seen from above: x to the right, y downwards as in CARLA."""
    figure, axes = plt.subplots(figsize=(14, 14))
    corners = town.mesh.vertices[town.mesh.triangles]
    middle = corners.mean(axis=1)
    land = 0.0 if town.relief is None else town.relief.at(middle[:, :2])
    order = np.argsort(middle[:, 2] - land, kind="stable")
    albedo = np.array([SURFACES[m].albedo if m in SURFACES else (1, 0, 1) for m in sorted(Material)])
    colour = np.clip(albedo, 0.0, 1.0) ** (1 / 2.2)
    axes.add_collection(
        PolyCollection(
            list(corners[order, :, :2]), facecolors=colour[town.mesh.materials[order]], linewidths=0, antialiased=False
        )
    )
    lamps = np.array([lamp.location[:2] for lamp in town.street_lamps]).reshape(-1, 2)
    axes.plot(lamps[:, 0], lamps[:, 1], "o", color="gold", markersize=2.5, label="street lamps")
    lights = np.array([site.transform.location[:2] for site in town.traffic_lights]).reshape(-1, 2)
    axes.plot(lights[:, 0], lights[:, 1], "o", color="red", markersize=4, label="traffic lights")
    for sites, marker, label in ((town.stop_signs, "8", "stop signs"), (town.yield_signs, "v", "yield signs")):
        signs = np.array([site.transform.location[:2] for site in sites]).reshape(-1, 2)
        axes.plot(signs[:, 0], signs[:, 1], marker, color="darkred", markersize=6, label=label)
    for point in town.spawn_points:
        yaw = np.radians(point.rotation.yaw)
        axes.arrow(*point.location[:2], 3 * np.cos(yaw), 3 * np.sin(yaw), color="deepskyblue", width=0.3)
    low, high = town.lanes.xyz.min(axis=0) - 45.0, town.lanes.xyz.max(axis=0) + 45.0
    axes.set(xlim=(low[0], high[0]), ylim=(high[1], low[1]), aspect="equal", title=f"{town.name}, m")
    axes.legend(loc="upper left")
    figure.tight_layout()
    figure.savefig(path, dpi=dots_per_inch)
    plt.close(figure)


def _town(name: str) -> Town:
    if not name.endswith(".xodr"):
        return build_town(name)
    maps = Maps()
    return maps.build(maps.add_file(Path(name)))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = CommandParser(prog="python -m simulator.towns.plot", description=__doc__)
    parser.add_argument("town", help="name of a town, or an OpenDRIVE file (.xodr)")
    parser.add_argument(
        "out", type=written((".png", ".jpg", ".pdf", ".svg")), help="the picture: .png, .jpg, .pdf or .svg"
    )
    chosen = parser.parse_args(arguments)
    try:
        town = _town(chosen.town)
    except OSError as error:
        parser.error(f"cannot read {chosen.town}: {error.strerror}")
    except ValueError as error:
        parser.error(f"{chosen.town}: {error}")
    draw(town, chosen.out)


if __name__ == "__main__":
    main()
