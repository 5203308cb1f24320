"""What a student is made of, for those who need no PyTorch: its sizes, its constants, and what it learns by name.

`fusion.student` says what they mean.
"""

from dataclasses import dataclass

LANES = 16
CELL_PX = 8
VIEW_PX = 4
"""One pixel of the view is the mean of VIEW_PX x VIEW_PX pixels of the frame."""
COLOUR_FLOOR = 4.0 / 255.0
"""A difference of a channel from the pixel's mean that counts for nothing: 99 of 100 pixels of a grey day are below."""
PAD_PX = 32
"""Frames are extended (by repeating the border) to a multiple of this: every scale of the network is then aligned."""


@dataclass(frozen=True)
class StudentConfig:
    """Sizes of the student; stored in the weights file, so that any of them can be loaded by name alone."""

    bins: int = 8
    knots: int = 16
    fine: int = 16
    middle: int = 48
    coarse: int = 64
    blocks: int = 2
    thermal: int = 1
    """0: it has learnt without thermal frames, and is shown the visible frame's luminance in their place."""


def convolutions_of(config: StudentConfig) -> dict[str, tuple[int, int, int, int]]:
    """Inputs, outputs, side of the kernel and stride of each convolution, by its name in `student.GridNetwork`."""
    fine, middle, coarse = config.fine, config.middle, config.coarse
    blocks = [f"coarse.{number}.{part}" for number in range(config.blocks) for part in ("first", "second")]
    return {
        "stem": (5, fine, 3, 2),
        "skip": (fine, fine, 3, 1),
        "down_middle": (fine, middle, 3, 2),
        "middle.first": (middle, middle, 3, 1),
        "middle.second": (middle, middle, 3, 1),
        "down_coarse": (middle, coarse, 3, 2),
        **dict.fromkeys(blocks, (coarse, coarse, 3, 1)),
        "up_middle": (coarse, middle, 1, 1),
        "join_middle": (middle, middle, 3, 1),
        "up_fine": (middle, fine, 1, 1),
        "join_fine": (fine, fine, 3, 1),
        "head": (fine, config.bins * LANES, 1, 1),
    }


def tensor_shapes(config: StudentConfig) -> dict[str, tuple[int, ...]]:
    """Names and shapes of all that a student of these sizes learns, as `student.Student.state_dict` has them."""
    shapes: dict[str, tuple[int, ...]] = {"curves": (4, config.knots + 1)}
    for name, (inputs, outputs, size, _) in convolutions_of(config).items():
        shapes[f"network.{name}.weight"] = (outputs, inputs, size, size)
        shapes[f"network.{name}.bias"] = (outputs,)
    shapes["network.scene.weight"] = (config.coarse, config.coarse)
    shapes["network.scene.bias"] = (config.coarse,)
    return shapes


def cells_of(pixels: int) -> int:
    """Cells of the grid along a side of a frame."""
    return padded(pixels) // CELL_PX


def padded(pixels: int) -> int:
    """A side of the frame as the network sees it, in pixels."""
    return -(-pixels // PAD_PX) * PAD_PX
