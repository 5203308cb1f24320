"""Drawn street scenes with a thermal frame and a clear twin, for trying the trainer where no recordings are at hand.

    python -m fusion.synthetic --out DIR --count 64 --seed 0

These are drawings, not renderings: a sky, a road, house fronts, cars and people as flat shapes at known ranges,
darkened, lit by head lamps and veiled by fog after Koschmieder's law. They exercise every step of the method; a
network trained on them knows nothing about real streets. Files are written in the layout of simulator recordings
(`layouts`), under names that end in a letter: no scene is another's neighbour, and the trainers hold them out one by
one, not in blocks of consecutive frames.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from fusion import limits
from fusion.errors import FusionError
from fusion.files import make_folder, write_image
from fusion.pairs.data import Images
from fusion.progress import bar

Image = NDArray[np.float32]


@dataclass
class Canvas:
    """A scene being painted from far to near: clear colour (H, W, 3) and heat (H, W) in [0, 1], range in metres."""

    colour: Image
    heat: Image
    range_m: Image
    glow: Image

    def paint(self, mask: NDArray[np.bool_], colour: NDArray[np.floating], heat: float, range_m: float) -> None:
        self.colour[mask] = colour
        self.heat[mask] = heat
        self.range_m[mask] = range_m


def scene(seed: int, width: int = 320, height: int = 192) -> Images:
    """One drawn pair and its twin, decided by the seed alone."""
    rng = np.random.default_rng([seed, 7])
    canvas = _street(rng, width, height)
    order = sorted(
        ((float(rng.uniform(6.0, 60.0)), kind) for kind in rng.integers(0, 2, rng.integers(3, 9))), reverse=True
    )
    for range_m, kind in order:
        (_person if kind else _car)(canvas, rng, range_m)
    clear = canvas.colour * (1.0 + 0.03 * rng.standard_normal(canvas.colour.shape[:2])[..., None])
    return Images(
        name=f"{seed:06d}",
        visible=_bytes(_night_fog(canvas, rng)),
        thermal=_bytes(_thermal(canvas, rng)),
        clear=_bytes(clear),
    )


def _street(rng: np.random.Generator, width: int, height: int) -> Canvas:
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    horizon = height * rng.uniform(0.4, 0.55)
    down = np.clip((y - horizon) / (height - horizon), 1e-3, 1.0)
    sky = np.array([0.55, 0.72, 0.92]) * rng.uniform(0.85, 1.05)
    colour = np.broadcast_to(sky, (height, width, 3)).astype(np.float32).copy()
    canvas = Canvas(
        colour, np.full((height, width), 0.05, np.float32), np.full((height, width), 1e3, np.float32), 0.0 * x
    )
    ground = y > horizon
    middle = width * rng.uniform(0.4, 0.6)
    half_road = width * rng.uniform(0.35, 0.6) * down
    canvas.paint(ground, np.array([0.45, 0.5, 0.35]) * rng.uniform(0.7, 1.1), float(rng.uniform(0.25, 0.35)), 1.0)
    road = ground & (np.abs(x - middle) < half_road)
    canvas.paint(road, np.array([0.42, 0.42, 0.43]) * rng.uniform(0.8, 1.2), float(rng.uniform(0.3, 0.42)), 1.0)
    canvas.range_m[ground] = (2.0 / down)[ground]
    dashes = road & (np.abs(x - middle) < 0.02 * width * down) & (np.sin(12.0 / down) > 0)
    canvas.colour[dashes] = 0.85
    for left in range(0, width, int(width * 0.13)):
        if rng.random() < 0.75:
            _house(canvas, rng, x, y, float(left), horizon, middle)
    return canvas


def _house(
    canvas: Canvas, rng: np.random.Generator, x: Image, y: Image, left: float, horizon: float, middle: float
) -> None:
    height, width = canvas.heat.shape
    aside = abs(left - middle) / width
    if aside < 0.08:
        return
    top = horizon - height * rng.uniform(0.1, 0.5) * (0.3 + aside)
    front = (x >= left) & (x < left + width * 0.14) & (y > top) & (y < horizon + height * 0.12 * aside)
    range_m = float(6.0 / (0.1 + aside))
    canvas.paint(front, rng.uniform(0.3, 0.8, 3), float(rng.uniform(0.25, 0.4)), range_m)
    step = max(4.0, width * 0.02)
    windows = front & ((x - left) % step > step * 0.55) & ((y - top) % (step * 1.4) > step * 0.8)
    canvas.paint(windows, np.array([0.25, 0.3, 0.38]), float(rng.uniform(0.15, 0.5)), range_m)
    if rng.random() < 0.4:
        canvas.glow[windows] = rng.uniform(0.2, 0.7)


def _person(canvas: Canvas, rng: np.random.Generator, range_m: float) -> None:
    focal_px, foot = _foot(canvas, rng, range_m)
    size = 1.75 * focal_px / range_m
    body = _ellipse(canvas, foot[0], foot[1] - 0.45 * size, 0.16 * size, 0.45 * size)
    head = _ellipse(canvas, foot[0], foot[1] - 0.92 * size, 0.07 * size, 0.09 * size)
    canvas.paint(body, rng.uniform(0.1, 0.9, 3), float(rng.uniform(0.6, 0.8)), range_m)
    canvas.paint(head, np.array([0.8, 0.6, 0.5]), float(rng.uniform(0.85, 1.0)), range_m)


def _car(canvas: Canvas, rng: np.random.Generator, range_m: float) -> None:
    focal_px, foot = _foot(canvas, rng, range_m)
    size = 1.5 * focal_px / range_m
    paint = rng.uniform(0.1, 0.95, 3)
    engine = float(rng.uniform(0.35, 0.9))
    x0, y0 = foot
    canvas.paint(_box(canvas, x0, y0 - 0.35 * size, 0.6 * size, 0.3 * size), paint, engine, range_m)
    canvas.paint(_box(canvas, x0, y0 - 0.8 * size, 0.45 * size, 0.2 * size), paint * 0.9, 0.35, range_m)
    canvas.paint(_box(canvas, x0, y0 - 0.8 * size, 0.38 * size, 0.14 * size), np.full(3, 0.2), 0.15, range_m)
    lit = rng.random() < 0.6
    for side in (-0.45, 0.45):
        canvas.paint(
            _ellipse(canvas, x0 + side * size, y0 - 0.05 * size, 0.1 * size, 0.12 * size),
            np.full(3, 0.08),
            0.75,
            range_m,
        )
        lamp = _ellipse(canvas, x0 + side * size, y0 - 0.4 * size, 0.07 * size, 0.06 * size)
        canvas.colour[lamp] = (0.85, 0.2, 0.15)
        canvas.glow[lamp] = 1.0 if lit else 0.0


def _foot(canvas: Canvas, rng: np.random.Generator, range_m: float) -> tuple[float, tuple[float, float]]:
    """Focal length in pixels and the point where something at this range stands."""
    height, width = canvas.heat.shape
    ground_rows = np.flatnonzero(canvas.range_m[:, width // 2] < 900.0)
    horizon = float(ground_rows[0]) if ground_rows.size else height / 2.0
    return width * 0.6, (
        float(rng.uniform(0.08, 0.92)) * width,
        horizon + (height - horizon) * min(2.0 / range_m, 1.0) * 2.5,
    )


def _ellipse(canvas: Canvas, x: float, y: float, half_width: float, half_height: float) -> NDArray[np.bool_]:
    rows, columns = np.ogrid[0 : canvas.heat.shape[0], 0 : canvas.heat.shape[1]]
    return ((columns - x) / max(half_width, 0.6)) ** 2 + ((rows - y) / max(half_height, 0.6)) ** 2 < 1.0


def _box(canvas: Canvas, x: float, y: float, half_width: float, half_height: float) -> NDArray[np.bool_]:
    rows, columns = np.ogrid[0 : canvas.heat.shape[0], 0 : canvas.heat.shape[1]]
    return (abs(columns - x) < half_width) & (abs(rows - y) < half_height)


def _night_fog(canvas: Canvas, rng: np.random.Generator) -> Image:
    x = np.linspace(-1.0, 1.0, canvas.heat.shape[1], dtype=np.float32)[None, :]
    visibility_m = float(np.exp(rng.uniform(np.log(25.0), np.log(800.0))))
    through = np.exp(-3.912 / visibility_m * np.minimum(canvas.range_m, 400.0))  # Koschmieder, 2 % contrast
    beam = np.exp(-2.5 * x * x) * np.clip(10.0 / canvas.range_m, 0.0, 1.0) ** 1.2
    ambient = float(np.exp(rng.uniform(np.log(0.02), np.log(0.4))))
    light = ambient + 0.8 * beam * (canvas.range_m < 900.0)
    veil = (1.0 - through) * (ambient + 0.12 * np.exp(-1.5 * x * x))
    seen = canvas.colour * light[..., None] * through[..., None] + veil[..., None] * np.array([0.95, 1.0, 1.05])
    halo = np.asarray(cv2.GaussianBlur(canvas.glow, (0, 0), 3.0), np.float32) * 1.5 + canvas.glow
    seen = seen + (halo * through)[..., None] * np.where(canvas.colour > 0.5, 1.0, 0.5)
    noise = np.sqrt(2e-4 * seen.clip(0.0) + 3e-5) * rng.standard_normal(seen.shape) * rng.uniform(0.5, 2.0)
    return (seen + noise).astype(np.float32)


def _thermal(canvas: Canvas, rng: np.random.Generator) -> Image:
    through = np.exp(-rng.uniform(0.3, 1.0) * 3.912 / 250.0 * np.minimum(canvas.range_m, 400.0))
    heat = canvas.heat * through + 0.3 * (1.0 - through)
    seen: Image = np.asarray(cv2.GaussianBlur(heat.astype(np.float32), (0, 0), 0.8), np.float32)
    columns = 0.006 * rng.standard_normal((1, heat.shape[1]))
    noise = columns + 0.012 * rng.standard_normal(heat.shape)
    return np.asarray(seen * rng.uniform(0.75, 1.0) + rng.uniform(0.0, 0.1) + noise, np.float32)


def _bytes(image: NDArray[np.floating]) -> NDArray[np.uint8]:
    return np.asarray((image.clip(0.0, 1.0) * 255.0 + 0.5), np.uint8)


def write(out: Path, count: int, seed: int, width: int, height: int) -> None:
    """Draws `count` scenes into out/rgb, out/thermal and out/clear, each named by the seed that it is drawn from.

    So one scene is held out, or not, wherever it lies. FusionError where other images lie there already.
    """
    names = {f"{seed + index:04d}s.png" for index in range(count)}
    for folder in ("rgb", "thermal", "clear"):
        make_folder(out / folder)
        if others := {path.name for path in (out / folder).iterdir()} - names:
            raise FusionError(f"{out / folder} holds {min(others)}, which is not drawn now: choose another --out")
    with bar("drawing", count) as advance:
        for index in range(count):
            drawn = scene(seed + index, width, height)
            assert drawn.clear is not None
            for folder, image in (
                ("rgb", drawn.visible[..., ::-1]),
                ("thermal", drawn.thermal),
                ("clear", drawn.clear[..., ::-1]),
            ):
                write_image(out / folder / f"{seed + index:04d}s.png", image)
            advance(1)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m fusion.synthetic", description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--width", type=int, default=320)
    parser.add_argument("--height", type=int, default=192)
    options = parser.parse_args()
    try:
        limits.check(vars(options))
        write(options.out, options.count, options.seed, options.width, options.height)
    except FusionError as error:
        sys.exit(f"fusion.synthetic: {error}")
    print(f"{options.count} drawn scenes with their clear twin in {options.out}")


if __name__ == "__main__":
    main()
