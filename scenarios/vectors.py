"""CARLA's vectors as plain numbers."""

from __future__ import annotations

import carla

from results.ticks import Vector


def vector_of(value: carla.Vector3D) -> Vector:
    """x, y and z of a location, a velocity, an impulse, ..., in its units."""
    return float(value.x), float(value.y), float(value.z)
