"""Procedural surface patterns: tiling 256 x 256 luminance maps with mip levels, made once from a fixed seed."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simulator.render.materials import Texture

TEXELS_LOG2 = 8
TEXELS = 1 << TEXELS_LOG2
LEVELS = 7
CLOUD_LAYER = len(Texture)
"""The layer after those of `Texture`: for the sky."""
LAYER_TEXELS = sum((TEXELS >> level) ** 2 for level in range(LEVELS))
"""Of all levels of a layer."""
F = np.float32

TILE_M = {
    Texture.ASPHALT: 3.0,
    Texture.PAVING: 2.4,
    Texture.BRICK: 2.0,
    Texture.FOLIAGE: 1.6,
    Texture.PLASTER: 4.0,
    Texture.GRASS: 3.5,
}
"""Edge length of one tile on the surface."""

CONTRAST = {
    Texture.ASPHALT: 0.9,
    Texture.PAVING: 0.9,
    Texture.BRICK: 1.0,
    Texture.FOLIAGE: 1.5,
    Texture.PLASTER: 0.45,
    Texture.GRASS: 1.2,
}
"""How far the albedo follows the pattern."""


def patterns() -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    """(textures, texels of all levels) uint8, 128 = unchanged albedo, and the first texel of each level."""
    rng = np.random.default_rng(20)
    n = TEXELS
    y, x = np.mgrid[0:n, 0:n] / n
    made = {
        Texture.PLAIN: np.full((n, n), 0.5),
        Texture.ASPHALT: _asphalt(rng),
        Texture.PAVING: _paving(rng, x, y),
        Texture.BRICK: _brick(rng, x, y),
        Texture.FOLIAGE: 0.5 + 0.17 * _clouds(rng, 0.7, 10) + 0.1 * rng.standard_normal((n, n)),
        Texture.PLASTER: 0.5 + 0.08 * rng.standard_normal((n, n)) + 0.12 * _clouds(rng, 1.3, 1),
        Texture.GRASS: 0.5 + 0.12 * _clouds(rng, 0.9, 6) + 0.12 * rng.standard_normal((n, n)),
    }
    clouds = 0.5 + 0.17 * _clouds(rng, 1.9, 2)
    level = np.clip(np.array([*(made[t] for t in Texture), clouds]), 0.0, 1.0)
    levels = [level]
    while len(levels) < LEVELS:
        level = (level[:, ::2, ::2] + level[:, 1::2, ::2] + level[:, ::2, 1::2] + level[:, 1::2, 1::2]) / 4.0
        levels.append(level)
    first = np.cumsum([0] + [m[0].size for m in levels])[:-1].astype(np.int32)
    flat = np.concatenate([m.reshape(len(m), -1) for m in levels], axis=1)
    return np.round(flat * 255.0).astype(np.uint8), first


def _clouds(rng: np.random.Generator, slope: float, lowest: int) -> NDArray[np.float64]:
    """Tiling noise with a power-law spectrum, zero mean and unit variance."""
    k = np.fft.fftfreq(TEXELS) * TEXELS
    magnitude = np.hypot(*np.meshgrid(k, k))
    magnitude[0, 0] = np.inf
    amplitude = magnitude**-slope * (magnitude >= lowest)
    field = np.real(np.fft.ifft2(amplitude * np.exp(2j * np.pi * rng.random((TEXELS, TEXELS)))))
    return field / field.std()


def _asphalt(rng: np.random.Generator) -> NDArray[np.float64]:
    # little below the fourth harmonic: what is coarser would show that the tile repeats
    grain = 0.5 + 0.05 * _clouds(rng, 1.3, 5) + 0.10 * rng.standard_normal((TEXELS, TEXELS))
    cracks = np.abs(_clouds(rng, 2.0, 3)) < 0.012
    return grain - 0.12 * cracks


def _paving(rng: np.random.Generator, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    slabs = 4
    tone = np.kron(rng.normal(0.0, 0.05, (slabs, slabs)), np.ones((TEXELS // slabs, TEXELS // slabs)))
    u, v = (x * slabs) % 1.0, (y * slabs) % 1.0
    joint = (np.minimum(u, 1.0 - u) < 0.02) | (np.minimum(v, 1.0 - v) < 0.02)
    face = 0.55 + tone + 0.05 * _clouds(rng, 1.2, 2) + 0.05 * rng.standard_normal((TEXELS, TEXELS))
    return np.where(joint, face - 0.25, face)


def _brick(rng: np.random.Generator, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    courses, per_course = 24, 8
    row = (y * courses).astype(int)
    along = (x * per_course + 0.5 * (row % 2)) % per_course
    tone = rng.normal(0.0, 0.08, (courses, per_course))[row, along.astype(int)]
    face = 0.47 + tone + 0.04 * rng.standard_normal((TEXELS, TEXELS)) + 0.05 * _clouds(rng, 1.4, 2)
    mortar = (along % 1.0 < 0.06) | ((y * courses) % 1.0 < 0.13)
    return np.where(mortar, 0.74, face)


# Whole numbers of 32 bits throughout: numba makes 64 of two of 32, which takes twice as long.
@njit(cache=True, fastmath=True, error_model="numpy", nogil=True, inline="always")
def level_of(texels_per_pixel):
    """int32 mip level: whole octaves of float32 texels per pixel."""
    bits = F(max(texels_per_pixel, F(1))).view(np.int32)
    octave = np.int32(np.int32(bits >> np.int32(23)) - np.int32(127))
    return np.int32(min(octave, np.int32(LEVELS - 1)))


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True, inline="always")
def texels_across(level):
    """float32 edge of a layer at an int32 mip level, in texels: TEXELS over a power of two, made from its exponent."""
    exponent = np.int32(np.int32(127 + TEXELS_LOG2) - level)
    return np.int32(exponent << np.int32(23)).view(np.float32)


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True, inline="always")
def texels_before(across):
    """float32 number of texels of the finer levels, from `texels_across`: the first_texel of `patterns`, exactly."""
    return np.floor((F(4 * TEXELS * TEXELS) - F(4) * across * across) * F(1.0 / 3.0) + F(0.5))


@njit(cache=True, fastmath=True, error_model="numpy", nogil=True)
def sample(texels, first, layer, u, v, level):
    """Bilinear, 0..255. u, v: in tiles. level: int32 mip level."""
    n = np.int32(TEXELS) >> level
    wrap = n - np.int32(1)
    x, y = u * F(n), v * F(n)
    x0, y0 = np.floor(x), np.floor(y)
    ax, ay = x - x0, y - y0
    i0, j0 = np.int32(x0) & wrap, np.int32(y0) & wrap
    i1, j1 = (i0 + np.int32(1)) & wrap, (j0 + np.int32(1)) & wrap
    upper, lower = first[level] + j0 * n, first[level] + j1 * n
    t00, t01 = F(texels[layer, np.uint32(upper + i0)]), F(texels[layer, np.uint32(upper + i1)])
    t10, t11 = F(texels[layer, np.uint32(lower + i0)]), F(texels[layer, np.uint32(lower + i1)])
    top, bottom = t00 + (t01 - t00) * ax, t10 + (t11 - t10) * ax
    return top + (bottom - top) * ay
