"""What the teacher is trained on: a condition of four channels and the image that it should restore.

Twin restoration: the condition is (degraded visible, thermal), the target the clear twin.

Masked conditional: one clean image is degraded twice, in complementary places; the second view keeps one channel only,
as a thermal frame would. No pair and no twin is needed.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float32]


def twin_example(visible: Image, thermal: Image, clear: Image) -> tuple[Image, Image]:
    """(3, h, w), (1, h, w), (3, h, w) -> condition (4, h, w), target (3, h, w)."""
    return np.concatenate([visible, thermal]), clear


def masked_example(clean: Image, rng: np.random.Generator) -> tuple[Image, Image]:
    """Clean image (3, h, w) -> condition (4, h, w) of two complementary views, target (3, h, w)."""
    height, width = clean.shape[1:]
    hidden = block_mask(height, width, rng)
    first = np.where(hidden, degrade(clean, rng), degrade(clean, rng) if rng.random() < 0.3 else clean)
    grey = clean.mean(axis=0, keepdims=True)
    second = np.where(hidden, grey, degrade(np.repeat(grey, 3, axis=0), rng)[:1])
    if rng.random() < 0.3:  # thermal contrast is not always the visible one's
        second = 1.0 - second
    return np.concatenate([first, second]).astype(np.float32), clean


def block_mask(height: int, width: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Random blocks of one of several scales, each hidden with probability a half: (height, width)."""
    block = int(rng.choice([4, 8, 16, 32]))
    coarse = rng.random((-(-height // block), -(-width // block))) < 0.5
    return np.repeat(np.repeat(coarse, block, axis=0), block, axis=1)[:height, :width]


def degrade(clean: Image, rng: np.random.Generator) -> Image:
    """Darkening, haze, loss of contrast, blur and noise, each by chance, at least one: (3, h, w) -> (3, h, w)."""
    image = clean.astype(np.float32)
    chosen = rng.random(5) < 0.5
    if not chosen.any():
        chosen[rng.integers(0, 5)] = True
    if chosen[0]:
        image = image * np.float32(np.exp(rng.uniform(np.log(0.03), np.log(0.6))))
    if chosen[1]:
        veil, through = rng.uniform(0.05, 0.8), rng.uniform(0.1, 0.8)
        image = image * through + veil * (1.0 - through)
    if chosen[2]:
        mean = image.mean()
        image = mean + (image - mean) * rng.uniform(0.1, 0.7)
    if chosen[3]:
        planes = np.ascontiguousarray(image.transpose(1, 2, 0), np.float32)
        blurred = cv2.GaussianBlur(planes, (0, 0), float(rng.uniform(0.6, 3.0)))
        image = np.asarray(blurred, np.float32).transpose(2, 0, 1)
    if chosen[4]:
        image = image + rng.uniform(0.01, 0.08) * rng.standard_normal(image.shape, np.float32)
    return np.asarray(image.clip(0.0, 1.0), np.float32)
