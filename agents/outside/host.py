"""The agent's side: loads it, sets it up and asks it for decisions.

`harness.agent_setup` and `harness.drive` do the same with one of our Python.

Runs in the agent's Python: whatever fails there, our side is told in one line.
"""

from __future__ import annotations

import contextlib
import faulthandler
import importlib
import os
import select
import signal
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any

import carla
import numpy as np

from ..hero import ToldHero
from ..libraries import seed_libraries
from ..loader import (
    AgentLoadError,
    decision,
    is_thinned_here,
    load_agent_class,
    make_agent,
    neighbours,
    takes_only_config,
    told,
)
from ..published import data_provider, in_the_agents_words, tell_provider_the_hero
from .messages import Channel, Decoder, Encoder, SeenFrames

PR_SET_PDEATHSIG = 1
ORPHANED_S = 2.0


def serve(requests: int, replies: int, frames: int, last_words: int) -> None:
    """Answers requests until nobody is left to ask."""
    _end_with_parent(requests)
    faulthandler.enable(last_words, all_threads=False)
    channel, seen, host = Channel(requests, replies), SeenFrames(frames), _Host()
    encoder, decoder = Encoder(), Decoder(seen.memory)
    while True:
        try:
            request = channel.receive()
        except EOFError:
            break
        try:
            answer = {"answer": encoder.encode(host.does(request["do"], decoder.decode(request["with"])))}
        except BaseException as error:  # an agent may also call sys.exit
            answer = {"failed": host.failure(error)}
        channel.send({**answer, "held": seen.held()})
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # threads of the agent's or of carla's may abort an orderly exit


class _Host:
    """One agent, and what may be asked of it."""

    def __init__(self) -> None:
        self._folder = Path(os.sep)
        self._class: Any = None
        self._agent: Any = None
        self._hero = ToldHero()

    def does(self, name: str, arguments: Any) -> Any:
        known: dict[str, Any] = {
            "load": self.load,
            "set up": self.set_up,
            "sensors": lambda: self._agent.sensors(),
            "run_step": self.run_step,
            "destroy": lambda: self._agent.destroy(),
        }
        return known[name](*arguments)

    def load(self, file: str) -> list[Any]:
        """The agent's class; the files beside it that it has imported, and whether our base class thins its plan."""
        path = Path(file).expanduser().resolve()
        self._folder, sys.argv[:] = path.parent, [str(path)]
        self._class = load_agent_class(file)
        if hasattr(self._class, "set_world"):
            raise AgentLoadError(
                f"{file}: class {self._class.__name__} has set_world(): the simulation itself cannot be handed to "
                "another Python"
            )
        return [[str(module) for module in neighbours(path)], is_thinned_here(self._class)]

    def set_up(
        self,
        file: str,
        server: Any,
        config: str,
        plan: Any,
        plan_spacing_m: float,
        metric_version: str,
        hero: Any,
        seed: int,
        threads: int,
    ) -> list[Any]:
        """Loads the agent and makes it ready for its first tick; its track, and whether it is of leaderboard 1.0."""
        seed_libraries(seed, threads)
        self.load(file)
        self._hero.tell(hero)
        provider, world = data_provider(), self._hero.get_world()
        if provider is not None:
            provider.get_world = staticmethod(lambda: world)
            tell_provider_the_hero(provider, self._hero)
        host, port = server
        plans = _plans(*plan)
        self._agent = make_agent(self._class, host, port, config, *plans, self._hero, plan_spacing_m, metric_version)
        return [str(getattr(self._agent.track, "value", self._agent.track)), takes_only_config(self._class)]

    def run_step(self, data: Any, timestamp: float, hero: Any) -> Any:
        self._hero.tell(hero)
        control = decision(self._agent, data, timestamp)
        return [
            *(control.throttle, control.steer, control.brake),
            *(control.hand_brake, control.reverse, control.manual_gear_shift, control.gear),
        ]

    def failure(self, error: BaseException) -> str:
        if isinstance(error, AgentLoadError):
            return str(error)
        traceback.print_exc()
        return told(error, self._folder, Path(__file__).parent.parent)


def _plans(places: np.ndarray, options: list[int], fixes: np.ndarray) -> tuple[list, list]:
    """The route as the leaderboard tells it, of the types of this Python."""
    transforms = [carla.Transform(carla.Location(*row[:3]), carla.Rotation(*row[3:])) for row in places.tolist()]
    gps = [dict(zip(("lat", "lon", "z"), row)) for row in fixes.tolist()]
    return in_the_agents_words(list(zip(gps, options))), in_the_agents_words(list(zip(transforms, options)))


def _end_with_parent(requests: int) -> None:
    """Ends this process when the one that asks is gone, whatever the agent does at that moment."""
    with contextlib.suppress(ImportError, OSError, AttributeError):  # the pipe's end tells, too
        importlib.import_module("ctypes").CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

    def watch() -> None:
        poll = select.poll()
        poll.register(requests, 0)  # told is the end of the pipe alone
        poll.poll()
        time.sleep(ORPHANED_S)  # an idle agent ends by itself
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
