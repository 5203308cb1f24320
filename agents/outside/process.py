"""Our side: starts the agent's own Python and stands for the agent in the loop."""

from __future__ import annotations

import contextlib
import os
import re
import select
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import carla
import numpy as np
from numpy.typing import NDArray

from agents.hero import state_of
from agents.interface import InputData
from agents.last_words import LAST_WORDS_BYTES, place_of_death
from agents.loader import AgentLoadError
from agents.outside.messages import Channel, Decoder, Encoder, Frames
from agents.plan import GpsPlan, WorldPlan

OLDEST = (3, 7)
VERSION_LIMIT_S = 30.0
CLOSING_LIMIT_S = 5.0


@dataclass(frozen=True)
class Examined:
    """What an agent is in its own Python: `versions` of that and of what it drives with, the `modules` beside it.

    `is_thinned_here`: see `agents.loader`.
    """

    versions: str
    modules: tuple[Path, ...]
    is_thinned_here: bool = True


def find_python(name: str) -> str:
    """The interpreter that `--agent-python` names; AgentLoadError says in one line why it cannot be one."""
    try:
        path = Path(name).expanduser()
    except RuntimeError as error:
        raise AgentLoadError(f"--agent-python {name}: {error}") from error
    found = shutil.which(path.absolute() if os.sep in name else name)
    if found is None:
        if not path.exists():
            raise AgentLoadError(f"--agent-python {name}: no such interpreter")
        if path.is_dir():
            raise AgentLoadError(f"--agent-python {name} is a folder; give its interpreter, as in {name}/bin/python")
        raise AgentLoadError(f"--agent-python {name} is not executable")
    found = str(Path(found).absolute())  # links are kept: those of a virtual environment mean something
    try:
        asked = subprocess.run(
            [found, "--version"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=VERSION_LIMIT_S,
        )
    except OSError as error:
        raise AgentLoadError(f"--agent-python {name} cannot be run: {error.strerror}") from error
    except subprocess.TimeoutExpired:
        raise AgentLoadError(f"--agent-python {name} is no Python: it does not tell its version") from None
    says = asked.stdout.decode(errors="replace")
    version = re.search(r"^Python (\d+)\.(\d+)\S*", says, re.MULTILINE)
    if version is None:
        first = (says.strip().splitlines() or ["nothing"])[0]
        raise AgentLoadError(f"--agent-python {name} is no Python: asked for its version it says {first[:80]!r}")
    if (int(version[1]), int(version[2])) < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise AgentLoadError(f"--agent-python {name} is {version[0]}: an agent needs {oldest} or newer")
    return found


def examine(python: str, file: str) -> Examined:
    """Loads the agent in its Python, in the hope of an error."""
    agent = AgentProcess(python, own_group=True)
    with contextlib.closing(agent):
        modules, is_thinned_here = agent.load(file)
    return Examined(agent.versions, tuple(modules), is_thinned_here)


def outside_agent(
    python: str,
    file: str,
    host: str,
    port: int,
    config: str,
    gps_plan: GpsPlan,
    world_plan: WorldPlan,
    hero: carla.Vehicle | None = None,
    plan_spacing_m: float = 0.0,
    metric_version: str = "",
    *,
    seed: int,
    threads: int,
) -> AgentProcess:
    """An agent in its own Python, ready for its first tick (see `agents.loader.make_agent`)."""
    agent = AgentProcess(python, hero=hero)
    try:
        agent.set_up(file, host, port, config, gps_plan, world_plan, plan_spacing_m, metric_version, seed, threads)
    except BaseException:  # Ctrl-C, too: no process is left behind
        agent.close()
        raise
    return agent


class AgentProcess:
    """Does what an agent does, by asking one in another Python. Whatever goes wrong there is an AgentLoadError."""

    def __init__(self, python: str, own_group: bool = False, hero: carla.Vehicle | None = None) -> None:
        """`hero`: the ego, whose state the agent is told at every tick."""
        self.track = ""
        self.takes_only_config = False  # see `agents.loader`
        self._hero = hero
        self._doing = "its start"
        self._folder = Path(os.sep)
        self._frames = Frames()
        self._last_words = os.memfd_create("nightloop-last-words")
        theirs, self._requests = os.pipe()
        self._replies, replies = os.pipe()
        handed = (theirs, replies, self._frames.file, self._last_words)
        try:
            # An episode's agent stays in the group of its worker, with which it is ended; a look at an agent must not
            # get the Ctrl-C that ends the command itself.
            self._process = subprocess.Popen(
                [python, "-u", str(Path(__file__).parent), *map(str, handed)],
                stdin=subprocess.DEVNULL,
                pass_fds=handed,
                start_new_session=own_group,
            )
        except OSError as error:
            self._close_files()
            raise AgentLoadError(f"--agent-python {python} cannot be run: {error.strerror}") from error
        finally:
            os.close(theirs)
            os.close(replies)
        self._group = self._process.pid if own_group else None
        self._closed = False
        self._channel = Channel(self._replies, self._requests, self._wait)
        self._encoder, self._decoder = Encoder(self._frames.share), Decoder()
        try:
            self.versions = self._hear_versions(python)
        except BaseException:  # Ctrl-C, too: no process is left behind
            self.close()
            raise

    def load(self, file: str) -> tuple[list[Path], bool]:
        """The files beside the agent's that it imports on being loaded; whether our base class thins its plan."""
        self._folder = Path(file).expanduser().resolve().parent
        modules, is_thinned_here = self._ask("load", file)
        return [Path(module) for module in modules], is_thinned_here

    def set_up(
        self,
        file: str,
        host: str,
        port: int,
        config: str,
        gps_plan: GpsPlan,
        world_plan: WorldPlan,
        plan_spacing_m: float,
        metric_version: str,
        seed: int,
        threads: int,
    ) -> None:
        self._folder = Path(file).expanduser().resolve().parent
        plan = (
            np.array([_numbers(transform) for transform, _ in world_plan], np.float64).reshape(-1, 6),
            [int(option) for _, option in world_plan],
            np.array([[fix["lat"], fix["lon"], fix["z"]] for fix, _ in gps_plan], np.float64).reshape(-1, 3),
        )
        settings = config, plan, float(plan_spacing_m), metric_version
        self.track, self.takes_only_config = self._ask(
            *("set up", file, (host, port), *settings, self._hero_state(), int(seed), int(threads))
        )

    def sensors(self) -> Any:
        return self._ask("sensors")

    def run_step(self, input_data: InputData, timestamp: float) -> carla.VehicleControl:
        return carla.VehicleControl(*self._ask("run_step", input_data, timestamp, self._hero_state()))

    def destroy(self) -> None:
        """Lets the agent clean up, and ends its Python."""
        try:
            if self._process.poll() is None:
                self._ask("destroy")
        finally:
            self.close()

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._close_files()  # the end of its requests tells it to end
        with contextlib.suppress(subprocess.TimeoutExpired):
            # One that is at work would end no sooner for being waited for.
            self._process.wait(timeout=0.1 if self._doing else CLOSING_LIMIT_S)
        self._process.kill()
        self._process.wait()
        if self._group is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._group, signal.SIGKILL)

    def _hero_state(self) -> NDArray[np.float64]:
        return np.zeros(15) if self._hero is None else state_of(self._hero)

    def _close_files(self) -> None:
        for file in (self._requests, self._replies, self._last_words):
            os.close(file)
        self._frames.close()

    def _hear_versions(self, python: str) -> str:
        with self._at("its start"):
            hello = self._channel.receive()
        name = f"--agent-python {python} (Python {hello['python']})"
        lacking = [library for library in ("numpy", "carla") if "missing" in hello[library]]
        if lacking:
            raise AgentLoadError(
                f"{name} lacks {' and '.join(lacking)}; to install: {python} -m pip install {' '.join(lacking)}"
            )
        for library in ("numpy", "carla"):
            if "error" in hello[library]:
                raise AgentLoadError(f"{name} cannot import its {library}: {hello[library]['error']}")
        return f"Python {hello['python']}, carla {hello['carla']['version']}, numpy {hello['numpy']['version']}"

    def _ask(self, name: str, *arguments: Any) -> Any:
        with self._at(name):
            self._channel.send({"do": name, "with": self._encoder.encode(arguments)})
            reply = self._channel.receive()
        self._frames.held(reply["held"])
        if "failed" in reply:
            raise AgentLoadError(reply["failed"])
        return self._decoder.decode(reply["answer"])

    @contextmanager
    def _at(self, doing: str) -> Iterator[None]:
        """Tells how the agent's Python ended, if it does so while it is at this."""
        self._doing = doing
        try:
            yield
        except (EOFError, BrokenPipeError):
            raise AgentLoadError(self._how_it_ended()) from None
        self._doing = ""

    def _wait(self) -> None:
        """Until there is something to read. A process that the agent has started may hold the pipe open without it."""
        while not select.select([self._replies], [], [], 0.5)[0]:
            if self._process.poll() is not None and not select.select([self._replies], [], [], 0.0)[0]:
                raise EOFError

    def _how_it_ended(self) -> str:
        try:
            code = self._process.wait(timeout=CLOSING_LIMIT_S)
        except subprocess.TimeoutExpired:
            return f"the agent's Python closed its pipes in {self._doing}"
        place = self._place_of_death()
        if code >= 0:
            return f"the agent's Python ended in {self._doing} with exit code {code}{place}"
        by = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
        return f"the agent's Python was ended by {by} in {self._doing}{place}"

    def _place_of_death(self) -> str:
        """From what `faulthandler` has left, which goes to the log, too."""
        said = os.pread(self._last_words, LAST_WORDS_BYTES, 0).decode(errors="replace")
        print(said, end="", flush=True)
        return place_of_death(said, self._folder)


def _numbers(transform: carla.Transform) -> Sequence[float]:
    place, turn = transform.location, transform.rotation
    return place.x, place.y, place.z, turn.pitch, turn.yaw, turn.roll
