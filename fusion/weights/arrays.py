"""What is in a weights file: the student's sizes and what it has learnt, read with every doubt named in one line."""

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fusion.errors import FusionError
from fusion.files import read_arrays
from fusion.shape import LANES, StudentConfig, tensor_shapes

KIND = "nightloop-fusion-student"
LEAST = {"blocks": 0, "thermal": 0}
"""Of a student's sizes; 1 of all others."""

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class StudentArrays:
    """A student as arrays, by the names and of the shapes of `fusion.shape.tensor_shapes`."""

    config: StudentConfig
    arrays: dict[str, Floats]

    def guide_table(self) -> Floats:
        """The four curves at the 256 values of a byte, (4, 256): what the integer path looks up."""
        knots, curves = self.config.knots, self.arrays["curves"]
        position = np.arange(256, dtype=np.float32) / np.float32(255.0) * np.float32(knots)
        below = np.floor(position).astype(np.intp).clip(max=knots - 1)
        share = position - below.astype(np.float32)
        return curves[:, below] * (np.float32(1.0) - share) + curves[:, below + 1] * share


def load_arrays(path: Path) -> StudentArrays:
    metadata, arrays = read_arrays(path, "weights")
    if KIND not in metadata:
        raise FusionError(f"weights {path} are not those of a FusionProxy student")
    try:
        sizes = json.loads(metadata[KIND])
        sizes = {"thermal": 1} | sizes  # files from before any student had learnt without thermal frames
        config = StudentConfig(**{field.name: int(sizes[field.name]) for field in fields(StudentConfig)})
    except (KeyError, TypeError, ValueError) as error:
        raise FusionError(f"weights {path} do not say the student's sizes: {' '.join(str(error).split())}") from None
    for size, value in asdict(config).items():
        least = LEAST.get(size, 1)
        if value < least:
            raise FusionError(f"weights {path} say that the student has {size} = {value}: at least {least} is needed")
    _check(tensor_shapes(config), arrays, path)
    floats = {name: array.astype(np.float32) for name, array in arrays.items()}
    if sizes.get("lanes", LANES - 1) < LANES:  # files from before the last lane meant anything
        for name in ("network.head.weight", "network.head.bias"):
            floats[name][LANES - 1 :: LANES] = 0.0
    return StudentArrays(config, floats)


def _check(wanted: dict[str, tuple[int, ...]], found: dict[str, NDArray[np.generic]], path: Path) -> None:
    for name in sorted(wanted.keys() | found.keys()):
        if name not in found:
            raise FusionError(f"weights {path} lack the tensor '{name}'")
        if name not in wanted:
            raise FusionError(f"weights {path} hold an unknown tensor '{name}'")
        have, want = found[name].shape, wanted[name]
        if have != want:
            raise FusionError(f"weights {path}: '{name}' has shape {have} where the student has {want}")
        if not np.isfinite(found[name]).all():
            raise FusionError(f"weights {path}: '{name}' holds NaN or infinity")
