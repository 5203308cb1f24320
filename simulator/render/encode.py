"""CARLA's codings of depth, semantic tags and instances, as BGRA bytes."""

from __future__ import annotations

import numpy as np
from numba import njit

from simulator.render.project import DYNAMIC, FAR_M, LOCAL_BITS
from simulator.render.raster import NOTHING
from simulator.render.workers import take_next

OPAQUE = np.uint32(0xFF000000)
DEPTH_STEPS = 2.0**24 - 1.0
SKY_TAG = 11
TAGS, INSTANCES, PANES = np.uint32(0xFF), np.uint32(0xFFFFFF), np.uint32(0xFFFFFFFF)


@njit(cache=True, error_model="numpy", nogil=True)
def encode_depth(inverse_depth, out, counter, thread):
    """out: (H, W) uint32 view of BGRA. Depth / 1000 m in 24 bits, lowest byte in R, highest in B; the sky is 1000 m."""
    height, width = inverse_depth.shape
    nearest = np.float32(1.0 / FAR_M)
    scale = DEPTH_STEPS / FAR_M
    while True:
        y = take_next(counter)
        if y >= height:
            break
        for x in range(width):
            inverse = inverse_depth[y, x]
            # float64: 24 bits and a half do not fit a float32
            code = np.uint32(scale / np.float64(inverse) + 0.5) if inverse > nearest else np.uint32(DEPTH_STEPS)
            out[y, x] = (
                OPAQUE
                | (code >> np.uint32(16))
                | (code & np.uint32(0xFF00))
                | ((code & np.uint32(0xFF)) << np.uint32(16))
            )


@njit(cache=True, error_model="numpy", nogil=True)
def encode_labels(ids, static_codes, template_tags, first_triangle, slot_ids, keep, out, counter, thread):
    """Tag in R, low byte of the instance id in G, high byte in B; the kind of pane in R's two high bits: no tag needs
    them, and the client's library sets every A to 255.

    static_codes: (triangles,) uint32 tag | id << 8 | pane << 24. template_tags: (template triangles,) uint8.
    first_triangle: (slots,) int32 of each slot's template. slot_ids: (slots,) uint32 instance ids. keep: uint32, what
    of a code is shown: TAGS, INSTANCES or PANES.
    """
    height, width = ids.shape
    while True:
        y = take_next(counter)
        if y >= height:
            break
        previous = np.int32(-1)
        colour = np.uint32(0)
        for x in range(width):
            i = ids[y, x]
            if i != previous:
                previous = i
                if i == NOTHING:
                    code = np.uint32(SKY_TAG)
                elif i < DYNAMIC:
                    code = static_codes[i]
                else:
                    slot = (i & (DYNAMIC - 1)) >> LOCAL_BITS
                    local = first_triangle[slot] + (i & ((1 << LOCAL_BITS) - 1))
                    code = np.uint32(template_tags[local]) | (slot_ids[slot] << np.uint32(8))
                code &= keep
                colour = (
                    OPAQUE
                    | ((code >> np.uint32(24)) << np.uint32(22))
                    | ((code & np.uint32(0xFF)) << np.uint32(16))
                    | (code & np.uint32(0xFF00))
                    | ((code >> np.uint32(16)) & np.uint32(0xFF))
                )
            out[y, x] = colour
