from __future__ import annotations

import asyncio
import inspect
import time

import pytest

from simulator.wire import episode_change
from simulator.wire.episode_change import ARRIVED, LOAD, SILENT_S, EpisodeChanges
from simulator.wire.rpc import Connection


def _connection() -> Connection:
    return Connection(lambda *_: None, set())


async def _loaded() -> None:
    await asyncio.sleep(0.01)


def test_clients_that_load_nothing_are_answered_at_once() -> None:
    changes, client = EpisodeChanges(), _connection()
    assert changes.answer(client, "get_episode_settings", 7) == 7
    assert changes.answer(client, ARRIVED, 8) == 8
    assert not changes.under_way


def test_another_thread_of_a_loading_client_waits_until_the_new_episode_is_there() -> None:
    async def run() -> None:
        changes, client, other = EpisodeChanges(), _connection(), _connection()
        loading = asyncio.ensure_future(changes.answer(client, LOAD, _loaded()))
        await asyncio.sleep(0.0)
        held = asyncio.ensure_future(changes.answer(client, "get_episode_settings", "settings"))
        assert changes.answer(other, "get_episode_settings", "settings") == "settings"
        await loading
        assert changes.under_way
        assert changes.answer(client, "version", "0.9.16") == "0.9.16"
        assert changes.answer(client, "get_episode_info", "info") == "info"
        await asyncio.sleep(0.01)
        assert not held.done()
        assert changes.answer(client, ARRIVED, "token") == "token"
        assert await held == "settings"
        assert not changes.under_way
        assert changes.answer(client, "get_episode_settings", "settings") == "settings"

    asyncio.run(run())


def test_a_load_is_answered_when_no_other_thread_speaks() -> None:
    async def run() -> None:
        changes, client = EpisodeChanges(), _connection()
        started_s = time.perf_counter()
        await changes.answer(client, LOAD, _loaded())
        assert time.perf_counter() - started_s >= 0.9 * SILENT_S

    asyncio.run(run())


def test_a_client_that_never_asks_for_the_new_episode_is_released(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        monkeypatch.setattr(episode_change, "ARRIVES_WITHIN_S", 0.05)
        changes, client = EpisodeChanges(), _connection()
        await changes.answer(client, LOAD, _loaded())
        held = changes.answer(client, "get_actor_bounding_box", "box")
        assert inspect.isawaitable(held)
        assert await asyncio.wait_for(held, 1.0) == "box"
        assert not changes.under_way

    asyncio.run(run())


def test_a_load_that_is_refused_changes_nothing() -> None:
    refusal = [[True, ["Map 'Moon' not found"]]]

    async def refused() -> object:
        return refusal

    async def run() -> None:
        changes, client = EpisodeChanges(), _connection()
        started_s = time.perf_counter()
        assert await changes.answer(client, LOAD, refused()) == refusal
        assert time.perf_counter() - started_s < SILENT_S
        assert not changes.under_way
        assert changes.answer(client, "get_episode_settings", 1) == 1

    asyncio.run(run())


def test_a_load_that_fails_changes_nothing() -> None:
    async def failed() -> None:
        raise ValueError("no mesh")

    async def run() -> None:
        changes, client = EpisodeChanges(), _connection()
        with pytest.raises(ValueError, match="mesh"):
            await changes.answer(client, LOAD, failed())
        assert not changes.under_way
        assert changes.answer(client, "get_episode_settings", 1) == 1

    asyncio.run(run())
