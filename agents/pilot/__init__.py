"""The camera pilot: drives from one RGB camera, speedometer, GNSS, IMU and the route alone."""

from pathlib import Path

from agents.pilot.agent import PilotAgent, get_entry_point
from simulator.stale import drop_stale_kernels

drop_stale_kernels(Path(__file__).parent)

__all__ = ["PilotAgent", "get_entry_point"]
