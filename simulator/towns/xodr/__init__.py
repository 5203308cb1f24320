"""Towns from OpenDRIVE: records of a map, their reader and writer, and the town that is built from them.

What is named here loads at once; `reader`, `writer` and `world` bring geometry and scenery with them.
"""

from simulator.towns.xodr.records import GenerationParameters, OpenDrive, OpenDriveError

__all__ = ["GenerationParameters", "OpenDrive", "OpenDriveError"]
