"""From one frame to things on the ground: the network's grid, turned into positions ahead of the vehicle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from agents.pilot.architecture import Thing
from agents.pilot.camera import (
    COLUMNS,
    CROP_TOP,
    END_ROW,
    FIRST_ROW,
    FORWARD_M,
    HEIGHT,
    ROWS,
    WIDTH,
    cell_slopes,
    foot_distance_m,
    height_m,
)
from agents.pilot.compiled import CompiledNetwork

# A cell counts as a thing from this probability on.
THRESHOLD = 0.5
# Tops of real ones lie higher than this; shadows and kerbs that look like the foot of one do not.
VEHICLE_HEIGHT_M, PERSON_HEIGHT_M = 1.15, 0.8
# Of a light or a sign already from this one on.
SHOWN = 0.3
GREEN_SHARE = 0.5
NEAR_ROW = 24  # ground nearer than 20 m
# A thing stands on the ground: a dark sky that looks like the flank of a lorry 3 m away does not. Far away a row of the
# grid is tens of metres of ground, and what is nearer may hide the foot of what is farther.
FLOATS_TIMES, FLOATS_NEARER_M = 2.5, 18.0
# Both by grid rows, asked for some hundred times a frame.
_HEIGHT_M = height_m(*np.ogrid[:ROWS, :ROWS]).tolist()
_FOOT_DISTANCE_M = [foot_distance_m(row) for row in range(ROWS)]


@dataclass(frozen=True)
class Sighting:
    """Everything the pilot made of one frame.

    vehicles: (n, 2) metres forward of and right of the vehicle's centre, one row per run of cells in a column that
        shows a vehicle.
    people: (m, 2), one row per connected patch of cells that shows a person or a two-wheeler.
    red, green: summed probability of the patches of cells that show such a light; stop: of the cells that show a sign.
    """

    vehicles: NDArray[np.floating]
    people: NDArray[np.floating]
    red: float
    green: float
    stop: float


class Eyes:
    """The frozen network, on as many threads as OpenCV may use. One frame costs about 9 ms of processor time."""

    def __init__(self, learnt: Mapping[str, NDArray[Any]]):
        self._network = CompiledNetwork(learnt, cv2.getNumThreads(), (FIRST_ROW, END_ROW))
        self._right_per_m, _ = cell_slopes()
        # Kernels are compiled, or read from their cache, here: the first frame must not be slower than the others.
        self._network(np.zeros((HEIGHT - CROP_TOP, WIDTH, 4), np.uint8))

    def look(self, bgra: NDArray[np.uint8]) -> Sighting:
        """bgra: (360, 640, 4) uint8, as the leaderboard hands it over."""
        grid = self._network(bgra[CROP_TOP:])
        logits = np.ascontiguousarray(grid[FIRST_ROW:END_ROW, :, : len(Thing)].transpose(2, 0, 1))
        share = np.exp(logits - logits.max(axis=0))
        probability = np.zeros((len(Thing), ROWS, COLUMNS), np.float32)
        probability[:, FIRST_ROW:END_ROW] = share / share.sum(axis=0)
        return self._sighting(probability, np.exp(grid[..., len(Thing)]))

    def _sighting(self, probability: NDArray[np.floating], depth_m: NDArray[np.floating]) -> Sighting:
        column, depth = self._upright(probability[Thing.VEHICLE] > THRESHOLD, depth_m)
        red, green = _lights(probability[Thing.RED_LIGHT], probability[Thing.GREEN_LIGHT])
        vehicles = np.stack([depth + FORWARD_M, depth * self._right_per_m[column]], axis=1)
        return Sighting(
            vehicles=vehicles,
            people=self._patches(probability[Thing.PERSON], depth_m),
            red=red,
            green=green,
            stop=_stop(probability[Thing.STOP_SIGN]),
        )

    def _upright(
        self, mask: NDArray[np.bool_], depth_m: NDArray[np.floating]
    ) -> tuple[NDArray[np.intp], NDArray[np.floating]]:
        """Column and distance of every run of cells one above the other, but for those that end far above the ground
        or are too low for where they end. A run is one upright surface: it has one distance."""
        columns_first = np.zeros((mask.shape[1], mask.shape[0] + 2), np.bool_)
        columns_first[:, 1:-1] = mask.T
        columns, rows = (index.tolist() for index in np.nonzero(columns_first[:, 1:] != columns_first[:, :-1]))
        depths = depth_m.T[mask.T].tolist()
        found_columns, found_depths, first = [], [], 0
        for column, begin, end in zip(columns[::2], rows[::2], rows[1::2]):
            run, first = depths[first : first + end - begin], first + end - begin
            if _is_low(begin, end - 1, VEHICLE_HEIGHT_M):
                continue
            depth = _median(run)
            if not _floats(end - 1, depth):
                found_columns.append(column)
                found_depths.append(depth)
        return np.array(found_columns, np.intp), np.array(found_depths, np.float64)

    def _patches(self, probability: NDArray[np.floating], depth_m: NDArray[np.floating]) -> NDArray[np.floating]:
        found = []
        for row, column in _connected(probability > THRESHOLD):
            top, bottom = int(row[0]), int(row[-1])
            if _is_low(top, bottom, PERSON_HEIGHT_M):
                continue
            depth = _median(depth_m[row, column].tolist())
            if _floats(bottom, depth):
                continue
            weights = probability[row, column].astype(np.float64)
            right = depth * float((self._right_per_m[column] * weights).sum() / weights.sum())
            found.append((depth + FORWARD_M, right))
        return np.array(found, np.float64).reshape(-1, 2)


def _is_low(top_row: int, bottom_row: int, least_m: float) -> bool:
    """Shadows and kerbs look like the foot of a vehicle; far away a cell is too coarse to tell."""
    return bottom_row >= NEAR_ROW and _HEIGHT_M[top_row][bottom_row] < least_m


def _floats(bottom_row: int, depth_m: float) -> bool:
    return depth_m < FLOATS_NEARER_M and _FOOT_DISTANCE_M[bottom_row] > FLOATS_TIMES * depth_m


def _median(values: list[float]) -> float:
    """As `np.median` of float32, which takes long for the few cells of a column."""
    ordered, half = sorted(values), len(values) // 2
    return ordered[half] if len(values) % 2 else float(np.float32(ordered[half - 1] + ordered[half])) / 2.0


def _connected(mask: NDArray[np.bool_]) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Rows and columns of the cells of each patch, row by row; neighbours at a corner belong together."""
    if not mask.any():
        return []
    row, column = np.nonzero(mask)
    count, labels = cv2.connectedComponents(mask.view(np.uint8), connectivity=8)
    label = labels[row, column]
    return [(row[here], column[here]) for here in (label == number for number in range(1, count))]


def _lights(red: NDArray[np.floating], green: NDArray[np.floating]) -> tuple[float, float]:
    """Summed probability of the patches that show a red light, and of those that show a green one.

    A patch is one signal head. The dark upper part of one that shows green looks a little like red, seldom the other
    way round: so a patch is green from GREEN_SHARE of its red on. By clear day in the training town this reads 29 of 34
    green and 37 of 40 red lights right; the larger of the two sums over the whole frame read 26 and 38.
    """
    sums = [0.0, 0.0]
    for here in _connected((red > SHOWN) | (green > SHOWN)):
        of_red, of_green = (float(np.where(p > SHOWN, p, 0.0).sum()) for p in (red[here], green[here]))
        sums[of_green > GREEN_SHARE * of_red] += of_red + of_green
    return sums[0], sums[1]


def _stop(probability: NDArray[np.floating]) -> float:
    shown = probability > SHOWN
    return float(np.where(shown, probability, 0.0).sum()) if shown.any() else 0.0
