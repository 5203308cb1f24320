"""A torch module of the user's own, by the name of the function that makes it."""

import importlib

import torch
from torch import nn

from fusion.backbones import FrozenModule
from fusion.errors import FusionError, described

PROBE_PX = 224


def from_entry_point(spec: str) -> FrozenModule:
    """`package.module:factory`: factory() returns a torch module, images (B, 3, H, W) in [0, 1] -> (B, C, h, w).

    Its attribute `stride_px`, if it has one, says of what the sides must be multiples; otherwise a trial image tells.
    """
    module_name, _, function = spec.partition(":")
    try:
        factory = getattr(importlib.import_module(module_name), function, None)
    except Exception as error:  # whatever a file of the user's may raise
        raise FusionError(f"backbone '{spec}': {module_name} cannot be imported: {described(error)}") from None
    if not callable(factory):
        raise FusionError(f"backbone '{spec}': {module_name} has no {function} that can be called")
    try:
        module = factory()
    except Exception as error:  # here too
        raise FusionError(f"backbone '{spec}': {function}() fails: {described(error)}") from None
    if not isinstance(module, nn.Module):
        raise FusionError(f"backbone '{spec}': {function}() gives {type(module).__name__}, not a torch module")
    with torch.no_grad():
        try:
            features = module.eval()(torch.zeros(1, 3, PROBE_PX, PROBE_PX))
        except Exception as error:  # whatever a module of the user's may raise
            raise FusionError(f"backbone '{spec}' fails on a {PROBE_PX}x{PROBE_PX} image: {described(error)}") from None
    if not isinstance(features, torch.Tensor) or features.ndim != 4:
        raise FusionError(f"backbone '{spec}' must return a tensor (B, C, h, w)")
    return FrozenModule(spec, module, int(getattr(module, "stride_px", max(PROBE_PX // features.shape[2], 1))))
