"""The register of Traffic Managers: they run in clients; the server only knows where."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.methods.registry import rpc

if TYPE_CHECKING:
    from simulator.session import Session

Endpoint = tuple[str, int]


def _host(session: Session, port: int) -> str | None:
    """Where the Traffic Manager of a port runs. One whose client has gone is gone too: the next may have its port."""
    host, owner = session.traffic_managers.get(port, ("", None))
    return host if owner in session.connections else None


@rpc
def is_traffic_manager_running(session: Session, port: int) -> bool:
    return _host(session, port) is not None


@rpc
def get_traffic_manager_running(session: Session, port: int) -> Endpoint:
    host = _host(session, port)
    return ("", 0) if host is None else (host, port)


@rpc
def add_traffic_manager_running(session: Session, endpoint: Endpoint) -> bool:
    """False when the port is taken."""
    host, port = endpoint
    if _host(session, port) is not None:
        return False
    session.traffic_managers[port] = (host, session.caller)
    return True


@rpc
def destroy_traffic_manager(session: Session, port: int) -> bool:
    return session.traffic_managers.pop(port, None) is not None
