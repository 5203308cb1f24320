"""The simulator as a process: `python -m simulator.serve --port 2000 --town Elm01 --seed 0`.

When a client can connect it prints one line of JSON with its ports. It ends on SIGTERM, on SIGINT and with its parent.
"""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import json
import os
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from simulator.cameras import Cameras
from simulator.options import LARGEST_SEED, CommandParser, whole
from simulator.range_sensors import RangeSensors
from simulator.session import Session
from simulator.towns import Town
from simulator.towns.maps import Maps
from simulator.towns.xodr import OpenDriveError
from simulator.types import ActorDescription, VehicleControl
from simulator.wire.rpc import serve_rpc
from simulator.wire.streams import StreamServer
from simulator.world.world import World

WRONG_USE, CRASHED = 2, 70
MOST_THREADS = 256
_PARENT_POLL_S = 0.5
_PR_SET_PDEATHSIG = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code."""
    options = _parser().parse_args(arguments)
    maps = Maps(options.carla_town_aliases)
    try:
        town_name = _first_town(options.town, maps)
    except ValueError as error:
        return _wrong_use(str(error))
    if not watch_parent(options.parent_pid):
        return _wrong_use(f"the parent process {options.parent_pid} is gone")
    try:
        rpc_listener, stream_listener = _listeners(options.host, options.port)
    except OSError as error:
        why = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error.strerror or error)
        why = why.split(" (while")[0]
        return _wrong_use(f"cannot listen on {options.host}:{options.port}: {why}")
    return asyncio.run(_serve(options, maps, town_name, rpc_listener, stream_listener))


def _parser() -> argparse.ArgumentParser:
    parser = CommandParser(prog="python -m simulator.serve", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
    parser.add_argument(
        "--port",
        type=whole(0, 65535),
        default=2000,
        help="for clients; streams use the next; 0 picks free ones (default: %(default)s)",
    )
    parser.add_argument(
        "--town", default="Elm01", help="town of the first episode, or an OpenDRIVE file (.xodr; default: %(default)s)"
    )
    parser.add_argument(
        "--seed",
        type=whole(0, LARGEST_SEED),
        default=0,
        help="seed of all that is random in the world (default: %(default)s)",
    )
    parser.add_argument(
        "--threads",
        type=whole(1, MOST_THREADS),
        default=_own_threads(),
        help="threads that render (default: %(default)s, one per core)",
    )
    parser.add_argument(
        "--cameras", action="store_true", help="load what cameras and lidars need first, not when one is spawned"
    )
    parser.add_argument(
        "--only-cameras", action="store_true", help="likewise, but what lidars need is compiled with the first of them"
    )
    parser.add_argument(
        "--recordings", type=_folder, default=Path("recordings"), help="folder of recorder files (default: %(default)s)"
    )
    parser.add_argument(
        "--carla-town-aliases", action="store_true", help="load the town of ours that is nearest for Town01, Town02 ..."
    )
    parser.add_argument(
        "--parent-pid",
        type=whole(1, 2**31 - 1),
        default=None,
        help="end when this process ends (default: the one that started it)",
    )
    return parser


def _own_threads() -> int:
    return min(os.cpu_count() or 1, MOST_THREADS)


def _folder(text: str) -> Path:
    """A folder, or one that is made when the first file goes into it."""
    path = Path(text)
    if not text or (path.exists() and not path.is_dir()):
        raise argparse.ArgumentTypeError(f"a folder, not {text!r}")
    return path


def _first_town(name: str, maps: Maps) -> str:
    """The map's name as `Maps` knows it. Raises ValueError with one clear line."""
    if name.endswith(".xodr"):
        try:
            return maps.add_file(Path(name))
        except OSError as error:
            raise ValueError(f"cannot read {name}: {os.strerror(error.errno or 0)}") from None
        except UnicodeDecodeError:
            raise ValueError(f"cannot read {name}: it is not UTF-8 text") from None
        except OpenDriveError as error:
            raise ValueError(f"{name}: {error}") from None
    found = maps.resolve(name)
    if found is None:
        raise ValueError(f"no town '{name}': there are {', '.join(maps.names)}, or an OpenDRIVE file (.xodr)")
    return found


def _wrong_use(problem: str) -> int:
    print(f"simulator: {problem}", file=sys.stderr)
    return WRONG_USE


