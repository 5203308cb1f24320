"""The teacher's U-Net: noisy image and the two views in, what the scheduler predicts out.

The U-Net does not paint the prediction itself. It gives every pixel an affine map of what it is shown there, as the
student's grid does: detail is then handed through from the first step of training on, and a teacher that was trained
for minutes does not blur what its views hold.
"""

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from fusion.teacher.library import load_diffusers

INPUTS = 8
"""Noisy image (3), views (4) and the constant 1."""


@dataclass(frozen=True)
class NetworkConfig:
    """Sizes of the U-Net. The defaults train on a CPU in minutes; see docs/fusion.md for a GPU's."""

    channels: tuple[int, ...] = (16, 32, 64, 96)
    layers: int = 1
    attention: bool = False

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "channels": list(self.channels)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "NetworkConfig":
        return cls(tuple(values["channels"]), int(values["layers"]), bool(values["attention"]))

    @property
    def multiple(self) -> int:
        """Heights and widths must be multiples of this."""
        return int(2 ** (len(self.channels) - 1))


class TeacherNetwork(nn.Module):
    """Noisy image (B, 3, h, w) and condition (B, 4, h, w) of (r, g, b, t), in [-1, 1], step (B,) -> (B, 3, h, w)."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        levels = len(config.channels)
        self.unet: Any = load_diffusers().UNet2DModel(
            in_channels=7,
            out_channels=3 * INPUTS,
            block_out_channels=config.channels,
            layers_per_block=config.layers,
            down_block_types=("DownBlock2D",) * levels,
            up_block_types=("UpBlock2D",) * levels,
            norm_num_groups=8,
            attention_head_dim=8,
            add_attention=config.attention,
        )

    def forward(self, noisy: Tensor, condition: Tensor, step: Tensor) -> Tensor:
        seen = torch.cat([noisy, condition], dim=1)
        maps: Tensor = self.unet(seen, step).sample
        maps = maps.unflatten(1, (3, INPUTS))
        return (maps[:, :, :-1] * seen[:, None]).sum(dim=2) + maps[:, :, -1]
