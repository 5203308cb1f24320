"""Thermal cameras by name, and cameras of one's own from a YAML file."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from sensors.thermal.agc import Agc
from sensors.thermal.materials import load_materials
from sensors.thermal.microbolometer import Detector
from sensors.thermal.mounting import Mounting
from sensors.thermal.place import Place
from sensors.thermal.radiometry import check_band
from sensors.yaml_numbers import NumberLoader


@dataclass(frozen=True)
class ThermalConfig:
    """A thermal camera. width, height: its own pixels. fov_deg: its own lens, used where it has a place of its own;
    without one it sits where its RGB camera does and its lens covers the same field. mounting: how far from an ideal
    pair it is. materials: another table than the built-in one. windows: glass in facades and parked cars is glass,
    where the server tells it (the embedded one does); else wall and bodywork, as in the frames that the shipped fusion
    weights and the pilot learnt from.
    """

    name: str = "adk"
    width: int = 640
    height: int = 512
    fov_deg: float = 75.0
    band_um: tuple[float, float] = (8.0, 14.0)
    detector: Detector = field(default_factory=Detector)
    agc: Agc = field(default_factory=Agc)
    mounting: Mounting = field(default_factory=Mounting)
    place: Place | None = None
    materials: str | None = None
    windows: bool = False

    def __post_init__(self) -> None:
        whole = isinstance(self.width, int) and isinstance(self.height, int)
        if not whole or not (8 <= self.width <= 4096 and 8 <= self.height <= 4096) or not 1.0 < self.fov_deg < 170.0:
            raise ValueError(
                f"thermal camera {self.name}: unusable size or field of view: 8 to 4096 pixels each way and"
                f" 1 to 170 degrees, not {self.width} x {self.height} and {self.fov_deg}"
            )
        if len(self.band_um) != 2:
            raise ValueError(f"band_um must be (low, high), got {self.band_um}")
        if not isinstance(self.windows, bool):
            raise ValueError(f"windows must be true or false, got {self.windows!r}")
        check_band(*self.band_um)
        for key in ("name", "materials"):
            value = getattr(self, key)
            if not isinstance(value, str) and (key == "name" or value is not None):
                raise ValueError(f"{key} must be a text, got {value!r}")


_PERFECT = Detector(
    netd_mk=0.0, column_mk=0.0, row_mk=0.0, pixel_mk=0.0, lag_s=0.0, blur_px=0.0, dead_share=0.0, shutter_freeze_s=0.0
)

# FLIR ADK: 640x512, 8-14 um, four lenses. Boson: VOx, NETD < 40 mK at f/1.0, 7.5-13.5 um. Lepton 3.5: 160x120, < 50 mK,
# shutter every 180 s. Fixed pattern, drift and freeze are our choice within what manuals describe.
PRESETS: dict[str, ThermalConfig] = {
    "adk": ThermalConfig("adk"),
    "adk-75": ThermalConfig("adk-75", fov_deg=75.0),
    "adk-50": ThermalConfig("adk-50", fov_deg=50.0),
    "adk-32": ThermalConfig("adk-32", fov_deg=32.0),
    "adk-24": ThermalConfig("adk-24", fov_deg=24.0),
    "boson": ThermalConfig("boson", fov_deg=50.0, band_um=(7.5, 13.5), detector=Detector(netd_mk=40.0, lag_s=0.008)),
    "lepton": ThermalConfig(
        "lepton", width=160, height=120, fov_deg=57.0, detector=Detector(lag_s=0.012, blur_px=0.45, column_mk=20.0)
    ),
    "ideal": ThermalConfig("ideal", detector=_PERFECT, windows=True),
}


def preset(name_or_path: str | Path) -> ThermalConfig:
    """A preset by name, or a YAML file `{base: adk, detector: {netd_mk: 30}, ...}`; ValueError is one line."""
    name = str(name_or_path)
    if name in PRESETS:
        return PRESETS[name]
    path = Path(name)
    if path.suffix not in (".yaml", ".yml"):
        raise ValueError(f"unknown thermal preset {name!r}; known: {', '.join(PRESETS)}, or a YAML file")
    try:
        entries = yaml.load(path.read_text(encoding="utf-8"), NumberLoader)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ValueError(f"{path}: cannot read the thermal preset: {' '.join(str(error).split())}") from None
    if not isinstance(entries, dict):
        raise ValueError(f"{path}: a thermal preset maps names to values")
    base = entries.pop("base", "adk")
    if not isinstance(base, str) or base not in PRESETS:
        raise ValueError(f"{path}: unknown base {base!r}; known: {', '.join(PRESETS)}")
    if isinstance(entries.get("materials"), str):
        entries["materials"] = str(path.parent / entries["materials"])
    try:
        config: ThermalConfig = _changed(replace(PRESETS[base], name=path.stem), entries)
        if config.materials is not None:
            load_materials(Path(config.materials))  # in the hope of an error
        return config
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from None


def _changed(config: Any, entries: dict[str, Any]) -> Any:
    """`config` with some fields changed, nested ones too."""
    known = {f.name for f in dataclasses.fields(config)}
    changes: dict[str, Any] = {}
    for key, value in entries.items():
        if key not in known:
            raise ValueError(f"unknown key {key!r}; known: {', '.join(sorted(known))}")
        current = Place() if key == "place" else getattr(config, key)
        if dataclasses.is_dataclass(current):
            if not isinstance(value, dict):
                raise ValueError(f"{key} needs a mapping")
            value = _changed(current, value)
        elif isinstance(current, tuple):
            if not isinstance(value, list):
                raise ValueError(f"{key} needs a list of numbers, got {value!r}")
            value = tuple(_number(key, item) for item in value)
        elif isinstance(current, float):
            value = _number(key, value)
        changes[key] = value
    return replace(config, **changes)


def _number(key: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"{key} must be a number, got {value!r}")
    return float(value)
