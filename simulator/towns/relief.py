"""The shape of the land below a town that is not flat: a raster of heights, with a second level where bridges are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

REACH_M = 1.2
"""Who is at most this far below a bridge's deck stands on it; what is lower passes below."""
STOREY_M = 1.5
"""Surfaces that differ by more than this belong to different levels."""


@dataclass(frozen=True, eq=False)
class Relief:
    """Heights, m, at the centres of square cells; row i, column j has its centre at origin + cell_m * (j, i).

    ground (rows, columns) float32, finite. deck (rows, columns) float32: bridges, NaN where there is none; or None.
    """

    ground: NDArray[np.float32]
    deck: NDArray[np.float32] | None
    origin: tuple[float, float]
    cell_m: float

    def at(self, xy: ArrayLike, z: ArrayLike | None = None) -> NDArray[np.float64]:
        """xy (n, 2), m -> (n,), bilinear. z (n,): who asks; without it the answer is the lowest level."""
        points = np.asarray(xy, np.float64).reshape(-1, 2)
        rows, columns = self.ground.shape
        u = np.clip((points[:, 0] - self.origin[0]) / self.cell_m, 0.0, columns - 1.001)
        v = np.clip((points[:, 1] - self.origin[1]) / self.cell_m, 0.0, rows - 1.001)
        j, i = u.astype(np.intp), v.astype(np.intp)
        u, v = u - j, v - i
        weights = np.stack([(1 - u) * (1 - v), u * (1 - v), (1 - u) * v, u * v])
        corners = np.stack([self.ground[i, j], self.ground[i, j + 1], self.ground[i + 1, j], self.ground[i + 1, j + 1]])
        height = (weights * corners).sum(axis=0)
        if self.deck is None or z is None:
            return height
        decks = np.stack([self.deck[i, j], self.deck[i, j + 1], self.deck[i + 1, j], self.deck[i + 1, j + 1]])
        some = np.isfinite(decks)
        on = some.any(axis=0)
        if not on.any():
            return height
        top = np.where(some, decks, -np.inf).max(axis=0)
        on &= np.broadcast_to(np.asarray(z, np.float64), on.shape) + REACH_M >= top
        # at the end of a bridge the road goes on at ground level: those corners count as well
        mixed = np.where(some, decks, corners)
        counted = weights * (np.abs(mixed - top) < STOREY_M)
        with np.errstate(invalid="ignore", divide="ignore"):
            deck = (counted * np.where(counted > 0.0, mixed, 0.0)).sum(axis=0) / counted.sum(axis=0)
        return np.where(on & np.isfinite(deck), deck, height)

    def slopes(self, wheels: NDArray[np.float64], z: NDArray[np.float64]) -> NDArray[np.float64]:
        """wheels (n, 4, 2): front left, front right, rear left, rear right -> (n, 2): rise per metre along x and y.

        That of the plane through the ground below the wheels; around the point itself where all four are one.
        """
        middle = wheels.mean(axis=1)
        ahead = 0.5 * (wheels[:, 0] + wheels[:, 1] - wheels[:, 2] - wheels[:, 3])
        right = 0.5 * (wheels[:, 1] + wheels[:, 3] - wheels[:, 0] - wheels[:, 2])
        ahead = np.where(np.hypot(*ahead.T)[:, None] < 0.2, [1.0, 0.0], ahead)
        right = np.where(np.hypot(*right.T)[:, None] < 0.2, np.stack([-ahead[:, 1], ahead[:, 0]], axis=1), right)
        heights = [self.at(middle + sign * arm / 2, z) for arm in (ahead, right) for sign in (1.0, -1.0)]
        rises = np.stack([heights[0] - heights[1], heights[2] - heights[3]], axis=1)
        arms = np.stack([ahead, right], axis=1)
        return np.asarray(np.linalg.solve(arms, rises[:, :, None])[:, :, 0], np.float64)
