"""Which routes of a file are driven."""

from __future__ import annotations

from collections.abc import Iterable

from scenarios.errors import ScenarioError
from scenarios.specs import RouteSpec

MOST_NAMED = 30


def select_routes(routes: tuple[RouteSpec, ...], ids: Iterable[str]) -> tuple[RouteSpec, ...]:
    """The routes of these ids, in the order of `ids`."""
    by_id = {route.id: route for route in routes}
    chosen = []
    for route_id in ids:
        if route_id not in by_id:
            raise ScenarioError(f"no route {route_id!r}: the file has {_in_words(by_id)}")
        chosen.append(by_id[route_id])
    return tuple(chosen)


def _in_words(ids: Iterable[str]) -> str:
    """A benchmark's file has hundreds."""
    known = list(ids)
    if len(known) <= MOST_NAMED:
        return ", ".join(known)
    return f"{len(known)}, from {known[0]} to {known[-1]}"


def routes_subset(routes: tuple[RouteSpec, ...], text: str) -> tuple[RouteSpec, ...]:
    """The routes that `text` names, as the leaderboard's `--routes-subset` does: `4`, `1,6`, `0-4` or `0-4,6`.

    A range goes from one id to another in the file's order. A route that is named twice is driven once.
    """
    ids = [route.id for route in routes]
    chosen: dict[str, None] = {}
    for part in text.split(","):
        part = part.strip()
        if part in ids or "-" not in part:
            first = last = part
        else:
            first, last = (end.strip() for end in part.split("-", 1))
        (start,), (stop,) = select_routes(routes, [first]), select_routes(routes, [last])
        named = ids[ids.index(start.id) : ids.index(stop.id) + 1]
        if not named:
            raise ScenarioError(f"{part}: route {last!r} stands before {first!r} in the file")
        chosen.update(dict.fromkeys(named))
    return select_routes(routes, chosen)
