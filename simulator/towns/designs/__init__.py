"""The towns that are composed as OpenDRIVE maps: rural, roundabout, motorway. Each draws its shape from a seed."""

from simulator.towns.designs.fell import compose_fell
from simulator.towns.designs.mere import compose_mere
from simulator.towns.designs.ring import compose_ring

__all__ = ["compose_fell", "compose_mere", "compose_ring"]
