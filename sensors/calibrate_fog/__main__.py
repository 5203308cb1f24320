"""Measures what visibility each fog density has on a CARLA server, from depth and the contrast of RGB pictures."""

from __future__ import annotations

import argparse
import json
import socket
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import carla

from sensors.calibrate_fog.errors import CalibrationError
from sensors.calibrate_fog.measuring import DENSITIES, measure
from sensors.calibrate_fog.station import TIMEOUT_S
from sensors.fog_table import FogTableError

CONNECT_S = 5.0


def _densities(text: str) -> list[float]:
    wanted = "--densities wants two or more numbers above 0 up to 100, ascending, such as 20,40,60"
    try:
        densities = [float(part) for part in text.split(",")]
    except ValueError:
        raise CalibrationError(f"{wanted}, not {text!r}") from None
    ascending = all(a < b for a, b in pairwise(densities))
    if len(densities) < 2 or not ascending or not all(0.0 < density <= 100.0 for density in densities):
        raise CalibrationError(f"{wanted}, not {text!r}")
    return densities


def _check(chosen: argparse.Namespace) -> None:
    """Raises CalibrationError for what would show only after minutes of measuring."""
    for flag, value in (("--fog-distance", chosen.fog_distance), ("--fog-falloff", chosen.fog_falloff)):
        if not 0.0 <= value < 1e6:
            raise CalibrationError(f"{flag} is 0 or more, and finite, not {value:g}")
    if any(number < 0 for number in chosen.place or ()):
        raise CalibrationError("--place is the number of a spawn point, from 0")
    if chosen.out.is_dir():
        raise CalibrationError(f"--out {chosen.out} is a folder; give the name of a file")
    if not chosen.out.parent.is_dir():
        raise CalibrationError(f"--out {chosen.out}: no folder {chosen.out.parent}")


def _reachable(address: str) -> tuple[str, int]:
    """Host and port of a server that takes connections: the client itself would wait for its whole time-out."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise CalibrationError(f"--carla wants HOST:PORT, such as localhost:2000, not {address!r}")
    try:
        socket.create_connection((host, int(port)), timeout=CONNECT_S).close()
    except OSError as error:
        raise CalibrationError(f"no server at {address}: {error.strerror or error}") from None
    return host, int(port)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m sensors.calibrate_fog", description=__doc__.split("\n")[0])
    parser.add_argument("--carla", required=True, metavar="HOST:PORT")
    parser.add_argument("--out", required=True, type=Path, metavar="FILE", help="the table, JSON")
    parser.add_argument("--densities", default=",".join(f"{d:g}" for d in DENSITIES), help="fog_density, ascending")
    parser.add_argument("--place", type=int, action="append", metavar="N", help="spawn point; may be repeated")
    parser.add_argument("--fog-distance", type=float, default=0.0, help="CARLA's fog_distance, m (default: 0)")
    parser.add_argument("--fog-falloff", type=float, default=0.0, help="CARLA's fog_falloff (default: 0)")
    chosen = parser.parse_args(arguments)
    try:
        densities = _densities(chosen.densities)
        _check(chosen)
        client = carla.Client(*_reachable(chosen.carla))
        client.set_timeout(TIMEOUT_S)
        table = measure(client, densities, chosen.place or (0, 7, 14), chosen.fog_distance, chosen.fog_falloff)
        partial = chosen.out.with_name(chosen.out.name + ".part")
        partial.write_text(json.dumps(table.model_dump(), indent=1) + "\n", encoding="utf-8")
        partial.replace(chosen.out)
    except (CalibrationError, FogTableError, RuntimeError, ValueError, OSError) as error:
        print(f"calibrate_fog: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    print(f"{'fog_density':>12}{'visibility':>12}{'+-':>8}")
    for entry in table.entries:
        print(f"{entry.fog_density:12g}{entry.visibility_m:10.1f} m{100 * entry.uncertainty:6.1f} %")
    print(f"written: {chosen.out}   (python -m harness.run --carla {chosen.carla} --fog-table {chosen.out})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
