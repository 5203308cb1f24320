"""Teachers: models that draw fused images y ~ p(y given v, t)."""

from typing import Protocol

from torch import Tensor


class Teacher(Protocol):
    """Anything that samples. Sizes are those of the frames it is given; values lie in [0, 1]."""

    @property
    def identity(self) -> str:
        """Says which teacher this is: kind and checksum of its weights."""
        ...

    def sample(self, visible: Tensor, thermal: Tensor, n: int, seed: int) -> Tensor:
        """visible (3, h, w) and thermal (1, h, w) -> n fused images (n, 3, h, w), the same for the same seed."""
        ...
