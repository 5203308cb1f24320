"""Compiles what numba compiles before the first episode, in processes of their own.

The first run on a machine must equal the second to the last bit. Kernels fresh from the compiler do not quite equal the
same kernels loaded from numba's cache: with fast floating point, a function that was inlined rounds differently from
the copy that the loader links to. So nothing that counts is ever computed by the process that compiled.
"""

from __future__ import annotations

import contextlib
import gc
import importlib.metadata
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from harness.errors import HarnessError
from harness.lifeline import die_with_parent, end_group
from simulator.render.stale import drop_stale_kernels

ROOT = Path(__file__).resolve().parent.parent
# Where kernels stand.
PACKAGES = (
    *("simulator/render", "simulator/raycast", "simulator/world"),
    *("sensors", "sensors/thermal", "fusion", "agents/pilot"),
)
STAMP = Path(__file__).resolve().parent / "__pycache__" / "kernels.stamp"
# Of processor time. Loading what is cached takes less; what takes more is being compiled, and the user is told.
LOADING_S = 8.0
LIMIT_S = 900.0


def compile_kernels(tell: Callable[[str], None]) -> None:
    """Returns when every kernel is in the cache but those of rays; `tell` gets a line when that takes long."""
    sources = _sources()
    with contextlib.suppress(OSError):
        if STAMP.read_text() == sources:
            return
    for package in PACKAGES:  # before the first part: what one of them drops, another may just have made
        drop_stale_kernels(ROOT / package)
    _compile(tell)
    with contextlib.suppress(OSError):  # a read-only installation asks again each time
        STAMP.parent.mkdir(exist_ok=True)
        STAMP.write_text(sources)


def _compile(tell: Callable[[str], None]) -> None:
    """All parts, as many at a time as there are cores."""
    waiting, running = list(PARTS), dict[str, _Part]()
    told, deadline = False, time.monotonic() + LIMIT_S
    console = Console(stderr=True)
    bar = Progress(TextColumn("compiling"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn(), console=console)
    task = bar.add_task("compiling", total=_done_s((), {}))
    with ExitStack() as stack:
        room = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        while waiting or running:
            while waiting and len(running) < len(os.sched_getaffinity(0)):
                name = waiting.pop(0)
                running[name] = _started(name, room / name)
                stack.callback(end_group, running[name].process)
            time.sleep(0.1)
            for name, part in list(running.items()):
                if part.process.poll() is not None:
                    part.raise_if_failed()
                    del running[name]
                elif not told and part.cpu_s() > LOADING_S:
                    tell("compiling the simulator and the sensors for this machine, once: less than a minute")
                    told = True
                    if console.is_terminal:
                        stack.enter_context(bar)
            bar.update(task, completed=_done_s((*waiting, *running), running))
            if time.monotonic() > deadline:
                raise HarnessError(f"compiling took more than {LIMIT_S:.0f} s")


def _done_s(unfinished: Collection[str], running: Mapping[str, _Part]) -> float:
    """Processor time that is behind us, as far as it was expected."""
    ended = sum(expected_s for name, (_, expected_s) in PARTS.items() if name not in unfinished)
    return ended + sum(min(part.cpu_s(), part.expected_s) for part in running.values())


@dataclass(frozen=True)
class _Part:
    process: subprocess.Popen[bytes]
    said: Path
    expected_s: float

    def cpu_s(self) -> float:
        with contextlib.suppress(psutil.Error):  # it may have ended since
            return float(psutil.Process(self.process.pid).cpu_times().user)
        return 0.0

    def raise_if_failed(self) -> None:
        if self.process.returncode != 0:
            lines = self.said.read_text(errors="replace").strip().splitlines() or ["no reason given"]
            raise HarnessError(f"compiling failed: {lines[-1]}")


def _started(name: str, said: Path) -> _Part:
    with said.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "harness.kernels", str(os.getpid()), name],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return _Part(process, said, PARTS[name][1])


def _sources() -> str:
    """What the cached kernels were made from: sources by their time stamps, as numba has it, and the compiler."""
    files = [ROOT / "harness/kernels.py", *(file for name in PACKAGES for file in sorted((ROOT / name).glob("*.py")))]
    lines = [f"{file.relative_to(ROOT)} {file.stat().st_mtime_ns} {file.stat().st_size}" for file in files]
    numba = f"numba {importlib.metadata.version('numba')} {os.environ.get('NUMBA_CACHE_DIR', '')}"
    return "\n".join([sys.version, numba, *lines])


def main(parent_pid: int, part: str) -> None:
    die_with_parent(parent_pid)
    gc.disable()  # looking through the compiler's objects took an eighth of the time; without it 0.6 GB at most
    PARTS[part][0]()


def _pictures() -> None:
    from simulator.render.warming import warm_all_but_shading

    warm_all_but_shading()


def _shading() -> None:
    from simulator.render.warming import warm_shading

    warm_shading()


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
    """FusionProxy's and the pilot's: PyTorch, which both come with, takes two seconds to load."""
    from agents.pilot.compiled import LEAST_WIDTH, CompiledNetwork
    from agents.pilot.network import PilotNetwork
    from fusion.proxy import FusionProxy

    FusionProxy.from_pretrained()
    CompiledNetwork(PilotNetwork().eval())(np.zeros((16, LEAST_WIDTH, 4), np.uint8))


# With the processor time that each takes, for the bar; the longest first. No two share a kernel that has a cache file:
# which of them compiled it, and which found it, would else depend on who was faster, and with it the last bits.
PARTS = {
    "pictures": (_pictures, 24.0),
    "shading": (_shading, 22.0),
    "thermal": (_thermal, 12.0),
    "world": (_world, 10.0),
    "networks": (_networks, 9.0),
}


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
