"""Clients that load a world while another of their threads is at work. They may crash, so each is a process."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from simulator.process import ServerProcess, server_process

CONNECT = """
import sys, time, socket, carla
client = carla.Client("127.0.0.1", int(sys.argv[1])); client.set_timeout(60.0)
def manager():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0)); port = probe.getsockname()[1]
    return port, client.get_trafficmanager(port)
def settings(synchronous):
    world = client.get_world(); chosen = world.get_settings()
    chosen.synchronous_mode = synchronous; chosen.fixed_delta_seconds = 0.05 if synchronous else None
    world.apply_settings(chosen); return world
"""

# Drives cars and listens to sensors until it is killed.
KILLED = """
world = settings(True); port, traffic = manager(); traffic.set_synchronous_mode(True)
library = world.get_blueprint_library(); places = world.get_map().get_spawn_points()
cars = [world.spawn_actor(library.find("vehicle.tesla.model3"), place) for place in places[:20:2]]
for car in cars: car.set_autopilot(True, port)
for kind in ("sensor.other.gnss", "sensor.other.collision", "sensor.lidar.ray_cast"):
    sensor = world.spawn_actor(library.find(kind), carla.Transform(carla.Location(z=2.0)), attach_to=cars[0])
    sensor.listen(lambda _: None)
for step in range(1000000):
    world.tick()
    if step == 5: print("driving", flush=True)
"""

# As the leaderboard's evaluator begins.
SYNCHRONOUS = """
world = settings(True); port, traffic = manager()
traffic.set_synchronous_mode(True); traffic.set_hybrid_physics_mode(True)
before = len(world.get_actors().filter("vehicle.*"))
for _ in range(2):
    world = client.reload_world(False)
    world.tick(); world.tick()
print(before, len(world.get_actors().filter("vehicle.*")))
settings(False); traffic.set_synchronous_mode(False)
"""

ASYNCHRONOUS = """
world = settings(False); port, traffic = manager()
for _ in range(3):
    blueprint = world.get_blueprint_library().find("vehicle.tesla.model3")
    car = world.spawn_actor(blueprint, world.get_map().get_spawn_points()[0])
    car.set_autopilot(True, port); time.sleep(0.2)
    world = client.reload_world(); world.wait_for_tick()
print(len(world.get_actors().filter("vehicle.*")))
"""


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    with server_process() as running:
        yield running


def begin(server: ServerProcess, script: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-X", "faulthandler", "-c", CONNECT + script, str(server.port)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def output(server: ServerProcess, script: str) -> str:
    """What a client prints that comes to its end."""
    client = begin(server, script)
    printed, complaints = client.communicate(timeout=120)
    assert client.returncode == 0, complaints
    return printed.strip().splitlines()[-1]


def test_after_a_client_was_killed_the_next_loads_a_new_world(server: ServerProcess) -> None:
    killed = begin(server, KILLED)
    assert killed.stdout is not None
    assert killed.stdout.readline().endswith("driving\n")
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    # its cars stay, as on the real server, until a new episode begins
    assert output(server, SYNCHRONOUS) == "10 0"


def test_a_world_is_loaded_again_beside_an_asynchronous_traffic_manager(server: ServerProcess) -> None:
    assert output(server, ASYNCHRONOUS) == "0"
