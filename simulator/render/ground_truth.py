"""Pictures of what is there, not of its light: depth, normals and labels, in CARLA's codes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.render.appearance import appearance
from simulator.render.camera import CameraModel, Pinhole
from simulator.render.encode import INSTANCES, PANES, TAGS, encode_depth, encode_labels
from simulator.render.frame_looks import FrameLooks
from simulator.render.frames import Frame
from simulator.render.motion import encode_normals
from simulator.render.tag_colours import COLOUR_OF_TAG
from simulator.render.visibility import VisibilityBuffer
from simulator.render.workers import Workers


def ground_truth(
    workers: Workers, camera: CameraModel, frame: Frame, looks: FrameLooks, eye: Pinhole, seen: VisibilityBuffer
) -> NDArray[np.uint8]:
    """(H, W, 4) uint8 BGRA."""
    out = np.empty((camera.height, camera.width), np.uint32)
    if camera.kind == "depth":
        workers.run(encode_depth, seen.inverse_depth, out)
    elif camera.kind == "normals":
        draw_normals(workers, frame, looks, eye, seen, out)
    else:
        workers.run(
            encode_labels, seen.ids, frame.town.codes, frame.templates.tags, looks.slots.first_triangle,
            looks.slot_ids, _shown(camera), out,
        )  # fmt: skip
    if camera.kind == "cosmos_visualization":
        out = COLOUR_OF_TAG[(out >> np.uint32(16)) & np.uint32(0xFF)]
    return out.view(np.uint8).reshape(camera.height, camera.width, 4)


def draw_normals(
    workers: Workers, frame: Frame, looks: FrameLooks, eye: Pinhole, seen: VisibilityBuffer, out: NDArray[np.uint32]
) -> None:
    workers.run(
        encode_normals, eye, seen.ids, seen.inverse_depth, frame.surfaces, looks.slots, appearance(), out,
    )  # fmt: skip


def _shown(camera: CameraModel) -> np.uint32:
    """What a camera of labels shows of their codes."""
    if camera.kind != "instance_segmentation":
        return TAGS
    return PANES if camera.text("panes", "false").lower() == "true" else INSTANCES
