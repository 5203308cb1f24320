"""Lamps as points of light: what each throws towards the eye."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numba import njit
from numpy.typing import NDArray

from simulator.render.beams import beam, street_lamp
from simulator.render.lamps import Lamps
from simulator.render.lights import HIGH_BEAM, LOW_BEAM, WARM_WHITE, lamp_candela
from simulator.render.materials import Emission
from simulator.types import VehicleLightState

STREET_GLASS_M2 = 0.12
MOST_DISTANT_M = 400.0


@njit(cache=True, error_model="numpy", nogil=True)
def _beam_towards(across, above, shape):  # type: ignore[no-untyped-def]
    out = np.empty(across.shape[0], np.float32)
    for i in range(across.shape[0]):
        out[i] = beam(across[i], above[i], shape[0], shape[1], shape[2], shape[3], shape[4], shape[5])
    return out


@njit(cache=True, error_model="numpy", nogil=True)
def _street_towards(cosine):  # type: ignore[no-untyped-def]
    out = np.empty(cosine.shape[0], np.float32)
    for i in range(cosine.shape[0]):
        out[i] = street_lamp(cosine[i])
    return out


@lru_cache(maxsize=4096)
def _straight_ahead(kinds: bytes, flags: int, blink: bool) -> NDArray[np.float64]:
    """(n, 3) candela along the axis of each lamp."""
    rows = [candela * colour for candela, colour in (lamp_candela(kind, flags, blink) for kind in kinds)]
    return np.array(rows).reshape(-1, 3)


def actor_points(
    lamps: Lamps, pose: NDArray[np.float32], flags: int, blink: bool, eye: NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]] | None:
    """Places relative to the eye (n, 3), candela towards it (n, 3) and glass areas (n,) of an actor's lit lamps."""
    candela = _straight_ahead(lamps.kinds.tobytes(), flags, blink)
    lit = np.flatnonzero(candela[:, 1] > 0.0)
    if len(lit) == 0:
        return None
    axes = pose[:, :3].astype(np.float64)
    places = lamps.centres[lit].astype(np.float64) @ axes.T + (pose[:, 3].astype(np.float64) - eye)
    if float(np.sum(places[0] ** 2)) > MOST_DISTANT_M**2:
        return None
    local = -places @ axes
    distance = np.linalg.norm(local, axis=1)
    normals = lamps.normals[lit].astype(np.float64)
    cosine = np.einsum("ij,ij->i", local, normals) / np.maximum(distance, 1e-6)
    towards = np.where(np.abs(normals).sum(axis=1) > 0.0, np.clip(cosine * 1.5, 0.0, 1.0), 1.0)
    front = lamps.kinds[lit] == Emission.HEADLAMP
    if np.any(front) and flags & (VehicleLightState.LOW_BEAM | VehicleLightState.HIGH_BEAM):
        shape = HIGH_BEAM if flags & VehicleLightState.HIGH_BEAM else LOW_BEAM
        ahead = np.maximum(local[:, 0], 1e-3)
        values = np.array(
            [shape.cut_off, shape.sharpness, shape.below, shape.sideways, shape.stray, shape.kink], np.float32
        )
        across, above = (local[:, 1] / ahead).astype(np.float32), (local[:, 2] / ahead).astype(np.float32)
        towards[front] = np.where(local[:, 0] > 0.05 * distance, _beam_towards(across, above, values), 0.0)[front]
    towards[front] *= lamps.strength
    return places, candela[lit] * towards[:, None], lamps.areas_m2[lit].astype(np.float64)


def street_points(
    heads: NDArray[np.float32], flux_lm: NDArray[np.float32], power: NDArray[np.float32], eye: NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """The same of street lamps."""
    places = (heads - eye).astype(np.float64)
    distance = np.linalg.norm(places, axis=1)
    near = np.flatnonzero((power > 0.01) & (distance < MOST_DISTANT_M))
    cosine = (places[near, 2] / np.maximum(distance[near], 0.1)).astype(np.float32)
    # the rim of the housing lets a little of the glass be seen even from afar
    candela = (flux_lm[near] * power[near] / 3.5) * np.maximum(_street_towards(cosine), 0.02)
    return places[near], candela[:, None] * WARM_WHITE, np.full(len(near), STREET_GLASS_M2)
