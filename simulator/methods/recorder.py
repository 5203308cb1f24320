"""The recorder: there is none, and a client that asks is told so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.methods.registry import Refused, rpc

if TYPE_CHECKING:
    from simulator.session import Session

_NONE = "the recorder is not supported"


@rpc
def start_recorder(session: Session, name: str, additional_data: bool) -> str:
    raise Refused(_NONE)


@rpc
def stop_recorder(session: Session) -> None:
    """Never an error: clients stop it to be sure."""


@rpc
def show_recorder_file_info(session: Session, name: str, show_all: bool) -> str:
    raise Refused(_NONE)


@rpc
def stop_replayer(session: Session, keep_actors: bool) -> None:
    """Never an error: clients stop it to be sure."""


@rpc
def set_replayer_time_factor(session: Session, factor: float) -> None:
    """Without effect while nothing is replayed, as on the real server."""


@rpc
def set_replayer_ignore_hero(session: Session, ignore: bool) -> None:
    """Without effect while nothing is replayed, as on the real server."""


@rpc
def set_replayer_ignore_spectator(session: Session, ignore: bool) -> None:
    """Without effect while nothing is replayed, as on the real server."""
