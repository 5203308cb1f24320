"""The cameras of a run: beside every RGB camera of the agent, instance segmentation and depth at the same pose."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import carla
import numpy as np
from numpy.typing import NDArray

from sensors.frames import CameraFrames, decode, tags_and_panes
from sensors.listening import Listening

__all__ = ["CameraFrames", "Rig", "RigError"]

RGB = "sensor.camera.rgb"
INSTANCES = "sensor.camera.instance_segmentation"
DEPTH = "sensor.camera.depth"
THERMAL = "sensor.camera.thermal"
PANES = "panes"
"""An attribute of the embedded server's instance camera alone: whether it marks what is glass."""
KINDS = {RGB: (RGB, INSTANCES, DEPTH), THERMAL: (INSTANCES, DEPTH)}
"""What is spawned for each type of camera. A thermal camera that is declared has a place and lens of its own."""

MOST_HELD = 16
"""Images of one sensor that wait for somebody to read them: a program that only ticks would else keep them all."""


class RigError(RuntimeError):
    """A camera could not be set up or sent no frame; one line that names it."""


class _Inbox:
    """Where the client's streaming threads put images and the loop picks them up, MOST_HELD of a sensor at most."""

    def __init__(self) -> None:
        self._arrival = threading.Condition()
        self._images: dict[tuple[str, str], dict[int, carla.Image]] = {}
        self._wanted_from = 0

    def put(self, camera: str, kind: str, image: carla.Image) -> None:
        with self._arrival:
            if image.frame >= self._wanted_from:
                held = self._images.setdefault((camera, kind), {})
                held[image.frame] = image
                if len(held) > MOST_HELD:
                    del held[min(held)]
                self._arrival.notify_all()

    def take(
        self, sources: Sequence[tuple[str, str]], frame: int, timeout_s: float
    ) -> dict[tuple[str, str], carla.Image]:
        """Images of `frame` by (camera, kind); older ones are dropped. RigError names what did not come in time.

        May be called more than once for a frame, for its other images.
        """
        deadline = time.monotonic() + timeout_s
        with self._arrival:
            self._wanted_from = frame
            while missing := self._missing(sources, frame):
                left = deadline - time.monotonic()
                if left <= 0.0 or not self._arrival.wait(left):
                    missing = self._missing(sources, frame)
                    if not missing:
                        break
                    camera, kind = missing[0]
                    more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
                    raise RigError(f"camera {camera!r}: {kind} sent no frame {frame} within {timeout_s:g} s{more}")
            taken = {source: self._images[source].pop(frame) for source in sources}
            for held in self._images.values():
                for old in [number for number in held if number < frame]:
                    del held[old]
        return taken

    def _missing(self, sources: Sequence[tuple[str, str]], frame: int) -> list[tuple[str, str]]:
        return [source for source in sources if frame not in self._images.get(source, {})]


