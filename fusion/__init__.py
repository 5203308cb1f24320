"""Thermal and visible frames fused by a small distilled network; knows nothing of CARLA and can be used alone."""

from fusion.errors import FusionError
from fusion.proxy import FusionProxy

__all__ = ["FusionError", "FusionProxy"]
