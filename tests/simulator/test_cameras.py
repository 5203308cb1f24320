"""The cameras' own thread: whatever touches the renderer happens there, in the order in which it was asked for."""

from __future__ import annotations

import asyncio
import threading
from typing import Any, cast

import pytest

from simulator.cameras import Cameras


class _Renderer:
    """Notes what is asked of it, and in which thread."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def restart(self) -> None:
        self.asked.append(("restart", threading.current_thread().name))

    def forget(self, key: int) -> None:
        self.asked.append((f"forget {key}", threading.current_thread().name))

    def close(self) -> None:
        self.asked.append(("close", threading.current_thread().name))


def test_a_new_episode_reaches_the_renderer_in_its_own_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    renderers: list[_Renderer] = []

    def load(cameras: Cameras, town: object) -> _Renderer:
        renderers.append(_Renderer())
        return renderers[-1]

    async def run() -> None:
        town, other = cast(Any, object()), cast(Any, object())
        cameras = Cameras(town, 1, 0)
        await cameras.prepare()
        cameras.forget(7)
        cameras.show(town)
        cameras.forget(8)
        cameras.show(other)
        await cameras.prepare()

    monkeypatch.setattr(Cameras, "_load", load)
    asyncio.run(run())
    assert [name for name, _ in renderers[0].asked] == ["forget 7", "restart", "forget 8", "close"]
    assert {thread for _, thread in renderers[0].asked} == {"cameras_0"}
    assert renderers[1].asked == []
