"""How a recorded frame lies on disk, for everything that learns from recordings.

A drive is a folder: rgb/NNNNN.png (BGR), thermal/NNNNN.png (uint8), with labels also tags/ (uint8), instances/ (uint16)
and depth/ (uint16, centimetres), and frames.jsonl, written last, with one line per frame.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import carla
import cv2
import numpy as np
from numpy.typing import NDArray

from harness.errors import HarnessError
from sensors.rig import CameraFrames
from sensors.thermal import ThermalConfig, preset

EVALUATION_TOWNS = ("Elm02",)
_FAST_PNG = [cv2.IMWRITE_PNG_COMPRESSION, 1]


def paired_camera(name: str) -> ThermalConfig:
    """The thermal camera of a recording: what learns from it needs the two pictures pixel on pixel."""
    try:
        config = preset(name)
    except ValueError as error:
        raise HarnessError(f"--thermal {name}: {error}") from error
    if config.place is not None:
        raise HarnessError(f"--thermal {name}: recordings need a camera without a place of its own")
    return config


def keep_frame(
    folder: Path,
    number: int,
    frames: CameraFrames,
    thermal: NDArray[np.uint8],
    world: carla.World,
    ego: carla.Vehicle,
    labels: bool,
) -> dict[str, Any]:
    """Writes the pictures of one frame; returns its line of frames.jsonl."""
    name = f"{number:05d}"
    pictures: dict[str, NDArray[Any]] = {"rgb": frames.bgra[..., :3], "thermal": thermal}
    if labels:
        depth_cm = np.clip(frames.depth_m * 100.0, 0, 65535).astype(np.uint16)
        pictures |= {"tags": frames.tags, "instances": frames.instances, "depth": depth_cm}
    for kind, picture in pictures.items():
        path = folder / kind / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        if not cv2.imwrite(str(path), picture, _FAST_PNG):
            raise HarnessError(f"{path} cannot be written: is the disk full?")
    pose = ego.get_transform()
    actors = world.get_actors()
    return {
        "name": name,
        "frame": frames.frame,
        "ego": {"x": pose.location.x, "y": pose.location.y, "yaw": pose.rotation.yaw},
        "lights": [_face(light) | {"state": int(light.state)} for light in actors.filter("traffic.traffic_light")],
        "stop_signs": [_face(sign) for sign in actors.filter("traffic.stop")],
    }


def finish_drive(folder: Path, kept: Sequence[dict[str, Any]]) -> None:
    """Writes frames.jsonl, which says that the drive is whole."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "frames.part").write_text("".join(json.dumps(frame) + "\n" for frame in kept))
    (folder / "frames.part").replace(folder / "frames.jsonl")


def is_finished(folder: Path) -> bool:
    return (folder / "frames.jsonl").exists()


def _face(actor: carla.Actor) -> dict[str, Any]:
    """The embedded server numbers the instances of actors by their id; CARLA's lights and signs look along their +y."""
    pose = actor.get_transform()
    return {
        "instance": actor.id & 0x7FFF,
        "x": round(pose.location.x, 2),
        "y": round(pose.location.y, 2),
        "yaw_deg": round(pose.rotation.yaw + 90.0, 2),
    }
