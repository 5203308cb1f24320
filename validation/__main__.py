"""Measures everything of docs/validation.md and draws its plots.

python -m validation [--out docs/pictures] [--only koschmieder,headlights,planck,netd,extinction,detection,sheet]
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from rich.progress import track

from simulator.options import CommandParser
from validation import contact_sheet, detection, extinction, headlights, koschmieder, netd, planck
from validation.drawing import plot


def _koschmieder(folder: Path) -> str:
    day, night = koschmieder.measured(), koschmieder.measured(altitude_deg=-40.0)
    plot(folder / "validation_koschmieder.png", koschmieder.draw, day)
    return f"contrast of a black target: at most {_worst(day)} off the law by day, {_worst(night)} by night"


def _headlights(folder: Path) -> str:
    readings = headlights.measured()
    plot(folder / "validation_headlights.png", headlights.draw, readings)
    return "headlamp, off I / d^2: " + ", ".join(f"{r.distance_m:g} m {100 * r.error:+.1f} %" for r in readings)


def _planck(folder: Path) -> str:
    readings = planck.measured()
    plot(folder / "validation_planck.png", planck.draw, readings)
    return f"band radiance, -40 to 80 C: at most {_worst(readings, 4)} off the integral"


def _netd(folder: Path) -> str:
    readings = netd.measured()
    plot(folder / "validation_netd.png", netd.draw, readings)
    return f"NETD: at most {_worst(readings)} off its setting"


def _extinction(folder: Path) -> str:
    readings = extinction.measured()
    plot(folder / "validation_extinction.png", extinction.draw, readings)
    return "LWIR over visible extinction: " + ", ".join(f"{r.radius_um:g} um {r.ratio:.3f}" for r in readings)


def _detection(folder: Path) -> str:
    ranges = detection.measured()
    plot(folder / "validation_detection.png", detection.draw, ranges)
    lines = ["range of a pedestrian (m) at V = " + ", ".join(f"{v:g}" for v in detection.VISIBILITIES_M) + " m"]
    for name in dict.fromkeys(r.seen_by for r in ranges):
        lines.append(f"  {name}: " + ", ".join(f"{r.range_m:.0f}" for r in ranges if r.seen_by == name))
    return "\n".join(lines)


def _sheet(folder: Path) -> str:
    path = folder / "contact_sheet.jpg"
    contact_sheet.write(path)
    return f"contact sheet: {path}"


PARTS: dict[str, Callable[[Path], str]] = {
    "koschmieder": _koschmieder,
    "headlights": _headlights,
    "planck": _planck,
    "netd": _netd,
    "extinction": _extinction,
    "detection": _detection,
    "sheet": _sheet,
}


def _worst(readings: Sequence[koschmieder.Reading | planck.Reading | netd.Reading], digits: int = 2) -> str:
    return f"{100.0 * max(abs(r.error) for r in readings):.{digits}f} %"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = CommandParser(prog="python -m validation", description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("docs/pictures"), metavar="DIR")
    parser.add_argument("--only", default=",".join(PARTS), help=f"of {', '.join(PARTS)} (default: all)")
    chosen = parser.parse_args(arguments)
    names = chosen.only.split(",")
    if unknown := [name for name in names if name not in PARTS]:
        parser.error(f"--only: no {unknown[0]!r}; choose of {', '.join(PARTS)}")
    try:
        chosen.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        parser.error(f"--out: cannot make the folder {chosen.out}: {error.strerror}")
    for line in [PARTS[name](chosen.out) for name in track(names, "measuring", transient=True)]:
        print(line)


if __name__ == "__main__":
    main()
