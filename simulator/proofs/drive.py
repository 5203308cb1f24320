"""One drive of the proof of determinism, in a process of its own: the client that `simulator.determinism` starts.

Prints one line of JSON per 100 ticks: `{"tick": 100, "snapshots": HASH, "pixels": HASH}`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import socket
import struct
import sys
import time
from typing import Any

import carla

from simulator.proofs.traffic import DELTA_S, Walkers, spawn_vehicles, synchronous, traffic_manager
from simulator.wire.streams import WORLD_STREAM

PER_LINE_TICKS = 100
OTHERS_EVERY_TICKS = 10
"""The RGB camera makes an image at every tick, all other sensors one in so many."""
_PATIENCE_S = 120.0
_FRAME, _FRAME_AT = struct.Struct("<Q"), 8
_PLATFORM_TIME = slice(56, 64)  # of a snapshot message: behind the 48 bytes of the header and the episode's id


class Snapshots:
    """Hash of all snapshot messages as they travel, but for two fields.

    Left out is the time of day, and frames are counted from `first_frame`: a server has made some before the client
    made it synchronous.
    """

    def __init__(self, stream_port: int, first_frame: int) -> None:
        self._first_frame = first_frame
        self._socket = socket.create_connection(("127.0.0.1", stream_port), timeout=_PATIENCE_S)
        self._socket.sendall(struct.pack("<I", WORLD_STREAM))
        self._hash = hashlib.sha256()

    def read_until(self, frame: int) -> None:
        while True:
            (size,) = struct.unpack("<I", self._exactly(4))
            message = bytearray(self._exactly(size))
            message[_PLATFORM_TIME] = bytes(8)
            (its_frame,) = _FRAME.unpack_from(message, _FRAME_AT)
            _FRAME.pack_into(message, _FRAME_AT, its_frame - self._first_frame)
            self._hash.update(message)
            if its_frame >= frame:
                return

    def hexdigest(self) -> str:
        return self._hash.hexdigest()

    def _exactly(self, size: int) -> bytes:
        received = bytearray()
        while len(received) < size:
            part = self._socket.recv(size - len(received))
            if not part:
                raise ConnectionError("the server closed the world's stream")
            received += part
        return bytes(received)


MAY_BE_SILENT = ("sensor.camera.dvs",)
"""They tell of changes only: nothing at their first picture, nor while their carrier waits in a dark street."""
_QUIET_S = 0.5


class Recording:
    """Hash of all that one sensor says, in the order in which it says it."""

    def __init__(self, sensor: carla.Sensor, every_ticks: int) -> None:
        self.sensor, self.type_id, self.every_ticks, self.messages = sensor, sensor.type_id, every_ticks, 0
        self.hash = hashlib.sha256()
        sensor.listen(self._add)

    def _add(self, message: Any) -> None:
        self.hash.update(struct.pack("<d", message.timestamp))
        self.hash.update(_content(message))
        self.messages += 1

    def wait_for(self, ticks: int) -> None:
        """Until the messages of so many ticks are there.

        Of one that may be silent nobody knows how many these are. Its last is several ticks old at the end of a line's
        ticks, and was sent before the step after it: it is there when nothing has come for a while.
        """
        if self.type_id in MAY_BE_SILENT:
            return self._wait_for_quiet()
        due, deadline = -(-ticks // self.every_ticks), time.monotonic() + _PATIENCE_S
        while self.messages < due:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.type_id}: {self.messages} messages in {ticks} ticks, {due} were due")
            time.sleep(0.002)

    def _wait_for_quiet(self) -> None:
        seen = -1
        while seen != self.messages:
            seen = self.messages
            time.sleep(_QUIET_S)


def _content(message: Any) -> bytes:
    if isinstance(message, carla.IMUMeasurement):
        a, g = message.accelerometer, message.gyroscope
        return struct.pack("<7d", a.x, a.y, a.z, g.x, g.y, g.z, message.compass)
    if isinstance(message, carla.GnssMeasurement):
        return struct.pack("<3d", message.latitude, message.longitude, message.altitude)
    return bytes(message.raw_data)


def _sensors(world: carla.World, carrier: carla.Actor, size: tuple[int, int]) -> list[Recording]:
    """Every kind of camera, lidar, radar and inertial sensor that the server offers, on one vehicle."""
    library, found = world.get_blueprint_library(), []
    names = sorted(blueprint.id for blueprint in library.filter("sensor.*"))
    kinds = ("sensor.camera.", "sensor.lidar.", "sensor.other.radar", "sensor.other.imu", "sensor.other.gnss")
    for name in (name for name in names if name.startswith(kinds)):
        blueprint = library.find(name)
        every = 1 if name == "sensor.camera.rgb" else OTHERS_EVERY_TICKS
        blueprint.set_attribute("sensor_tick", str(0.0 if every == 1 else every * DELTA_S))
        if name.startswith("sensor.camera."):
            blueprint.set_attribute("image_size_x", str(size[0]))
            blueprint.set_attribute("image_size_y", str(size[1]))
        place = carla.Transform(carla.Location(x=1.0, z=1.8))
        sensor = world.spawn_actor(blueprint, place, carrier)
        if isinstance(sensor, carla.Sensor):
            found.append(Recording(sensor, every))
        else:  # in the library, but the server has no stream for it
            sensor.destroy()
    return found


def _weather(world: carla.World, tick: int, ticks: int) -> None:
    """Dusk, rain and fog come on in the course of the drive."""
    share = tick / ticks
    world.set_weather(
        carla.WeatherParameters(
            sun_altitude_angle=40.0 - 60.0 * share, fog_density=30.0 * share, precipitation=50.0 * share
        )
    )


def drive(options: argparse.Namespace) -> None:
    client = carla.Client("127.0.0.1", options.port)
    client.set_timeout(_PATIENCE_S)
    world = client.get_world()
    synchronous(world)
    world = client.reload_world(False)  # time starts at 0; before, the server ran on its own
    manager = traffic_manager(client, options.seed)
    rng = random.Random(options.seed)
    snapshots = Snapshots(options.stream_port, world.get_snapshot().frame)
    vehicles = spawn_vehicles(client, world, manager, options.vehicles, rng)
    walkers = Walkers(rng)
    walkers.spawn(world, options.walkers)
    world.tick()
    recordings = _sensors(world, world.get_actor(vehicles[0]), options.image) if vehicles else []
    print(json.dumps({"vehicles": len(vehicles), "walkers": len(walkers.actors)}), flush=True)
    for tick in range(1, options.ticks + 1):
        if tick % PER_LINE_TICKS == 1:
            _weather(world, tick, options.ticks)
        walkers.stroll(client, tick)
        snapshots.read_until(world.tick(_PATIENCE_S))
        if tick % PER_LINE_TICKS == 0 or tick == options.ticks:
            pixels = hashlib.sha256()
            for recording in recordings:
                recording.wait_for(tick)
                pixels.update(recording.hash.digest())
            line = {"tick": tick, "snapshots": snapshots.hexdigest(), "pixels": pixels.hexdigest()}
            print(json.dumps({**line, **_each(recordings, options.each)}), flush=True)


def _each(recordings: list[Recording], wanted: bool) -> dict[str, dict[str, str]]:
    return {"each": {r.type_id: r.hash.hexdigest() for r in recordings}} if wanted else {}


def _size(text: str) -> tuple[int, int]:
    width, height = text.split("x")
    return int(width), int(height)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m simulator.proofs.drive")
    for name in ("port", "stream-port", "ticks", "vehicles", "walkers", "seed"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--image", type=_size, required=True)
    parser.add_argument("--each", action="store_true")
    drive(parser.parse_args())


if __name__ == "__main__":
    main()
    sys.stdout.flush()
    os._exit(0)  # threads of the carla client can abort an orderly exit
