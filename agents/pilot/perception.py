"""From one frame to things on the ground: the network's grid, turned into positions ahead of the vehicle."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

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
from agents.pilot.network import PilotNetwork, Thing

# A cell counts as a thing from this probability on.
THRESHOLD = 0.5
# Tops of real ones lie higher than this; shadows and kerbs that look like the foot of one do not.
VEHICLE_HEIGHT_M, PERSON_HEIGHT_M = 1.15, 0.8
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
    """The frozen network, on as many threads as PyTorch may use. One frame costs about 9 ms of processor time."""

    def __init__(self, weights: Path):
        network = PilotNetwork()
        network.load_state_dict(load_file(weights))
        self._network = CompiledNetwork(network.eval(), torch.get_num_threads(), (FIRST_ROW, END_ROW))
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
            stop=float(_shown(probability[Thing.STOP_SIGN]).sum()),
        )

    def _upright(
        self, mask: NDArray[np.bool_], depth_m: NDArray[np.floating]
    ) -> tuple[NDArray[np.intp], NDArray[np.floating]]:
        """Column and distance of every run of cells one above the other, but for those that end far above the ground
        or are too low for where they end. A run is one upright surface: it has one distance."""
        rims = np.diff(mask.T.astype(np.int8), axis=1, prepend=0, append=0)
        columns, rows = (index.tolist() for index in np.nonzero(rims))
        found = []
        for column, begin, end in zip(columns[::2], rows[::2], rows[1::2]):
            depth = _median(depth_m[begin:end, column])
            if not _floats(end - 1, depth) and not _is_low(begin, end - 1, VEHICLE_HEIGHT_M):
                found.append((column, depth))
        return np.array([column for column, _ in found], np.intp), np.array([depth for _, depth in found], np.float64)

    def _patches(self, probability: NDArray[np.floating], depth_m: NDArray[np.floating]) -> NDArray[np.floating]:
        count, labels = cv2.connectedComponents((probability > THRESHOLD).astype(np.uint8), connectivity=8)
        found = []
        for label in range(1, count):
            row, column = np.nonzero(labels == label)
            if _is_low(int(row.min()), int(row.max()), PERSON_HEIGHT_M):
                continue
            depth = float(np.median(depth_m[row, column]))
            if _floats(int(row.max()), depth):
                continue
            right = depth * float(np.average(self._right_per_m[column], weights=probability[row, column]))
            found.append((depth + FORWARD_M, right))
        return np.array(found, np.float64).reshape(-1, 2)


def _is_low(top_row: int, bottom_row: int, least_m: float) -> bool:
    """Shadows and kerbs look like the foot of a vehicle; far away a cell is too coarse to tell."""
    return bottom_row >= NEAR_ROW and bool(_HEIGHT_M[top_row][bottom_row] < least_m)


def _floats(bottom_row: int, depth_m: float) -> bool:
    return depth_m < FLOATS_NEARER_M and _FOOT_DISTANCE_M[bottom_row] > FLOATS_TIMES * depth_m


def _median(values: NDArray[np.floating]) -> float:
    """As `np.median`, which takes long for the few cells of a column."""
    ordered, half = np.sort(values), len(values) // 2
    return float(ordered[half] if len(values) % 2 else (ordered[half - 1] + ordered[half]) / np.float32(2.0))


def _lights(red: NDArray[np.floating], green: NDArray[np.floating]) -> tuple[float, float]:
    """Summed probability of the patches that show a red light, and of those that show a green one.

    A patch is one signal head. The dark upper part of one that shows green looks a little like red, seldom the other
    way round: so a patch is green from GREEN_SHARE of its red on. By clear day in the training town this reads 29 of 34
    green and 37 of 40 red lights right; the larger of the two sums over the whole frame read 26 and 38.
    """
    red, green = _shown(red), _shown(green)
    count, labels = cv2.connectedComponents((red + green > 0.0).astype(np.uint8), connectivity=8)
    sums = np.zeros(2)
    for label in range(1, count):
        here = labels == label
        of_red, of_green = float(red[here].sum()), float(green[here].sum())
        sums[int(of_green > GREEN_SHARE * of_red)] += of_red + of_green
    return float(sums[0]), float(sums[1])


def _shown(probability: NDArray[np.floating]) -> NDArray[np.floating]:
    return np.where(probability > 0.3, probability, 0.0)
