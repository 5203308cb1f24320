"""The student: a bilateral grid of local affine maps, predicted from a small view and applied at full resolution.

The shape is that of HDRnet (Gharbi et al., SIGGRAPH 2017): a convolutional network looks at a quarter-resolution view
of the pair and predicts, for every cell of 8x8 pixels and every bin of a guide, one affine map from (r, g, b, t, 1)
to a fused (r, g, b). Each full-resolution pixel looks up its map by position and by its own guide value. Detail
therefore comes from the two frames themselves, and the work per pixel is a few multiply-adds.

A grid is an array (B, gh, gw, bins, 16). The sixteen lanes of one map, in this order:

    r->r r->g r->b 1->r | g->r g->g g->b 1->g | b->r b->g b->b 1->b | t->r t->g t->b colour

so that one map fills one 64-byte line and lane 4 j + k carries input j to output k. The last lane adds the pixel's own
colour (`colour_of`) to all three: a lamp that fog leaves ten grey levels of is no brighter than the fog, and an affine
gain that brings it back brings up the grain of every pixel around it too.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fusion.shape import CELL_PX, COLOUR_FLOOR, LANES, PAD_PX, VIEW_PX, StudentConfig, padded


def conv(inputs: int, outputs: int, stride: int = 1) -> nn.Conv2d:
    # Repeated borders: with zeros around it, a dark frame's rim looks like an edge and comes out as a frame of its own.
    return nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, padding_mode="replicate")


class Residual(nn.Module):
    """Two 3x3 convolutions and a way around them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = conv(channels, channels)
        self.second = conv(channels, channels)
        nn.init.zeros_(self.second.weight)  # starts as the identity: short trainings converge sooner
        nn.init.zeros_(self.second.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.second(F.relu(self.first(x))))


class GridNetwork(nn.Module):
    """View (B, 4, h, w) of (r, g, b, t) in [0, 1] -> grid (B, h / 2, w / 2, bins, 16); h and w are multiples of 8."""

    def __init__(self, config: StudentConfig) -> None:
        super().__init__()
        self.bins = config.bins
        self.stem = conv(5, config.fine, stride=2)
        self.skip = conv(config.fine, config.fine)
        self.down_middle = conv(config.fine, config.middle, stride=2)
        self.middle = Residual(config.middle)
        self.down_coarse = conv(config.middle, config.coarse, stride=2)
        self.coarse = nn.Sequential(*[Residual(config.coarse) for _ in range(config.blocks)])
        self.scene = nn.Linear(config.coarse, config.coarse)
        self.up_middle = nn.Conv2d(config.coarse, config.middle, 1)
        self.join_middle = conv(config.middle, config.middle)
        self.up_fine = nn.Conv2d(config.middle, config.fine, 1)
        self.join_fine = conv(config.fine, config.fine)
        self.head = nn.Conv2d(config.fine, config.bins * LANES, 1)
        nn.init.normal_(self.head.weight, std=1e-3)
        with torch.no_grad():  # the untrained student hands the visible frame through
            identity = torch.zeros(config.bins, LANES)
            identity[:, [0, 5, 10]] = 1.0
            self.head.bias.copy_(identity.flatten())  # type: ignore[union-attr]

    def forward(self, view: Tensor) -> Tensor:
        fine = F.relu(self.skip(F.relu(self.stem(with_height(view)))))
        middle = self.middle(F.relu(self.down_middle(fine)))
        coarse = self.coarse(F.relu(self.down_coarse(middle)))
        coarse = F.relu(coarse + self.scene(coarse.mean(dim=(2, 3)))[:, :, None, None])
        middle = F.relu(self.join_middle(middle + double(self.up_middle(coarse))))
        fine = F.relu(self.join_fine(fine + double(self.up_fine(middle))))
        grid = self.head(fine)
        batch, _, height, width = grid.shape
        return grid.permute(0, 2, 3, 1).reshape(batch, height, width, self.bins, LANES)


def with_height(view: Tensor) -> Tensor:
    """(B, 4, h, w) in [0, 1] -> (B, 5, h, w) in [-1, 1]."""
    # The height in the frame, as a fifth channel: dark and cold is sky above the horizon and a parked car below it.
    height = torch.linspace(-1.0, 1.0, view.shape[2], dtype=view.dtype, device=view.device)[None, None, :, None]
    return torch.cat([view * 2.0 - 1.0, height.expand(view.shape[0], 1, -1, view.shape[3])], dim=1)


def double(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)


