"""The process that compiles. What all parts need is loaded once; each part is then a fork of it.

Garbage is not collected: looking through the compiler's objects took an eighth of the time; without it a part needs
0.6 GB at most.
"""

from __future__ import annotations

import gc
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from harness.cores import usable_cores
from harness.lifeline import die_with_parent

LOADING_S = 3.0
"""Of processor time: what is loaded before any part. A part that takes more is being compiled, not read."""


class Part(NamedTuple):
    """expected_s: the processor time that it takes, for the bar."""

    compile: Callable[[], None]
    expected_s: float


def main(parent_pid: int, room: Path) -> None:
    """Prints the name of each part that has ended; what a part itself says goes to a file of its name in `room`.

    If one fails its last line is the last line here too, and the exit code is not 0.
    """
    die_with_parent(parent_pid)
    gc.disable()
    _load()
    waiting, running = list(PARTS), dict[int, str]()
    while waiting or running:
        while waiting and len(running) < usable_cores():
            name = waiting.pop(0)
            running[_forked(name, room / name)] = name
        pid, status = os.wait()
        name = running.pop(pid)
        if status != 0:
            lines = (room / name).read_text(errors="replace").strip().splitlines()
            raise SystemExit(lines[-1] if lines else f"{name}: exit status {os.waitstatus_to_exitcode(status)}")
        print(name, flush=True)


def _forked(name: str, said: Path) -> int:
    parent_pid = os.getpid()
    pid = os.fork()
    if pid != 0:
        return pid
    code = 1
    try:
        die_with_parent(parent_pid)
        with said.open("wb") as file:
            os.dup2(file.fileno(), sys.stdout.fileno())
            os.dup2(file.fileno(), sys.stderr.fileno())
        PARTS[name].compile()
        code = 0
    except BaseException:  # whatever it is, this process ends here: its parent reads the code
        sys.stdout.flush()  # what it has said belongs before its last line
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _load() -> None:
    """What takes a second to load, and what numba sets up with the first function that it compiles."""
    import numba

    import sensors.thermal  # noqa: F401
    import simulator.render.warming
    import simulator.world.world  # noqa: F401
    from harness.signatures import remember_signatures

    remember_signatures()
    numba.njit(_none)(np.zeros(1, np.float32))


def _none(x: np.ndarray) -> np.ndarray:
    return np.zeros(x.shape[0], np.float32)


def _triangles() -> None:
    from simulator.render.warming import warm_triangles

    warm_triangles()


def _shading() -> None:
    from simulator.render.warming import warm_shading

    warm_shading()


def _fog() -> None:
    from simulator.render.warming import warm_fog

    warm_fog()


def _film() -> None:
    from simulator.render.warming import warm_film

    warm_film()


def _world() -> None:
    """Two vehicles fall onto each other and the road."""
    from simulator.towns import build_town
    from simulator.types import ActorDescription, VehicleControl
    from simulator.world.world import World

    town = build_town("Elm01")
    world = World(town)
    pose = town.spawn_points[0]
    for height_m in (0.5, 3.0):
        vehicle = ActorDescription(0, "vehicle.lincoln.mkz_2017")
        world.spawn(vehicle, pose._replace(location=pose.location._replace(z=height_m)))
    for _ in range(40):
        world.step(0.05)
        world.snapshot_rows()
    for row in world.bodies.active:
        world.bodies.set_control(int(row), VehicleControl())


def _thermal() -> None:
    """A walker and a car on a road in fog, seen twice."""
    from sensors.frames import CameraFrames, decode
    from sensors.thermal import ActorState, Ambient, ThermalCamera, reproject
    from sensors.thermal.heat import initial_heat

    pixels = np.zeros((36, 64, 4), np.uint8)
    tags, instances = np.full((36, 64), 11, np.uint8), np.zeros((36, 64), np.uint16)
    depth_m = np.full((36, 64), 1000.0, np.float32)
    tags[18:] = 1
    depth_m[18:] = np.linspace(60.0, 3.0, 18, dtype=np.float32)[:, None]
    air = Ambient(air_temperature_c=6.0, relative_humidity=0.99, visibility_m=60.0)
    actors = []
    for actor_id, (type_id, tag) in enumerate((("walker.pedestrian.0001", 12), ("vehicle.tesla.model3", 14)), 1):
        tags[10:22, 20 * actor_id : 20 * actor_id + 10] = tag
        instances[10:22, 20 * actor_id : 20 * actor_id + 10] = actor_id
        depth_m[10:22, 20 * actor_id : 20 * actor_id + 10] = 15.0
        pose = np.eye(4, dtype=np.float32)
        pose[0, 3] = 15.0
        heat = initial_heat(type_id, "", air, 0, actor_id)
        actors.append(ActorState(actor_id, type_id, pose, (0.0, 0.0, 0.9), (1.0, 1.0, 0.9), heat))
    camera = ThermalCamera("adk", 64, 36, 90.0, air)
    pixels.flags.writeable = False  # as the client's images are
    decode(pixels, pixels)
    for frame in range(2):
        frames = CameraFrames(
            "c", frame, 0.05 * frame, pixels, tags, instances, depth_m, np.eye(4, dtype=np.float32), 90.0
        )
        reproject(camera.image(frames, actors).counts, frames, frames)


def _networks() -> None:
    """FusionProxy's and the pilot's."""
    from agents.pilot.compiled import LEAST_WIDTH, CompiledNetwork
    from agents.pilot.weights import WEIGHTS, load_weights
    from fusion.proxy import FusionProxy

    FusionProxy.from_pretrained()
    CompiledNetwork(load_weights(WEIGHTS))(np.zeros((16, LEAST_WIDTH, 4), np.uint8))


# The longest first, and short ones last: so two cores end together. No two share a kernel that has a cache file: which
# of them compiled it, and which found it, would else depend on who was faster, and with it the last bits.
PARTS = {
    "shading": Part(_shading, 13.0),
    "triangles": Part(_triangles, 8.0),
    "thermal": Part(_thermal, 6.5),
    "networks": Part(_networks, 6.0),
    "world": Part(_world, 5.5),
    "film": Part(_film, 3.5),
    "fog": Part(_fog, 2.0),
}


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
