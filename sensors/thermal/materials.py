"""The table of surfaces: tag -> emissivity, reflection, thermal inertia. `materials.yaml` is the one to edit."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import yaml

from sensors.yaml_numbers import NumberLoader

MATERIALS_FILE = Path(__file__).with_name("materials.yaml")

SKY_TAG = 11
_IN_ORDER = """none roads sidewalks buildings walls fences poles traffic_light traffic_signs vegetation terrain sky
pedestrians rider car truck bus train motorcycle bicycle static dynamic other water road_lines ground bridge rail_track
guard_rail"""

TAGS: dict[str, int] = {name: tag for tag, name in enumerate(_IN_ORDER.split()) if tag != SKY_TAG}
"""CARLA's CityObjectLabel since 0.9.14. Untagged pixels (some landscape is) count as `none`: bare ground."""


@dataclass(frozen=True)
class SurfaceMaterial:
    """One line of the table; units as its header explains."""

    emissivity: float
    specular: float
    solar_gain_k: float
    time_constant_h: float
    sky_cooling: float
    offset_k: float
    variation_k: float
    wettable: bool


_RANGES = {
    "emissivity": (0.0, 1.0),
    "specular": (0.0, 1.0),
    "solar_gain_k": (0.0, 150.0),
    "time_constant_h": (0.0, 1000.0),
    "sky_cooling": (0.0, 1.0),
    "offset_k": (-100.0, 300.0),
    "variation_k": (0.0, 50.0),
}
"""What a surface out of doors can be; beyond it radiances would be no longer those of the temperatures meant."""


class MaterialsError(ValueError):
    """The table cannot be used; one line with file and entry."""


def load_materials(path: Path = MATERIALS_FILE) -> dict[int, SurfaceMaterial]:
    """The table by tag number. Tags that a user's file leaves out keep the values of the built-in one."""
    try:
        entries = yaml.load(path.read_text(encoding="utf-8"), NumberLoader)
    except (OSError, yaml.YAMLError) as error:
        raise MaterialsError(f"{path}: cannot read the table of materials: {' '.join(str(error).split())}") from None
    if not isinstance(entries, dict):
        raise MaterialsError(f"{path}: a table of materials maps tags to values")
    table = {} if path == MATERIALS_FILE else dict(load_materials())
    for name, values in entries.items():
        if name not in TAGS:
            raise MaterialsError(f"{path}: unknown tag {name!r}; known: {', '.join(TAGS)}")
        table[TAGS[name]] = _material(path, name, values)
    return table


def _material(path: Path, name: str, values: object) -> SurfaceMaterial:
    names = [field.name for field in fields(SurfaceMaterial)]
    if not isinstance(values, dict) or sorted(values) != sorted(names):
        raise MaterialsError(f"{path}: {name} needs exactly these values: {', '.join(names)}")
    for key, (low, high) in _RANGES.items():
        value = values[key]
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            raise MaterialsError(f"{path}: {name}: {key} must be a number, got {value!r}")
        if not low <= value <= high:
            raise MaterialsError(f"{path}: {name}: {key} must lie in {low:g}..{high:g}, got {value}")
    if not isinstance(values["wettable"], bool):
        raise MaterialsError(f"{path}: {name}: wettable must be true or false, got {values['wettable']!r}")
    if values["time_constant_h"] == 0.0:
        raise MaterialsError(f"{path}: {name}: time_constant_h must be positive, got 0")
    return SurfaceMaterial(**{key: float(values[key]) for key in _RANGES}, wettable=values["wettable"])
