"""Towns from OpenDRIVE: records of a map, their reader and writer, and the town that is built from them."""

from simulator.towns.xodr.reader import OpenDriveError, parse_opendrive
from simulator.towns.xodr.records import OpenDrive
from simulator.towns.xodr.world import GenerationParameters, town_from_opendrive
from simulator.towns.xodr.writer import write_opendrive

__all__ = [
    "GenerationParameters",
    "OpenDrive",
    "OpenDriveError",
    "parse_opendrive",
    "town_from_opendrive",
    "write_opendrive",
]