def _listeners(host: str, port: int) -> tuple[socket.socket, socket.socket]:
    """One for RPC at `port` and one for streams at the next, or at any free port when that one is taken."""
    rpc = _listen(host, port)
    rpc_port = rpc.getsockname()[1]
    try:
        return rpc, _listen(host, rpc_port + 1 if rpc_port < 65535 else 0)
    except OSError:
        return rpc, _listen(host, 0)


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), backlog=64)
    except OverflowError as error:
        raise OSError(str(error)) from None


async def _serve(
    options: argparse.Namespace,
    maps: Maps,
    town_name: str,
    rpc_listener: socket.socket,
    stream_listener: socket.socket,
) -> int:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    stopping: asyncio.Future[Any] = asyncio.ensure_future(stop.wait())
    town = maps.build(town_name)
    _rehearse(town)
    cameras = Cameras(town, options.threads, options.seed)
    range_sensors = RangeSensors(town, options.threads)
    if options.cameras or options.only_cameras:
        first = [cameras.prepare()] if options.only_cameras else [cameras.prepare(), range_sensors.warm()]
        loading = asyncio.gather(*first)
        await asyncio.wait([stopping, loading], return_when=asyncio.FIRST_COMPLETED)
        if stop.is_set():
            return 0
        await loading
    streams = StreamServer(stream_listener)
    server, connections = await serve_rpc(lambda *call: session.call(*call), rpc_listener)
    world = World(town, options.seed)
    session = Session(world, streams, cameras, range_sensors, connections, maps, options.recordings)
    # every client asks for it when it connects
    await asyncio.wait([stopping, asyncio.ensure_future(session.navigation())], return_when=asyncio.FIRST_COMPLETED)
    running = asyncio.create_task(session.clock.run())
    ready = {
        "event": "ready",
        "rpc_port": rpc_listener.getsockname()[1],
        "stream_port": streams.port,
        "town": town.name,
        "seed": options.seed,
        "pid": os.getpid(),
    }
    print(json.dumps(ready), flush=True)
    await asyncio.wait([stopping, session.clock.failure], return_when=asyncio.FIRST_COMPLETED)
    code = 0
    if session.clock.failure.done():
        error = session.clock.failure.exception()
        print("simulator: the simulation failed", file=sys.stderr)
        traceback.print_exception(error, file=sys.stderr)
        await asyncio.sleep(0.1)  # lets the answer out that tells the waiting client
        code = CRASHED
    running.cancel()
    session.recordings.stop()
    server.close()
    streams.close()
    return code


def _rehearse(town: Town) -> None:
    """Steps a world that is thrown away: what a step compiles or loads is then there before a client waits for it."""
    world = World(town)
    if town.spawn_points:
        car = world.spawn(ActorDescription(0, "vehicle.tesla.model3"), town.spawn_points[0]).id
        world.apply_control_to_vehicle(car, VehicleControl())
    for _ in range(2):
        world.step(0.05)
        world.snapshot_rows()


def watch_parent(parent_pid: int | None) -> bool:
    """Ends this process soon after its parent, or `parent_pid` when given, has ended; False when it has already."""
    watched = parent_pid if parent_pid is not None else os.getppid()
    if not _alive(watched):
        return False
    if watched == 1:
        return True

    # The kernel's signal comes at once, but also when merely the thread ended that had started this process.
    def check(*_: object) -> None:
        if not _alive(watched):
            os.kill(os.getpid(), signal.SIGTERM)

    def poll() -> None:
        while _alive(watched):
            time.sleep(_PARENT_POLL_S)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5.0)
        os._exit(CRASHED)

    if watched == os.getppid() and sys.platform == "linux":
        signal.signal(signal.SIGUSR1, check)
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGUSR1)
    threading.Thread(target=poll, name="parent-watch", daemon=True).start()
    return True


def _alive(pid: int) -> bool:
    """Whether `pid` runs. A child is told by its own parent's id: the dead parent may linger unreaped."""
    if pid == _FIRST_PARENT:
        return os.getppid() == pid
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


_FIRST_PARENT = os.getppid()


def run() -> NoReturn:
    """Ends the process without waiting for a compiler or a sender that is still at work."""
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    run()
