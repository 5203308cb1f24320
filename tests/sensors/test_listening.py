"""An end to listening: what the client's streaming threads hold, they hold no longer."""

from __future__ import annotations

import threading
import time
import weakref

import carla

from sensors.listening import Listening
from simulator.proofs.traffic import synchronous
from tests.simulator.serving import running_server


class Ear:
    """Takes its time over a message."""

    def __init__(self) -> None:
        self.hears = threading.Event()

    def __call__(self, message: carla.SensorData) -> None:
        self.hears.set()
        time.sleep(0.3)


def test_after_the_end_the_client_holds_no_callback_and_the_world_no_sensor():
    # A callback that a streaming thread lets go of while the interpreter ends aborts the process.
    with running_server("--town", "Elm01") as server:
        client = carla.Client("127.0.0.1", server.port)
        client.set_timeout(60.0)
        world = client.get_world()
        synchronous(world)
        gnss = world.get_blueprint_library().find("sensor.other.gnss")
        listening, ear = Listening(), Ear()
        listening.begin(world.spawn_actor(gnss, carla.Transform()), ear)
        world.tick()
        assert ear.hears.wait(20.0)
        alive = weakref.ref(ear)
        del ear
        assert alive() is not None
        listening.stop()
        assert alive() is None
        listening.end()
        world.tick()
        assert len(world.get_actors().filter("sensor.*")) == 0
        listening.end()
