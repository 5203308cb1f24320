"""Thermal and visible frames fused by a small distilled network; knows nothing of CARLA and can be used alone."""

from typing import TYPE_CHECKING, Any

from fusion.errors import FusionError

if TYPE_CHECKING:
    from fusion.proxy import FusionProxy

__all__ = ["FusionError", "FusionProxy"]


def __getattr__(name: str) -> Any:
    # Loaded when asked for: it brings torch, and whoever catches this package's error should not wait for that.
    if name == "FusionProxy":
        from fusion.proxy import FusionProxy

        return FusionProxy
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
