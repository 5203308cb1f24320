"""The RPC methods by domain: thin functions that call the world."""

# imported for what they register
from simulator.methods import (  # noqa: F401
    actors,
    batch,
    episode,
    level,
    lights,
    recorder,
    sensors,
    traffic_manager,
    vehicles,
    walkers,
)
from simulator.methods.registry import METHODS

__all__ = ["METHODS"]
