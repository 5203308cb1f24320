"""A long-wave infrared camera computed from what the simulator knows, never from its RGB picture."""

from pathlib import Path

from sensors.thermal.ambient import Ambient, ambient_of
from sensors.thermal.camera import ThermalCamera, ThermalFrame
from sensors.thermal.heat import ActorState, HeatState, HeatTracker
from sensors.thermal.place import Place, sensor_at
from sensors.thermal.presets import PRESETS, ThermalConfig, preset
from sensors.thermal.reproject import reproject
from simulator.stale import drop_stale_kernels

drop_stale_kernels(Path(__file__).parent)

__all__ = [
    "PRESETS",
    "ActorState",
    "Ambient",
    "HeatState",
    "HeatTracker",
    "Place",
    "ThermalCamera",
    "ThermalConfig",
    "ThermalFrame",
    "ambient_of",
    "preset",
    "reproject",
    "sensor_at",
]