class Student(nn.Module):
    """f(v, t): visible (B, 3, H, W), thermal (B, 1, H, W), floats in [0, 1] -> fused (B, 3, H, W), not clamped."""

    def __init__(self, config: StudentConfig | None = None) -> None:
        super().__init__()
        self.config = config or StudentConfig()
        self.network = GridNetwork(self.config)
        # Four piecewise-linear curves whose sum places a pixel on the guide; at first a mean of luminance and heat.
        ramp = torch.linspace(-1.0, 1.0, self.config.knots + 1)
        self.curves = nn.Parameter(ramp[None, :] * torch.tensor([0.3, 0.6, 0.1, 1.0])[:, None])

    def forward(self, visible: Tensor, thermal: Tensor) -> Tensor:
        return self.apply_grid(self.grid(visible, thermal), visible, thermal)

    def grid(self, visible: Tensor, thermal: Tensor) -> Tensor:
        """Grid (B, gh, gw, bins, 16) of a whole frame of any size; gh = ceil(H / 32) * 4, gw likewise."""
        grid: Tensor = self.network(self.view(visible, thermal))
        return grid

    def view(self, visible: Tensor, thermal: Tensor) -> Tensor:
        """What the network sees of a whole frame: (B, 4, gh * 2, gw * 2)."""
        frame = torch.cat([visible, thermal], dim=1)
        for axis in (2, 3):
            pixels = frame.shape[axis]
            if pixels % PAD_PX:  # by index, because F.pad cannot repeat a border further than the frame is wide
                index = torch.arange(padded(pixels), device=frame.device).clamp(max=pixels - 1)
                frame = frame.index_select(axis, index)
        return F.avg_pool2d(frame, VIEW_PX)

    def guide(self, visible: Tensor, thermal: Tensor) -> Tensor:
        """Position of every pixel on the guide, (B, H, W), in bins: 0 .. bins - 1."""
        knots = self.config.knots
        total = torch.zeros_like(thermal[:, 0])
        for channel, value in enumerate((*visible.unbind(1), thermal[:, 0])):
            position = value.clamp(0.0, 1.0) * knots
            below = position.detach().floor().clamp(max=knots - 1)
            share = position - below
            index = below.long()
            curve = self.curves[channel]
            total = total + F.embedding(index, curve[:, None])[..., 0] * (1.0 - share)
            total = total + F.embedding(index + 1, curve[:, None])[..., 0] * share
        # x / (1 + |x|) saturates without a dead end for the gradient, and costs one division at full resolution.
        return (0.5 + 0.5 * total / (1.0 + total.abs())) * (self.config.bins - 1)

    def apply_grid(self, grid: Tensor, visible: Tensor, thermal: Tensor, *origins: tuple[int, int]) -> Tensor:
        """Slices the grid trilinearly and applies the maps to whole frames, or to crops of one size whose first pixels
        are `origins` (row, column in pixels, multiples of 8; one for each image of the batch, or one for all)."""
        height, width = visible.shape[-2:]
        rows, columns = -(-height // CELL_PX), -(-width // CELL_PX)
        places = torch.tensor(origins or [(0, 0)]).to(grid.device).expand(grid.shape[0], 2) // CELL_PX
        # One cell more on each side, repeated at the frame's border: interpolation then needs no special case there.
        cells_y, cells_x = (
            (places[:, axis, None] + torch.arange(-1, count + 1, device=grid.device)).clamp(0, grid.shape[1 + axis] - 1)
            for axis, count in enumerate((rows, columns))
        )
        image = torch.arange(grid.shape[0], device=grid.device)
        block = grid[image[:, None, None], cells_y[:, :, None], cells_x[:, None, :]].permute(3, 0, 4, 1, 2)
        guide = self.guide(visible, thermal)
        maps = torch.zeros((), device=grid.device, dtype=grid.dtype)
        for index, lanes in enumerate(block):
            smooth = F.interpolate(lanes, scale_factor=float(CELL_PX), mode="bilinear", align_corners=False)
            smooth = smooth[..., CELL_PX : CELL_PX + height, CELL_PX : CELL_PX + width]
            maps = maps + smooth * (1.0 - (guide - index).abs()).clamp(min=0.0)[:, None]
        red, green, blue = visible[:, 0:1], visible[:, 1:2], visible[:, 2:3]
        linear = maps[:, 0:3] * red + maps[:, 4:7] * green + maps[:, 8:11] * blue + maps[:, 12:15] * thermal
        return linear + maps[:, [3, 7, 11]] + maps[:, 15:16] * colour_of(visible)


def colour_of(visible: Tensor) -> Tensor:
    """Hue of every pixel and how sure it is of it, (B, 3, H, W) in [-1, 1]: 0 for grey and for what grain alone could
    be, towards 1 for the channel that leads, however faint or strong the colour is."""
    beyond = F.softshrink(visible - visible.mean(dim=1, keepdim=True), COLOUR_FLOOR)
    return beyond / (beyond.abs().amax(dim=1, keepdim=True) + COLOUR_FLOOR)


def parameter_count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())
