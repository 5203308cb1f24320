"""The register of Traffic Managers: they run in clients; the server only knows where."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.methods.registry import rpc

if TYPE_CHECKING:
    from simulator.session import Session

Endpoint = tuple[str, int]


@rpc
def is_traffic_manager_running(session: Session, port: int) -> bool:
    return port in session.traffic_managers


@rpc
def get_traffic_manager_running(session: Session, port: int) -> Endpoint:
    host = session.traffic_managers.get(port)
    return ("", 0) if host is None else (host, port)


@rpc
def add_traffic_manager_running(session: Session, endpoint: Endpoint) -> bool:
    """False when the port is taken."""
    host, port = endpoint
    return session.traffic_managers.setdefault(port, host) is host


@rpc
def destroy_traffic_manager(session: Session, port: int) -> bool:
    return session.traffic_managers.pop(port, None) is not None
