"""The clear twin itself in a teacher's place: what a student reaches when nothing stands between it and the truth."""

import torch
from torch import Tensor

from fusion.errors import FusionError


class Reference:
    """Not a diffusion model and no ensemble: every sample is the clear twin. A baseline, and named so."""

    identity = "reference"

    def __init__(self) -> None:
        self._clear: Tensor | None = None

    def look_at(self, clear: Tensor | None) -> None:
        """Takes the clear twin (3, h, w) of the pair that is sampled next."""
        self._clear = clear

    def sample(self, visible: Tensor, thermal: Tensor, n: int, seed: int) -> Tensor:
        if self._clear is None:
            raise FusionError("the reference needs pairs with a clear twin")
        return torch.as_tensor(self._clear).expand(n, *self._clear.shape).clone()
