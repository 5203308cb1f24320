"""Calls that are well formed but make no sense: the server answers all of them and goes on."""

from __future__ import annotations

import dataclasses
import enum
import inspect
import random
import socket
from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import msgpack
import pytest

from simulator.methods import METHODS
from simulator.types import EpisodeSettings
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
LEFT_OUT = ("load_new_episode", "set_episode_settings", "apply_batch", "tick_cue")
NUMBERS = (0.0, 1.0, -1.0, 0.5, 100.0, 1e9, -1e9, 1e-9, 1e30, -3.4e38)


class Peer:
    """A client that may say anything."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=30.0)
        self._unpacker = msgpack.Unpacker(strict_map_key=False)

    def call(self, method: str, *arguments: object) -> Any:
        """The value of the answer, or None when it was refused; an RPC error fails the test."""
        self._socket.sendall(msgpack.packb([0, 1, method, [[False], *arguments]]))
        while True:
            for _, _, error, result in self._unpacker:
                assert error is None, f"{method}{arguments}: {error}"
                return result[0][1] if len(result[0]) == 2 and result[0][0] == 1 else None
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
    spawned = [peer.call("spawn_actor", [0, kind, []], places[3 * k]) for k, kind in enumerate(KINDS)]
    alive = [actor[0] for actor in spawned if actor]
    dead = peer.call("spawn_actor", [0, "vehicle.audi.tt", []], places[-1])[0]
    assert peer.call("destroy_actor", dead)
    return [spectator, spectator + 1, spectator + 20, dead, 99_999, *alive]


def test_no_well_formed_call_breaks_the_server(peer: Peer) -> None:
    rng = random.Random(1)
    peer.call("set_episode_settings", encode(EpisodeSettings(True, False, 0.05), EpisodeSettings))
    places = peer.call("get_map_info")[1]
    actors: list[int] = []
    for round_ in range(12):
        if round_ % 6 == 0:
            for actor_id in actors:
                peer.call("destroy_actor", actor_id)
            actors = _stock(peer, places)
        for name, method in METHODS.items():
            if name in LEFT_OUT or (name == "destroy_actor" and rng.random() < 0.9):
                continue
            hints = get_type_hints(method.function, localns={"Session": object}, include_extras=True)
            arguments = []
            for parameter in list(inspect.signature(method.function).parameters)[1:]:
                is_actor = parameter in ("actor_id", "parent_id")
                value = rng.choice(actors) if is_actor else _some(hints[parameter], rng)
                arguments.append(encode(value, hints[parameter]))
            peer.call(name, *arguments)
        assert peer.call("tick_cue") is not None


@pytest.mark.parametrize("gear", [3_000_000_000, 2**31 - 1, -(2**31), -7, 2**63])
def test_no_gear_is_out_of_the_gearbox(peer: Peer, gear: int) -> None:
    peer.call("set_episode_settings", encode(EpisodeSettings(True, False, 0.05), EpisodeSettings))
    peer.load()
    car = peer.call("spawn_actor", [0, "vehicle.tesla.model3", []], peer.call("get_map_info")[1][0])[0]
    peer.call("apply_control_to_vehicle", car, [0.5, 0.0, 0.0, False, False, True, gear])
    assert peer.call("tick_cue") is not None


def test_light_flags_have_32_bits(peer: Peer) -> None:
    place = peer.call("get_map_info")[1][3]
    car = peer.call("spawn_actor", [0, "vehicle.tesla.model3", []], place)[0]
    peer.call("set_vehicle_light_state", car, [2**40])
    assert peer.call("get_vehicle_light_state", car) == [0]
    peer.call("set_vehicle_light_state", car, [2**32 - 1])
    assert peer.call("tick_cue") is not None
    assert peer.call("destroy_actor", car)


@pytest.mark.parametrize("method", ["add_actor_impulse", "add_actor_force", "set_actor_target_velocity"])
def test_a_car_that_is_hit_by_infinity_stays_in_the_world(peer: Peer, method: str) -> None:
    peer.call("set_episode_settings", encode(EpisodeSettings(True, False, 0.05), EpisodeSettings))
    place = peer.call("get_map_info")[1][0]
    peer.load()
    car = peer.call("spawn_actor", [0, "vehicle.tesla.model3", []], place)[0]
    for huge in (1e300, -1e300, 1e12):
        peer.call(method, car, [huge, huge, huge])
        assert peer.call("tick_cue") is not None
    location, _ = peer.call("get_actor_component_world_transform", car, "root")
    assert all(abs(a - b) < 1000.0 for a, b in zip(location, place[0]))
