"""An earlier student in a teacher's place: a new one keeps what it paints, and learns from other terms of the loss."""

from torch import Tensor

from fusion.proxy import FusionProxy


class EarlierStudent:
    """Its samples are all alike, so that nothing is known of where its own teacher was unsure. Takes frames as they
    come to the student: ensembles of it are best drawn at scale 1."""

    def __init__(self, proxy: FusionProxy) -> None:
        self._proxy = proxy

    @property
    def identity(self) -> str:
        return f"student-{self._proxy.checksum[:16]}"

    def to(self, device: str) -> "EarlierStudent":
        self._proxy.to(device)
        return self

    def sample(self, visible: Tensor, thermal: Tensor, n: int, seed: int) -> Tensor:
        """visible (3, h, w), thermal (1, h, w) in [0, 1] -> (n, 3, h, w)."""
        return self._proxy(visible[None], thermal[None]).expand(n, -1, -1, -1).clone()

    @classmethod
    def load(cls, name_or_path: str) -> "EarlierStudent":
        return cls(FusionProxy.from_pretrained(name_or_path))
