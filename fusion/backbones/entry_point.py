"""A torch module of the user's own, by the name of the function that makes it."""

import hashlib
import importlib

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fusion.backbones import FrozenModule
from fusion.errors import FusionError, described

PROBE_PX = 224
VIEWS = 4
"""Along which the probe's features are looked at, to tell one network from another."""


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
    module.eval().requires_grad_(False)
    # Of grain: behind a ReLU a black image may leave nothing, and no gradient.
    image = torch.rand(1, 3, PROBE_PX, PROBE_PX, generator=torch.Generator().manual_seed(0)).requires_grad_(True)
    try:
        with torch.enable_grad():
            features = module(image)
    except Exception as error:  # whatever a module of the user's may raise
        raise FusionError(f"backbone '{spec}' fails on a {PROBE_PX}x{PROBE_PX} image: {described(error)}") from None
    if not isinstance(features, torch.Tensor) or features.ndim != 4:
        raise FusionError(f"backbone '{spec}' must return a tensor (B, C, h, w)")
    if not features.requires_grad:
        raise FusionError(
            f"backbone '{spec}' teaches nothing: its features carry no gradient to the image (no_grad or detach?)"
        )
    stride_px = int(getattr(module, "stride_px", max(PROBE_PX // features.shape[2], 1)))
    return FrozenModule(spec, module, stride_px, _seen(features.detach()))


def _seen(features: Tensor) -> str:
    """Tells one forward from another where the weights are the same: a digest of what the loss would see in the probe.
    A few sums in coarse steps, so that another number of threads, which rounds otherwise, is not another network."""
    unit = F.normalize(features.double(), dim=1, eps=1e-6)
    rng = torch.Generator().manual_seed(0)
    sums = [
        float((unit * torch.randn(unit.shape, generator=rng, dtype=unit.dtype)).sum() / unit.norm().clamp(min=1e-6))
        for _ in range(VIEWS)
    ]
    said = f"{tuple(features.shape)} {' '.join(f'{value:.2f}' for value in sums)}"
    return hashlib.sha256(said.encode()).hexdigest()
