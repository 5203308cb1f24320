"""Makes night pairs of lit ones: the visible frame darkened, the thermal frame as it is.

    python -m fusion.darken --data DIR --out DIR --seed 0

Real pairs by night are few, those by day many, and a thermal camera does not care which it is. A student that has only
seen the nights of one place learns that place. The frame is taken back to light, stripped of its veil, lit by a faint
ambient, head lamps on the road ahead and a few lamps at the roadside, and exposed again with a sensor's noise. Nothing
glows that did not glow by day, and warm roads stay warm: this is a way to train, not to test.

Files are written as folders vi and ir under the names they had, below train, val or test where they lay there, so that
`data.split` keeps both forms of a scene on the same side.
"""

import argparse
import shutil
import sys
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fusion import limits
from fusion.errors import FusionError
from fusion.files import make_folder, whole, write_image
from fusion.naive import Bytes
from fusion.pairs.data import load, read_folders
from fusion.pairs.in_order import in_order
from fusion.pairs.layouts import Pair, folders_of

Plane = NDArray[np.float32]

GAMMA = 2.2
VEIL_PERCENTILE = 1.0
"""The darkest hundredth of a frame is taken for black: what is brighter there is haze or a lifted black level."""
AMBIENT_DECADES = (-2.8, -1.2)
"""Powers of ten of what is left of the day's light."""
SKY = 0.6
"""Light from which on what hangs down from the upper edge is sky, of 0..1."""
SKY_LEFT = 0.05
"""What a night sky keeps of a day's, beside what everything keeps: it is no longer the source of light."""
MOST_LAMPS = 4
READ_NOISE_DECADES = (-3.6, -2.6)
"""Powers of ten of the standard deviation of the light that a pixel counts in the dark, of 0..1."""
SHOT_NOISE = 0.02
"""The same at full light; it goes with the light's root."""


def darken(visible: Bytes, rng: np.random.Generator) -> Bytes:
    """(H, W, 3) bytes of a lit scene -> the same by night, (H, W, 3) bytes."""
    light = (visible.astype(np.float32) / np.float32(255.0)) ** np.float32(GAMMA)
    black = np.float32(np.percentile(light.min(axis=2), VEIL_PERCENTILE))
    light = np.clip((light - black) / max(1.0 - float(black), 0.1), 0.0, 1.0)
    light = light * (1.0 - (1.0 - SKY_LEFT) * _sky(light.mean(axis=2)))[..., None]
    light = light * _illumination(visible.shape[0], visible.shape[1], rng)[..., None]
    noise = rng.standard_normal(light.shape, np.float32)
    read_noise = np.float32(10.0 ** rng.uniform(*READ_NOISE_DECADES))
    light = light + noise * np.sqrt(read_noise**2 + SHOT_NOISE**2 * light)
    return np.asarray(np.clip(light, 0.0, 1.0) ** (1.0 / GAMMA) * 255.0 + 0.5, np.uint8)


def _sky(light: Plane) -> Plane:
    """1 where an unbroken column of bright light hangs down from the upper edge, with soft borders, (H, W)."""
    height, width = light.shape
    bright = cv2.GaussianBlur(light, (0, 0), 2.0) > SKY
    hangs = np.cumprod(bright, axis=0).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(hangs, (0, 0), max(width, height) / 150.0), np.float32)


def _illumination(height: int, width: int, rng: np.random.Generator) -> Plane:
    """What share of the day's light falls where, (H, W)."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    y, x = y / height, x / width
    light = np.full((height, width), 10.0 ** rng.uniform(*AMBIENT_DECADES), np.float32)
    # Head lamps: a pool on the road from below the horizon down, wider towards the car.
    if rng.random() < 0.6:
        below = np.clip((y - rng.uniform(0.45, 0.6)) / 0.3, 0.0, 1.0)
        across = np.exp(-(((x - rng.uniform(0.4, 0.6)) / rng.uniform(0.2, 0.5)) ** 2))
        light = light + np.float32(10.0 ** rng.uniform(-1.7, -0.5)) * below * across
    for _ in range(int(rng.integers(0, MOST_LAMPS + 1))):
        centre = rng.uniform(0.0, 1.0), rng.uniform(0.2, 0.8)
        size = 10.0 ** rng.uniform(-1.3, -0.5)
        falls = 1.0 + ((x - centre[0]) / size) ** 2 + ((y - centre[1]) / size) ** 2
        light = light + np.float32(10.0 ** rng.uniform(-1.5, 0.0)) / falls**2
    return np.asarray(light, np.float32)


def write_nights(folder: Path, out: Path, seed: int) -> int:
    """Darkens every pair of `folder` into out/vi and out/ir; returns how many. Raises FusionError naming the file."""
    if out.resolve() == folder.resolve():
        raise FusionError(f"--out {out} is the folder of the lit pairs: name another one")
    pairs = read_folders([folder])
    targets = sorted({_place(pair, out) / kind for pair in pairs for kind in ("vi", "ir")})
    lit = folders_of(pairs)
    for target in targets:
        if target.resolve() in lit:
            raise FusionError(f"{target} holds lit frames: give another --out")
    for target in targets:
        make_folder(target)
    return sum(1 for _ in in_order(lambda pair: _write_night(pair, out, seed), pairs, "darkening pairs"))


def _write_night(pair: Pair, out: Path, seed: int) -> None:
    dark = darken(load(pair).visible, np.random.default_rng([seed, *pair.name.encode()]))
    place, name = _place(pair, out), Path(pair.name).name
    with whole(place / "ir" / f"{name}{pair.thermal.suffix.lower()}") as partial:
        shutil.copyfile(pair.thermal, partial)
    write_image(place / "vi" / f"{name}.png", np.ascontiguousarray(dark[..., ::-1]))


def _place(pair: Pair, out: Path) -> Path:
    return out / Path(pair.name).parent


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m fusion.darken", description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of pairs, in any layout that is read")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    try:
        limits.check(vars(options))
        count = write_nights(options.data, options.out, options.seed)
    except FusionError as error:
        sys.exit(f"fusion.darken: {error}")
    print(f"{count} pairs by night in {options.out}")


if __name__ == "__main__":
    main()
