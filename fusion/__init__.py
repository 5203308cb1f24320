"""Thermal and visible frames fused by a small distilled network; knows nothing of CARLA and can be used alone."""

import os
import sys
from types import TracebackType
from typing import TYPE_CHECKING, Any

from fusion.errors import FusionError

if TYPE_CHECKING:
    from fusion.proxy import FusionProxy

__all__ = ["FusionError", "FusionProxy"]


def __getattr__(name: str) -> Any:
    # Loaded when asked for: it brings numba, and whoever catches this package's error should not wait for that.
    if name == "FusionProxy":
        from fusion.proxy import FusionProxy

        return FusionProxy
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _without_torch(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """One line where a command needs PyTorch, which whoever only drives and fuses arrays need not have."""
    if not isinstance(error, ModuleNotFoundError) or error.name != "torch":
        return sys.__excepthook__(kind, error, trace)
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    command = f"{spec.name}: " if spec else ""
    print(f"{command}this needs PyTorch: pip install 'nightloop[train]'", file=sys.stderr, flush=True)
    os._exit(1)


if sys.argv[:1] == ["-m"]:  # `python -m fusion.train`, which is about to be imported
    sys.excepthook = _without_torch
