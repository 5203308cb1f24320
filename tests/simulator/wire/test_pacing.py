from __future__ import annotations

import asyncio
import time

from simulator.wire.pacing import PATIENCE_S, PAUSE_S, TrafficManagerPacing
from simulator.wire.rpc import Connection


def _connection() -> Connection:
    return Connection(lambda *_: None, set())


async def _held_back_s(pacing: TrafficManagerPacing, connections: list[Connection]) -> float:
    started_s = time.perf_counter()
    await pacing.settled(connections)
    await pacing.pause(connections)
    return time.perf_counter() - started_s


def test_clients_without_a_traffic_manager_are_never_held_back() -> None:
    async def run() -> None:
        pacing, client = TrafficManagerPacing(), _connection()
        pacing.saw(client, "get_episode_settings")
        pacing.saw(client, "tick_cue")
        assert await _held_back_s(pacing, [client]) < 0.001

    asyncio.run(run())


def test_a_snapshot_keeps_its_distance_from_the_settings_call_of_a_traffic_manager() -> None:
    async def run() -> None:
        pacing, client = TrafficManagerPacing(), _connection()
        pacing.saw(client, "get_vehicle_light_states")
        pacing.saw(client, "get_episode_settings")
        assert await _held_back_s(pacing, [client]) >= 0.9 * PAUSE_S
        await asyncio.sleep(PAUSE_S)
        assert await _held_back_s(pacing, [client]) < 0.001

    asyncio.run(run())


def test_a_tick_waits_for_a_settings_call_that_is_still_to_come() -> None:
    async def run() -> None:
        pacing, client = TrafficManagerPacing(), _connection()
        pacing.saw(client, "get_vehicle_light_states")
        loop = asyncio.get_running_loop()
        loop.call_later(0.01, pacing.saw, client, "get_episode_settings")
        assert await _held_back_s(pacing, [client]) >= 0.01 + 0.9 * PAUSE_S

    asyncio.run(run())


def test_a_traffic_manager_that_fell_silent_holds_back_one_tick_only() -> None:
    async def run() -> None:
        pacing, client = TrafficManagerPacing(), _connection()
        pacing.saw(client, "get_vehicle_light_states")
        assert await _held_back_s(pacing, [client]) >= 0.9 * PATIENCE_S
        assert await _held_back_s(pacing, [client]) < 0.01
        pacing.saw(client, "get_vehicle_light_states")
        assert await _held_back_s(pacing, []) < 0.001  # it has disconnected

    asyncio.run(run())
