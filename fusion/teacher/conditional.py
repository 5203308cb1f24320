"""A trained conditional diffusion teacher: weights, sizes and schedule in one file, sampled for pairs of any size."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from safetensors.torch import save
from torch import Tensor
from torch.nn import functional as F

from fusion.errors import FusionError, one_line
from fusion.files import read_arrays, whole
from fusion.teacher.diffusion import Diffusion, DiffusionConfig, check_steps
from fusion.teacher.network import NetworkConfig, TeacherNetwork
from fusion.teacher.tiles import in_tiles

KIND = "nightloop-fusion-teacher"


class ConditionalTeacher:
    """p(y given v, t) by masked conditional diffusion or twin restoration: they differ in training only."""

    def __init__(
        self,
        network: TeacherNetwork,
        diffusion: DiffusionConfig,
        steps: int = 8,
        eta: float = 1.0,
        checksum: str = "untrained",
        tile: int = 0,
        overlap: int = 32,
    ) -> None:
        """`tile` and `overlap` in pixels of the frames that are sampled; 0 takes frames whole."""
        self._network = network.eval()
        self._diffusion = Diffusion(diffusion)
        self._steps, self._eta = steps, eta
        self._checksum = checksum
        self._tile, self._overlap = tile, overlap

    @property
    def identity(self) -> str:
        return f"conditional-{self._checksum[:16]}"

    @property
    def network(self) -> TeacherNetwork:
        return self._network

    def to(self, device: str) -> "ConditionalTeacher":
        self._network.to(device)
        return self

    @torch.inference_mode()
    def sample(self, visible: Tensor, thermal: Tensor, n: int, seed: int) -> Tensor:
        """visible (3, h, w), thermal (1, h, w) in [0, 1] -> (n, 3, h, w), of any size."""
        height, width = visible.shape[-2:]
        multiple = self._network.config.multiple
        condition = torch.cat([visible, thermal])[None] * 2.0 - 1.0
        padding = (0, -width % multiple, 0, -height % multiple)
        condition = F.pad(condition, padding, mode="replicate").expand(n, -1, -1, -1)
        generator = torch.Generator().manual_seed(seed)
        # Tiles must fit the U-Net's own reductions.
        tile = -(-self._tile // multiple) * multiple or max(condition.shape[-2:])

        def network(noisy: Tensor, views: Tensor, step: Tensor) -> Tensor:
            return in_tiles(self._network, tile, self._overlap, noisy, (views,), step)

        image = self._diffusion.sample(network, condition, self._steps, self._eta, generator)
        return (image[..., :height, :width] * 0.5 + 0.5).clamp(0.0, 1.0)

    @classmethod
    def load(
        cls, path: Path, steps: int = 8, eta: float = 1.0, tile: int = 0, overlap: int = 32
    ) -> "ConditionalTeacher":
        sizes, arrays = _read(path)
        diffusion = DiffusionConfig(**sizes["diffusion"])
        check_steps(steps, diffusion.train_steps)  # before the network, which takes seconds
        network = TeacherNetwork(NetworkConfig.from_dict(sizes["network"]))
        try:
            network.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
        except RuntimeError as error:
            raise FusionError(f"teacher {path} has another shape: {one_line(str(error))}") from None
        return cls(network, diffusion, steps, eta, hashlib.sha256(path.read_bytes()).hexdigest(), tile, overlap)


@dataclass(frozen=True)
class Trained:
    """What a teacher's file says of it besides its network."""

    prediction: str
    scale: int | None
    """Its frames were reduced by this factor; None in files of before, which do not know."""


def look_at_teacher(path: Path) -> Trained:
    """Without making its network. Raises FusionError where the file holds no teacher."""
    sizes, _ = _read(path)
    return Trained(DiffusionConfig(**sizes["diffusion"]).prediction, sizes.get("scale"))


def _read(path: Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Sizes and weights."""
    if not path.is_file():
        raise FusionError(f"no teacher {path}")
    metadata, arrays = read_arrays(path, "teacher")
    if KIND not in metadata:
        raise FusionError(f"{path} does not hold a teacher")
    return json.loads(metadata[KIND]), arrays


def save_teacher(network: TeacherNetwork, diffusion: DiffusionConfig, path: Path, scale: int | None = None) -> None:
    """`scale`: the factor by which the frames that it was trained on were reduced."""
    sizes: dict[str, Any] = {"network": network.config.as_dict(), "diffusion": asdict(diffusion)}
    if scale is not None:
        sizes["scale"] = scale
    # One entry only: safetensors writes several in no fixed order, and equal weights should be equal files.
    metadata = {KIND: json.dumps(sizes, sort_keys=True)}
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    with whole(path) as partial:
        partial.write_bytes(save(tensors, metadata))  # safetensors' own writer lets nobody else read the file
