"""Which actor an instance id belongs to, found by geometry.

CARLA's instance image numbers what it draws; these numbers are not actor ids (on a real server they are not even
related). What is certain is where a pixel lies in the world: an instance belongs to the actor in whose box most of its
pixels lie.
"""

from __future__ import annotations

from collections.abc import Sequence

import numba
import numpy as np
from numpy.typing import NDArray

from sensors.thermal.heat import ActorState

FIRST_TAG, LAST_TAG = 12, 19
"""Semantic tags of things that are actors: pedestrians, riders, cars, trucks, buses, trains, motor cycles, bicycles."""

SAMPLES = 48
MARGIN_M = 0.25
"""A box is grown by this: swinging limbs and mirrors reach out of CARLA's boxes."""


def box_frames(actors: Sequence[ActorState]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(n, 3, 4) float32 world -> box axes (origin at the box centre), and (n, 3) float32 half sizes."""
    frames = np.zeros((len(actors), 3, 4), np.float32)
    if not actors:
        return frames, np.ones((0, 3), np.float32)
    poses = np.array([actor.pose for actor in actors])
    rotations = poses[:, :3, :3].astype(np.float64)
    # one product of a matrix and a vector for each actor, as if each were alone: the same bits however many there are
    middles = np.array([actor.centre for actor in actors], np.float64)
    centres = (rotations @ middles[..., None])[..., 0] + poses[:, :3, 3]
    inverses = rotations.transpose(0, 2, 1)
    frames[:, :, :3] = inverses
    frames[:, :, 3] = (-inverses @ centres[..., None])[..., 0]
    return frames, np.maximum(np.array([actor.extent for actor in actors], np.float64), 0.05).astype(np.float32)


@numba.njit(nogil=True, cache=True, error_model="numpy")
def associate(tags, instances, depth_m, pose, focal_px, frames, extents):
    """(65536,) int16: index of the actor of each instance id, -1 where there is none.

    tags (H, W) uint8, instances (H, W) uint16, depth_m (H, W) float32; pose (3, 4) float32 camera -> world;
    frames (n, 3, 4), extents (n, 3) of the actors' boxes.
    """
    height, width = tags.shape
    actor_of = np.full(65536, -1, np.int16)
    slot_of = np.full(65536, -1, np.int32)
    first, last = np.uint8(FIRST_TAG), np.uint8(LAST_TAG - FIRST_TAG)
    lines = np.empty(height, np.int64)
    n_lines = n_pixels = 0
    for v in range(height):
        # without a branch: many pixels at a time
        of_actors = 0
        for u in range(width):
            of_actors += int(np.uint8(tags[v, u] - first) <= last)
        if of_actors > 0:
            lines[n_lines] = v
            n_lines += 1
            n_pixels += of_actors
    rows, columns = np.empty(n_pixels, np.int64), np.empty(n_pixels, np.int64)
    slots, ids, count = np.empty(n_pixels, np.int32), np.empty(n_pixels, np.uint16), np.zeros(n_pixels, np.int32)
    n_pixels = n_ids = 0
    for n in range(n_lines):
        v = lines[n]
        for u in range(width):
            if FIRST_TAG <= tags[v, u] <= LAST_TAG:
                instance = instances[v, u]
                slot = slot_of[instance]
                if slot < 0:
                    slot = slot_of[instance] = n_ids
                    ids[slot] = instance
                    n_ids += 1
                count[slot] += 1
                rows[n_pixels], columns[n_pixels], slots[n_pixels] = v, u, slot
                n_pixels += 1
    n_actors = len(frames)
    if n_ids == 0 or n_actors == 0:
        return actor_of
    votes = np.zeros((n_ids, n_actors), np.int32)
    tested = np.zeros(n_ids, np.int32)
    seen = np.zeros(n_ids, np.int32)
    cx, cy = np.float32(0.5 * width - 0.5), np.float32(0.5 * height - 0.5)
    margin = np.float32(MARGIN_M)
    for n in range(n_pixels):
        v, u, slot = rows[n], columns[n], slots[n]
        seen[slot] += 1
        if seen[slot] % (count[slot] // SAMPLES + 1) != 0:
            continue
        tested[slot] += 1
        d = depth_m[v, u]
        a, b = d * (u - cx) / focal_px, -d * (v - cy) / focal_px
        x = pose[0, 0] * d + pose[0, 1] * a + pose[0, 2] * b + pose[0, 3]
        y = pose[1, 0] * d + pose[1, 1] * a + pose[1, 2] * b + pose[1, 3]
        z = pose[2, 0] * d + pose[2, 1] * a + pose[2, 2] * b + pose[2, 3]
        for k in range(n_actors):
            inside = True
            for axis in range(3):
                f = frames[k, axis]
                if abs(f[0] * x + f[1] * y + f[2] * z + f[3]) > extents[k, axis] + margin:
                    inside = False
                    break
            if inside:
                votes[slot, k] += 1
    for slot in range(n_ids):
        best, most, smallest = -1, 0, np.float32(1e9)
        for k in range(n_actors):
            volume = extents[k, 0] * extents[k, 1] * extents[k, 2]
            if votes[slot, k] > most or (votes[slot, k] == most and most > 0 and volume < smallest):
                best, most, smallest = k, votes[slot, k], volume
        # A windscreen shows, on servers whose depth looks through glass, the range of what is behind: 30 % is enough.
        if most * 10 >= tested[slot] * 3 and most > 0:
            actor_of[ids[slot]] = best
    return actor_of