class Rig:
    """Spawns the cameras on the ego and hands over complete sets of frames, one per RGB camera and tick.

    cameras: the leaderboard's sensor dictionaries (type, id, x, y, z, roll, pitch, yaw, width, height, fov); those of
    other types than sensor.camera.rgb and sensor.camera.thermal are left to others. rgb_attributes: further attributes
    of the RGB cameras alone, such as the leaderboard 1.0's lens effects; those that begin with `lens_` go to all three,
    so that pixels coincide.
    """

    def __init__(
        self,
        world: carla.World,
        ego: carla.Actor,
        cameras: Sequence[Mapping[str, Any]],
        rgb_attributes: Mapping[str, str] | None = None,
    ) -> None:
        self._declared = {str(c["id"]): dict(c) for c in cameras if c.get("type") in KINDS}
        self._inbox = _Inbox()
        self._first_hits: dict[str, CameraFrames] = {}
        self._first_hits_of = -1
        self._listening = Listening()
        # Also runs at interpreter exit: a sensor that still listens then brings the client library down.
        self._close = weakref.finalize(self, self._listening.end)
        library = world.get_blueprint_library()
        # All of them before the first is spawned: until the next tick the client cannot tell whether a sensor is alive,
        # and may refuse to remove it.
        wanted = [
            (str(camera["id"]), kind, *_described(library, camera, kind, rgb_attributes or {}))
            for camera in self._declared.values()
            for kind in KINDS[camera["type"]]
        ]
        self._panes_told = any(blueprint.has_attribute(PANES) for _, _, blueprint, _ in wanted)
        try:
            for name, kind, blueprint, pose in wanted:
                self._spawn(world, ego, name, kind, blueprint, pose)
        except Exception:  # whatever it is, goes on: the sensors that are there already must not outlive the rig
            self.destroy()
            raise

    def _spawn(
        self,
        world: carla.World,
        ego: carla.Actor,
        name: str,
        kind: str,
        blueprint: carla.ActorBlueprint,
        pose: carla.Transform,
    ) -> None:
        try:
            sensor = world.spawn_actor(blueprint, pose, attach_to=ego)
        except RuntimeError as error:
            raise RigError(f"camera {name!r}: {kind} cannot be spawned: {error}") from None
        self._listening.begin(sensor, partial(self._inbox.put, name, kind))

    def frames(self, frame: int, timeout_s: float = 20.0) -> dict[str, CameraFrames]:
        """The frames of exactly this world frame, by camera id; waits (wall clock) until all have come.

        Of frames that nobody has read the newest MOST_HELD are there.
        """
        found = self.first_hits(frame, timeout_s)
        self._first_hits, self._first_hits_of = {}, -1
        coloured = [(name, RGB) for name, camera in self._declared.items() if camera["type"] == RGB]
        for (name, _), image in self._inbox.take(coloured, frame, timeout_s).items():
            # the client uses the memory of a message again
            found[name] = replace(found[name], bgra=_pixels(image).copy())
        return found

    def first_hits(self, frame: int, timeout_s: float = 20.0) -> dict[str, CameraFrames]:
        """As `frames`, but without the RGB frames (`bgra` is empty), which take longest: for work that needs none."""
        if frame != self._first_hits_of:
            sources = [(name, kind) for name in self._declared for kind in (INSTANCES, DEPTH)]
            images = self._inbox.take(sources, frame, timeout_s)
            self._first_hits = {
                name: _decode(name, images[name, INSTANCES], images[name, DEPTH], self._panes_told)
                for name in self._declared
            }
            self._first_hits_of = frame
        return dict(self._first_hits)

    def destroy(self) -> None:
        """Stops listening, then removes the cameras from the world. May be called twice."""
        self._close()


def _described(
    library: carla.BlueprintLibrary, camera: Mapping[str, Any], kind: str, rgb_attributes: Mapping[str, str]
) -> tuple[carla.ActorBlueprint, carla.Transform]:
    """What a sensor dictionary asks for, of one kind of camera; RigError where it cannot be understood."""
    name = str(camera["id"])
    try:
        blueprint = library.find(kind)
        settings = {
            "image_size_x": str(int(camera["width"])),
            "image_size_y": str(int(camera["height"])),
            "fov": str(float(camera["fov"])),
        }
        pose = carla.Transform(
            carla.Location(float(camera["x"]), float(camera["y"]), float(camera["z"])),
            carla.Rotation(
                roll=float(camera.get("roll", 0.0)),
                pitch=float(camera.get("pitch", 0.0)),
                yaw=float(camera.get("yaw", 0.0)),
            ),
        )
    except KeyError as error:
        raise RigError(f"camera {name!r}: its sensor dictionary has no {error.args[0]!r}") from None
    except (TypeError, ValueError, IndexError, RuntimeError) as error:
        raise RigError(f"camera {name!r}: {error}") from None
    for key, value in rgb_attributes.items():
        if kind == RGB or key.startswith(("lens_", "sensor_tick")):
            settings[key] = value
    if kind == INSTANCES:
        settings[PANES] = "true"
    for key, value in settings.items():
        if blueprint.has_attribute(key):
            blueprint.set_attribute(key, value)
    return blueprint, pose


def _decode(name: str, instances: carla.Image, depth: carla.Image, panes_told: bool) -> CameraFrames:
    labels, ids, depth_m = decode(_pixels(instances), _pixels(depth))
    tags, panes = tags_and_panes(labels) if panes_told else (labels, None)
    return CameraFrames(
        id=name,
        frame=depth.frame,
        time_s=depth.timestamp,
        bgra=np.empty((0, 0, 4), np.uint8),
        tags=tags,
        instances=ids,
        depth_m=depth_m,
        transform=np.array(depth.transform.get_matrix(), np.float32),
        fov_deg=depth.fov,
        panes=panes,
    )


def _pixels(image: carla.Image) -> NDArray[np.uint8]:
    """(H, W, 4) BGRA, a view of the message."""
    return np.frombuffer(image.raw_data, np.uint8).reshape(image.height, image.width, 4)
