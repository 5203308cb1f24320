"""The simulated world: actors, their motion, contacts, traffic lights and the sensors that need no picture."""

from __future__ import annotations

from pathlib import Path

from simulator.stale import drop_stale_kernels

drop_stale_kernels(Path(__file__).parent)
