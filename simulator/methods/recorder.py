"""Recorder and replayer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.methods.registry import Refused, rpc
from simulator.recording import report
from simulator.recording.desk import OutsideOfFolder
from simulator.recording.replayer import Wishes
from simulator.types import Transform

if TYPE_CHECKING:
    from pathlib import Path

    from simulator.session import Session


def _path(session: Session, name: str) -> Path:
    try:
        return session.recordings.path(name)
    except OutsideOfFolder as error:
        raise Refused(f"recordings lie in the server's folder for them, or have an absolute path: {error}") from None


@rpc
def start_recorder(session: Session, name: str, additional_data: bool) -> str:
    """The path of the file."""
    path = _path(session, name)
    try:
        return session.recordings.start(str(path), session.world, additional_data)
    except OSError as error:
        raise Refused(f"cannot write {path}: {error.strerror}") from None


@rpc
def stop_recorder(session: Session) -> None:
    session.recordings.stop()


@rpc
def show_recorder_file_info(session: Session, name: str, show_all: bool) -> str:
    return report.file_info(_path(session, name), show_all)


@rpc
def show_recorder_collisions(session: Session, name: str, type1: int, type2: int) -> str:
    """The types are characters: o, v, w, t, h (hero) or a (any)."""
    return report.collisions(_path(session, name), chr(type1 & 0x7F), chr(type2 & 0x7F))


@rpc
def show_recorder_actors_blocked(session: Session, name: str, min_time_s: float, min_distance_cm: float) -> str:
    return report.blocked(_path(session, name), min_time_s, min_distance_cm)


@rpc
async def replay_file(
    session: Session,
    name: str,
    start_s: float,
    duration_s: float,
    follow_id: int,
    replay_sensors: bool,
    offset: Transform,
) -> str:
    """What will be replayed, in text. Loads the recording's town when it is another one."""
    path = _path(session, name)
    return await session.replay(path, Wishes(start_s, duration_s, follow_id, replay_sensors, offset))


@rpc
def stop_replayer(session: Session, keep_actors: bool) -> None:
    session.recordings.stop_replay(keep_actors)


@rpc
def set_replayer_time_factor(session: Session, factor: float) -> None:
    session.recordings.set_time_factor(factor)


@rpc
def set_replayer_ignore_hero(session: Session, ignore: bool) -> None:
    """From the next replay on."""
    session.recordings.ignore_hero = ignore


@rpc
def set_replayer_ignore_spectator(session: Session, ignore: bool) -> None:
    """From the next replay on."""
    session.recordings.ignore_spectator = ignore
