"""Calls that are well formed but make no sense: the server answers all of them and goes on."""

from __future__ import annotations

import dataclasses
import enum
import inspect
import math
import random
import socket
from collections.abc import Iterator
from contextlib import suppress
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import msgpack
import pytest

from simulator.methods import METHODS
from simulator.types import ActorDescription, EpisodeSettings
from simulator.wire.codec import encode
from tests.simulator.serving import running_server

KINDS = (
    "vehicle.tesla.model3",
    "walker.pedestrian.0001",
    "sensor.other.imu",
    "static.prop.streetbarrier",
    "controller.ai.walker",
    "vehicle.diamondback.century",
    "sensor.camera.rgb",
)
LEFT_OUT = ("load_new_episode", "set_episode_settings", "apply_batch", "tick_cue", "get_sensor_token")
"""The last since a step waits half a second for who asks where a stream is and then does not come."""
REFUSED = {
    *("apply_color_texture_to_objects", "apply_float_color_texture_to_objects", "enable_carsim", "use_carsim_road"),
    *("enable_chrono_physics", "enable_sensor_for_ros", "get_gbuffer_token"),
    *("copy_opendrive_to_file", "request_file"),
}
"""What this server never does, and what needs a map or the name of a file."""
NUMBERS = (0.0, 1.0, -1.0, 0.5, 100.0, 1e9, -1e9, 1e-9, 1e30, -3.4e38)


class RefusedCall(Exception):
    """An answer that says no."""


class Peer:
    """A client that may say anything."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=30.0)
        self._unpacker = msgpack.Unpacker(strict_map_key=False)

    def call(self, method: str, *arguments: object) -> Any:
        """The value of the answer, None where there is none; an RPC error fails the test."""
        self._socket.sendall(msgpack.packb([0, 1, method, [[False], *arguments]]))
        while True:
            for _, _, error, result in self._unpacker:
                assert error is None, f"{method}{arguments}: {error}"
                match result[0]:
                    case [bool(refused), *text]:  # of a method without a value
                        if refused:
                            raise RefusedCall(text)
                        return None
                    case [1, value]:
                        return value
                raise RefusedCall(result)
            data = self._socket.recv(1 << 20)
            assert data, f"the server went away at {method}{arguments}"
            self._unpacker.feed(data)

    def load(self) -> None:
        """A new episode, and what a client asks for when it has it: else the server waits for that for two seconds."""
        self.call("load_new_episode", "", False, 0)
        self.call("get_sensor_token", 0)

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(scope="module")
def peer() -> Iterator[Peer]:
    with running_server() as server:
        talking = Peer(server.port)
        yield talking
        talking.close()


def _some(annotation: Any, rng: random.Random) -> Any:
    """A value of a type, likelier an extreme one than not."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if annotation is bool:
        return rng.random() < 0.5
    if annotation is ActorDescription:  # mostly of something that exists
        attributes = _some(get_type_hints(ActorDescription, include_extras=True)["attributes"], rng)
        return ActorDescription(0, rng.choice((*KINDS, "x")), attributes)
    if origin is Annotated:
        width: range = inner[1]
        return rng.choice((width[0], width[-1], 1, 2, 5))
    if annotation is int:
        return rng.choice((0, 1, 2, 5, 64, -(2**31), 2**32 - 1))
    if annotation is float:
        return rng.choice(NUMBERS)
    if annotation is str:
        return rng.choice(("", "x", "root"))
    if annotation is Any:
        return 1
    if origin in (Union, UnionType):
        return rng.choice((None, _some(inner[0], rng)))
    if origin is tuple:
        return tuple(_some(i, rng) for i in (inner[:1] * rng.randrange(3) if inner[-1] is Ellipsis else inner))
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return rng.choice(list(annotation))
    hints = get_type_hints(annotation, include_extras=True)
    names = [f.name for f in dataclasses.fields(annotation)] if dataclasses.is_dataclass(annotation) else hints
    return annotation(**{name: _some(hints[name], rng) for name in names})


