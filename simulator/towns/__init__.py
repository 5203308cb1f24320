"""Procedural towns: road network, OpenDRIVE map and scenery from one seeded generator."""

from simulator.towns.generator import available_towns, build_town
from simulator.towns.town import Town

__all__ = ["Town", "available_towns", "build_town"]
