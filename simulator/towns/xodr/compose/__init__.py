"""Puts a map together: roads along paths with a cross-section, junctions whose connecting roads follow from it, signs.

A path is one of `simulator.towns.curves`. Right-hand traffic; lane ids count outwards from the reference line.
"""
