"""Procedural towns: road network, OpenDRIVE map and scenery from one seeded generator."""

from simulator.towns.store import NAMES, build_town
from simulator.towns.town import Town

__all__ = ["NAMES", "Town", "build_town"]