def _stock(peer: Peer, places: list[Any]) -> list[int]:
    """Ids of one actor of each kind, of the town's own, of one that was destroyed and of one that never was."""
    spectator = peer.call("get_spectator")[0]
    alive = [peer.call("spawn_actor", [0, kind, []], places[3 * k])[0] for k, kind in enumerate(KINDS)]
    dead = peer.call("spawn_actor", [0, "vehicle.audi.tt", []], places[-1])[0]
    assert peer.call("destroy_actor", dead)
    return [spectator, spectator + 1, spectator + 20, dead, 99_999, *alive]


def test_no_well_formed_call_breaks_the_server(peer: Peer) -> None:
    rng = random.Random(1)
    peer.call("set_episode_settings", encode(EpisodeSettings(True, False, 0.05), EpisodeSettings))
    places = peer.call("get_map_info")[1]
    done: set[str] = set()
    for _ in range(2):
        actors = _stock(peer, places)
        for subject in rng.sample(actors, len(actors)):
            for name, method in METHODS.items():
                if name in LEFT_OUT or (name == "destroy_actor" and rng.random() < 0.9):
                    continue
                hints = get_type_hints(method.function, localns={"Session": object}, include_extras=True)
                arguments = []
                for parameter in list(inspect.signature(method.function).parameters)[1:]:
                    if parameter in ("actor_id", "parent_id"):
                        value = subject
                    else:
                        value = _some(hints[parameter], rng)
                    arguments.append(encode(value, hints[parameter]))
                with suppress(RefusedCall):
                    peer.call(name, *arguments)
                    done.add(name)
            peer.call("tick_cue")
        for actor_id in actors:
            with suppress(RefusedCall):  # the town's own and who is gone
                peer.call("destroy_actor", actor_id)
    # Each method was carried out at least once: what refuses whatever it is asked is not tried at all.
    assert METHODS.keys() - done - set(LEFT_OUT) == REFUSED


@pytest.mark.parametrize("gear", [2**31 - 1, -(2**31), -7])
def test_no_gear_is_out_of_the_gearbox(peer: Peer, gear: int) -> None:
    peer.call("set_episode_settings", encode(EpisodeSettings(True, False, 0.05), EpisodeSettings))
    peer.load()
    car = peer.call("spawn_actor", [0, "vehicle.tesla.model3", []], peer.call("get_map_info")[1][0])[0]
    peer.call("apply_control_to_vehicle", car, [0.5, 0.0, 0.0, False, False, True, gear])
    peer.call("tick_cue")
    with pytest.raises(RefusedCall, match="gear: expected an integer from -2147483648 to"):
        peer.call("apply_control_to_vehicle", car, [0.5, 0.0, 0.0, False, False, True, 2**31])


def test_light_flags_have_32_bits(peer: Peer) -> None:
    place = peer.call("get_map_info")[1][3]
    car = peer.call("spawn_actor", [0, "vehicle.tesla.model3", []], place)[0]
    with pytest.raises(RefusedCall):
        peer.call("set_vehicle_light_state", car, [2**40])
    assert peer.call("get_vehicle_light_state", car) == [0]
    peer.call("set_vehicle_light_state", car, [2**32 - 1])
    peer.call("tick_cue")
    assert peer.call("destroy_actor", car)


@pytest.mark.parametrize("method", ["add_actor_impulse", "add_actor_force", "set_actor_target_velocity"])
def test_a_car_that_is_hit_as_hard_as_can_be_stays_in_the_world(peer: Peer, method: str) -> None:
    peer.call("set_episode_settings", encode(EpisodeSettings(True, False, 0.05), EpisodeSettings))
    place = peer.call("get_map_info")[1][0]
    peer.load()
    car = peer.call("spawn_actor", [0, "vehicle.tesla.model3", []], place)[0]
    for huge in (3.4e38, -3.4e38, 1e12):
        peer.call(method, car, [huge, huge, huge])
        peer.call("tick_cue")
    for more in (1e300, math.inf, math.nan):
        with pytest.raises(RefusedCall, match=r"expected a (finite )?number"):
            peer.call(method, car, [more, more, more])
    location, _ = peer.call("get_actor_component_world_transform", car, "root")
    assert all(abs(a - b) < 1000.0 for a, b in zip(location, place[0]))
