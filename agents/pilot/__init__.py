"""The camera pilot: drives from one RGB camera, speedometer, GNSS, IMU and the route alone."""

from agents.pilot.agent import PilotAgent, get_entry_point

__all__ = ["PilotAgent", "get_entry_point"]
