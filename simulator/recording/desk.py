"""Recorder and replayer of a session: at most one of them runs at a time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from simulator.recording.file import NotARecording, Recording, read_recording
from simulator.recording.recorder import Recorder
from simulator.recording.replayer import Destroy, Replay, Spawn, Wishes
from simulator.world.events import StepEvents
from simulator.world.world import World


class OutsideOfFolder(ValueError):
    """A relative name that would leave the folder of the recordings."""


class RecordingDesk:
    """What clients can do with recordings. `folder`: where relative names lead."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.time_factor = 1.0
        self.ignore_hero = self.ignore_spectator = False
        self._recorder: Recorder | None = None
        self._replay: Replay | None = None

    def path(self, name: str) -> Path:
        """Absolute names as they are, all others within the folder; raises OutsideOfFolder."""
        given = Path(name)
        if given.is_absolute():
            return given
        folder = self.folder.resolve()
        found = (folder / given).resolve()
        if not name or found == folder or folder not in found.parents:
            raise OutsideOfFolder(f"'{name}' does not name a file in {folder}")
        return found

    def start(self, name: str, world: World, additional_data: bool) -> str:
        """Begins a recording; its path. Raises OSError and OutsideOfFolder."""
        self.stop_replay(keep_actors=True)
        self.stop()
        path = self.path(name)
        self._recorder = Recorder(path, world, additional_data)
        return str(path)

    def stop(self) -> None:
        if self._recorder is not None:
            self._recorder.close()
            self._recorder = None

    def read(self, name: str) -> Recording | None:
        """None when there is no such recording. Raises OutsideOfFolder."""
        try:
            return read_recording(self.path(name))
        except (OSError, NotARecording):
            return None

    def begin_replay(
        self, recording: Recording, world: World, spawn: Spawn, destroy: Destroy, wishes: Wishes
    ) -> Replay:
        """Ends what ran before and puts the actors where the replay begins."""
        self.stop()
        self.stop_replay(keep_actors=False)
        wishes = replace(wishes, ignore_hero=self.ignore_hero, ignore_spectator=self.ignore_spectator)
        self._replay = Replay(recording, world, spawn, destroy, wishes, self.time_factor)
        return self._replay

    def stop_replay(self, keep_actors: bool) -> None:
        if self._replay is not None:
            replay, self._replay = self._replay, None
            replay.finish(keep_actors)

    def set_time_factor(self, factor: float) -> None:
        self.time_factor = factor
        if self._replay is not None:
            self._replay.time_factor = factor

    def before_step(self, delta_s: float) -> None:
        """A replay that has reached its end lets its actors go on by themselves."""
        if self._replay is None:
            return
        if self._replay.is_over:
            self.stop_replay(keep_actors=True)
        else:
            self._replay.advance(delta_s)

    def after_step(self, world: World, events: StepEvents) -> None:
        if self._replay is not None:
            self._replay.show_lights()
        if self._recorder is not None:
            self._recorder.record(world, events)

    def new_episode(self) -> None:
        """All actors are gone: neither a recording nor a replay goes on."""
        self.stop()
        self._replay = None
