"""Sensors computed from what a simulator's cameras tell: the thermal camera, the paired rig, the scale of fog."""

from __future__ import annotations

from pathlib import Path

from simulator.stale import drop_stale_kernels

drop_stale_kernels(Path(__file__).parent)
